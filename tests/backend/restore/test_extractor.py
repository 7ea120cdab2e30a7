"""The plan of an extraction names every path, and what it is refused for."""

import os
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest

from backend.errors import (
    BlockedError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
)
from backend.operations import Extract, Undo
from backend.progress import Event, Progress, Started
from backend.restore.extract_targets import ExtractAction
from backend.restore.plan import Verdict
from tests.support.builders import Link, World, plant, tgz, tree_of
from tests.support.extracting import (
    ALICE,
    NEW,
    OLD,
    everything,
    fates,
    live,
    make_world,
    merged,
    plan,
    refused,
)
from tests.support.fakes import stops

world = pytest.fixture(make_world)


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
        "common/file": {"target": "skip", "kind": "refuse"}.get(change, "replace"),
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
    assert live(world) == merged(NEW, ("x1/etc", OLD["x1"]["etc"]))  # type: ignore[index,call-overload] # OLD is a tree of trees
    world.do(Undo())
    assert live(world) == merged(NEW, ("x1/etc", "a file"))


def test_a_link_that_is_planted_meanwhile_is_refused(world: World, tmp_path: Path) -> None:
    outside = plant(tmp_path / "outside", {"f": "precious"})
    folder = world.data("hello") / "common/e"

    def tell(event: Event) -> None:
        if isinstance(event, Started) and event.title == "Unpacking":
            folder.rename(tmp_path / "away")
            folder.symlink_to(outside)

    extract = Extract(1, ("hello:common/e/f", "hello:common/d"))
    with pytest.raises(BlockedError, match="a symbolic link is there"):
        world.engine.extract(extract, Progress(tell, name="1"))
    assert tree_of(outside) == {"f": "precious"}
    assert (world.data("hello") / "common/d").read_text() == "new"
    assert not (world.data("hello") / ".snapstow").exists()


def test_a_file_that_appears_meanwhile_is_kept_where_nothing_may_be_replaced(world: World) -> None:
    def tell(event: Event) -> None:
        if isinstance(event, Started) and event.title == "Unpacking":
            (world.data("hello") / "common/to").write_text("appeared")

    world.engine.extract(Extract(1, ("hello:common/to",), policy="never"), Progress(tell, name="1"))
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
    """Nobody misses it: the rest is rolled back."""
    world.do(Extract(1, ("hello:rev/etc", "hello:common/d")))
    shutil.rmtree(world.data("hello") / "x1/etc")
    world.do(Undo())
    assert live(world) == NEW
