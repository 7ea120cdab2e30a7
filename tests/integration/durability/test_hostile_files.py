"""Hostile snapshots, archives and exports are refused, or read for what they are."""

import hashlib
import io
import json
import os
import resource
import shutil
import struct
import subprocess
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from backend.errors import SnapshotError
from backend.operations import Check, Export, Restore, Undo
from tests import golden
from tests.support.builders import (
    World,
    snapshot_of,
    tgz,
    tree_of,
    write_snapshot,
)
from tests.support.damage import DATA, nothing_changes, taken_in

HOSTILE_FACTS: dict[str, dict[str, Any]] = {
    "snap above": {"snap": "../../x"},
    "snap with a slash": {"snap": "a/b"},
    "snap of dots": {"snap": ".."},
    "no snap": {"snap": ""},
    "version with slashes": {"version": "1/../../../../etc"},
    "version of dots": {"version": ".."},
    "version with a NUL": {"version": "1\0"},
}


HOSTILE_ENTRIES = (
    "user/../root.tgz",
    "user/..tgz",
    "user/...tgz",
    "user/a/b.tgz",
    "user/.tgz",
    "user/-rf.tgz",
    "user/a\0b.tgz",
    "user/a\nb.tgz",
    "../archive.tgz",
    "/etc/passwd",
    "archive.tgz/../../x",
)


@pytest.mark.parametrize("case", sorted(HOSTILE_FACTS))
def test_hostile_metadata(tmp_path: Path, case: str) -> None:
    world = World(tmp_path / "root")
    world.install("hello")
    world.snapshots.mkdir(parents=True)
    entries = {"archive.tgz": tgz(DATA)}
    facts = {"snap": "hello", **HOSTILE_FACTS[case]}
    snapshot = snapshot_of(1, facts.pop("snap"), entries, **facts)
    write_snapshot(world.snapshots / "1_hello_1.0_x1.zip", snapshot, entries)
    with nothing_changes(world):
        (group,) = world.engine.sets()
        assert group.snapshots[0].broken
        assert world.do(Check(1)).faults
        for operation in (Restore(1), Export(1, str(tmp_path / "out"))):
            with pytest.raises(SnapshotError):
                world.do(operation)
    assert sorted(os.listdir(tmp_path)) == ["root"]


@pytest.mark.parametrize(
    "revision", ["../x", "0", "x0", "-1", "1/2", "unset", "x-1", "9" * 30, "common", None, [], 1.5]
)
def test_hostile_revisions(tmp_path: Path, revision: object) -> None:
    world = World(tmp_path / "root")
    world.install("hello")
    raw = raw_metadata({"revision": revision})
    rewritten(world.add(1, "hello", DATA), raw)
    with nothing_changes(world):
        (group,) = world.engine.sets()
        assert group.snapshots[0].broken
        with pytest.raises(SnapshotError):
            world.do(Restore(1))


def raw_metadata(changes: Mapping[str, object]) -> Callable[[bytes], bytes]:
    return lambda raw: json.dumps(json.loads(raw) | changes).encode()


def rewritten(path: Path, change: Callable[[bytes], bytes]) -> None:
    """Change the metadata of a snapshot file, and the hash beside them to fit."""
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    members["meta.json"] = change(members["meta.json"])
    members["meta.sha3_384"] = hashlib.sha3_384(members["meta.json"]).hexdigest().encode() + b"\n"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


@pytest.mark.parametrize("entry", HOSTILE_ENTRIES)
def test_hostile_entries(tmp_path: Path, entry: str) -> None:
    world = World(tmp_path / "root")
    world.install("hello", data={"a": "live"})
    entries = {"archive.tgz": tgz({"x1": {"a": "saved"}}), entry: tgz({"x1": {"evil": "1"}})}
    world.snapshots.mkdir(parents=True)
    write_snapshot(world.snapshots / "1_hello_1.0_x1.zip", snapshot_of(1, "hello", entries), entries)
    try:
        left_out = world.do(Restore(1)).left_out
    except SnapshotError:
        left_out = ("refused",)
    assert left_out
    assert not [path for path in golden.tree(tmp_path) if path.endswith("/evil")]
    assert tree_of(world.root / "etc").keys() == {"passwd"}


