"""What a command says of mounts, of what is left over, and of users that nobody knows."""

import json
import re
from pathlib import Path

import pytest

from tests.support.builders import World, plant
from tests.support.mounting import Mounter, immutable, mounter
from tests.support.restoring import OLD, make_world
from tui.cli.main import main

__all__ = ["mounter"]


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = make_world(tmp_path)
    world.add(1, "hello", OLD)
    return world


def run(world: World, *arguments: str) -> int:
    return main(["--root", str(world.root), *arguments])


@pytest.mark.root
def test_the_commands_agree_on_what_is_left_over(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    with immutable(world.data("hello") / "common" / "b"):
        assert run(world, "restore", "1", "--no-undo") == 3
        output = capsys.readouterr()
        assert "Restored snapshot #1" in output.out
        assert "cannot be removed: immutable (chattr -i)" in output.err
        assert "sudo" not in output.err
        run(world, "jobs")
        assert "left over data, see doctor" in capsys.readouterr().out
        run(world, "doctor")
        findings = capsys.readouterr().out
        assert "left over of job 1 (restore)" in findings
        assert re.search(r", takes \d+ B$", findings, re.MULTILINE)
        assert run(world, "doctor", "--repair") == 3
        assert "immutable (chattr -i)" in capsys.readouterr().out
        assert run(world, "--json", "doctor", "--repair") == 3
    assert run(world, "doctor", "--repair") == 0
    capsys.readouterr()
    run(world, "doctor")
    assert "No leftovers" in capsys.readouterr().out


@pytest.mark.root
def test_the_plan_of_a_restore_over_a_mount_is_blocked(
    world: World, tmp_path: Path, mounter: Mounter, capsys: pytest.CaptureFixture[str]
) -> None:
    target = mounter.bind(plant(tmp_path / "disk", {}), world.data("hello") / "common" / "media")
    assert run(world, "restore", "1", "--plan") == 5
    output = capsys.readouterr().out
    assert "BLOCKED" in output
    assert f"mounted below it: {target}; unmount, restore beside with --to, or extract" in output
    assert run(world, "restore", "1", "--plan", "--json") == 5
    (document,) = json.loads(capsys.readouterr().out)
    assert (document["verdict"], str(target) in document["reasons"][0]) == ("BLOCKED", True)


@pytest.mark.root
def test_save_and_estimate_say_that_a_mount_is_not_included(
    world: World, tmp_path: Path, mounter: Mounter, capsys: pytest.CaptureFixture[str]
) -> None:
    target = mounter.bind(plant(tmp_path / "disk", {}), world.data("hello") / "common" / "media")
    run(world, "estimate")
    assert "not included: 1 mount below the data" in capsys.readouterr().out
    assert run(world, "estimate", "--include-mounts") == 0
    assert "harmless: 1 mount below the data, saved with the rest" in capsys.readouterr().out
    assert run(world, "save") == 3
    assert f"{target} is not included" in capsys.readouterr().err
    assert run(world, "save", "--include-mounts") == 0


@pytest.mark.parametrize("verb", [("restore", "1"), ("restore", "1", "--plan"), ("save",), ("estimate",)])
def test_unknown_users_are_refused(
    world: World, verb: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(world, *verb, "--users", "rooot") == 5
    assert 'unknown user "rooot": did you mean root?' in capsys.readouterr().err
