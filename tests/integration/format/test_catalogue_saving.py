"""The rows of snapd's own test catalogue on saving and on switching users."""

import pytest

from backend.archive.reader import Reader
from backend.archive.tar.program import Tar
from backend.errors import (
    Cancelled,
    NotAllowedError,
)
from backend.format import excludes
from backend.host.layout import Layout
from backend.model import Epoch, Revision, User
from backend.operations import Save
from backend.progress import Progress
from backend.restore.restorer import restore_snapshot
from tests.support.builders import Tree, World, plant, tree_of
from tests.support.catalogue import make_world

world = pytest.fixture(make_world)


def test_add_dir_to_zip_bails(world: World) -> None:
    """A snap without data gets one empty archive, so that its set stays usable."""
    world.install("hello")
    plant(world.data("hello"), {"common": "a file where a directory should be"})
    result = world.do(Save())
    (snapshot,) = world.engine.store.iter_snapshots()
    assert (snapshot.entries, snapshot.broken) == (["archive.tgz"], "")
    assert result.left_out == (f"{world.data('hello')}/common was not saved: it is not a directory",)


def test_add_dir_to_zip_tar_fails(world: World) -> None:
    world.install("hello", data={"a": "1"})
    with pytest.raises(Cancelled, match=r"context canceled$"):
        world.do(Save(), Progress.stop)
    assert [name for name in world.names() if name.endswith((".zip", "~"))] == []


def test_add_dir_to_zip(world: World) -> None:
    world.install("hello", common={"a": "1"})
    world.do(Save())
    (snapshot,) = world.engine.store.iter_snapshots()
    assert snapshot.sums is not None
    assert [(entry, len(digest)) for entry, digest in snapshot.sums.items()] == [("archive.tgz", 96)]
    assert snapshot.size > 0


def test_add_dir_to_zip_exclusions() -> None:
    mixed = ["$SNAP_DATA/exclude", "$SNAP_USER_DATA/exc", "$SNAP_COMMON/a*", "$SNAP_USER_COMMON/b"]
    assert excludes.expand(mixed, Revision(-1), True) == ["x1/exclude", "common/a*"]
    assert excludes.expand(mixed, Revision(-1), False) == ["x1/exc", "common/b"]


def roundtrip(world: World, data: Tree | None, common: Tree | None) -> None:
    """Save, list, open, check, and restore three times into a fresh root."""
    conf = {"some-setting": False, "big": 12345678901234567890}
    shipped = ["$SNAP_DATA/static", "$SNAP_COMMON/static"]
    world.install("hello", "42", version="v1.33", exclude=shipped, data=data, common=common)
    world.remember("hello", "42", snap_id="h" * 32, conf=conf)
    world.do(Save(exclude=("$SNAP_DATA/dynamic", "$SNAP_COMMON/dynamic")))
    (snapshot,) = world.engine.store.iter_snapshots()
    assert snapshot[:2] + snapshot[2:8] == (
        1,
        snapshot.time,
        "hello",
        Revision(42),
        "h" * 32,
        Epoch(),
        "",
        "v1.33",
    )
    assert snapshot.exclude == ("$SNAP_DATA/dynamic", "$SNAP_COMMON/dynamic")
    kept = {
        name: {key: value for key, value in tree.items() if key not in ("static", "dynamic")}
        for name, tree in (("42", data), ("common", common))
        if tree is not None
    }
    fresh = World(world.root.parent / "fresh")
    with Reader.open(snapshot.path) as reader:
        assert reader.snapshot == snapshot
        assert [verdict.fault for verdict in reader.check()] == [""]
        for _ in range(3):
            restore_snapshot(reader, Layout(str(fresh.root)), Revision()).clean_up()
            assert tree_of(fresh.data("hello")) == kept


FULL: Tree = {"canary.txt": "x", "static": "s", "dynamic": {"d": "d"}, "sub": {"deep": ""}}


def test_happy_roundtrip(world: World) -> None:
    roundtrip(world, FULL, FULL)


def test_happy_roundtrip_no_common(world: World) -> None:
    roundtrip(world, FULL, None)


def test_happy_roundtrip_no_rev(world: World) -> None:
    roundtrip(world, None, FULL)


def test_open_set_id_override(world: World) -> None:
    with Reader.open(str(world.add(12, "hello")), 99) as reader:
        assert reader.snapshot.set_id == 99


def test_restore_roundtrip_different_revision(world: World) -> None:
    path = world.add(1, "hello", {"42": {"a": "1"}, "common": {"b": "2"}}, rev="42")
    with Reader.open(str(path)) as reader:
        restore_snapshot(reader, Layout(str(world.root)), Revision(17)).clean_up()
    assert tree_of(world.data("hello")) == {"17": {"a": "1"}, "common": {"b": "2"}}


# -- switching users

ALICE = User("alice", 12001, 12001, "/home/alice")
ROOT = User("root", 0, 0, "/root")


def finder(*present: str) -> tuple[list[str], list[str | None]]:
    asked: list[str] = []

    def find(name: str) -> str | None:
        asked.append(name)
        return f"/bin/{name}" if name in present else None

    command = Tar(ALICE, effective_uid=0, find=find).command("--bar")
    return asked, list(command)


def test_pick_user_wrapper_runuser() -> None:
    asked, command = finder("runuser", "sudo", "setpriv")
    assert (asked, command[0]) == (["runuser"], "/bin/runuser")


def test_pick_user_wrapper_sudo() -> None:
    asked, command = finder("sudo", "setpriv")
    assert (asked, command[0]) == (["runuser", "sudo"], "/bin/sudo")


def test_pick_user_wrapper_nothing() -> None:
    """Without a wrapper tar is not run as root instead, as snapd does: it is refused."""
    with pytest.raises(NotAllowedError, match="cannot act as user alice"):
        finder()


def plain(user: User | None, uid: int) -> bool:
    return Tar(user, effective_uid=uid, find=lambda _name: "/bin/x").command("--bar") == ["tar", "--bar"]


def test_maybe_runuser_happy_runuser() -> None:
    assert finder("runuser")[1] == ["/bin/runuser", "-u", "alice", "--", "tar", "--bar"]
    assert plain(ROOT, 0)
    assert plain(None, 0)
    assert plain(ALICE, 42)


def test_maybe_runuser_happy_sudo() -> None:
    assert finder("sudo")[1] == ["/bin/sudo", "-u", "alice", "--", "tar", "--bar"]


def test_maybe_runuser_no_happy() -> None:
    """Refused for another user as root; root's own data and an ordinary user need no wrapper."""
    with pytest.raises(NotAllowedError, match="none of runuser, sudo and setpriv was found"):
        Tar(ALICE, effective_uid=0, find=lambda _name: None)
    assert Tar(ROOT, effective_uid=0, find=lambda _name: None).command() == ["tar"]
    assert Tar(ALICE, effective_uid=42, find=lambda _name: None).command() == ["tar"]
