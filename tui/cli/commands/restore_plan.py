"""`restore --plan`: what would be replaced, made, skipped and lost, in words or as JSON."""

from collections.abc import Iterator

from backend import Restore
from backend.restore import RestorePlanner, RestorePreview, Verdict, worst_verdict
from tui.cli.context import Context
from tui.cli.output import print_result
from tui.cli.progress import watched_progress
from tui.phrases import span_phrase
from tui.text import amount_text, plain
from tui.views.restore_plan import LineKind, PlanLine, plan_document, snap_lines, space_lines


def show_plan(context: Context, operation: Restore) -> int:
    """Print the plan of a restore; returns 5 when it may not be carried out."""
    with watched_progress() as progress:
        preview = RestorePlanner(context.engine).preview(operation, progress)
    if context.json:
        import json

        documents = [plan_document(preview, plan, operation) for plan in preview.plans]
        print_result(json.dumps(documents))
    else:
        print_result(*_lines(preview), "", *_ending(context, operation, preview))
    return 5 if _is_blocked(preview) else 0


def _is_blocked(preview: RestorePreview) -> bool:
    """Whether the data or the space stand in its way; whether an engine can do it is reported apart."""
    return preview.lacks_space or worst_verdict(preview.plans) is Verdict.BLOCKED


def _lines(preview: RestorePreview) -> Iterator[str]:
    for plan in preview.plans:
        snapshot = plan.snapshot
        name = f"#{snapshot.set_id} {plain(snapshot.snap)}"
        yield f"{name} (revision {snapshot.revision}): {preview.verdict_of(plan).value}"
        for line in snap_lines(preview, plan):
            yield from printed_line(line)
    for line in space_lines(preview) if preview.lacks_space else ():
        yield from printed_line(line)


def printed_line(line: PlanLine) -> Iterator[str]:
    """A line of a plan as a terminal shows it, with all of its details."""
    head = f"  {line.kind.value:<9}"
    owner = ""
    if line.kind is LineKind.RESTORES and line.entry is not None:
        owner = line.entry.owner if line.entry.owner == "system" else f"user {plain(line.entry.owner)}"
    yield f"{head}{owner and f'{owner}: '}{line.text}"
    yield from (f"           {detail}" for detail in line.details)


def _ending(context: Context, operation: Restore, preview: RestorePreview) -> Iterator[str]:
    if _is_blocked(preview):
        yield "This restore would be refused; nothing would be changed."
        return
    yield _what_is_kept(operation, amount_text(preview.replaced_bytes))
    yield plain(preview.refusal) if preview.refusal else f"To do it: {context.command(operation)}"


def _what_is_kept(operation: Restore, size: str) -> str:
    """What becomes of what is replaced."""
    if operation.target_dir:
        return f"Nothing is replaced; remove {plain(operation.target_dir)} to undo it."
    window = operation.undo_window
    if not window:
        return f"Replaced data, {size}, are lost for good."
    return f"Replaced data, {size}, are kept for {span_phrase(window)} and can be restored with undo."
