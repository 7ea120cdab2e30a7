"""Ids of sets are never used again, whatever was forgotten or damaged."""

import os
from pathlib import Path

import pytest

from backend.operations import Forget
from tests.support.builders import World, plant


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "root")


def test_ids_are_given_out_once(world: World) -> None:
    store = world.engine.store
    with store.lock():
        assert [store.allocate_id() for _ in range(3)] == [1, 2, 3]
    assert world.engine.store.allocate_id() == 4
    world.add(9, "hello")
    assert store.allocate_id() == 10


@pytest.mark.parametrize("mark", [b"", b"junk", b"-5", b"9" * 30, b"\xff"])
def test_a_damaged_note_of_ids_is_passed_over(world: World, mark: bytes) -> None:
    world.add(3, "hello")
    store = world.engine.store
    state_dir = plant(world.root / "var/lib/snapstow", {})
    (state_dir / "last-set-id").write_bytes(mark)
    assert store.allocate_id() == 4


def test_the_id_of_a_set_that_was_forgotten_is_not_used_again(world: World) -> None:
    world.add(7, "hello")
    world.add(3, "hello")
    world.do(Forget(7, undo_window=0))
    world.do(Forget(3, undo_window=0))
    assert world.engine.store.allocate_id() == 8


def test_forgetting_goes_on_where_the_id_cannot_be_noted(world: World) -> None:
    world.add(7, "hello")
    os.makedirs(world.root / "var/lib/snapstow/last-set-id")
    assert world.do(Forget(7, undo_window=0)).snaps == ("hello",)
    assert world.names() == []
