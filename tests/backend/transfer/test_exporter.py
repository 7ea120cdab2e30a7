"""An export is snapd's stream to the byte, as long as it said, and a file only once it is whole."""

import io
import json
import os
import tarfile
import threading

import pytest

from backend.errors import (
    BlockedError,
    IntegrityError,
    NotFoundError,
    SnapshotError,
)
from backend.format.export_manifest import parse_content_json
from backend.format.metadata import set_content_hashes
from backend.operations import Export
from backend.progress import Advanced, Event, PartAdvanced, Progress, Started
from backend.transfer.exporter import SnapshotExport
from tests import golden
from tests.support.builders import World, plant
from tests.support.descriptors import descriptors
from tests.support.exports import make_world, members, streamed, written
from tests.support.fakes import telling_version

world = pytest.fixture(make_world)


def content(stream: bytes, name: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(stream)) as archive:
        file = archive.extractfile(name)
        assert file is not None
        return file.read()


# -- the bytes


def test_any_tar_reads_it(world: World) -> None:
    stream = streamed(world)
    names = ["3_hello_1.0_x1.zip", "3_other_1.0_x1.zip"]
    assert [member.name for member in members(stream)] == ["content.json", *names, "export.json"]
    for name in names:
        assert content(stream, name) == (world.snapshots / name).read_bytes()
    manifest = json.loads(content(stream, "export.json"))
    assert (manifest["format"], manifest["files"]) == (1, names)
    assert list(json.loads(content(stream, "content.json"))) == ["content-hash"]


@pytest.mark.parametrize(
    ("version", "is_newer"),
    [
        ("2.57.6-1+deb12u1", False),
        ("2.67.1", False),
        ("2.68", True),
        ("2.76+ubuntu24.04", True),
        ("3.0", True),
        ("unknown", True),
        (None, True),
    ],
)
def test_the_content_hash_is_spelled_as_the_snapd_that_answers_would(
    version: str | None, is_newer: bool, world: World
) -> None:
    world.add(4, "hello", conf={"c": "\b\f"})
    with telling_version(world.engine.layout.socket, version):
        stream = streamed(world, 4)
    assert hash_in(stream) == set_content_hashes(world.engine.sets(4)[0].snapshots)[is_newer]


@pytest.mark.parametrize(
    ("version", "is_newer"), [("2.57.6-1+deb12u1", False), ("2.68.3", True), (None, True)]
)
def test_where_no_snapd_answers_the_installed_one_counts(
    version: str | None, is_newer: bool, world: World
) -> None:
    world.add(4, "hello", conf={"c": "\b\f"})
    if version:
        plant(world.root / "usr/lib/snapd", {"info": f"VERSION={version}\n"})
    hashes = set_content_hashes(world.engine.sets(4)[0].snapshots)
    assert hash_in(streamed(world, 4)) == hashes[is_newer] != hashes[not is_newer]


def hash_in(stream: bytes) -> bytes | None:
    return parse_content_json(content(stream, "content.json"))


def test_export_is_snapds_own_to_the_byte(world: World) -> None:
    """As the golden export, which the real snapd made, but for times and owners."""
    world = World(world.root.parent / "golden")
    world.snapshots.mkdir(parents=True)
    for file in golden.index()["sets"]["1"]:
        (world.snapshots / file["file"]).write_bytes((golden.SNAPSHOTS / file["file"]).read_bytes())
        (world.snapshots / file["file"]).chmod(0o600)
    theirs = (golden.HERE / golden.index()["files"]["export"]).read_bytes()
    with telling_version(world.engine.layout.socket, "2.57.6"):  # as that snapd was
        ours = streamed(world, 1)
    assert _timeless(ours) == _timeless(theirs)
    assert theirs[-1024:] == ours[-1024:]


