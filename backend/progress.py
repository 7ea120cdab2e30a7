"""A piece of work as others see it: events out, the wish to stop in.

The call that counts bytes is the call that notices the stop. `Progress()` alone is silent and never stops.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from backend.errors import Cancelled

if TYPE_CHECKING:
    from backend.steps import Step


class Started(NamedTuple):
    """A step began; `total` is in bytes, None while it is not known, a forecast where it is `about`.

    It has so many `parts`, 0 where that is not known.
    """

    title: str
    total: int | None
    about: bool = False
    parts: int = 0


class Planned(NamedTuple):
    """The steps that are to come, as far as they are known now: what was planned before holds no longer."""

    steps: tuple[Started, ...]


class Advanced(NamedTuple):
    """How many bytes of the present step are done."""

    done: int


class Noted(NamedTuple):
    """Something the user should know that does not end the work."""

    text: str


class Entered(NamedTuple):
    """The work came to a part of the present step: a snap, a user, a file."""

    part: str


class PartAdvanced(NamedTuple):
    """How far a part of the present step is, in bytes; `total` is None while it is not known.

    Several parts may be under way at once; each is told a last time when it has `ended`, well or not.
    `file` is the one it has come to, where that is known.
    """

    part: str
    done: int
    total: int | None
    ended: bool = False
    file: str = ""


Event: TypeAlias = Planned | Started | Advanced | Noted | Entered | PartAdvanced

INTERVAL = 0.1
PART_INTERVAL = 0.5


def _ignore(_event: Event) -> None:
    """Nobody listens."""


def _forget(_step: "Step") -> None:
    """Nothing is kept: the work cannot be recovered after a crash."""


class Progress:
    """Tells events to `tell`, at most ten counts a second and one at the end of each step.

    `record_step` makes a step last before it is taken, so that it can be recovered after a crash; `name` is
    part of the names of what the work leaves on disk on its way.

    All methods may be called from any thread. `raise_if_cancelled` and `advance` raise Cancelled once
    `stop` was called; `uncancellable` work (past the point of no return) never notices a stop.
    """

    def __init__(
        self,
        tell: Callable[[Event], None] = _ignore,
        clock: Callable[[], float] = time.monotonic,
        record_step: "Callable[[Step], None]" = _forget,
        name: str = "0",
    ) -> None:
        self._tell = tell
        self.clock = clock
        self.record_step = record_step
        self.name = name
        self._lock = threading.RLock()
        self._stopped = False
        self._shields = 0
        self._watchers: list[Callable[[], None]] = []
        self._done = 0
        self._told_at = 0.0

    def quiet(self) -> "Progress":
        """The same work, its stop noticed and its bytes not counted."""
        return _Quiet(self)

    def group(self) -> "Progress":
        """The same work, counted and told as it is, by several threads that can be stopped by themselves."""
        return _Group(self)

    def stop(self) -> None:
        """Ask the work to stop; it undoes what it did and then raises Cancelled.

        May be called from a signal handler: it takes no lock.
        """
        self._stopped = True
        if not self._shields:
            for watcher in tuple(self._watchers):
                watcher()

    @property
    def stopping(self) -> bool:
        """Whether a stop was asked for and may still be followed."""
        return self._stopped and not self._shields

    def raise_if_cancelled(self) -> None:
        """Raise Cancelled when a stop was asked for."""
        if self.stopping:
            raise Cancelled

    def advance(self, amount: int) -> None:
        """Count bytes done in the present step; raises Cancelled when a stop was asked for."""
        self.raise_if_cancelled()
        with self._lock:
            self._done += amount
            now = self.clock()
            if now - self._told_at >= INTERVAL:
                self._told_at = now
                self._tell(Advanced(self._done))

    def enter(self, part: str) -> None:
        """Say which part of the step comes next."""
        with self._lock:
            self._tell(Entered(part))

    def note(self, text: str) -> None:
        """Say something that the user should know."""
        with self._lock:
            self._tell(Noted(text))

    @contextmanager
    def part(self, name: str, total: int | None = None) -> Iterator["_Part"]:
        """A part of the present step, entered and counted on its own as well: count on the job it yields."""
        self.enter(name)
        part = _Part(self, name, total)
        part.report()
        try:
            yield part
        finally:
            part.report(ended=True)

    def report_part(self, progress: PartAdvanced) -> None:
        """Say how far a part is."""
        with self._lock:
            self._tell(progress)

    def plan(self, *steps: Started) -> None:
        """Say which steps are to come, each with its bytes where they are known: a job is as long as all."""
        with self._lock:
            self._tell(Planned(steps))

    @contextmanager
    def step(
        self, title: str, total: int | None = None, *, about: bool = False, parts: int = 0
    ) -> Iterator[None]:
        """A step of the work, as `Started` tells of it; counts inside it start at zero."""
        with self._lock:
            self._done = 0
            self._told_at = self.clock()
            self._tell(Started(title, total, about, parts))
        yield
        with self._lock:
            self._tell(Advanced(self._done))

    @contextmanager
    def uncancellable(self) -> Iterator[None]:
        """Work that must not be stopped half-way."""
        self.raise_if_cancelled()
        self._shields += 1
        try:
            yield
        finally:
            self._shields -= 1

    @contextmanager
    def on_cancel(self, act: Callable[[], None]) -> Iterator[None]:
        """Call `act` (from any thread, at most briefly) as soon as a stop is asked for inside."""
        self._watchers.append(act)
        try:
            if self.stopping:
                act()
            yield
        finally:
            self._watchers.remove(act)


class _Within(Progress):
    """Stops, and is uncancellable, when and as the job it belongs to."""

    def __init__(self, progress: Progress) -> None:
        super().__init__(clock=progress.clock, name=progress.name, record_step=progress.record_step)
        self._progress = progress

    @property
    def stopping(self) -> bool:
        """Whether the other job is to stop."""
        return self._progress.stopping

    @contextmanager
    def uncancellable(self) -> Iterator[None]:
        """Work during which the other job must not be stopped."""
        with self._progress.uncancellable():
            yield

    @contextmanager
    def on_cancel(self, act: Callable[[], None]) -> Iterator[None]:
        """Call `act` as soon as the other job is to stop."""
        with self._progress.on_cancel(act):
            yield


class _Quiet(_Within):
    """Counts and tells nothing."""


class _Group(_Within):
    """Counts and tells all for the job it belongs to; its own stop ends nothing else."""

    @property
    def stopping(self) -> bool:
        """Whether it, or the job, is to stop."""
        return self._stopped or self._progress.stopping

    @contextmanager
    def on_cancel(self, act: Callable[[], None]) -> Iterator[None]:
        """Call `act` as soon as it, or the job, is to stop."""
        with self._progress.on_cancel(act), Progress.on_cancel(self, act):
            yield

    def advance(self, amount: int) -> None:
        """Count for the job."""
        self.raise_if_cancelled()
        self._progress.advance(amount)

    def report_part(self, progress: PartAdvanced) -> None:
        """Say how far a part is."""
        self._progress.report_part(progress)

    def enter(self, part: str) -> None:
        """Say which part comes next."""
        self._progress.enter(part)

    def note(self, text: str) -> None:
        """Say something that the user should know."""
        self._progress.note(text)


class _Part(_Group):
    """Counts for its part and for the job; tells the part's count at most twice a second."""

    def __init__(self, progress: Progress, name: str, total: int | None) -> None:
        super().__init__(progress)
        self._part = name
        self._total = total
        self._reported_at = 0.0
        self._file: Callable[[], str] = str

    def follow(self, file: Callable[[], str]) -> None:
        """From now on, say with each count which file the part has come to: `file` names it."""
        self._file = file

    def advance(self, amount: int) -> None:
        """Count bytes done in the part and in the step."""
        super().advance(amount)
        with self._lock:
            self._done += amount
            if self.clock() - self._reported_at >= PART_INTERVAL:
                self.report()

    def report(self, *, ended: bool = False) -> None:
        """Say how far the part is."""
        self._reported_at = self.clock()
        file = "" if ended else self._file()
        self.report_part(PartAdvanced(self._part, self._done, self._total, ended, file))


