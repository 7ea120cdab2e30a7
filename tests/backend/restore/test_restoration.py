"""A restore says what it would do, and what blocks it."""

import os
from typing import Any

import pytest

from backend.archive.reader import Reader
from backend.errors import (
    BlockedError,
    ConflictError,
    NoSpaceError,
    SnapshotError,
)
from backend.host.layout import Layout
from backend.model import Epoch, Revision
from backend.operations import Restore, Save
from backend.progress import Progress
from backend.restore.plan import EntryPlan, RestorePlan, Verdict, plan_restore
from backend.restore.restoration import Restoration
from tests.support.builders import (
    Link,
    World,
    plant,
    snapshot_of,
    tgz,
    tree_of,
    uid_of,
    write_snapshot,
)
from tests.support.restoring import OLD, everything, make_world, plan, refused

world = pytest.fixture(make_world)


def test_ready_when_nothing_would_be_lost(world: World) -> None:
    world.do(Save())
    for path in world.data("hello").rglob("*"):
        os.utime(path, (0, 0))
    looked = plan(world)
    (entry,) = looked.entries
    assert (looked.verdict, looked.reasons) == (Verdict.READY, [])
    parent = str(world.data("hello"))
    assert (entry.parent, entry.replaced, entry.made) == (parent, (f"{parent}/x1", f"{parent}/common"), ())
    assert entry.needed > 0


def test_newer_and_excluded_files_are_losses(world: World) -> None:
    world.do(Save(exclude=("$SNAP_DATA/more",)))
    for path in world.data("hello").rglob("*"):
        os.utime(path, (0, 0))
    (world.data("hello") / "common/newer").write_text("12345")
    looked = plan(world)
    lost = looked.entries[0].lost
    assert looked.verdict is Verdict.WITH_LOSS
    assert (lost.newer_files, lost.newer_bytes, lost.excluded_files, lost.excluded_bytes) == (1, 5, 1, 1)
    assert set(lost.examples) == {f"{world.data('hello')}/common/newer", f"{world.data('hello')}/x1/more"}


def test_missing_directories_would_be_made(world: World) -> None:
    world.add(1, "other", OLD, users={"alice": {"common": {}}})
    system, user = plan(world).entries
    parent = str(world.data("other"))
    assert (system.replaced, system.made) == ((), (parent, f"{parent}/x1", f"{parent}/common"))
    assert user.made[0] == str(world.data("other", "alice"))


def test_a_plan_changes_nothing(world: World) -> None:
    world.add(1, "other", OLD)
    before = everything(world)
    plan(world)
    assert everything(world) == before


@pytest.mark.parametrize(
    ("prepare", "text"),
    [
        (
            lambda world: world.write_accounts(["bob"]),
            'Skipping restore of user "alice": user: unknown user alice.',
        ),
        (
            lambda world: world.home("alice").rmdir(),
            'Skipping restore of "{home}/snap/hello/x1" as "{home}" doesn\'t exist.',
        ),
        (
            lambda world: (world.home("alice").rmdir(), world.home("alice").touch()),
            'Skipping restore of "{home}/snap/hello/x1" as "{home}" is not a directory.',
        ),
    ],
)
def test_users_who_cannot_be_served_are_skipped_with_snapds_words(
    world: World, prepare: Any, text: str
) -> None:
    world.add(1, "hello", OLD, users={"alice": {"common": {"c": "1"}}})
    prepare(world)
    expected = text.format(home=world.home("alice"))
    assert [entry.skipped for entry in plan(world).entries] == ["", expected]
    result = world.do(Restore(1))
    assert (result.left_out, result.exit_code) == ((expected,), 3)
    assert tree_of(world.data("hello")) == OLD


def test_unknown_entries_are_skipped(world: World) -> None:
    path = world.snapshots / "1_hello_1.0_x1.zip"
    entries = {"archive.tgz": tgz(OLD), "novel.tgz": tgz({"common": {}})}
    world.snapshots.mkdir(parents=True)
    write_snapshot(path, snapshot_of(1, "hello", entries), entries)
    assert world.do(Restore(1)).left_out == ('Skipping restore of unknown entry "novel.tgz".',)


