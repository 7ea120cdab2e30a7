"""One move: put in place, taken back, and recovered from any state in between."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import ConflictError
from backend.fs.removal import remove_tree
from tests.support.swapping import Crash, Disk, World, identity, make_disk, tree

disk = pytest.fixture(params=[True, False], ids=["exchange", "no exchange"])(make_disk)
WORLDS = [(True, True), (False, True), (True, False)]


def expected_text(world: World, *, new: bool) -> str | None:
    """What must be live after carrying out (`new`) or taking back."""
    wanted = world.move.after if new else world.move.before
    return None if wanted is None else ("new" if new else "old")


# -- one directory


@pytest.mark.parametrize(("old", "new"), WORLDS)
def test_there_and_back(tmp_path: Path, disk: Disk, old: bool, new: bool) -> None:
    world = World(tmp_path / "snap", old=old, new=new)
    for _ in range(2):
        world.move.carry_out()
        assert world.shown == expected_text(world, new=True)
        world.move.carry_out()
        assert world.shown == expected_text(world, new=True)
        assert world.kept == (["common"] if old else [])
        world.move.take_back()
        assert world.shown == expected_text(world, new=False)
        world.move.take_back()
        assert world.kept == (["common"] if new else [])


def test_nothing_to_do_is_fine(tmp_path: Path, disk: Disk) -> None:
    world = World(tmp_path / "snap", old=False, new=False)
    world.move.carry_out()
    world.move.take_back()
    assert (world.shown, world.kept, disk.renames) == (None, [], 0)


def test_with_an_exchange_something_is_live_at_every_instant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch, exchanges=True)
    world = World(tmp_path / "snap")
    world.move.carry_out()
    assert disk.renames == 1


def test_the_exchange_may_be_handed_in(tmp_path: Path) -> None:
    world = World(tmp_path / "snap")
    world.move.carry_out(lambda *_names: False)
    assert (world.shown, world.kept) == ("new", ["common"])
    world.move.take_back(lambda *_names: False)
    assert (world.shown, world.kept) == ("old", ["common"])


@pytest.mark.parametrize("crashing_back", [False, True])
@pytest.mark.parametrize("then_back", [False, True])
@pytest.mark.parametrize("crash", range(4))
@pytest.mark.parametrize(("old", "new"), WORLDS)
def test_after_a_crash_at_any_rename_either_way_is_open(  # each is a dimension of the cases
    tmp_path: Path, disk: Disk, old: bool, new: bool, crash: int, then_back: bool, crashing_back: bool
) -> None:
    world = World(tmp_path / "snap", old=old, new=new)
    act = world.move.carry_out
    if crashing_back:
        world.move.carry_out()
        act = world.move.take_back
    crash_in(disk, act, crash)
    assert world.shown in ("old", "new", None)
    (world.move.take_back if then_back else world.move.carry_out)()
    assert world.shown == expected_text(world, new=not then_back)
    left = world.move.after if then_back else world.move.before
    assert world.kept == ([] if left is None else ["common"])
    if left is not None:
        assert identity(world.waiting) == left


def crash_in(disk: Disk, act: object, rename: int) -> None:
    """Do it, and crash before its rename of that number where there are so many."""
    assert callable(act)
    disk.crashing_before(rename)
    try:
        act()
    except Crash:
        pass
    disk.crashing_before(None)


@given(
    steps=st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 3)), max_size=8),
    present=st.sampled_from(WORLDS),
    back=st.booleans(),
)
def test_crashes_upon_crashes_lose_nothing(
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[tuple[bool, bool, int]],
    present: tuple[bool, bool],
    back: bool,
) -> None:
    world = World(tmp_path_factory.mktemp("crashes") / "snap", old=present[0], new=present[1])
    with pytest.MonkeyPatch.context() as monkeypatch:
        for backwards, exchanges, crash in steps:
            disk = Disk(monkeypatch, exchanges=exchanges)
            crash_in(disk, world.move.take_back if backwards else world.move.carry_out, crash)
            monkeypatch.undo()
    (world.move.take_back if back else world.move.carry_out)()
    assert world.shown == expected_text(world, new=not back)
    assert len(world.kept) == sum(present) - (world.shown is not None)


# -- somebody else at work


@pytest.mark.parametrize("verb", ["carry_out", "take_back"])
def test_foreign_replacement_is_not_touched(tmp_path: Path, disk: Disk, verb: str) -> None:
    world = World(tmp_path / "snap")
    kept = world.live.rename(tmp_path / "their backup")
    tree(world.live, "theirs")
    with pytest.raises(ConflictError, match="replaced by someone else"):
        getattr(world.move, verb)()
    assert (world.shown, world.kept, disk.renames) == ("theirs", ["common"], 0)
    assert (kept / "a").read_text() == "old"


def test_foreign_new_directory_is_not_touched(tmp_path: Path) -> None:
    world = World(tmp_path / "snap", old=False)
    tree(world.live, "theirs")
    with pytest.raises(ConflictError):
        world.move.carry_out()
    assert (world.shown, world.kept) == ("theirs", ["common"])


def test_a_link_in_the_place_of_the_data_is_not_followed(tmp_path: Path) -> None:
    world = World(tmp_path / "snap")
    world.live.rename(tmp_path / "elsewhere")
    world.live.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConflictError):
        world.move.carry_out()
    assert world.live.is_symlink()


def test_live_data_that_vanished_are_brought_all_the_same(tmp_path: Path) -> None:
    world = World(tmp_path / "snap")
    remove_tree(str(world.live))
    world.move.carry_out()
    assert world.shown == "new"


def test_missing_kept_data_are_a_conflict(tmp_path: Path) -> None:
    world = World(tmp_path / "snap")
    world.move.carry_out()
    remove_tree(str(world.waiting))
    with pytest.raises(ConflictError, match="what was kept is not in"):
        world.move.take_back()
    assert world.shown == "new"
