"""What is restored is read once: its hash is known when it is unpacked; nothing stays unless it agrees."""

import gzip
import hashlib
import os
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.archive import hashing
from backend.archive.tar.program import Tar
from backend.engine.perform import perform
from backend.errors import IntegrityError, SnapshotError
from backend.operations import Check, Extract, Operation, Restore
from backend.progress import Advanced, Event, PartAdvanced, Progress, Started
from tests.support.builders import Tree, World, tgz
from tests.support.gzipblocks import noise, packed, text
from tests.support.restoring import everything, make_world

world = pytest.fixture(make_world)

TREE: Tree = {"x1": {"a": text(1 << 20), "n": noise(1 << 20)}, "common": {"b": noise(1 << 20, 2), "e": "end"}}
SNAPDS = tgz(TREE)
OURS = packed(gzip.decompress(SNAPDS))
KINDS = pytest.mark.parametrize("sound", [SNAPDS, OURS], ids=["snapds", "ours"])
WAYS: dict[str, Callable[[Path], Operation]] = {
    "in place": lambda _folder: Restore(1),
    "beside": lambda folder: Restore(1, target_dir=str(folder)),
    "extract": lambda _folder: Extract(1, ("hello:common", "hello:rev")),
}
ALL = pytest.mark.parametrize("way", WAYS)


