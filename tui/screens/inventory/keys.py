"""The keys of the inventory, and how what is chosen is named in an operation."""

from collections.abc import Iterable

from textual.binding import Binding

from backend import Action, Snapshot, SnapshotSet
from tui.session.inventory import InventoryData

_VERBS = Binding.Group("Actions")
KEYS = (
    Binding("r", "restore", "Restore"),
    Binding("c", "check", "Check"),
    Binding("s", "save", "Save"),
    Binding("e", "export", "Export"),
    Binding("i", "import", "Import"),
    Binding("d", "compare", "Compare"),
    Binding("F,ctrl+f", "find", "Find", key_display="F"),
    Binding("slash", "filter", "Filter", key_display="/"),
    Binding("u", "undo", "Undo"),
    Binding("J", "jobs", "Jobs"),
    Binding("f", "forget", "Forget", show=False, group=_VERBS),
    Binding("p", "pin", "Pin", show=False, group=_VERBS),
    Binding("P", "push", "Push", show=False, group=_VERBS),
    Binding("t", "copies", "Copies", show=False, group=_VERBS),
    Binding("H", "hosts", "Hosts", show=False, group=_VERBS),
    Binding("y", "copy", "Copy command", show=False, group=_VERBS),
    Binding("exclamation_mark", "care", "Attention", key_display="!", show=False, group=_VERBS),
    Binding("v", "pivot", "Group by", show=False),
    Binding("o", "sort", "Sort by", show=False),
    Binding("ctrl+o", "reverse", "Reverse order", show=False),
    Binding("D", "details", "Details", show=False),
    Binding("O", "overview", "Overview", show=False),
    Binding("f5,R", "reload", "Refresh", show=False),
    Binding("question_mark,f1", "help", "Help", key_display="?"),
    Binding("escape", "back", "Back", show=False),
    Binding("q", "app.quit", "Quit", show=False),
)
ACTING = "rcefdpP"  # keys that act on the row under the cursor
ACTIONS = {
    "restore": Action.RESTORE,
    "save": Action.SAVE,
    "import": Action.IMPORT,
    "forget": Action.FORGET,
    "undo": Action.UNDO,
    "pin": Action.FORGET,
    "push": Action.PUSH,
}


def grouped_by_set(snapshots: Iterable[Snapshot]) -> list[SnapshotSet]:
    """The sets of snapshots by number, each with those snapshots only."""
    by_set: dict[int, list[Snapshot]] = {}
    for snapshot in snapshots:
        by_set.setdefault(snapshot.set_id, []).append(snapshot)
    return [SnapshotSet(number, tuple(by_set[number])) for number in sorted(by_set)]


def snaps_of(part: SnapshotSet, inventory: InventoryData | None) -> tuple[str, ...]:
    """The snaps to name for a part of a set: none when it is all of it, its own when the set is gone."""
    whole = inventory.by_id.get(part.set_id) if inventory else None
    is_whole = whole is not None and len(whole.snapshots) == len(part.snapshots)
    return () if is_whole else tuple(snapshot.snap for snapshot in part.snapshots)
