"""Plans and restores where something is mounted, immutable or read-only: blocked before, or told after."""

from pathlib import Path

import pytest

from backend.errors import BlockedError
from backend.fs.files import random_name
from backend.fs.statx import APPEND_ONLY, IMMUTABLE
from backend.host.layout import Layout
from backend.operations import Extract, Restore, Undo
from backend.progress import Progress
from backend.restore.plan import Verdict
from tests.support.builders import Tree, World, plant, tree_of, uid_of
from tests.support.clocks import FakeClock
from tests.support.mounting import Mounter, immutable, mounter
from tests.support.restoring import NEW, OLD, everything, make_world, plan, refused

__all__ = ["mounter"]

pytestmark = pytest.mark.root
DISK: Tree = {"film": "irreplaceable"}
ALICE: Tree = {"common": {"c": "1"}}


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = make_world(tmp_path)
    plant(world.data("hello", "alice"), ALICE, uid_of("alice"))
    world.add(1, "hello", OLD, users={"alice": ALICE})
    return world


def places(world: World) -> dict[str, Path]:
    system, users = world.data("hello"), world.data("hello", "alice")
    return {
        "common itself": system / "common",
        "the revision itself": system / "x1",
        "below common": system / "common" / "media",
        "far below": system / "x1" / "a dir" / "b\\c",
        "a user's": users / "common" / "media",
    }


@pytest.mark.parametrize(
    "place", ["common itself", "the revision itself", "below common", "far below", "a user's"]
)
@pytest.mark.parametrize("kind", ["bind", "tmpfs"])
def test_a_mount_blocks_and_nothing_on_it_is_touched(
    world: World, tmp_path: Path, mounter: Mounter, place: str, kind: str
) -> None:
    disk, target = plant(tmp_path / "disk", DISK), places(world)[place]
    if kind == "bind":
        mounter.bind(disk, target)
    else:
        plant(mounter.tmpfs(target), DISK)
    planned = plan(world)
    (reason,) = planned.reasons
    assert planned.verdict is Verdict.BLOCKED
    assert str(target) in reason
    assert "unmount" in reason
    assert "--to, or extract" in reason
    refused(world, BlockedError, "cannot replace", undo_window=0)
    assert tree_of(target) == tree_of(disk) == DISK
    mounter.unmount(target)
    assert plan(world).verdict is not Verdict.BLOCKED


def test_a_mounted_file_blocks(world: World, tmp_path: Path, mounter: Mounter) -> None:
    target = mounter.bind(plant(tmp_path, {"f": "x"}) / "f", world.data("hello") / "common" / "b")
    refused(world, BlockedError, f"mounted below it: {target}")


def test_a_restore_into_a_directory_is_not_blocked_by_mounts(
    world: World, tmp_path: Path, mounter: Mounter
) -> None:
    mounter.bind(plant(tmp_path / "disk", DISK), world.data("hello") / "common" / "media")
    assert world.do(Restore(1, target_dir=str(tmp_path / "out"))).exit_code == 0


def test_mount_made_since_the_plan_stops_the_restore(world: World, tmp_path: Path, mounter: Mounter) -> None:
    disk = plant(tmp_path / "disk", DISK)
    target = world.data("hello") / "common" / "media"
    before = everything(world)

    def step(recorded: object) -> None:
        if type(recorded).__name__ == "SlotsMade":
            mounter.bind(disk, target)

    with pytest.raises(BlockedError, match=f"mounted there: {target}; unmount that first"):
        world.engine.restore(Restore(1), Progress(record_step=step, name="1"))
    mounter.unmount(target)
    target.rmdir()
    assert everything(world) == before


def test_undo_is_blocked_by_a_mount_made_since(world: World, tmp_path: Path, mounter: Mounter) -> None:
    world.do(Restore(1))
    target = mounter.bind(plant(tmp_path / "disk", DISK), world.data("hello") / "common" / "media")
    with pytest.raises(BlockedError, match=f"mounted there: {target}"):
        world.do(Undo())
    mounter.unmount(target)
    target.rmdir()
    world.do(Undo())
    assert tree_of(world.data("hello")) == NEW


@pytest.mark.parametrize("name", [".", "common", "x1"])
@pytest.mark.parametrize(
    ("flag", "text"), [(IMMUTABLE, r"immutable \(chattr -i\)"), (APPEND_ONLY, r"append-only \(chattr -a\)")]
)
def test_immutable_and_append_only_directories_block(world: World, name: str, flag: int, text: str) -> None:
    with immutable(world.data("hello") / name, flag):
        refused(world, BlockedError, f"is {text}")
    assert plan(world).verdict is not Verdict.BLOCKED


def test_a_read_only_file_system_blocks(tmp_path: Path, mounter: Mounter) -> None:
    top = mounter.tmpfs(tmp_path / "disk")
    world = make_world(top)
    world.add(1, "hello", OLD)
    mounter.remount(top, "ro")
    planned = plan(world)
    assert planned.reasons == [
        f"cannot restore into {world.data('hello')}: {world.data('hello')} lies on a read-only file system"
    ]


