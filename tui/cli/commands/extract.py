"""The verb `extract`: single files and folders out of a snapshot, or the plan of that."""

import json
import os
from collections.abc import Iterator

from backend import Extract
from backend.restore import ExtractAction, ExtractPart, ExtractPlan, ExtractTarget, Verdict
from tui.cli.arguments.contents import ExtractArgs
from tui.cli.commands.copy_files import local_file
from tui.cli.commands.restore_plan import printed_line
from tui.cli.context import Context
from tui.cli.outcome import perform
from tui.cli.output import exact, print_result
from tui.cli.progress import watched_progress
from tui.text import amount_text, plain
from tui.views.extract_plan import counts_text, part_lines, part_title, remark_lines, summary_document


def extract(context: Context, args: ExtractArgs) -> int:
    """Restore single files and folders, or only show the plan."""
    operation = Extract(
        set_id=args.set_id,
        items=args.paths,
        file=local_file(context, args.file),
        target_dir=args.target_dir,
        policy=args.policy,
        owners=args.owner,
        strip=args.strip,
        undo_window=0 if args.no_undo else args.undo_window or Extract.undo_window,
    )
    return _show_plan(context, operation) if args.plan else perform(context, operation, no_wait=args.no_wait)


def _show_plan(context: Context, operation: Extract) -> int:
    engine = context.engine
    with watched_progress() as progress:
        plan = engine.plan_extract(operation, progress)
    refusal = engine.refusal(operation.action)
    if context.json:
        print_result(*_plan_documents(plan, refusal))
    else:
        print_result(*_plan_lines(plan))
        print_result("", *_ending(context, operation, plan, refusal))
    return 5 if plan.verdict is Verdict.BLOCKED else 0


def _plan_documents(plan: ExtractPlan, refusal: str) -> Iterator[str]:
    for part in plan.parts:
        for landing in part.landings:
            yield json.dumps(_landing_document(part, landing))
    yield json.dumps(summary_document(plan, refusal))


def _landing_document(part: ExtractPart, landing: ExtractTarget) -> dict[str, object]:
    return {
        "set": part.snapshot.set_id,
        "snap": part.snapshot.snap,
        "entry": part.entry,
        **exact("source", os.fsencode(landing.source)),
        **exact("path", os.fsencode(f"{part.parent}/{landing.name}")),
        "owner": part.owner or "system",
        "action": landing.action.value,
        "kind": landing.kind,
        "size": landing.size,
        "present": landing.present,
        "is_older": landing.is_older,
        "reason": landing.reason,
    }


def _plan_lines(plan: ExtractPlan) -> Iterator[str]:
    yield plan.verdict.value
    for part in plan.parts:
        yield f"#{part.snapshot.set_id} {part_title(part)}, into {plain(part.parent) or 'nowhere'}"
        for line in part_lines(part, part.landings):
            yield from printed_line(line)
    for line in remark_lines(plan):
        yield from printed_line(line)


def _ending(context: Context, operation: Extract, plan: ExtractPlan, refusal: str) -> Iterator[str]:
    if plan.verdict is Verdict.BLOCKED:
        yield "This extraction would be refused; nothing would be changed."
        return
    yield f"{counts_text(plan)}; {amount_text(plan.size)} in total."
    yield f"{amount_text(plan.stored)} are read and verified first."
    if plan.count(ExtractAction.REPLACE):
        kept = "can be restored with undo" if operation.undo_window else "is lost for good"
        yield f"What is replaced {kept}."
    yield plain(refusal) if refusal else f"To do it: {context.command(operation)}"
