"""The columns of the inventory: they fit what they hold, names first, then notes."""

from collections.abc import Sequence

from backend import Revision, Snapshot, SnapshotSet
from backend.store import CheckState, CheckStatus
from tui.session.inventory import InventoryData, Pivot
from tui.views.set_columns import columns
from tui.views.set_keys import SetKey, SnapKey
from tui.views.set_rows import ListOptions, Sort, View, rows
from tui.views.table import Column

NOW = 1_800_000_000.0
NAMES = "hello-world-of-many-letters"


def view_of(*snaps: str, **facts: object) -> View:
    """A view of sets of one snapshot each."""
    sets = [
        SnapshotSet(
            number,
            (Snapshot(number, "2026-11-22T09:09:36Z", snap, Revision(1), path=f"/{number}", sums={}),),
        )
        for number, snap in enumerate(snaps, 1)
    ]
    return View(InventoryData(tuple(sets), **facts).worked_out(), NOW)  # type: ignore[arg-type] # facts of it


def columns_of(view: View, room: int, wish: ListOptions = ListOptions()) -> Sequence[Column]:  # noqa: B008 - frozen
    return columns(rows(view, wish), view, wish, room)


def headings(some: Sequence[Column]) -> list[str]:
    return [column.heading for column in some]


def test_no_column_is_there_for_nothing() -> None:
    assert headings(columns_of(view_of("a"), 200)) == ["SET ▼", "SNAPS", "AGE", "STORED", "CHECK"]


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    widths = {column.heading: column.width for column in columns_of(view_of("a", NAMES), 200)}
    assert widths["SNAPS"] == len(NAMES)
    assert widths["CHECK"] == len("? never")
    assert widths["STORED"] == len("STORED")


def test_names_are_whole_before_notes_have_room() -> None:
    statuses = {"/1": CheckStatus(CheckState.BROKEN)}
    guards = {1: "undo of job 12, until Tue 14:32"}
    view = view_of(NAMES, statuses=statuses, guards=guards)
    wide = columns_of(view, 200)
    assert headings(wide)[-1] == "NOTE"
    narrow = columns_of(view, 66)
    assert "NOTE" not in headings(narrow)
    assert {column.heading: column.width for column in narrow}["SNAPS"] == len(NAMES)


def test_forty_cells_have_the_set_its_name_and_its_check() -> None:
    assert headings(columns_of(view_of("hello"), 30)) == ["SET ▼", "SNAPS", "CHECK"]


def test_the_order_is_marked_in_its_heading() -> None:
    wish = ListOptions(sort=Sort.SIZE, is_reversed=True)
    assert "STORED ▲" in headings(columns_of(view_of("a"), 200, wish))


def test_rows_below_a_set_do_not_repeat_its_number_and_have_lines() -> None:
    view = view_of("a", "b")
    wish = ListOptions(opened=frozenset({SetKey(2), SnapKey(2, "/2")}))
    drawn = [(row.tree, row.draw().cells[0]) for row in rows(view, wish)]
    assert drawn == [("", "#2"), ("  └ ", ""), ("", "#1")]


def test_names_below_a_set_use_the_column_of_its_number() -> None:
    view = view_of("a", NAMES)
    wish = ListOptions(opened=frozenset({SetKey(2)}))
    title = f"{NAMES} rev 1"
    (row,) = [row for row in rows(view, wish) if row.is_merged]
    assert row.draw().cells[1] == title
    first, second, *_ = columns_of(view, 200, wish)
    assert first.width == len("▸ SET ▼")
    assert first.width + first.gap + second.width == len("  └ ▸ ") + len(title)


def test_rows_below_a_snap_name_their_sets() -> None:
    view = view_of("a", "a")
    wish = ListOptions(pivot=Pivot.SNAP, opened=frozenset({("pivot", "a")}))
    (row,) = rows(view, wish)
    assert row.draw().cells[:2] == ("a", "#2, #1")
