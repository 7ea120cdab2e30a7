"""The plan of an extraction as typed lines: those of the plan of a restore, a path each."""

from collections.abc import Iterable, Iterator
from typing import Any

from backend.restore import ExtractAction, ExtractPart, ExtractPlan, ExtractTarget
from tui.text import amount_text, plain
from tui.views.restore_plan import LineKind, PlanLine

_KINDS = {
    ExtractAction.REFUSE: LineKind.CONFLICT,
    ExtractAction.REPLACE: LineKind.REPLACES,
    ExtractAction.MAKE: LineKind.CREATES,
    ExtractAction.SKIP: LineKind.KEEPS,
}


def part_lines(part: ExtractPart, targets: Iterable[ExtractTarget]) -> Iterator[PlanLine]:
    """What becomes of some of the paths of an archive; only why it is blocked, where it is."""
    if part.blocked:
        yield PlanLine(LineKind.BLOCKED, plain(part.blocked), part.snapshot.snap)
        return
    for target in targets:
        is_loss = target.is_older and target.action is ExtractAction.REPLACE
        text = _target_text(target)
        yield PlanLine(_KINDS[target.action], text, part.snapshot.snap, is_loss=is_loss)


def remark_lines(plan: ExtractPlan) -> Iterator[PlanLine]:
    """What is to be known of an extraction as a whole."""
    yield from (PlanLine(LineKind.BLOCKED, plain(reason)) for reason in plan.blocked)
    yield from (PlanLine(LineKind.NOTE, plain(note)) for note in plan.notes)


def part_title(part: ExtractPart) -> str:
    """Whose data of which snap."""
    return f"{plain(part.snapshot.snap)}, {plain(part.owner) or 'system'}"


def _target_text(target: ExtractTarget) -> str:
    text = plain(target.name)
    if target.kind == "directory":
        text += "/"
    else:
        text += f", {amount_text(target.size) if target.kind == 'file' else target.kind}"
    if target.present is not None and target.action is ExtractAction.REPLACE:
        newer = ", newer" if target.is_older else ""
        text += f" (live: {amount_text(target.present)}{newer})"
    return f"{text}: {plain(target.reason)}" if target.reason else text


def counts_text(plan: ExtractPlan) -> str:
    """How many paths share a fate."""
    return ", ".join(
        f"{plan.count(action):,} to {_KINDS[action].value}"
        for action in (ExtractAction.MAKE, ExtractAction.REPLACE, ExtractAction.SKIP)
    )


def summary_document(plan: ExtractPlan, refusal: str) -> dict[str, Any]:
    """What an extraction comes to, for a program."""
    return {
        "verdict": plan.verdict.value,
        "reasons": plan.reasons,
        "refused": refusal,
        "notes": list(plan.notes),
        "to": plan.target_dir,
        "verified_first": plan.stored,
        "size": plan.size,
        **{action.value: plan.count(action) for action in ExtractAction},
    }
