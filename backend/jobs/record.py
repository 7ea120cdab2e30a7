"""One job as its folder says: what it was to do, how it stands, which steps it noted, whose it is."""

import errno
import json
import math
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cached_property
from typing import Any

from backend.errors import BlockedError, IntegrityError, SnapshotError
from backend.fs import beneath, files
from backend.jobs.result import JobResult, Mark, number_in, parse_result
from backend.jobs.running_time import Kept, kept
from backend.operations import Operation, UnknownOperation, recorded_operation
from backend.steps import (
    DataCommitted,
    DataMoved,
    ServicesStarted,
    ServicesStopped,
    SlotsDiscarded,
    SnapdStep,
    Step,
    parse_step,
)
from backend.store.root_id import is_same_root, rebased

FORMAT = 3
_TORN_LINES_ENDED = 1  # the last format in which a torn line was ended, and steps may follow it

_CAP = 64 << 20
_FILES = b'{"files":'
_LARGEST_PID = 1 << 22  # the kernel gives none beyond


class JobState(Enum):
    """How a job stands."""

    RUNNING = "running"
    INTERRUPTED = "interrupted"
    DONE = "done"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REFUSED = "refused"
    ROLLED_BACK = "rolled back"

    @classmethod
    def _missing_(cls, value: object) -> "JobState | None":
        return cls.ROLLED_BACK if value == "taken back" else None  # as earlier versions wrote it


ENDED_WELL = (JobState.DONE, JobState.PARTIAL)


