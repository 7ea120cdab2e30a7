"""A world to restore in, and what a refused restore leaves."""

from pathlib import Path
from typing import Any

import pytest

from backend.errors import (
    SnapshotError,
)
from backend.operations import Restore
from backend.restore.plan import RestorePlan
from tests.support.builders import (
    Tree,
    World,
    plant,
    tree_of,
)

OLD: Tree = {"x1": {"a": "old"}, "common": {"b": "old"}}
NEW: Tree = {"x1": {"a": "new", "more": "1"}, "common": {"b": "new"}}


def make_world(tmp_path: Path) -> World:
    world = World(tmp_path / "root")
    world.install("hello")
    plant(world.data("hello"), NEW)
    return world


def plan(world: World, **wanted: Any) -> RestorePlan:
    (only,) = world.engine.plan(Restore(1, **wanted))
    return only


def everything(world: World) -> dict[str, Any]:
    """All data there are, what waits for an undo included."""
    return {top: tree_of(world.root / top, holder=True) for top in ("var/snap", "home", "root")}


def refused(world: World, kind: type[SnapshotError], message: str, **wanted: Any) -> None:
    """A restore fails with these words and changes nothing."""
    before = everything(world)
    with pytest.raises(kind, match=message):
        world.do(Restore(1, **wanted))
    assert everything(world) == before
