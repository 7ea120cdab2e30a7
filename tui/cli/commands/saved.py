"""The verb `saved`: what everyone asks most, so it loads almost nothing."""

import os
from typing import TYPE_CHECKING

from tui.cli.output import print_result, sets_json, show_table
from tui.text import guard_text, pin_text

if TYPE_CHECKING:
    from backend import Engine, SnapshotSet
    from tui.cli.arguments.saved import SavedArgs
    from tui.cli.context import Context


def saved(context: "Context", args: "SavedArgs") -> int:
    """Print the table of `snap saved`, or the JSON of snapd's `GET /v2/snapshots`; or copies elsewhere."""
    if args.repo:
        from tui.cli.commands.copies import saved_copies

        return saved_copies(context, args)
    sets = context.engine.sets(args.set_id or None, args.snaps)
    if context.json:
        print_result(sets_json(sets))
    else:
        show_table(_marked(sets, context.engine), context.engine, abs_time=args.abs_time)
    return 0


def _marked(sets: "list[SnapshotSet]", engine: "Engine") -> "list[SnapshotSet]":
    """The same with a note on those that are pinned, or by which a restore through snapd can be undone."""
    notes = {number: guard_text(guarded) for number, guarded in engine.guards().items()}
    if os.path.exists(f"{engine.state_dir}/pins.json"):  # else it is not worth to load what reads it
        shown = {group.set_id for group in sets}
        whole = [group for group in engine.sets() if group.set_id in shown]  # a filter leaves parts of sets
        notes |= {number: pin_text(pin.note) for number, pin in engine.pins.by_set(whole).items()}
    return [_noted(group, notes[group.set_id]) if group.set_id in notes else group for group in sets]


def _noted(group: "SnapshotSet", note: str) -> "SnapshotSet":
    marked = (
        snapshot._replace(warning=", ".join(filter(None, (snapshot.warning, note))))
        for snapshot in group.snapshots
    )
    return group._replace(snapshots=tuple(marked))
