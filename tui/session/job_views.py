"""Jobs as the screens see them: the journal folded into one plain value each."""

import time
from collections.abc import Callable, Sequence
from threading import Lock
from typing import NamedTuple

from backend import (
    Advanced,
    Entered,
    Event,
    Noted,
    PartAdvanced,
    Started,
    UnknownOperation,
    command_line,
    event_from_json,
)
from backend.engine import WAITING
from backend.jobs import Follower, JobRecord, JobResult, JobState
from tui.session.job_records import Records
from tui.session.meter import Meter, Moved, sound, time_of
from tui.session.stalls import StallDetector
from tui.text import ProgressView

ENDED = frozenset(JobState) - {JobState.RUNNING}
NOTHING_YET = ProgressView("", 0, None, 0.0, None)

_BAD = (JobState.FAILED, JobState.INTERRUPTED)
_LONGEST = 4000
_NOTES_KEPT = 200
_MOST_PARTS = 100


class PartView(NamedTuple):
    """A part of the present step that is under way, in bytes; `total` is None while it is not known."""

    name: str
    done: int
    total: int | None


class JobView(NamedTuple):
    """How a job stands: what it is, how far, and what it said.

    `command` does what it does, from any directory; `short` is its verb and what that is given. `parts` are
    under way at this moment, `warnings` counts all notes, `moved` is what it worked on most, `stall` says
    why it makes no progress. Of an ended job, what its log tells is known only once it was asked for.
    `owner` is empty for a job of this journal; `seen` is true when somebody has looked at how it ended.
    `is_waiting` is true for one that died amid replacing data, which somebody has to end.
    What snapd does, and no job of ours, has the id of its `change`; its own `id` is that of no job.
    """

    id: int
    command: str
    short: str
    state: JobState
    started: float
    progress: ProgressView
    part: str
    notes: tuple[str, ...]
    error: str
    result: JobResult
    owner: str = ""
    parts: tuple[PartView, ...] = ()
    parts_ended: int = 0
    warnings: int = 0
    moved: Moved = Moved(0, 0.0)
    stall: str = ""
    seen: bool = False
    change: str = ""
    is_waiting: bool = False

    @property
    def name(self) -> str:
        """What it is called: its number, after its owner's name where that is somebody else."""
        if self.change:
            return f"snapd/{self.change}"
        return f"{self.owner}/{self.id}" if self.owner else str(self.id)

    @property
    def called(self) -> str:
        """What it is called in a sentence."""
        return f"change {self.change} of snapd" if self.change else f"job {self.name}"

    @property
    def is_running(self) -> bool:
        """Whether its process lives."""
        return self.state is JobState.RUNNING

    @property
    def is_bad(self) -> bool:
        """Whether it failed, was interrupted, or found damage."""
        return self.state in _BAD or bool(self.result.bad_verdicts) or _exit_of(self) not in (0, 3)

    def elapsed(self, now: float) -> float:
        """For how many seconds it has run, or ran."""
        return max(0.0, (self.result.ended or now) - self.started)


def _exit_of(view: JobView) -> int:
    """The exit code that a job which came to its end tells, else 0."""
    return view.result.exit or 0 if view.state is JobState.DONE else 0


class _Watched:
    """One job being followed."""

    def __init__(self, record: JobRecord) -> None:
        self._follower = Follower(record)
        self._fold = JobEventFold()

    def applied_to(self, view: JobView) -> JobView:
        """The view with what the log tells so far."""
        for document in self._follower.news():
            self._fold.handle(event_from_json(document), time_of(document))
        return self._fold.applied_to(view)