@contextmanager
def little_memory() -> Iterator[None]:
    """Whatever is done inside must not need more than 256 MiB more than is used now."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + (256 << 20), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def bomb(claimed: int, actual: int) -> bytes:
    """A zip whose meta.json is deflated zeros, and claims to be so long."""
    deflater = zlib.compressobj(1, wbits=-15)
    stored = b"".join(deflater.compress(bytes(1 << 20)) for _ in range(actual >> 20)) + deflater.flush()
    name = b"meta.json"
    crc = 0
    local = (
        struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 8, 0, 0, crc, len(stored), claimed, len(name), 0) + name
    )
    entry = struct.pack(
        "<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 8, 0, 0, crc, len(stored), claimed, len(name), 0, 0, 0, 0, 0, 0
    )
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, len(entry) + len(name), len(local) + len(stored), 0)
    return local + stored + entry + name + end


def crowded(count: int) -> bytes:
    """A zip with a directory of so many empty members, none of them the metadata."""
    name = b"user/a.tgz"
    entry = struct.pack("<4s6H3L5H2L", b"PK\1\2", *[0] * 9, len(name), *[0] * 6) + name
    return entry * count + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(entry) * count, 0, 0)


BOMBS: dict[str, Callable[[], bytes]] = {
    "deflated zeros": lambda: bomb(1 << 27, 1 << 27),
    "deflated zeros that claims little": lambda: bomb(1000, 1 << 27),
    "json of 30 MB": lambda: zipped({"meta.json": b'{"snap":"' + b"x" * (30 << 20) + b'"}'}),
    "json of 64 MB": lambda: zipped({"meta.json": b'{"snap":"' + b"x" * (64 << 20) + b'"}'}),
    "many small values": lambda: zipped({"meta.json": b"[" + b"[]," * (1 << 18) + b"1]"}),
    "nested lists": lambda: zipped({"meta.json": b"[" * 1_000_000}),
    "nested objects": lambda: zipped({"meta.json": b'{"conf":' * 300_000 + b"1" + b"}" * 300_000}),
    "long number": lambda: zipped({"meta.json": b'{"size":' + b"9" * 1_000_000 + b"}"}),
    "many members": lambda: crowded(65_000),
    "directory of half a gigabyte": lambda: (
        b"PK\5\6" + struct.pack("<4H2LH", 0, 0, 65535, 65535, 1 << 29, 0, 0)
    ),
    "directory beyond the file": lambda: b"PK\5\6" + struct.pack("<4H2LH", 0, 0, 1, 1, 46, 0xFFFFFFF0, 0),
    "only signatures": lambda: b"PK\5\6" * 10_000,
}


def zipped(members: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize("case", sorted(BOMBS))
def test_bombs_in_the_store(tmp_path: Path, case: str) -> None:
    world = World(tmp_path / "root")
    world.add(2, "hello")
    (world.snapshots / "1_bomb_1.0_x1.zip").write_bytes(BOMBS[case]())
    with little_memory():
        bad, good = (group.snapshots[0] for group in world.engine.sets())
        assert bad.broken
        assert (bad.snap, good.broken) == ("bomb", "")
        assert world.do(Check(1)).faults


def test_ten_thousand_users(tmp_path: Path) -> None:
    world = World(tmp_path / "root")
    world.install("hello")
    entries = {"archive.tgz": tgz({"x1": {"a": "1"}})}
    sums = {f"user/u{number}.tgz": "0" * 96 for number in range(10_000)}
    world.snapshots.mkdir(parents=True)
    write_snapshot(
        world.snapshots / "1_hello_1.0_x1.zip", snapshot_of(1, "hello", entries, sums=sums), entries
    )
    with nothing_changes(world):
        assert not world.engine.sets()[0].snapshots[0].broken
        assert len(world.do(Check(1, users=("u7",))).faults) == 1
    assert len(world.do(Restore(1)).left_out) == 10_000


def test_overlapping_archives_are_told_apart_by_their_hashes(tmp_path: Path) -> None:
    """Two members at one place: what the hashes do not agree with is not restored."""
    world = World(tmp_path / "root")
    world.install("hello", data={"a": "live"})
    path = world.add(1, "hello", {"x1": {"a": "1"}}, users={"alice": {"x1": {"a": "2"}}})
    raw = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        second = archive.getinfo("user/alice.tgz").header_offset
    at = raw.rfind(b"PK\1\2", 0, raw.rfind(b"user/alice.tgz"))
    path.write_bytes(raw[: at + 42] + struct.pack("<L", second - second) + raw[at + 46 :])
    with nothing_changes(world):
        assert world.do(Check(1)).faults
        with pytest.raises(SnapshotError):
            world.do(Restore(1))


# -- hostile archives


def archive_of(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz", format=tarfile.GNU_FORMAT) as archive:
        for member, content in members:
            member.uid = member.gid = os.geteuid()
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def directory(name: str) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.type, member.mode = tarfile.DIRTYPE, 0o755
    return member, b""


def test_a_sparse_file_of_a_terabyte(tmp_path: Path) -> None:
    """It takes no room, so it is data like any other: a restore of it is quick and can be undone."""
    world = World(tmp_path / "root")
    world.install("hello", data={"a": "live"})
    source = tmp_path / "source/x1"
    source.mkdir(parents=True)
    with (source / "huge").open("wb") as huge:
        huge.truncate(1 << 40)
    packed = subprocess.run(
        ["tar", "--create", "--gzip", "--sparse", "--format=gnu", "--directory", str(source.parent), "x1"],
        capture_output=True,
        check=True,
    ).stdout
    shutil.rmtree(tmp_path / "source")
    world.add(1, "hello", packed)
    with little_memory():
        world.do(Restore(1))
    huge_file = world.data("hello") / "x1/huge"
    assert huge_file.stat().st_size == 1 << 40
    assert huge_file.stat().st_blocks < 1 << 20
    world.do(Undo())
    assert tree_of(world.data("hello")) == {"x1": {"a": "live"}}


@pytest.mark.slow
def test_very_many_links_are_all_remembered(tmp_path: Path) -> None:
    world = World(tmp_path / "root")
    world.install("hello", data={"a": "live"})
    count = 60_000
    members = bytearray()
    for number in range(count):
        member = tarfile.TarInfo(f"x1/{number % 50}-{number}")
        member.type, member.linkname = tarfile.SYMTYPE, "nowhere"
        members += member.tobuf(tarfile.GNU_FORMAT)
    evil = tarfile.TarInfo(f"x1/{(count - 1) % 50}-{count - 1}/through")
    top = directory("x1")[0].tobuf(tarfile.GNU_FORMAT)
    raw = top + bytes(members) + evil.tobuf(tarfile.GNU_FORMAT) + bytes(1024)
    compressor = zlib.compressobj(1, wbits=31)
    world.add(1, "hello", compressor.compress(raw) + compressor.flush())
    with nothing_changes(world), little_memory():
        assert "through a symbolic link" in world.do(Check(1, structure=True)).faults[0]


# -- hostile exports


def export_of(members: Mapping[str, bytes], **listed: Any) -> bytes:
    stream = io.BytesIO()
    names = [name for name in members if name.endswith(".zip")]
    manifest = json.dumps({"format": 1, "date": "", "files": names} | listed).encode()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in {**members, "export.json": manifest}.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


@pytest.mark.parametrize(
    "name",
    [
        "../../../1_hello_1.0_x1.zip",
        "/etc/1_hello_1.0_x1.zip",
        "1_../../x_1.0_x1.zip",
        "..",
        "1_importing",
        "1_hello_1.0_x1.zip.part",
        "1_hello_1.0_x0.zip",
        "1_hello_1.0_../x.zip",
        ".snapstow-import-1.zip",
        "18446744073709551616_hello_1.0_x1.zip",
        "-1_hello_1.0_x1.zip",
        "1_hello_1.0\\_x1.zip",
        "content.json/../../x.zip",
    ],
)
def test_hostile_names_in_exports(tmp_path: Path, name: str) -> None:
    world = World(tmp_path / "root")
    content = world.add(7, "hello").read_bytes()
    os.unlink(world.snapshots / "7_hello_1.0_x1.zip")
    with nothing_changes(world), pytest.raises(SnapshotError):
        taken_in(world, export_of({name: content}))
    assert sorted(os.listdir(tmp_path)) == ["root"]


def test_an_export_with_very_many_members(tmp_path: Path) -> None:
    """Two thousand snaps of nothing: refused for what they are, and in no time."""
    world = World(tmp_path / "root")
    world.snapshots.mkdir(parents=True)
    members = {f"1_s{number}_1_1.zip": b"" for number in range(2_000)}
    with nothing_changes(world), little_memory(), pytest.raises(SnapshotError):
        taken_in(world, export_of(members))


def test_export_json_bombs(tmp_path: Path) -> None:
    world = World(tmp_path / "root")
    world.snapshots.mkdir(parents=True)
    for content in (b"[" * 3_000_000, b'"' + b"x" * (70 << 20) + b'"', b'{"a":' * 1000 + b"1" + b"}" * 1000):
        with nothing_changes(world), little_memory(), pytest.raises(SnapshotError):
            taken_in(world, export_of({"content.json": content}))
