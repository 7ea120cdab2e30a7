"""TODO."""

from typing import TYPE_CHECKING

from tui.cli.context import engine, number
from tui.cli.output import print_result, sets_json, show_table
from tui.text import guard_text

if TYPE_CHECKING:
    from backend import Engine, SnapshotSet
    from backend.jobs import SafeguardedRestore
    from tui.cli.arguments import Arguments


def saved(arguments: "Arguments") -> int:
    """Print the table of `snap saved`, or the JSON of snapd's `GET /v2/snapshots`."""
    here = engine(arguments)
    sets = here.sets(number(arguments.id or "0") or None, arguments.snaps)
    if arguments.json:
        print_result(sets_json(sets))
    else:
        show_table(_marked(sets, here), here, abs_time=arguments.abs_time)
    return 0


def _marked(sets: "list[SnapshotSet]", here: "Engine") -> "list[SnapshotSet]":
    """The same with a word on those by which a restore through snapd can be taken back."""
    guards = here.guards()
    return [one if one.set_id not in guards else _guarding(one, guards[one.set_id]) for one in sets]


def _guarding(one: "SnapshotSet", guarded: "SafeguardedRestore") -> "SnapshotSet":
    note = guard_text(guarded)
    marked = (
        snapshot._replace(warning=", ".join(filter(None, (snapshot.warning, note))))
        for snapshot in one.snapshots
    )
    return one._replace(snapshots=tuple(marked))
