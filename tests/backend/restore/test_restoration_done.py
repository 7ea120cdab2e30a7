"""A restore does all of what it said."""

import os
import stat
import tarfile

import pytest

from backend.errors import (
    InvalidInputError,
    SnapshotError,
)
from backend.operations import Restore
from backend.restore.plan import Verdict
from tests.support.builders import (
    FIFO,
    World,
    tgz,
    tree_of,
    uid_of,
)
from tests.support.restoring import NEW, OLD, make_world, plan, refused

world = pytest.fixture(make_world)


def test_users_and_the_system_are_restored_as_a_unit(world: World) -> None:
    users = {"alice": {"x1": {"c": "a"}}, "bob": {"common": {"c": "b"}}}
    world.add(1, "hello", OLD, users=users)
    assert world.do(Restore(1)).exit_code == 0
    assert tree_of(world.data("hello")) == OLD
    assert tree_of(world.data("hello", "alice")) == users["alice"]
    assert tree_of(world.data("hello", "bob")) == users["bob"]


def test_only_some_users_and_always_the_system(world: World) -> None:
    world.add(1, "hello", OLD, users={"alice": {"common": {}}, "bob": {"common": {}}})
    world.do(Restore(1, users=("bob",)))
    assert tree_of(world.data("hello")) == OLD
    assert not world.data("hello", "alice").exists()
    assert tree_of(world.data("hello", "bob")) == {"common": {}}


def test_directories_that_the_snapshot_lacks_stay(world: World) -> None:
    world.add(1, "hello", {"common": {"b": "old"}})
    world.do(Restore(1))
    assert tree_of(world.data("hello")) == {"x1": NEW["x1"], "common": {"b": "old"}}


def test_onto_another_revision(world: World) -> None:
    world.add(1, "hello", {"5": {"a": "five"}, "common": {"b": "old"}}, rev="5")
    world.do(Restore(1))
    assert tree_of(world.data("hello")) == {"x1": {"a": "five"}, "common": {"b": "old"}}


def test_onto_a_revision_that_is_not_the_installed_one(world: World) -> None:
    world.add(1, "hello", OLD, users={"alice": {"x1": {"c": "1"}}})
    looked = plan(world, revision="x7")
    assert looked.verdict is not Verdict.BLOCKED
    assert looked.entries[0].made == (f"{world.data('hello')}/x7",)
    assert looked.entries[0].replaced == (f"{world.data('hello')}/common",)
    assert looked.notes[0] == (
        "revision x1 is installed: the snap will not see the data of revision x7 until that revision runs; "
        "common is replaced either way"
    )
    world.do(Restore(1, revision="x7"))
    assert tree_of(world.data("hello")) == {"x1": NEW["x1"], "x7": OLD["x1"], "common": OLD["common"]}
    assert tree_of(world.data("hello", "alice")) == {"x7": {"c": "1"}}


def test_onto_the_installed_revision_by_name(world: World) -> None:
    world.add(1, "hello", OLD)
    assert plan(world, revision="x1").notes == ()
    world.do(Restore(1, revision="x1"))
    assert tree_of(world.data("hello")) == OLD


@pytest.mark.parametrize("revision", ["unset", "x0", "0", "../x1", "-1", "x", "x1/..", "9" * 20])
def test_revisions_that_are_none(world: World, revision: str) -> None:
    world.add(1, "hello", OLD)
    with pytest.raises(InvalidInputError, match="revision"):
        plan(world, revision=revision)
    refused(world, InvalidInputError, "revision", revision=revision)


def test_a_revision_of_several_snaps(world: World) -> None:
    world.add(1, "hello", OLD)
    world.add(1, "other", OLD)
    refused(world, InvalidInputError, "cannot restore 2 snaps onto revision x7", revision="x7")
    assert world.do(Restore(1, ("other",), revision="x7")).exit_code == 0


def test_common_alone_onto_another_revision(world: World) -> None:
    world.add(1, "hello", {"common": {"b": "old"}}, rev="5")
    assert world.do(Restore(1)).exit_code == 0
    assert tree_of(world.data("hello")) == {"x1": NEW["x1"], "common": {"b": "old"}}


def test_a_snap_that_is_not_installed_gets_its_own_revision(world: World) -> None:
    world.add(1, "gone", {"7": {"a": "1"}}, rev="7")
    world.do(Restore(1))
    assert tree_of(world.data("gone")) == {"7": {"a": "1"}}


@pytest.mark.root
def test_made_directories_belong_to_the_user(world: World) -> None:
    world.add(1, "hello", {"common": {}}, users={"alice": {"common": {"c": "1"}}})
    world.do(Restore(1))
    home = world.home("alice")
    for place in ("snap", "snap/hello", "snap/hello/common", "snap/hello/common/c"):
        status = (home / place).stat()
        assert (status.st_uid, status.st_gid) == (uid_of("alice"), uid_of("alice")), place
    assert stat.S_IMODE((home / "snap").stat().st_mode) == 0o755


@pytest.mark.root
def test_archives_of_users_cannot_make_files_of_others(world: World) -> None:
    hostile = tgz({"common": {"c": "1"}}, owner=0)
    world.add(1, "hello", {"common": {}}, users={"alice": hostile})
    world.do(Restore(1))
    assert (world.data("hello", "alice") / "common/c").stat().st_uid == uid_of("alice")


def node(name: str, kind: bytes, major: int, minor: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.devmajor, member.devminor = kind, major, minor
    return member


def test_device_nodes_are_left_out_and_named(world: World) -> None:
    nodes = [node("common/null", tarfile.CHRTYPE, 1, 3), node("common/sda", tarfile.BLKTYPE, 8, 0)]
    world.add(1, "hello", tgz({"common": {"b": "1", "pipe": FIFO}}, extra=nodes))
    result = world.do(Restore(1))
    assert result.left_out == tuple(
        f"{world.data('hello')}/common/{name} was not restored: it is a device node"
        for name in ("null", "sda")
    )
    assert result.exit_code == 3
    assert tree_of(world.data("hello") / "common") == {"b": "1", "pipe": FIFO}


@pytest.mark.root
def test_device_nodes_on_request_and_whiteouts_always(world: World) -> None:
    nodes = [node("common/null", tarfile.CHRTYPE, 1, 3), node("common/white", tarfile.CHRTYPE, 0, 0)]
    world.add(1, "hello", tgz({"common": {}}, extra=nodes))
    try:
        assert world.do(Restore(1)).left_out[0].endswith("common/null was not restored: it is a device node")
    except SnapshotError as refusal:
        pytest.skip(f"no right to make device nodes: {refusal}")
    assert list(tree_of(world.data("hello") / "common")) == ["white"]
    assert world.do(Restore(1, devices=True)).exit_code == 0
    assert os.stat(world.data("hello") / "common/null").st_rdev == os.makedev(1, 3)
