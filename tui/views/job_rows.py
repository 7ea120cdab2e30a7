"""A job in words and rows: pure functions of what the board and the log tell."""

import time
from collections.abc import Iterable, Sequence

from rich.text import Text

from backend.jobs import JobState
from tui.phrases import count_phrase
from tui.session.job_views import ENDED, JobView
from tui.session.log_line import fault_line
from tui.text import ProgressView, cells, cut_middle, moment_text, plain, progress_line, size_text
from tui.views.table import Column, Line

_COLUMNS = (Column("STATE", 14), Column("COMMAND", 0), Column("STARTED", 12))
_NARROWEST, _WIDEST = 8, 18

_WORDS = {
    JobState.RUNNING: ("▶ running", ""),
    JobState.INTERRUPTED: ("! interrupted", "bad"),
    JobState.DONE: ("✓ done", "good"),
    JobState.PARTIAL: ("~ partial", "warn"),
    JobState.FAILED: ("✗ failed", "bad"),
    JobState.CANCELLED: ("- cancelled", "dim"),
    JobState.REFUSED: ("- refused", "dim"),
    JobState.ROLLED_BACK: ("< rolled back", "dim"),
}
_RICH = {"bad": "bold red", "good": "green", "warn": "yellow", "dim": "dim", "": "bold"}
ACTS = {"stop": "stop", "undo": "undo", "end": "end"}
_MONTHS = 300 * 24 * 3600
_REVERSIBLE = ("restore", "extract", "undo")
_MOST_LINES = 200


def state_text(view: JobView) -> tuple[str, str]:
    """The state in a glyph and a word, and the name of its style."""
    if view.result.undone:
        return "< undone", "dim"
    if bad := view.result.check_count.bad:
        return f"✗ {bad} bad", "bad"
    if view.is_bad and view.state is JobState.DONE:
        return _WORDS[JobState.FAILED]
    return _WORDS[view.state]


def job_line(view: JobView) -> Line:
    """A job as a row of the table."""
    word, style = state_text(view)
    shown = (_name_text(view), word, plain(view.short), moment(view.started))
    return Line(shown, ("", style, "", "dim"))


def _name_text(view: JobView) -> str:
    return cut_middle(plain(view.name), _WIDEST - 2)


def columns(views: Iterable[JobView] = (), *, narrow: bool) -> tuple[Column, ...]:
    """The columns of a table of jobs: the time goes where there is little room."""
    widest = max((cells(_name_text(view)) for view in views), default=0)
    name = Column("JOB", max(_NARROWEST, widest + 2))
    return (name, *(_COLUMNS[:-1] if narrow else _COLUMNS))


def fitted(line: Line, *, narrow: bool) -> Line:
    """The cells of a line for those columns."""
    return Line(line.cells[:-1], line.styles[:-1]) if narrow else line


def moment(seconds: float) -> str:
    """A time of today as the clock showed it, one of these months with its date, any other as a date."""
    age = time.time() - seconds
    form = "%m-%d %H:%M" if abs(age) < _MONTHS else "%Y-%m-%d"
    return _time_text("%H:%M:%S" if 0 <= age < 12 * 3600 else form, seconds)


def _time_text(form: str, seconds: float) -> str:
    try:
        return time.strftime(form, time.localtime(seconds))
    except (OverflowError, ValueError, OSError):
        return "at an unknown time"


def clock_text(seconds: float) -> str:
    """A span of time in whole seconds: `0:08`, `3:20`, `1:02:03`."""
    minutes, left = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def can_be_undone(view: JobView, now: float) -> bool:
    """Whether what a job replaced can still be put back."""
    kept = view.result.may_be_undone and view.result.undo_until > now
    return kept and not view.owner and verb_of(view) in _REVERSIBLE


