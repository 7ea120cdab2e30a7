"""Jobs on disk: what was asked for, what happened, which steps were taken, how it ended.

A job is a folder `jobs/<id>/`: `operation.json` (what, for which root), `events.jsonl`, `steps.jsonl`
(each step made durable before it is taken), `result.json`, and `alive`, a file that its process keeps locked.
What the version before wrote is read as well: it gave no format. What a newer one wrote is shown, and left
alone.
"""

import errno
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from backend.errors import ConflictError, NotAllowedError, NotFoundError
from backend.fs import beneath, files, locks
from backend.fs.directories import make_directories
from backend.fs.removal import LeftoverError, remove_tree
from backend.host.clock import Clock
from backend.jobs.open_record import OpenRecord, record_line
from backend.jobs.record import FORMAT, GlancedRecord, JobRecord, load_document, state_of
from backend.jobs.running_time import RunningTime
from backend.operations import (
    MAKING_ROOM,
    Operation,
    UnknownOperation,
    to_json,
)
from backend.store.root_id import RootId, is_same_root

_RESERVE = 256 << 10
_NO_JOBS = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EACCES, errno.EPERM)


class Journal:
    """The jobs of one place. `folder` is the place's own state folder; it is made when first written to.

    `clock` are the clocks by which what is kept here expires. `root` is the root of the place: what was noted
    while it lay elsewhere is told as it lies now.
    """

    def __init__(
        self,
        folder: str,
        clock: Clock | None = None,
        root: Callable[[], Mapping[str, Any]] | None = None,
    ) -> None:
        self.folder = folder
        self.clock = clock or Clock()
        self.running_time = RunningTime(folder, self.clock)
        self._root = root
        self._jobs = os.path.join(folder, "jobs")
        self._held: beneath.Root | None = None
        self._hold()

    def _hold(self) -> None:
        """Below another root, keep to the directory that the folder is, whatever is put in its place."""
        if self._held is None or self._held.is_gone:
            self._held = beneath.hold_inside(self.folder)

    @contextmanager
    def job(self, operation: Operation | UnknownOperation, root: Mapping[str, Any]) -> Iterator["OpenRecord"]:
        """Begin a job, alive until the block is left; leaving it without `finish` makes it interrupted.

        Raises:
            OSError: it cannot be recorded.
        """
        make_directories(self.folder, 0o700)
        self._hold()
        make_directories(self._jobs, 0o700)
        with ExitStack() as stack:
            with self._changing(shared=True):
                folder = self._new_folder()
                alive = locks.FileLock(
                    os.path.join(folder, "alive"), f"job folder {folder} is in use", is_optional=True
                )
                # Waits, for a moment at most: somebody may be asking just now whether the job lives.
                is_locked = stack.enter_context(alive.held(wait=True))
            header = {
                "format": FORMAT,
                "operation": _told(operation),
                "root": {**root, "id": self._root_id()},
                "started": self.clock.wall(),
                "pid": os.getpid(),
                "uid": os.geteuid(),
            }
            files.write_whole(os.path.join(folder, "operation.json"), record_line(header))
            spends = isinstance(operation, MAKING_ROOM)
            record = OpenRecord(folder, self.running_time, self.spend_reserve, spends=spends)
            record.is_locked = is_locked
            try:
                yield record
            finally:
                record.close()

    @contextmanager
    def reopened(self, record: JobRecord) -> Iterator["OpenRecord"]:
        """An interrupted job, in order to end it.

        Raises:
            ConflictError: its process lives, or somebody else ended it since `record` was read.
            BlockedError: only a newer version understands it.
        """
        record.demand_known_format()
        alive = os.path.join(record.folder, "alive")
        if locks.is_locked(alive):
            raise ConflictError(f"job {record.id} is still running")
        # Those who only look whether it lives hold the lock for a moment: they are waited for.
        with locks.FileLock(alive, f"job {record.id} is still running", is_optional=True).held(wait=True):
            if load_document(os.path.join(record.folder, "result.json")) != record.ending:
                raise ConflictError(f"job {record.id} was ended meanwhile")
            reopened = OpenRecord(record.folder, self.running_time, self.spend_reserve, spends=True)
            reopened.mend()
            try:
                yield reopened
            finally:
                reopened.close()

    @contextmanager
    def _changing(self, *, shared: bool) -> Iterator[None]:
        """Held while folders of jobs that seem dead are changed: shared, or alone to sweep them."""
        lock = locks.FileLock(
            os.path.join(self.folder, "journal.lock"), "the journal is busy", is_optional=True
        )
        with lock.held(shared=shared, wait=True):
            yield

    def keep_reserve(self) -> None:
        """Hold some room, as far as there is any, so that a full disk can still be helped.

        It is for forgets and undos, and for the ends of all jobs.
        """
        path = os.path.join(self.folder, "reserve")
        try:
            with files.opened(path, files.NEW_FILE) as fd:
                os.posix_fallocate(fd, 0, _RESERVE)
        except OSError:
            return  # it is there already, or there is no room for it

    def spend_reserve(self) -> bool:
        """Free the room that was held; return False when there was none."""
        try:
            beneath.unlink(os.path.join(self.folder, "reserve"))
        except OSError:
            return False
        return True

    def sweep(self) -> None:
        """Remove documents that a crash left half-written, and jobs that died before they were recorded."""
        if not self.ids():
            return
        with self._changing(shared=False):
            RootId(self.folder).sweep()
            for folder in (os.path.join(self._jobs, str(number)) for number in self.ids()):
                if locks.is_locked(os.path.join(folder, "alive")):
                    continue
                if files.identity(os.path.join(folder, "operation.json")) is None:
                    _drop(folder)
                    continue
                for name in beneath.listdir(folder):
                    if name.endswith("~"):
                        beneath.unlink(os.path.join(folder, name))

    def _root_id(self) -> str:
        """The id of the root; one job alone gives it where there is none, and nobody sweeps meanwhile."""
        root_id = RootId(self.folder)
        if known := root_id.read():
            return known
        with self._changing(shared=False):
            return root_id.made()

    def _new_folder(self) -> str:
        number = max(self.ids(), default=0)
        while True:
            number += 1
            folder = os.path.join(self._jobs, str(number))
            try:
                beneath.mkdir(folder, 0o700)
            except FileExistsError:
                continue
            files.sync_directory(self._jobs)
            return folder

    @property
    def fault(self) -> str:
        """Why the jobs cannot be read, or nothing: there may be some, and data that are kept for an undo."""
        try:
            os.listdir(self._jobs)
        except PermissionError as failure:
            reason = os.strerror(failure.errno or 0)
            return f"cannot read the journal {self._jobs}: {reason}; what can be undone is not known"
        except OSError:
            pass
        return ""

    def demand_readable(self) -> None:
        """Make sure that the jobs can be read.

        Raises:
            NotAllowedError: they cannot.
        """
        if fault := self.fault:
            raise NotAllowedError(fault)

    def ids(self) -> list[int]:
        """List the numbers of all jobs, the oldest first; none where there are none, or none may be seen.

        Raises:
            SnapshotError: they cannot be read.
        """
        with files.os_errors_as("cannot read the journal"):
            try:
                names = beneath.listdir(self._jobs)
            except OSError as cause:
                if cause.errno not in _NO_JOBS:
                    raise
                return []
        return sorted(int(name) for name in names if name.isascii() and name.isdigit() and len(name) < 12)

    def records(self) -> list[JobRecord]:
        """Read all jobs that can be read, oldest first."""
        return [record for number in self.ids() if (record := self._read(number)) is not None]

    def glance(self) -> list[GlancedRecord]:
        """Read the same jobs to tell of them: nothing of them is read twice."""
        return [GlancedRecord(**vars(record)) for record in self.records()]

    def record(self, number: int) -> JobRecord:
        """Read one job.

        Raises:
            NotFoundError: there is none of that number.
        """
        record = self._read(number)
        if record is None:
            raise NotFoundError(f"no job {number}")
        return record

    def _read(self, number: int) -> JobRecord | None:
        folder = os.path.join(self._jobs, str(number))
        header = load_document(os.path.join(folder, "operation.json"))
        if not isinstance(header.get("operation"), dict):
            return None
        # In this order: the lock is taken before the header is written and let go after the result is.
        alive = locks.is_locked(os.path.join(folder, "alive"))
        result = load_document(os.path.join(folder, "result.json"))
        return JobRecord(
            id=number,
            folder=folder,
            header=header,
            ending=result,
            state=state_of(result, alive=alive),
            moved=self._moved(header.get("root")),
            read_at=self.running_time.now() if result.get("undo_until") else None,
        )

    def _moved(self, recorded: object) -> tuple[str, str]:
        """Where the root of a job lay when it began, and where it lies now; nothing for another root."""
        present = self._root() if self._root is not None else {}
        if not present or not isinstance(recorded, dict) or not is_same_root(recorded, present):
            return "", ""
        return str(recorded.get("path") or present["path"]), present["path"]

    def drop_oldest(self, most: int, needed: set[int]) -> None:
        """Forget ended jobs beyond the newest `most`, but none of those `needed`."""
        ids = self.ids()
        if len(ids) <= most:
            return
        with self._changing(shared=False):
            for number in ids[: len(ids) - most]:
                record = self._read(number)
                if record is not None and record.has_ended and number not in needed:
                    _drop(record.folder)

    def note_undone(self, record: JobRecord, by: int) -> None:
        """Note in the result of a job which other one took it back."""
        self._amend(record, {"undone": by})

    def keep_until(self, record: JobRecord, moment: float) -> None:
        """Keep what a job replaced until then at least, as counted from now."""
        until = max(moment, record.result.undo_until)
        self._amend(record, {"undo_until": until, "kept_since": self.running_time.note()._asdict()})

    def note_expired(self, record: JobRecord, leftovers: Sequence[str] = ()) -> None:
        """Note in the result of a job that what it replaced is not kept any more, and what is left of it."""
        self._amend(record, {"expired": True, **({"leftovers": list(leftovers)} if leftovers else {})})

    def note_leftovers(self, record: JobRecord, leftovers: Sequence[str]) -> None:
        """Note in the result of a job which directories of its could not be removed whole."""
        self._amend(record, {"leftovers": list(leftovers)})

    def _amend(self, record: JobRecord, change: Mapping[str, Any]) -> None:
        """Change what a finished job's result says, whole or not at all."""
        record.demand_known_format()
        if not record.has_ended:
            raise ConflictError(f"job {record.id} has not ended")
        document = record_line({**record.ending, **change})
        with self._changing(shared=True):
            files.write_whole(os.path.join(record.folder, "result.json"), document)


def _drop(folder: str) -> None:
    """Remove the folder of a job; what cannot be removed of it stops nothing."""
    with suppress(LeftoverError):
        remove_tree(folder)


def _told(operation: Operation | UnknownOperation) -> Mapping[str, Any]:
    return operation.document if isinstance(operation, UnknownOperation) else to_json(operation)
