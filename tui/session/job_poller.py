"""Looks at the jobs of a place for a screen: outside the event loop, and only where something happened."""

import os
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from threading import Lock
from typing import NamedTuple

from backend import NotFoundError
from backend.jobs import Follower, ForeignJournal, JobRecord, JobState
from tui.session.job_views import JobBoard, JobView
from tui.session.log_line import fault_line, log_line
from tui.session.place import Place
from tui.session.snapd_changes import ChangeLog

REVIEW = 5.0
_LONGEST_LOG = 20_000


class Log:
    """The log of one job as lines, read further with each look."""

    def __init__(self, read: Callable[[], JobRecord]) -> None:
        self._read = read
        self.record = read()
        self._follower = Follower(self.record)
        self._has_ended = False
        self._lock = Lock()
        self._lines: deque[str] = deque(maxlen=_LONGEST_LOG)

    @property
    def name(self) -> str:
        """What the job is called."""
        return self.record.name

    def look(self) -> tuple[str, ...]:
        """All lines so far."""
        with self._lock:
            record = self.record if self._has_ended else self._read()
            self._lines.extend(filter(None, map(log_line, self._follower.news())))
            if not self._has_ended and record.state is not JobState.RUNNING:
                self._has_ended = True
                self._lines.extend(map(fault_line, record.result.bad_verdicts))
            return tuple(self._lines)


class JobsReport(NamedTuple):
    """What was seen: what snapd does, all jobs, the newest first, other users'; the log of the chosen one."""

    views: list[JobView]
    log: Log | ChangeLog | None
    lines: tuple[str, ...]


class Others:
    """The jobs that other users keep for the same root; looked for anew every five seconds."""

    def __init__(self, place: Place, clock: Callable[[], float] = time.monotonic) -> None:
        self._place = place
        self._clock = clock
        self._looked_at = -REVIEW
        self._boards: dict[str, tuple[ForeignJournal, JobBoard]] = {}

    def record(self, owner: str, number: int) -> JobRecord:
        """One job; NotFoundError when there is none."""
        if owner not in self._boards:
            raise NotFoundError(f"no job {owner}/{number}")
        return self._boards[owner][0].record(number)

    def views(self, whole: str) -> list[JobView]:
        """How their jobs stand; `whole` as for a board, by name."""
        owner, _, number = whole.rpartition("/")
        return [
            view
            for name, (_, board) in self._boards.items()
            for view in board.views(int(number) if name == owner else None)
        ]

    def stamp(self) -> tuple[float, ...]:
        """Changes when a job of theirs comes or goes."""
        if self._clock() - self._looked_at >= REVIEW:
            self._looked_at = self._clock()
            journals = {journal.owner: journal for journal in self._place.engine.others()}
            self._boards = {
                owner: self._boards.get(owner) or (journal, JobBoard(journal, self._place.location_options))
                for owner, journal in journals.items()
            }
        return tuple(journal.stamp() for journal, _ in self._boards.values())


class JobPoller:
    """Looks again and again, from one thread at a time."""

    def __init__(self, place: Place, board: JobBoard) -> None:
        self._place = place
        self._journal = place.engine.journal
        self._board = board
        self._others = Others(place)
        self._stamp: tuple[object, ...] = ()
        self._log: Log | ChangeLog | None = None
        self._runs = False

    def look(self, chosen: Hashable) -> JobsReport | None:
        """What there is, or None where nothing can have changed; `chosen` is the name of a job.

        Raises SnapshotError, OSError.
        """
        changes = self._place.changes.views(self._place.engine)
        stamp = (*((view.name, view.state) for view in changes), *self._stamp_now())
        name = chosen if isinstance(chosen, str) else ""
        if self._log is None or self._log.name != name:
            self._log = self._log_of(name, changes) if name else None
        elif stamp == self._stamp and not self._runs:
            return None
        own_views = self._board.views(int(name) if name.isdigit() else None)
        views = [*changes, *own_views, *self._others.views(name)]
        self._stamp, self._runs = stamp, any(view.is_running for view in views)
        return JobsReport(views, self._log, self._log.look() if self._log else ())

    def _log_of(self, name: str, changes: Sequence[JobView]) -> Log | ChangeLog:
        if any(view.name == name for view in changes):
            return ChangeLog(name, self._place.changes)
        return Log(partial(self._record, name))

    def _record(self, name: str) -> JobRecord:
        owner, _, number = name.rpartition("/")
        return self._others.record(owner, int(number)) if owner else self._journal.record(int(number))

    def _stamp_now(self) -> tuple[float, ...]:
        """Changes when a job appears, ends or is amended."""
        folder = f"{self._journal.folder}/jobs"
        try:
            with os.scandir(folder) as entries:
                own_stamp = (os.stat(folder).st_mtime, *(entry.stat().st_mtime for entry in entries))
        except OSError:
            own_stamp = (0.0,)
        return (*own_stamp, *self._others.stamp())
