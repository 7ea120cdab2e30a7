"""Jobs as the screens see them: the journal folded into one plain value each."""

from collections.abc import Sequence
from threading import Lock
from typing import Any, NamedTuple

from backend import (
    Advanced,
    Entered,
    Event,
    Follower,
    InvalidInputError,
    JobRecord,
    JobState,
    Journal,
    Noted,
    PartAdvanced,
    Started,
    command_line,
    event_from_json,
    operation_from_json,
)
from tui.present import ProgressView
from tui.progress import Meter

ENDED = frozenset(JobState) - {JobState.RUNNING}


class JobView(NamedTuple):
    """How a job stands: what it is, how far, and what it said.

    `command` does what it does, from any directory; `short` is its verb and what that is given.
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
    result: dict[str, Any]

    @property
    def is_running(self) -> bool:
        """Whether its process lives."""
        return self.state is JobState.RUNNING


class _Watched:
    """One job being followed."""

    def __init__(self, record: JobRecord) -> None:
        self._follower = Follower(record)
        self._meter = Meter()
        self._part = ""
        self._notes: list[str] = []

    def view(self, record: JobRecord) -> JobView:
        for event in self._follower.news():
            self._hear(event_from_json(event))
        return JobView(
            record.id,
            command_of(record),
            command_of(record).removeprefix("snapstow "),
            record.state,
            record.started,
            self._meter.view(),
            self._part,
            tuple(self._notes[-200:]),
            str(record.result.get("error", "")),
            record.result,
        )

    def _hear(self, event: Event) -> None:
        self._meter.hear(event)
        match event:
            case Started():
                self._part = ""
            case Entered(part):
                self._part = part
            case Noted(text):
                self._notes.append(text)
            case Advanced() | PartAdvanced():
                pass


class Board:
    """All jobs of a place, newest first; ask it as often as you like, it reads only what is new."""

    def __init__(self, journal: Journal, words: Sequence[str] = (), shown: int = 200) -> None:
        self._journal = journal
        self._words = words
        self._shown = shown
        self._watched: dict[int, _Watched] = {}
        self._ended: dict[int, JobView] = {}
        self._lock = Lock()

    def views(self) -> list[JobView]:
        """How every job stands now."""
        with self._lock:
            return [self._view(record) for record in self._journal.records()[: -self._shown - 1 : -1]]

    def _view(self, record: JobRecord) -> JobView:
        known = self._ended.get(record.id)
        if known is not None and known.result == record.result:
            return known
        view = (
            self._watched.setdefault(record.id, _Watched(record))
            .view(record)
            ._replace(command=command_of(record, self._words))
        )
        if record.state in ENDED:
            self._ended[record.id] = view
        return view


def command_of(record: JobRecord, words: Sequence[str] = ()) -> str:
    """The command that does what a job does; `words` name the place."""
    try:
        return command_line(operation_from_json(record.operation), words)
    except InvalidInputError:
        return str(record.operation.get("verb"))
