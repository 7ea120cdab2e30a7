"""The inventory as rows of a table: pure functions of what a place holds."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from enum import Enum
from functools import partial
from typing import Any, NamedTuple

from backend import Snapshot, SnapshotSet
from backend.format import unix_time
from backend.store import CheckState, CheckStatus
from tui.session.copies import CopiesElsewhere, CopyMark
from tui.session.inventory import (
    CHECK_WORDS,
    NAMELESS,
    WORST_FIRST,
    Group,
    InventoryData,
    Label,
    Part,
    Pivot,
    Total,
    label_of,
)
from tui.text import amount_text, plain
from tui.views.set_keys import EntryKey, GroupKey, SetKey, SnapKey
from tui.views.table import CLOSED, OPEN, Line, Row

DAY = 24 * 3600
_YEAR = 365.25 * DAY
_LONG_AGO = 30 * DAY
COLUMNS = ("SET", "SNAPS", "USERS", "AGE", "STORED", "CHECK", "EXPIRES", "COPIES", "NOTE")


_COPIES = COLUMNS.index("COPIES")


class Sort(Enum):
    """By what the rows are put in order."""

    ID = "number"
    NAME = "name"
    USERS = "users"
    AGE = "age"
    SIZE = "size"
    ATTENTION = "attention needed"
    EXPIRY = "expiry"


class ListOptions(NamedTuple):
    """What the user wants to see."""

    pivot: Pivot = Pivot.SET
    sort: Sort = Sort.ID
    filter: str = ""
    opened: frozenset[Hashable] = frozenset()
    is_reversed: bool = False

    @property
    def order(self) -> str:
        """The order in words: `newest first`."""
        return _ORDERS[self.sort][self.is_reversed][2:]

    @property
    def mark(self) -> str:
        """The sign of the order in a heading."""
        return _ORDERS[self.sort][self.is_reversed][0]


_ORDERS = {
    Sort.ID: ("▼ newest first", "▲ oldest first"),
    Sort.NAME: ("▲ names A to Z", "▼ names Z to A"),
    Sort.USERS: ("▲ users A to Z", "▼ users Z to A"),
    Sort.AGE: ("▲ youngest first", "▼ oldest first"),
    Sort.SIZE: ("▼ largest first", "▲ smallest first"),
    Sort.ATTENTION: ("▼ worst first", "▲ worst last"),
    Sort.EXPIRY: ("▲ first to expire first", "▼ last to expire first"),
}


class View(NamedTuple):
    """How rows are drawn: of which stock, at which time (seconds since the epoch).

    `parts` holds the archives of the snapshots that were opened, by path and entry.
    """

    stock: InventoryData
    now: float
    parts: Mapping[str, Mapping[str, Part]] = {}


STYLES = {
    CheckState.OK: "good",
    CheckState.OLD: "warn",
    CheckState.NEVER: "dim",
    CheckState.FAILED: "bad",
    CheckState.BROKEN: "bad",
}
GLYPHS = {
    CheckState.OK: "✓",
    CheckState.OLD: "~",
    CheckState.NEVER: "?",
    CheckState.FAILED: "✗",
    CheckState.BROKEN: "✗",
}


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
    keys: dict[Sort, Callable[[SnapshotSet], Any]] = {
        Sort.NAME: lambda set_: stock.labels[set_.set_id][0].names.lower(),
        Sort.USERS: lambda set_: _blank_last(stock.labels[set_.set_id][0].users),
        Sort.AGE: lambda set_: -totals[set_.set_id].when,
        Sort.SIZE: lambda set_: -totals[set_.set_id].size,
        Sort.ATTENTION: lambda set_: WORST_FIRST[totals[set_.set_id].status.state],
        Sort.EXPIRY: lambda set_: _expiry(set_.set_id, stock),
    }
    return _sorted(wanted, keys.get(wish.sort), wish)


def _sorted(things: list[Any], key: Callable[[Any], Any] | None, wish: ListOptions) -> list[Any]:
    """In the order that is wished, which without a key is the one they have."""
    in_order = sorted(things, key=key) if key else things
    return in_order[::-1] if wish.is_reversed else in_order


def _blank_last(text: str) -> tuple[bool, str]:
    return not text, text.lower()


def _expiry(set_id: int, stock: InventoryData) -> float:
    """When a set goes by itself, in seconds since the epoch; never is infinitely late."""
    when = stock.expiry.get(set_id)
    return unix_time(when) if when else float("inf")


def _set_rows(set_: SnapshotSet, view: View, wish: ListOptions) -> Iterable[Row]:
    key = SetKey(set_.set_id)
    is_open = key in wish.opened
    yield Row(key, partial(_set_line, set_, view), 0, OPEN if is_open else CLOSED)
    if is_open:
        yield from _member_rows(set_.snapshots, partial(_part_line, view=view), view, wish)


def _member_rows(
    members: Sequence[Snapshot],
    draw: Callable[[Snapshot], Line],
    view: View,
    wish: ListOptions,
    *,
    owner: str = "",
) -> Iterable[Row]:
    """The rows of snapshots below what holds them, with the lines of a tree; their archives below each."""
    for snapshot in members:
        key = SnapKey(snapshot.set_id, snapshot.path, owner)
        is_last, is_open = snapshot is members[-1], key in wish.opened
        sign, branch = OPEN if is_open else CLOSED, "  └ " if is_last else "  ├ "
        is_merged = wish.pivot is Pivot.SET  # it does not repeat the number of the set
        yield Row(key, partial(draw, snapshot), 1, sign, branch, is_merged=is_merged)
        for entry in snapshot.entries if is_open else ():
            key_of_entry = EntryKey(snapshot.set_id, snapshot.path, entry, owner)
            twig = ("    " if is_last else "  │ ") + ("└ " if entry == snapshot.entries[-1] else "├ ")
            draw_entry = partial(_entry_line, snapshot, entry, view)
            yield Row(key_of_entry, draw_entry, 2, " ", twig, is_merged=True)


def _grouped(view: View, wish: ListOptions) -> list[Row]:
    """One row for each snap, or each user, its snapshots below it."""
    groups, terms = view.stock.groups[wish.pivot], wish.filter.lower().split()
    keys: dict[Sort, Callable[[str], Any]] = {
        Sort.NAME: lambda name: -len(groups[name].members),
        Sort.USERS: lambda name: _blank_last(", ".join(groups[name].total.users)),
        Sort.AGE: lambda name: -groups[name].total.when,
        Sort.SIZE: lambda name: -groups[name].total.size,
        Sort.ATTENTION: lambda name: WORST_FIRST[groups[name].total.status.state],
    }
    grouped_rows: list[Row] = []
    for name in _sorted([*groups], keys.get(wish.sort), wish):
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
        draw = partial(_member_line, pivot=key.pivot, view=view)
        yield from _member_rows(group.members, draw, view, wish, owner=owner)


# -- drawing


def _set_line(set_: SnapshotSet, view: View) -> Line:
    total, (label, _) = view.stock.totals[set_.set_id], view.stock.labels[set_.set_id]
    copies = copies_text(view.stock.elsewhere, set_.set_id, view.now)
    line = _line((f"#{set_.set_id}", label.names, expires_text(set_, view), copies), total, label, view.now)
    style = _copies_style(view.stock.elsewhere.of_set(set_.set_id))
    return line._replace(styles=(*line.styles[:_COPIES], style, *line.styles[_COPIES + 1 :]))


def _part_line(snapshot: Snapshot, view: View) -> Line:
    """A snapshot below its set, of which it repeats nothing."""
    total = view.stock.total_of((snapshot,))
    return _line(("", _titled(snapshot), "", ""), total, label_of(total), view.now)


def _member_line(snapshot: Snapshot, pivot: Pivot, view: View) -> Line:
    """A snapshot below its snap, or below a user whose data it has."""
    total, set_ = view.stock.total_of((snapshot,)), view.stock.by_id[snapshot.set_id]
    title = _titled(snapshot) if pivot is Pivot.USER else _release(snapshot)
    return _line(
        (f"#{snapshot.set_id}", title, expires_text(set_, view), ""), total, label_of(total), view.now
    )


def _titled(snapshot: Snapshot) -> str:
    return f"{plain(snapshot.snap or NAMELESS)} {_release(snapshot)}".rstrip()


def _release(snapshot: Snapshot) -> str:
    """The version and the revision, as far as they are known."""
    revision = f"rev {snapshot.revision}" if snapshot.revision.number else ""
    return " · ".join(filter(None, (plain(snapshot.version), revision)))


def _group_line(key: GroupKey, group: Group, view: View) -> Line:
    numbers = dict.fromkeys(snapshot.set_id for snapshot in group.members)
    sets = ", ".join(f"#{number}" for number, _ in zip(numbers, range(40), strict=False))
    label = label_of(group.total)
    if key.pivot is Pivot.USER and label.stored:  # others have a share in it
        label = label._replace(stored=f"≤{label.stored}")
    return _line((plain(key.name), sets, "", ""), group.total, label, view.now)


def _line(texts: tuple[str, str, str, str], total: Total, label: Label, now: float) -> Line:
    """A row of something in sum; what it begins with, its middle, when it expires, its copies."""
    first, middle, expires, copies = texts
    age = short_age(now - total.when) if total.when > 0 else ""
    style = STYLES[total.status.state]
    return Line(
        (
            *(first, middle, label.users, age, label.stored),
            *(check_text(total.status, now), expires, copies, label.note),
        ),
        (
            "",
            "" if first else "dim",
            *["dim"] * 2,
            "",
            style,
            *["dim"] * 2,
            "bad" if style == "bad" else "dim",
        ),
    )


def _entry_line(snapshot: Snapshot, entry: str, view: View) -> Line:
    owner = entry.removeprefix("user/").removesuffix(".tgz") if entry != "archive.tgz" else "system"
    part = view.parts.get(snapshot.path, {}).get(entry)
    stored = check = fault = ""
    style = "dim"
    if part is not None:
        stored, check = amount_text(part.stored), check_text(part.status, view.now)
        style, fault = STYLES[part.status.state], plain(part.status.fault)
    elif not snapshot.broken:
        stored = "…"
    texts = ("", plain(entry), plain(owner), "", stored, check, "", "", fault)
    return Line(texts, ("dim",) * COLUMNS.index("CHECK") + (style, "dim", "dim", style))


def expires_text(set_: SnapshotSet, view: View) -> str:
    """When a set goes by itself: `in 22d`; `auto` where that is not known, nothing for one that stays."""
    if set_.set_id in view.stock.expiry:
        return short_age(min(view.now - _expiry(set_.set_id, view.stock), -1))
    return "auto" if set_.snapshots and set_.snapshots[0].auto else ""


# -- words


def copies_text(elsewhere: CopiesElsewhere, number: int, now: float) -> str:
    """Where a set has copies: `offsite ✓`, `offsite ? 40d` when it was not read back lately, `–` nowhere."""
    marks = elsewhere.of_set(number)
    if not marks:
        return "–" if elsewhere.repositories else ""
    best = {mark.repository: mark for mark in sorted(marks, key=lambda mark: (mark.is_sound, mark.checked))}
    return ", ".join(f"{plain(name)} {_mark_text(mark, now)}" for name, mark in best.items())


def _mark_text(mark: CopyMark, now: float) -> str:
    if mark.trouble:
        return "✗"
    if not mark.checked:
        return "?"
    age = now - mark.checked
    return "✓" if age < _LONG_AGO else f"? {short_age(age)}"


def _copies_style(marks: Sequence[CopyMark]) -> str:
    if any(mark.is_sound for mark in marks):
        return "good"
    return "bad" if marks and all(mark.trouble for mark in marks) else "dim"


def check_text(status: CheckStatus, now: float) -> str:
    """A status in words with its age: `✓ verified 2h`, `✗ damaged`."""
    age = f" {short_age(now - status.at)}" if status.at else ""
    return f"{check_word(status.state)}{age}"


def check_word(state: CheckState) -> str:
    """A state with its sign: `✓ verified`."""
    return f"{GLYPHS[state]} {CHECK_WORDS[state]}"


def short_age(seconds: float) -> str:
    """An age in one unit, rounded down: `12s`, `3m`, `2h`, `41d`, `30y`; what lies ahead: `in 3y`."""
    if seconds <= -1:
        return f"in {short_age(-seconds)}"
    for unit, size in (("y", _YEAR), ("d", DAY), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{int(max(0.0, seconds))}s"
