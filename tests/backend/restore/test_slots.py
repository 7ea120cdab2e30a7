"""Slots are private, told apart, and used only where they are ours."""

import os
from pathlib import Path

import pytest

from backend.errors import BlockedError
from backend.fs import files
from backend.restore.move import Move
from backend.restore.slots import HOLDER, find_slot, make_slot
from tests.support.swapping import World, tree


def replaced_holder(world: World, how: str) -> None:
    holder = world.parent / HOLDER
    if how == "open to others":
        holder.chmod(0o750)
    elif how == "a link":
        holder.rename(world.parent.parent / "moved")
        holder.symlink_to(world.parent.parent / "moved")
    elif how == "a file":
        holder.rename(world.parent.parent / "moved")
        holder.write_text("")
    else:
        os.chown(holder, 12345, 12345)


HOSTILE = ["open to others", "a link", "a file", pytest.param("somebody's", marks=pytest.mark.root)]


@pytest.mark.parametrize("how", HOSTILE)
def test_a_holder_that_is_not_ours_is_not_touched(tmp_path: Path, how: str) -> None:
    world = World(tmp_path / "snap")
    replaced_holder(world, how)
    before = sorted(path for path in tmp_path.rglob("*"))
    with files.opened(str(world.parent), files.DIRECTORY) as fd:
        for act in (
            world.move.carry_out,
            Move(world.slot, "common", world.move.after, world.move.before).take_back,
            lambda: make_slot(str(world.parent), fd, "another"),
        ):
            with pytest.raises(BlockedError, match=r"\.snapstow is not a private directory of ours"):
                act()
    world.slot.remove()
    assert find_slot(str(world.parent), world.slot.name) is None
    assert sorted(path for path in tmp_path.rglob("*")) == before
    assert world.shown == "old"


def test_another_slot_of_the_same_name_is_not_used(tmp_path: Path) -> None:
    world = World(tmp_path / "snap")
    Path(world.slot.path).rename(tmp_path / "snap" / HOLDER / "mine")
    Path(world.slot.path).mkdir(mode=0o700)
    tree(world.waiting, "theirs")
    with pytest.raises(BlockedError, match="is not the directory that was recorded"):
        world.move.carry_out()
    world.slot.remove()
    assert (world.shown, world.kept) == ("old", ["common"])


def test_another_parent_of_the_same_name_is_not_used(tmp_path: Path) -> None:
    world = World(tmp_path / "snap")
    world.parent.rename(tmp_path / "aside")
    other = World(tmp_path / "snap")
    with pytest.raises(BlockedError, match="is not the directory that was recorded"):
        world.move.carry_out()
    world.slot.remove()
    assert (other.shown, other.kept) == ("old", ["common"])


def test_slots_are_private_and_told_apart(tmp_path: Path) -> None:
    first, second = World(tmp_path / "snap"), World(tmp_path / "snap", name="x1")
    assert (tmp_path / "snap" / HOLDER).stat().st_mode & 0o777 == 0o700
    assert Path(first.slot.path).stat().st_mode & 0o777 == 0o700
    assert find_slot(first.slot.parent, first.slot.name) == first.slot
    assert find_slot(str(tmp_path / "nowhere"), "nothing") is None
    assert find_slot(str(tmp_path), "nothing") is None
    first.slot.remove()
    assert not Path(first.slot.path).exists()
    assert Path(second.slot.path).exists()
    second.slot.remove()
    assert not (tmp_path / "snap" / HOLDER).exists()
    second.slot.remove()


def test_a_slot_that_was_not_made_is_nobodys(tmp_path: Path) -> None:
    world = World(tmp_path / "snap")
    slot = find_slot(world.slot.parent, "nothing")
    assert slot is not None
    slot.remove()
    assert world.kept == ["common"]
    Path(world.slot.parent, HOLDER, "nothing").mkdir(mode=0o700)
    with pytest.raises(BlockedError):
        Move(slot, "common", None, world.move.before).take_back()


def test_a_slot_is_never_made_twice(tmp_path: Path) -> None:
    world = World(tmp_path / "snap")
    with files.opened(str(world.parent), files.DIRECTORY) as fd, pytest.raises(FileExistsError):
        make_slot(str(world.parent), fd, world.slot.name)
    assert world.kept == ["common"]
