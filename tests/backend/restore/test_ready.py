"""What a plan calls ready can be carried out right after; what it cannot, it blocks."""

import gzip
from pathlib import Path

import pytest

from backend.engine.selection import users_of
from backend.errors import NoSpaceError, SnapshotError, UnknownUserError
from backend.operations import Check, Extract, Operation, Restore, Save
from backend.progress import Progress
from backend.restore.plan import Verdict
from backend.restore.planner import RestorePlanner
from tests.support.builders import World, plant, uid_of
from tests.support.mounting import Mounter, mounter
from tests.support.rawtar import END, directory, long_name, member
from tests.support.restoring import OLD, make_world, plan, refused

__all__ = ["mounter"]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path)


@pytest.mark.parametrize("target_dir", [False, True])
@pytest.mark.parametrize(
    "operation", [Restore(1, users=("alcie",)), Check(1, users=("alcie",)), Save(users=("alcie",))]
)
def test_unknown_users_are_refused_with_a_suggestion(
    world: World, tmp_path: Path, operation: Operation, target_dir: bool
) -> None:
    plant(world.data("hello", "alice"), {"common": {}}, uid_of("alice"))
    world.add(1, "hello", OLD, users={"alice": {"common": {}}})
    if target_dir and isinstance(operation, Restore):
        operation = Restore(1, users=("alcie",), target_dir=str(tmp_path / "out"))
    with pytest.raises(UnknownUserError, match=r'^unknown user "alcie": did you mean alice\?$') as caught:
        world.do(operation)
    assert caught.value.exit_code == 5
    assert world.names() == ["1_hello_1.0_x1.zip"]
    assert world.data("hello").joinpath("common/b").read_text() == "new"


def test_unknown_users_are_refused_by_plan_and_estimate(world: World) -> None:
    world.add(1, "hello", OLD, users={"ghost": {"common": {}}})
    with pytest.raises(UnknownUserError, match="did you mean ghost"):
        plan(world, users=("gohst",))
    with pytest.raises(UnknownUserError, match="known are root"):
        world.engine.estimate((), ("zzz",), Progress())
    assert users_of(world.engine.layout, ("alice",))[0][0].name == "alice"
    assert plan(world, users=("bob",)).notes == ('user "bob" has no data in this snapshot',)


@pytest.mark.root
def test_a_full_file_system_blocks_every_form_of_the_plan(tmp_path: Path, mounter: Mounter) -> None:
    top = mounter.tmpfs(tmp_path / "disk", "size=12m")
    world = make_world(top)
    world.add(1, "hello", OLD)
    (top / "ballast").write_bytes(bytes(8 << 20))
    preview = RestorePlanner(world.engine).preview(Restore(1))
    (planned,) = preview.plans
    assert preview.verdict is preview.verdict_of(planned) is Verdict.BLOCKED
    (reason,) = preview.reasons_of(planned)
    assert "insufficient space" in reason
    with pytest.raises(NoSpaceError, match="insufficient space"):
        world.do(Restore(1))


CLASHES = {
    "lies in what is not a directory": [("common/a", b"0"), ("common/a/b", b"0")],
    "would replace a directory that is not empty": [
        ("common/a/", b"5"),
        ("common/a/b", b"0"),
        ("common/a", b"0"),
    ],
    "is a hard link to what is not there yet": [("common/a", b"1"), ("common/z", b"0")],
}
SOUND = {
    "twice": [("common/a", b"0"), ("common/a", b"0")],
    "a file, then a directory": [("common/a", b"0"), ("common/a/", b"5"), ("common/a/b", b"0")],
    "a directory, then a file": [("common/a/", b"5"), ("common/a", b"0")],
    "a directory twice": [("common/a/", b"5"), ("common/a/b", b"0"), ("common/a/", b"5")],
    "without directories": [("common/a/b/c", b"0"), ("common/a/b", b"5"), ("common/d", b"0")],
}


def archive(members: list[tuple[str, bytes]]) -> bytes:
    raw = directory(b"common/") + b"".join(
        member(name.encode(), kind=kind, link=b"common/z" if kind == b"1" else b"") for name, kind in members
    )
    return gzip.compress(raw + END)


@pytest.mark.parametrize("why", CLASHES)
def test_clashes_inside_an_archive_block(world: World, why: str) -> None:
    world.add(1, "hello", archive(CLASHES[why]))
    planned = plan(world)
    assert planned.verdict is Verdict.BLOCKED
    assert why in planned.reasons[0]
    refused(world, SnapshotError, "cannot unpack")


@pytest.mark.parametrize("kind", SOUND)
def test_archives_that_tar_can_unpack_are_ready(world: World, kind: str) -> None:
    world.add(1, "hello", archive(SOUND[kind]))
    assert plan(world).verdict is not Verdict.BLOCKED
    assert world.do(Restore(1)).exit_code == 0


def test_names_too_long_for_the_file_system_block(world: World) -> None:
    long = b"n" * 300
    raw = directory(b"common/") + long_name(b"common/" + long) + member(b"common/n") + END
    world.add(1, "hello", gzip.compress(raw))
    planned = plan(world)
    assert planned.verdict is Verdict.BLOCKED
    assert "names have at most 255 bytes there" in planned.reasons[0]


def test_sparse_files_count_as_their_data_everywhere(world: World) -> None:
    with open(world.data("hello") / "common" / "image", "wb") as file:
        file.truncate(4 << 40)
        file.seek(1 << 40)
        file.write(b"x" * 4096)
    (estimate,) = world.engine.estimate((), (), Progress())
    world.do(Save())
    extract = Extract(1, ("hello:system/common",), target_dir=str(world.root / "out"))
    extraction = world.engine.plan_extract(extract, Progress())
    held = plan(world).entries[0].contents
    assert held is not None
    common = 4096 + len("new")
    assert extraction.verdict is Verdict.READY
    assert extraction.size == common
    assert held.bytes == estimate.owners["system"] == common + len("new") + len("1")
    assert world.do(extract).exit_code == 0
