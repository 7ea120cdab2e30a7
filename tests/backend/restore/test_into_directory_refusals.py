"""Where a restore beside may not go, and what it leaves when it fails."""

import os
import tarfile
from pathlib import Path

import pytest

from backend.errors import (
    BlockedError,
    Cancelled,
    InvalidInputError,
    NoSpaceError,
    SnapshotError,
)
from backend.operations import Restore
from backend.progress import Progress
from backend.restore.move import Move
from backend.restore.plan import Verdict
from backend.restore.slots import HOLDER, find_slot, make_slot
from backend.restore.swap import RestoreState
from tests.support.beside import OLD, SET, Meddling, make_target_dir, make_world, plans, surroundings
from tests.support.builders import (
    AS_ROOT,
    World,
    plant,
    tgz,
    tree_of,
    uid_of,
)
from tests.support.fakes import Disk, stops

world = pytest.fixture(make_world)
target_dir = pytest.fixture(params=["missing", "empty"])(make_target_dir)


def refused(world: World, target_dir: Path | str, reason: str) -> None:
    """It is known beforehand that nothing can be restored there, and nothing is."""
    assert {plan.verdict for plan in plans(world, target_dir)} == {Verdict.BLOCKED}
    assert reason in plans(world, target_dir)[0].reasons[0]
    before = tree_of(world.root.parent, holder=True)
    with pytest.raises(BlockedError) as refusal:
        world.engine.restore(Restore(1, target_dir=str(target_dir)), Progress())
    assert str(refusal.value).count(reason) == 1
    after = tree_of(world.root.parent, holder=True)
    for tree in (before, after):
        tree["root"]["var"]["lib"].pop("snapstow", None)
    assert after == before


# -- where it may not


def test_a_directory_that_is_not_empty(world: World, tmp_path: Path) -> None:
    refused(world, plant(tmp_path / "full", {"a": "1"}), "it is there already, and not empty")


def test_a_file(world: World, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refused(world, tmp_path / "file", "it is there already, and not a directory")


def test_a_link_is_not_followed_wherever_it_is(world: World, tmp_path: Path) -> None:
    plant(tmp_path / "real", {"below": {}})
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "nowhere").symlink_to("not-there")
    refused(world, tmp_path / "link", "it is a symbolic link")
    refused(world, tmp_path / "nowhere", "it is a symbolic link")
    refused(world, tmp_path / "link/out", f"a symbolic link is not followed: {tmp_path}/link")
    refused(world, tmp_path / "link/below", f"a symbolic link is not followed: {tmp_path}/link")


