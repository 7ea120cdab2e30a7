"""The keys of the inventory: which there are, what they act on, and what the threads they start tell."""

from collections.abc import Hashable, Iterable

from textual.binding import Binding
from textual.message import Message

from backend import Snapshot, SnapshotSet
from tui.follow import JobView
from tui.place import Stock
from tui.rows import EntryKey, GroupKey, Pivot, SetKey, SnapKey

KEYS = (
    Binding("r", "restore", "Restore"),
    Binding("c", "check", "Check"),
    Binding("s", "save", "Save"),
    Binding("e", "export", "Export"),
    Binding("i", "import", "Import"),
    Binding("f", "forget", "Forget"),
    Binding("u", "undo", "Undo"),
    Binding("J", "jobs", "Jobs"),
    Binding("slash", "filter", "Filter", key_display="/", show=False),
    Binding("v", "pivot", "Pivot", show=False),
    Binding("o", "sort", "Sort", show=False),
    Binding("y", "copy", "Copy command", show=False),
    Binding("d", "details", "Details", show=False),
    Binding("f5,R", "look", "Look again", show=False),
    Binding("question_mark,f1", "help", "Help", key_display="?"),
    Binding("escape", "back", "Back", show=False),
    Binding("q", "app.quit", "Quit", show=False),
)


class Looked(Message):
    """Someone looked at the place: what there is, as of a stamp; `stock` is None where it is the same."""

    def __init__(self, stock: Stock | None, jobs: list[JobView], stamp: tuple[int, ...]) -> None:
        super().__init__()
        self.stock = stock
        self.jobs = jobs
        self.stamp = stamp


class Missed(Message):
    """Someone tried to look at the place, and could not."""

    def __init__(self, trouble: str) -> None:
        super().__init__()
        self.trouble = trouble


class Launched(Message):
    """Jobs were started; `troubles` are those that could not be."""

    def __init__(self, troubles: list[str]) -> None:
        super().__init__()
        self.troubles = troubles


def chosen(stock: Stock | None, keys: Iterable[Hashable]) -> list[Snapshot]:
    """The snapshots that rows with these keys stand for, in the order of the stock."""
    wanted = tuple(keys)
    return [
        snapshot
        for one in (stock.sets if stock else ())
        for snapshot in one.snapshots
        if any(covers(key, snapshot) for key in wanted)
    ]


def covers(key: Hashable, snapshot: Snapshot) -> bool:
    """Whether the row with that key stands for a snapshot, or for a part of it."""
    match key:
        case SetKey(set_id):
            return snapshot.set_id == set_id
        case SnapKey(_, path) | EntryKey(_, path, _):
            return snapshot.path == path
        case GroupKey(Pivot.USER, name):
            return name in (snapshot.users or ["(system)"])
        case GroupKey(_, name):
            return (snapshot.snap or "(unreadable)") == name
        case _:
            return False


def gathered(snapshots: Iterable[Snapshot]) -> list[SnapshotSet]:
    """The sets of snapshots by number, each with those snapshots only."""
    by_set: dict[int, list[Snapshot]] = {}
    for snapshot in snapshots:
        by_set.setdefault(snapshot.set_id, []).append(snapshot)
    return [SnapshotSet(number, tuple(by_set[number])) for number in sorted(by_set)]


def snaps_of(part: SnapshotSet, stock: Stock | None) -> tuple[str, ...]:
    """The snaps to name for a part of a set: none when it is all of it, its own when the set is gone."""
    sizes = {one.set_id: len(one.snapshots) for one in (stock.sets if stock else ())}
    is_whole = sizes.get(part.set_id) == len(part.snapshots)
    return () if is_whole else tuple(one.snap for one in part.snapshots)
