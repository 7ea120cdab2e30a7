"""The verb `diff`: what differs between two snapshots of a snap, or one and the live data, or whole sets."""

import json
import os
from collections.abc import Iterator

from backend import NotFoundError, Progress
from backend.compare import LIVE, Change, CompareOptions, Comparison, Difference, KeyChange, Source, Tally
from tui.cli.arguments.contents import DiffArgs
from tui.cli.arguments.parser import is_number
from tui.cli.arguments.values import file_or_copy
from tui.cli.commands.copy_files import local_file
from tui.cli.commands.diff_sets import diff_sets
from tui.cli.context import Context
from tui.cli.output import exact, print_result, print_status
from tui.cli.progress import watched_progress
from tui.phrases import count_phrase
from tui.text import amount_text, plain

_SIGNS = {
    Change.ADDED: "+",
    Change.REMOVED: "-",
    Change.CHANGED: "~",
    Change.METADATA: "m",
    Change.SAME: "=",
}


def diff(context: Context, args: DiffArgs) -> int:
    """Show what differs between two snapshots of a snap, or one and the live data; without a snap, of all."""
    first, second = (_here(context, side) for side in (args.first, args.second))
    args = args._replace(first=first, second=second)
    if not args.what:
        return diff_sets(context, args)
    snap, _, path = args.what.partition(":")
    engine = context.engine
    with watched_progress() as progress, Comparison(snap, engine.layout, engine.journal.folder) as comparison:
        for side in (args.first, args.second):
            _add_side(context, comparison, side, progress)
        below = comparison.placed(path) if path else None
        options = CompareOptions(args.exact, args.same)
        tally = Tally()
        lines = _documents if context.json else _lines
        with progress.step("Comparing"):
            for line in lines(comparison, comparison.differences(progress, options, below), tally):
                print_result(line)
            if below and not context.json:
                _show_text(comparison, below, tally, progress)
        keys = [] if path else comparison.configuration
        print_result(*(_key_document(key) if context.json else _key_line(key) for key in keys))
        _show_totals(context, comparison, tally, len(keys))
    differs = bool(keys) or any(tally.files[change] for change in Change if change is not Change.SAME)
    if not comparison.is_whole:
        return 3
    return 4 if not comparison.is_sound else 1 if args.exit_code and differs else 0


def _here(context: Context, side: str) -> str:
    """A side as it is, but a copy as a file."""
    return side if side == LIVE or is_number(side) else local_file(context, file_or_copy(side))


def _add_side(context: Context, comparison: Comparison, side: str, progress: Progress) -> None:
    source: Source = os.path.abspath(side)
    if side == LIVE:
        source = None
    elif is_number(side):
        sets = context.engine.sets(int(side), [comparison.snap])
        snapshots = [snapshot for group in sets for snapshot in group.snapshots]
        if not snapshots:
            raise NotFoundError(f'cannot compare: set #{side} has no snapshot of "{comparison.snap}"')
        source = snapshots[0]
    comparison.add(f"#{side}", source, progress)


def _show_totals(context: Context, comparison: Comparison, tally: Tally, keys: int) -> None:
    print_status(*(f"note: {plain(note)}" for note in comparison.notes))
    counts = {change: count for change, count in tally.files.items() if change is not Change.SAME}
    if context.json:
        files_by_change = {change.value: count for change, count in tally.files.items()}
        sums = {"bytes_added": tally.added, "bytes_removed": tally.removed, "keys": keys}
        print_result(json.dumps({"totals": files_by_change | sums, "notes": comparison.notes}))
        return
    if not any(counts.values()) and not keys:
        print_result("No differences.")
        return
    files = ", ".join(f"{count} {change.value}" for change, count in counts.items() if count)
    sizes = f"+{amount_text(tally.added)} -{amount_text(tally.removed)}"
    configuration = f"; {count_phrase(keys, 'configuration key')}" if keys else ""
    print_result(f"Files: {files or 'none'}; {sizes}{configuration}.")


def _lines(comparison: Comparison, differences: Iterator[Difference], tally: Tally) -> Iterator[str]:
    for facet in comparison.facets:
        version = f", version {plain(facet.version)}" if facet.version else ""
        yield f"{plain(facet.label)}: revision {facet.revision}{version}, epoch {facet.epoch}"
    for difference in differences:
        tally.add(difference)
        yield plain(_line(difference))


def _line(difference: Difference) -> str:
    owner = f"{difference.owner}/" if difference.owner else ""
    line = f"{_SIGNS[difference.change]} {owner}{difference.text}"
    if difference.kind == "directory":
        line += "/"
    sizes = [amount_text(size) for size in (difference.before, difference.after) if size is not None]
    if difference.folded:
        line += f"  {count_phrase(difference.files, 'file')}, {sizes[0]}"
    elif difference.kind == "file":
        line += f"  {' -> '.join(dict.fromkeys(sizes))}"
    return line + (f"  ({', '.join(difference.metadata)})" if difference.metadata else "")


def _documents(comparison: Comparison, differences: Iterator[Difference], tally: Tally) -> Iterator[str]:
    for facet in comparison.facets:
        about = {"revision": str(facet.revision), "version": facet.version, "epoch": str(facet.epoch)}
        yield json.dumps({"side": facet.label, **about})
    for difference in differences:
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


def _show_text(comparison: Comparison, below: tuple[str, bytes], tally: Tally, progress: Progress) -> None:
    """The lines of a text that is asked for by its path."""
    if not tally.files[Change.CHANGED]:
        return
    text_diff = comparison.text_diff(*below, progress)
    print_result(*map(plain, text_diff.lines))
    if text_diff.why_not:
        print_status(f"no line differences: {plain(text_diff.why_not)}")


def _key_line(key: KeyChange) -> str:
    values = " -> ".join(filter(None, key.texts))
    return plain(f"{_SIGNS[key.change]} conf {key.key}: {values}")


def _key_document(key: KeyChange) -> str:
    named = zip(("before", "after"), key.texts, strict=True)
    raw = "".join(f', "{name}": {value}' for name, value in named if value)
    return f'{{"key": {json.dumps(key.key)}, "change": {json.dumps(key.change.value)}{raw}}}'
