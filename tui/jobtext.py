"""A job in words and rows: pure functions of what the board and the log tell."""

import time
from collections.abc import Iterable, Mapping
from typing import Any

from rich.text import Text

from backend import JobState
from tui.follow import JobView
from tui.jobverbs import faults_in, verdicts_in
from tui.present import ProgressView, age_text, cut_middle, plain, progress_line, size_text
from tui.widgets.table import Column, Line

_COLUMNS = (Column("JOB", 8), Column("STATE", 14), Column("COMMAND", 0), Column("STARTED", 12))

_WORDS = {
    JobState.RUNNING: ("▶ running", ""),
    JobState.INTERRUPTED: ("! interrupted", "bad"),
    JobState.DONE: ("✓ done", "good"),
    JobState.PARTIAL: ("~ partial", "warn"),
    JobState.FAILED: ("✗ failed", "bad"),
    JobState.CANCELLED: ("- cancelled", "dim"),
    JobState.TAKEN_BACK: ("< taken back", "dim"),
}
_RICH = {"bad": "bold red", "good": "green", "warn": "yellow", "dim": "dim", "": "bold"}
_REVERSIBLE = ("restore", "undo")


def state_text(view: JobView) -> tuple[str, str]:
    """The state in a glyph and a word, and the name of its style."""
    if view.result.get("undone"):
        return "< undone", "dim"
    if bad := len(faults_in(view.result)):
        return f"✗ {bad} bad", "bad"
    if view.state is JobState.DONE and view.result.get("exit"):
        return _WORDS[JobState.FAILED]
    return _WORDS[view.state]


def job_line(view: JobView) -> Line:
    """A job as a row of the table."""
    word, style = state_text(view)
    cells = (str(view.id), word, plain(view.short), moment(view.started))
    return Line(cells, ("", style, "", "dim"))


def columns(*, narrow: bool) -> tuple[Column, ...]:
    """The columns of the table: the time goes where there is little room."""
    return _COLUMNS[:-1] if narrow else _COLUMNS


def fitted(line: Line, *, narrow: bool) -> Line:
    """The cells of a line for those columns."""
    return Line(line.cells[:-1], line.styles[:-1]) if narrow else line


def moment(seconds: float) -> str:
    """A time of the last day as the clock showed it, an older one with its date."""
    then = time.localtime(seconds)
    today = time.time() - seconds < 12 * 3600
    return time.strftime("%H:%M:%S" if today else "%m-%d %H:%M", then)


def can_be_undone(view: JobView, now: float) -> bool:
    """Whether what a job replaced can still be put back."""
    result = view.result
    kept = bool(_number(result.get("undo_until")) > now and not result.get("undone"))
    return kept and not result.get("expired") and verb_of(view) in _REVERSIBLE


def verb_of(view: JobView) -> str:
    """The verb of a job's command."""
    return view.short.partition(" ")[0]


def facts(view: JobView, now: float) -> Text:
    """What a job is and how it ended; what can be done about it."""
    word, style = state_text(view)
    text = Text.assemble((f"job {view.id}  ", "bold"), (word, _RICH[style]), f"  {_times(view)}\n")
    text.append(f"{plain(view.command)}\n", style="dim")
    for line in _error_lines(view.error):
        text.append(f"✗ {line}\n", style="bold red")
    for line, look in _outcome(view, now):
        text.append(f"{plain(line)}\n", style=look)
    text.rstrip()
    return text


def _times(view: JobView) -> str:
    ended = _number(view.result.get("ended"))
    took = f", took {age_text(max(0.0, ended - view.started))}" if ended else ""
    return f"started {moment(view.started)}{took}"


def _error_lines(error: str) -> list[str]:
    return [plain(line) for line in error.splitlines()]


def _outcome(view: JobView, now: float) -> Iterable[tuple[str, str]]:
    """How it ended, as lines with their styles."""
    result = view.result
    if view.state is JobState.INTERRUPTED:
        yield "Its process is gone. The next operation here takes it back or completes it.", "yellow"
        yield "t does that now.", "yellow"
    if result.get("set_id") and verb_of(view) in ("save", "import-snapshot"):
        yield (
            f"{'the same is here already as' if result.get('duplicate') else 'made'} set #{result['set_id']}",
            "",
        )
    if result.get("freed"):
        yield f"freed {size_text(int(_number(result['freed']))).strip()}", ""
    yield from ((f"~ left out: {line}", "yellow") for line in _texts(result.get("left_out")))
    yield from _verdicts(view)
    if result.get("undone"):
        yield f"taken back by job {result['undone']}", ""
    elif can_be_undone(view, now):
        until = time.strftime("%Y-%m-%d %H:%M", time.localtime(_number(result["undo_until"])))
        yield f"What it replaced is kept until {until}: u takes it back.", ""
    if result.get("recovered"):
        yield "It had been interrupted, and was ended later.", ""


def _verdicts(view: JobView) -> Iterable[tuple[str, str]]:
    verdicts, bad = verdicts_in(view.result), faults_in(view.result)
    if verdicts:
        yield f"{len(verdicts) - len(bad)} of {len(verdicts)} archives are sound", "" if bad else "green"
    for one in bad:
        where = " ".join(filter(None, (f"#{one.get('set_id')}", str(one.get("snap")), str(one.get("entry")))))
        yield f"✗ {where}: {one.get('fault')}", "bold red"


def _texts(found: object) -> list[str]:
    return [str(line) for line in found] if isinstance(found, list) else []


def _number(found: object) -> float:
    return float(found) if isinstance(found, int | float) and abs(found) < 1 << 53 else 0.0


def progress_text(view: JobView, width: int) -> Text:
    """How far a running job is: a bar and the numbers, on one line; nothing for one that ended."""
    if not view.is_running:
        return Text()
    if not view.progress.title:
        return Text("starting…")
    share = max(10, width // 4)
    return Text(f"{bar(view.progress, share)} {progress_line(view.progress, max(20, width - share - 1))}")


def now_text(view: JobView, width: int, standing: str) -> Text:
    """The part that a running job is at, and why it stands still."""
    if not view.is_running:
        return Text()
    text = Text(f"now: {cut_middle(plain(view.part), max(10, width - 6))}" if view.part else "", style="dim")
    if standing:
        text.append(f"{' · ' if view.part else ''}{plain(standing)}", style="yellow")
    return text


def bar(progress: ProgressView, width: int) -> str:
    """A bar of that many cells, empty where the total is not known."""
    share = min(1.0, progress.done / progress.total) if progress.total else 0.0
    return "█" * int(share * width) + "░" * (width - int(share * width))


def log_line(event: Mapping[str, Any]) -> str:
    """A line of the log for an event, empty for one that only counts."""
    match event:
        case {"event": "started", "title": str(title), "total": total}:
            amount = f" ({size_text(total).strip()})" if isinstance(total, int) and total >= 0 else ""
            return plain(f"= {title}{amount}")
        case {"event": "entered", "part": str(part)}:
            return plain(f"  {part}")
        case {"event": "noted", "text": str(text)}:
            return plain(f"! {text}")
        case _:
            return ""
