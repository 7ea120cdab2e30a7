"""The verbs `extract` and `diff`: files out of a snapshot, and what differs between two."""

import base64
import json
import os
from collections.abc import Iterator

from backend import (
    Action,
    Change,
    CompareOptions,
    Comparison,
    Difference,
    Extract,
    ExtractPart,
    ExtractPlan,
    Job,
    KeyChange,
    Landing,
    NotFoundError,
    Tally,
    Verdict,
)
from tui.cli.arguments import Arguments, UsageError
from tui.cli.commands.change import carry_out, seconds, tell_undo
from tui.cli.output import command, engine, names, number, say, show
from tui.cli.progress import Foreground
from tui.cli.run_operation_starting import begin
from tui.text import counted, plain, size_text

_LIVE = "live"
_SIGNS = {
    Change.ADDED: "+",
    Change.REMOVED: "-",
    Change.CHANGED: "~",
    Change.METADATA: "m",
    Change.SAME: "=",
}


# -- extract


def extract(arguments: Arguments) -> int:
    """Put marked files and folders in place or beside, or only tell what that would do."""
    if arguments.no_undo and arguments.undo_window:
        raise UsageError("--undo-window and --no-undo exclude each other", "extract")
    operation = _extract(arguments)
    if arguments.plan:
        return _show_plan(arguments, operation)
    if arguments.no_wait:
        return begin(arguments, operation)
    result = carry_out(arguments, operation)
    if not arguments.json:
        kept = f"; {counted(result.kept, 'path')} left as they were" if result.kept else ""
        where = f" into {plain(result.beside)}" if result.beside else ""
        show(f"Extracted {counted(result.extracted, 'path')}{where}{kept}.")
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
        job = Job(foreground.hear)
        foreground.watch(job)
        plan = here.plan_extract(operation, job)
    refusal = here.refusal("restore beside" if operation.to else "extract") or ""
    if arguments.json:
        show(*_plan_documents(plan, refusal))
    else:
        show(*_plan_lines(plan))
        show("", *_ending(arguments, operation, plan, refusal))
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
            **{action.value: plan.count(action) for action in Action},
        }
    )


def _landing_document(part: ExtractPart, landing: Landing) -> dict[str, object]:
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


def exact(key: str, name: bytes) -> dict[str, object]:
    """A name for a program: as text, and its bytes in base64 as well where they are no UTF-8."""
    found: dict[str, object] = {key: name.decode("utf-8", "replace")}
    try:
        name.decode("utf-8")
    except UnicodeDecodeError:
        found[f"{key}_bytes"] = base64.b64encode(name).decode("ascii")
    return found


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


def _landing_line(landing: Landing) -> str:
    told = f"  {landing.action.value:8} {plain(landing.name)}"
    if landing.kind == "directory":
        told += "/"
    elif landing.kind == "file":
        told += f", {size_text(landing.size).strip()}"
    if landing.present is not None and landing.action is Action.REPLACE:
        newer = ", newer" if landing.is_older else ""
        told += f" (there: {size_text(landing.present).strip()}{newer})"
    return f"{told}: {plain(landing.reason)}" if landing.reason else told


def _ending(arguments: Arguments, operation: Extract, plan: ExtractPlan, refusal: str) -> Iterator[str]:
    if plan.verdict is Verdict.BLOCKED:
        yield "This extraction would be refused; nothing would be changed."
        return
    counts = ", ".join(f"{plan.count(action)} to {action.value}" for action in list(Action)[:3])
    yield f"{counts}; {size_text(plan.size).strip()} in all."
    yield f"First, {size_text(plan.stored).strip()} are read and verified."
    if plan.count(Action.REPLACE):
        kept = "can be had back with undo" if operation.undo_window else "is gone for good"
        yield f"What is replaced {kept}."
    yield plain(refusal) if refusal else f"To do it: {command(arguments, operation)}"


# -- diff


def diff(arguments: Arguments) -> int:
    """Tell what differs between two snapshots of a snap, or one and what is in place."""
    snap, _, path = arguments.what.partition(":")
    here = engine(arguments)
    with Foreground() as foreground, Comparison(snap, here.layout, here.journal.folder) as comparison:
        job = Job(foreground.hear)
        foreground.watch(job)
        for side in (arguments.one, arguments.other):
            _add_side(arguments, comparison, side, job)
        below = comparison.placed(path) if path else None
        options = CompareOptions(arguments.exact, arguments.same)
        tally = Tally()
        lines = _documents if arguments.json else _lines
        with job.step("Comparing"):
            for line in lines(comparison, comparison.differences(job, options, below), tally):
                show(line)
            if below and not arguments.json:
                _show_text(comparison, below, tally, job)
        keys = [] if path else comparison.configuration
        show(*(_key_document(one) if arguments.json else _key_line(one) for one in keys))
        _show_totals(arguments, comparison, tally, len(keys))
    differs = bool(keys) or any(tally.files[change] for change in Change if change is not Change.SAME)
    return 1 if arguments.exit_code and differs else 0


