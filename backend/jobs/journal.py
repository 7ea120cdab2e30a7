"""Jobs on disk: what was asked for, what happened, which steps were taken, how it ended.

A job is a folder `jobs/<id>/`: `operation.json` (what, for which root), `events.jsonl`, `steps.jsonl`
(each step made durable before it is taken), `result.json`, and `alive`, a file that its process keeps locked.
Contents are plain mappings; what they mean is the business of others.
"""

import errno
import json
import math
import os
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from enum import Enum
from typing import Any, NamedTuple

from backend.errors import ConflictError, NotFoundError
from backend.fs import files

_CAP = 64 << 20
_LONGEST_LOG = 4 << 20
_RESERVE = 256 << 10
_COUNTS = ("advanced", "part")
_GIVEN = ("asked", "change", "waiting")
_COUNTS_KEPT = 2000


class JobState(Enum):
    """How a job stands."""

    RUNNING = "running"
    INTERRUPTED = "interrupted"
    DONE = "done"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TAKEN_BACK = "taken back"


class JobRecord(NamedTuple):
    """One job as its folder tells; `started` is in seconds since the epoch, UTC.

    `owner` is empty for a job of our own journal, else the user who keeps it: then nothing it says may be
    acted upon, and `home` is the directory of that user's below which no link is followed.
    """

    id: int
    folder: str
    operation: dict[str, Any]
    root: dict[str, Any]
    started: float
    pid: int
    uid: int
    state: JobState
    result: dict[str, Any]
    token: str = ""
    owner: str = ""
    home: str = ""

    @property
    def name(self) -> str:
        """What it is called: its number, after the name of its owner where that is somebody else."""
        return f"{self.owner}/{self.id}" if self.owner else str(self.id)

    @contextmanager
    def opened_events(self) -> Iterator[int]:
        """A descriptor of what it told, for reading; OSError where there is nothing to read."""
        path = os.path.join(self.folder, "events.jsonl")
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        if not self.owner:
            with files.opened(path, flags) as fd:
                yield fd
            return
        with files.opened_beneath(self.home, path.removeprefix(f"{self.home}/"), flags) as fd:
            if not stat.S_ISREG(os.fstat(fd).st_mode) or os.fstat(fd).st_uid != self.uid:
                raise OSError(errno.EPERM, "it is not the owner's own file", path)
            yield fd

    @property
    def steps(self) -> list[dict[str, Any]]:
        """The steps it noted, oldest first; one torn by a crash was never taken.

        SnapshotError when they cannot be read: that says nothing about what was done.
        """
        return list(_lines(os.path.join(self.folder, "steps.jsonl")))

    @property
    def asked(self) -> list[dict[str, Any]]:
        """The steps by which it gave its work to snapd, which alone knows how that ended; often none.

        One that says `waiting` was noted before it asked, or when what it had asked for was refused.
        """
        return [step for step in self.steps if not step.keys().isdisjoint(_GIVEN)]

    def is_ours(self, root: Mapping[str, Any]) -> bool:
        """Written by us and for this very root: nobody else's journal may make us change data."""
        return self.is_private and all(self.root.get(key) == root[key] for key in ("path", "inode"))

    @property
    def is_private(self) -> bool:
        """Whether we wrote it and nobody else can have: only then may it make us do anything."""
        jobs = os.path.dirname(self.folder)
        places = (self.folder, jobs, os.path.dirname(jobs))
        return self.uid == os.geteuid() and all(_is_private_folder(place) for place in places)

    @property
    def events(self) -> list[dict[str, Any]]:
        """What it told, oldest first."""
        return list(_lines(os.path.join(self.folder, "events.jsonl")))


