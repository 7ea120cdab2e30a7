"""Following a job in lines: few of them, each whole, and how it ended."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from backend import NotFoundError, Operation, command_line
from backend.host import logout_warning
from tui.plain.console import Console, Dropped
from tui.plain.words import ending_lines, progress_words
from tui.session.job_progress import JobProgress
from tui.session.job_views import JobBoard, JobView
from tui.session.place import Place, waiting
from tui.text import plain

POLL = 0.25
OFTEN, SELDOM, STEP = 2.0, 10.0, 10
_MOST_NOTES = 20
_PATIENCE = 40  # looks for a job that is about to begin


class Telling(NamedTuple):
    """What was told last of a job: when, of which step, and at how many percent."""

    at: float
    title: str
    percent: int


class Teller:
    """Tells of a job's progress: at ten percent more or after ten seconds, and never twice in two seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._told: Telling | None = None
        self._notes = 0

    def lines(self, view: JobView) -> Iterator[str]:
        """What is to be told now."""
        progress = view.progress
        fresh = progress.warnings - self._notes
        if fresh > 0:
            yield from (f"Note: {plain(note)}" for note in progress.notes[-fresh:][:_MOST_NOTES])
            if fresh > _MOST_NOTES:
                yield f"And {fresh - _MOST_NOTES} more notes."
            self._notes = progress.warnings
        if view.is_running and (phase := progress.phase) and self._is_due(progress):
            self._told = Telling(self._clock(), phase.title, progress.percent)
            yield f"{progress_words(progress)}{f', {plain(view.stall)}' if view.stall else ''}."

    def _is_due(self, progress: JobProgress) -> bool:
        last = self._told
        if last is None:
            return True
        quiet = self._clock() - last.at
        title = progress.phase.title if progress.phase else ""
        is_further = title != last.title or progress.percent >= last.percent + STEP
        return quiet >= SELDOM or (quiet >= OFTEN and is_further)


class Desk(NamedTuple):
    """Where somebody works by questions and answers.

    `read` carries out a verb that only reads, and returns the lines that it prints.
    """

    place: Place
    console: Console
    board: JobBoard
    read: Callable[[Sequence[str]], list[str]] = lambda _arguments: []
    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep

    def view(self, number: int) -> JobView:
        """How a job stands; NotFoundError where there is none."""
        for view in self.board.views(number):
            if view.id == number:
                return view
        raise NotFoundError(f"there is no job {number}")


def same_as(desk: Desk, operation: Operation) -> str:
    """The command that does the same."""
    return f"Command: {plain(command_line(operation, desk.place.location_options))}"


def start(desk: Desk, operation: Operation) -> None:
    """Start an operation as a job and follow it. Raises SnapshotError."""
    if busy := desk.place.in_the_way((operation,)):
        if not desk.console.agrees(f"snapd is busy with {busy}. Wait for it?"):
            raise Dropped
        operation = waiting(operation)
    if warning := logout_warning():
        desk.console.say(f"Warning: {warning}")
    try:
        record = desk.place.runner.start(operation)
    except KeyboardInterrupt:
        desk.console.say("", "The job was just being started. To see whether it runs, type: jobs")
        return
    follow(desk, record.id, f"Started job {record.id}. {same_as(desk, operation)}")


def follow(desk: Desk, number: int, *before: str) -> None:
    """Follow a job to its end; Ctrl-C leaves it running. Raises SnapshotError."""
    teller = Teller(desk.clock)
    try:
        desk.console.say(*before)
        while (view := desk.view(number)).is_running:
            desk.console.say(*teller.lines(view))
            desk.pause(POLL)
        desk.console.say(*teller.lines(view), *ending_lines(view))
        if view.result.again:
            _follow_next(desk, number)
    except KeyboardInterrupt:
        desk.console.say("", f"Job {number} keeps running. To follow it again, type: attach {number}")
        desk.console.say(f"To stop and undo it, type: stop {number}")


def _follow_next(desk: Desk, number: int) -> None:
    """Follow the job that does the rest of one that has ended another, once it is there."""
    for _ in range(_PATIENCE):
        later = [view.id for view in desk.board.views() if view.id > number]
        if later:
            follow(desk, min(later))
            return
        desk.pause(POLL)
