"""The inventory as rows of a table: pure functions of what a place holds."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from enum import Enum
from functools import partial
from operator import attrgetter
from typing import NamedTuple

from backend import Snapshot, SnapshotSet
from backend.store import CheckState, CheckStatus
from tui.session.inventory import NAMELESS, NOBODY, WORST_FIRST, Group, InventoryData, Part, Pivot, Total
from tui.text import plain, size_text
from tui.views.table import CLOSED, OPEN, Column, Line, Row

DAY = 24 * 3600
_YEAR = 365.25 * DAY
_SHOWS_NOTES, _SHOWS_USERS, _WIDE, _SHOWS_UNPACKED = 60, 72, 100, 110


class Sort(Enum):
    """By what the rows are put in order."""

    ID = "number"
    AGE = "age"
    SIZE = "size"
    ATTENTION = "needs attention"


class ListOptions(NamedTuple):
    """What the user wants to see."""

    pivot: Pivot = Pivot.SET
    sort: Sort = Sort.ID
    filter: str = ""
    opened: frozenset[Hashable] = frozenset()


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


class View(NamedTuple):
    """How rows are drawn: of which stock, at which time (seconds since the epoch), in which width.

    `parts` holds the archives of the snapshots that were opened, by path and entry.
    """

    stock: InventoryData
    now: float
    width: int
    parts: Mapping[str, Mapping[str, Part]] = {}


_STYLES = {
    CheckState.OK: "good",
    CheckState.OLD: "warn",
    CheckState.NEVER: "dim",
    CheckState.FAILED: "bad",
    CheckState.BROKEN: "bad",
}
_GLYPHS = {
    CheckState.OK: "✓",
    CheckState.OLD: "~",
    CheckState.NEVER: "?",
    CheckState.FAILED: "✗",
    CheckState.BROKEN: "✗",
}


# -- columns


def columns(width: int, pivot: Pivot) -> list[Column]:
    """The columns that fit: the less important ones go first."""
    heading = {Pivot.SET: "SET", Pivot.SNAP: "SNAP", Pivot.USER: "USER"}[pivot]
    all_of_them = (
        Column(heading, 9 if pivot is Pivot.SET else 16),
        Column("SNAPS" if pivot is Pivot.SET else "SETS", 0),
        Column("USERS", 10 if width < _WIDE else 16),
        Column("WHEN", 6, right=True),
        Column("STORED", 7, right=True),
        Column("UNPACKED", 8, right=True),
        Column("CHECK", 11),
        Column("NOTE", 0),
    )
    return [all_of_them[number] for number in _shown(width)]


def _shown(width: int) -> list[int]:
    """Which of the columns there is room for."""
    missing = {2} if width < _SHOWS_USERS else set()
    missing |= {5} if width < _SHOWS_UNPACKED else set()
    missing |= {7} if width < _SHOWS_NOTES else set()
    return [number for number in range(8) if number not in missing]


# -- rows


def rows(view: View, wish: ListOptions) -> list[Row]:
    """The rows that a wish asks for, those opened with their parts below them; drawn only when seen."""
    if wish.pivot is Pivot.SET:
        return [row for set_ in _ordered(view.stock, wish) for row in _set_rows(set_, view, wish)]
    return _grouped(view, wish)


def _ordered(stock: InventoryData, wish: ListOptions) -> list[SnapshotSet]:
    terms, totals = wish.filter.lower().split(), stock.totals
    texts = stock.texts if terms else {}
    wanted = [set_ for set_ in reversed(stock.sets) if all(word in texts[set_.set_id] for word in terms)]
    keys: dict[Sort, Callable[[SnapshotSet], float]] = {
        Sort.AGE: lambda set_: -totals[set_.set_id].when,
        Sort.SIZE: lambda set_: -totals[set_.set_id].size,
        Sort.ATTENTION: lambda set_: WORST_FIRST[totals[set_.set_id].status.state],
    }
    return sorted(wanted, key=keys[wish.sort]) if wish.sort in keys else wanted


def _set_rows(set_: SnapshotSet, view: View, wish: ListOptions) -> Iterable[Row]:
    key = SetKey(set_.set_id)
    is_open = key in wish.opened
    yield Row(key, partial(_set_line, set_.set_id, view), 0, OPEN if is_open else CLOSED)
    if is_open:
        for snapshot in set_.snapshots:
            yield from _snapshot_rows(snapshot, view, wish)


def _snapshot_rows(snapshot: Snapshot, view: View, wish: ListOptions, owner: str = "") -> Iterable[Row]:
    key = SnapKey(snapshot.set_id, snapshot.path, owner)
    is_open = key in wish.opened
    yield Row(key, partial(_snapshot_line, snapshot, view), 1, OPEN if is_open else CLOSED)
    if is_open:
        for entry in snapshot.entries:
            key_of_entry = EntryKey(snapshot.set_id, snapshot.path, entry, owner)
            yield Row(key_of_entry, partial(_entry_line, snapshot, entry, view), 2)


def _grouped(view: View, wish: ListOptions) -> list[Row]:
    """One row for each snap, or each user, its snapshots below it."""
    groups, terms = view.stock.groups[wish.pivot], wish.filter.lower().split()
    keys: dict[Sort, Callable[[str], float]] = {
        Sort.AGE: lambda name: -groups[name].total.when,
        Sort.SIZE: lambda name: -groups[name].total.size,
        Sort.ATTENTION: lambda name: WORST_FIRST[groups[name].total.status.state],
    }
    grouped_rows: list[Row] = []
    for name in sorted(groups, key=keys[wish.sort]) if wish.sort in keys else groups:
        group = _narrowed(groups[name], view.stock, terms)
        if group.members:
            grouped_rows += _group_rows(GroupKey(wish.pivot, name), group, view, wish)
    return grouped_rows


def _narrowed(group: Group, stock: InventoryData, terms: Sequence[str]) -> Group:
    """What of a group a filter leaves."""
    if not terms:
        return group
    texts = stock.haystacks
    members = tuple(
        [snapshot for snapshot in group.members if all(word in texts[snapshot.path] for word in terms)]
    )
    return Group(members, stock.total_of(members)) if len(members) < len(group.members) else group


def _group_rows(key: GroupKey, group: Group, view: View, wish: ListOptions) -> Iterable[Row]:
    is_open = key in wish.opened
    yield Row(key, partial(_group_line, key, group, view), 0, OPEN if is_open else CLOSED)
    if is_open:
        owner = key.name if key.pivot is Pivot.USER else ""
        for snapshot in group.members:
            yield from _snapshot_rows(snapshot, view, wish, owner)


# -- drawing


def _set_line(set_id: int, view: View) -> Line:
    total = view.stock.totals[set_id]
    names = [plain(name) for name in total.names]
    middle = names[0] if len(names) == 1 else f"{len(names)}: {', '.join(names)}"
    return _line((f"#{set_id}", middle), total, view)


def _snapshot_line(snapshot: Snapshot, view: View) -> Line:
    middle = f"{plain(snapshot.snap or NAMELESS)} {plain(snapshot.version)} rev {snapshot.revision}"
    return _line((f"#{snapshot.set_id}", middle), view.stock.total_of((snapshot,)), view)


def _group_line(key: GroupKey, group: Group, view: View) -> Line:
    numbers = dict.fromkeys(snapshot.set_id for snapshot in group.members)
    sets = ", ".join(f"#{number}" for number, _ in zip(numbers, range(40), strict=False))
    is_shared = key.pivot is Pivot.USER
    return _line((plain(key.name), sets), group.total, view, limit="≤" if is_shared else "")


def _line(first: tuple[str, str], total: Total, view: View, *, limit: str = "") -> Line:
    """A row of something in sum; with `limit` before sizes that others share."""
    age = short_age(view.now - total.when) if total.when > 0 else "-"
    stored = f"{limit}{size_text(total.size).strip()}" if total.is_known else "-"
    unpacked = f"{limit}{size_text(total.unpacked).strip()}" if total.unpacked is not None else "-"
    users, note = ", ".join(map(plain, total.users)) or "-", "; ".join(total.notes)
    cells = (*first, users, age, stored, unpacked, check_text(total.status, view.now), note)
    style = _STYLES[total.status.state]
    styles = ("", "", "", "dim", "", "dim", style, "bad" if style == "bad" else "dim")
    return _fitting(cells, styles, view.width)


def _entry_line(snapshot: Snapshot, entry: str, view: View) -> Line:
    owner = entry.removeprefix("user/").removesuffix(".tgz") if entry != "archive.tgz" else "system"
    part = view.parts.get(snapshot.path, {}).get(entry)
    stored = unpacked = check = style = ""
    if part is not None:
        stored = size_text(part.stored).strip()
        unpacked = "-" if part.unpacked is None else size_text(part.unpacked).strip()
        check, style = check_text(part.status, view.now), _STYLES[part.status.state]
    elif not snapshot.broken:
        stored = "…"
    fault = plain(part.status.fault) if part is not None else ""
    cells = ("", plain(entry), plain(owner), "", stored, unpacked, check, fault)
    return _fitting(cells, ("dim",) * 6 + (style or "dim",) * 2, view.width)


def _fitting(cells: tuple[str, ...], styles: tuple[str, ...], width: int) -> Line:
    """The cells of a line for the columns that fit in a width."""
    shown = _shown(width)
    return Line(tuple(cells[number] for number in shown), tuple(styles[number] for number in shown))


# -- words


def check_text(status: CheckStatus, now: float) -> str:
    """A status in words with its age: `✓ OK 2h`, `✗ FAILED`."""
    age = f" {short_age(now - status.at)}" if status.at else ""
    return f"{_GLYPHS[status.state]} {status.state.value}{age}"


def short_age(seconds: float) -> str:
    """An age in one unit, rounded down: `12s`, `3m`, `2h`, `41d`, `30y`; what lies ahead: `in 3y`."""
    if seconds <= -1:
        return f"in {short_age(-seconds)}"
    for unit, size in (("y", _YEAR), ("d", DAY), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{int(max(0.0, seconds))}s"


# -- what keys stand for


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
