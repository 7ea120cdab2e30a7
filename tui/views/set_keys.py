"""What identifies the rows of the inventory, and the snapshots that they stand for."""

from collections.abc import Hashable, Iterable, Sequence
from operator import attrgetter
from typing import NamedTuple

from backend import Snapshot
from tui.session.inventory import NOBODY, InventoryData, Pivot


class SetKey(NamedTuple):
    """A row of a whole set."""

    set_id: int


class SnapKey(NamedTuple):
    """A row of one snapshot of a set; of a user's, where it stands below that `owner`."""

    set_id: int
    path: str
    owner: str = ""


class EntryKey(NamedTuple):
    """A row of one archive."""

    set_id: int
    path: str
    entry: str
    owner: str = ""


class GroupKey(NamedTuple):
    """A row of everything of one snap or user."""

    pivot: Pivot
    name: str


class Choosing:
    """What is chosen by keys, found once for as long as neither they nor the stock change."""

    def __init__(self) -> None:
        self._stock: InventoryData | None = None
        self._keys: frozenset[Hashable] = frozenset()
        self._found: list[Snapshot] = []

    def chosen(self, stock: InventoryData, keys: frozenset[Hashable]) -> list[Snapshot]:
        """The snapshots that rows with these keys stand for, as `covered` has them."""
        if stock is not self._stock or keys != self._keys:
            self._stock, self._keys, self._found = stock, keys, covered(stock, keys)
        return [*self._found]


def covered(stock: InventoryData, keys: Iterable[Hashable]) -> list[Snapshot]:
    """The snapshots that rows with these keys stand for, in the order of the stock, each once."""
    snapshots = {snapshot.path: snapshot for key in keys for snapshot in _covered(stock, key)}
    return sorted(snapshots.values(), key=attrgetter("set_id", "snap", "path"))


def _covered(stock: InventoryData, key: Hashable) -> Sequence[Snapshot]:
    match key:
        case SetKey(set_id) if set_id in stock.by_id:
            return stock.by_id[set_id].snapshots
        case SnapKey(_, path) | EntryKey(_, path) if path in stock.by_path:
            return (stock.by_path[path],)
        case GroupKey(pivot, name) if name in stock.groups[pivot]:
            return stock.groups[pivot][name].members
        case _:
            return ()


def owners_of(keys: Iterable[Hashable]) -> tuple[str, ...]:
    """The users whose rows these keys name; none where any of them stands for more than a user's data."""
    owners = {_owner_of(key) for key in keys}
    return () if owners & {"", NOBODY} else tuple(sorted(owners))


def _owner_of(key: Hashable) -> str:
    match key:
        case GroupKey(Pivot.USER, name):
            return name
        case SnapKey(owner=owner) | EntryKey(owner=owner):
            return owner
        case _:
            return ""