@dataclass(frozen=True)
class JobRecord:
    """One job as its folder has it.

    `header` and `ending` are its documents, as they are; what they say is in the properties. `owner` is empty
    for a job of our own journal, else the user who keeps it: then nothing it says may be acted upon, and
    `home` is the directory of that user's below which no link is followed. Where the root was `moved` since,
    from one path to another, all paths are told as they are now. `read_at` is when it was read, by
    which it is told how long what it keeps is still kept.
    """

    id: int
    folder: str
    header: Mapping[str, Any] = field(repr=False)
    ending: Mapping[str, Any] = field(repr=False)
    state: JobState
    owner: str = ""
    home: str = ""
    moved: tuple[str, str] = ("", "")
    read_at: Mark | None = field(default=None, compare=False)

    @property
    def name(self) -> str:
        """What it is called: its number, after the name of its owner where that is somebody else."""
        return f"{self.owner}/{self.id}" if self.owner else str(self.id)

    def to_json(self) -> dict[str, Any]:
        """Return a plain mapping of all that is known of it."""
        return {
            "job": self.id,
            **({"owner": self.owner} if self.owner else {}),
            "operation": self.header["operation"],
            "state": self.state.value,
            "started": self.started,
            "pid": self.pid,
            "uid": self.uid,
            "result": self.ending if not self.kept.until else {**self.ending, "undo_until": self.kept.until},
            **({"waiting": True} if self.is_amid_moves else {}),
        }

    # -- what it was to do

    @property
    def verb(self) -> str:
        """The verb of its operation, whether that can be understood or not."""
        return str(self.header["operation"].get("verb"))

    @cached_property
    def operation(self) -> Operation | UnknownOperation:
        """What it was to do."""
        return recorded_operation(rebased(self.header["operation"], *self.moved))

    @property
    def root(self) -> Mapping[str, Any]:
        """The root that it is about."""
        root = self.header.get("root")
        return root if isinstance(root, dict) else {}

    @property
    def started(self) -> float:
        """When it began, in seconds since the epoch, UTC."""
        return number_in(self.header.get("started"), 0)

    @property
    def pid(self) -> int:
        """Its process, 0 where that is not known."""
        pid = self.header.get("pid")
        return pid if type(pid) is int and 1 < pid < _LARGEST_PID else 0

    @property
    def uid(self) -> int:
        """The user who started it, -1 where that is not known."""
        return int(number_in(self.header.get("uid"), -1))

    @property
    def is_newer(self) -> bool:
        """Whether a newer version wrote it, in a format that this one does not know: it is only shown."""
        return number_in(self.header.get("format", 1), math.inf) > FORMAT

    def demand_known_format(self) -> None:
        """Refuse a job that only a newer version understands.

        Raises:
            BlockedError: it is one.
        """
        if self.is_newer:
            raise BlockedError("a newer version of snapstow wrote it, which alone can change or end it")

    # -- what happened

    @cached_property
    def result(self) -> JobResult:
        """How it ended; empty while it has not. Its `undo_until` is that of `kept`."""
        return replace(self._parsed, undo_until=self.kept.until)

    @cached_property
    def kept(self) -> Kept:
        """How long what it replaced is kept, by the present clock."""
        if self.read_at is None:
            return Kept(self._parsed.undo_until)
        return kept(self._parsed, self.read_at)

    @cached_property
    def _parsed(self) -> JobResult:
        return parse_result(self.ending)

    def is_like(self, other: "JobRecord") -> bool:
        """Whether the same was known of the job when `other` was read."""
        return self.ending == other.ending and self.state is other.state

    @property
    def has_ended(self) -> bool:
        """Whether it has a result."""
        return bool(self.ending)

    @contextmanager
    def opened_events(self) -> Iterator[int]:
        """Open what it told, for reading, as a descriptor.

        Raises:
            OSError: there is nothing to read.
        """
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
    def events(self) -> list[dict[str, Any]]:
        """Read what it told, oldest first."""
        with files.os_errors_as("cannot read the journal"):
            documents = map(_document_in, files.read_lines(os.path.join(self.folder, "events.jsonl")))
            return [document for document in documents if document is not None]

    @property
    def steps(self) -> list[Step]:
        """Read the steps it noted, oldest first; one torn by a crash was never taken.

        Without those that name single files: there may be very many. `every_step` has them as well.

        Raises:
            SnapshotError: they cannot be read: that says nothing about what was done.
            IntegrityError: one of them is none.
            BlockedError: only a newer version understands them.
        """
        return self._steps(lambda line: not line.startswith(_FILES))

    @property
    def every_step(self) -> list[Step]:
        """Read all the steps it noted, as `steps` does."""
        return self._steps(lambda _line: True)

    def _steps(self, wanted: Callable[[bytes], bool]) -> list[Step]:
        self.demand_known_format()
        try:
            return [parse_step(rebased(document, *self.moved)) for document in self._step_documents(wanted)]
        except IntegrityError as damage:
            text = f"cannot understand what job {self.name} did: its journal is damaged"
            raise IntegrityError(text) from damage

    def _step_documents(self, wanted: Callable[[bytes], bool]) -> Iterator[dict[str, Any]]:
        """Every line is a step, but for one that a crash tore: no skipped line may hide what was done."""
        with files.os_errors_as("cannot read the journal"):
            for line in filter(wanted, files.read_lines(os.path.join(self.folder, "steps.jsonl"))):
                document = _document_in(line)
                if document is not None:
                    yield document
                elif line.endswith(b"\n") and not (self._ends_torn_lines and _is_torn(line)):
                    raise IntegrityError("a line of it is no step")

    @property
    def _ends_torn_lines(self) -> bool:
        return number_in(self.header.get("format", 1), math.inf) <= _TORN_LINES_ENDED

    @property
    def is_amid_moves(self) -> bool:
        """Whether its process died between noting what it was to put in place and noting that it had."""
        if self.state is not JobState.INTERRUPTED:
            return False
        try:
            kinds = [type(step) for step in self.steps]
        except SnapshotError:
            return False
        return DataMoved in kinds and not {DataCommitted, SlotsDiscarded}.intersection(kinds)

    @property
    def asked(self) -> list[SnapdStep]:
        """The steps by which it gave its work to snapd, which alone knows how that ended; often none."""
        return [step for step in self.steps if isinstance(step, SnapdStep)]

    @property
    def services_down(self) -> tuple[str, ...]:
        """The services that it stopped and has not started again yet; snapd alone can. Raises as `steps`."""
        down: tuple[str, ...] = ()
        for step in self.steps:
            match step:
                case ServicesStopped(services):
                    down = services
                case ServicesStarted():
                    down = ()
        return down

    # -- whose it is

    def is_ours(self, root: Mapping[str, Any]) -> bool:
        """Whether we wrote it, for this very root: nobody else's journal may make us change data."""
        return self.is_private and is_same_root(self.root, root)

    @property
    def is_private(self) -> bool:
        """Whether we wrote it and nobody else can have: only then may it make us do anything."""
        jobs = os.path.dirname(self.folder)
        places = (self.folder, jobs, os.path.dirname(jobs))
        return self.uid == os.geteuid() and all(_is_private_folder(place) for place in places)


class GlancedRecord(JobRecord):
    """A job whose steps are read once at most: to be told of, never to be ended."""

    @cached_property
    def steps(self) -> list[Step]:
        """Read the steps it noted, as `JobRecord.steps` does."""
        return super().steps

    @cached_property
    def every_step(self) -> list[Step]:
        """Read all the steps it noted, as `JobRecord.every_step` does."""
        return super().every_step


def _is_private_folder(path: str) -> bool:
    try:
        with files.opened(path, beneath.PASSED | os.O_NOFOLLOW) as fd:
            status = os.fstat(fd)
    except OSError:
        return False
    return status.st_uid == os.geteuid() and not status.st_mode & 0o022


def state_of(result: Mapping[str, Any], *, alive: bool) -> JobState:
    """How a job stands, by its result and whether its process lives."""
    if not result:
        return JobState.RUNNING if alive else JobState.INTERRUPTED
    try:
        return JobState(result.get("state"))
    except ValueError:
        return JobState.FAILED


def load_document(path: str) -> dict[str, Any]:
    """Read a document of a job; empty where there is none that can be understood."""
    try:
        document = json.loads(files.read_whole(path, _CAP))
    except (OSError, ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _is_torn(line: bytes) -> bool:
    return line.startswith(b"{") and not line.endswith(b"}\n")


def _document_in(line: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None
