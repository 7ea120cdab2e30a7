"""Archives that mean no good, and what an extraction makes of them."""

import hashlib
import io
import os
import tarfile

import pytest

from backend.errors import (
    BlockedError,
    IntegrityError,
)
from backend.model import ARCHIVE
from backend.operations import Extract, Undo, operation_from_json, to_json
from backend.progress import Progress
from backend.restore.plan import Verdict
from tests.support.builders import World, tgz
from tests.support.extracting import (
    NEW,
    everything,
    fates,
    live,
    make_world,
    merged,
)

world = pytest.fixture(make_world)


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
    with pytest.raises(IntegrityError, match="cannot unpack archive"):
        world.do(Extract(2, ("hello:common/d",)))
    assert everything(world) == before


def test_nothing_goes_through_a_link_of_the_archive(world: World) -> None:
    hostile(world, member("common/l", tarfile.SYMTYPE, "/tmp"), member("common/l/x"))
    with pytest.raises(IntegrityError, match="through a symbolic link"):
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
    with pytest.raises(IntegrityError, match="is a hard link to what is not there"):
        world.do(Extract(2, ("hello:common/h",)))


def test_hard_links_in_a_circle(world: World) -> None:
    hostile(
        world,
        member("common/h", tarfile.LNKTYPE, "common/i"),
        member("common/i", tarfile.LNKTYPE, "common/h"),
    )
    with pytest.raises(IntegrityError, match="is a hard link to what is not there"):
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
