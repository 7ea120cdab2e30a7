"""What a snapd that runs can be asked besides snapshots; and what answers in its place where none runs."""

import re
from collections.abc import Sequence
from typing import NamedTuple, NoReturn, Protocol

from backend.errors import ConflictError, NotAllowedError, NotFoundError
from backend.format.retention import configured
from backend.host.layout import Layout
from backend.host.socket import daemon_answers
from backend.operations import Operation
from backend.progress import Event, Progress

DONE = "Done"
_STOPPED = ("Undone", "Hold")
_SNAP = re.compile(r'(?:data of snap) "([^"]+)"')
_SET = re.compile(r"snapshot set #([0-9]{1,19})\b")
_QUOTED = re.compile(r'"([^"]+)"')


WAITING = "Waiting for "  # how a step begins in which a job waits for something else


class SnapdTask(NamedTuple):
    """A step of a change. `log` are its lines without their times, `errors` those that made it fail."""

    summary: str
    status: str
    log: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()

    @property
    def snap(self) -> str:
        """The snap whose data it is about, or nothing."""
        match = _SNAP.search(self.summary)
        return match[1] if match else ""


class SnapdChange(NamedTuple):
    """Something that snapd does, or did once it is `ready`; `error` is why it failed, or nothing.

    `started` is in seconds since the epoch, 0 where snapd does not say.
    """

    id: str
    kind: str
    summary: str
    status: str
    ready: bool
    error: str = ""
    tasks: tuple[SnapdTask, ...] = ()
    snaps: tuple[str, ...] = ()
    started: float = 0.0

    @property
    def title(self) -> str:
        """What it is called in a sentence: `change 311 (Auto-refresh snap "firefox")`."""
        return f"change {self.id} ({self.summary})" if self.summary else f"change {self.id}"

    @property
    def done(self) -> bool:
        """Whether it ended well."""
        return self.ready and self.status == DONE

    @property
    def set_id(self) -> int:
        """The snapshot set it is about, 0 where it says none."""
        texts = (self.summary, *(task.summary for task in self.tasks))
        return next((int(match[1]) for text in texts if (match := _SET.search(text))), 0)

    @property
    def was_stopped(self) -> bool:
        """Whether it ended because somebody stopped it."""
        return self.ready and self.status in _STOPPED

    @property
    def names(self) -> frozenset[str]:
        """The snaps that it says it is about, and whatever else its tasks name."""
        named = (name for task in self.tasks for name in _QUOTED.findall(task.summary))
        return frozenset((*self.snaps, *named))

    @property
    def notes(self) -> list[str]:
        """What its tasks logged that is no failure."""
        return [line for task in self.tasks for line in task.log if line not in task.errors]


class SnapService(NamedTuple):
    """A service: its `name` is `SNAP.APP`. It `runs`, too, where a socket or a timer may wake it at any time.

    One `is_of_sessions` runs for each user who is logged in, and is not ours to stop.
    """

    name: str
    snap: str
    runs: bool
    is_of_sessions: bool = False


class Followed(NamedTuple):
    """A change, and what there was to report of it since the last look."""

    change: SnapdChange
    events: tuple[Event, ...] = ()


class Watch(Protocol):
    """Follows every change about snapshots that no job of ours looks after, whoever asked for it."""

    def look(self) -> list[Followed]:
        """List the changes that run, and once those that have ended since the last look.

        Raises:
            SnapshotError: snapd does not answer, or not as it should.
        """


class Daemon(Protocol):
    """The snapd of a place. Methods raise SnapshotError for what cannot be had."""

    @property
    def version(self) -> str:
        """Its version; empty where none is asked."""

    def changes(self) -> list[SnapdChange]:
        """What it is doing with snapshots, whoever asked for it."""

    def running_services(self, snaps: Sequence[str]) -> list[str]:
        """The services of these snaps (of all without any) that a save or restore can stop meanwhile."""

    def in_the_way(self, operation: Operation) -> SnapdChange | None:
        """What it is doing that an operation would have to wait for, as far as that is known before."""

    def watch(self) -> Watch:
        """Follows what it does, look by look."""

    def attach(self, change: str, progress: Progress) -> SnapdChange:
        """Follow a change to its end, well or not; a stop of the job leaves it running."""

    def abort(self, change: str) -> None:
        """Ask a change to stop, and to undo what it did; whoever follows it sees the end of that."""

    def change_of(self, number: int) -> str:
        """The change by which it goes on, or went on, with a job of ours that died, or nothing."""

    def retention(self) -> str:
        """How long automatic snapshots are kept, as snapd spells it; NotAllowedError without the right."""

    def retention_refusal(self) -> str:
        """Why that cannot be changed here, or nothing."""

    def set_retention(self, text: str, progress: Progress) -> None:
        """Have automatic snapshots kept so long from now on (`no`: none are made; empty: snapd's default)."""


class NoDaemon:
    """Stands where snapd is not asked: it does nothing, and what it remembers is read from its state."""

    version = ""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def changes(self) -> list[SnapdChange]:
        """None."""
        return []

    def running_services(self, _snaps: Sequence[str]) -> list[str]:
        """None that can be stopped."""
        return []

    def in_the_way(self, _operation: Operation) -> None:
        """Nothing: operations on the files wait for each other by themselves."""

    def watch(self) -> Watch:
        """Sees nothing."""
        return _Idle()

    def attach(self, change: str, _job: Progress) -> NoReturn:
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

    def set_retention(self, _text: str, _job: Progress) -> NoReturn:
        """ConflictError."""
        raise ConflictError(self.retention_refusal())


class _Idle:
    """A watch where nothing happens."""

    def look(self) -> list[Followed]:
        """Nothing."""
        return []
