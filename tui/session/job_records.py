"""The jobs of a journal, read again and again at little cost."""

import os
import time
from threading import Lock
from typing import NamedTuple, Protocol

from backend import NotFoundError
from backend.jobs import JobRecord, Journal

_SETTLED = 1_000_000_000  # nanoseconds after which another change has another time of change


class Records(Protocol):
    """Something that lists jobs."""

    def records(self) -> list[JobRecord]:
        """All jobs that can be read, oldest first."""


class _Read(NamedTuple):
    """A job as it was read at the time `at`; `changed` is when its directory was changed before that."""

    record: JobRecord
    changed: int
    at: int

    def is_current(self, changed: int) -> bool:
        """Whether it has ended and nothing can have changed since."""
        return self.record.has_ended and self.changed == changed < self.at - _SETTLED


class JobRecords:
    """Lists the jobs of a journal: of those that have ended it reads only what has changed."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._directory = os.path.join(journal.folder, "jobs")
        self._read: dict[int, _Read] = {}
        self._lock = Lock()

    def records(self) -> list[JobRecord]:
        """All jobs that can be read, oldest first."""
        with self._lock:
            present = ((number, self._look(number)) for number in self._journal.ids())
            self._read = {number: read for number, read in present if read is not None}
            return [read.record for read in self._read.values()]

    def _look(self, number: int) -> _Read | None:
        known, at = self._read.get(number), time.time_ns()
        try:
            changed = os.lstat(os.path.join(self._directory, str(number))).st_mtime_ns
            if known is not None and known.is_current(changed):
                return known
            return _Read(self._journal.record(number), changed, at)
        except (NotFoundError, OSError):
            return None
