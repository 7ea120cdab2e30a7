"""Several directories are swapped as one, undone, and cleaned up."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import ConflictError, IntegrityError
from backend.fs.files import Identity
from backend.fs.removal import remove_tree
from backend.restore.move import Move
from backend.restore.slots import HOLDER, Slot
from backend.restore.swap import RestoreState
from tests.support.swapping import Crash, Disk, World, make_disk, tree

disk = pytest.fixture(params=[True, False], ids=["exchange", "no exchange"])(make_disk)


@pytest.fixture
def two(tmp_path: Path) -> tuple[World, World]:
    return World(tmp_path / "snap"), World(tmp_path / "snap", name="x1")


def state_of(*worlds: World, made: Iterator[str] | tuple[str, ...] = ()) -> RestoreState:
    return RestoreState([world.slot for world in worlds], [world.move for world in worlds], list(made))


def test_a_restore_is_committed_and_reverted_as_one(two: tuple[World, World], disk: Disk) -> None:
    state = state_of(*two)
    state.commit()
    assert [world.shown for world in two] == ["new", "new"]
    state.revert()
    assert [world.shown for world in two] == ["old", "old"]
    assert os.listdir(two[0].parent) == sorted(os.listdir(two[0].parent), key=["common", "x1"].index)
    assert not (two[0].parent / HOLDER).exists()


def test_cleaning_up_keeps_the_new_and_ends_it(two: tuple[World, World]) -> None:
    state = state_of(*two)
    state.commit()
    state.clean_up()
    state.revert()
    state.clean_up()
    assert [world.shown for world in two] == ["new", "new"]
    assert not (two[0].parent / HOLDER).exists()


@pytest.mark.parametrize("foreign", [0, 1])
def test_when_one_cannot_be_put_in_place_all_are_taken_back(two: tuple[World, World], foreign: int) -> None:
    two[foreign].live.rename(two[foreign].parent.parent / "their backup")
    tree(two[foreign].live, "theirs")
    with pytest.raises(ConflictError):
        state_of(*two).commit()
    assert two[foreign].shown == "theirs"
    assert two[1 - foreign].shown == "old"


@pytest.mark.parametrize("foreign", [0, 1])
def test_failing_move_does_not_keep_the_others_from_being_taken_back(
    two: tuple[World, World], foreign: int
) -> None:
    state = state_of(*two)
    state.commit()
    two[foreign].live.rename(two[foreign].parent.parent / "their backup")
    tree(two[foreign].live, "theirs")
    with pytest.raises(ConflictError):
        state.revert()
    assert two[foreign].shown == "theirs"
    assert two[1 - foreign].shown == "old"
    assert two[foreign].kept == [two[foreign].move.name]
    assert not state.done


@pytest.mark.parametrize("crash", range(7))
def test_after_a_crash_the_state_is_read_back_and_either_way_is_open(
    tmp_path_factory: pytest.TempPathFactory, disk: Disk, crash: int
) -> None:
    for back in (False, True):
        top = tmp_path_factory.mktemp("world")
        worlds = World(top / "snap"), World(top / "snap", name="x1", old=False)
        written = state_of(*worlds).to_json()
        disk.crashing_before(crash)
        try:
            for world in worlds:
                world.move.carry_out()
        except Crash:
            pass
        disk.crashing_before(None)
        state = RestoreState.from_json(written)
        if back:
            state.revert()
        else:
            state.commit()
        assert [world.shown for world in worlds] == (["old", None] if back else ["new", "new"])


def test_undo_and_undo_of_the_undo(two: tuple[World, World], disk: Disk) -> None:
    state = state_of(*two)
    state.commit()
    (two[0].live / "a").write_text("edited")
    (two[0].live / "below/b").write_text("edited")
    undo = RestoreState.from_json(state.to_json()).turned()
    undo.commit()
    assert [world.shown for world in two] == ["old", "old"]
    redo = undo.turned()
    redo.commit()
    assert [world.shown for world in two] == ["edited", "new"]
    redo.take_back()
    assert [world.shown for world in two] == ["old", "old"]


def test_undo_where_nothing_was(tmp_path: Path) -> None:
    world = World(tmp_path / "snap", old=False)
    state = state_of(world)
    state.commit()
    undo = state.turned()
    undo.commit()
    assert (world.shown, world.kept) == (None, ["common"])
    undo.turned().commit()
    assert world.shown == "new"


def test_undo_when_the_data_were_removed_meanwhile(tmp_path: Path) -> None:
    world = World(tmp_path / "snap")
    state = state_of(world)
    state.commit()
    remove_tree(str(world.live))
    undo = state.turned()
    undo.commit()
    assert (world.shown, world.kept) == ("old", [])


def test_made_directories_go_only_when_empty(tmp_path: Path) -> None:
    outer, inner = tmp_path / "home", tmp_path / "home/snap"
    outer.mkdir()
    (outer / "theirs").touch()
    world = World(inner, old=False)
    state = state_of(world, made=(str(outer), str(inner)))
    state.commit()
    state.revert()
    assert [path.name for path in outer.iterdir()] == ["theirs"]


def test_cleaning_up_after_the_snap_was_removed(tmp_path: Path) -> None:
    world = World(tmp_path / "snap")
    state = state_of(world)
    state.commit()
    remove_tree(str(world.parent))
    state.clean_up()
    assert state.done


Pair: TypeAlias = tuple[int, int] | None


def _id(pair: Pair) -> Identity | None:
    return Identity(*pair) if pair else None


@given(
    st.lists(
        st.tuples(
            st.just("common") | st.integers(1, 10**18).map(str) | st.integers(1, 10**18).map("x{}".format),
            st.none() | st.tuples(st.integers(0), st.integers(0)),
            st.none() | st.tuples(st.integers(0), st.integers(0)),
        ),
        max_size=4,
    ),
    st.booleans(),
)
def test_the_state_survives_being_written(moves: list[tuple[str, Pair, Pair]], done: bool) -> None:
    slots = [
        Slot("/var/snap/a", Identity(1, 2), "1-a", Identity(1, 3)),
        Slot("/b", Identity(1, 4), "2", Identity(1, 5)),
    ]
    state = RestoreState(
        slots,
        [
            Move(slots[count % 2], name, _id(before), _id(after))
            for count, (name, before, after) in enumerate(moves)
        ],
        ["/var/snap/a"],
        done,
    )
    assert RestoreState.from_json(json.loads(json.dumps(state.to_json()))) == state


@pytest.mark.parametrize(
    "change",
    [
        {"slots": None},
        {"slots": [["/var/snap/a", 1, 2, "../../etc", 1, 3]]},
        {"slots": [["/var/snap/a", 1, 2]]},
        {"moves": [[0, "../../etc", [], []]]},
        {"moves": [[0, "current", [], []]]},
        {"moves": [[0, "common/a", [], []]]},
        {"moves": [[0, "common/a", [], [], "../1"]]},
        {"moves": [[0, "common/../a", [], [], "1"]]},
        {"moves": [[0, "common//a", [], [], "1"]]},
        {"moves": [[0, "../common/a", [], [], "1"]]},
        {"moves": [[0, ".snapstow/a", [], [], "1"]]},
        {"moves": [[0, "common/a\0", [], [], "1"]]},
        {"moves": [[5, "common", [], []]]},
        {"moves": [[0, "common", [1], []]]},
        {"made": 7},
    ],
)
def test_a_damaged_state_is_refused(change: dict[str, object]) -> None:
    sound = RestoreState([Slot("/var/snap/a", Identity(1, 2), "1-a", Identity(1, 3))]).to_json()
    with pytest.raises(IntegrityError, match="is damaged"):
        RestoreState.from_json({**sound, **change})
