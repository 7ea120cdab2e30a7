"""`restore --plan`: what would be replaced, made, skipped and lost, in words or as JSON."""

from collections.abc import Iterator, Sequence

from backend import Progress, Restore
from backend.restore import EntryPlan, Losses, RestorePlan, Verdict
from tui.cli.context import Context
from tui.cli.output import print_result
from tui.cli.progress import Foreground
from tui.phrases import count_phrase, span_phrase
from tui.text import plain, size_text


def show_plan(context: Context, operation: Restore) -> int:
    """Print the plan of a restore; returns 5 when it may not be carried out."""
    engine = context.engine
    with Foreground() as foreground:
        progress = Progress(foreground.hear)
        foreground.watch(progress)
        plans = engine.plan(operation, progress=progress)
    refusal = engine.refusal("restore beside" if operation.to else "restore") or ""
    blocked = any(plan.verdict is Verdict.BLOCKED for plan in plans)
    if context.json:
        import json

        print_result(json.dumps([{"to": operation.to, **_document(plan, refusal)} for plan in plans]))
        return 5 if blocked else 0
    for plan in plans:
        print_result(*_lines(plan))
    print_result("", *_ending(context, operation, plans, refusal))
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
                "revision": str(entry.revision),
                "needed": entry.needed,
                "lost": entry.lost._asdict(),
                "contents": entry.contents._asdict() if entry.contents else None,
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
            yield from _entry_lines(entry, with_devices=plan.devices)
    for note in plan.notes:
        yield f"  note     {plain(note)}"


def _entry_lines(entry: EntryPlan, *, with_devices: bool) -> Iterator[str]:
    if entry.skipped:
        yield f"  skip     {plain(entry.skipped)}"
        return
    who = entry.owner if entry.owner == "system" else f"user {entry.owner}"
    yield f"  restore  {plain(who)}, {held_text(entry)}, into {plain(entry.parent)}"
    if entry.replaced:
        yield f"  replace    {_below(entry.parent, entry.replaced)}"
    if entry.made:
        yield f"  make       {_below(entry.parent, entry.made)}"
    yield from _loss_lines(entry.parent, entry.lost)
    if entry.contents and entry.devices_met:
        fate = "make" if with_devices else "lose"
        yield f"  {fate}       {count_phrase(entry.devices_met, 'device node')}"
        yield from _named(entry.parent, entry.contents.devices, entry.devices_met)


def held_text(entry: EntryPlan) -> str:
    """What an archive holds; before it was counted, what it declares."""
    held = entry.contents
    if held is None:
        return f"at most {size_text(entry.needed).strip()}"
    return f"{count_phrase(held.files, 'file')}, {size_text(held.bytes).strip()}"


def _below(parent: str, paths: tuple[str, ...]) -> str:
    """Paths as seen from the directory that is restored into."""
    return ", ".join(plain(path.removeprefix(f"{parent}/")) for path in paths)


def _loss_lines(parent: str, lost: Losses) -> Iterator[str]:
    for count, size, what in (
        (lost.newer_files, lost.newer_bytes, "newer than the snapshot"),
        (lost.excluded_files, lost.excluded_bytes, "left out of the snapshot"),
    ):
        if count:
            yield f"  lose       {count_phrase(count, 'file')} {what}, {size_text(size).strip()}"
    yield from _named(parent, lost.examples, lost.files)


def _named(parent: str, paths: tuple[str, ...], count: int) -> Iterator[str]:
    for path in paths:
        yield f"               {_below(parent, (path,))}"
    if more := count - len(paths):
        yield f"               and {more} more"


def _ending(
    context: Context, operation: Restore, plans: Sequence[RestorePlan], refusal: str
) -> Iterator[str]:
    if any(plan.verdict is Verdict.BLOCKED for plan in plans):
        yield "This restore would be refused; nothing would be changed."
        return
    yield _what_is_kept(plans, operation)
    yield plain(refusal) if refusal else f"To do it: {context.command(operation)}"


def _what_is_kept(plans: Sequence[RestorePlan], operation: Restore) -> str:
    """What becomes of what is replaced."""
    if operation.to:
        return f"Nothing is replaced; remove {plain(operation.to)} to take it back."
    held = sum(entry.lost.live_bytes for plan in plans for entry in plan.active)
    window = operation.undo_window
    size = size_text(held).strip()
    if not window:
        return f"What is replaced, {size}, is gone for good."
    return f"What is replaced is kept for {span_phrase(window)}, to be had back with undo; it takes {size}."
