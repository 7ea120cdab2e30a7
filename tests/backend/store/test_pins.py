"""Pins hold for a set by its number and for what it holds, whatever its number, and are never lost unseen."""

from pathlib import Path

import pytest

from backend.errors import BlockedError, IntegrityError
from backend.model import SnapshotSet
from backend.operations import Export, Forget, Import, Prune, Undo
from tests.support.builders import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "root")
    for number in (1, 2):
        for snap in ("foo", "bar"):
            world.add(number, snap, {"x1": {"f": str(number)}})
    return world


LATER = 4e9  # than all sets were saved


def group(world: World, number: int = 1) -> SnapshotSet:
    return world.engine.sets(number)[0]


def pinned(world: World) -> dict[int, str]:
    return {number: pin.note for number, pin in world.engine.pins.by_set(world.engine.sets()).items()}


def test_pin_is_kept_with_its_note_until_it_is_removed(world: World) -> None:
    assert pinned(world) == {}
    world.engine.pins.pin(group(world), "before  31\n", 5.0)
    assert pinned(world) == {1: "before 31"}
    world.engine.pins.pin(group(world), "", 6.0)
    assert pinned(world) == {1: ""}
    assert world.engine.pins.unpin(group(world))
    assert not world.engine.pins.unpin(group(world))
    assert pinned(world) == {}
    path = world.root / "var/lib/snapstow/pins.json"
    assert path.stat().st_mode & 0o777 == 0o600


def test_pin_holds_for_the_same_content_under_another_number(world: World) -> None:
    world.engine.pins.pin(group(world), "keep", LATER)
    file = str(world.root / "one")
    world.do(Export(1, file))
    world.do(Forget(1, pinned=True))
    assert world.do(Import(file)).set_id == 3
    assert pinned(world) == {3: "keep"}
    assert world.engine.pins.unpin(group(world, 3))
    assert pinned(world) == {}


def test_pin_of_a_set_that_is_gone_does_not_hold_for_a_later_save_of_the_same(world: World) -> None:
    world.engine.pins.pin(group(world), "keep", 5.0)
    world.do(Forget(1, pinned=True, undo_window=0))
    for snap in ("foo", "bar"):
        world.add(3, snap, {"x1": {"f": "1"}})
    assert pinned(world) == {}


def test_pin_holds_for_no_other_set_that_holds_the_same_while_its_own_is_there(world: World) -> None:
    for snap in ("foo", "bar"):
        world.add(3, snap, {"x1": {"f": "1"}})
    world.engine.pins.pin(group(world), "keep", 5.0)
    assert pinned(world) == {1: "keep"}
    assert not world.engine.pins.unpin(group(world, 3))
    world.do(Forget(3))
    assert pinned(world) == {1: "keep"}


def test_pin_holds_for_what_is_left_of_a_set_and_for_a_broken_one(world: World) -> None:
    world.engine.pins.pin(group(world), "", 5.0)
    world.do(Forget(1, ("bar",), pinned=True))
    assert pinned(world) == {1: ""}
    (world.snapshots / "2_foo_1.0_x1.zip").write_bytes(b"broken")
    world.engine.pins.pin(group(world, 2), "", 5.0)
    assert pinned(world) == {1: "", 2: ""}


def test_pinned_set_goes_only_where_that_is_said_and_comes_back_pinned(world: World) -> None:
    world.engine.pins.pin(group(world), "before 31", 5.0)
    refusal = r"set #1 is pinned \(before 31\); --pinned forgets it all the same"
    for forget in (Forget(1), Forget(1, ("foo",)), Forget(1, undo_window=0)):
        with pytest.raises(BlockedError, match=refusal):
            world.do(forget)
    world.do(Forget(1, pinned=True))
    assert pinned(world) == {}
    world.do(Undo())
    assert pinned(world) == {1: "before 31"}


@pytest.mark.parametrize("raw", ["", "{", "[]", '{"pins":[{"set_id":"1"}]}', '{"pins":[[]]}', '{"pins":3}'])
def test_damaged_pins_stop_whatever_removes_sets(world: World, raw: str) -> None:
    world.engine.pins.pin(group(world), "", 5.0)
    (world.root / "var/lib/snapstow/pins.json").write_text(raw)
    before = world.names()
    for operation in (Forget(1), Prune(keep_last=1)):
        with pytest.raises(IntegrityError, match="cannot tell what is pinned"):
            world.do(operation)
    assert world.names() == before
