"""Damaged snapshot files and exports: one of our errors, or the data as they were saved."""

import io
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import SnapshotError
from backend.operations import Check, Restore, Save
from backend.progress import Progress
from backend.transfer.exporter import SnapshotExport, export_to_file
from tests import golden
from tests.support.builders import (
    World,
)
from tests.support.damage import DATA, contents, data, nothing_changes, taken_in

EVERY = bool(os.environ.get("SNAPSTOW_EVERY_KILL"))
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