def refusal(action: str, view: JobView, now: float) -> str:
    """Why one of the acts is not available for a job, or nothing."""
    if action not in ACTS:
        return ""
    if view.change:
        is_possible = action == "stop" and view.is_running
        return "" if is_possible else f"{view.called} can only be stopped, by x, while it runs"
    if view.owner:
        return f"cannot {ACTS[action]} job {plain(view.name)}: only {plain(view.owner)} can"
    if action == "stop" and not view.is_running:
        return f"job {view.id} is not running: it is {view.state.value}"
    if action == "undo" and not can_be_undone(view, now):
        return f"job {view.id} cannot be undone: it replaced nothing that is still kept"
    if action == "end" and view.state is not JobState.INTERRUPTED:
        return f"job {view.id} was not interrupted: it is {view.state.value}"
    return ""


def verb_of(view: JobView) -> str:
    """The verb of a job's command."""
    return view.short.partition(" ")[0]


def facts(view: JobView, now: float) -> Text:
    """What a job is and how it ended; what can be done about it."""
    word, style = state_text(view)
    text = Text.assemble((f"{plain(view.called)}  ", "bold"), (word, _RICH[style]))
    text.append(f"  started {moment(view.started)}\n")
    text.append(f"{plain(view.command)}\n", style="dim")
    for line in _error_lines(view.error):
        text.append(f"✗ {line}\n", style="bold red")
    for line, look in (*_summary(view, now), *_outcome(view, now)):
        text.append(f"{plain(line)}\n", style=look)
    text.rstrip()
    return text


def _summary(view: JobView, now: float) -> Iterable[tuple[str, str]]:
    """How long an ended job took, what it worked on and how fast, what it warned of."""
    if not view.result.ended:
        return
    phrases = [f"took {clock_text(view.elapsed(now))}"]
    done, seconds = view.moved
    if done:
        rate = f" at {size_text(int(done / seconds)).strip()}/s" if seconds >= 1 else ""
        phrases.append(f"{size_text(done).strip()}{rate}")
    if view.warnings:
        phrases.append(count_phrase(view.warnings, "warning"))
    yield " · ".join(phrases), ""


def _error_lines(error: str) -> list[str]:
    return [plain(line) for line in error.splitlines()]


def _outcome(view: JobView, now: float) -> Iterable[tuple[str, str]]:
    """How it ended, as lines with their styles."""
    result = view.result
    yield from _state_lines(view)
    if result.set_id and verb_of(view) in ("save", "import-snapshot"):
        yield (
            f"{'identical to' if result.duplicate else 'created'} set #{result.set_id}",
            "",
        )
    if result.freed:
        yield f"freed {size_text(result.freed).strip()}", ""
    yield from ((f"~ skipped: {line}", "yellow") for line in _shortened(result.left_out))
    yield from _verdicts(view)
    if result.undone:
        yield f"undone by job {result.undone}", ""
    elif can_be_undone(view, now):
        until = _time_text("%Y-%m-%d %H:%M", result.undo_until)
        yield f"What it replaced is kept until {until}: u undoes it.", ""
    if result.recovered:
        yield "It was interrupted, and ended later.", ""


def _state_lines(view: JobView) -> Iterable[tuple[str, str]]:
    """Whose it is, and what can be done about one that did not come to its end."""
    if view.owner:
        yield f"It is {view.owner}'s: read-only here.", "dim"
    elif view.change:
        yield "snapd does it, for somebody else or for a job that died; x aborts it.", "dim"
    elif view.state is JobState.INTERRUPTED:
        yield "Its process is gone. t shows what it left, to finish it or to roll it back;", "yellow"
        yield "otherwise the next operation here ends it safely.", "yellow"
    elif view.state is JobState.REFUSED:
        yield "Nothing was begun; y copies the command, to try again.", "dim"
    elif view.state is JobState.FAILED:
        yield "Enter shows its log; y copies the command, to try again.", "dim"


