"""SHA3-384 over what is read, and work spread over the cores."""

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol, TypeVar

from backend.errors import IntegrityError
from backend.progress import Progress

PIECE = 1 << 20
SHOWN = 7

Read = Callable[[int], bytes]
T = TypeVar("T")


def cores() -> int:
    """How many threads are worth starting for hashing and compressing: at most eight."""
    return min(len(os.sched_getaffinity(0)), 8)


def digest(read: Read, progress: Progress) -> tuple[str, int]:
    """The SHA3-384 in hex, and the length in bytes, of all that `read` yields."""
    hashed = HashedRead(read, hashlib.sha3_384())
    while piece := hashed(PIECE):
        progress.advance(len(piece))
    return hashed.finish()


def verify(what: str, read: Read, *, size: int, declared: str, progress: Progress) -> None:
    """IntegrityError unless `read` yields `size` bytes whose hash is the declared one."""
    actual, length = digest(read, progress)
    agree(what, (declared, size), (actual, length))


class Fingerprint:
    """A `read` that takes the SHA-256 of what passes in a thread of its own, beside the slower hash.

    It ties a second reading to the first, at a seventh of the cost of verifying twice.
    """

    def __init__(self, read: Read) -> None:
        self._read = read
        self._hasher = hashlib.sha256()
        self._side = ThreadPoolExecutor(1)
        self._last: Future[None] | None = None

    def __call__(self, size: int) -> bytes:
        """Read up to `size` bytes."""
        piece = self._read(size)
        if self._last is not None:
            self._last.result()
        self._last = self._side.submit(self._hasher.update, piece)
        return piece

    def finish(self) -> str:
        """The fingerprint of all that passed, in hex."""
        self._side.shutdown()
        return self._hasher.hexdigest()


def agree(what: str, declared: tuple[str, int], actual: tuple[str, int]) -> None:
    """IntegrityError unless hash and length are the declared ones."""
    if actual[1] != declared[1]:
        raise IntegrityError(f"{what} size ({declared[1]}) different from actual ({actual[1]})")
    if actual[0] != declared[0]:
        raise IntegrityError(
            f"{what} expected hash ({declared[0][:SHOWN]}…) does not match actual ({actual[0][:SHOWN]}…)"
        )


class Hasher(Protocol):
    """A hash being taken, as `hashlib` makes them."""

    def update(self, piece: bytes, /) -> None:
        """Take in more bytes."""

    def hexdigest(self) -> str:
        """The hash so far, in hex."""


class HashedRead:
    """A `read` that hashes what passes."""

    def __init__(self, read: Read, hasher: Hasher) -> None:
        self._read = read
        self._hasher = hasher
        self._length = 0

    def __call__(self, size: int) -> bytes:
        """Read up to `size` bytes."""
        piece = self._read(size)
        self._hasher.update(piece)
        self._length += len(piece)
        return piece

    def finish(self) -> tuple[str, int]:
        """Read what is left, and give hash and length of all that passed."""
        while self(PIECE):
            pass
        return self._hasher.hexdigest(), self._length


def in_parallel(calls: Sequence[Callable[[], T]]) -> list[T]:
    """The results of all calls, in order, made by as many threads as there are cores.

    The first failure is raised once the others have ended.
    """
    if len(calls) < 2 or cores() < 2:
        return [call() for call in calls]
    with ThreadPoolExecutor(cores()) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]
