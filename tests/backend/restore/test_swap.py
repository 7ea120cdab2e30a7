import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import BlockedError, ConflictError, IntegrityError
from backend.fs import files
from backend.fs.files import Identity
from backend.restore import swap
from backend.restore.slots import HOLDER, Slot, find_slot, make_slot
from backend.restore.swap import Move, RestoreState


class Crash(BaseException):
    """The machine loses power."""


class Disk:
    """Stands for the kernel's renames: counts them, crashes before a chosen one, may know no exchange."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, exchanges: bool) -> None:
        self._real = files._rename
        self._exchanges = exchanges
        self._left: int | None = None
        self.renames = 0
        monkeypatch.setattr(files, "_rename", self._rename)

    def crashing_before(self, rename: int | None) -> None:
        self._left = rename

    def _rename(
        self, name: str, source: int | None, target: str, destination: int | None, *, flags: int
    ) -> bool:
        if flags == files._EXCHANGE and not self._exchanges:
            return False
        if self._left == 0:
            raise Crash
        self._left = None if self._left is None else self._left - 1
        self.renames += 1
        return self._real(name, source, target, destination, flags=flags)


class World:
    """A parent directory with live data and a slot with new data; either may be missing."""

    def __init__(self, top: Path, *, old: bool = True, new: bool = True, name: str = "common") -> None:
        self.parent = top
        self.parent.mkdir(exist_ok=True)
        with files.opened(str(top), files.DIRECTORY) as fd:
            self.slot = make_slot(str(top), fd, f"slot-{name}")
        self.live = top / name
        self.waiting = Path(self.slot.path) / name
        if old:
            tree(self.live, "old")
        if new:
            tree(self.waiting, "new")
        self.move = Move(self.slot, name, identity(self.live), identity(self.waiting))

    @property
    def shown(self) -> str | None:
        """What is live: None, or the word in its files, which all must say the same."""
        if not os.path.lexists(self.live):
            return None
        texts = {path.read_text() for path in self.live.rglob("*") if path.is_file()}
        assert len(texts) == 1
        assert sorted(path.name for path in self.live.rglob("*")) == ["a", "b", "below"]
        return texts.pop()

    @property
    def kept(self) -> list[str]:
        """What the slot holds."""
        return sorted(os.listdir(self.slot.path))


def tree(top: Path, word: str) -> None:
    (top / "below").mkdir(parents=True)
    (top / "a").write_text(word)
    (top / "below/b").write_text(word)


def identity(path: Path) -> Identity | None:
    return files.identity(str(path))


WORLDS = [(True, True), (False, True), (True, False)]


@pytest.fixture(params=[True, False], ids=["exchange", "no exchange"])
def disk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch, exchanges=request.param)


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
    files.remove_tree(str(world.live))
    world.move.carry_out()
    assert world.shown == "new"


def test_missing_kept_data_are_a_conflict(tmp_path: Path) -> None:
    world = World(tmp_path / "snap")
    world.move.carry_out()
    files.remove_tree(str(world.waiting))
    with pytest.raises(ConflictError, match="what was kept is not in"):
        world.move.take_back()
    assert world.shown == "new"


# -- the private directory


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


# -- several directories as one


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
    files.remove_tree(str(world.live))
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
    files.remove_tree(str(world.parent))
    state.clean_up()
    assert state.done


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
def test_the_state_survives_being_written(moves: list[tuple[str, object, object]], done: bool) -> None:
    slots = [
        Slot("/var/snap/a", Identity(1, 2), "1-a", Identity(1, 3)),
        Slot("/b", Identity(1, 4), "2", Identity(1, 5)),
    ]
    state = RestoreState(
        slots,
        [
            Move(slots[count % 2], name, swap._identity(before or ()), swap._identity(after or ()))  # type: ignore[arg-type]
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
    with pytest.raises(IntegrityError, match="the record is damaged"):
        RestoreState.from_json({**sound, **change})