class Journal:
    """The jobs of one place. `folder` is the place's own state folder; it is made when first written to."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._jobs = os.path.join(folder, "jobs")

    @contextmanager
    def job(
        self, operation: Mapping[str, Any], root: Mapping[str, Any], token: str = ""
    ) -> Iterator["OpenRecord"]:
        """A new job, alive until the block is left; leaving it without `finish` makes it interrupted.

        The `token` lets whoever started its process recognise it.
        """
        files.make_directories(self.folder, 0o700)
        files.make_directories(self._jobs, 0o700)
        with ExitStack() as stack:
            with self._changing(shared=True):
                folder = self._new_folder()
                alive = files.FileLock(os.path.join(folder, "alive"), f"job folder {folder} is in use")
                # Waits, for a moment at most: somebody may be asking just now whether the job lives.
                stack.enter_context(alive.held(wait=True))
            header = {
                "operation": dict(operation),
                "root": dict(root),
                "started": time.time(),
                "pid": os.getpid(),
                "uid": os.geteuid(),
                "token": token,
            }
            files.write_whole(os.path.join(folder, "operation.json"), _document(header))
            record = OpenRecord(folder)
            try:
                yield record
            finally:
                record.close()

    @contextmanager
    def reopened(self, record: JobRecord) -> Iterator["OpenRecord"]:
        """An interrupted job, in order to end it.

        ConflictError while its process lives, and where somebody else ended it since `record` was read.
        """
        alive = os.path.join(record.folder, "alive")
        if files.is_locked(alive):
            raise ConflictError(f"job {record.id} is still running")
        # Those who only look whether it lives hold the lock for a moment: they are waited for.
        with files.FileLock(alive, f"job {record.id} is still running").held(wait=True):
            if _load(os.path.join(record.folder, "result.json")) != record.result:
                raise ConflictError(f"job {record.id} was ended meanwhile")
            reopened = OpenRecord(record.folder)
            reopened.mend()
            try:
                yield reopened
            finally:
                reopened.close()

    @contextmanager
    def _changing(self, *, shared: bool) -> Iterator[None]:
        """Held while folders of jobs that seem dead are changed: shared, or alone to sweep them."""
        lock = files.FileLock(os.path.join(self.folder, "journal.lock"), "the journal is busy")
        with lock.held(shared=shared, wait=True):
            yield

    def keep_reserve(self) -> None:
        """Hold some room, as far as there is any, so that a forget can still be recorded on a full disk."""
        path = os.path.join(self.folder, "reserve")
        try:
            with files.opened(path, files.NEW_FILE) as fd:
                os.posix_fallocate(fd, 0, _RESERVE)
        except OSError:
            return  # it is there already, or there is no room for it

    def spend_reserve(self) -> bool:
        """Let go of that room; False when there was none."""
        try:
            os.unlink(os.path.join(self.folder, "reserve"))
        except OSError:
            return False
        return True

    def sweep(self) -> None:
        """Remove documents that a crash left half-written, and jobs that died before they were recorded."""
        if not os.path.isdir(self._jobs):
            return
        with self._changing(shared=False):
            for folder in (os.path.join(self._jobs, str(number)) for number in self._ids()):
                if files.is_locked(os.path.join(folder, "alive")):
                    continue
                if not os.path.lexists(os.path.join(folder, "operation.json")):
                    files.remove_tree(folder)
                    continue
                for name in os.listdir(folder):
                    if name.endswith("~"):
                        os.unlink(os.path.join(folder, name))

    def _new_folder(self) -> str:
        number = max(self._ids(), default=0)
        while True:
            number += 1
            folder = os.path.join(self._jobs, str(number))
            try:
                os.mkdir(folder, 0o700)
            except FileExistsError:
                continue
            files.sync_directory(self._jobs)
            return folder

    def _ids(self) -> list[int]:
        try:
            names = os.listdir(self._jobs)
        except OSError:
            return []
        return sorted(int(name) for name in names if name.isascii() and name.isdigit() and len(name) < 12)

    def records(self) -> list[JobRecord]:
        """All jobs that can be read, oldest first."""
        return [record for number in self._ids() if (record := self._read(number)) is not None]

    def record(self, number: int) -> JobRecord:
        """One job; NotFoundError when there is none of that number."""
        found = self._read(number)
        if found is None:
            raise NotFoundError(f"no job {number}")
        return found

    def _read(self, number: int) -> JobRecord | None:
        folder = os.path.join(self._jobs, str(number))
        header = _load(os.path.join(folder, "operation.json"))
        if not isinstance(header.get("operation"), dict):
            return None
        # In this order: the lock is taken before the header is written and let go after the result is.
        alive = files.is_locked(os.path.join(folder, "alive"))
        result = _load(os.path.join(folder, "result.json"))
        return JobRecord(
            number,
            folder,
            header["operation"],
            root if isinstance(root := header.get("root"), dict) else {},
            number_in(header.get("started"), 0),
            int(number_in(header.get("pid"), 0)),
            int(number_in(header.get("uid"), -1)),
            state_of(result, alive=alive),
            result,
            str(header.get("token", "")),
        )

    def drop_oldest(self, most: int, needed: set[int]) -> None:
        """Forget ended jobs beyond the newest `most`, but none of those `needed`."""
        ids = self._ids()
        if len(ids) <= most:
            return
        with self._changing(shared=False):
            for number in ids[: len(ids) - most]:
                record = self._read(number)
                if record is not None and record.result and number not in needed:
                    files.remove_tree(record.folder)

    def amend(self, record: JobRecord, change: Mapping[str, Any]) -> None:
        """Change what a finished job's result says, whole or not at all."""
        if not record.result:
            raise ConflictError(f"job {record.id} has not ended")
        document = _document({**record.result, **change})
        with self._changing(shared=True):
            files.write_whole(os.path.join(record.folder, "result.json"), document)