def test_where_there_is_no_directory_to_put_it_into(world: World, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refused(world, tmp_path / "not/there", f"there is no directory {tmp_path}/not")
    refused(world, tmp_path / "file/out", f"not a directory: {tmp_path}/file")
    refused(world, "/", "it is there already")


@pytest.mark.parametrize(
    "place",
    ["var/snap/out", "var/snap/hello/common/out", "var/lib/snapd/out", "home/alice/snap/out", "snap/out"],
)
def test_where_data_of_snaps_are(world: World, place: str) -> None:
    refused(world, world.root / place, "holds data of snaps, or of snapd")


def test_where_data_of_snaps_are_by_another_name(world: World, tmp_path: Path) -> None:
    elsewhere = plant(tmp_path / "elsewhere", {"bob": {}}, uid_of("bob"))
    (world.home("bob") / "snap").symlink_to(elsewhere)
    refused(world, elsewhere / "bob/out", "holds data of snaps, or of snapd")


def test_names_that_are_ours(world: World, tmp_path: Path) -> None:
    refused(world, tmp_path / f"{HOLDER}-x", "used for what is not whole yet")


def test_two_snapshots_of_one_snap_in_a_set(world: World, target_dir: Path) -> None:
    world.add(1, "hello", OLD, version="2.0")
    before = surroundings(target_dir)
    with pytest.raises(BlockedError, match="two snapshots of the set go there"):
        world.do(Restore(1, target_dir=str(target_dir)))
    assert surroundings(target_dir) == before


@pytest.mark.parametrize("path", ["out", "../out", "/a\0b"])
def test_paths_that_are_none(world: World, path: str) -> None:
    for ask in (world.engine.plan, world.do):
        with pytest.raises(InvalidInputError, match="not an absolute path"):
            ask(Restore(1, target_dir=path))


def test_paths_are_spelled_in_one_way(world: World, tmp_path: Path) -> None:
    assert world.do(Restore(1, target_dir=f"/{tmp_path}/./place/../out/")).beside == f"{tmp_path}/out"


@pytest.mark.skipif(AS_ROOT, reason="root may write everywhere")
def test_a_place_that_is_closed(world: World, tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    refused(world, tmp_path / "closed/out", "no right to write")


def test_space_is_looked_for_there(world: World, target_dir: Path, disk: Disk) -> None:
    disk.free = 0
    with pytest.raises(NoSpaceError, match="cannot restore: insufficient space in"):
        world.do(Restore(1, target_dir=str(target_dir)))
    assert set(disk.asked) <= {str(target_dir), str(target_dir.parent)}


# -- failures on the way


def test_one_archive_that_cannot_be_unpacked_spoils_all(world: World, target_dir: Path) -> None:
    hard = tarfile.TarInfo("common/hard")
    hard.type, hard.linkname = tarfile.LNKTYPE, "common/not-there"
    world.add(1, "zzz", {"common": {}}, users={"alice": tgz({"common": {}}, extra=[hard])})
    before = surroundings(target_dir)
    with pytest.raises(SnapshotError, match="cannot unpack archive"):
        world.do(Restore(1, target_dir=str(target_dir)))
    assert surroundings(target_dir) == before


def test_a_damaged_archive_is_known_before_anything_is_made(world: World, target_dir: Path) -> None:
    world.add(1, "zzz", OLD, sums={"archive.tgz": "0" * 96})
    before = surroundings(target_dir)
    with pytest.raises(SnapshotError, match="does not match actual"):
        world.do(Restore(1, target_dir=str(target_dir)))
    assert surroundings(target_dir) == before


def test_a_stop_at_any_time_leaves_nothing(world: World, target_dir: Path) -> None:
    before = surroundings(target_dir)
    states = [
        surroundings(target_dir)
        for _ in stops(lambda job: world.engine.restore(Restore(1, target_dir=str(target_dir)), job))
    ]
    assert len(states) > 10
    assert all(state == before for state in states)
    assert tree_of(target_dir) == SET


@pytest.mark.parametrize("is_there", [False, True])
def test_files_put_into_the_directory_meanwhile_are_not_touched(
    world: World, tmp_path: Path, is_there: bool
) -> None:
    target_dir = tmp_path / "out"
    if is_there:
        target_dir.mkdir()

    def meddle() -> None:
        plant(target_dir, {"theirs": "1"})

    job = Meddling(meddle)
    with pytest.raises(SnapshotError):
        world.engine.restore(Restore(1, target_dir=str(target_dir)), job)
    assert tree_of(tmp_path, holder=True).keys() == {"root", "out"}
    assert tree_of(target_dir, holder=True) == {"theirs": "1"}


def test_somebodys_holder_is_not_used(world: World, tmp_path: Path) -> None:
    """Each restore beside has one of its own, so nobody's is in the way."""
    theirs = plant(tmp_path / HOLDER, {"mine": "1"}, uid_of("alice"))
    world.do(Restore(1, target_dir=str(tmp_path / "out")))
    assert tree_of(theirs) == {"mine": "1"}


def test_a_parent_that_is_replaced_by_a_link_on_the_way_is_noticed(world: World, tmp_path: Path) -> None:
    place, other = plant(tmp_path / "place", {}), plant(tmp_path / "other", {})

    def meddle() -> None:
        place.rename(tmp_path / "moved")
        place.symlink_to(other)

    with pytest.raises(SnapshotError, match="is not the directory that was recorded"):
        world.engine.restore(Restore(1, target_dir=str(place / "out")), Meddling(meddle))
    assert tree_of(other, holder=True) == {}


def test_a_stopped_job_plans_nothing(world: World, target_dir: Path) -> None:
    progress = Progress()
    progress.stop()
    for look in (False, True):
        with pytest.raises(Cancelled):
            world.engine.plan(Restore(1, target_dir=str(target_dir)), look=look, progress=progress)


def test_slots_with_holders_of_their_own_are_found_again(tmp_path: Path) -> None:
    fd = os.open(tmp_path, os.O_RDONLY)
    slot = make_slot(str(tmp_path), fd, "7-abc", f"{HOLDER}-7-abc")
    os.close(fd)
    assert find_slot(str(tmp_path), "7-abc", f"{HOLDER}-7-abc") == slot
    assert find_slot(str(tmp_path), "7-abc") is None
    state = RestoreState([slot], [Move(slot, "any name", None, slot.slot_id)])
    assert RestoreState.from_json(state.to_json()).moves[0].slot == slot
    for name in ("", ".", "..", "a/b", "a\0b", slot.holder):
        hostile = RestoreState([slot], [Move(slot, name, None, slot.slot_id)])
        with pytest.raises(SnapshotError, match="is damaged"):
            RestoreState.from_json(hostile.to_json())
    slot.remove()
    assert os.listdir(tmp_path) == []