def damages(sound: bytes) -> Iterator[bytes]:
    """At every kind of place: headers, the middle of blocks, the seams between them, trailers, the length."""
    size = len(sound)
    seams = [at for at in range(0, size, 1 << 18)]
    for at in (
        0,
        2,
        3,
        9,
        12,
        16,
        19,
        24,
        *seams,
        size // 2,
        size - 9,
        size - 8,
        size - 5,
        size - 4,
        size - 1,
    ):
        yield sound[:at] + bytes([sound[at] ^ 0x41]) + sound[at + 1 :]
    for at in (0, 1, 700, size // 2, size - 8, size - 1):
        yield sound[:at]
    yield sound + bytes(512)
    yield sound + b"more"
    yield sound[: 1 << 20] + bytes(1 << 16) + sound[(1 << 20) + (1 << 16) :]
    yield bytes(size)
    yield gzip.compress(b"no tar")


def checked(world: World) -> str:
    (verdict,) = world.engine.check(Check(1), Progress()).verdicts
    return verdict.fault


@pytest.mark.slow
@KINDS
@ALL
def test_damage_anywhere_is_refused_in_the_words_of_a_check(
    world: World, tmp_path: Path, sound: bytes, way: str
) -> None:
    sums = {"archive.tgz": hashlib.sha3_384(sound).hexdigest()}
    before = everything(world)
    for damaged in damages(sound):
        world.add(1, "hello", damaged, sums=sums)
        fault = checked(world)
        assert "does not match actual" in fault
        with pytest.raises(IntegrityError) as refused:
            world.do(WAYS[way](tmp_path / "out"))
        assert fault in str(refused.value)
        assert refused.value.exit_code == 4
        assert everything(world) == before
        assert not (tmp_path / "out").exists()


@KINDS
@ALL
def test_a_byte_that_changes_on_the_disk_is_noticed(
    world: World, tmp_path: Path, sound: bytes, way: str
) -> None:
    path = world.add(1, "hello", sound)
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    before = everything(world)
    fault = checked(world)
    assert fault
    with pytest.raises(IntegrityError) as refused:
        world.do(WAYS[way](tmp_path / "out"))
    assert fault in str(refused.value)
    assert everything(world) == before


class Meddling(Progress):
    """A job during which something happens once the reading of an archive has begun."""

    def __init__(self, act: Callable[[], object]) -> None:
        super().__init__(self._watch)
        self._act = act
        self._is_staging = False

    def _watch(self, event: Event) -> None:
        self._is_staging |= isinstance(event, Started) and event.title == "Unpacking"

    def advance(self, amount: int) -> None:
        super().advance(amount)
        if self._is_staging:
            self._act, act = (lambda: None), self._act
            act()


@KINDS
def test_a_file_changed_while_it_is_read_is_noticed(world: World, sound: bytes) -> None:
    path = world.add(1, "hello", sound)
    before = everything(world)

    def change() -> None:
        with path.open("r+b") as file:
            file.seek(len(sound) - 2000)
            file.write(b"another")

    with pytest.raises(IntegrityError):
        world.engine.restore(Restore(1), Meddling(change))
    assert everything(world) == before


@KINDS
def test_a_file_replaced_while_it_is_read_is_read_to_its_end(world: World, sound: bytes) -> None:
    path = world.add(1, "hello", sound)

    def replace() -> None:
        path.unlink()
        path.write_bytes(b"another")

    world.engine.restore(Restore(1), Meddling(replace))
    assert (world.data("hello") / "common/e").read_text() == "end"


@KINDS
@ALL
def test_each_archive_is_read_once(
    world: World, tmp_path: Path, sound: bytes, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.add(1, "hello", sound)
    pread, counted = os.pread, []

    def counting(fd: int, count: int, at: int) -> bytes:
        content = pread(fd, count, at)
        counted.append(len(content))
        return content

    monkeypatch.setattr(os, "pread", counting)
    world.do(WAYS[way](tmp_path / "out"))
    assert len(sound) <= sum(counted) < len(sound) + (256 << 10)


def test_a_bad_member_of_a_sound_archive_is_what_is_told(world: World) -> None:
    world.add(1, "hello", tgz({"elsewhere": {"a": "1"}}))
    before = everything(world)
    with pytest.raises(IntegrityError, match="outside of the revision and common directories"):
        world.do(Restore(1))
    assert everything(world) == before


# -- side by side


def pair(world: World, **facts: Any) -> None:
    world.add(1, "hello", OURS, **facts)
    world.install("other")
    world.add(1, "other", SNAPDS)


def test_two_archives_are_unpacked_at_once_and_every_byte_is_counted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashing, "cores", lambda: 2)
    pair(world)
    both, unpack, events = threading.Barrier(2), Tar.unpack, list[Event]()

    def meeting(*arguments: Any) -> None:
        both.wait(20)
        unpack(*arguments)

    monkeypatch.setattr(Tar, "unpack", meeting)
    world.engine.restore(Restore(1), Progress(events.append))
    total = len(OURS) + len(SNAPDS)
    begun = events.index(Started("Unpacking", total, parts=2))
    assert Advanced(total) in events[begun:]
    ended = {event for event in events if isinstance(event, PartAdvanced) and event.ended}
    sizes = {"hello, system": len(OURS), "other, system": len(SNAPDS)}
    assert ended == {PartAdvanced(name, size, size, ended=True) for name, size in sizes.items()}


@pytest.mark.parametrize("way", ["in place", "extract"])
def test_files_are_named_as_they_are_unpacked(world: World, tmp_path: Path, way: str) -> None:
    world.add(1, "hello", SNAPDS)
    events = list[Event]()
    progress = Progress(events.append, clock=iter(range(1 << 20)).__next__)
    perform(WAYS[way](tmp_path / "out"), world.engine, progress)
    named = {event.file for event in events if isinstance(event, PartAdvanced)} - {""}
    assert named
    assert named <= {"x1", "x1/", "x1/a", "x1/n", "common", "common/", "common/b", "common/e"}


def test_one_bad_archive_stops_the_others(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "cores", lambda: 2)
    pair(world, sums={"archive.tgz": "0" * 96})
    before = everything(world)
    is_other, unpack = threading.Event(), Tar.unpack

    def waiting(tar: Tar, landing: int, chunks: Any, vetter: Any, progress: Progress) -> None:
        if "other" not in os.readlink(f"/proc/self/fd/{landing}"):
            assert is_other.wait(20)
            unpack(tar, landing, chunks, vetter, progress)
            return
        stopped = threading.Event()
        with progress.on_cancel(stopped.set):
            is_other.set()
            assert stopped.wait(20)
        unpack(tar, landing, chunks, vetter, progress)

    monkeypatch.setattr(Tar, "unpack", waiting)
    with pytest.raises(SnapshotError, match=r"hello.*expected hash"):
        world.do(Restore(1))
    assert everything(world) == before


@pytest.mark.parametrize("way", ["in place", "beside"])
def test_nobody_else_reaches_what_is_not_verified_yet(
    world: World, tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.add(1, "hello", SNAPDS, users={"alice": {"common": {"b": "1"}}})
    seen, unpack = [], Tar.unpack

    def looking(tar: Tar, landing: int, *arguments: Any) -> None:
        unpack(tar, landing, *arguments)
        place = Path(os.readlink(f"/proc/self/fd/{landing}"))
        holder = next(above for above in place.parents if above.name.startswith(".snapstow"))
        for folder in (holder, next(holder.iterdir())):
            status = folder.lstat()
            seen.append((stat.S_IMODE(status.st_mode), status.st_uid))

    monkeypatch.setattr(Tar, "unpack", looking)
    world.do(WAYS[way](tmp_path / "out"))
    assert seen == [(0o700, os.geteuid())] * 4
