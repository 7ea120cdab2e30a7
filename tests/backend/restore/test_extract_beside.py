"""Marked files and folders come out beside, or to other owners."""

import os
import stat
from pathlib import Path

import pytest

from backend.errors import (
    BlockedError,
    InvalidInputError,
    NotFoundError,
    SnapshotError,
)
from backend.operations import Extract, Undo
from backend.progress import Progress
from backend.transfer.exporter import SnapshotExport, export_to_file
from tests.support.builders import AS_ROOT, Link, World, plant, tree_of, uid_of
from tests.support.extracting import ALICE_BEFORE, NEW, everything, live, make_world, merged, plan, refused

world = pytest.fixture(make_world)


def test_beside(world: World, tmp_path: Path) -> None:
    target_dir = tmp_path / "out"
    before = everything(world)
    result = world.do(
        Extract(1, ("hello:common/e", "hello:alice/common/j/k", "hello:rev/a"), target_dir=str(target_dir))
    )
    assert tree_of(target_dir) == {
        "hello": {
            "common": {"e": {"f": "old"}},
            "x1": {"a": "old"},
            "users": {"alice": {"common": {"j": {"k": "hers"}}}},
        }
    }
    assert everything(world) == before
    assert (result.beside, result.undo_job) == (str(target_dir), 0)


def test_beside_by_name_alone(world: World, tmp_path: Path) -> None:
    target_dir = plant(tmp_path / "out", {"other": "1"})
    world.do(Extract(1, ("hello:common/e", "hello:rev/etc/b"), target_dir=str(target_dir), strip=True))
    assert tree_of(target_dir) == {"other": "1", "e": {"f": "old"}, "b": "old"}


def test_by_name_alone_two_of_a_name_are_refused(world: World, tmp_path: Path) -> None:
    target_dir = str(tmp_path / "out")
    refused(
        world,
        BlockedError,
        "lands there",
        "hello:common",
        "hello:alice/common",
        target_dir=target_dir,
        strip=True,
    )
    world.add(2, "hello", {"x1": {"n": "1"}, "common": {"n": "2"}})
    extract_plan = world.engine.plan_extract(
        Extract(2, ("hello:rev/n", "hello:common/n"), target_dir=target_dir, strip=True), Progress()
    )
    assert "has the same name" in extract_plan.reasons[0]


def test_by_name_alone_needs_a_directory(world: World) -> None:
    refused(world, InvalidInputError, "name a directory", "hello:common", strip=True)


def test_beside_over_what_is_there(world: World, tmp_path: Path) -> None:
    """What is replaced there is kept for an undo as well."""
    target_dir = plant(tmp_path / "out", {"hello": {"common": {"d": "mine", "n": "mine"}}})
    result = world.do(Extract(1, ("hello:common/d", "hello:common/to"), target_dir=str(target_dir)))
    assert result.undo_job
    names = [name for name in os.listdir(target_dir / "hello") if name != "common"]
    assert [name.startswith(".snapstow-") for name in names] == [True]
    assert tree_of(target_dir / "hello/common") == {"d": "old", "n": "mine", "to": Link("d")}
    world.do(Undo())
    assert tree_of(target_dir / "hello/common") == {"d": "mine", "n": "mine"}


@pytest.mark.parametrize("place", ["var/snap/hello/common/out", "home/alice/snap/out"])
def test_not_where_snaps_keep_their_data(world: World, place: str) -> None:
    target_dir = world.root / place
    target_dir.parent.mkdir(parents=True, exist_ok=True)
    refused(
        world,
        BlockedError,
        "cannot extract into .* holds data of snaps",
        "hello:common",
        target_dir=str(target_dir),
    )


def test_not_through_a_link(world: World, tmp_path: Path) -> None:
    outside = plant(tmp_path / "outside", {})
    (tmp_path / "out").symlink_to(outside)
    refused(world, BlockedError, "symbolic link", "hello:common/d", target_dir=str(tmp_path / "out"))
    target_dir = plant(tmp_path / "second", {"hello": Link(str(outside))})
    with pytest.raises(SnapshotError):
        world.do(Extract(1, ("hello:common/d",), target_dir=str(target_dir)))
    assert tree_of(outside) == {}


