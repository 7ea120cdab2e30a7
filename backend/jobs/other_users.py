"""The jobs that other users keep for a root, for its administrator to look at.

A user may put anything into a journal: who owns the folder counts, never what it says; no link is followed,
nothing large is read, nothing is waited for, and nothing here makes anybody change, stop or end something.
"""

import json
import os
import re
import stat
from collections.abc import Callable
from typing import Any

from backend.errors import NotFoundError, SnapshotError
from backend.fs import files, locks
from backend.fs.files import DIRECTORY
from backend.fs.mounts import Mount, list_mounts
from backend.host.accounts import Accounts, PasswdFile
from backend.host.layout import Layout
from backend.jobs.record import JobRecord, state_of
from backend.model import User

STATE = ".local/state"
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_CAP = 1 << 20
_MOST_ACCOUNTS = 5000
_MOST_JOURNALS = 100
_MOST_JOBS = 50
_MOST_NAMES = 10_000
_JOB = re.compile("[1-9][0-9]{0,11}")


class ForeignJournal:
    """The jobs of one other user for one root; `folder` is below `user.home`."""

    def __init__(self, user: User, folder: str) -> None:
        self.owner = user.name
        self._user = user
        self._jobs = f"{folder}/jobs"

    def stamp(self) -> float:
        """Changes when a job comes or goes; 0.0 where there are none."""
        try:
            with files.opened_beneath(self._user.home, self._jobs, DIRECTORY) as jobs:
                return os.fstat(jobs).st_mtime if self._is_theirs(jobs) else 0.0
        except OSError:
            return 0.0

    def records(self) -> list[JobRecord]:
        """Read the newest of them that can be read, oldest first; none where there is no such folder."""
        try:
            with files.opened_beneath(self._user.home, self._jobs, DIRECTORY) as jobs:
                if not self._is_theirs(jobs):
                    return []
                return list(filter(None, (self._read(jobs, number) for number in _ids(jobs))))
        except OSError:
            return []

    def record(self, number: int) -> JobRecord:
        """Read one job.

        Raises:
            NotFoundError: there is none of that number.
        """
        record = next((record for record in self.records() if record.id == number), None)
        if record is None:
            raise NotFoundError(f"no job {self.owner}/{number}")
        return record

    def _is_theirs(self, fd: int) -> bool:
        return os.fstat(fd).st_uid == self._user.uid

    def _read(self, jobs: int, number: int) -> JobRecord | None:
        try:
            with files.opened(str(number), DIRECTORY, jobs) as folder:
                if not self._is_theirs(folder):
                    return None
                header = self._document(folder, "operation.json")
                alive = locks.is_locked("alive", folder)
                result = self._document(folder, "result.json")
        except OSError:
            return None
        if not isinstance(header.get("operation"), dict):
            return None
        return JobRecord(
            id=number,
            folder=f"{self._user.home}/{self._jobs}/{number}",
            header={**header, "root": {}, "pid": 0, "uid": self._user.uid},
            ending=result,
            state=state_of(result, alive=alive),
            owner=self.owner,
            home=self._user.home,
        )

    def _document(self, folder: int, name: str) -> dict[str, Any]:
        try:
            with files.opened(name, _READ, folder) as fd:
                if not stat.S_ISREG(os.fstat(fd).st_mode) or not self._is_theirs(fd):
                    return {}
                raw = os.pread(fd, _CAP + 1, 0)
            document = json.loads(raw) if len(raw) <= _CAP else {}
        except (OSError, ValueError, RecursionError):
            return {}
        return document if isinstance(document, dict) else {}


def _ids(jobs: int) -> list[int]:
    """The numbers of the newest jobs, ascending."""
    numbers = []
    with os.scandir(jobs) as entries:
        for _, entry in zip(range(_MOST_NAMES), entries, strict=False):
            if _JOB.fullmatch(entry.name):
                numbers.append(int(entry.name))
    return sorted(numbers)[-_MOST_JOBS:]


def journals(
    layout: Layout, accounts: Accounts | None = None, mounts: Callable[[], list[Mount]] = list_mounts
) -> list[ForeignJournal]:
    """The journals of the machine's other users for a root; homes on slow file systems are passed over."""
    try:
        everyone = list((accounts or PasswdFile("/")).everyone())[:_MOST_ACCOUNTS]
        folder = f"{STATE}/{layout.own_name}"
    except (OSError, SnapshotError):
        return []
    slow = [mount.point for mount in mounts() if mount.is_slow]
    journals: dict[str, ForeignJournal] = {}
    for user in everyone:
        place = f"{user.home}/{folder}/"
        if user.uid in (0, os.geteuid()) or user.home in journals or len(journals) == _MOST_JOURNALS:
            continue
        if not any(place.startswith(f"{mount}/") for mount in slow) and _is_there(user, f"{folder}/jobs"):
            journals[user.home] = ForeignJournal(user, folder)
    return list(journals.values())


def _is_there(user: User, path: str) -> bool:
    try:
        with files.opened_beneath(user.home, path, DIRECTORY):
            return True
    except OSError:
        return False
