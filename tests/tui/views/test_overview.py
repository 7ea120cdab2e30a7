"""The pictures above the table: space, checks, what was saved when."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend import Revision, Snapshot, SnapshotSet
from backend.format import unix_time
from backend.store import CheckState, CheckStatus
from tui.session.inventory import InventoryData
from tui.terminal.line_filters import in_ascii
from tui.views.overview import DAYS, counts_line, pictures, shared

TODAY = "2026-11-22T09:00:00Z"
NOW = unix_time("2026-11-22T12:00:00Z")
LONG_AGO = "2026-10-01T09:00:00Z"


def snapshot(number: int, snap: str, time: str = TODAY, size: int = 1_000_000) -> Snapshot:
    return Snapshot(number, time, snap, Revision(1), path=f"/{number}_{snap}", sums={}, size=size)


def stock_of(*snapshots: Snapshot, **states: CheckStatus) -> InventoryData:
    """An inventory of these; `states` are named after the snap."""
    sets = [SnapshotSet(each.set_id, (each,)) for each in snapshots]
    statuses = {each.path: states[each.snap] for each in snapshots if each.snap in states}
    return InventoryData(tuple(sets), statuses, free=10_000_000).worked_out()


VERIFIED, OLD = CheckStatus(CheckState.OK, NOW - 7200), CheckStatus(CheckState.OLD, NOW - 41 * 86400)
STOCK = stock_of(
    snapshot(1, "lxd", LONG_AGO),
    snapshot(2, "chat"),
    snapshot(3, "cloud", size=6_000_000),
    cloud=VERIFIED,
    lxd=OLD,
)


def test_the_space_is_told_by_snap_the_largest_first() -> None:
    space = pictures(STOCK, NOW, 116).plain.split("\n")[0]
    assert "cloud 6.0 MB" in space
    assert space.index("cloud") < space.index("chat") < space.index("free 10.0 MB")


def test_the_checks_are_counted_the_good_ones_first() -> None:
    checks = pictures(STOCK, NOW, 116).plain.split("\n")[1]
    assert checks.endswith("1 verified  1 old  1 never")


def test_the_newest_verified_snapshot_of_each_snap_is_told() -> None:
    saved = pictures(STOCK, NOW, 116).plain.split("\n")[2]
    assert saved.endswith("newest verified  cloud 3h  lxd 52d !  chat never !")


def test_a_bar_stands_for_each_day_with_a_save() -> None:
    line = pictures(STOCK, NOW, 200).plain.split("\n")[2]
    days = line[8 : 8 + DAYS]
    assert days.rstrip()[-1] == "█"
    assert days.count(" ") == DAYS - 2
    assert days.index("▄") == DAYS - 1 - 52


@pytest.mark.parametrize("width", [76, 116, 196])
def test_every_line_fits(width: int) -> None:
    assert all(len(line) <= width for line in pictures(STOCK, NOW, width).plain.split("\n"))


def test_the_parts_of_a_bar_differ_without_colours_and_in_ascii() -> None:
    bar = in_ascii(pictures(STOCK, NOW, 116).plain.split("\n")[1])[8:38]
    assert bar == "=========-=========-=========="


def test_one_line_has_the_counts_and_the_space() -> None:
    line = counts_line(STOCK, 78).plain
    assert line.startswith("1 verified  1 old  1 never  ")
    assert line.endswith("3 sets · 8.0 MB · 10.0 MB free")
    assert len(line) == 78


@given(st.lists(st.integers(0, 10**15), min_size=1, max_size=6), st.integers(10, 60))
def test_no_part_is_too_small_to_be_seen(amounts: list[int], width: int) -> None:
    cells = shared(amounts, width)
    assert sum(cells) == (width if any(amounts) else 0)
    assert all(bool(count) == bool(amount) for count, amount in zip(cells, amounts, strict=True))


def test_an_empty_place_has_pictures_too() -> None:
    assert "free" in pictures(InventoryData(free=5).worked_out(), NOW, 116).plain
