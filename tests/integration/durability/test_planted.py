"""Whatever is planted where data, snapshots and exports go: nothing outside changes, and nothing hangs."""

import os
import shutil
import signal
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backend.errors import SnapshotError
from backend.operations import Check, Export, Forget, Restore, Save, Undo
from backend.progress import Progress
from backend.restore.slots import HOLDER
from tests import golden
from tests.support.builders import (
    AS_ROOT,
    World,
    plant,
    tree_of,
    uid_of,
)
from tests.support.damage import DATA, data, nothing_changes
from tests.support.journals import amend


def plant_link(path: Path, target: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


def plant_folder(path: Path, _target: Path) -> None:
    plant(path, {"mine": "1"}, uid_of("alice"))
    path.chmod(0o755)


def plant_file(path: Path, _target: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine")


PLANTED = ("snap/hello/common", "snap/hello/x1", "snap/hello", "snap", f"snap/hello/{HOLDER}")


@pytest.mark.parametrize("path", PLANTED)
@pytest.mark.parametrize("how", [plant_link, plant_file, plant_folder])
def test_planted_links_are_not_followed(tmp_path: Path, path: str, how: Callable[[Path, Path], None]) -> None:
    """Whatever a user puts where data go: outside nothing changes, and all is restored or nothing."""
    world = World(tmp_path / "root")
    world.install("hello", data={"a": "live"})
    target = plant(tmp_path / "outside", {"common": {"c": "1"}, "x1": {}, "hello": {}, HOLDER: {}})
    saved = {"x1": {"a": "saved"}, "common": {"n": "saved"}}
    world.add(1, "hello", {"x1": {"a": "saved"}}, users={"alice": saved, "bob": saved})
    how(world.home("alice") / path, target)
    before, outside = data(world), golden.tree(target)
    try:
        world.do(Restore(1))
    except SnapshotError:
        assert data(world) == before
    else:
        assert tree_of(world.data("hello"))["x1"] == {"a": "saved"}
        assert tree_of(world.data("hello", "bob")) == saved
        world.do(Undo())
        assert tree_of(world.data("hello")) == {"x1": {"a": "live"}}
    assert golden.tree(target) == outside


@pytest.mark.parametrize("path", ["var/snap/hello", "var/snap/hello/common", f"var/snap/hello/{HOLDER}"])
def test_links_where_the_systems_data_go(tmp_path: Path, path: str) -> None:
    world = World(tmp_path / "root")
    world.install("hello")
    target = plant(tmp_path / "outside", {"common": {"c": "1"}, "x1": {}})
    world.add(1, "hello", DATA)
    plant_link(world.root / path, target)
    outside = golden.tree(target)
    with nothing_changes(world), pytest.raises(SnapshotError):
        world.do(Restore(1))
    assert golden.tree(target) == outside


def test_a_link_that_appears_before_the_undo(tmp_path: Path) -> None:
    """After a restore the user swaps her directories for links: the undo leaves what they lead to alone."""
    world = World(tmp_path / "root")
    world.install("hello", data={"a": "live"}, users={"alice": {"n": "live"}})
    world.add(1, "hello", {"x1": {"a": "saved"}}, users={"alice": {"common": {"n": "saved"}}})
    world.do(Restore(1))
    target = plant(tmp_path / "outside", {"common": {"c": "1"}})
    snap = world.home("alice") / "snap"
    snap.rename(world.home("alice") / "kept")
    plant_link(snap / "hello", target)
    outside = golden.tree(target)
    with pytest.raises(SnapshotError):
        world.do(Undo())
    assert golden.tree(target) == outside
    assert tree_of(world.data("hello")) == {"x1": {"a": "saved"}}
    (record,) = (candidate for candidate in world.engine.journal.records() if candidate.verb == "restore")
    amend(record, {"undo_until": 1.0})
    world.engine.tidy(Progress())
    assert golden.tree(target) == outside
    assert not (world.data("hello") / HOLDER).exists()


def odd_files(folder: Path, outside: Path) -> dict[str, Path]:
    """Things that are no files, under names of snapshots."""
    odd = {
        kind: folder / f"{number}_hello_1.0_x1.zip"
        for number, kind in enumerate(("link", "fifo", "folder", "dangling"), 1)
    }
    odd["link"].symlink_to(outside)
    os.mkfifo(odd["fifo"])
    odd["folder"].mkdir()
    odd["dangling"].symlink_to(folder / "nowhere")
    if AS_ROOT:
        odd["device"] = folder / "9_hello_1.0_x1.zip"
        try:
            os.mknod(odd["device"], stat.S_IFCHR | 0o600, os.makedev(1, 5))
        except PermissionError:
            del odd["device"]
    return odd


def test_odd_entries_of_the_store_are_harmless(tmp_path: Path) -> None:
    world = World(tmp_path / "root")
    world.install("hello")
    secret = world.add(30, "hello", DATA)
    outside = tmp_path / "outside.zip"
    secret.rename(outside)
    before = outside.read_bytes()
    odd = odd_files(world.snapshots, outside)
    with alarm(20):
        listed = {snapshot.path: snapshot for group in world.engine.sets() for snapshot in group.snapshots}
        assert listed.keys() == {str(path) for path in odd.values()}
        assert all(snapshot.broken for snapshot in listed.values())
        for number in sorted(snapshot.set_id for snapshot in listed.values()):
            assert world.do(Check(number)).faults
            for operation in (Restore(number), Export(number, str(tmp_path / "out"))):
                with pytest.raises(SnapshotError):
                    world.do(operation)
        world.engine.findings()
        world.do(Forget(1))
        with pytest.raises(SnapshotError):
            world.do(Forget(3))
    assert outside.read_bytes() == before


@contextmanager
def alarm(seconds: int) -> Iterator[None]:
    """What is done inside must not hang."""

    def late(_number: int, _frame: object) -> None:
        raise TimeoutError("it hangs")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def test_a_hard_link_to_a_file_elsewhere_is_only_read(tmp_path: Path) -> None:
    world = World(tmp_path / "root")
    outside = tmp_path / "secret"
    outside.write_text("root:x:0:0\n")
    world.snapshots.mkdir(parents=True)
    os.link(outside, world.snapshots / "1_hello_1.0_x1.zip")
    (group,) = world.engine.sets()
    assert group.snapshots[0].broken
    assert "root" not in group.snapshots[0].broken
    world.do(Forget(1))
    assert outside.read_text() == "root:x:0:0\n"


@pytest.mark.parametrize("number", [2**62, 2**63 - 1, 2**63, 2**64, 10**40])
def test_absurd_set_ids(tmp_path: Path, number: int) -> None:
    world = World(tmp_path / "root")
    world.install("hello", data={"a": "live"})
    sound = world.add(2, "hello")
    shutil.copy(sound, world.snapshots / f"{number}_hello_1.0_x1.zip")
    (world.snapshots / f"{number}_importing").touch()
    assert 2 in [group.set_id for group in world.engine.sets()]
    assert [world.do(Save()).set_id for _ in range(3)] == [3, 4, 5]


@pytest.mark.parametrize("kind", ["fifo", "folder", "link"])
def test_odd_files_where_an_export_goes_are_harmless(tmp_path: Path, kind: str) -> None:
    world = World(tmp_path / "root")
    world.add(1, "hello")
    part = tmp_path / "out.part"
    victim = tmp_path / "victim"
    victim.write_text("mine")
    if kind == "fifo":
        os.mkfifo(part)
    elif kind == "folder":
        part.mkdir()
    else:
        part.symlink_to(victim)
    with alarm(10), pytest.raises(SnapshotError):
        world.do(Export(1, str(tmp_path / "out")))
    assert victim.read_text() == "mine"
    assert sorted(os.listdir(tmp_path)) == ["out.part", "root", "victim"]
