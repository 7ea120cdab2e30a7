"""The inventory as rows of a table: pure functions of what a place holds."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from enum import Enum
from functools import partial
from typing import NamedTuple

from backend import Checked, CheckState, Snapshot, SnapshotSet, unix_time
from tui.place import Stock
from tui.present import notes_text, plain, size_text
from tui.widgets.table import CLOSED, OPEN, Column, Line, Row

DAY = 24 * 3600
_SHOWS_NOTES, _SHOWS_USERS, _WIDE = 60, 72, 100


class Pivot(Enum):
    """By what the rows are gathered."""

    SET = "set"
    SNAP = "snap"
    USER = "user"


class Sort(Enum):
    """By what the rows are put in order."""

    ID = "number"
    AGE = "age"
    SIZE = "size"
    CARE = "what needs care first"


class Wish(NamedTuple):
    """What the user wants to see."""

    pivot: Pivot = Pivot.SET
    sort: Sort = Sort.ID
    filter: str = ""
    opened: frozenset[Hashable] = frozenset()


class SetKey(NamedTuple):
    """A row of a whole set."""

    set_id: int


class SnapKey(NamedTuple):
    """A row of one snapshot of a set."""

    set_id: int
    path: str


class EntryKey(NamedTuple):
    """A row of one archive."""

    set_id: int
    path: str
    entry: str


class GroupKey(NamedTuple):
    """A row of everything of one snap or user."""

    pivot: Pivot
    name: str


_WORST = {state: number for number, state in enumerate(CheckState)}
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


def columns(width: int, pivot: Pivot) -> list[Column]:
    """The columns that fit: the less important ones go first."""
    heading = {Pivot.SET: "SET", Pivot.SNAP: "SNAP", Pivot.USER: "USER"}[pivot]
    shown = [
        Column(heading, 9 if pivot is Pivot.SET else 16),
        Column("SNAPS" if pivot is Pivot.SET else "SETS", 0),
    ]
    if width >= _SHOWS_USERS:
        shown.append(Column("USERS", 10 if width < _WIDE else 16))
    shown += [Column("WHEN", 6, right=True), Column("STORED", 6, right=True), Column("CHECK", 11)]
    if width >= _SHOWS_NOTES:
        shown.append(Column("NOTE", 0))
    return shown


class View(NamedTuple):
    """How rows are drawn: of which stock, at which time (seconds since the epoch), in which width."""

    stock: Stock
    now: float
    width: int


def rows(view: View, wish: Wish) -> list[Row]:
    """The rows that a wish asks for, those opened with their parts below them; drawn only when seen."""
    if wish.pivot is Pivot.SET:
        return [row for one in _ordered(view.stock, wish) for row in _set_rows(one, view, wish)]
    return _grouped(view, wish)


def _ordered(stock: Stock, wish: Wish) -> list[SnapshotSet]:
    wanted = [one for one in stock.sets if _matches(one.snapshots, stock, wish.filter)]
    keys: dict[Sort, Callable[[SnapshotSet], tuple[float, ...]]] = {
        Sort.ID: lambda one: (-one.set_id,),
        Sort.AGE: lambda one: (-_when(one.snapshots),),
        Sort.SIZE: lambda one: (-one.size,),
        Sort.CARE: lambda one: (_WORST[worst(one.snapshots, stock).state], -one.set_id),
    }
    return sorted(wanted, key=keys[wish.sort])


def _matches(snapshots: Iterable[Snapshot], stock: Stock, wanted: str) -> bool:
    words = wanted.lower().split()
    if not words:
        return True
    text = " ".join(stock.haystacks[one.path] for one in snapshots)
    return all(word in text for word in words)


def worst(snapshots: Iterable[Snapshot], stock: Stock) -> Checked:
    """The standing of the one that needs most care."""
    standings = [stock.standing.get(one.path, Checked(CheckState.NEVER)) for one in snapshots]
    return min(standings, key=lambda standing: (_WORST[standing.state], standing.at))


def check_text(standing: Checked, now: float) -> str:
    """A standing in words with its age: `✓ OK 2h`, `✗ FAILED`."""
    age = f" {short_age(now - standing.at)}" if standing.at else ""
    return f"{_GLYPHS[standing.state]} {standing.state.value}{age}"


def short_age(seconds: float) -> str:
    """An age in one unit, rounded down: `12s`, `3m`, `2h`, `41d`."""
    seconds = max(0.0, seconds)
    for unit, size in (("d", DAY), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{int(seconds)}s"


def _when(snapshots: Iterable[Snapshot]) -> float:
    return min((unix_time(one.time) for one in snapshots if not one.hidden), default=0.0)


def _age(snapshots: Iterable[Snapshot], now: float) -> str:
    when = _when(snapshots)
    return short_age(now - when) if when > 0 else "-"


def _users(snapshots: Iterable[Snapshot]) -> str:
    names = sorted({name for one in snapshots for name in one.users})
    return ", ".join(map(plain, names)) or "-"


def _line(first: str, middle: str, snapshots: tuple[Snapshot, ...], view: View) -> Line:
    standing = worst(snapshots, view.stock)
    notes = dict.fromkeys(notes_text(one) for one in snapshots)
    note = "; ".join(text for text in notes if text != "-")
    size = size_text(sum(one.size for one in snapshots)).strip() if _is_known(snapshots) else "-"
    check = check_text(standing, view.now)
    cells = (first, middle, _users(snapshots), _age(snapshots, view.now), size, check, note)
    style = _STYLES[standing.state]
    styles = ("", "", "", "dim", "", style, "bad" if style == "bad" else "dim")
    return Line(_shown(cells, view.width), _shown(styles, view.width))


def _is_known(snapshots: Iterable[Snapshot]) -> bool:
    return any(not one.hidden for one in snapshots)


def _set_rows(one: SnapshotSet, view: View, wish: Wish) -> Iterable[Row]:
    key = SetKey(one.set_id)

    def draw() -> Line:
        return _line(f"#{one.set_id}", _names(one.snapshots), one.snapshots, view)

    is_open = key in wish.opened
    yield Row(key, draw, 0, OPEN if is_open else CLOSED)
    if is_open:
        for snapshot in one.snapshots:
            yield from _snapshot_rows(snapshot, view, wish)


def _names(snapshots: Sequence[Snapshot]) -> str:
    """The snaps of a set: the first ones by name, the others counted."""
    names = [plain(snapshot.snap or "(unreadable)") for snapshot in snapshots]
    return names[0] if len(names) == 1 else f"{len(names)}: {', '.join(names)}"


def _snapshot_rows(snapshot: Snapshot, view: View, wish: Wish) -> Iterable[Row]:
    key = SnapKey(snapshot.set_id, snapshot.path)

    def draw() -> Line:
        middle = f"{plain(snapshot.snap or '(unreadable)')} {plain(snapshot.version)} rev {snapshot.revision}"
        return _line(f"#{snapshot.set_id}", middle, (snapshot,), view)

    is_open = key in wish.opened
    yield Row(key, draw, 1, OPEN if is_open else CLOSED)
    if is_open:
        for entry in snapshot.entries:
            yield Row(EntryKey(snapshot.set_id, snapshot.path, entry), partial(_entry_line, entry, view), 2)


def _entry_line(entry: str, view: View) -> Line:
    owner = entry.removeprefix("user/").removesuffix(".tgz") if entry != "archive.tgz" else "system"
    cells = ("", plain(entry), plain(owner), "", "", "", "")
    return Line(_shown(cells, view.width), _shown(("dim",) * 7, view.width))


def _grouped(view: View, wish: Wish) -> list[Row]:
    """One row for each snap, or each user, its snapshots below it."""
    groups: dict[str, list[Snapshot]] = {}
    for snapshot in (snapshot for one in view.stock.sets for snapshot in one.snapshots):
        if _matches((snapshot,), view.stock, wish.filter):
            for name in _group_names(snapshot, wish.pivot):
                groups.setdefault(name, []).append(snapshot)
    found = []
    for name in sorted(groups):
        members = tuple(sorted(groups[name], key=lambda snapshot: -snapshot.set_id))
        key = GroupKey(wish.pivot, name)
        is_open = key in wish.opened
        found.append(Row(key, partial(_group_line, name, members, view), 0, OPEN if is_open else CLOSED))
        if is_open:
            for snapshot in members:
                found += _snapshot_rows(snapshot, view, wish)
    return found


def _group_line(name: str, members: tuple[Snapshot, ...], view: View) -> Line:
    sets = ", ".join(f"#{number}" for number in dict.fromkeys(one.set_id for one in members))
    return _line(plain(name), sets, members, view)


def _group_names(snapshot: Snapshot, pivot: Pivot) -> list[str]:
    if pivot is Pivot.USER:
        return snapshot.users or ["(system)"]
    return [snapshot.snap or "(unreadable)"]


def _shown(line: tuple[str, ...], width: int) -> tuple[str, ...]:
    """The cells of a line for the columns that fit in a width."""
    first, middle, users, when, stored, check, note = line
    cells = [first, middle, *([users] if width >= _SHOWS_USERS else []), when, stored, check]
    return tuple([*cells, note] if width >= _SHOWS_NOTES else cells)
