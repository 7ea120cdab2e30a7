"""What the palette offers over the inventory: sets to go to and to act on, sort orders, groupings."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Protocol

from backend import SnapshotSet
from tui.session.inventory import InventoryData, Pivot
from tui.text import plain
from tui.views.palette_item import PaletteItem
from tui.views.set_rows import Sort

SHOWN_UNASKED = 5
_NAMES = 3
_ACTS = (
    ("go to", "", "move the cursor to it"),
    ("restore", "restore", "show the plan, then restore"),
    ("check", "check", "verify its archives"),
    ("export", "export", "write it to a file"),
    ("forget", "forget", "remove it, after confirmation"),
)


class SetList(Protocol):
    """A screen that shows sets."""

    def go_to(self, set_id: int, action: str = "") -> None:
        """Move the cursor to a set, whatever is filtered or selected, then run an action on it."""

    def group_by(self, pivot: Pivot) -> None:
        """Group the rows."""

    def sort_by(self, sort: Sort) -> None:
        """Sort the rows."""


def choices(
    inventory: InventoryData | None, terms: Sequence[str], set_list: SetList, refusal_of: Callable[[str], str]
) -> Iterator[PaletteItem]:
    """All that matches every word, lazily: ten thousand sets are looked through, not listed."""
    for sort in Sort:
        choice = PaletteItem(f"sort by {sort.value}", partial(set_list.sort_by, sort), effect="sort the rows")
        if choice.matches(terms):
            yield choice
    for pivot in Pivot:
        choice = PaletteItem(
            f"group by {pivot.value}", partial(set_list.group_by, pivot), effect="one row each"
        )
        if choice.matches(terms):
            yield choice
    if inventory is not None:
        allowed = [act for act in _ACTS if not (act[1] and refusal_of(act[1]))]
        newest = reversed(inventory.sets if terms else inventory.sets[-SHOWN_UNASKED:])
        for snapshot_set in newest:
            yield from _of_set(snapshot_set, terms, set_list, allowed if terms else allowed[:1])


def _of_set(
    snapshot_set: SnapshotSet, terms: Sequence[str], set_list: SetList, acts: Iterable[tuple[str, str, str]]
) -> Iterator[PaletteItem]:
    names = (*(snapshot.snap for snapshot in snapshot_set.snapshots), *_users(snapshot_set))
    text = f"#{snapshot_set.set_id} {' '.join(names)}".lower()
    for verb, action, effect in acts:
        if all(word in text or word in verb for word in terms):
            yield PaletteItem(
                f"{verb} #{snapshot_set.set_id} {_summary(snapshot_set)}",
                partial(set_list.go_to, snapshot_set.set_id, action),
                effect=effect,
            )


def _users(snapshot_set: SnapshotSet) -> list[str]:
    return list(dict.fromkeys(user for snapshot in snapshot_set.snapshots for user in snapshot.users))


def _summary(snapshot_set: SnapshotSet) -> str:
    """The snaps of a set and whose data it holds, the first of each by name."""
    groups = ([snapshot.snap or "(unreadable)" for snapshot in snapshot_set.snapshots], _users(snapshot_set))
    return "; ".join(_some(names) for names in groups if names)


def _some(names: Sequence[str]) -> str:
    return ", ".join(map(plain, names[:_NAMES])) + (
        f" and {len(names) - _NAMES} more" if names[_NAMES:] else ""
    )