def test_users_asked_for_who_are_not_in_it(world: World) -> None:
    world.add(1, "hello", OLD, users={"alice": {"common": {}}})
    looked = plan(world, users=("bob",))
    assert [entry.entry for entry in looked.entries] == ["archive.tgz"]
    assert looked.notes == ('user "bob" has no data in this snapshot',)


def test_configuration_is_said_to_stay(world: World) -> None:
    world.add(1, "hello", OLD, conf={"a": 1})
    assert "configuration is not restored by this engine" in plan(world).notes
    world.add(2, "hello", OLD)
    world.remember("hello", conf={"a": 2})
    (other,) = world.engine.plan(Restore(2))
    assert any("snapd would delete the present one" in note for note in other.notes)


# -- what blocks it


def test_another_snap_of_that_name(world: World) -> None:
    world.add(1, "hello", OLD, snap_id="XXXXXXXYYY")
    world.remember("hello", snap_id="buPKUD3Txx")
    message = r"current snap \(ID buPKUD3…\) does not match snapshot \(ID XXXXXXX…\)"
    assert plan(world).verdict is Verdict.BLOCKED
    refused(world, BlockedError, message)


def test_data_that_the_installed_snap_cannot_read(world: World) -> None:
    world.install("storey", epoch="1*")
    world.add(1, "storey", OLD, epoch=Epoch((5, 7), (6, 7)))
    message = (
        r'cannot restore snapshot for "storey": current snap \(epoch 1\*\) cannot read snapshot data '
        r'\(epoch {"read":\[5,7\],"write":\[6,7\]}\)'
    )
    refused(world, BlockedError, message)


def test_a_compatible_epoch_and_an_unknown_id_are_fine(world: World) -> None:
    world.install("storey", epoch={"read": [17, 42], "write": [42]})
    world.remember("storey", snap_id="only-here")
    world.add(1, "storey", OLD, epoch=Epoch((17,), (17,)))
    assert world.do(Restore(1)).exit_code == 0


def test_a_broken_snapshot_blocks_its_set_unless_others_are_named(world: World) -> None:
    world.add(1, "hello", OLD)
    world.add(1, "void", OLD, sums={})
    refused(world, BlockedError, 'snap "void": cannot open snapshot: invalid snapshot')
    assert world.do(Restore(1, ("hello",))).exit_code == 0


@pytest.mark.parametrize("name", ["common", "x1"])
@pytest.mark.parametrize("kind", ["a symbolic link", "not a directory"])
def test_links_and_files_in_place_of_data_are_not_replaced(world: World, name: str, kind: str) -> None:
    world.add(1, "hello", OLD)
    target = world.data("hello") / name
    os.rename(target, world.root / "aside")
    if kind == "a symbolic link":
        target.symlink_to(world.root / "aside")
    else:
        target.write_text("a file")
    refused(world, BlockedError, f"cannot replace {target}: it is {kind}")


def test_a_file_where_the_parent_should_be(world: World) -> None:
    world.add(1, "other", OLD)
    world.data("other").write_text("a file")
    refused(world, BlockedError, f"cannot restore into {world.data('other')}: Not a directory")


def test_a_link_where_the_parent_should_be(world: World) -> None:
    """Below another root it might lead anywhere."""
    world.add(1, "hello", {"common": {}}, users={"alice": {"common": {"c": "1"}}})
    plant(world.home("alice") / "snap", {"hello": Link("/etc")}, uid_of("alice"))
    refused(world, SnapshotError, "symbolic link")


def test_too_little_space_is_known_beforehand(world: World) -> None:
    path = world.add(1, "hello", OLD)
    layout = Layout(str(world.root))
    with Reader.open(str(path)) as reader:
        looked = plan_restore(reader, layout, Revision(-1))
        huge = EntryPlan("archive.tgz", looked.entries[0].parent, needed=1 << 60)
        with pytest.raises(NoSpaceError, match="cannot restore: insufficient space in"):
            Restoration([(reader, RestorePlan(reader.snapshot, (huge,)))], layout).run(Progress())


def test_two_changes_of_one_snap_do_not_meet(world: World) -> None:
    world.add(1, "hello", OLD)
    with world.engine.store.snap_lock("hello", "save"):
        refused(world, ConflictError, 'cannot restore: snap "hello" has another change in progress')