class JobEventFold:
    """What the events of one piece of work come to."""

    def __init__(self) -> None:
        self._meter = Meter(time.time)
        self._notes: list[str] = []
        self._warnings = 0
        self._parts: dict[str, PartView] = {}
        self._parts_ended = 0

    def applied_to(self, view: JobView) -> JobView:
        """The view with what was heard so far."""
        running = tuple(self._parts.values()) if view.is_running else ()
        return view._replace(
            progress=self._meter.view(),
            part=self._meter.part,
            notes=tuple(self._notes),
            parts=running,
            parts_ended=self._parts_ended,
            warnings=self._warnings,
            moved=self._meter.moved,
        )

    def handle(self, event: Event, at: float | None) -> None:
        """Take in an event; `at` is when it happened, now without it."""
        self._meter.handle(event, at)
        match event:
            case Started():
                self._parts.clear()
                self._parts_ended = 0
            case Noted(text):
                self._warnings += 1
                self._notes = [*self._notes[1 - _NOTES_KEPT :], text[:_LONGEST]]
            case PartAdvanced(part, done, total, ended):
                view = PartView(part[:_LONGEST], sound(done) or 0, sound(total))
                self._count(view, ended=ended)
            case Entered() | Advanced():
                pass

    def _count(self, part: PartView, *, ended: bool) -> None:
        if ended:
            self._parts_ended += 1
            self._parts.pop(part.name, None)
        elif part.name in self._parts or len(self._parts) < _MOST_PARTS:
            self._parts[part.name] = part


class JobBoard:
    """All jobs of a journal, newest first; ask it as often as you like, it reads only what is new."""

    def __init__(
        self,
        journal: Records,
        location_options: Sequence[str] = (),
        shown: int = 200,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._journal = journal
        self._location_options = location_options
        self._shown = shown
        self._watched: dict[int, _Watched] = {}
        self._ended: dict[int, JobView] = {}
        self._records: dict[int, JobRecord] = {}  # those that the ended ones were seen in
        self._seen: set[int] = set()
        self._stalls = StallDetector(clock)
        self._lock = Lock()

    def views(self, whole: int | None = None) -> list[JobView]:
        """How every job stands now; of the job `whole`, what its log tells as well if it has ended."""
        with self._lock:
            records = self._journal.records()[: -self._shown - 1 : -1]
            return [self._view(record, records, whole=record.id == whole) for record in records]

    def saw(self, views: Sequence[JobView]) -> None:
        """Somebody has looked at these: how they ended is no news any more."""
        with self._lock:
            self._seen.update(view.id for view in views if view.state in ENDED)

    def _view(self, record: JobRecord, records: Sequence[JobRecord], *, whole: bool) -> JobView:
        known = self._ended.get(record.id)
        same = known is not None and self._records[record.id].is_like(record)
        if known is not None and same and (not whole or record.id in self._watched):
            return known._replace(seen=record.id in self._seen)
        view = view_of(record, self._location_options)._replace(seen=record.id in self._seen)
        if view.is_running or whole or record.id in self._watched:
            view = self._watched.setdefault(record.id, _Watched(record)).applied_to(view)
        if view.is_running:
            sign = (view.progress.title, view.progress.done, view.part, view.warnings)
            if view.progress.title.startswith(WAITING):
                return view
            return view._replace(stall=self._stalls.reason(record, sign, lambda: records))
        self._ended[record.id], self._records[record.id] = view, record
        return view


def view_of(record: JobRecord, location_options: Sequence[str] = ()) -> JobView:
    """A job as its record alone tells; `location_options` name the place in its command."""
    return JobView(
        id=record.id,
        command=command_of(record, location_options),
        short=command_of(record).removeprefix("snapstow "),
        state=record.state,
        started=record.started,
        progress=NOTHING_YET,
        part="",
        notes=(),
        error=record.result.error[:_LONGEST],
        result=record.result,
        owner=record.owner,
        is_waiting=not record.owner and record.is_amid_moves,
    )


def command_of(record: JobRecord, location_options: Sequence[str] = ()) -> str:
    """The command that does what a job does; `location_options` name the place."""
    if isinstance(record.operation, UnknownOperation):
        return record.verb[:_LONGEST]
    return command_line(record.operation, location_options)[:_LONGEST]