def _timeless(stream: bytes) -> dict[str, bytes]:
    """Each member, header and all, without owners, times, check sums, and what export.json lists."""
    by_name = {}
    for member in members(stream):
        header = bytearray(stream[member.offset : member.offset + 512])
        for start, end in ((108, 124), (136, 156), (265, 329)):
            header[start:end] = bytes(end - start)
        data = stream[member.offset_data : member.offset_data + (member.size + 511) // 512 * 512]
        if member.name == "export.json":
            header[124:136], data = bytes(12), data.rstrip(b"\0")[:18]
        by_name[member.name] = bytes(header) + data
    return by_name


def test_the_header_field_by_field(world: World) -> None:
    path = world.snapshots / "3_hello_1.0_x1.zip"
    os.utime(path, ns=(0, 1_700_000_000 * 10**9 + 500_000_000))
    (first, header, *_) = (streamed(world)[member.offset :][:512] for member in members(streamed(world)))
    assert header[:100].rstrip(b"\0") == path.name.encode()
    assert header[100:124] == b"0000600\0%07o\0%07o\0" % (os.geteuid(), os.getegid())
    assert header[124:136] == b"%011o\0" % path.stat().st_size
    assert header[136:148] == b"%011o\0" % 1_700_000_001  # half a second is rounded up
    assert header[156:157] + header[257:265] == b"0ustar\x0000"
    assert header[329:345] == b"0000000\x000000000\0"
    assert first[100:124] == b"0000640\x000000000\x000000000\0"
    assert first[265:329] == bytes(64)
    assert not any(header[345:])


def test_export_ends_with_two_blocks_and_no_more(world: World) -> None:
    stream = streamed(world)
    last = members(stream)[-1]
    end = last.offset_data + (last.size + 511) // 512 * 512
    assert stream[end:] == bytes(1024)


def test_export_is_stable_but_for_its_date(world: World) -> None:
    with SnapshotExport(world.engine.store, 3) as export:
        assert written(export) == written(export)


def test_files_renamed_or_removed_meanwhile_are_exported_all_the_same(world: World) -> None:
    with SnapshotExport(world.engine.store, 3) as export:
        before = written(export)
        (world.snapshots / "3_hello_1.0_x1.zip").unlink()
        (world.snapshots / "3_other_1.0_x1.zip").rename(world.snapshots / "4_other_1.0_x1.zip")
        assert written(export) == before


def test_shrinking_file_is_an_error(world: World) -> None:
    with SnapshotExport(world.engine.store, 3) as export:
        os.truncate(world.snapshots / "3_hello_1.0_x1.zip", 100)
        with (
            open(os.devnull, "wb") as nowhere,
            pytest.raises(IntegrityError, match=r"3_hello.* became shorter"),
        ):
            export.stream_to(nowhere.fileno(), Progress())


# -- what does not fit into a plain header


def test_a_long_name(world: World) -> None:
    version = "1." + "0" * 29 + "1"
    path = world.add(5, "s" * 40, version=version)
    longer = path.with_name(f"{'0' * 60}{path.name}")
    path.rename(longer)
    stream = streamed(world, 5)
    assert longer.name in [member.name for member in members(stream)]
    assert stream[1024 : 1024 + 100] == f"PaxHeaders.0/{longer.name}".encode()[:100]
    assert b" path=" + longer.name.encode() + b"\n" in stream


@pytest.mark.root
def test_an_owner_with_a_large_id(world: World) -> None:
    os.chown(world.snapshots / "3_hello_1.0_x1.zip", 2_097_152, 3_000_000)
    stream = streamed(world)
    (hello,) = (member for member in members(stream) if member.name == "3_hello_1.0_x1.zip")
    assert (hello.uid, hello.gid) == (2_097_152, 3_000_000)
    assert hello.pax_headers.keys() == {"uid", "gid"}


def test_a_size_of_eight_gibibytes(world: World) -> None:
    """A hole in front of a zip makes it large; only the beginning of its export is read."""
    path = world.snapshots / "3_hello_1.0_x1.zip"
    zipped = path.read_bytes()
    with open(path, "wb") as file:
        file.seek(8 << 30)
        file.write(zipped)
    read_end, write_end = os.pipe()
    with os.fdopen(read_end, "rb") as source, SnapshotExport(world.engine.store, 3) as export:
        assert export.size > 8 << 30
        failures: list[SnapshotError] = []

        def write() -> None:
            try:
                export.stream_to(write_end, Progress())
            except SnapshotError as failure:
                failures.append(failure)

        writer = threading.Thread(target=write)
        writer.start()
        beginning = source.read(4096)
        source.close()
        writer.join()
    os.close(write_end)
    assert str(failures[0]) == "cannot export snapshot 3: Broken pipe"
    with tarfile.open(fileobj=io.BytesIO(beginning)) as archive:
        archive.next()
        member = archive.next()
    assert member is not None
    assert (member.name, member.size) == (path.name, (8 << 30) + len(zipped))
    assert member.pax_headers == {"size": str(member.size)}


def test_a_time_from_2242_on(world: World) -> None:
    os.utime(world.snapshots / "3_hello_1.0_x1.zip", (0, 8**11))
    (hello,) = (member for member in members(streamed(world)) if member.name.startswith("3_hello"))
    assert hello.mtime == 8**11


# -- broken ones


def test_a_broken_member_is_refused_by_name(world: World) -> None:
    path = world.add(3, "void", sums={})
    message = f"cannot export snapshot 3: {path.name} is broken: invalid snapshot"
    with pytest.raises(BlockedError, match=message):
        SnapshotExport(world.engine.store, 3)
    result = world.do(Export(3, str(world.root / "e"), skip_broken=True))
    assert (result.left_out, result.exit_code) == ((message,), 3)
    names = [member.name for member in members((world.root / "e").read_bytes())]
    assert path.name not in names
    assert len(names) == 4


def test_unreadable_snapshot_is_refused(world: World) -> None:
    (world.snapshots / "3_third_1.0_x1.zip").write_bytes(b"")
    with pytest.raises(BlockedError, match=r"3_third_1.0_x1.zip is broken: cannot be read: zip: not a valid"):
        SnapshotExport(world.engine.store, 3)


def test_nothing_but_broken_ones(world: World) -> None:
    world.add(9, "void", sums={})
    with pytest.raises(NotFoundError, match="no snapshot data found for 9"):
        SnapshotExport(world.engine.store, 9, skip_broken=True)


def test_nothing_stays_open(world: World) -> None:
    before = len(descriptors())
    world.add(3, "void", sums={})
    with pytest.raises(BlockedError):
        SnapshotExport(world.engine.store, 3)
    export = SnapshotExport(world.engine.store, 3, skip_broken=True)
    export.close()
    export.close()
    assert len(descriptors()) == before


# -- some snaps of it


def test_a_part_of_a_set_is_the_export_of_a_set_of_just_these(world: World) -> None:
    alone = World(world.root.parent / "alone")
    alone.add(3, "other", {"x1": {"a": "other" * 1000}})
    name = "3_other_1.0_x1.zip"
    os.utime(world.snapshots / name, (7, 7))
    os.utime(alone.snapshots / name, (7, 7))
    part, whole = streamed(world, snaps=("other",)), streamed(alone)
    for member in ("content.json", name):
        assert content(part, member) == content(whole, member)
    assert json.loads(content(part, "export.json"))["files"] == [name]
    assert len(members(part)) == 3


def test_a_part_in_the_engine(world: World) -> None:
    result = world.do(Export(3, str(world.root / "e"), snaps=("other", "other")))
    assert result.exit_code == 0
    names = [member.name for member in members((world.root / "e").read_bytes())]
    assert names == ["content.json", "3_other_1.0_x1.zip", "export.json"]


def test_a_snap_that_is_not_in_it(world: World) -> None:
    message = 'cannot export snapshot 3: there is no "ghost" in it, only "hello", "other"'
    with pytest.raises(NotFoundError, match=message):
        world.do(Export(3, str(world.root / "e"), snaps=("hello", "ghost")))
    with pytest.raises(NotFoundError, match="no snapshot data found for 9"):
        SnapshotExport(world.engine.store, 9, snaps=("ghost",))
    assert not (world.root / "e").exists()


def test_broken_snapshots_not_asked_for_do_not_matter(world: World) -> None:
    world.add(3, "void", sums={})
    result = world.do(Export(3, str(world.root / "e"), snaps=("hello",)))
    assert result.exit_code == 0
    with pytest.raises(BlockedError):
        world.do(Export(3, str(world.root / "e"), snaps=("hello", "void")))
    result = world.do(Export(3, str(world.root / "e"), skip_broken=True, snaps=("hello", "void")))
    assert result.exit_code == 3


# -- progress


@pytest.mark.parametrize("checksum", [False, True])
def test_every_byte_counts_once_and_each_snapshot_is_a_part(world: World, checksum: bool) -> None:
    events: list[Event] = []
    file = world.root / "e"
    world.engine.export(Export(3, str(file), checksum=checksum), Progress(events.append))
    (start,) = (event for event in events if isinstance(event, Started))
    assert start.total == file.stat().st_size
    assert [event.done for event in events if isinstance(event, Advanced)][-1] == start.total
    parts = {e.part: (e.done, e.total) for e in events if isinstance(e, PartAdvanced) and e.ended}
    assert list(parts) == ["3_hello_1.0_x1.zip", "3_other_1.0_x1.zip"]
    for name, (done, total) in parts.items():
        assert done == total == 512 + -(-(world.snapshots / name).stat().st_size // 512) * 512
