"""How far a piece of work is, at what rate, and how long it will still take."""

import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from backend import Advanced, Entered, Event, Noted, PartAdvanced, Started
from tui.text import ProgressView

WINDOW = 10.0
SETTLED = 3.0
GAP = 30.0
SWING = 2.0
LONGEST = 4000  # letters of what somebody else's journal says


class Moved(NamedTuple):
    """Bytes that were worked on, and the seconds that it took."""

    done: int
    seconds: float


class Meter:
    """Bytes done over time: the rate over the last ten seconds, the time left once it has settled.

    `part` is what the step is at, as told last, or empty. Where an event has a time (`at`, on the same clock)
    that counts, so that one who comes late sees the same. A time in which the machine or the job slept does
    not count.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._marks: deque[tuple[float, int]] = deque()
        self._since = 0.0
        self._last = 0.0
        self._began = 0.0
        self._slept = 0.0
        self._most = Moved(0, 0.0)
        self.title = ""
        self.part = ""
        self.total: int | None = None
        self.done = 0

    def handle(self, event: Event, at: float | None = None) -> None:
        """Take in an event; `at` is when it happened, now without it."""
        now = self._moment(at)
        match event:
            case Started(title, total):
                self.title, self.total, self.done, self.part = title[:LONGEST], sound(total), 0, ""
                self._since = self._began = now
                self._slept = 0.0
                self._marks = deque([(now, 0)])
            case Advanced(done):
                self._advance(sound(done) or 0, now)
            case Entered(part):
                self.part = part[:LONGEST]
            case Noted() | PartAdvanced():
                pass

    def _moment(self, at: float | None) -> float:
        """When an event happened: never before the one before it, never in the future."""
        now = self._clock()
        self._last = max(self._last, min(now, at)) if at is not None and at == at else now
        return self._last

    def _advance(self, done: int, now: float) -> None:
        self.done = done
        if self._marks and now - self._marks[-1][0] > self._longest_gap():
            self._slept += now - self._marks[-1][0]
            self._since = now
            self._marks.clear()
        self._marks.append((now, done))
        while len(self._marks) > 2 and self._marks[1][0] <= now - WINDOW:
            self._marks.popleft()
        if done >= self._most.done:
            self._most = Moved(done, max(0.0, now - self._began - self._slept))

    def _longest_gap(self) -> float:
        """How long nothing may come without anybody having slept; a step may be slow to begin."""
        if len(self._marks) < 2:
            return float("inf")
        return max(GAP, 5 * (self._marks[-1][0] - self._marks[-2][0]))

    @property
    def moved(self) -> Moved:
        """What the step did that counted most."""
        return self._most

    def view(self) -> ProgressView:
        """The present moment; where more is done than was announced, that is the total."""
        now = max(self._clock(), self._last)
        then, before = self._marks[0] if self._marks else (now, 0)
        asleep = bool(self._marks) and now - self._marks[-1][0] > self._longest_gap()
        rate = (self.done - before) / (now - then) if now > then and not asleep else 0.0
        total = None if self.total is None else max(self.total, self.done)
        left = None
        if total and rate > 0 and now - self._since >= SETTLED and not self._swings(now, rate):
            left = (total - self.done) / rate
        return ProgressView(self.title, self.done, total, rate, left)

    def _swings(self, now: float, rate: float) -> bool:
        """Whether the last seconds went at quite another rate than those before."""
        earlier = [mark for mark in self._marks if mark[0] <= now - WINDOW / 3]
        then, before = earlier[-1] if earlier else self._marks[0]
        lately = (self.done - before) / (now - then) if now > then else rate
        return not rate / SWING <= lately <= rate * SWING


def time_of(document: Mapping[str, Any]) -> float | None:
    """When an event of a journal happened, in seconds since the epoch, or None where it does not say."""
    at = document.get("at")
    return at if isinstance(at, int | float) and 0 < at < 1 << 53 else None


def sound(count: int | None) -> int | None:
    """An amount that can be reckoned with, whatever a journal says."""
    return None if count is None else max(0, min(count, 1 << 62))
