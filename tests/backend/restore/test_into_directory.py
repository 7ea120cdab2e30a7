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
    ConflictError,
)
from backend.operations import Restore
from backend.progress import Progress
from backend.restore.plan import Verdict
from backend.restore.swap import RestoreState
from tests.support.beside import (
    ALICE,
    GHOST,
    OLD,
    SET,
    Meddling,
    make_target_dir,
    make_world,
    plans,
    surroundings,
)
from tests.support.builders import (
    Tree,
    World,
    plant,
    snapshot_of,
    tgz,
    tree_of,
    uid_of,
    write_snapshot,
)

world = pytest.fixture(make_world)
target_dir = pytest.fixture(params=["missing", "empty"])(make_target_dir)


def everything(world: World) -> dict[str, Any]:
    return {top: tree_of(world.root / top, holder=True) for top in ("var/snap", "home", "root")}


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
    monkeypatch.setattr(RestoreState, "revert", lambda _state, _note: ())
    with pytest.raises(Died), engine.journal.job(operation, engine.root) as record:
        engine.restore(operation, Meddling(die, record.record_step, str(record.id)))
    monkeypatch.undo()
    assert surroundings(target_dir) != before
    assert engine.tidy(Progress()) == ["job 1 (restore) had been interrupted; nothing of it is left"]
    assert surroundings(target_dir) == before
    assert engine.tidy(Progress()) == []
