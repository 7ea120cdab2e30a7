"""How far a job is: its events folded into one value, the same for every face and for one who comes late."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from backend import Advanced, Entered, Event, Noted, PartAdvanced, Planned, Started
from tui.session.meter import Meter, TimeLeft

LONGEST = 4000  # letters of what somebody else's journal says
_NOTES_KEPT = 200
_MOST_PARTS = 100
_MOST_PHASES = 50
_LINGERS = 3.0  # seconds for which a part without news is still what the job is at


class PartView(NamedTuple):
    """A part of the present phase that is under way, in bytes; `total` is None while it is not known.

    `file` is the one it has come to, or nothing.
    """

    name: str
    done: int
    total: int | None
    file: str = ""


class PhaseView(NamedTuple):
    """A phase of a job: bytes done and in all (None: not known, a forecast if `about`), and how long it took.

    Of its `parts` (0: not known) so many have ended.
    """

    title: str
    done: int = 0
    total: int | None = None
    about: bool = False
    seconds: float = 0.0
    parts: int = 0
    parts_ended: int = 0
    has_begun: bool = False
    has_ended: bool = False

    @property
    def size(self) -> int:
        """What it weighs in the whole, in bytes."""
        if self.total is None:
            return 0
        return self.done if self.has_ended else max(self.total, self.done)


class JobProgress(NamedTuple):
    """How far a job is: all of it by `phases`, in bytes, at a `rate` a second, the seconds `left` if known.

    `parts` are under way at this moment; `part` is the one that bytes come from. `notes` are the last of all
    `warnings` that there were.
    """

    phases: tuple[PhaseView, ...] = ()
    rate: float = 0.0
    left: float | None = None
    part: str = ""
    parts: tuple[PartView, ...] = ()
    notes: tuple[str, ...] = ()
    warnings: int = 0

    @property
    def file(self) -> str:
        """The file that bytes come from, or nothing."""
        return next((part.file for part in self.parts if part.name == self.part), "")

    @property
    def phase(self) -> PhaseView | None:
        """The phase that is under way, or else the last one."""
        begun = [phase for phase in self.phases if phase.has_begun]
        return begun[-1] if begun else None

    @property
    def done(self) -> int:
        """The bytes that are done of all phases whose size is known."""
        return sum(min(phase.done, phase.size) for phase in self.phases)

    @property
    def total(self) -> int:
        """The bytes of all phases, as far as they are known; 0 where none are."""
        return sum(phase.size for phase in self.phases)

    @property
    def about(self) -> bool:
        """Whether some of them are only a forecast."""
        return any(phase.about and phase.total and not phase.has_ended for phase in self.phases)

    @property
    def share(self) -> float:
        """How much is done, from 0 to 1; all only once nothing is left to do."""
        return min(1.0, self.done / self.total) if self.total else 0.0

    @property
    def percent(self) -> int:
        """The same in whole percent."""
        return int(100 * self.share)

    @property
    def moved(self) -> tuple[int, float]:
        """Bytes that were worked on in phases that count them, and the seconds that it took."""
        counted = [phase for phase in self.phases if phase.total is not None]
        return sum(phase.done for phase in counted), sum(phase.seconds for phase in counted)


NOTHING_YET = JobProgress()


class ProgressFold:
    """What the events of one piece of work come to.

    Where an event has a time (`at`, on the same clock) that counts, so that one who comes late sees the same.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last = 0.0
        self._meter = Meter()
        self._left = TimeLeft()
        self._phases: list[PhaseView] = []
        self._parts: dict[str, PartView] = {}
        self._moved_at: dict[str, float] = {}
        self._entered = ""
        self._part = ""
        self._notes: list[str] = []
        self._warnings = 0

    def handle(self, event: Event, at: float | None = None) -> None:
        """Take in an event; `at` is when it happened, now without it."""
        now = self._moment(at)
        match event:
            case Planned(steps):
                self._plan(steps)
            case Started():
                self._start(_phase_of(event), now)
            case Advanced(done):
                self._advance(sound(done) or 0, now)
            case Entered(part):
                self._entered = part[:LONGEST]
            case PartAdvanced():
                self._count_part(event, now)
            case Noted(text):
                self._warnings += 1
                self._notes = [*self._notes[1 - _NOTES_KEPT :], text[:LONGEST]]

    def view(self) -> JobProgress:
        """The present moment."""
        now = max(self._clock(), self._last)
        return JobProgress(
            phases=tuple(self._phases),
            rate=self._meter.rate(now),
            left=self._seconds_left(now),
            part=self._part if self._part in self._parts else self._entered,
            parts=tuple(self._parts.values()),
            notes=tuple(self._notes),
            warnings=self._warnings,
        )

    def _seconds_left(self, now: float) -> float | None:
        """Nothing while no bytes are counted, or none come."""
        present = self._present
        if present is None or self._phases[present].total is None or self._meter.is_quiet(now):
            return None
        return self._left.at(now)

    def _moment(self, at: float | None) -> float:
        """When an event happened: never before the one before it, never in the future."""
        now = self._clock()
        self._last = max(self._last, min(now, at)) if at is not None and at == at else now
        return self._last

    # -- phases

    @property
    def _present(self) -> int | None:
        """Which phase is under way, or else was the last one."""
        begun = sum(phase.has_begun for phase in self._phases)
        return begun - 1 if begun else None

    def _plan(self, steps: Sequence[Started]) -> None:
        begun = [phase for phase in self._phases if phase.has_begun]
        self._phases = [*begun, *map(_phase_of, steps[: _MOST_PHASES - len(begun)])]

    def _start(self, phase: PhaseView, now: float) -> None:
        """Begin a phase: the next one of this title, or one that nobody planned."""
        self._end(now)
        past = [before for before in self._phases if before.has_begun][1 - _MOST_PHASES :]
        ahead = [later for later in self._phases if not later.has_begun]
        titles = [later.title for later in ahead]
        if phase.title in titles:
            planned = ahead[titles.index(phase.title)]
            ahead = ahead[titles.index(phase.title) + 1 :]
            if phase.total is None:
                phase = planned
        self._phases = [*past, phase._replace(has_begun=True), *ahead]
        self._parts.clear()
        self._moved_at.clear()
        self._entered = self._part = ""
        self._meter.begin(now)

    def _end(self, now: float) -> None:
        if (present := self._present) is not None:
            seconds = self._meter.seconds(now)
            self._change(present, has_ended=True, seconds=seconds)

    def _change(self, number: int, **facts: Any) -> None:
        self._phases[number] = self._phases[number]._replace(**facts)

    def _advance(self, done: int, now: float) -> None:
        if self._meter.is_asleep(now):
            self._left.forget()
        self._meter.count(done, now)
        if (present := self._present) is None:
            return
        phase = self._phases[present]
        self._change(present, done=max(phase.done, done), seconds=self._meter.seconds(now))
        rate, view = self._meter.rate(now), JobProgress(tuple(self._phases))
        if view.total and phase.total is not None and rate and self._meter.is_settled(now):
            self._left.update((view.total - view.done) / rate, now)
        else:
            self._left.wait(now)

    # -- parts

    def _count_part(self, event: PartAdvanced, now: float) -> None:
        part = PartView(
            event.part[:LONGEST], sound(event.done) or 0, sound(event.total), event.file[:LONGEST]
        )
        before = self._parts.get(part.name)
        if event.ended:
            self._parts.pop(part.name, None)
            self._moved_at.pop(part.name, None)
            if self._part == part.name:
                self._part = max(self._moved_at, key=lambda name: self._moved_at[name], default="")
            if (present := self._present) is not None:
                self._change(present, parts_ended=self._phases[present].parts_ended + 1)
        elif before is not None or len(self._parts) < _MOST_PARTS:
            self._parts[part.name] = part
            if part.done > (before.done if before else 0):
                self._moved_at[part.name] = now
                if now - self._moved_at.get(self._part, 0.0) > _LINGERS or self._part not in self._parts:
                    self._part = part.name


def _phase_of(step: Started) -> PhaseView:
    return PhaseView(
        step.title[:LONGEST], total=sound(step.total), about=step.about, parts=sound(step.parts) or 0
    )


def time_of(document: Mapping[str, Any]) -> float | None:
    """When an event of a journal happened, in seconds since the epoch, or None where it does not say."""
    at = document.get("at")
    return at if isinstance(at, int | float) and 0 < at < 1 << 53 else None


def sound(count: int | None) -> int | None:
    """An amount that can be reckoned with, whatever a journal says."""
    return None if count is None else max(0, min(count, 1 << 62))
