"""Data to survey."""

from pathlib import Path
from typing import Any

from backend.model import Revision, User
from backend.save.survey import Aim, Survey, survey_of
from tests.support.builders import Tree, World, plant

LONG_AFTER = 32_000_000_000.0
X1 = Revision(-1)


def make_world(tmp_path: Path) -> World:
    world = World(tmp_path / "root")
    world.install("cloud", common={"f": "12345"}, data={"g": "1"}, users={"alice": {"h": "123"}})
    return world


def user_of(world: World, name: str) -> User:
    (user,) = world.engine.layout.find_users([name])
    return user


def aim_at(world: World, user: str | None = None, *patterns: str) -> Aim:
    snap = world.engine.layout.installed("cloud")
    assert snap is not None
    return Aim(snap, user_of(world, user) if user else None, patterns)


def looked(world: World, user: str | None = None, *patterns: str, **options: Any) -> Survey:
    options.setdefault("now", LONG_AFTER)
    return survey_of(world.engine.layout, aim_at(world, user, *patterns), **options)


def fill(world: World, tree: Tree, user: str | None = None) -> Path:
    return plant(world.data("cloud", user) / "common", tree)
