"""The plan of a restore in sentences."""

from collections.abc import Iterator

from backend import Restore
from backend.restore import RestorePreview, Verdict
from tui.phrases import count_phrase, span_phrase
from tui.text import plain
from tui.views.restore_plan import LineKind, PlanLine, snap_lines, space_lines

_MOST_DETAILS = 5
_SENTENCES = {
    LineKind.BLOCKED: "{name} cannot be restored: {text}.",
    LineKind.SKIPPED: "{name}, skipped: {text}.",
    LineKind.RESTORES: "{name}, data of {whose}: {text}.",
    LineKind.LOSES_FILES: "  Lost: {text}.",
    LineKind.LOSES_DEVICES: "  Skipped: {text}.",
    LineKind.MAKES_DEVICES: "  Restored too: {text}.",
    LineKind.TOO_LONG: "  Skipped: {text}.",
    LineKind.NOTE: "{name}, note: {text}.",
    LineKind.WAY_OUT: "To fix {name}: {text}.",
}


def plan_sentences(preview: RestorePreview, restore: Restore) -> Iterator[str]:
    """What a restore would replace, lose and keep, and whether it is possible."""
    for plan in preview.plans:
        name = plain(plan.snapshot.snap) or "Unreadable"
        for line in snap_lines(preview, plan):
            yield from _sentences(name, line)
    yield from (
        f"Not enough space: it {line.text}."
        for line in space_lines(preview)
        if line.kind is LineKind.NO_SPACE
    )
    if preview.refusal:
        yield f"It is refused: {plain(preview.refusal)}."
    yield _verdict(preview, restore)


def _sentences(name: str, line: PlanLine) -> Iterator[str]:
    user = line.entry.user if line.entry else None
    whose = f"user {plain(user.name)}" if user else "the system"
    yield _SENTENCES[line.kind].format(name=name, whose=whose, text=line.text.removesuffix("."))
    yield from (f"    {detail}" for detail in line.details[:_MOST_DETAILS])
    if len(line.details) > _MOST_DETAILS:
        yield "    and others"


def _verdict(preview: RestorePreview, restore: Restore) -> str:
    if preview.verdict is Verdict.BLOCKED:
        return "The plan is blocked: this restore is not possible, and nothing is changed."
    lost = preview.lost_files
    loss = f", with a loss of {count_phrase(lost, 'file')}" if lost else ", and nothing is lost"
    kept = f"is kept for {span_phrase(restore.undo_window)}, so that it can be undone"
    undo = kept if restore.undo_window else "is lost: it cannot be undone"
    return f"The plan can be carried out{loss}. What is replaced {undo}."
