"""What a snapd that runs can be asked besides snapshots; and what answers in its place where none runs."""

from typing import NamedTuple, NoReturn, Protocol

from backend.engine.daemon_change import Change
from backend.errors import ConflictError, NotAllowedError, NotFoundError
from backend.format.retention import configured
from backend.host.layout import Layout
from backend.host.state import daemon_answers
from backend.job import Event, Job
from backend.operations import Operation

WAITING = "Waiting for "  # how a step begins in which a job waits for something else


class Followed(NamedTuple):
    """A change, and what was to be told of it since the last look."""

    change: Change
    events: tuple[Event, ...] = ()


class Watch(Protocol):
    """Follows every change about snapshots that no job of ours looks after, whoever asked for it."""

    def look(self) -> list[Followed]:
        """Those that run, and once those that have ended since the last look. Raises SnapshotError."""


class Daemon(Protocol):
    """The snapd of a place. Methods raise SnapshotError for what cannot be had."""

    @property
    def version(self) -> str:
        """Its version; empty where none is asked."""

    def changes(self) -> list[Change]:
        """What it is doing with snapshots, whoever asked for it."""

    def in_the_way(self, operation: Operation) -> Change | None:
        """What it is doing that an operation would have to wait for, as far as that can be told before."""

    def watch(self) -> Watch:
        """Follows what it does, look by look."""

    def attach(self, change: str, job: Job) -> Change:
        """Follow a change to its end, well or not; a stop of the job leaves it running."""

    def abort(self, change: str) -> None:
        """Ask a change to stop, and to undo what it did; whoever follows it sees the end of that."""

    def change_of(self, number: int) -> str:
        """The change by which it goes on, or went on, with a job of ours that died, or nothing."""

    def retention(self) -> str:
        """How long automatic snapshots are kept, as snapd spells it; NotAllowedError without the right."""

    def retention_refusal(self) -> str:
        """Why that cannot be changed here, or nothing."""

    def set_retention(self, text: str, job: Job) -> None:
        """Have automatic snapshots kept so long from now on (`no`: none are made; empty: snapd's default)."""


class NoDaemon:
    """Stands where snapd is not asked: it does nothing, and what it remembers is read from its state."""

    version = ""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def changes(self) -> list[Change]:
        """None."""
        return []

    def in_the_way(self, _operation: Operation) -> None:
        """Nothing: operations on the files wait for each other by themselves."""

    def watch(self) -> Watch:
        """Sees nothing."""
        return _Idle()

    def attach(self, change: str, _job: Job) -> NoReturn:
        """NotFoundError: only snapd has changes to follow."""
        raise NotFoundError(f"no change {change}: snapd is not asked here")

    def abort(self, change: str) -> NoReturn:
        """NotFoundError: only snapd has changes to stop."""
        raise NotFoundError(f"no change {change}: snapd is not asked here")

    def change_of(self, _number: int) -> str:
        """Nothing: a job that died on the files is not gone on with."""
        return ""

    def retention(self) -> str:
        """How long automatic snapshots are kept, from snapd's state; NotAllowedError where that is closed."""
        state = self._layout.state
        if not state.readable:
            raise NotAllowedError(f"cannot tell how long automatic snapshots are kept: {state.why_not}")
        return configured(state.config("core"))

    def retention_refusal(self) -> str:
        """The setting is snapd's own, and only snapd changes it."""
        running = daemon_answers(self._layout.socket)
        way_out = "use --engine snapd" if running else "start snapd first"
        return f"cannot change how long automatic snapshots are kept: only snapd can; {way_out}"

    def set_retention(self, _text: str, _job: Job) -> NoReturn:
        """ConflictError."""
        raise ConflictError(self.retention_refusal())


class _Idle:
    """A watch where nothing happens."""

    def look(self) -> list[Followed]:
        """Nothing."""
        return []
