"""Damaged and hostile files: one of our errors, or the data as they were saved; nothing else, nowhere else.

Flips of every single byte are tried with SNAPSTOW_EVERY_KILL set, of a sample otherwise.
"""

import hashlib
import io
import json
import os
import resource
import shutil
import signal
import stat
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
from hypothesis import given
from hypothesis import strategies as st

from backend.archive.reader import Reader
from backend.errors import NotFoundError, SnapshotError
from backend.jobs.record import JobState
from backend.model import Snapshot
from backend.operations import Check, Export, Forget, Restore, Save, Undo
from backend.progress import Progress
from backend.restore.slots import HOLDER
from backend.transfer.exporter import SnapshotExport, export_to_file
from backend.transfer.importer import import_set
from tests import golden
from tests.support.builders import (
    AS_ROOT,
    Link,
    Tree,
    World,
    plant,
    snapshot_of,
    tgz,
    tree_of,
    uid_of,
    write_snapshot,
)
from tests.support.journals import amend, note, recorded

LIES = 20
EVERY = bool(os.environ.get("SNAPSTOW_EVERY_KILL"))
DATA: dict[str, Tree] = {
    "x1": {"a": "saved", "deep": {"er": "saved", "link": Link("/etc/passwd")}},
    "common": {"b": "saved" * 99},
}
OURS = "ours"
STOREY = "1_storey_1.33+git~1_42.zip"
HELLO = "1_hello_2.10_x1.zip"

Damage = Callable[[bytes], bytes]


def points(size: int, stride: int) -> Iterator[int]:
    return iter(range(0, size, 1 if EVERY else stride))


def flip(at: int, mask: int = 0xFF) -> Damage:
    def damage(raw: bytes) -> bytes:
        copy = bytearray(raw)
        copy[at % len(raw)] ^= mask
        return bytes(copy)

    return damage


def zero(at: int, count: int) -> Damage:
    return lambda raw: (
        raw[: at % len(raw)] + bytes(len(raw[at % len(raw) :][:count])) + raw[at % len(raw) + count :]
    )


def cut(at: int) -> Damage:
    return lambda raw: raw[: at % len(raw)]


def extend(more: bytes) -> Damage:
    return lambda raw: raw + more


def swap(nth: int, other: int, size: int) -> Damage:
    def damage(raw: bytes) -> bytes:
        blocks = [raw[at : at + size] for at in range(0, len(raw), size)]
        first, second = nth % len(blocks), other % len(blocks)
        blocks[first], blocks[second] = blocks[second], blocks[first]
        return b"".join(blocks)

    return damage


WHERE = st.integers(0, 1 << 20)
DAMAGES = st.one_of(
    st.builds(flip, WHERE, st.integers(1, 255)),
    st.builds(zero, WHERE, st.integers(1, 600)),
    st.builds(cut, WHERE),
    st.builds(extend, st.binary(min_size=1, max_size=70)),
    st.builds(extend, st.sampled_from([bytes(512), b"PK\x05\x06" + bytes(18), b"PK\x05\x06" * 9])),
    st.builds(swap, WHERE, WHERE, st.sampled_from([16, 64, 512])),
)


def data(world: World) -> dict[str, Any]:
    """All data, and what else lies beside them."""
    return {top: tree_of(world.root / top, holder=True) for top in ("var/snap", "home", "root", "etc")}


@contextmanager
def nothing_changes(world: World) -> Iterator[None]:
    before, names = data(world), world.names()
    yield
    assert data(world) == before
    assert world.names() == names


