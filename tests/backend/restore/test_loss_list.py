"""The list of all that a restore would lose: complete, in order, searchable, and stopped at a wish."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.errors import Cancelled
from backend.operations import Restore
from backend.progress import Progress
from backend.restore.loss_list import LossList
from tests.support.builders import Tree, World, plant

LONG_AGO = "2000-01-01T00:00:00Z"
MANY = 700


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "root")
    world.install("hello", exclude=["$SNAP_COMMON/cache"])
    world.add(1, "hello", {"x1": {}, "common": {}}, time=LONG_AGO)
    common: Tree = {
        "small": "1",
        "large": "1" * 900,
        "Middle": "1" * 40,
        "cache": {"left": "12", "more": "1" * 5000},
    }
    plant(world.data("hello"), {"x1": {}, "common": common})
    return world


@pytest.fixture
def losses(world: World) -> Iterator[LossList]:
    losses = read(world)
    yield losses
    losses.close()


def read(world: World, progress: Progress | None = None) -> LossList:
    plans = world.engine.plan(Restore(1))
    return LossList.read(plans, world.engine.layout, progress or Progress())


def names(losses: LossList, start: int = 0, count: int = 100) -> list[str]:
    return [os.path.basename(file.path) for file in losses.page(start, count)]


def test_newer_files_come_first_then_those_left_out_each_by_size(losses: LossList) -> None:
    assert names(losses) == ["large", "Middle", "small", "more", "left"]
    assert [file.is_left_out for file in losses.page(0, 100)] == [False] * 3 + [True] * 2
    assert losses.page(0, 1)[0].size == 900


def test_there_are_as_many_as_the_plan_counts_to_the_last(world: World) -> None:
    plant(world.data("hello") / "common", {f"f{number:03}": "1" * number for number in range(MANY)})
    losses = read(world)
    (plan,) = world.engine.plan(Restore(1))
    counted = sum(entry.lost.files for entry in plan.entries)
    assert losses.search("", Progress()) == counted == MANY + 5
    assert names(losses, counted - 1) == ["left"]
    assert names(losses, 0, 3) == ["large", f"f{MANY - 1}", f"f{MANY - 2}"]
    losses.close()


def test_words_are_found_anywhere_in_the_path_whatever_their_case(losses: LossList) -> None:
    assert losses.search("MIDD", Progress()) == 1
    assert names(losses) == ["Middle"]
    assert losses.search("common/cache", Progress()) == 2
    assert names(losses) == ["more", "left"]
    assert losses.search("no such", Progress()) == 0
    assert names(losses) == []
    assert losses.search("", Progress()) == 5
    assert names(losses, 3) == ["more", "left"]


def test_names_that_are_no_text_come_back_as_they_are(world: World) -> None:
    name = b"caf\xe9\n\x1b[31m"
    (world.data("hello") / "common" / os.fsdecode(name)).write_text("1" * 100_000)
    losses = read(world)
    assert os.fsencode(losses.page(0, 1)[0].path).endswith(name)
    assert losses.search("caf", Progress()) == 1
    losses.close()


def test_a_stop_ends_the_reading(world: World) -> None:
    progress = Progress()
    progress.stop()
    with pytest.raises(Cancelled):
        read(world, progress)


def test_a_stop_ends_a_search(world: World) -> None:
    plant(world.data("hello") / "common", {f"f{number}": "" for number in range(3000)})
    losses = read(world)
    progress = Progress()
    progress.stop()
    with pytest.raises(Cancelled):
        losses.search("f", progress)
    losses.close()
