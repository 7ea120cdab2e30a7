"""SHA3-384 over what is read, and work spread over the cores."""

import hashlib
import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol, TypeVar

from backend.errors import IntegrityError
from backend.progress import Progress

PIECE = 1 << 20
SHOWN = 7
_BEHIND = 3  # pieces that wait to be hashed

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


class HashedAside:
    """A `read` that takes the SHA3-384 of what passes in a thread of its own; `close` it.

    At most a few pieces wait for the hash. What passes is counted on the job, and so a stop is noticed.
    """

    def __init__(self, read: Read, progress: Progress) -> None:
        self._read = read
        self._progress = progress
        self._hasher = hashlib.sha3_384()
        self._length = 0
        self._aside = ThreadPoolExecutor(1, "sha3")
        self._waiting: deque[Future[None]] = deque()

    def __call__(self, size: int) -> bytes:
        """Read up to `size` bytes."""
        piece = self._read(size)
        self._progress.advance(len(piece))
        self._length += len(piece)
        self._waiting.append(self._aside.submit(self._hasher.update, piece))
        if len(self._waiting) > _BEHIND:
            self._waiting.popleft().result()
        return piece

    def finish(self) -> tuple[str, int]:
        """Read what is left, and give hash and length of all that passed."""
        while self(PIECE):
            pass
        self.close()
        return self._hasher.hexdigest(), self._length

    def close(self) -> None:
        """Wait for the thread to end."""
        self._aside.shutdown()


def in_parallel(
    calls: Sequence[Callable[[Progress], T]], progress: Progress, most: int | None = None
) -> list[T]:
    """The results of all calls, in order, made by as many threads as there are cores, or at `most`.

    Each is given the job to count on. The first failure stops the others, and is raised once they have ended.
    """
    threads = min(cores(), most or len(calls))
    if len(calls) < 2 or threads < 2:
        return [call(progress) for call in calls]
    group, failures = progress.group(), list[BaseException]()

    def carry_out(call: Callable[[Progress], T]) -> T:
        """Make one call; its failure stops the others."""
        try:
            group.raise_if_cancelled()
            return call(group)
        except BaseException as failure:
            failures.append(failure)
            group.stop()
            raise

    with ThreadPoolExecutor(threads) as pool:
        futures = [pool.submit(carry_out, call) for call in calls]
    if failures:
        raise failures[0]
    return [future.result() for future in futures]
