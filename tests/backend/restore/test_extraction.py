"""Marked files and folders come back in place or beside, all of them or none, and through no link."""

import hashlib
import io
import os
import shutil
import stat
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import (
    BlockedError,
    ConflictError,
    IntegrityError,
    InvalidInputError,
    NotFoundError,
    SnapshotError,
)
from backend.fs import files
from backend.model import ARCHIVE
from backend.operations import Extract, Restore, Undo, command_line, operation_from_json, to_json
from backend.progress import Event, Progress, Started
from backend.restore.extract_targets import ExtractAction
from backend.restore.extraction import ExtractPlan
from backend.restore.plan import Verdict
from backend.transfer.exporter import SnapshotExport, export_to_file
from tests.support.builders import AS_ROOT, FIFO, Link, Tree, World, plant, tgz, tree_of, uid_of
from tests.support.fakes import stops

OLD: Tree = {
    "x1": {"a": "old", "etc": {"b": "old", "deep": {"c": "old"}}},
    "common": {"d": "old", "to": Link("d"), "e": {"f": "old"}},
}
NEW: Tree = {"x1": {"a": "new", "mine": "1"}, "common": {"d": "new", "e": {"f": "new", "g": "mine"}}}
ALICE: Tree = {"x1": {"h": "hers"}, "common": {"i": "hers", "j": {"k": "hers"}}}


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Set 1 holds other data than are in place."""
    world = World(tmp_path / "root")
    world.install("hello")
    plant(world.data("hello"), NEW)
    plant(world.data("hello", "alice"), {"common": {"i": "new"}}, uid_of("alice"))
    world.add(1, "hello", OLD, users={"alice": ALICE})
    return world


def everything(world: World) -> dict[str, Any]:
    return {top: tree_of(world.root / top, holder=True) for top in ("var/snap", "home", "root")}


def live(world: World, user: str | None = None) -> dict[str, Any]:
    return tree_of(world.data("hello", user))


def plan(world: World, *items: str, **wanted: Any) -> ExtractPlan:
    return world.engine.plan_extract(Extract(1, items, **wanted), Progress())


def fates(extract_plan: ExtractPlan) -> dict[str, str]:
    """What becomes of each path, by its path below the directory that it lands in."""
    return {landing.name: landing.action.value for part in extract_plan.parts for landing in part.landings}


def refused(world: World, kind: type[SnapshotError], message: str, *items: str, **wanted: Any) -> None:
    """An extraction fails with these words and changes nothing."""
    before = everything(world)
    with pytest.raises(kind, match=message):
        world.do(Extract(1, items, **wanted))
    assert everything(world) == before


def merged(tree: Tree, *changes: tuple[str, Any]) -> dict[str, Any]:
    """A tree with something else at some paths."""
    copy: dict[str, Any] = {
        name: merged(below) if isinstance(below, Mapping) else below for name, below in tree.items()
    }
    for path, content in changes:
        *above, name = path.split("/")
        folder = copy
        for part in above:
            folder = folder.setdefault(part, {})
        folder[name] = content
    return copy


# -- in place


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


ALICE_BEFORE: Tree = {"common": {"i": "new"}}


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


# -- the plan


def test_the_plan_names_every_path_and_changes_nothing(world: World) -> None:
    before = everything(world)
    extract_plan = plan(world, "hello:common", "hello:rev/etc/deep")
    assert fates(extract_plan) == {
        "common/d": "replace",
        "common/e/f": "replace",
        "common/to": "make",
        "x1/etc": "make",
        "x1/etc/deep": "make",
        "x1/etc/deep/c": "make",
    }
    (part,) = extract_plan.parts
    assert [landing.name for landing in part.landings if landing.moves] == [
        "common/d",
        "common/e/f",
        "common/to",
        "x1/etc",
    ]
    assert (
        extract_plan.count(ExtractAction.MAKE),
        extract_plan.count(ExtractAction.REPLACE),
        extract_plan.size,
    ) == (4, 2, 9)
    assert extract_plan.stored == part.stored > 0
    assert everything(world) == before


def test_replacing_what_is_newer_is_a_loss(world: World) -> None:
    assert plan(world, "hello:common/d").verdict is Verdict.WITH_LOSS
    os.utime(world.data("hello") / "common/d", (0, 0))
    assert plan(world, "hello:common/d").verdict is Verdict.READY
    assert plan(world, "hello:common/d", policy="never").verdict is Verdict.READY


@pytest.mark.parametrize(
    ("policy", "same", "older", "newer"),
    [
        ("always", "replace", "replace", "replace"),
        ("changed", "skip", "replace", "replace"),
        ("newer", "skip", "replace", "skip"),
        ("never", "skip", "skip", "skip"),
    ],
)
def test_policies(world: World, policy: str, same: str, older: str, newer: str) -> None:
    members = []
    for name in ("same", "older", "newer"):
        member = tarfile.TarInfo(f"common/{name}")
        member.mtime, member.mode = 1000, 0o644
        members.append(member)
        path = world.data("hello") / "common" / name
        path.touch(0o644)
        path.chmod(0o644)
        os.utime(path, (0, {"same": 1000, "older": 999, "newer": 1001}[name]))
    world.add(2, "hello", tgz({"common": {}}, extra=members))
    extract_plan = world.engine.plan_extract(Extract(2, ("hello:common",), policy=policy), Progress())
    assert fates(extract_plan) == {"common/same": same, "common/older": older, "common/newer": newer}


@pytest.mark.parametrize("change", ["size", "mode", "kind", "target"])
def test_changed_files_are_told_from_unchanged_ones(world: World, change: str) -> None:
    file, link = tarfile.TarInfo("common/file"), tarfile.TarInfo("common/link")
    file.mtime, file.mode = 1000, 0o640
    link.type, link.linkname = tarfile.SYMTYPE, "there"
    world.add(2, "hello", tgz({"common": {}}, extra=[file, link]))
    there = world.data("hello") / "common"
    (there / "file").write_text("1" if change == "size" else "")
    (there / "file").chmod(0o600 if change == "mode" else 0o640)
    (there / "link").symlink_to("elsewhere" if change == "target" else "there")
    if change == "kind":
        (there / "file").unlink()
        os.mkfifo(there / "file", 0o640)
        (there / "file").chmod(0o640)
    os.utime(there / "file", (0, 1000))
    actions = fates(world.engine.plan_extract(Extract(2, ("hello:common",), policy="changed"), Progress()))
    assert actions == {
        "common/file": "skip" if change == "target" else "replace",
        "common/link": "replace" if change == "target" else "skip",
    }


def test_unknown_policy(world: World) -> None:
    refused(world, InvalidInputError, "no policy 'sometimes'", "hello:common/d", policy="sometimes")


def test_configuration_is_not_this_engines(world: World) -> None:
    refused(world, BlockedError, "`snap set` puts a key back", "hello:conf")


def test_only_data_is_said(world: World) -> None:
    world.add(2, "hello", OLD, conf={"port": 80})
    extract_plan = world.engine.plan_extract(Extract(2, ("hello:common",)), Progress())
    assert extract_plan.notes == ("only data are extracted: the configuration stays as it is",)


# -- what is in the way


@pytest.mark.parametrize(
    ("path", "planted", "item", "message"),
    [
        ("common/e", Link("/etc"), "hello:common/e/f", "a symbolic link is there"),
        ("common/e", Link("/etc"), "hello:common/e", "a symbolic link is there"),
        ("common/d", Link("/etc/hosts"), "hello:common/d", "a symbolic link is there"),
        ("common/d", {"inside": "1"}, "hello:common/d", "a directory is there, and it is a file"),
        ("common/to", {"inside": "1"}, "hello:common/to", "a directory is there, and it is a link"),
        ("common/e", "a file", "hello:common/e/f", "a file is there instead of a directory"),
        ("x1", "a file", "hello:x1/a", "a file is there instead of a directory"),
        ("common", Link("/tmp"), "hello:common/d", "a symbolic link is there"),
    ],
)
def test_clashes_are_refused(world: World, path: str, planted: Any, item: str, message: str) -> None:
    place = world.data("hello") / path
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
    plant(place.parent, {place.name: planted})
    extract_plan = plan(world, item)
    assert extract_plan.verdict is Verdict.BLOCKED
    assert message in extract_plan.reasons[0]
    refused(world, BlockedError, message, item)


def test_a_marked_folder_takes_the_place_of_a_file(world: World) -> None:
    plant(world.data("hello") / "x1", {"etc": "a file"})
    world.do(Extract(1, ("hello:x1/etc",)))
    assert live(world) == merged(NEW, ("x1/etc", OLD["x1"]["etc"]))  # type: ignore[index,call-overload]
    world.do(Undo())
    assert live(world) == merged(NEW, ("x1/etc", "a file"))


def test_a_link_planted_after_the_look(world: World, tmp_path: Path) -> None:
    """Between the plan and the putting in place somebody puts a link on the way."""
    outside = plant(tmp_path / "outside", {"f": "precious"})
    folder = world.data("hello") / "common/e"

    def tell(event: Event) -> None:
        if isinstance(event, Started) and event.title == "Unpacking":
            folder.rename(tmp_path / "away")
            folder.symlink_to(outside)

    extract = Extract(1, ("hello:common/e/f", "hello:common/d"))
    with pytest.raises(ConflictError, match="changed since it was looked at"):
        world.engine.extract(extract, Progress(tell, name="1"))
    assert tree_of(outside) == {"f": "precious"}
    assert (world.data("hello") / "common/d").read_text() == "new"
    assert not (world.data("hello") / ".snapstow").exists()


def test_a_file_that_appears_after_the_look(world: World) -> None:
    def tell(event: Event) -> None:
        if isinstance(event, Started) and event.title == "Unpacking":
            (world.data("hello") / "common/to").write_text("appeared")

    with pytest.raises(ConflictError, match="changed since"):
        world.engine.extract(Extract(1, ("hello:common",)), Progress(tell, name="1"))
    assert live(world) == merged(NEW, ("common/to", "appeared"))


def test_missing_paths_and_snaps_are_refused(world: World) -> None:
    refused(world, NotFoundError, "hello:common/nothing", "hello:common/d", "hello:common/nothing")
    refused(world, NotFoundError, "no snapshot", "ghost:common/d")
    refused(world, NotFoundError, "holds no such data", "hello:user/bob/common")
    refused(world, NotFoundError, "a path begins with common", "hello:x9/a")
    refused(world, InvalidInputError, "leads out", "hello:common/../../etc/passwd")
    refused(world, InvalidInputError, "leads out", "hello:/etc/passwd")


def test_stopped_on_the_way(world: World) -> None:
    before = everything(world)
    operation = Extract(1, ("hello:common", "hello:alice/common"))
    for _ in stops(lambda job: world.engine.extract(operation, job)):
        assert everything(world) == before
    assert live(world, "alice") == {"common": ALICE["common"]}


def test_an_undo_goes_through_no_link(world: World, tmp_path: Path) -> None:
    world.do(Extract(1, ("hello:common/e/f",)))
    outside = plant(tmp_path / "outside", {"f": "precious"})
    folder = world.data("hello") / "common/e"
    folder.rename(tmp_path / "away")
    folder.symlink_to(outside)
    with pytest.raises(ConflictError, match="its directory was replaced meanwhile"):
        world.do(Undo())
    assert tree_of(outside) == {"f": "precious"}


def test_an_undo_of_what_was_made_and_is_gone(world: World) -> None:
    """Nobody misses it: the rest is taken back."""
    world.do(Extract(1, ("hello:rev/etc", "hello:common/d")))
    shutil.rmtree(world.data("hello") / "x1/etc")
    world.do(Undo())
    assert live(world) == NEW


# -- archives that mean no good


def hostile(world: World, *members: tarfile.TarInfo) -> None:
    world.add(2, "hello", tgz({"common": {"d": "old"}}, extra=members))


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, target
    return made


@pytest.mark.parametrize(
    "made",
    [
        member("/etc/passwd"),
        member("common/../../x"),
        member("elsewhere/x"),
        member("common/l/x", tarfile.LNKTYPE, "/etc/passwd"),
        member("common/h", tarfile.LNKTYPE, "../../etc/passwd"),
    ],
)
def test_hostile_members_refuse_the_archive(world: World, made: tarfile.TarInfo) -> None:
    hostile(world, made)
    before = everything(world)
    with pytest.raises(BlockedError, match="cannot unpack archive"):
        world.do(Extract(2, ("hello:common/d",)))
    assert everything(world) == before


def test_nothing_goes_through_a_link_of_the_archive(world: World) -> None:
    hostile(world, member("common/l", tarfile.SYMTYPE, "/tmp"), member("common/l/x"))
    with pytest.raises(BlockedError, match="through a symbolic link"):
        world.do(Extract(2, ("hello:common/l/x",)))


def test_hard_links_bring_their_content_along(world: World) -> None:
    members = [
        member("common/n/two", tarfile.LNKTYPE, "common/d"),
        member("common/n/three", tarfile.LNKTYPE, "common/n/two"),
    ]
    world.add(2, "hello", tgz({"common": {"d": "old", "n": {}}}, extra=members))
    world.do(Extract(2, ("hello:common/n/three",)))
    assert live(world) == merged(NEW, ("common/n/three", "old"))
    assert (world.data("hello") / "common/n/three").stat().st_nlink == 1
    world.do(Extract(2, ("hello:common/n",)))
    there = world.data("hello") / "common/n"
    assert (there / "two").stat().st_ino == (there / "three").stat().st_ino


def test_a_hard_link_to_nothing(world: World) -> None:
    hostile(world, member("common/h", tarfile.LNKTYPE, "common/nothing"))
    with pytest.raises(BlockedError, match="is a hard link to what is not there"):
        world.do(Extract(2, ("hello:common/h",)))


def test_hard_links_in_a_circle(world: World) -> None:
    hostile(
        world,
        member("common/h", tarfile.LNKTYPE, "common/i"),
        member("common/i", tarfile.LNKTYPE, "common/h"),
    )
    with pytest.raises(BlockedError, match="is a hard link to what is not there"):
        world.do(Extract(2, ("hello:common/h",)))


def doubled(*contents: bytes) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz", format=tarfile.GNU_FORMAT) as archive:
        top = tarfile.TarInfo("common")
        top.type, top.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(top)
        for content in contents:
            made = tarfile.TarInfo("common/twice")
            made.size = len(content)
            made.uid = made.gid = os.geteuid()
            archive.addfile(made, io.BytesIO(content))
    return stream.getvalue()


def test_of_several_of_a_name_the_last_wins(world: World) -> None:
    world.add(2, "hello", doubled(b"first", b"the second"))
    extract_plan = world.engine.plan_extract(Extract(2, ("hello:common/twice",)), Progress())
    assert [landing.size for landing in extract_plan.parts[0].landings] == [10]
    world.do(Extract(2, ("hello:common/twice",)))
    assert live(world) == merged(NEW, ("common/twice", "the second"))


def test_names_that_are_not_utf8(world: World) -> None:
    name = b"caf\xe9\n\x1b[31m".decode("utf-8", "surrogateescape")
    world.add(2, "hello", {"common": {name: "odd"}})
    operation = Extract(2, (f"hello:common/{name}",))
    assert operation_from_json(to_json(operation)) == operation
    world.do(operation)
    assert os.fsencode(name) in os.listdir(os.fsencode(world.data("hello") / "common"))
    world.do(Undo())
    assert live(world) == NEW


@pytest.mark.parametrize("cut", [1, 2])
def test_a_cut_archive(world: World, cut: int) -> None:
    """Cut in the middle; the hash is that of what is left, or still that of the whole."""
    whole = tgz({"common": {"d": os.urandom(100_000)}})
    path = world.add(2, "hello", whole[: len(whole) // 2] if cut == 1 else whole)
    if cut == 2:
        raw = bytearray(path.read_bytes())
        raw[300:310] = bytes(10)
        path.write_bytes(raw)
    before = everything(world)
    with pytest.raises((BlockedError, IntegrityError)):
        world.do(Extract(2, ("hello:common/d",)))
    assert everything(world) == before


def test_the_hash_is_verified_before_anything_is_unpacked(world: World) -> None:
    """A sound archive with a wrong hash is refused, if only one file of it is wanted."""
    entry = tgz({"common": {"d": "other"}})
    world.add(2, "hello", entry, sums={ARCHIVE: hashlib.sha3_384(b"not it").hexdigest()})
    before = everything(world)
    with pytest.raises(IntegrityError, match="hash"):
        world.do(Extract(2, ("hello:common/d",)))
    assert everything(world) == before


def test_devices_are_left_out_and_told(world: World) -> None:
    node = member("common/n/dev", tarfile.CHRTYPE)
    node.devmajor, node.devminor = 1, 3
    world.add(2, "hello", tgz({"common": {"n": {"x": "1"}}}, extra=[node]))
    extract_plan = world.engine.plan_extract(Extract(2, ("hello:common/n",)), Progress())
    assert (extract_plan.verdict, fates(extract_plan)["common/n/dev"]) == (Verdict.WITH_LOSS, "skip")
    result = world.do(Extract(2, ("hello:common/n",)))
    assert result.exit_code == 3
    assert "it is a device node" in result.left_out[0]
    assert live(world) == merged(NEW, ("common/n/x", "1"))


# -- beside


def test_beside(world: World, tmp_path: Path) -> None:
    target_dir = tmp_path / "out"
    before = everything(world)
    result = world.do(
        Extract(1, ("hello:common/e", "hello:alice/common/j/k", "hello:rev/a"), to=str(target_dir))
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
    world.do(Extract(1, ("hello:common/e", "hello:rev/etc/b"), to=str(target_dir), strip=True))
    assert tree_of(target_dir) == {"other": "1", "e": {"f": "old"}, "b": "old"}


def test_by_name_alone_two_of_a_name_are_refused(world: World, tmp_path: Path) -> None:
    target_dir = str(tmp_path / "out")
    refused(
        world, BlockedError, "lands there", "hello:common", "hello:alice/common", to=target_dir, strip=True
    )
    world.add(2, "hello", {"x1": {"n": "1"}, "common": {"n": "2"}})
    extract_plan = world.engine.plan_extract(
        Extract(2, ("hello:rev/n", "hello:common/n"), to=target_dir, strip=True), Progress()
    )
    assert "has the same name" in extract_plan.reasons[0]


def test_by_name_alone_needs_a_directory(world: World) -> None:
    refused(world, InvalidInputError, "name a directory", "hello:common", strip=True)


def test_beside_over_what_is_there(world: World, tmp_path: Path) -> None:
    """What is replaced there is kept for an undo as well."""
    target_dir = plant(tmp_path / "out", {"hello": {"common": {"d": "mine", "n": "mine"}}})
    result = world.do(Extract(1, ("hello:common/d", "hello:common/to"), to=str(target_dir)))
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
        world, BlockedError, "cannot extract into .* holds data of snaps", "hello:common", to=str(target_dir)
    )


def test_not_through_a_link(world: World, tmp_path: Path) -> None:
    outside = plant(tmp_path / "outside", {})
    (tmp_path / "out").symlink_to(outside)
    refused(world, BlockedError, "symbolic link", "hello:common/d", to=str(tmp_path / "out"))
    target_dir = plant(tmp_path / "second", {"hello": Link(str(outside))})
    with pytest.raises(SnapshotError):
        world.do(Extract(1, ("hello:common/d",), to=str(target_dir)))
    assert tree_of(outside) == {}


def test_a_loose_file(world: World, tmp_path: Path) -> None:
    (path,) = world.snapshots.glob("1_*")
    moved = path.rename(tmp_path / "any name.bin")
    world.do(Extract(file=str(moved), items=("hello:common/d",), to=str(tmp_path / "out")))
    assert tree_of(tmp_path / "out") == {"hello": {"common": {"d": "old"}}}
    world.do(Extract(file=str(moved), items=("hello:common/d",)))
    assert live(world) == merged(NEW, ("common/d", "old"))


def test_an_export(world: World, tmp_path: Path) -> None:
    world.add(1, "other", {"common": {"o": "other's"}})
    with SnapshotExport(world.engine.store, 1) as export:
        export_to_file(export, str(tmp_path / "one.snapshot"), Progress())
    file = str(tmp_path / "one.snapshot")
    items = ("other:common/o", "hello:alice/common/j", "hello:common/d")
    world.do(Extract(file=file, items=items, to=str(tmp_path / "out")))
    assert tree_of(tmp_path / "out") == {
        "hello": {"common": {"d": "old"}, "users": {"alice": {"common": {"j": {"k": "hers"}}}}},
        "other": {"common": {"o": "other's"}},
    }
    with pytest.raises(NotFoundError, match="no snapshot of snap"):
        world.do(Extract(file=file, items=("ghost:common",), to=str(tmp_path / "out")))


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
    world.do(Extract(1, ("hello:alice/common/j",), to=str(tmp_path / "out")))
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


# -- as a value


def test_as_a_command() -> None:
    operation = Extract(
        3, ("hello:common/a b",), to="/out", policy="newer", owners=("alice=bob",), strip=True
    )
    assert command_line(operation) == (
        "snapstow extract 3 'hello:common/a b' --strip --to=/out --owner=alice=bob --policy=newer"
    )
    assert command_line(Extract(file="/f", items=("a",))) == "snapstow extract --file=/f a"


PATHS = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=3).map("/".join)


@given(st.sets(PATHS, min_size=1, max_size=6), st.sets(PATHS, max_size=6), st.data())
def test_a_merge_is_what_a_merge_should_be(
    tmp_path_factory: pytest.TempPathFactory, held: set[str], present: set[str], data: st.DataObject
) -> None:
    """Whatever is where: all that was marked is in place and the rest as it was, or nothing was done."""
    world = World(tmp_path_factory.mktemp("w") / "root", users=())
    world.install("hello", common={})
    saved, there = _tree(held, "old"), _tree(present, "new")
    plant(world.data("hello") / "common", there)
    world.add(1, "hello", {"common": saved})
    mark = data.draw(st.sampled_from(sorted(held)))
    try:
        world.do(Extract(1, (f"hello:common/{mark}",)))
    except (BlockedError, NotFoundError):
        assert tree_of(world.data("hello"), holder=True)["common"] == there
        return
    files = _files(tree_of(world.data("hello") / "common"))
    taken = {
        path: text for path, text in _files(saved).items() if path == mark or path.startswith(f"{mark}/")
    }
    kept = {path: text for path, text in _files(there).items() if path not in taken}
    assert {path: text for path, text in files.items() if path in taken} == taken
    replaced = set(kept) - set(files)
    assert all(any(path.startswith(f"{gone}/") for path in taken) for gone in replaced)
    world.do(Undo())
    assert tree_of(world.data("hello") / "common") == there


def _tree(paths: set[str], text: str) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path in sorted(paths, key=len, reverse=True):
        folder = tree
        *above, name = path.split("/")
        for part in above:
            folder = folder.setdefault(part, {})
        folder.setdefault(name, text)
    return tree


def _files(tree: Mapping[str, Any], above: str = "") -> dict[str, str]:
    files: dict[str, str] = {}
    for name, content in tree.items():
        if isinstance(content, Mapping):
            files |= _files(content, f"{above}{name}/")
        else:
            files[f"{above}{name}"] = content
    return files
