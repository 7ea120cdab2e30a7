"""A restore beside puts all of a set into a directory of its own, and touches nothing else."""

import io
import os
import socket
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.errors import (
    BlockedError,
    Cancelled,
    ConflictError,
    InvalidInputError,
    NoSpaceError,
    SnapshotError,
)
from backend.operations import Restore
from backend.progress import Progress
from backend.restore.plan import RestorePlan, Verdict
from backend.restore.slots import HOLDER, find_slot, make_slot
from backend.restore.swap import Move, RestoreState
from backend.steps import SlotsMade
from tests.support.builders import (
    AS_ROOT,
    Tree,
    World,
    plant,
    snapshot_of,
    tgz,
    tree_of,
    uid_of,
    write_snapshot,
)
from tests.support.fakes import Disk, stops

OLD: Tree = {"x1": {"a": "old"}, "common": {"b": "old"}}
NEW: Tree = {"x1": {"a": "new"}, "common": {"b": "new"}}
ALICE: Tree = {"x1": {"c": "1"}, "common": {"d": "1"}}
GHOST: Tree = {"common": {"g": "1"}}
SET: Tree = {"hello": {**OLD, "users": {"alice": ALICE, "ghost": GHOST}}, "other": {"common": {"o": "1"}}}


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Set 1 of two snaps, with data of alice and of somebody unknown; live data are different ones."""
    world = World(tmp_path / "root")
    for snap in ("hello", "other"):
        world.install(snap)
        plant(world.data(snap), NEW)
    plant(world.data("hello", "alice"), NEW, uid_of("alice"))
    world.add(1, "hello", OLD, users={"alice": ALICE, "ghost": GHOST})
    world.add(1, "other", {"common": {"o": "1"}})
    return world


@pytest.fixture(params=["missing", "empty"])
def target_dir(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Where to restore to: a directory that is not there yet, or an empty one."""
    place = plant(tmp_path / "place", {}) / "out"
    if request.param == "empty":
        place.mkdir()
    return place


def everything(world: World) -> dict[str, Any]:
    return {top: tree_of(world.root / top, holder=True) for top in ("var/snap", "home", "root")}


def surroundings(target_dir: Path) -> dict[str, Any]:
    return tree_of(target_dir.parent, holder=True)


def plans(world: World, target_dir: Path | str, **wanted: Any) -> list[RestorePlan]:
    return world.engine.plan(Restore(1, target_dir=str(target_dir), **wanted))


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


# -- what it does


def test_everybody_gets_a_place_and_nothing_is_replaced(world: World, target_dir: Path) -> None:
    before = everything(world)
    result = world.do(Restore(1, target_dir=str(target_dir)))
    assert (result.exit_code, result.left_out, result.beside) == (0, (), str(target_dir))
    assert (result.undo_job, result.undo_until) == (0, 0)
    assert surroundings(target_dir) == {"out": SET}
    assert everything(world) == before
    assert world.engine.undo_offers() == []


def test_the_plan_names_every_place(world: World, target_dir: Path) -> None:
    made = plans(world, target_dir)
    assert {plan.verdict for plan in made} == {Verdict.READY}
    landings = {entry.entry: (entry.parent, entry.made, entry.replaced) for entry in made[0].entries}
    hello = f"{target_dir}/hello"
    assert landings["archive.tgz"] == (hello, (hello, f"{hello}/x1", f"{hello}/common"), ())
    ghost = f"{hello}/users/ghost"
    assert landings["user/ghost.tgz"] == (ghost, (ghost, f"{ghost}/x1", f"{ghost}/common"), ())
    assert [entry.lost.files for plan in made for entry in plan.entries] == [0, 0, 0, 0]


def test_only_some_snaps_and_users(world: World, target_dir: Path) -> None:
    world.do(Restore(1, ("hello",), ("ghost",), target_dir=str(target_dir)))
    assert tree_of(target_dir) == {"hello": {**OLD, "users": {"ghost": GHOST}}}


def test_a_revision_names_the_directory(world: World, target_dir: Path) -> None:
    world.do(Restore(1, ("hello",), target_dir=str(target_dir), revision="29"))
    tree = tree_of(target_dir / "hello")
    assert (tree["29"], tree["users"]["alice"]) == (
        OLD["x1"],
        {"29": ALICE["x1"], "common": ALICE["common"]},
    )
    assert "x1" not in tree


def test_a_snap_that_must_not_have_the_data_does_not_matter(world: World, target_dir: Path) -> None:
    world.remember("hello", snap_id="another")
    world.add(2, "hello", OLD, snap_id="this one")
    assert world.do(Restore(2, target_dir=str(target_dir))).exit_code == 0


def test_a_home_that_is_none_does_not_matter(world: World, target_dir: Path) -> None:
    world.write_accounts(["alice", "ghost"])
    assert world.do(Restore(1, target_dir=str(target_dir))).exit_code == 0
    assert tree_of(target_dir) == SET


def test_entries_that_belong_to_nobody_are_skipped(world: World, target_dir: Path) -> None:
    entries = {"archive.tgz": tgz(OLD), "novel.tgz": tgz({"common": {}})}
    write_snapshot(world.snapshots / "3_hello_1.0_x1.zip", snapshot_of(3, "hello", entries), entries)
    assert world.do(Restore(3, target_dir=str(target_dir))).left_out == (
        'Skipping restore of unknown entry "novel.tgz".',
    )