# -- extractions


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_extraction_into_a_mount_is_refused(
    world: World, tmp_path: Path, mounter: Mounter, kind: str
) -> None:
    common = world.data("hello") / "common"
    if kind == "folder":
        mounter.bind(plant(tmp_path / "disk", {"b": "mounted"}), common)
    else:
        mounter.bind(plant(tmp_path, {"b": "mounted"}) / "b", common / "b")
    extract = Extract(1, ("hello:system/common/b",))
    assert "mount" in world.engine.plan_extract(extract, Progress()).reasons[0]
    with pytest.raises(BlockedError):
        world.do(extract)
    assert (common / "b").read_text() == "mounted"


@pytest.mark.parametrize("name", ["common", "common/b"])
def test_extraction_over_what_is_immutable_is_refused(world: World, name: str) -> None:
    with immutable(world.data("hello") / name):
        extract = Extract(1, ("hello:system/common/b",))
        (reason,) = world.engine.plan_extract(extract, Progress()).reasons
        assert reason.endswith("is immutable (chattr -i)")
        with pytest.raises(BlockedError):
            world.do(extract)


# -- what stays behind


def test_immutable_files_below_are_warned_of_and_told_as_left_over(world: World) -> None:
    stuck = world.data("hello") / "common" / "b"
    with immutable(stuck):
        assert any("common/b (chattr -i)" in note for note in plan(world).notes)
        result = world.do(Restore(1, undo_window=0))
        (text,) = result.left_out
        assert text.startswith("left over: ")
        assert text.endswith("/common/b cannot be removed: immutable (chattr -i)")
        assert result.exit_code == 3
        assert tree_of(world.data("hello")) == OLD
        (finding,) = [finding for finding in world.engine.findings() if finding.kind == "leftover"]
        assert finding.path in text
        assert finding.repair
        assert world.engine.undo_offers() == []
        assert any(
            "cannot be removed: immutable" in finding.text for finding in world.engine.repair(Progress())
        )
    assert [finding.text for finding in world.engine.repair(Progress())] == ["removed"]
    assert tree_of(world.data("hello"), holder=True) == OLD
    assert world.engine.findings() == []
    assert world.engine.journal.record(1).result.leftovers == ()


def test_the_expiry_over_an_immutable_file_is_told_once_and_kept_known(world: World) -> None:
    stuck = world.data("hello") / "common" / "b"
    with immutable(stuck):
        clock = world.clock = FakeClock()
        world.do(Restore(1, undo_window=3600))
        engine = world.engine
        clock.run(3601)
        (sentence,) = engine.tidy(Progress())
        assert "expired" in sentence
        assert "left over: " in sentence
        assert engine.tidy(Progress()) == []
        assert engine.undo_offers() == []
        assert [finding.kind for finding in engine.findings()] == ["leftover"]
        record = engine.journal.record(1)
        assert record.result.expired
        assert record.result.leftovers
    assert [finding.text for finding in world.engine.repair(Progress())] == ["removed"]
    assert world.engine.findings() == []


def test_disk_mounted_in_a_slot_survives_the_expiry(world: World, tmp_path: Path, mounter: Mounter) -> None:
    """A version before carried mounts into slots; or somebody mounts something there."""
    disk = plant(tmp_path / "disk", DISK)
    clock = world.clock = FakeClock()
    world.do(Restore(1, undo_window=3600))
    (slot,) = (world.data("hello") / ".snapstow").iterdir()
    mounter.bind(disk, slot / "common" / "media")
    engine = world.engine
    clock.run(3601)
    (sentence,) = engine.tidy(Progress())
    assert "media cannot be removed: a mount point (umount)" in sentence
    assert tree_of(disk) == DISK
    assert tree_of(slot) == {"common": {"media": DISK}}


def test_a_slot_that_no_job_knows_is_found_and_never_removed(world: World) -> None:
    slot = plant(world.data("hello") / ".snapstow" / f"9-{random_name()}", {"common": {"x": "1"}})
    (finding,) = world.engine.findings()
    assert (finding.kind, finding.path, finding.repair) == ("leftover", str(slot), "")
    assert world.engine.repair(Progress()) == []
    assert slot.exists()
    (reason,) = plan(world).reasons
    assert "not a private directory of ours" in reason
    slot.parent.chmod(0o700)
    world.do(Restore(1))
    assert sum(finding.kind == "leftover" for finding in world.engine.findings()) == 1


def test_a_slot_of_a_snap_that_is_gone_is_found(world: World) -> None:
    plant(world.data("gone") / ".snapstow" / "9-abc", {})
    assert [finding.path for finding in world.engine.findings()] == [f"{world.data('gone')}/.snapstow/9-abc"]
    assert f"{world.data('gone')}" in [*Layout(str(world.root)).data_parents()]
