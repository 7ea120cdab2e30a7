"""Disks that lack what ours has: SMB, VirtualBox, NFS without its lock daemon, FAT."""

import os
from pathlib import Path

import pytest

from tests.support.builders import World, tree_of
from tests.support.lacking import snapstow_lacking

OLD = {"x1": {"a": "old"}, "common": {"b": "old"}}
EVERY_CHANGE = {
    "save": ["save"],
    "restore": ["restore", "1"],
    "extract": ["extract", "1", "hello:rev/a"],
    "forget": ["forget", "1"],
    "import": ["import-snapshot", "{export}"],
}


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "root")
    world.install("hello", data={"a": "new"}, common={"b": "new"})
    world.add(1, "hello", OLD, users={"alice": {"common": {"g": "1"}}})
    return world


@pytest.fixture
def export(world: World, tmp_path: Path) -> Path:
    path = tmp_path / "out.snapshot"
    assert snapstow_lacking("", world.root, "export-snapshot", "1", str(path)).code == 0
    return path


def filled(line: list[str], export: Path) -> list[str]:
    return [word.format(export=export) for word in line]


@pytest.mark.parametrize("line", EVERY_CHANGE.values(), ids=EVERY_CHANGE)
def test_directories_that_cannot_be_synced_stop_no_verb(world: World, export: Path, line: list[str]) -> None:
    done = snapstow_lacking("dirsync", world.root, *filled(line, export))
    assert done.code == 0, done.err


def test_an_undo_and_an_export_work_without_syncs_of_directories(world: World, tmp_path: Path) -> None:
    assert snapstow_lacking("dirsync", world.root, "restore", "1").code == 0
    assert snapstow_lacking("dirsync", world.root, "undo").code == 0
    assert tree_of(world.data("hello")) == {"x1": {"a": "new"}, "common": {"b": "new"}}
    target = str(tmp_path / "written.snapshot")
    assert snapstow_lacking("dirsync", world.root, "export-snapshot", "1", target, "--checksum").code == 0


@pytest.mark.parametrize("line", [["save"], ["import-snapshot", "{export}"]], ids=["save", "import"])
def test_a_file_that_cannot_be_synced_is_never_taken_for_written(
    world: World, export: Path, line: list[str]
) -> None:
    before = world.names()
    assert snapstow_lacking("filesync", world.root, *filled(line, export)).code == 1
    assert world.names() == before


@pytest.mark.parametrize("line", EVERY_CHANGE.values(), ids=EVERY_CHANGE)
def test_changes_without_locks_are_refused_and_made_on_request(
    world: World, export: Path, line: list[str]
) -> None:
    before, data = world.names(), tree_of(world.data("hello"))
    done = snapstow_lacking("flock", world.root, *filled(line, export))
    assert done.code == 5
    assert "there are no locks on that file system" in done.err
    assert "--no-lock goes on without them" in done.err
    assert (world.names(), tree_of(world.data("hello"))) == (before, data)
    done = snapstow_lacking("flock", world.root, "--no-lock", *filled(line, export))
    assert done.code == 0, done.err


@pytest.mark.parametrize(
    "line",
    [
        ["saved"],
        ["ls", "1", "hello:rev"],
        ["find", "a"],
        ["diff", "1", "live", "hello"],
        ["jobs"],
        ["doctor"],
        ["estimate"],
        ["restore", "1", "--plan"],
    ],
    ids=" ".join,
)
def test_verbs_that_only_look_need_no_locks(world: World, line: list[str]) -> None:
    done = snapstow_lacking("flock", world.root, *line)
    assert done.code == 0, done.err


def test_checks_and_exports_go_on_without_locks_and_say_so_once(world: World, tmp_path: Path) -> None:
    for line in (["check-snapshot", "1"], ["export-snapshot", "1", str(tmp_path / "e.snapshot")]):
        done = snapstow_lacking("flock", world.root, *line)
        assert done.code == 0, done.err
        assert done.err.count("files cannot be locked here") == 1


@pytest.mark.root
@pytest.mark.parametrize("verb", ["restore", "extract"])
def test_files_are_written_beside_though_owners_cannot_be_kept(
    world: World, tmp_path: Path, verb: str
) -> None:
    target = tmp_path / "beside"
    marks = ["hello:common", "hello:user/alice/common"] if verb == "extract" else []
    done = snapstow_lacking("chown", world.root, verb, "1", *marks, f"--to={target}")
    assert done.code == 3, done.err
    assert done.err.count("owners could not be kept") == 1
    assert (target / "hello/common/b").read_text() == "old"
    assert (target / "hello/users/alice/common/g").read_text() == "1"
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".snapstow")]


@pytest.mark.root
def test_owners_that_cannot_be_kept_in_place_are_an_error_and_nothing_is_replaced(world: World) -> None:
    before = tree_of(world.data("hello"))
    done = snapstow_lacking("chown", world.root, "restore", "1")
    assert done.code not in (0, 3)
    assert tree_of(world.data("hello")) == before
