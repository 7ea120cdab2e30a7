"""Errors on either side, stops and bombs in gzip blocks."""

import gzip
import io
import subprocess
import sys
import threading
import zlib
from pathlib import Path

import pytest

from backend.archive.gzip.blocks import BLOCK, CHUNK, Level, compress, inflate
from tests.support.gzipblocks import noise, own_block, packed, text


class OopsError(Exception):
    pass


@pytest.mark.parametrize("when", [0, 1, 20])
@pytest.mark.parametrize("broken", ["fill", "sink"])
def test_an_error_on_either_side_ends_it(broken: str, when: int) -> None:
    calls = {"fill": 0, "sink": 0}

    def call(name: str, count: int) -> int:
        calls[name] += 1
        if name == broken and calls[name] > when:
            raise OopsError
        return count

    before = threading.active_count()
    with pytest.raises(OopsError):
        compress(lambda view: call("fill", len(view)), lambda _member: call("sink", 0), Level.FAST, 3)
    assert calls[broken] == when + 1
    assert threading.active_count() == before


def test_a_source_that_trickles_notices_the_error_of_the_sink() -> None:
    failed = threading.Event()
    trickled = []

    def sink(_member: bytes | bytearray) -> None:
        failed.set()
        raise OopsError

    def fill(view: memoryview) -> int:
        trickled.append(1)
        return len(view) if len(trickled) == 1 else int(failed.wait())

    with pytest.raises(OopsError):
        compress(fill, sink)
    assert len(trickled) < BLOCK


def test_an_error_of_a_worker_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_block: memoryview) -> bytes:
        raise OopsError

    monkeypatch.setattr("backend.archive.gzip.blocks.deflated", broken)
    written: list[bytes | bytearray] = []
    with pytest.raises(OopsError):
        compress(io.BytesIO(noise(2 * BLOCK) + bytes(5 * BLOCK)).readinto, written.append)
    assert len(written) == 2


def test_a_slow_sink_holds_the_source_back() -> None:
    read = written = most = 0

    def fill(view: memoryview) -> int:
        nonlocal read, most
        most = max(most, read - written)
        read += 1
        return len(view) if read <= 60 else 0

    def sink(_member: bytes | bytearray) -> None:
        nonlocal written
        zlib.compress(bytes(BLOCK), 9)
        written += 1

    compress(fill, sink, Level.FAST, 2)
    assert most <= 5


@pytest.mark.parametrize("taken", [0, 1, 4])
def test_leaving_early_leaks_no_thread_and_reads_little_ahead(taken: int) -> None:
    source = io.BytesIO(packed(noise(14 * BLOCK), Level.FAST))
    before = threading.active_count()
    pieces = inflate(source.read, 3)
    assert all(len(next(pieces)) == BLOCK for _ in range(taken))
    pieces.close()  # type: ignore[attr-defined] # a generator
    assert threading.active_count() == before
    assert source.tell() <= (taken + 6) * BLOCK


def test_reading_stays_in_the_iterating_thread_and_sees_the_end() -> None:
    made = packed(text(6 * BLOCK)) + gzip.compress(b"more", mtime=0) + bytes(3)
    source = io.BytesIO(made)
    threads, sizes = set(), []

    def read(count: int) -> bytes:
        threads.add(threading.get_ident())
        chunk = source.read(min(count, 10_000))
        sizes.append(len(chunk))
        return chunk

    assert sum(map(len, inflate(read, 3))) == 6 * BLOCK + 4
    assert threads == {threading.get_ident()}
    assert sum(sizes) == len(made)
    assert (sizes[-1], sizes.count(0)) == (0, 1)


BOMB = """
import resource, sys
from backend.errors import IntegrityError
from backend.archive.gzip.blocks import inflate
source = open(sys.argv[1], "rb")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
total = biggest = 0
try:
    for piece in inflate(source.read, 2):
        total += len(piece)
        biggest = max(biggest, len(piece))
except IntegrityError:
    total = -1
print(total, biggest, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def ran_bomb(tmp_path: Path, made: bytes) -> list[int]:
    path = tmp_path / "bomb.gz"
    path.write_bytes(made)
    out = subprocess.run([sys.executable, "-c", BOMB, path], stdout=subprocess.PIPE, check=True).stdout
    return [int(number) for number in out.split()]


@pytest.mark.slow
def test_a_bomb_in_a_block_takes_little_memory(tmp_path: Path) -> None:
    bomb = own_block(bytes(100 << 20), size=BLOCK)
    total, _, kilobytes = ran_bomb(tmp_path, bomb * 8)
    assert total == -1
    assert kilobytes < 48 << 10


@pytest.mark.slow
def test_a_bomb_takes_little_memory(tmp_path: Path) -> None:
    total, biggest, kilobytes = ran_bomb(tmp_path, zlib.compress(bytes(100 << 20), 9, 31))
    assert (total, biggest) == (100 << 20, CHUNK)
    assert kilobytes < 24 << 10
