"""Jobs as the screens see them: the journal folded into one plain value each."""

import time
from collections.abc import Callable, Sequence
from threading import Lock
from typing import NamedTuple

from backend import UnknownOperation, command_line, event_from_json
from backend.engine import WAITING
from backend.jobs import Follower, JobRecord, JobResult, JobState
from tui.session.job_progress import LONGEST, NOTHING_YET, JobProgress, ProgressFold, time_of
from tui.session.job_records import Records
from tui.session.job_titles import operation_title, user_name
from tui.session.stalls import StallDetector

ENDED = frozenset(JobState) - {JobState.RUNNING}

_BAD = (JobState.FAILED, JobState.INTERRUPTED)


class JobView(NamedTuple):
    """How a job stands: what it is, how far, and how it ended.

    `command` does what it does, from any directory; `short` is its verb and what that is given, `title` what
    it is to a reader, `by` who started it. `stall` says why it makes no progress. Of an ended job, what its
    log tells is known only once it was asked for. `owner` is empty for a job of this journal; `seen` is true
    when somebody has looked at how it ended. `is_waiting` is true for one that died amid replacing data,
    which somebody has to end. What snapd does, and no job of ours, has the id of its `change`; its own `id`
    is that of no job.
    """

    id: int
    command: str
    short: str
    state: JobState
    started: float
    progress: JobProgress = NOTHING_YET
    error: str = ""
    result: JobResult = JobResult()
    title: str = ""
    by: str = ""
    owner: str = ""
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
        self._fold = ProgressFold(time.time)

    def applied_to(self, view: JobView) -> JobView:
        """The view with what the log tells so far."""
        for document in self._follower.news():
            self._fold.handle(event_from_json(document), time_of(document))
        return view._replace(progress=self._fold.view())


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
            phase = view.progress.phase
            if phase and phase.title.startswith(WAITING):
                return view
            sign = (phase, view.progress.part, view.progress.parts, view.progress.warnings)
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
        error=record.result.error[:LONGEST],
        result=record.result,
        title=operation_title(record.operation)[:LONGEST],
        by=record.owner or user_name(record.uid),
        owner=record.owner,
        is_waiting=not record.owner and record.is_amid_moves,
    )


def command_of(record: JobRecord, location_options: Sequence[str] = ()) -> str:
    """The command that does what a job does; `location_options` name the place."""
    if isinstance(record.operation, UnknownOperation):
        return record.verb[:LONGEST]
    return command_line(record.operation, location_options)[:LONGEST]