def test_a_loose_file(world: World, tmp_path: Path) -> None:
    (path,) = world.snapshots.glob("1_*")
    moved = path.rename(tmp_path / "any name.bin")
    world.do(Extract(file=str(moved), items=("hello:common/d",), target_dir=str(tmp_path / "out")))
    assert tree_of(tmp_path / "out") == {"hello": {"common": {"d": "old"}}}
    world.do(Extract(file=str(moved), items=("hello:common/d",)))
    assert live(world) == merged(NEW, ("common/d", "old"))


def test_an_export(world: World, tmp_path: Path) -> None:
    world.add(1, "other", {"common": {"o": "other's"}})
    with SnapshotExport(world.engine.store, 1) as export:
        export_to_file(export, str(tmp_path / "one.snapshot"), Progress())
    file = str(tmp_path / "one.snapshot")
    items = ("other:common/o", "hello:alice/common/j", "hello:common/d")
    world.do(Extract(file=file, items=items, target_dir=str(tmp_path / "out")))
    assert tree_of(tmp_path / "out") == {
        "hello": {"common": {"d": "old"}, "users": {"alice": {"common": {"j": {"k": "hers"}}}}},
        "other": {"common": {"o": "other's"}},
    }
    with pytest.raises(NotFoundError, match="no snapshot of snap"):
        world.do(Extract(file=file, items=("ghost:common",), target_dir=str(tmp_path / "out")))


def test_no_file_of_snapshots(world: World, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("text")
    for file in ("text", "nothing"):
        with pytest.raises(SnapshotError):
            world.do(Extract(file=str(tmp_path / file), items=("hello:common",)))


# -- owners


def test_for_another_user(world: World) -> None:
    world.do(Extract(1, ("hello:alice/common/i",), owners=("alice=bob",)))
    assert tree_of(world.data("hello", "bob")) == {"common": {"i": "hers"}}
    assert live(world, "alice") == ALICE_BEFORE


@pytest.mark.parametrize(
    ("owners", "kind", "message"),
    [
        (("alice=ghost",), BlockedError, 'for user "ghost": user: unknown user ghost'),
        (("alice",), InvalidInputError, "write alice=bob"),
        (("alice=../bob",), InvalidInputError, "write alice=bob"),
    ],
)
def test_no_such_owner(
    world: World, owners: tuple[str, ...], kind: type[SnapshotError], message: str
) -> None:
    refused(world, kind, message, "hello:alice/common/i", owners=owners)


@pytest.mark.root
def test_owners_as_root(world: World, tmp_path: Path) -> None:
    world.do(Extract(1, ("hello:alice/common/j", "hello:common/d"), owners=("alice=bob",)))
    file = world.data("hello", "bob") / "common/j/k"
    for path in (file, *file.parents[:4]):
        assert (path.stat().st_uid, path.stat().st_gid) == (uid_of("bob"), uid_of("bob")), path
    assert (world.data("hello") / "common/d").stat().st_uid == 0
    world.do(Extract(1, ("hello:alice/common/j",), target_dir=str(tmp_path / "out")))
    there = tmp_path / "out/hello/users/alice"
    assert (there.stat().st_uid, stat.S_IMODE(there.stat().st_mode)) == (uid_of("alice"), 0o700)
    assert (there / "common/j/k").stat().st_uid == uid_of("alice")


@pytest.mark.skipif(AS_ROOT, reason="root may write everywhere")
def test_without_the_right_to_write(world: World) -> None:
    folder = world.data("hello") / "common"
    folder.chmod(0o555)
    try:
        assert "no right to write" in plan(world, "hello:common/d").reasons[0]
    finally:
        folder.chmod(0o755)
