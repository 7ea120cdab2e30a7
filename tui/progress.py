"""Live progress of a job in the foreground: one line on a terminal, JSON lines for a program, or nothing."""

import signal
import sys
import time
from collections import deque
from collections.abc import Callable

from backend import Advanced, Event, Job, Noted, Started, event_json
from tui.present import ProgressView, plain, progress_line

INTERVAL = 0.25
WINDOW = 10.0
SETTLED = 3.0


class Meter:
    """Bytes done over time: the rate over the last ten seconds, the time left once it has settled."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._marks: deque[tuple[float, int]] = deque()
        self._since = 0.0
        self.title = ""
        self.total: int | None = None
        self.done = 0

    def hear(self, event: Event) -> None:
        """Take in an event."""
        match event:
            case Started(title, total):
                self.title, self.total, self.done = title, total, 0
                self._since = self._clock()
                self._marks = deque([(self._since, 0)])
            case Advanced(done):
                self.done = done
                now = self._clock()
                self._marks.append((now, done))
                while self._marks[0][0] < now - WINDOW and len(self._marks) > 2:
                    self._marks.popleft()
            case Noted():
                pass

    def view(self) -> ProgressView:
        """The present moment."""
        now = self._clock()
        (then, before) = self._marks[0] if self._marks else (now, 0)
        rate = (self.done - before) / (now - then) if now > then else 0.0
        left = None
        if self.total and rate > 0 and now - self._since >= SETTLED:
            left = max(0.0, (self.total - self.done) / rate)
        return ProgressView(self.title, self.done, self.total, rate, left)


class Foreground:
    """Watches a job for the command line, and stops it on Ctrl-C, SIGTERM and a hang-up.

    Notes go to standard error as they come. `json` prints every event on standard output, or on standard
    error when the data themselves go to standard output (`data_out`).
    """

    def __init__(self, *, json: bool = False, data_out: bool = False) -> None:
        self._json = json
        self._out = sys.stderr if data_out else sys.stdout
        self._terminal = not json and sys.stderr.isatty()
        self._meter = Meter()
        self._drawn_at = 0.0
        self._shown = False

    def watch(self, job: Job) -> Callable[[Event], None]:
        """Begin to follow a job; answers with the listener to its events."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda _number, _frame: job.stop())
        return self.hear

    def hear(self, event: Event) -> None:
        """Show an event."""
        if self._json:
            self.line(event_json(event))
            return
        self._meter.hear(event)
        if isinstance(event, Noted):
            self.clear()
            print(plain(event.text), file=sys.stderr)
        elif self._terminal:
            self._draw()

    def line(self, document: dict[str, object]) -> None:
        """Print one JSON object on a line of its own."""
        import json

        print(json.dumps(document), file=self._out, flush=True)

    def _draw(self) -> None:
        now = time.monotonic()
        if now - self._drawn_at < INTERVAL:
            return
        import shutil

        self._drawn_at = now
        width = shutil.get_terminal_size().columns - 1
        sys.stderr.write(f"\r{progress_line(self._meter.view(), width)}\x1b[K")
        sys.stderr.flush()
        self._shown = True

    def clear(self) -> None:
        """Take the line of progress away again."""
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._shown = False
