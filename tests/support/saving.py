"""A world to save."""

from pathlib import Path

from tests.support.builders import World


def make_world(tmp_path: Path) -> World:
    world = World(tmp_path / "root")
    world.install("hello", data={"a": "1"}, common={"b": "2"}, users={"alice": {"c": "3"}})
    return world