def test_while_another_change_of_the_snap_is_under_way(world: World, target_dir: Path) -> None:
    with world.engine.store.snap_lock("hello", "save"):
        assert world.do(Restore(1, target_dir=str(target_dir))).exit_code == 0


@pytest.mark.root
def test_data_belong_to_their_users_and_are_closed_to_others(world: World, target_dir: Path) -> None:
    world.do(Restore(1, target_dir=str(target_dir)))
    users = target_dir / "hello/users"
    for name, owner in (("alice", uid_of("alice")), ("ghost", 0)):
        assert stat.S_IMODE((users / name).stat().st_mode) == 0o700
        assert {path.stat().st_uid for path in (users / name).rglob("*")} | {
            (users / name).stat().st_uid
        } == {owner}
    assert stat.S_IMODE(target_dir.stat().st_mode) == 0o755


def with_mode(tree: Tree, mode: int, owner: int) -> bytes:
    """An archive in which every file has this mode."""
    stream = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(tgz(tree, owner))) as source,
        tarfile.open(fileobj=stream, mode="w:gz", format=tarfile.GNU_FORMAT) as archive,
    ):
        for member in source:
            member.mode = mode if member.isfile() else 0o755
            archive.addfile(member, source.extractfile(member) if member.isfile() else None)
    return stream.getvalue()


def test_nobody_can_be_made_to_run_files_as_whoever_restores(world: World, target_dir: Path) -> None:
    """What belonged to somebody unknown, and now to us, must not act in our name."""
    world.add(4, "hello", {"common": {}}, users={"ghost": with_mode({"common": {"run": "1"}}, 0o6755, 4711)})
    world.do(Restore(4, target_dir=str(target_dir)))
    status = (target_dir / "hello/users/ghost/common/run").stat()
    assert (status.st_uid, stat.S_IMODE(status.st_mode)) == (os.geteuid(), 0o755)


@pytest.mark.root
def test_the_systems_data_keep_owners_and_modes(world: World, target_dir: Path) -> None:
    world.add(4, "hello", with_mode({"common": {"run": "1"}}, 0o4711, 4711))
    world.do(Restore(4, target_dir=str(target_dir)))
    status = (target_dir / "hello/common/run").stat()
    assert (status.st_uid, stat.S_IMODE(status.st_mode)) == (4711, 0o4711)


def test_device_nodes_of_somebody_unknown_never_come_back(world: World, target_dir: Path) -> None:
    node = tarfile.TarInfo("common/null")
    node.type, node.devmajor, node.devminor = tarfile.CHRTYPE, 1, 3
    world.add(4, "hello", {"common": {}}, users={"ghost": tgz({"common": {}}, extra=[node])})
    result = world.do(Restore(4, target_dir=str(target_dir), devices=True))
    path = f"{target_dir}/hello/users/ghost/common/null"
    assert result.left_out == (f"{path} was not restored: it is a device node",)
    assert not os.path.lexists(path)


@pytest.fixture
def snapd(world: World) -> Iterator[socket.socket]:
    """Something listens where snapd would, whatever the length of the path."""
    plant(world.root / "run", {})
    folder = os.open(world.root / "run", os.O_PATH | os.O_DIRECTORY)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"/proc/self/fd/{folder}/snapd.socket")
        listener.listen()
        yield listener
    os.close(folder)


def test_while_snapd_runs_beside_is_fine_and_in_place_is_not(
    world: World, target_dir: Path, snapd: socket.socket
) -> None:
    assert world.do(Restore(1, target_dir=str(target_dir))).exit_code == 0
    assert tree_of(target_dir) == SET
    with pytest.raises(ConflictError, match="snapd is running"):
        world.do(Restore(1))


class Died(BaseException):
    """The process is gone."""


def test_dead_restore_into_a_directory_is_recovered_while_snapd_runs(
    world: World, target_dir: Path, snapd: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die() -> None:
        raise Died

    before, engine, operation = surroundings(target_dir), world.engine, Restore(1, target_dir=str(target_dir))
    monkeypatch.setattr(RestoreState, "revert", lambda _state: None)
    with pytest.raises(Died), engine.journal.job(operation, engine.root) as record:
        engine.restore(operation, Meddling(die, record.record_step, str(record.id)))
    monkeypatch.undo()
    assert surroundings(target_dir) != before
    assert engine.tidy(Progress()) == ["job 1 (restore) had been interrupted; nothing of it is left"]
    assert surroundings(target_dir) == before
    assert engine.tidy(Progress()) == []


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


class Meddling(Progress):
    """A job during which somebody else does something, as soon as the work is staged."""

    def __init__(self, act: Any, keep: Any = lambda _step: None, name: str = "0") -> None:
        super().__init__(record_step=self._note, name=name)
        self._act = act
        self._keep = keep
        self._is_staging = False

    def _note(self, step: Any) -> None:
        self._is_staging |= isinstance(step, SlotsMade)
        self._keep(step)

    def part(self, name: str, total: int | None = None) -> Any:
        if name == "other, system" and self._is_staging:
            self._act, act = (lambda: None), self._act
            act()
        return super().part(name, total)


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
        with pytest.raises(SnapshotError, match="the record is damaged"):
            RestoreState.from_json(hostile.to_json())
    slot.remove()
    assert os.listdir(tmp_path) == []
