"""The engine for a root, and where its journal lies."""

import os
from pathlib import Path
from typing import Any

import pytest

from backend.engine.select import open_engine
from backend.engine.state_folder import own_state
from backend.errors import InvalidInputError, UnreachableError
from backend.host.layout import Layout
from tests.support.builders import Link, World, plant
from tests.support.fakes import NOBODY, as_anybody, open_folder
from tests.support.realsnapd import RealSnapd


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
        "id": "",
    }


@pytest.mark.parametrize("root", ["", "/no/such/place", __file__])
def test_other_paths_than_directories_are_no_root(root: str) -> None:
    with pytest.raises(InvalidInputError):
        open_engine(root)


def test_an_engine_for_a_snapd_that_does_not_run(world: World) -> None:
    with pytest.raises(UnreachableError, match=r"no snapd answers at .*; use --engine files"):
        open_engine(str(world.root), "snapd")
    assert open_engine(str(world.root), "auto").name == "files"


@pytest.mark.parametrize(
    ("there", "version"),
    [
        ({}, ""),
        ({"usr/lib/snapd/info": "VERSION=2.57.6-1+deb12u1\nSNAPD_APPARMOR_REEXEC=1\n"}, "2.57.6-1+deb12u1"),
        ({"usr/libexec/snapd/info": "SNAPD_X=1\nVERSION='2.63'\n"}, "2.63"),
        (
            {"usr/lib/snapd/info": "VERSION=2.58", "snap/snapd/current/usr/lib/snapd/info": "VERSION=2.77"},
            "2.77",
        ),
        (
            {"usr/lib/snapd/info": "VERSION=2.77", "snap/snapd/current/usr/lib/snapd/info": "VERSION=2.9"},
            "2.77",
        ),
        ({"usr/lib/snapd/info": "VERSION=unknown\n"}, ""),
        ({"usr/lib/snapd/info": {"a": "directory"}}, ""),
        ({"usr/lib/snapd/info": Link("/usr/lib/snapd/info")}, ""),
        ({"usr/lib/snapd/info": Link("/else"), "else": "VERSION=2.61"}, "2.61"),
    ],
)
def test_the_version_of_snap_is_what_is_installed(world: World, there: dict[str, Any], version: str) -> None:
    for path, content in there.items():
        folder, _, name = path.rpartition("/")
        plant(world.root / folder, {name: content})
    assert open_engine(str(world.root)).snap_version == version


@pytest.mark.snapd
def test_the_version_of_snap_is_what_answers_where_nothing_is_installed(snapd: RealSnapd) -> None:
    snapd.start()
    there, gone = open_engine(str(snapd.base)), open_engine(str(snapd.base))
    assert there.snap_version == snapd.version
    snapd.stop()
    assert (gone.name, gone.snap_version) == ("snapd", "")


WHERE = """
import sys
from backend.engine.select import open_engine

engine = open_engine(sys.argv[1])
print(engine.journal.folder)
print(engine.warning)
"""


def test_state_lies_in_the_users_own_folder_where_the_root_is_closed() -> None:
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
