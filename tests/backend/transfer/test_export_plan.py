"""What an export would take of a set, looked up before anything is written."""

from pathlib import Path

import pytest

from backend.operations import Export
from backend.transfer import ExportChoice, ExportObstacle, plan_export
from tests.support.builders import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "root")
    world.add(1, "hello", {"x1": {"a": "1"}})
    world.add(1, "other", {"x1": {"a": "2"}})
    world.add(1, "void", sums={})
    return world


def test_all_sound_snapshots_are_exported_without_the_broken_ones(world: World) -> None:
    export_plan = plan_export(world.engine, 1)
    choice = ExportChoice(export_plan.sound)
    assert export_plan.obstacle(choice) is None
    assert export_plan.operation(choice, "/f") == Export(1, "/f", skip_broken=True, checksum=True)


def test_a_part_is_named_snap_by_snap(world: World) -> None:
    export_plan = plan_export(world.engine, 1)
    (other,) = (snapshot.path for snapshot in export_plan.snapshots if snapshot.snap == "other")
    choice = export_plan.toggled(ExportChoice(export_plan.sound, checksum=False), other)
    assert export_plan.operation(choice, "/f") == Export(1, "/f", snaps=("hello",))


def test_broken_and_missing_choices_are_obstacles(world: World) -> None:
    export_plan = plan_export(world.engine, 1)
    everything = ExportChoice(frozenset(snapshot.path for snapshot in export_plan.snapshots))
    assert export_plan.obstacle(everything) is ExportObstacle.BROKEN
    assert export_plan.obstacle(ExportChoice(frozenset())) is ExportObstacle.NOTHING_CHOSEN


def test_a_set_that_is_gone_is_an_obstacle_with_its_reason(world: World) -> None:
    export_plan = plan_export(world.engine, 7)
    assert export_plan.obstacle(ExportChoice(frozenset())) is ExportObstacle.UNREADABLE
    assert export_plan.trouble == "there is no set #7 any more"
