"""The engine for a root, and where its journal lies."""

import os
from pathlib import Path

import pytest

from backend.engine.select import open_engine, own_state
from backend.errors import InvalidInputError, UnreachableError
from backend.host.layout import Layout
from tests.support.builders import World
from tests.support.fakes import NOBODY, as_anybody, open_folder


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "root")


def test_below_the_root_where_it_can_be_written(world: World) -> None:
    assert own_state(Layout(str(world.root))) == f"{world.root}/var/lib/snapstow"
    engine = open_engine(str(world.root))
    assert (engine.name, engine.journal.folder) == ("files", f"{world.root}/var/lib/snapstow")
    assert engine.warning == ""
    assert not (world.root / "var/lib/snapstow").exists()


def test_a_root_is_named_by_device_and_inode(world: World) -> None:
    about = os.stat(world.root)
    assert open_engine(str(world.root)).root == {
        "path": str(world.root),
        "device": about.st_dev,
        "inode": about.st_ino,
    }


@pytest.mark.parametrize("root", ["", "/no/such/place", __file__])
def test_what_is_no_root(root: str) -> None:
    with pytest.raises(InvalidInputError):
        open_engine(root)


def test_an_engine_for_a_snapd_that_does_not_run(world: World) -> None:
    with pytest.raises(UnreachableError, match=r"no snapd answers at .*; use --engine files"):
        open_engine(str(world.root), "snapd")
    assert open_engine(str(world.root), "auto").name == "files"


WHERE = """
import sys
from backend.engine.select import open_engine

engine = open_engine(sys.argv[1])
print(engine.journal.folder)
print(engine.warning)
"""


def test_otherwise_in_the_users_own_folder_and_said() -> None:
    with open_folder() as folder:
        world = World(folder / "root")
        (world.root / "var").chmod(0o555)
        place, warning = as_anybody(WHERE, str(world.root), XDG_STATE_HOME=f"{folder}/state")
        (world.root / "var").chmod(0o755)
        about = os.stat(world.root)
        assert place == f"{folder}/state/snapstow/roots/{about.st_dev}-{about.st_ino}"
        assert place in warning


@pytest.mark.root
def test_state_folder_of_another_user_is_not_used(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = world.root / "var/lib/snapstow"
    folder.mkdir(0o700, parents=True)
    os.chown(folder, NOBODY, NOBODY)
    about = os.stat(world.root)
    name = f"{about.st_dev}-{about.st_ino}"
    assert own_state(Layout(str(world.root))) == f"{tmp_path}/state/snapstow/roots/{name}"
