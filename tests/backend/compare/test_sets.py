"""Whole sets compared, snap by snap."""

from pathlib import Path

import pytest

from backend.compare import (
    Change,
    CompareOptions,
    Presence,
    SetComparison,
    Side,
    SnapSummary,
    side_in_place,
    side_of_file,
    side_of_set,
)
from backend.errors import Cancelled
from backend.operations import Export
from backend.progress import Progress
from tests.support.builders import World
from tests.support.comparing import make_sets

world = pytest.fixture(make_sets)


def side(world: World, number: int) -> Side:
    return side_of_set(number, world.engine.sets(number)[0].snapshots)


def compared(world: World, before: Side, after: Side) -> dict[str, SnapSummary]:
    comparison = SetComparison(before, after, world.engine.layout, "")
    return {summary.snap: summary for summary in comparison.summaries(Progress(), CompareOptions())}


def test_every_snap_of_both_sets_is_summed_up(world: World) -> None:
    summaries = compared(world, side(world, 1), side(world, 2))
    assert {snap: summary.presence for snap, summary in summaries.items()} == {
        "hello": Presence.BOTH,
        "new": Presence.AFTER,
        "old": Presence.BEFORE,
    }
    files = summaries["hello"].tally.files
    assert (files[Change.ADDED], files[Change.REMOVED], files[Change.CHANGED]) == (1, 3, 1)
    assert summaries["hello"].keys == 1
    assert all(summary.differs for summary in summaries.values())


def test_a_set_does_not_differ_from_itself(world: World) -> None:
    summaries = compared(world, side(world, 1), side(world, 1))
    assert [summary.differs for summary in summaries.values()] == [False, False]


def test_snaps_that_are_not_in_place_are_only_in_the_set(world: World) -> None:
    before = side(world, 2)
    summaries = compared(world, before, side_in_place(world.engine.layout, before.sources))
    assert summaries["hello"].presence is Presence.BOTH
    assert summaries["new"].presence is Presence.BEFORE


def test_a_file_is_a_side(world: World, tmp_path: Path) -> None:
    world.do(Export(2, str(tmp_path / "two")))
    summaries = compared(world, side_of_file(str(tmp_path / "two"), Progress()), side(world, 2))
    assert [summary.differs for summary in summaries.values()] == [False, False]


def test_broken_snapshots_have_a_fault_and_the_others_are_compared(world: World) -> None:
    (world.snapshots / "1_old_1.0_x1.zip").write_bytes(b"none")
    world.add(2, "old", {"x1": {"f": "1"}})
    summaries = compared(world, side(world, 1), side(world, 2))
    assert summaries["hello"].differs
    assert 'cannot compare "old" of #1' in summaries["old"].fault


def test_archives_that_are_cut_short_are_not_whole(world: World) -> None:
    world.add(1, "hello", b"no archive at all")
    assert not compared(world, side(world, 1), side(world, 2))["hello"].is_whole


def test_a_comparison_of_sets_can_be_cancelled(world: World) -> None:
    progress = Progress()
    progress.stop()
    comparison = SetComparison(side(world, 1), side(world, 2), world.engine.layout, "")
    with pytest.raises(Cancelled):
        list(comparison.summaries(progress, CompareOptions()))
