"""`snapstow restore` beside, onto another revision, and its plan, as somebody types it."""

import os
import tarfile
from pathlib import Path

import pytest

from tests.support.builders import World, plant, tgz, tree_of
from tests.tui.support.driver import Snapstow

OLD = {"x1": {"a": "old"}, "common": {"b": "old"}}


@pytest.fixture
def snapstow(tmp_path: Path) -> Snapstow:
    world = World(tmp_path / "root")
    world.install("hello", data={"a": "new"}, common={"b": "new"})
    world.add(1, "hello", OLD, users={"ghost": {"common": {"g": "1"}}})
    return Snapstow(world)


def test_beside_says_where_and_how_to_take_it_back(snapstow: Snapstow, tmp_path: Path) -> None:
    target_dir = tmp_path / "out"
    done = snapstow("restore", "1", "--to", str(target_dir))
    assert done.code == 0
    assert done.out == f"Restored snapshot #1 into {target_dir}; nothing was replaced.\n"
    assert done.err.splitlines()[-1] == f"To undo, remove {target_dir}."
    assert tree_of(target_dir) == {"hello": {**OLD, "users": {"ghost": {"common": {"g": "1"}}}}}
    assert tree_of(snapstow.world.data("hello")) == {"x1": {"a": "new"}, "common": {"b": "new"}}


def test_a_relative_directory(snapstow: Snapstow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert snapstow("restore", "1", "--to=out").code == 0
    assert os.listdir(tmp_path / "out") == ["hello"]


def test_no_value_is_not_in_place(snapstow: Snapstow) -> None:
    """A variable of a shell that is not set must not replace anything."""
    for flag in ("--to=", "--revision="):
        done = snapstow("restore", "1", flag)
        assert (done.code, done.out) == (2, "")
        assert "expected argument" in done.err
    assert snapstow("restore", "1", "--to", "").code == 2
    assert tree_of(snapstow.world.data("hello"))["x1"] == {"a": "new"}


def test_the_plan_tells_where(snapstow: Snapstow, tmp_path: Path) -> None:
    target_dir = tmp_path / "out"
    lines = snapstow("restore", "1", "--plan", "--to", str(target_dir)).out.splitlines()
    assert lines == [
        "#1 hello (revision x1): READY",
        f"  restore  system: creates x1, common; 2 files, 6 B, in {target_dir}/hello",
        f"  restore  user ghost: creates x1, common; 1 file, 1 B, in {target_dir}/hello/users/ghost",
        "",
        f"Nothing is replaced; remove {target_dir} to undo it.",
        f"To do it: snapstow --root {snapstow.world.root} restore 1 --to={target_dir}",
    ]
    assert not target_dir.exists()


def test_the_plan_says_why_not(snapstow: Snapstow, tmp_path: Path) -> None:
    target_dir = plant(tmp_path / "full", {"mine": "1"})
    done = snapstow("restore", "1", "--plan", "--to", str(target_dir))
    assert done.code == 5
    assert f"  blocked  cannot restore into {target_dir}: it is there already, and not empty" in done.out
    done = snapstow("restore", "1", "--to", str(target_dir))
    assert (done.code, done.out) == (5, "")
    assert tree_of(target_dir) == {"mine": "1"}


def test_the_plan_as_a_document(snapstow: Snapstow, tmp_path: Path) -> None:
    target_dir = str(tmp_path / "out")
    (plan,) = snapstow("--json", "restore", "1", "--plan", "--to", target_dir, "--revision", "29").document
    assert (plan["to"], plan["verdict"], plan["refused"]) == (target_dir, "READY", "")
    system = plan["entries"][0]
    assert (system["into"], system["revision"]) == (f"{target_dir}/hello", "29")
    assert system["made"] == [f"{target_dir}/hello", f"{target_dir}/hello/29", f"{target_dir}/hello/common"]
    assert system["contents"] == {
        "files": 2,
        "bytes": 6,
        "devices": [],
        "devices_met": 0,
        "longest": "common",
        "too_long": [],
        "too_long_met": 0,
    }
    assert system["replaced"] == []


def test_json_tells_the_directory_and_no_undo(snapstow: Snapstow, tmp_path: Path) -> None:
    target_dir = str(tmp_path / "out")
    done = snapstow("--json", "restore", "1", "--to", target_dir)
    assert done.lines[-1]["beside"] == target_dir
    assert "undo_job" not in done.lines[-1]


def test_another_revision(snapstow: Snapstow) -> None:
    out = snapstow("restore", "1", "--plan", "--revision", "x7").out
    assert "  note     revision x1 is installed: the snap will not see the data of revision x7" in out
    assert snapstow("restore", "1", "--revision", "x7").code == 3  # nobody is called ghost here
    assert tree_of(snapstow.world.data("hello"))["x7"] == {"a": "old"}
    done = snapstow("restore", "1", "--revision", "seven")
    assert (done.code, done.err) == (5, 'error: invalid snap revision: "seven"\n')


def test_device_nodes_are_told_beforehand(snapstow: Snapstow) -> None:
    node = tarfile.TarInfo("common/\x1b[2Jnull")
    node.type, node.devmajor, node.devminor = tarfile.CHRTYPE, 1, 3
    snapstow.world.add(2, "hello", tgz({"common": {}}, extra=[node]), time="2999-01-01T00:00:00Z")
    done = snapstow("restore", "2", "--plan")
    assert done.out.splitlines()[0] == "#2 hello (revision x1): READY WITH LOSS"
    assert "  without  1 device node\n           common/\\x1b[2Jnull\n" in done.out
    done = snapstow("restore", "2", "--plan", "--devices")
    assert done.out.splitlines()[0] == "#2 hello (revision x1): READY"
    assert "  with     1 device node\n" in done.out
