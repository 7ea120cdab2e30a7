"""Removing trees: nothing is ever removed on another mount, nothing immutable stops the rest."""

import os
from pathlib import Path

import pytest

from backend.fs.removal import LeftoverError, remove_tree
from backend.fs.statx import APPEND_ONLY
from tests.support.builders import Tree, plant, tree_of
from tests.support.mounting import Mounter, immutable, mounter

__all__ = ["mounter"]

pytestmark = pytest.mark.root
DISK: Tree = {"film": "irreplaceable", "more": {"of": "it"}}


def left_by(path: Path) -> dict[str, str]:
    with pytest.raises(LeftoverError) as caught:
        remove_tree(str(path))
    return {os.path.relpath(left.path, path): left.reason for left in caught.value.leftovers}


def test_a_bind_mount_of_the_same_file_system_is_left_whole(tmp_path: Path, mounter: Mounter) -> None:
    disk = plant(tmp_path / "disk", DISK)
    tree = plant(tmp_path / "tree", {"a": "1", "sub": {"b": "2"}, "other": {"c": "3"}})
    mounter.bind(disk, tree / "sub" / "media")
    assert left_by(tree) == {"sub/media": "a mount point (umount)"}
    assert tree_of(disk) == DISK
    assert tree_of(tree) == {"sub": {"media": DISK}}


def test_another_file_system_is_left_whole(tmp_path: Path, mounter: Mounter) -> None:
    tree = plant(tmp_path / "tree", {"a": "1"})
    plant(mounter.tmpfs(tree / "media"), DISK)
    assert left_by(tree) == {"media": "a mount point (umount)"}
    assert tree_of(tree) == {"media": DISK}


def test_the_mode_of_a_mounted_directory_is_not_changed(tmp_path: Path, mounter: Mounter) -> None:
    tree = plant(tmp_path / "tree", {})
    mounter.tmpfs(tree / "media", "mode=0500")
    left_by(tree)
    assert (tree / "media").stat().st_mode & 0o777 == 0o500


def test_a_mounted_file_and_a_mounted_top_are_left(tmp_path: Path, mounter: Mounter) -> None:
    file = plant(tmp_path, {"file": "x"}) / "file"
    tree = plant(tmp_path / "tree", {"a": "1"})
    mounter.bind(file, tree / "b")
    assert left_by(tree) == {"b": "a mount point (umount)"}
    top = mounter.bind(plant(tmp_path / "disk", DISK), tmp_path / "top")
    assert left_by(top) == {".": "a mount point (umount)"}
    assert file.read_text() == "x"
    assert tree_of(top) == DISK


@pytest.mark.parametrize("depth", [31, 32, 33, 70])
def test_a_mount_far_down_is_left_whole(tmp_path: Path, mounter: Mounter, depth: int) -> None:
    tree = tmp_path / "tree"
    disk = plant(tmp_path / "disk", DISK)
    mounter.bind(disk, tree.joinpath(*["d"] * depth))
    (tree / "d" / "file").touch()
    assert list(left_by(tree).values()) == ["a mount point (umount)"]
    assert tree_of(disk) == DISK
    assert "file" not in {name for _, _, names in os.walk(tree) for name in names} - set(DISK)


def test_immutable_things_are_left_with_the_way_out_and_go_later(tmp_path: Path) -> None:
    tree = plant(tmp_path / "tree", {"a": "1", "sub": {"b": "2", "c": "3"}, "shut": {"d": "4"}, "log": "5"})
    with (
        immutable(tree / "sub" / "b"),
        immutable(tree / "shut"),
        immutable(tree / "log", APPEND_ONLY),
    ):
        assert left_by(tree) == {
            "sub/b": "immutable (chattr -i)",
            "shut/d": "the directory it is in is immutable (chattr -i)",
            "log": "append-only (chattr -a)",
        }
        assert tree_of(tree) == {"sub": {"b": "2"}, "shut": {"d": "4"}, "log": "5"}
    remove_tree(str(tree))
    assert not tree.exists()


def test_many_leftovers_are_counted_and_the_first_are_named(tmp_path: Path, mounter: Mounter) -> None:
    tree = plant(tmp_path / "tree", {})
    for number in range(22):
        mounter.bind(tmp_path, tree / f"m{number}")
    with pytest.raises(
        LeftoverError, match=r"^left over: .*m\d+ cannot be removed.*\(and 21 more\)$"
    ) as caught:
        remove_tree(str(tree))
    assert (len(caught.value.leftovers), caught.value.number) == (20, 22)
