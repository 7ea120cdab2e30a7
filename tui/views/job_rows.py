"""A job in words and rows: pure functions of what the board and the log tell."""

import time
from collections.abc import Iterable, Sequence

from backend.jobs import JobState
from tui.phrases import count_phrase
from tui.session.job_views import JobView
from tui.session.log_line import fault_line
from tui.text import amount_text, cells, cut_middle, plain
from tui.views.job_endings import ending_text, title_text, verb_of
from tui.views.progress_text import Span, Spans, clock_text, rate_text, width_of
from tui.views.table import Column, Line

_COLUMNS = (Column("STATE", 14), Column("OPERATION", 0), Column("STARTED", 12))
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
    shown = (_name_text(view), word, plain(view.title or view.short), moment(view.started))
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


def can_be_undone(view: JobView, now: float) -> bool:
    """Whether what a job replaced can still be put back."""
    kept = view.result.may_be_undone and view.result.undo_until > now
    return kept and not view.owner and verb_of(view) in _REVERSIBLE


def running_refusal(view: JobView) -> str:
    """Why what a running job replaces cannot be put back yet."""
    return f"{plain(view.title)} is running; it can be undone when it has ended"


def running_restore(views: Iterable[JobView]) -> JobView | None:
    """The newest job that replaces data at this moment, if there is one."""
    return next((view for view in views if view.is_running and verb_of(view) in _REVERSIBLE), None)


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
    if action == "undo" and view.is_running and verb_of(view) in _REVERSIBLE:
        return running_refusal(view)
    if action == "undo" and not can_be_undone(view, now):
        return f"job {view.id} cannot be undone: it replaced nothing that is still kept"
    if action == "end" and view.state is not JobState.INTERRUPTED:
        return f"job {view.id} was not interrupted: it is {view.state.value}"
    return ""


def facts(view: JobView, now: float, width: int) -> list[Spans]:
    """What a job is and how it ended; what can be done about it."""
    word, style = state_text(view)
    right = " · ".join(filter(None, (plain(view.called), f"started {moment(view.started)}", _by(view))))
    title = cut_middle(title_text(view), width - cells(word) - 2)
    head = (Span(title, "strong"), Span("  "), Span(word, style or "accent"))
    gap = " " * (width - width_of(head) - cells(right))
    where = [(*head, Span(gap), Span(right, "quiet"))] if gap else [head, (Span(right, "quiet"),)]
    error = [(Span(f"✗ {plain(line)}", "bad"),) for line in view.error.splitlines()]
    rest = [(Span(plain(line), look),) for line, look in (*_summary(view, now), *_outcome(view, now))]
    return [*where, (Span(plain(view.command), "quiet"),), *error, *rest]


def _by(view: JobView) -> str:
    return f"by {plain(view.by)}" if view.by else ""


def _summary(view: JobView, now: float) -> Iterable[tuple[str, str]]:
    """What came of an ended job; what it worked on and how fast, what it warned of."""
    if not view.result.ended:
        return
    phrases = [f"took {clock_text(view.elapsed(now))}"]
    if view.state in (JobState.DONE, JobState.PARTIAL):
        phrases = [ending_text(view, now, undo="", more="see below")]
    done, seconds = view.progress.moved
    if done:
        rate = f" at {rate_text(done / seconds)}" if seconds >= 1 else ""
        phrases.append(f"{amount_text(done)}{rate}")
    if view.progress.warnings:
        phrases.append(count_phrase(view.progress.warnings, "warning"))
    yield " · ".join(phrases), ""


def _outcome(view: JobView, now: float) -> Iterable[tuple[str, str]]:
    """How it ended, as lines with their styles."""
    result = view.result
    yield from _state_lines(view)
    yield from ((f"~ skipped: {line}", "warn") for line in _shortened(result.left_out))
    yield from ((fault_line(verdict), "bad") for verdict in result.bad_verdicts[:_MOST_LINES])
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
        yield f"It is {view.owner}'s: read-only here.", "quiet"
    elif view.change:
        yield "snapd does it, for somebody else or for a job that died; x aborts it.", "quiet"
    elif view.state is JobState.INTERRUPTED:
        yield "Its process is gone. t shows what it left, to finish it or to roll it back;", "warn"
        yield "otherwise the next operation here ends it safely.", "warn"
    elif view.state is JobState.REFUSED:
        yield "Nothing was begun; y copies the command, to try again.", "quiet"
    elif view.state is JobState.FAILED:
        yield "Enter shows its log; y copies the command, to try again.", "quiet"


def _shortened(lines: Sequence[str]) -> list[str]:
    more = len(lines) - _MOST_LINES
    return [*lines[:_MOST_LINES], f"and {more} more"] if more > 0 else list(lines)


def now_line(view: JobView, width: int) -> Spans:
    """The file, or at least the part, that bytes come from, or why none do."""
    if view.stall:
        return (Span(cut_middle(plain(view.stall), width), "warn"),)
    progress = view.progress
    has_bars = len(progress.parts) > 1
    if at := ": ".join(filter(None, ("" if has_bars and progress.file else progress.part, progress.file))):
        return Span("now  ", "quiet"), Span(cut_middle(plain(at), max(10, width - 5)))
    return ()


def since_line(view: JobView, now: float) -> Spans:
    """For how long a job has run, and what it warned of."""
    elapsed = view.elapsed(now)
    since = f"running for {clock_text(elapsed - elapsed % 10 if elapsed >= 60 else elapsed)}"
    if not view.progress.warnings:
        return (Span(since, "quiet"),)
    return Span(f"{since} · ", "quiet"), Span(count_phrase(view.progress.warnings, "warning"), "warn")
