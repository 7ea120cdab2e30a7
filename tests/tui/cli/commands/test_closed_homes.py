"""A home that root may not enter, as with root_squash on NFS: never left out without a word."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.builders import World
from tests.tui.support.driver import HERE, Done, Snapstow, environment

pytestmark = pytest.mark.root


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "root")
    world.install("hello", data={"f": "system"})
    world.write_state()
    (world.data("hello", "alice") / "common").mkdir(parents=True)
    home = world.home("alice")
    for folder in (home, *home.rglob("*")):
        os.chown(folder, 1000, 1000)
    home.chmod(0o700)
    return world


def squashed(world: World, *arguments: str) -> Done:
    """Run the command as a root whose rights end at other users' files."""
    command = [sys.executable, "-m", "tui.cli.main", "--root", str(world.root), *arguments]
    done = subprocess.run(
        ["unshare", "-U", "-r", *command],
        cwd=HERE,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def sentence(world: World) -> str:
    home = world.home("alice")
    return f"data in {home} are not saved: the home of alice may not be entered (Permission denied)"


@pytest.mark.parametrize("json_flag", [[], ["--json"]])
def test_a_save_names_the_home_and_is_partial(world: World, json_flag: list[str]) -> None:
    done = squashed(world, *json_flag, "save")
    assert done.code == 3
    if json_flag:
        assert done.lines[-1]["left_out"] == [sentence(world)]
    else:
        assert f"left out: {sentence(world)}\n" in done.err
    assert Snapstow(world)("check-snapshot", "1").code == 0


@pytest.mark.parametrize("json_flag", [[], ["--json"]])
def test_an_estimate_names_the_home_and_is_partial(world: World, json_flag: list[str]) -> None:
    done = squashed(world, *json_flag, "estimate")
    assert (done.code, done.err) == (3, f"left out: {sentence(world)}\n")
    assert squashed(world, *json_flag, "estimate", "--users", "bob").code == 0


def test_a_save_of_that_user_alone_says_why_it_cannot_be(world: World) -> None:
    done = squashed(world, "save", "--users", "alice")
    assert done.code == 77
    assert str(world.home("alice")) in done.err
    assert "sudo" not in done.err
