"""`restore --plan`: what would be replaced, made, skipped and lost, in words or as JSON."""

from collections.abc import Iterator

from backend import EntryPlan, Losses, Restore, RestorePlan, Verdict
from tui.arguments import Arguments
from tui.listing import command, engine, show
from tui.present import plain, size_text


def show_plan(arguments: Arguments, operation: Restore) -> int:
    """Print the plan of a restore; returns 5 when it may not be carried out."""
    here = engine(arguments)
    plans = here.plan(operation)
    refusal = here.refusal("restore") or ""
    blocked = any(plan.verdict is Verdict.BLOCKED for plan in plans)
    if arguments.json:
        import json

        show(json.dumps([_document(plan, refusal) for plan in plans]))
        return 5 if blocked else 0
    for plan in plans:
        show(*_lines(plan))
    show("", *_ending(arguments, operation, refusal, blocked=blocked))
    return 5 if blocked else 0


def _document(plan: RestorePlan, refusal: str) -> dict[str, object]:
    return {
        "set": plan.snapshot.set_id,
        "snap": plan.snapshot.snap,
        "verdict": plan.verdict.value,
        "reasons": plan.reasons,
        "refused": refusal,
        "notes": list(plan.notes),
        "entries": [
            {
                "entry": entry.entry,
                "into": entry.parent,
                "replaced": list(entry.replaced),
                "made": list(entry.made),
                "needed": entry.needed,
                "lost": entry.lost._asdict(),
                "skipped": entry.skipped,
                "blocked": entry.blocked,
            }
            for entry in plan.entries
        ],
    }


def _lines(plan: RestorePlan) -> Iterator[str]:
    snapshot = plan.snapshot
    yield f"#{snapshot.set_id} {plain(snapshot.snap)} (revision {snapshot.revision}): {plan.verdict.value}"
    for reason in plan.reasons:
        yield f"  blocked  {plain(reason)}"
    for entry in plan.entries:
        if not entry.blocked:
            yield from _entry_lines(entry)
    for note in plan.notes:
        yield f"  note     {plain(note)}"


def _entry_lines(entry: EntryPlan) -> Iterator[str]:
    if entry.skipped:
        yield f"  skip     {plain(entry.skipped)}"
        return
    who = f"user {entry.user.name}" if entry.user else "system"
    yield f"  restore  {plain(who)}, at most {size_text(entry.needed).strip()}, into {plain(entry.parent)}"
    if entry.replaced:
        yield f"  replace    {_below(entry.parent, entry.replaced)}"
    if entry.made:
        yield f"  make       {_below(entry.parent, entry.made)}"
    yield from _loss_lines(entry.parent, entry.lost)


def _below(parent: str, paths: tuple[str, ...]) -> str:
    """Paths as seen from the directory that is restored into."""
    return ", ".join(plain(path.removeprefix(f"{parent}/")) for path in paths)


def _loss_lines(parent: str, lost: Losses) -> Iterator[str]:
    for count, size, what in (
        (lost.newer_files, lost.newer_bytes, "newer than the snapshot"),
        (lost.excluded_files, lost.excluded_bytes, "left out of the snapshot"),
    ):
        if count:
            yield f"  lose       {count} file{'s' if count > 1 else ''} {what}, {size_text(size).strip()}"
    for path in lost.examples:
        yield f"               {_below(parent, (path,))}"
    if more := lost.files - len(lost.examples):
        yield f"               and {more} more"


def _ending(arguments: Arguments, operation: Restore, refusal: str, *, blocked: bool) -> Iterator[str]:
    if blocked:
        yield "This restore would be refused; nothing would be changed."
        return
    window = operation.undo_window
    kept = f"is kept for {_span(window)}, to be had back with undo" if window else "is gone for good"
    yield f"What is replaced {kept}."
    yield plain(refusal) if refusal else f"To do it: {command(arguments, operation)}"


def _span(seconds: int) -> str:
    for unit, size in (("day", 24 * 3600), ("hour", 3600), ("minute", 60)):
        if seconds % size == 0 and (seconds >= 2 * size or unit != "day"):
            return f"{seconds // size} {unit}{'s' if seconds != size else ''}"
    return f"{seconds} seconds"
