"""Live progress of a job in the foreground: one line on a terminal, JSON lines for a program, or nothing."""

import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any, NamedTuple, Self

from backend import Advanced, Entered, Event, Job, Noted, PartAdvanced, Started, event_json
from tui.cli.output import say
from tui.text import ProgressView, plain, progress_line

INTERVAL = 0.25
WINDOW = 10.0
SETTLED = 3.0
GAP = 30.0
SWING = 2.0
LONGEST = 4000  # letters of what somebody else's journal says

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_ERASE = "\r\x1b[K"
_ECHO = "^C"  # what a terminal adds to the line, which must not wrap then
_STOPPING = b"Stopping, and undoing what was done..."
_TOO_LATE = b"Too late to stop, finishing..."


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

    def hear(self, event: Event, at: float | None = None) -> None:
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


class Foreground:
    """Watches a job for the command line, and stops it on Ctrl-C, SIGTERM and a hang-up.

    A context manager: when it is left, the line of progress is gone and signals mean what they meant before.
    Notes go to standard error as they come, each once. `json` prints every event on standard output, or on
    standard error when the data themselves go to standard output (`data_out`).
    """

    def __init__(
        self, *, json: bool = False, data_out: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._json = json
        self._out = sys.stderr if data_out else sys.stdout
        self._terminal = not json and sys.stderr.isatty()
        self._clock = clock
        self._meter = Meter(clock)
        self._drawn_at = -INTERVAL
        self._shown = False
        self._standing = ""
        self._kept: dict[int, object] = {}
        self.noted: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._clear()
        for number, action in self._kept.items():
            signal.signal(number, action)  # type: ignore[arg-type] # it came from signal.signal
        self._kept.clear()

    def watch(self, job: Job) -> Callable[[Event], None]:
        """Begin to follow a job; answers with the listener to its events."""

        def stop(_number: int, _frame: FrameType | None) -> None:
            job.stop()
            if self._shown:  # not through the stream, which may be in the middle of a write
                os.write(2, _ERASE.encode() + (_STOPPING if job.stopping else _TOO_LATE))

        for number in _SIGNALS:
            if signal.getsignal(number) != signal.SIG_IGN:  # nohup, or a shell's background job
                self._kept[number] = signal.signal(number, stop)
        return self.hear

    def greet(self, name: str, text: str) -> None:
        """Say which job it is that is followed now."""
        if self._json:
            self.line({"event": "attached", "job": name})
        else:
            say(text)

    def stand(self, standing: str) -> None:
        """Nothing has come for a moment; say why the job makes no progress, where that is known."""
        changed, self._standing = standing != self._standing, standing
        if self._terminal:
            self._draw()
        elif changed and self._json:
            self.line({"event": "standing", "text": standing})
        elif changed and standing:
            say(plain(standing))

    def hear(self, event: Event, at: float | None = None) -> None:
        """Show an event; `at` is when it happened, now without it."""
        if self._json:
            self.line(event_json(event))
            return
        self._meter.hear(event, at)
        if isinstance(event, Noted):
            if event.text not in self.noted:
                self.noted.add(event.text)
                self._clear()
                say(plain(event.text[:LONGEST]))
        elif self._terminal:
            self._draw()

    def line(self, document: dict[str, object]) -> None:
        """Print one JSON object on a line of its own; a reader who went away does not stop the work."""
        import json

        try:
            self._out.write(f"{json.dumps(document)}\n")
            self._out.flush()
        except OSError:
            pass

    def _draw(self) -> None:
        now = self._clock()
        if now - self._drawn_at < INTERVAL:
            return
        self._drawn_at = now
        view = self._meter.view()
        if more := self._standing or self._meter.part:
            view = view._replace(title=": ".join(filter(None, (view.title, more))))
        self._write(f"\r{progress_line(view, _columns() - len(_ECHO) - 1)}\x1b[K")
        self._shown = True

    def _clear(self) -> None:
        if self._shown:
            self._write(_ERASE)
            self._shown = False

    def _write(self, text: str) -> None:
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except OSError:
            self._terminal = False  # it was hung up; the work goes on until a signal says otherwise


def _columns() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except OSError:
        return 80
