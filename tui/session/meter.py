"""At what rate bytes are worked on, and how long it will still take, in a way that does not jump."""

from collections import deque
from math import exp

WINDOW = 10.0
SETTLED = 3.0
GAP = 30.0
_SMOOTHING = 6.0  # seconds in which most of a change of the rate is believed
_STEADY = 0.2  # by what share the time left may seem to grow without being told so
_FASTEST = 0.15  # by what share it may be told to grow in a second


class Meter:
    """Bytes done over time, as a clock says that is handed in with each count.

    A time in which the machine or the job slept does not count.
    """

    def __init__(self) -> None:
        self._marks: deque[tuple[float, int]] = deque()
        self._began = 0.0
        self._since = 0.0
        self._slept = 0.0

    def begin(self, now: float) -> None:
        """Measure anew from here."""
        self._began = self._since = now
        self._slept = 0.0
        self._marks = deque([(now, 0)])

    def count(self, done: int, now: float) -> None:
        """So many bytes are done."""
        if self.is_asleep(now):
            self._slept += now - self._marks[-1][0]
            self._since = now
            self._marks.clear()
        self._marks.append((now, done))
        while len(self._marks) > 2 and self._marks[1][0] <= now - WINDOW:
            self._marks.popleft()

    def seconds(self, now: float) -> float:
        """For how long bytes were worked on."""
        return max(0.0, now - self._began - self._slept)

    def rate(self, now: float) -> float:
        """Bytes a second over the last ten; nothing while it seems to sleep."""
        if not self._marks or self.is_asleep(now):
            return 0.0
        (then, before), (_, done) = self._marks[0], self._marks[-1]
        return max(0.0, (done - before) / (now - then)) if now > then else 0.0

    def is_settled(self, now: float) -> bool:
        """Whether it has been measured for long enough to be believed."""
        return bool(self._marks) and now - self._since >= SETTLED

    def is_quiet(self, now: float) -> bool:
        """Whether nothing came for longer than it used to take."""
        if len(self._marks) < 2:
            return False
        return now - self._marks[-1][0] > max(5.0, 2 * (self._marks[-1][0] - self._marks[-2][0]))

    def is_asleep(self, now: float) -> bool:
        """Whether nothing came for longer than can be; a step may be slow to begin."""
        if len(self._marks) < 2:
            return False
        longest = max(GAP, 5 * (self._marks[-1][0] - self._marks[-2][0]))
        return now - self._marks[-1][0] > longest


class TimeLeft:
    """Counts down to the end of a job: a rate that wavers moves it slowly, a small setback not at all."""

    def __init__(self) -> None:
        self._end: float | None = None  # when all will be done, as it seems
        self._shown = 0.0  # the same, as it was shown last
        self._at = 0.0
        self._rises = False

    def update(self, seconds: float, now: float) -> None:
        """At the present rate it would still take so long."""
        passed, self._at = max(0.0, now - self._at), now
        if self._end is None:
            self._end = self._shown = now + seconds
            return
        self._end += (1 - exp(-passed / _SMOOTHING)) * (now + seconds - self._end)
        left = max(0.0, self._shown - now)
        behind = self._end - self._shown
        self._rises = behind > (0 if self._rises else SETTLED + _STEADY * left)
        if self._rises:
            self._shown += min(behind, passed * (1 + _FASTEST * left))
        elif behind < 0:
            self._shown = self._end

    def wait(self, now: float) -> None:
        """Nothing can be said of the rate yet: go on counting down."""
        self._at = now

    def forget(self) -> None:
        """What was believed is worth nothing any more."""
        self._end = None

    def at(self, now: float) -> float | None:
        """The seconds left, None while nobody knows."""
        return None if self._end is None else max(0.0, self._shown - now)
