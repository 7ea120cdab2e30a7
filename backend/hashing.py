"""SHA3-384 over what is read, and work spread over the cores."""

import hashlib
import os
from collections.abc import Callable, Sequence
from typing import TypeVar

from backend.errors import IntegrityError
from backend.job import Job

PIECE = 1 << 20
SHOWN = 7

Read = Callable[[int], bytes]
T = TypeVar("T")


def cores() -> int:
    """How many threads are worth starting for hashing and compressing: at most eight."""
    return min(len(os.sched_getaffinity(0)), 8)


def digest(read: Read, job: Job) -> tuple[str, int]:
    """The SHA3-384 in hex, and the length in bytes, of all that `read` yields."""
    hasher = hashlib.sha3_384()
    length = 0
    while piece := read(PIECE):
        hasher.update(piece)
        length += len(piece)
        job.advance(len(piece))
    return hasher.hexdigest(), length


def verify(what: str, read: Read, size: int, declared: str, job: Job) -> None:
    """IntegrityError unless `read` yields `size` bytes whose hash is the declared one (spec §3.8)."""
    actual, length = digest(read, job)
    agree(what, (declared, size), (actual, length))


def agree(what: str, declared: tuple[str, int], actual: tuple[str, int]) -> None:
    """IntegrityError unless hash and length are the declared ones (texts of spec §3.8 and §3.9)."""
    if actual[1] != declared[1]:
        raise IntegrityError(f"{what} size ({declared[1]}) different from actual ({actual[1]})")
    if actual[0] != declared[0]:
        raise IntegrityError(
            f"{what} expected hash ({declared[0][:SHOWN]}…) does not match actual ({actual[0][:SHOWN]}…)"
        )


class HashedRead:
    """A `read` that hashes what passes."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._hasher = hashlib.sha3_384()
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
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(cores()) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]
