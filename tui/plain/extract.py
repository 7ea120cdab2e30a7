"""The questions before single files are restored. Raises SnapshotError, Dropped, EndOfInput."""

from collections.abc import Iterator

from backend import Extract, Progress
from backend.restore import ExtractPlan, Verdict
from tui.plain.console import CANCEL, Dropped
from tui.plain.follow import Desk, same_as
from tui.text import plain
from tui.views.extract_plan import counts_text, part_lines, part_title, remark_lines

_IN_PLACE = "in place"
_MOST_LINES = 20


def ask_extract(desk: Desk, set_id: int, paths: tuple[str, ...]) -> Extract:
    """Which files, and where to; then the plan, then the last word."""
    question = "Which files or directories? Such as nextcloud:common/config.php, separated by blanks"
    items = paths or tuple(desk.console.ask(question, CANCEL).split())
    wanted = Extract(set_id, items, target_dir=_target(desk))
    desk.console.say("Checking what would be replaced.")
    plan = desk.place.engine.plan_extract(wanted, Progress())
    desk.console.say(*_sentences(plan), same_as(desk, wanted))
    if plan.verdict is Verdict.BLOCKED:
        raise Dropped
    if not desk.console.agrees("Restore them?"):
        raise Dropped
    return wanted


def _target(desk: Desk) -> str:
    from tui.session.paths import absolute, working_directory

    typed = desk.console.ask("Into which directory?", _IN_PLACE)
    return "" if typed == _IN_PLACE else absolute(typed, working_directory())


def _sentences(plan: ExtractPlan) -> Iterator[str]:
    for part in plan.parts:
        lines = [*part_lines(part, part.landings)]
        yield from (f"{part_title(part)}, {line.kind.value}: {line.text}." for line in lines[:_MOST_LINES])
        if lines[_MOST_LINES:]:
            yield f"And {len(lines) - _MOST_LINES:,} others."
    yield from (f"{line.kind.value.capitalize()}: {plain(line.text)}." for line in remark_lines(plan))
    yield (
        "The plan is blocked: nothing is changed."
        if plan.verdict is Verdict.BLOCKED
        else f"{counts_text(plan)}."
    )
