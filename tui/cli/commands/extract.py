"""The verbs `extract` and `diff`: files out of a snapshot, and what differs between two."""

import json
import os
from collections.abc import Iterator

from backend import Extract, Progress
from backend.restore import ExtractAction, ExtractPart, ExtractPlan, ExtractTarget, Verdict
from tui.cli.arguments import Arguments, UsageError
from tui.cli.context import command, engine, names, number
from tui.cli.output import exact, print_result
from tui.cli.progress import Foreground
from tui.cli.run_operation import run_operation, seconds, start_job, tell_undo
from tui.text import counted, plain, size_text

# -- extract


def extract(arguments: Arguments) -> int:
    """Put marked files and folders in place or beside, or only tell what that would do."""
    if arguments.no_undo and arguments.undo_window:
        raise UsageError("--undo-window and --no-undo exclude each other", "extract")
    operation = _extract(arguments)
    if arguments.plan:
        return _show_plan(arguments, operation)
    if arguments.no_wait:
        return start_job(arguments, operation)
    result = run_operation(arguments, operation)
    if not arguments.json:
        kept = f"; {counted(result.kept, 'path')} left as they were" if result.kept else ""
        where = f" into {plain(result.beside)}" if result.beside else ""
        print_result(f"Extracted {counted(result.extracted, 'path')}{where}{kept}.")
        tell_undo(arguments, result)
    return result.exit_code


def _extract(arguments: Arguments) -> Extract:
    window = 0 if arguments.no_undo else seconds(arguments.undo_window or "24h", "keep what is replaced for")
    paths, set_id = arguments.paths, 0
    if arguments.file:
        paths = (arguments.set_id, *paths) if arguments.set_id else paths
    elif not arguments.set_id:
        raise UsageError("the required argument `<id>` was not provided", "extract")
    else:
        set_id = number(arguments.set_id)
    if not paths:
        raise UsageError("the required argument `<snap>:<path>` was not provided", "extract")
    to, file = (os.path.abspath(path) if path else "" for path in (arguments.to, arguments.file))
    policy, owners = arguments.policy or "always", names(arguments.owner)
    return Extract(set_id, paths, file, to, policy, owners, arguments.strip, window)


def _show_plan(arguments: Arguments, operation: Extract) -> int:
    here = engine(arguments)
    with Foreground() as foreground:
        progress = Progress(foreground.hear)
        foreground.watch(progress)
        plan = here.plan_extract(operation, progress)
    refusal = here.refusal(operation.action)
    if arguments.json:
        print_result(*_plan_documents(plan, refusal))
    else:
        print_result(*_plan_lines(plan))
        print_result("", *_ending(arguments, operation, plan, refusal))
    return 5 if plan.verdict is Verdict.BLOCKED else 0


def _plan_documents(plan: ExtractPlan, refusal: str) -> Iterator[str]:
    for part in plan.parts:
        for landing in part.landings:
            yield json.dumps(_landing_document(part, landing))
    yield json.dumps(
        {
            "verdict": plan.verdict.value,
            "reasons": plan.reasons,
            "refused": refusal,
            "notes": list(plan.notes),
            "to": plan.to,
            "verified_first": plan.stored,
            "size": plan.size,
            **{action.value: plan.count(action) for action in ExtractAction},
        }
    )


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
        who = f"user {part.owner}" if part.owner else "system"
        snapshot = part.snapshot
        where = plain(part.parent) or "nowhere"
        yield f"#{snapshot.set_id} {plain(snapshot.snap)}, {plain(who)}, into {where}"
        for landing in part.landings:
            yield _landing_line(landing)
    for reason in (*plan.blocked, *(part.blocked for part in plan.parts if part.blocked)):
        yield f"  blocked  {plain(reason)}"
    for note in plan.notes:
        yield f"  note     {plain(note)}"


def _landing_line(landing: ExtractTarget) -> str:
    told = f"  {landing.action.value:8} {plain(landing.name)}"
    if landing.kind == "directory":
        told += "/"
    elif landing.kind == "file":
        told += f", {size_text(landing.size).strip()}"
    if landing.present is not None and landing.action is ExtractAction.REPLACE:
        newer = ", newer" if landing.is_older else ""
        told += f" (there: {size_text(landing.present).strip()}{newer})"
    return f"{told}: {plain(landing.reason)}" if landing.reason else told


def _ending(arguments: Arguments, operation: Extract, plan: ExtractPlan, refusal: str) -> Iterator[str]:
    if plan.verdict is Verdict.BLOCKED:
        yield "This extraction would be refused; nothing would be changed."
        return
    counts = ", ".join(f"{plan.count(action)} to {action.value}" for action in list(ExtractAction)[:3])
    yield f"{counts}; {size_text(plan.size).strip()} in all."
    yield f"First, {size_text(plan.stored).strip()} are read and verified."
    if plan.count(ExtractAction.REPLACE):
        kept = "can be had back with undo" if operation.undo_window else "is gone for good"
        yield f"What is replaced {kept}."
    yield plain(refusal) if refusal else f"To do it: {command(arguments, operation)}"


# -- diff
