"""A world to restore beside, and what surrounds the directory."""

from pathlib import Path
from typing import Any

import pytest

from backend.operations import Restore
from backend.progress import PartAdvanced, Progress
from backend.restore.plan import RestorePlan
from backend.steps import SlotsMade
from tests.support.builders import (
    Tree,
    World,
    plant,
    tree_of,
    uid_of,
)

OLD: Tree = {"x1": {"a": "old"}, "common": {"b": "old"}}
NEW: Tree = {"x1": {"a": "new"}, "common": {"b": "new"}}
ALICE: Tree = {"x1": {"c": "1"}, "common": {"d": "1"}}
GHOST: Tree = {"common": {"g": "1"}}
SET: Tree = {"hello": {**OLD, "users": {"alice": ALICE, "ghost": GHOST}}, "other": {"common": {"o": "1"}}}


def make_world(tmp_path: Path) -> World:
    """Set 1 of two snaps, with data of alice and of somebody unknown; live data are different ones."""
    world = World(tmp_path / "root")
    for snap in ("hello", "other"):
        world.install(snap)
        plant(world.data(snap), NEW)
    plant(world.data("hello", "alice"), NEW, uid_of("alice"))
    world.add(1, "hello", OLD, users={"alice": ALICE, "ghost": GHOST})
    world.add(1, "other", {"common": {"o": "1"}})
    return world


def make_target_dir(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Where to restore to: a directory that is not there yet, or an empty one."""
    place = plant(tmp_path / "place", {}) / "out"
    if request.param == "empty":
        place.mkdir()
    return place


def surroundings(target_dir: Path) -> dict[str, Any]:
    return tree_of(target_dir.parent, holder=True)


def plans(world: World, target_dir: Path | str, **wanted: Any) -> list[RestorePlan]:
    return world.engine.plan(Restore(1, target_dir=str(target_dir), **wanted))


class Meddling(Progress):
    """A job during which somebody else does something, as soon as an archive is staged."""

    def __init__(self, act: Any, keep: Any = lambda _step: None, name: str = "0") -> None:
        super().__init__(record_step=self._note, name=name)
        self._act = act
        self._keep = keep
        self._is_staging = False

    def _note(self, step: Any) -> None:
        self._is_staging |= isinstance(step, SlotsMade)
        self._keep(step)

    def report_part(self, progress: PartAdvanced) -> None:
        super().report_part(progress)
        if progress.ended and self._is_staging:
            self._act, act = (lambda: None), self._act
            act()
