"""A world whose sets hold marked files and folders, and what an extraction made of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from backend.errors import (
    SnapshotError,
)
from backend.operations import Extract
from backend.progress import Progress
from backend.restore.extraction import ExtractPlan
from tests.support.builders import Link, Tree, World, plant, tree_of, uid_of

OLD: Tree = {
    "x1": {"a": "old", "etc": {"b": "old", "deep": {"c": "old"}}},
    "common": {"d": "old", "to": Link("d"), "e": {"f": "old"}},
}


NEW: Tree = {"x1": {"a": "new", "mine": "1"}, "common": {"d": "new", "e": {"f": "new", "g": "mine"}}}
ALICE: Tree = {"x1": {"h": "hers"}, "common": {"i": "hers", "j": {"k": "hers"}}}


def make_world(tmp_path: Path) -> World:
    """Set 1 holds other data than are in place."""
    world = World(tmp_path / "root")
    world.install("hello")
    plant(world.data("hello"), NEW)
    plant(world.data("hello", "alice"), {"common": {"i": "new"}}, uid_of("alice"))
    world.add(1, "hello", OLD, users={"alice": ALICE})
    return world


def everything(world: World) -> dict[str, Any]:
    return {top: tree_of(world.root / top, holder=True) for top in ("var/snap", "home", "root")}


def live(world: World, user: str | None = None) -> dict[str, Any]:
    return tree_of(world.data("hello", user))


def plan(world: World, *items: str, **wanted: Any) -> ExtractPlan:
    return world.engine.plan_extract(Extract(1, items, **wanted), Progress())


def fates(extract_plan: ExtractPlan) -> dict[str, str]:
    """What becomes of each path, by its path below the directory that it lands in."""
    return {landing.name: landing.action.value for part in extract_plan.parts for landing in part.landings}


def refused(world: World, kind: type[SnapshotError], message: str, *items: str, **wanted: Any) -> None:
    """An extraction fails with these words and changes nothing."""
    before = everything(world)
    with pytest.raises(kind, match=message):
        world.do(Extract(1, items, **wanted))
    assert everything(world) == before


def merged(tree: Tree, *changes: tuple[str, Any]) -> dict[str, Any]:
    """A tree with something else at some paths."""
    copy: dict[str, Any] = {
        name: merged(below) if isinstance(below, Mapping) else below for name, below in tree.items()
    }
    for path, content in changes:
        *above, name = path.split("/")
        folder = copy
        for part in above:
            folder = folder.setdefault(part, {})
        folder[name] = content
    return copy


ALICE_BEFORE: Tree = {"common": {"i": "new"}}
