"""What a stream is written to: bytes arrive, and a stop is noticed whatever the reader does."""

import fcntl
import hashlib
import os
import select
import socket
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import Cancelled
from backend.progress import Advanced, Event, Progress
from backend.transfer.target import Target

Ends = tuple[int, int]


@pytest.fixture(params=["a pipe", "a pipe of one page", "a socket"])
def ends(request: pytest.FixtureRequest) -> Iterator[Ends]:
    """Where to read, and where to write."""
    if request.param == "a socket":
        source, target = (end.detach() for end in socket.socketpair())
    else:
        source, target = os.pipe()
        if request.param == "a pipe of one page":
            fcntl.fcntl(target, fcntl.F_SETPIPE_SZ, 4096)
    yield source, target
    for fd in (source, target):
        os.close(fd)


def read_all(fd: int) -> bytes:
    return b"".join(iter(lambda: os.read(fd, 70_000), b""))


def wait_until_full(fd: int) -> None:
    """Wait until nothing more can be written."""
    while select.select([], [fd], [], 0)[1]:
        os.sched_yield()


def written(pieces: Sequence[bytes]) -> bytes:
    """What arrives at the other end of a pipe."""
    source, end = os.pipe()
    arrived: list[bytes] = []
    reader = threading.Thread(target=lambda: arrived.append(read_all(source)))
    reader.start()
    with Target(end) as target:
        for piece in pieces:
            target.put(piece, Progress())
    os.close(end)
    reader.join()
    os.close(source)
    return arrived[0]


@given(st.lists(st.integers(0, 200_000), max_size=6))
def test_every_byte_arrives_in_order_through_a_pipe(sizes: list[int]) -> None:
    pieces = [bytes([number % 251]) * size for number, size in enumerate(sizes)]
    assert written(pieces) == b"".join(pieces)


@pytest.mark.parametrize("members", range(8))
def test_a_stop_is_noticed_while_nobody_reads_however_full_the_pages_are(members: int, ends: Ends) -> None:
    """Small pieces leave pages of a pipe half full, so that it has less room than bytes are missing in it."""
    progress = Progress()
    small = (512, 4096, 100, 4096) * members
    stopped = threading.Event()

    def write() -> None:
        try:
            with Target(ends[1]) as target:
                for size in (*small, 8 << 20):
                    target.put(bytes(size), progress)
        except Cancelled:
            stopped.set()

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    wait_until_full(ends[1])
    progress.stop()
    writer.join(20)
    assert not writer.is_alive()
    assert stopped.is_set()


def test_a_reader_that_went_away_is_a_broken_pipe(ends: Ends) -> None:
    with open(os.devnull, "rb") as nobody:
        os.dup2(nobody.fileno(), ends[0])
    with Target(ends[1]) as target, pytest.raises(BrokenPipeError):
        target.put(bytes(1 << 20), Progress())


def test_a_shared_pipe_keeps_its_flags_and_is_let_go_of() -> None:
    source, end = os.pipe()
    before = os.listdir("/proc/self/fd")
    with Target(end) as target:
        target.put(b"some", Progress())
        assert os.get_blocking(end)
    assert os.listdir("/proc/self/fd") == before
    os.close(end)
    assert read_all(source) == b"some"
    os.close(source)


@pytest.mark.parametrize("hashed", [False, True])
def test_a_file_is_copied_into_a_file_and_hashed(hashed: bool, tmp_path: Path) -> None:
    content = os.urandom(3 << 20)
    (tmp_path / "source").write_bytes(content)
    hasher = hashlib.sha256() if hashed else None
    with (
        open(tmp_path / "source", "rb") as source,
        open(tmp_path / "target", "wb") as file,
        Target(file.fileno(), hasher) as target,
    ):
        assert target.copy(source.fileno(), len(content), Progress()) == len(content)
    assert (tmp_path / "target").read_bytes() == content
    if hasher is not None:
        assert hasher.hexdigest() == hashlib.sha256(content).hexdigest()


def test_bytes_are_counted(tmp_path: Path) -> None:
    events: list[Event] = []
    progress = Progress(events.append)
    with open(tmp_path / "file", "wb") as file, Target(file.fileno()) as target, progress.step("Writing", 5):
        target.put(b"12345", progress)
    assert events[-1] == Advanced(5)