def _add_side(arguments: Arguments, comparison: Comparison, side: str, job: Job) -> None:
    if side == _LIVE:
        comparison.add_live()
    elif side.isascii() and side.isdigit():
        sets = engine(arguments).sets(number(side), [comparison.snap])
        found = [snapshot for group in sets for snapshot in group.snapshots]
        if not found:
            raise NotFoundError(f'cannot compare: set #{side} holds no snapshot of "{comparison.snap}"')
        comparison.add_snapshot(f"#{side}", found[0])
    else:
        comparison.add_file(os.path.abspath(side), job)


def _lines(comparison: Comparison, found: Iterator[Difference], tally: Tally) -> Iterator[str]:
    for facet in comparison.facets:
        version = f", version {plain(facet.version)}" if facet.version else ""
        yield f"{plain(facet.label)}: revision {facet.revision}{version}, epoch {facet.epoch}"
    for difference in found:
        tally.add(difference)
        yield plain(_line(difference))


def _line(difference: Difference) -> str:
    owner = f"{difference.owner}/" if difference.owner else ""
    told = f"{_SIGNS[difference.change]} {owner}{difference.text}"
    if difference.kind == "directory":
        told += "/"
    sizes = [size_text(size).strip() for size in (difference.before, difference.after) if size is not None]
    if difference.folded:
        told += f"  {counted(difference.files, 'file')}, {sizes[0]}"
    elif difference.kind == "file":
        told += f"  {' -> '.join(dict.fromkeys(sizes))}"
    return told + (f"  ({', '.join(difference.metadata)})" if difference.metadata else "")


def _documents(comparison: Comparison, found: Iterator[Difference], tally: Tally) -> Iterator[str]:
    for facet in comparison.facets:
        about = {"revision": str(facet.revision), "version": facet.version, "epoch": str(facet.epoch)}
        yield json.dumps({"side": facet.label, **about})
    for difference in found:
        tally.add(difference)
        document = {
            "owner": difference.owner or "system",
            **exact("path", difference.path),
            "change": difference.change.value,
            "kind": difference.kind,
            "before": difference.before,
            "after": difference.after,
            "files": difference.files,
            "folded": difference.folded,
            "metadata": list(difference.metadata),
        }
        yield json.dumps(document)


def _show_text(comparison: Comparison, below: tuple[str, bytes], tally: Tally, job: Job) -> None:
    """The lines of a text that is asked for by its path."""
    if not tally.files[Change.CHANGED]:
        return
    found = comparison.text_diff(*below, job)
    show(*map(plain, found.lines))
    if found.why_not:
        say(f"Its lines are not told: {plain(found.why_not)}")


def _key_line(one: KeyChange) -> str:
    values = " -> ".join(filter(None, one.texts))
    return plain(f"{_SIGNS[one.change]} conf {one.key}: {values}")


def _key_document(one: KeyChange) -> str:
    named = zip(("before", "after"), one.texts, strict=True)
    raw = "".join(f', "{name}": {value}' for name, value in named if value)
    return f'{{"key": {json.dumps(one.key)}, "change": {json.dumps(one.change.value)}{raw}}}'


def _show_totals(arguments: Arguments, comparison: Comparison, tally: Tally, keys: int) -> None:
    say(*(f"note: {plain(note)}" for note in comparison.notes))
    counts = {change: count for change, count in tally.files.items() if change is not Change.SAME}
    if arguments.json:
        told = {change.value: count for change, count in tally.files.items()}
        sums = {"bytes_added": tally.added, "bytes_removed": tally.removed, "keys": keys}
        show(json.dumps({"totals": told | sums, "notes": comparison.notes}))
        return
    if not any(counts.values()) and not keys:
        show("Nothing differs.")
        return
    files = ", ".join(f"{count} {change.value}" for change, count in counts.items() if count)
    sizes = f"+{size_text(tally.added).strip()} -{size_text(tally.removed).strip()}"
    show(f"Files: {files or 'none'}; {sizes}{f'; {keys} keys of the configuration' if keys else ''}.")
