"""The verb `saved`: what everyone asks most, so it loads almost nothing."""

from typing import TYPE_CHECKING

from tui.cli.output import print_result, sets_json, show_table
from tui.text import guard_text

if TYPE_CHECKING:
    from backend import Engine, SnapshotSet
    from backend.jobs import SafeguardedRestore
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
    """The same with a note on those by which a restore through snapd can be undone."""
    guards = engine.guards()
    return [group if group.set_id not in guards else _guarding(group, guards[group.set_id]) for group in sets]


def _guarding(group: "SnapshotSet", guarded: "SafeguardedRestore") -> "SnapshotSet":
    note = guard_text(guarded)
    marked = (
        snapshot._replace(warning=", ".join(filter(None, (snapshot.warning, note))))
        for snapshot in group.snapshots
    )
    return group._replace(snapshots=tuple(marked))
