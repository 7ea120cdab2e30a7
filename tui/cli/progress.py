"""Live progress of a job in the foreground: one line on a terminal, JSON lines for a program, or nothing."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Self, TypeVar

from backend import Event, Noted, Progress, event_json
from tui.cli.context import Context
from tui.cli.output import print_status
from tui.session.job_progress import LONGEST, ProgressFold
from tui.text import cells, cut_middle, plain
from tui.views.progress_text import Span, Spans, flat, phase_text, progress_line, width_of

INTERVAL = 0.25

_STOPS = (signal.SIGINT, signal.SIGTERM)
_ERASE = "\r\x1b[K"
_BAR, _SHORTEST_PART, _FIGURES = 20, 8, 62  # columns
_ECHO = "^C"  # what a terminal adds to the line, which must not wrap then
_STOPPING = b"Stopping, and undoing what was done..."
_TOO_LATE = b"Too late to stop, finishing..."


Outcome = TypeVar("Outcome")


def interruptible(context: Context, look: Callable[[Progress], Outcome]) -> Outcome:
    """Look something up that may take long: its progress is shown, and a signal stops it."""
    with Foreground(json=context.json, data_out=True) as foreground:
        progress = Progress(foreground.handle)
        foreground.watch(progress)
        return look(progress)


class Foreground:
    """Watches a job for the command line; Ctrl-C and SIGTERM stop it, a hang-up only ends the output.

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
        self._fold = ProgressFold(clock)
        self._drawn_at = -INTERVAL
        self._shown = False
        self._standing = ""
        self._kept: dict[int, object] = {}
        self.noted: set[str] = set()
        self.unwritten: OSError | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._clear()
        for number, action in self._kept.items():
            signal.signal(number, action)  # type: ignore[arg-type] # it came from signal.signal
        self._kept.clear()

    def watch(self, progress: Progress) -> Callable[[Event], None]:
        """Begin to follow a job; answers with the listener to its events."""

        def stop(_number: int, _frame: FrameType | None) -> None:
            """Ask the job to stop, and say so at once."""
            progress.stop()
            if self._shown:  # not through the stream, which may be in the middle of a write
                os.write(2, _ERASE.encode() + (_STOPPING if progress.stopping else _TOO_LATE))

        for number in _STOPS:
            if signal.getsignal(number) != signal.SIG_IGN:  # a shell's background job
                self._kept[number] = signal.signal(number, stop)
        self._kept[signal.SIGHUP] = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        return self.handle

    def greet(self, name: str, text: str) -> None:
        """Say which job it is that is followed now."""
        if self._json:
            self.line({"event": "attached", "job": name})
        else:
            print_status(text)

    def stand(self, standing: str) -> None:
        """Nothing has come for a moment; say why the job makes no progress, where that is known."""
        changed, self._standing = standing != self._standing, standing
        if self._terminal:
            self._draw()
        elif changed and self._json:
            self.line({"event": "standing", "text": standing})
        elif changed and standing:
            print_status(plain(standing))

    def handle(self, event: Event, at: float | None = None) -> None:
        """Show an event; `at` is when it happened, now without it."""
        if self._json:
            self.line(event_json(event))
            return
        self._fold.handle(event, at)
        if isinstance(event, Noted):
            if event.text not in self.noted:
                self.noted.add(event.text)
                self._clear()
                print_status(plain(event.text[:LONGEST]))
        elif self._terminal:
            self._draw()

    def line(self, document: dict[str, object]) -> None:
        """Print one JSON object on a line of its own.

        The work goes on where it cannot be written: `unwritten` is why, unless the reader went away.
        """
        import json

        try:
            self._out.write(f"{json.dumps(document)}\n")
            self._out.flush()
        except BrokenPipeError:
            pass
        except OSError as cause:
            self.unwritten = cause

    def _draw(self) -> None:
        now = self._clock()
        if now - self._drawn_at < INTERVAL:
            return
        self._drawn_at = now
        self._write(f"\r{flat(self._line(_columns() - len(_ECHO) - 1))}\x1b[K")
        self._shown = True

    def _line(self, width: int) -> Spans:
        """The job on one line: its phase, a bar, figures, and at the end what comes and goes."""
        progress = self._fold.view()
        head = Span(phase_text(progress.phase) if progress.phase else "")
        at = plain(self._standing or progress.part)
        kept = min(cells(at), max(0, width - _FIGURES)) + 2 if at else 0
        line = progress_line(progress, width - kept, (head,), longest=_BAR)
        at = cut_middle(at, width - width_of(line) - 2)
        return (*line, Span("  "), Span(at)) if cells(at) >= _SHORTEST_PART else line

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


@contextmanager
def watched_progress() -> Iterator[Progress]:
    """Show how far it is what is done meanwhile, which Ctrl-C stops."""
    with Foreground() as foreground:
        progress = Progress(foreground.handle)
        foreground.watch(progress)
        yield progress
