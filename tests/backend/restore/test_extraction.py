"""Marked files and folders come back in place, all of them or none."""

import io
import stat
import tarfile

import pytest

from backend.errors import (
    ConflictError,
)
from backend.fs import files
from backend.operations import Extract, Restore, Undo
from tests.support.builders import FIFO, Link, World, plant, tgz, tree_of
from tests.support.extracting import (
    ALICE,
    ALICE_BEFORE,
    NEW,
    OLD,
    everything,
    live,
    make_world,
    merged,
)

world = pytest.fixture(make_world)


def test_one_file(world: World) -> None:
    result = world.do(Extract(1, ("hello:common/d",)))
    assert live(world) == merged(NEW, ("common/d", "old"))
    assert (result.set_id, result.snaps, result.extracted, result.exit_code) == (1, ("hello",), 1, 0)


def test_a_folder_is_merged_into_the_one_in_place(world: World) -> None:
    world.do(Extract(1, ("hello:common/e", "hello:rev/etc")))
    assert live(world) == merged(NEW, ("common/e/f", "old"), ("x1/etc/b", "old"), ("x1/etc/deep/c", "old"))


def test_folders_above_are_made_as_the_snapshot_has_them(world: World) -> None:
    tree = tgz({"x1": {"etc": {"deep": {"c": "old"}}}})
    raw = bytearray(tree)
    world.add(2, "hello", bytes(raw))
    world.do(Extract(2, ("hello:x1/etc/deep/c",)))
    assert live(world) == merged(NEW, ("x1/etc/deep/c", "old"))
    assert stat.S_IMODE((world.data("hello") / "x1/etc").stat().st_mode) == 0o755


@pytest.mark.parametrize("item", ["hello", "hello:rev/p", "hello:rev/p/q/f"])
@pytest.mark.parametrize("depth", [1, 600])
def test_folders_that_the_archive_does_not_tell_of(world: World, item: str, depth: int) -> None:
    deep = "/".join("a" * depth)
    holding = io.BytesIO()
    with tarfile.open(fileobj=holding, mode="w:gz") as archive:
        member = tarfile.TarInfo(f"x1/p/q/f/{deep}")
        member.size = 3
        archive.addfile(member, io.BytesIO(b"old"))
    world.add(2, "hello", holding.getvalue())
    world.do(Extract(2, (item,)))
    above = f"x1/p/q/f/{deep[:-2]}"
    with files.opened(str(world.data("hello"))) as top, files.opened_below(top, above) as fd:
        assert files.read_whole("a", 9, fd) == b"old"
    assert (world.data("hello") / "x1/a").read_text() == "new"


def test_a_file_comes_out_of_a_directory_that_the_snapshot_has_read_only(world: World) -> None:
    top, held = tarfile.TarInfo("common/shut"), tarfile.TarInfo("common/shut/f")
    top.type, top.mode = tarfile.DIRTYPE, 0o555
    world.add(2, "hello", tgz({"common": {}}, extra=(top, held)))
    (world.data("hello") / "common/shut").mkdir()
    world.do(Extract(2, ("hello:common/shut/f",)))
    assert (world.data("hello") / "common/shut/f").read_bytes() == b""
    assert stat.S_IMODE((world.data("hello") / "common/shut").stat().st_mode) == 0o755


def test_the_revision_is_the_installed_one(world: World) -> None:
    world.install("hello", "x2")
    plant(world.data("hello") / "x2", {"a": "x2's"})
    world.do(Extract(1, ("hello:rev/a",)))
    assert live(world) == {**NEW, "x2": {"a": "old"}}


def test_a_snap_without_any_data_gets_its_directories(world: World) -> None:
    world.add(2, "other", OLD, users={"bob": ALICE})
    world.do(Extract(2, ("other:common/e", "other:bob/common/j")))
    assert tree_of(world.data("other")) == {"common": {"e": {"f": "old"}}}
    assert tree_of(world.data("other", "bob")) == {"common": {"j": {"k": "hers"}}}
    world.do(Undo())
    assert not (world.data("other") / "common").exists()


def test_all_of_a_snap(world: World) -> None:
    world.do(Extract(1, ("hello",)))
    assert live(world) == merged(OLD, ("x1/mine", "1"), ("common/e/g", "mine"))
    assert live(world, "alice") == ALICE


def test_extract_can_be_undone_and_redone(world: World) -> None:
    before = everything(world)
    first = world.do(Extract(1, ("hello:common/e", "hello:common/to", "hello:alice/common")))
    after = live(world), live(world, "alice")
    world.do(Undo())
    assert (live(world), live(world, "alice")) == (before["var/snap"]["hello"], ALICE_BEFORE)
    world.do(Undo(first.undo_job + 1))
    assert (live(world), live(world, "alice")) == after


def test_later_files_are_kept_by_the_undo(world: World) -> None:
    world.do(Extract(1, ("hello:common/d",)))
    (world.data("hello") / "common/d").unlink()
    (world.data("hello") / "common/d").write_text("written anew")
    world.do(Undo())
    assert live(world) == NEW
    world.do(Undo(2))
    assert live(world) == merged(NEW, ("common/d", "written anew"))


def test_an_undo_waits_for_a_later_restore_of_the_same_data(world: World) -> None:
    first = world.do(Extract(1, ("hello:common/d",)))
    world.do(Restore(1))
    with pytest.raises(ConflictError, match="undo that first"):
        world.do(Undo(first.undo_job))
    later = world.do(Extract(1, ("hello:common/e/f",)))
    with pytest.raises(ConflictError, match=f"job {later.undo_job} changed the same data"):
        world.do(Undo(2))


def test_without_an_undo_nothing_is_kept(world: World) -> None:
    assert world.do(Extract(1, ("hello:common/d",), undo_window=0)).undo_job == 0
    assert tree_of(world.data("hello"), holder=True) == merged(NEW, ("common/d", "old"))


def test_nothing_to_do_keeps_nothing(world: World) -> None:
    result = world.do(Extract(1, ("hello:common/d",), policy="never"))
    assert (result.extracted, result.kept, result.undo_job) == (0, 1, 0)
    assert tree_of(world.data("hello"), holder=True) == NEW


def test_links_and_pipes(world: World) -> None:
    world.add(2, "hello", {"common": {"l": Link("/etc/passwd"), "p": FIFO}})
    world.do(Extract(2, ("hello:common",)))
    assert live(world) == merged(NEW, ("common/l", Link("/etc/passwd")), ("common/p", FIFO))