def event_json(event: Event) -> dict[str, Any]:
    """Return an event as a plain mapping."""
    match event:
        case Planned(steps):
            return {"event": "planned", "steps": [_step_json(step) for step in steps]}
        case Started():
            return {"event": "started", **_step_json(event)}
        case Advanced(done):
            return {"event": "advanced", "done": done}
        case Noted(text):
            return {"event": "noted", "text": text}
        case Entered(part):
            return {"event": "entered", "part": part}
        case PartAdvanced(part, done, total, ended, file):
            known = {"event": "part", "part": part, "done": done, "total": total, "ended": ended}
            return {**known, "file": file} if file else known


def _step_json(step: Started) -> dict[str, Any]:
    known: dict[str, Any] = {"title": step.title, "total": step.total}
    if step.about:
        known["about"] = True
    return {**known, "parts": step.parts} if step.parts else known


def event_from_json(document: Mapping[str, Any]) -> Event:
    """Return the event that a mapping made by `event_json` describes; what is none is a note of it."""
    match document:
        case {"event": "started", "title": str(), "total": int() | None}:
            return _step_of(document)
        case {"event": "planned", "steps": list(steps)}:
            return Planned(tuple(_step_of(step) for step in steps if isinstance(step, dict)))
        case {"event": "advanced", "done": int(done)}:
            return Advanced(done)
        case {"event": "entered", "part": str(part)}:
            return Entered(part)
        case {"event": "part", "part": str(part), "done": int(done), "total": (int() | None) as total}:
            return PartAdvanced(
                part, done, total, document.get("ended") is True, str(document.get("file", ""))
            )
        case _:
            return Noted(str(document.get("text", document)))


def _step_of(document: Mapping[str, Any]) -> Started:
    total, parts = document.get("total"), document.get("parts")
    return Started(
        title=str(document.get("title", "")),
        total=total if isinstance(total, int) else None,
        about=document.get("about") is True,
        parts=parts if isinstance(parts, int) else 0,
    )
