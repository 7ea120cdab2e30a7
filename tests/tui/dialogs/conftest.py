"""What most stories of dialogs are told about."""

from pathlib import Path

import pytest

from tests.support.builders import Tree, World
from tests.tui.support.dialogs import LATER


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Two installed snaps with data, and set 1 of both, saved when all that was already there."""
    world = World(tmp_path / "root")
    world.install("cloud", common={"f": "12345"}, data={"g": "1"}, users={"alice": {"h": "123"}, "bob": {}})
    world.install("chat", common={"f": "1"})
    for snap in ("cloud", "chat"):
        world.remember(snap)
    tree: Tree = {"x1": {"g": "1"}, "common": {"f": "1"}}
    world.add(1, "cloud", tree, users={"alice": {"common": {"h": "1"}}, "bob": {"common": {}}}, time=LATER)
    world.add(1, "chat", tree, time=LATER)
    return world