def _verdicts(view: JobView) -> Iterable[tuple[str, str]]:
    count = view.result.check_count
    if count.snapshots:
        sound = f"{count.sound} of {count_phrase(count.snapshots, 'snapshot')}"
        yield f"{sound} {'is' if count.snapshots == 1 else 'are'} sound", "" if count.bad else "green"
    for verdict in view.result.bad_verdicts[:_MOST_LINES]:
        yield fault_line(verdict), "bold red"


def _shortened(lines: Sequence[str]) -> list[str]:
    more = len(lines) - _MOST_LINES
    return [*lines[:_MOST_LINES], f"and {more} more"] if more > 0 else list(lines)


def progress_text(view: JobView, width: int, rows: int, now: float) -> Text:
    """How far a running job is, in at most `rows` lines: a bar for all of it, one for each part under way.

    Then for how long it has run and what it warned of. Nothing for one that ended.
    """
    if not view.is_running:
        return Text()
    since = [f"running for {clock_text(view.elapsed(now))}"]
    if view.warnings:
        since.append(count_phrase(view.warnings, "warning"))
    if view.parts_ended:
        since.append(f"{count_phrase(view.parts_ended, 'part')} done")
    lines = ["starting…"]
    if view.progress.title:
        lines = [_barred(view.progress, width), *_part_lines(view, width, rows - 2)]
    return Text("\n".join([*lines, " · ".join(since)]))


def _part_lines(view: JobView, width: int, rows: int) -> Iterable[str]:
    """The parts under way, or as many of them as there is room for."""
    shown = len(view.parts) if len(view.parts) <= rows else max(0, rows - 1)
    for part in view.parts[:shown]:
        yield _barred(ProgressView(part.name, part.done, part.total, rate=0.0, left=None), width)
    if more := len(view.parts) - shown:
        yield f"{'and ' if shown else ''}{count_phrase(more, 'part')}{' more' if shown else ''} under way"


def _barred(progress: ProgressView, width: int) -> str:
    share = max(10, width // 4)
    return f"{bar(progress, share)} {progress_line(progress, max(20, width - share - 1))}"


def now_text(view: JobView, width: int) -> Text:
    """The part that a running job is at, and why it stands still."""
    if not view.is_running:
        return Text()
    text = Text(f"now: {cut_middle(plain(view.part), max(10, width - 6))}" if view.part else "", style="dim")
    if view.stall:
        text.append(f"{' · ' if view.part else ''}{plain(view.stall)}", style="yellow")
    return text


def bar(progress: ProgressView, width: int) -> str:
    """A bar of that many cells, empty where the total is not known."""
    share = min(1.0, progress.done / progress.total) if progress.total else 0.0
    return "█" * int(share * width) + "░" * (width - int(share * width))


class EndedJobs:
    """Notices jobs that ended since it last looked; what had ended before the first look is old."""

    def __init__(self) -> None:
        self._known: set[int] | None = None

    def news(self, views: Iterable[JobView]) -> list[str]:
        """A line for each job that ended meanwhile, the oldest first."""
        ended = {view.id: view for view in views if view.state in ENDED}
        fresh = sorted(ended.keys() - self._known) if self._known is not None else []
        self._known = ended.keys() | (self._known or set())
        return [ending_text(ended[number]) for number in fresh]


def ending_text(view: JobView) -> str:
    """What became of a job: its command, its result, and what can be done next."""
    text = f"{view.called} {view.state.value}: {plain(view.short)}"
    if view.error:
        return f"{view.called} {view.state.value}: {plain(view.error)}"
    if bad := view.result.check_count.bad:
        return f"{text} · {bad} bad, J shows more"
    if view.state is JobState.PARTIAL:
        return f"{text} · something was skipped, J shows more"
    if view.result.duplicate:
        known = f"it is identical to set #{view.result.set_id}"
        return f"{view.called} {view.state.value}: nothing was added, {known} · {plain(view.short)}"
    if view.result.beside:
        return f"{view.called} {view.state.value}: nothing was replaced · {plain(view.short)}"
    if until := view.result.undo_until:
        return f"{text} · until {moment_text(until)} u undoes it"
    return text
