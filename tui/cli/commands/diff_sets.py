"""The verb `diff` without a snap: whole sets, summed up for each snap."""

import json
import os
from collections.abc import Sequence

from backend import NotFoundError, Progress
from backend.compare import (
    LIVE,
    Change,
    CompareOptions,
    SetComparison,
    Side,
    SnapSummary,
    side_in_place,
    side_of_file,
    side_of_set,
)
from tui.cli.arguments.contents import DiffArgs
from tui.cli.arguments.parser import UsageError, is_number
from tui.cli.context import Context
from tui.cli.output import print_result, print_status, show_rows
from tui.cli.progress import watched_progress
from tui.text import plain
from tui.views.difference_rows import bytes_text
from tui.views.set_differences import UNREADABLE, files_text, keys_text


def diff_sets(context: Context, args: DiffArgs) -> int:
    """Show for each snap how much differs; 3 where not everything could be compared."""
    engine = context.engine
    with watched_progress() as progress, progress.step("Comparing"):
        before, after = _sides(context, args, progress)
        comparison = SetComparison(before, after, engine.layout, engine.state_dir)
        options = CompareOptions(exact=args.exact)
        summaries = list(comparison.summaries(progress, options))
    labels = (before.label, after.label)
    if context.json:
        print_result(*(json.dumps(_document(summary)) for summary in summaries))
    else:
        rows = [("Snap", "Files", "Bytes", "Configuration")]
        rows += [_row(summary, labels) for summary in summaries]
        show_rows(rows, empty="There is nothing to compare.")
        notes = ((summary.snap, note) for summary in summaries for note in summary.notes)
        print_status(*(plain(f"note: {snap}: {note}") for snap, note in notes))
    return _exit_code(summaries, args)


def _sides(context: Context, args: DiffArgs, progress: Progress) -> tuple[Side, Side]:
    if args.first == args.second == LIVE:
        raise UsageError("there is nothing to compare the live data with", "diff")
    sides = {side: _side(context, side, progress) for side in (args.first, args.second) if side != LIVE}
    other = next(iter(sides.values()))
    sides[LIVE] = side_in_place(context.engine.layout, other.sources)
    return sides[args.first], sides[args.second]


def _side(context: Context, side: str, progress: Progress) -> Side:
    if not is_number(side):
        return side_of_file(os.path.abspath(side), progress)
    sets = context.engine.sets(int(side))
    if not sets:
        raise NotFoundError(f"cannot compare: there is no set #{side}")
    return side_of_set(int(side), sets[0].snapshots)


def _row(summary: SnapSummary, labels: tuple[str, str]) -> tuple[str, str, str, str]:
    name, tally = plain(summary.snap) or UNREADABLE, summary.tally
    amounts = bytes_text(tally.added, tally.removed) or "-"
    return name, files_text(summary, labels), amounts, keys_text(summary) or "-"


def _document(summary: SnapSummary) -> dict[str, object]:
    tally = summary.tally
    return {
        "snap": summary.snap,
        "presence": summary.presence.name.lower(),
        **{change.value: count for change, count in tally.files.items() if change is not Change.SAME},
        "bytes_added": tally.added,
        "bytes_removed": tally.removed,
        "keys": summary.keys,
        "notes": list(summary.notes),
        "fault": summary.fault,
    }


def _exit_code(summaries: Sequence[SnapSummary], args: DiffArgs) -> int:
    if any(summary.fault or not summary.is_whole for summary in summaries):
        return 3
    if not all(summary.is_sound for summary in summaries):
        return 4
    return 1 if args.exit_code and any(summary.differs for summary in summaries) else 0