# -- snapshot files


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Snapshot files by name: one of ours, with two archives, and two of the real snapd's."""
    world = World(tmp_path_factory.mktemp("sound") / "root")
    world.install(
        "hello", version="2.10", data=DATA["x1"], common=DATA["common"], users={"alice": {"n": "saved"}}
    )
    world.do(Save())
    (made,) = world.names()
    return {
        OURS: (world.snapshots / made).read_bytes(),
        STOREY: (golden.SNAPSHOTS / STOREY).read_bytes(),
        HELLO: (golden.SNAPSHOTS / HELLO).read_bytes(),
    }


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world for snapshots of hello and storey, with other data than they hold."""
    world = World(tmp_path_factory.mktemp("room") / "root")
    world.snapshots.mkdir(parents=True)
    return world


def placed(world: World, kind: str, raw: bytes) -> Path:
    """A snapshot file, alone in the store; the data are as before any restore."""
    for name in world.names():
        (world.snapshots / name).unlink()
    path = world.snapshots / (HELLO if kind == OURS else kind)
    path.write_bytes(raw)
    return path


def contents(path: Path) -> tuple[Snapshot, dict[str, bytes]]:
    """All that a restore would use of a file whose check finds nothing: raises where it finds something."""
    with Reader.open(str(path)) as reader:
        if reader.snapshot.broken:
            raise SnapshotError(reader.snapshot.broken)
        for verdict in reader.check(structure=True):
            if verdict.fault:
                raise SnapshotError(verdict.fault)
        archives = {}
        for entry in reader.snapshot.entries:
            read = reader.stream(entry)
            archives[entry] = b"".join(iter(lambda read=read: read(1 << 20), b""))  # type: ignore[misc]
        return reader.snapshot, archives


def same_or_refused(world: World, kind: str, original: bytes, damaged: bytes) -> bool:
    """Whether a damaged file still passes; if it does, it is what was saved. It is always in the list."""
    path = placed(world, kind, original)
    wanted = contents(path)
    path.write_bytes(damaged)
    (listed,) = (snapshot for group in world.engine.sets() for snapshot in group.snapshots)
    assert listed.path == str(path)
    try:
        members = contents(path)
    except (SnapshotError, OSError):
        return False
    assert members == wanted
    assert not listed.broken
    return True


@pytest.mark.parametrize("kind", [OURS, STOREY, HELLO])
def test_every_byte_of_a_snapshot(room: World, sound: Mapping[str, bytes], kind: str) -> None:
    raw = sound[kind]
    passed = {at for at in points(len(raw), 17) if same_or_refused(room, kind, raw, flip(at)(raw))}
    # What may pass are times, versions, descriptors, the last bits of a deflated member: no byte of the data.
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        for member in archive.infolist():
            if member.compress_type != zipfile.ZIP_STORED:
                continue
            start = member.header_offset + 30 + len(member.filename)
            assert not passed.intersection(range(start, start + member.compress_size))


@pytest.mark.slow
@pytest.mark.parametrize("kind", [OURS, STOREY])
def test_every_length_of_a_snapshot(room: World, sound: Mapping[str, bytes], kind: str) -> None:
    raw = sound[kind]
    assert not [at for at in points(len(raw), 23) if same_or_refused(room, kind, raw, raw[:at])]


@given(kind=st.sampled_from([OURS, STOREY, HELLO]), damages=st.lists(DAMAGES, min_size=1, max_size=3))
def test_damaged_snapshots(room: World, sound: Mapping[str, bytes], kind: str, damages: list[Damage]) -> None:
    raw = sound[kind]
    for damage in damages:
        raw = damage(raw) if raw else raw
    same_or_refused(room, kind, sound[kind], raw)


@given(kind=st.sampled_from([OURS, STOREY]), damage=DAMAGES)
def test_restoring_damaged_snapshots(
    room: World, sound: Mapping[str, bytes], kind: str, damage: Damage
) -> None:
    raw = damage(sound[kind])
    path = placed(room, kind, sound[kind])
    wanted = restored(room)
    path.write_bytes(raw)
    good = same_or_refused(room, kind, sound[kind], raw)
    before = clean(room)
    try:
        result = restored(room)
    except SnapshotError:
        assert not good
        assert data(room) == before
    else:
        assert result == wanted


def clean(world: World) -> dict[str, Any]:
    """A world without data."""
    for place in (world.root / "var/snap", world.root / "home/alice/snap", world.root / "home/bob/snap"):
        shutil.rmtree(place, ignore_errors=True)
    (world.root / "var/snap").mkdir()
    return data(world)


def restored(world: World) -> dict[str, Any]:
    """The data that a restore of set 1 puts into an empty world."""
    clean(world)
    world.engine.restore(Restore(1, undo_window=0), Progress())
    live_data = data(world)
    clean(world)
    return live_data


def test_a_check_of_everything_names_the_damaged_one(room: World, sound: Mapping[str, bytes]) -> None:
    placed(room, OURS, sound[OURS][:-30])
    (room.snapshots / STOREY).write_bytes(sound[STOREY])
    result = room.do(Check())
    assert [(verdict.snap, bool(verdict.fault)) for verdict in result.verdicts if verdict.fault] == [
        ("hello", True)
    ]
    assert result.exit_code == 4


# -- exports


@pytest.fixture(scope="module")
def streams(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    world = World(tmp_path_factory.mktemp("streams") / "root")
    world.add(3, "hello", DATA, users={"alice": {"common": {"n": "saved"}}})
    world.add(3, "other")
    path = world.root / "three.snapshot"
    with SnapshotExport(world.engine.store, 3) as export:
        export_to_file(export, str(path), Progress())
    return {OURS: path.read_bytes(), "golden": (golden.HERE / golden.index()["files"]["export"]).read_bytes()}


def taken_in(world: World, raw: bytes) -> dict[str, dict[str, bytes]]:
    """What comes in, by snap and archive; the store is empty again afterwards."""
    path = world.root / "incoming"
    path.write_bytes(raw)
    with path.open("rb") as stream:
        try:
            imported = import_set(world.engine.store, stream.fileno(), Progress())
        finally:
            (world.root / "incoming").unlink()
    listed = [snapshot for group in world.engine.sets() for snapshot in group.snapshots]
    assert [snapshot.set_id for snapshot in listed] == [imported.set_id] * len(listed)
    by_snap = {snapshot.snap: contents(Path(snapshot.path))[1] for snapshot in listed}
    world.engine.forget(Forget(imported.set_id), Progress())
    return by_snap


def came_in_or_not(world: World, original: bytes, damaged: bytes) -> bool:
    wanted = taken_in(world, original)
    with nothing_changes(world):
        try:
            imported = taken_in(world, damaged)
        except SnapshotError:
            return False
    assert imported == wanted
    return True


@pytest.mark.parametrize("kind", [OURS, "golden"])
def test_every_byte_of_an_export(tmp_path: Path, streams: Mapping[str, bytes], kind: str) -> None:
    world = World(tmp_path / "root")
    raw = streams[kind]
    wanted = taken_in(world, raw)
    for at in points(len(raw), 331):
        with nothing_changes(world):
            try:
                assert taken_in(world, flip(at)(raw)) == wanted
            except SnapshotError:
                continue


@given(kind=st.sampled_from([OURS, "golden"]), damage=DAMAGES)
def test_damaged_exports(
    tmp_path_factory: pytest.TempPathFactory, streams: Mapping[str, bytes], kind: str, damage: Damage
) -> None:
    world = World(tmp_path_factory.mktemp("damaged") / "root")
    came_in_or_not(world, streams[kind], damage(streams[kind]))


# -- hostile snapshots


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
    """It takes no room, so it is data like any other: a restore of it is quick and can be taken back."""
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


# -- what is planted


def plant_link(path: Path, target: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


def plant_folder(path: Path, _target: Path) -> None:
    plant(path, {"mine": "1"}, uid_of("alice"))
    path.chmod(0o755)


def plant_file(path: Path, _target: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine")


PLANTED = ("snap/hello/common", "snap/hello/x1", "snap/hello", "snap", f"snap/hello/{HOLDER}")


@pytest.mark.parametrize("path", PLANTED)
@pytest.mark.parametrize("how", [plant_link, plant_file, plant_folder])
def test_planted_links_are_not_followed(tmp_path: Path, path: str, how: Callable[[Path, Path], None]) -> None:
    """Whatever a user puts where data go: outside nothing changes, and all is restored or nothing."""
    world = World(tmp_path / "root")
    world.install("hello", data={"a": "live"})
    target = plant(tmp_path / "outside", {"common": {"c": "1"}, "x1": {}, "hello": {}, HOLDER: {}})
    saved = {"x1": {"a": "saved"}, "common": {"n": "saved"}}
    world.add(1, "hello", {"x1": {"a": "saved"}}, users={"alice": saved, "bob": saved})
    how(world.home("alice") / path, target)
    before, outside = data(world), golden.tree(target)
    try:
        world.do(Restore(1))
    except SnapshotError:
        assert data(world) == before
    else:
        assert tree_of(world.data("hello"))["x1"] == {"a": "saved"}
        assert tree_of(world.data("hello", "bob")) == saved
        world.do(Undo())
        assert tree_of(world.data("hello")) == {"x1": {"a": "live"}}
    assert golden.tree(target) == outside


@pytest.mark.parametrize("path", ["var/snap/hello", "var/snap/hello/common", f"var/snap/hello/{HOLDER}"])
def test_links_where_the_systems_data_go(tmp_path: Path, path: str) -> None:
    world = World(tmp_path / "root")
    world.install("hello")
    target = plant(tmp_path / "outside", {"common": {"c": "1"}, "x1": {}})
    world.add(1, "hello", DATA)
    plant_link(world.root / path, target)
    outside = golden.tree(target)
    with nothing_changes(world), pytest.raises(SnapshotError):
        world.do(Restore(1))
    assert golden.tree(target) == outside


def test_a_link_that_appears_before_the_undo(tmp_path: Path) -> None:
    """After a restore the user swaps her directories for links: the undo leaves what they lead to alone."""
    world = World(tmp_path / "root")
    world.install("hello", data={"a": "live"}, users={"alice": {"n": "live"}})
    world.add(1, "hello", {"x1": {"a": "saved"}}, users={"alice": {"common": {"n": "saved"}}})
    world.do(Restore(1))
    target = plant(tmp_path / "outside", {"common": {"c": "1"}})
    snap = world.home("alice") / "snap"
    snap.rename(world.home("alice") / "kept")
    plant_link(snap / "hello", target)
    outside = golden.tree(target)
    with pytest.raises(SnapshotError):
        world.do(Undo())
    assert golden.tree(target) == outside
    assert tree_of(world.data("hello")) == {"x1": {"a": "saved"}}
    (record,) = (candidate for candidate in world.engine.journal.records() if candidate.verb == "restore")
    amend(record, {"undo_until": 1.0})
    world.engine.tidy(Progress())
    assert golden.tree(target) == outside
    assert not (world.data("hello") / HOLDER).exists()


def odd_files(folder: Path, outside: Path) -> dict[str, Path]:
    """Things that are no files, under names of snapshots."""
    odd = {
        kind: folder / f"{number}_hello_1.0_x1.zip"
        for number, kind in enumerate(("link", "fifo", "folder", "dangling"), 1)
    }
    odd["link"].symlink_to(outside)
    os.mkfifo(odd["fifo"])
    odd["folder"].mkdir()
    odd["dangling"].symlink_to(folder / "nowhere")
    if AS_ROOT:
        odd["device"] = folder / "9_hello_1.0_x1.zip"
        try:
            os.mknod(odd["device"], stat.S_IFCHR | 0o600, os.makedev(1, 5))
        except PermissionError:
            del odd["device"]
    return odd


def test_odd_entries_of_the_store_are_harmless(tmp_path: Path) -> None:
    world = World(tmp_path / "root")
    world.install("hello")
    secret = world.add(30, "hello", DATA)
    outside = tmp_path / "outside.zip"
    secret.rename(outside)
    before = outside.read_bytes()
    odd = odd_files(world.snapshots, outside)
    with alarm(20):
        listed = {snapshot.path: snapshot for group in world.engine.sets() for snapshot in group.snapshots}
        assert listed.keys() == {str(path) for path in odd.values()}
        assert all(snapshot.broken for snapshot in listed.values())
        for number in sorted(snapshot.set_id for snapshot in listed.values()):
            assert world.do(Check(number)).faults
            for operation in (Restore(number), Export(number, str(tmp_path / "out"))):
                with pytest.raises(SnapshotError):
                    world.do(operation)
        world.engine.findings()
        world.do(Forget(1))
        with pytest.raises(SnapshotError):
            world.do(Forget(3))
    assert outside.read_bytes() == before


@contextmanager
def alarm(seconds: int) -> Iterator[None]:
    """What is done inside must not hang."""

    def late(_number: int, _frame: object) -> None:
        raise TimeoutError("it hangs")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def test_a_hard_link_to_a_file_elsewhere_is_only_read(tmp_path: Path) -> None:
    world = World(tmp_path / "root")
    outside = tmp_path / "secret"
    outside.write_text("root:x:0:0\n")
    world.snapshots.mkdir(parents=True)
    os.link(outside, world.snapshots / "1_hello_1.0_x1.zip")
    (group,) = world.engine.sets()
    assert group.snapshots[0].broken
    assert "root" not in group.snapshots[0].broken
    world.do(Forget(1))
    assert outside.read_text() == "root:x:0:0\n"


@pytest.mark.parametrize("number", [2**62, 2**63 - 1, 2**63, 2**64, 10**40])
def test_absurd_set_ids(tmp_path: Path, number: int) -> None:
    world = World(tmp_path / "root")
    world.install("hello", data={"a": "live"})
    sound = world.add(2, "hello")
    shutil.copy(sound, world.snapshots / f"{number}_hello_1.0_x1.zip")
    (world.snapshots / f"{number}_importing").touch()
    assert 2 in [group.set_id for group in world.engine.sets()]
    assert [world.do(Save()).set_id for _ in range(3)] == [3, 4, 5]


@pytest.mark.parametrize("kind", ["fifo", "folder", "link"])
def test_odd_files_where_an_export_goes_are_harmless(tmp_path: Path, kind: str) -> None:
    world = World(tmp_path / "root")
    world.add(1, "hello")
    part = tmp_path / "out.part"
    victim = tmp_path / "victim"
    victim.write_text("mine")
    if kind == "fifo":
        os.mkfifo(part)
    elif kind == "folder":
        part.mkdir()
    else:
        part.symlink_to(victim)
    with alarm(10), pytest.raises(SnapshotError):
        world.do(Export(1, str(tmp_path / "out")))
    assert victim.read_text() == "mine"
    assert sorted(os.listdir(tmp_path)) == ["out.part", "root", "victim"]


# -- journals that lie


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """Files and directories that no job of ours has to do with."""
    return plant(tmp_path / "victim", {"file": "1", "empty": {}, "full": {"common": {"x": "1"}}})


def identity(path: Path) -> list[int]:
    return [path.stat().st_dev, path.stat().st_ino]


def lies(world: World, victim: Path) -> dict[str, list[dict[str, Any]]]:
    """Steps that name what is not theirs, by the verb and what they lie about."""
    folder = str(world.snapshots)
    out = str(victim)
    slot = [out, *identity(victim), "1-a", *identity(victim / "full")]
    good = f"{folder}/5_hello_1.0_x1.zip"
    up = os.path.relpath(victim / "file", folder)
    return {
        "save: temporary above": [{"temporary": f"{folder}/.."}],
        "save: temporary elsewhere": [{"temporary": f"{out}/file"}],
        "save: temporary a good snapshot": [{"temporary": good}],
        "import-snapshot: staging above": [{"staging": f"{folder}/../../../../../../{out}"}],
        "save: published elsewhere": [
            {"publish": {"set": 5, "files": [[f"{out}/file", up, *identity(victim / "file")]]}}
        ],
        "save: published a good snapshot": [
            {"publish": {"set": 9, "files": [[good, "5_hello_1.0_x1.zip", *identity(Path(good))]]}}
        ],
        "save: marker above": [{"publish": {"set": f"../../../../../../{out}/file", "files": []}}],
        "export-snapshot: part elsewhere": [{"part": f"{out}/file", "identity": identity(victim / "file")}],
        "restore: made elsewhere": [{"made": f"{out}/empty"}],
        "restore: made above": [{"made": f"{world.root}/../victim/empty"}],
        "restore: slot above": [{"slot": "..", "parents": [f"{out}/full", out]}],
        "restore: slot elsewhere": [{"slot": "1-a", "parents": [out]}],
        "restore: moves elsewhere": [
            {
                "moves": {
                    "slots": [slot],
                    "moves": [[0, "full", [], identity(victim / "full")]],
                    "made": [],
                    "done": False,
                }
            }
        ],
        "undo: moves above": [
            {"of": 1},
            {"moves": {"slots": [slot], "moves": [[0, "../file", [], []]], "made": [], "done": False}},
        ],
        "restore: committed elsewhere": [
            {"moves": {"slots": [slot], "moves": [], "made": [], "done": False}},
            {"committed": True},
        ],
        "restore: no path": [{"made": "/a\0b"}, {"slot": "1-a", "parents": ["\ud800", "a\0b"]}],
        "save: no path": [{"temporary": f"{folder}/1_\0.zip.bbbbbbbbbbbb~"}, {"staging": "\ud800"}],
        "restore: nonsense": [{"moves": 5}, {"slot": 1, "parents": 7}],
        "save: more nonsense": [{"publish": []}, {"temporary": 5}, {"staging": None}],
        "export-snapshot: still more": [{"part": None, "identity": "x"}],
    }


@pytest.mark.parametrize("window", [0, 86400, "x", None], ids=str)
@pytest.mark.parametrize("number", range(LIES))
def test_journals_that_lie(tmp_path: Path, victim: Path, number: int, window: object) -> None:
    world = World(tmp_path / "root")
    world.add(5, "hello")
    cases = lies(world, victim)
    assert len(cases) == LIES
    case = sorted(cases)[number]
    operation = recorded({"verb": case.partition(":")[0], "undo_window": window})
    with world.engine.journal.job(operation, world.engine.root) as record:
        note(record, *cases[case])
    before = golden.tree(victim)
    with nothing_changes(world):
        world.engine.findings()
        world.engine.tidy(Progress())
        world.engine.undo_offers()
    assert golden.tree(victim) == before


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"{",
        b"[]",
        b"5",
        b'{"operation":5}',
        b'{"operation":{},"started":"x"}',
        b'{"operation":{},"pid":1e999}',
        b'{"operation":{},"uid":[]}',
        b"[" * 99999,
    ],
)
@pytest.mark.parametrize("name", ["operation.json", "result.json"])
def test_damaged_journals(tmp_path: Path, name: str, document: bytes) -> None:
    world = World(tmp_path / "root")
    world.install("hello", data={"a": "live"})
    world.do(Save())
    world.do(Restore(1))
    for number in (1, 2):
        (world.root / f"var/lib/snapstow/jobs/{number}/{name}").write_bytes(document)
    world.engine.findings()
    world.engine.undo_offers()
    world.engine.journal.records()
    world.do(Save())
    assert tree_of(world.data("hello")) == {"x1": {"a": "live"}}


@pytest.mark.parametrize(
    "values",
    [
        {"undo_until": "x"},
        {"undo_until": None},
        {"snaps": 5},
        {"snaps": [[]]},
        {"set_id": []},
        {"undone": []},
        {"state": []},
        {"undo_until": 1e400},
    ],
)
def test_results_that_lie(tmp_path: Path, values: dict[str, Any]) -> None:
    world = World(tmp_path / "root")
    world.install("hello", data={"a": "live"})
    world.do(Save())
    world.do(Restore(1))
    amend(world.engine.journal.record(2), values)
    world.engine.findings()
    world.engine.undo_offers()
    try:
        world.do(Undo())
    except SnapshotError as refusal:
        assert "bug" not in str(refusal)  # noqa: PT017 - either ending is fine
    assert tree_of(world.data("hello")) == {"x1": {"a": "live"}}


@pytest.mark.root
@pytest.mark.parametrize("what", ["jobs", "job", "jobs writable", "job writable", "place writable"])
def test_journals_that_others_can_write(tmp_path: Path, what: str) -> None:
    """Root ends nothing, and takes nothing back, that another user's journal tells of."""
    world = World(tmp_path / "root")
    world.install("hello", data={"a": "live"})
    world.do(Save())
    (world.data("hello") / "x1/a").write_text("newer")
    world.do(Restore(1))
    place = world.root / "var/lib/snapstow"
    if what == "jobs":
        os.chown(place / "jobs", uid_of("alice"), 0)
    elif what == "job":
        os.chown(place / "jobs/2", uid_of("alice"), 0)
    else:
        {"jobs writable": place / "jobs", "job writable": place / "jobs/2", "place writable": place}[
            what
        ].chmod(0o777)
    assert world.engine.undo_offers() == []
    with pytest.raises(NotFoundError):
        world.do(Undo())
    (place / "jobs/2/result.json").unlink()
    world.engine.tidy(Progress())
    assert world.engine.journal.record(2).state is JobState.INTERRUPTED
    assert tree_of(world.data("hello")) == {"x1": {"a": "live"}}
