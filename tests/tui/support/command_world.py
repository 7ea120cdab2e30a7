"""A world for the command, and damage in it."""

from pathlib import Path

from tests.support.builders import World
from tests.tui.support.driver import Snapstow


def make_world(tmp_path: Path) -> World:
    world = World(tmp_path / "root")
    world.install("hello", data={"f": "system"}, common={"g": "shared"}, users={"alice": {"note": "hers"}})
    world.install("other", data={"o": "other"})
    world.write_state()
    return world


def make_snapstow(world: World) -> Snapstow:
    return Snapstow(world)


def damage(path: Path) -> None:
    """Change a byte in the middle of the first archive of a snapshot file."""
    raw = bytearray(path.read_bytes())
    raw[80] ^= 0x10
    path.write_bytes(raw)
