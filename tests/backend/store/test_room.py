"""What a forget really frees: links, readers, files that cannot be looked at."""

import os
from pathlib import Path

import pytest

from backend.model import Snapshot
from backend.operations import Forget
from backend.store import room_of
from tests.support.builders import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "root")
    world.add(1, "hello", {"x1": {"a": "1"}})
    world.add(2, "hello", {"x1": {"a": "2"}})
    return world


def snapshots_of(world: World) -> list[Snapshot]:
    return [snapshot for group in world.engine.sets() for snapshot in group.snapshots]


def test_files_that_nothing_holds_are_freed_in_sum(world: World) -> None:
    chosen = snapshots_of(world)
    room = room_of(chosen)
    assert room.freed == sum(os.path.getsize(snapshot.path) for snapshot in chosen)
    assert (room.linked, room.held) == ((), {})


def test_an_unreadable_file_counts_as_large_as_it_is(world: World) -> None:
    path = world.snapshots / "3_hello_1.0_x1.zip"
    path.write_bytes(b"no zip")
    os.truncate(path, 40 * 10**9)
    room = room_of([snapshot for snapshot in snapshots_of(world) if snapshot.broken])
    assert room.freed == 40 * 10**9


def test_a_file_with_another_name_is_not_freed_by_looking_or_by_forgetting(
    world: World, tmp_path: Path
) -> None:
    first, second = snapshots_of(world)
    os.link(first.path, tmp_path / "kept")
    room = room_of([first, second])
    assert room.linked == (first.path,)
    assert room.freed == os.path.getsize(second.path) == room.sizes[second.path]
    assert world.do(Forget(1, undo_window=0)).freed == 0
    assert world.do(Forget(2, undo_window=0)).freed == room.freed


def test_two_names_of_a_file_that_go_together_free_it_once(world: World) -> None:
    first, second = snapshots_of(world)
    os.unlink(second.path)
    os.link(first.path, second.path)
    room = room_of([first, second])
    assert (room.linked, room.freed) == ((), os.path.getsize(first.path))


def test_a_file_that_is_being_read_is_freed_once_its_reader_ends(world: World) -> None:
    first, second = snapshots_of(world)
    with open(first.path, "rb"):
        room = room_of([first, second])
    assert room.held == {first.path: os.getpid()}
    assert room.freed == room.sizes[second.path]
    assert not room_of([first, second]).held


def test_of_a_file_that_cannot_be_looked_at_the_declared_size_counts(world: World) -> None:
    first, _ = snapshots_of(world)
    away = first._replace(path="/nonexistent/1_hello_1.0_x1.zip", size=77)
    assert room_of([away]).freed == 77
