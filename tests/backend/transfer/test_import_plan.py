"""What an import would add, looked up before anything is imported."""

from pathlib import Path

import pytest

from backend.operations import Export, Import
from backend.progress import Progress
from backend.transfer import ImportChoice, ImportObstacle, ImportPlan, plan_import
from tests.support.builders import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "root")
    world.install("hello")
    world.add(1, "hello", {"x1": {"a": "1"}}, users={"alice": {"common": {"b": "1"}}})
    world.add(1, "other", {"x1": {"a": "2"}})
    return world


@pytest.fixture
def exported(world: World, tmp_path: Path) -> Path:
    file = tmp_path / "1.snapshot"
    world.do(Export(1, str(file)))
    return file


def plan(world: World, file: Path) -> ImportPlan:
    return plan_import(world.engine, str(file), Progress())


def test_all_snaps_are_imported_by_naming_none(world: World, exported: Path) -> None:
    import_plan = plan(world, exported)
    choice = ImportChoice(import_plan.snaps)
    assert import_plan.snaps == {"hello", "other"}
    assert import_plan.operation(choice) == Import(str(exported))
    assert import_plan.operation(choice.toggled("other")) == Import(str(exported), snaps=("hello",))


def test_the_same_set_and_the_installed_snaps_are_known(world: World, exported: Path) -> None:
    import_plan = plan(world, exported)
    choice = ImportChoice(import_plan.snaps)
    assert import_plan.duplicate_of(choice) == 1
    assert import_plan.duplicate_of(choice.toggled("other")) == 0
    assert import_plan.installed["hello"].snap is not None
    assert import_plan.installed["other"].snap is None
    assert import_plan.unknown_users == frozenset()


def test_a_part_adds_less_than_the_file(world: World, exported: Path) -> None:
    import_plan = plan(world, exported)
    choice = ImportChoice(import_plan.snaps)
    assert import_plan.added_bytes(choice) == exported.stat().st_size
    assert import_plan.added_bytes(ImportChoice()) == 0


def test_nothing_chosen_is_an_obstacle(world: World, exported: Path) -> None:
    import_plan = plan(world, exported)
    assert import_plan.obstacle(ImportChoice()) is ImportObstacle.NOTHING_CHOSEN
    assert import_plan.obstacle(ImportChoice(import_plan.snaps)) is None


def test_a_file_that_is_cut_short_is_an_obstacle(world: World, exported: Path) -> None:
    exported.write_bytes(exported.read_bytes()[:-2000])
    import_plan = plan(world, exported)
    assert import_plan.obstacle(ImportChoice(import_plan.snaps)) is ImportObstacle.FAULTY


def test_a_missing_file_is_an_obstacle_with_its_reason(world: World, tmp_path: Path) -> None:
    import_plan = plan(world, tmp_path / "none")
    assert import_plan.obstacle(ImportChoice()) is ImportObstacle.UNREADABLE
    assert "No such file" in import_plan.trouble


def test_a_full_disk_is_an_obstacle(world: World, exported: Path) -> None:
    import_plan = plan(world, exported)
    choice = ImportChoice(import_plan.snaps)
    full = ImportPlan(import_plan.path, import_plan.export, free=0)
    assert full.obstacle(choice) is ImportObstacle.NO_SPACE
    assert full.missing_space > exported.stat().st_size
