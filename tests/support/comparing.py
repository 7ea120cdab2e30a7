"""Comparisons of a world's sets."""

from pathlib import Path

from backend.compare.comparison import Comparison
from backend.model import Number
from backend.progress import Progress
from tests.support.builders import Tree, World, plant

ONE: Tree = {"x1": {"a": "1", "same": "s"}, "common": {"gone": {"f": "12", "g": "345"}, "t": "text\nold\n"}}
TWO: Tree = {"x2": {"a": "1+", "same": "s"}, "common": {"new": {"n": "1234"}, "t": "text\nnew\n"}}


def make_world(tmp_path: Path) -> World:
    world = World(tmp_path / "root")
    world.install("hello", "x2")
    plant(world.data("hello"), TWO)
    world.add(1, "hello", ONE, users={"alice": {"common": {"i": "1"}}}, conf={"port": 80})
    world.add(2, "hello", TWO, rev="x2", conf={"port": Number("80"), "more": {"deep": True}})
    return world


def make_sets(tmp_path: Path) -> World:
    """Set 1 has hello and old, set 2 another hello and new."""
    world = make_world(tmp_path)
    world.add(1, "old", {"x1": {"f": "1"}})
    world.add(2, "new", {"x1": {"f": "1"}})
    return world


def opened(world: World, first: int | str, other: int | str) -> Comparison:
    comparison = Comparison("hello", world.engine.layout, str(world.root / "own"))
    for side in (first, other):
        if isinstance(side, int):
            (snapshot_set,) = world.engine.sets(side)
            comparison.add_snapshot(str(side), snapshot_set.snapshots[0])
        elif side == "live":
            comparison.add_live()
        else:
            comparison.add_file(side, Progress())
    return comparison