class OpenRecord:
    """A job being written."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.id = int(os.path.basename(folder))
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        self._events = os.open(os.path.join(folder, "events.jsonl"), flags, 0o600)
        self._steps = os.open(os.path.join(folder, "steps.jsonl"), flags, 0o600)
        self._told = 0
        self._opened_at = time.monotonic()
        self._counted_at: dict[object, float] = {}

    def mend(self) -> None:
        """End the line that a crash tore, so that the next step does not continue it."""
        size = os.fstat(self._steps).st_size
        if size and os.pread(self._steps, 1, size - 1) != b"\n":
            files.write_all(self._steps, b"\n")

    def tell(self, event: Mapping[str, Any]) -> None:
        """Append an event with its time (`at`, seconds since the epoch); the log stops growing at 4 MiB.

        The longer a job runs the rarer its counts are kept, so that they last for days.
        """
        if event.get("event") in _COUNTS and self._is_too_soon(event, time.monotonic()):
            return
        line = _document({**event, "at": round(time.time(), 2)})
        if self._told + len(line) <= _LONGEST_LOG:
            self._told += len(line)
            files.write_all(self._events, line)

    def _is_too_soon(self, event: Mapping[str, Any], now: float) -> bool:
        key = event.get("part")
        if event.get("ended") or not event.get("done"):
            self._counted_at.pop(key, None)
            return False
        if now - self._counted_at.get(key, -math.inf) < (now - self._opened_at) / _COUNTS_KEPT:
            return True
        self._counted_at[key] = now
        return False

    def record_step(self, step: Mapping[str, Any]) -> None:
        """Make a step last before it is taken."""
        files.write_all(self._steps, _document(step))
        os.fsync(self._steps)

    def finish(self, state: JobState, result: Mapping[str, Any]) -> None:
        """Say how it ended."""
        document = _document({"state": state.value, "ended": time.time(), **result})
        files.write_whole(os.path.join(self.folder, "result.json"), document)

    def close(self) -> None:
        """Let go of the files."""
        os.close(self._events)
        os.close(self._steps)


def _is_private_folder(path: str) -> bool:
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022


def state_of(result: Mapping[str, Any], *, alive: bool) -> JobState:
    """How a job stands, by its result and whether its process lives."""
    if not result:
        return JobState.RUNNING if alive else JobState.INTERRUPTED
    try:
        return JobState(result.get("state"))
    except ValueError:
        return JobState.FAILED


def number_in(found: object, default: float) -> float:
    """A number as one of our headers holds it; whatever else is there counts as missing."""
    return found if isinstance(found, int | float) and abs(found) < 1 << 53 else default


def _document(mapping: Mapping[str, Any]) -> bytes:
    return json.dumps(dict(mapping), separators=(",", ":")).encode("ascii") + b"\n"


def _load(path: str) -> dict[str, Any]:
    try:
        document = json.loads(files.read_whole(path, _CAP))
    except (OSError, ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _lines(path: str) -> Iterator[dict[str, Any]]:
    with files.os_errors_as("cannot read the journal"):
        try:
            raw = files.read_whole(path, _CAP)
        except FileNotFoundError:
            return
    for line in raw.splitlines():
        try:
            document = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(document, dict):
            yield document
