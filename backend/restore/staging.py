"""Archives on their way into landings: each is read once, several are unpacked side by side.

From one reader an archive passes into its hash, and through inflating and vetting into tar. Bytes of a
damaged one do reach tar, but nothing leaves its landing, a private directory, before every hash has agreed.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from backend.archive import hashing
from backend.archive.gzip.blocks import inflate
from backend.archive.tar.program import Tar
from backend.archive.tar.stream import TarMember
from backend.archive.tar.vetting import ExtractionFilter
from backend.errors import IntegrityError
from backend.fs import files
from backend.model import Snapshot, user_of
from backend.progress import Progress, Started
from backend.restore.plan import Source

UNPACKING, PLACING = "Unpacking", "Putting in place"
_AT_ONCE = 4  # each holds about ten megabytes


class Landing(NamedTuple):
    """An open directory that `tar` unpacks into what `vetter` accepts."""

    directory: int
    tar: Tar
    vetter: ExtractionFilter


@dataclass(frozen=True)
class Load:
    """An archive to unpack, or what of it the judge made by `selecting` takes of what a vetter accepts.

    `landing` makes what it lands in, and takes over what landed when it is left; `purpose` is what could not
    be done where the system refuses something.
    """

    source: Source
    entry: str
    landing: Callable[[Progress], AbstractContextManager[Landing]]
    purpose: str
    selecting: Callable[[ExtractionFilter], Callable[[TarMember], bool]] = lambda vetter: vetter

    @property
    def size(self) -> int:
        """The bytes to read."""
        return self.source.stored_size(self.entry)

    @property
    def name(self) -> str:
        """Whose data it holds."""
        return f"{self.source.snapshot.snap}, {user_of(self.entry) or 'system'}"


def unpack_all(loads: Sequence[Load], progress: Progress) -> None:
    """Unpack archives side by side; no two landings are made, or taken over, at a time.

    Raises:
        IntegrityError: one is not what was written, or holds what must not be unpacked. What landed is not
            to be used then, nor after any other failure.
        CommandError: tar gave up.
        Cancelled: the job was stopped.
    """
    workers = max(1, hashing.cores() // max(1, min(len(loads), _AT_ONCE)))
    lock = threading.Lock()
    calls = [partial(_unpack, load, workers, lock) for load in sorted(loads, key=lambda load: -load.size)]
    total = sum(load.size for load in loads)
    progress.plan(Started(UNPACKING, total), Started(PLACING, None))
    with progress.step(UNPACKING, total, parts=len(loads)):
        hashing.in_parallel(calls, progress, _AT_ONCE)


def _unpack(load: Load, workers: int, lock: threading.Lock, progress: Progress) -> None:
    with (
        progress.part(load.name, load.size) as part,
        files.os_errors_as(load.purpose),
        _in_turn(load.landing(part), lock) as landing,
        speaking_of(load.source.snapshot, load.entry),
        landing.vetter as vetter,
        load.source.verified(load.entry, part) as read,
    ):
        judge = _Watched(load.selecting(vetter))
        part.follow(judge.file)
        landing.tar.unpack(landing.directory, inflate(read, workers), judge, part.quiet())


class _Watched:
    """Judges as another one does; knows which member came last."""

    def __init__(self, judge: Callable[[TarMember], bool]) -> None:
        self._judge = judge
        self._last: TarMember | None = None

    def __call__(self, member: TarMember) -> bool:
        """Whether to unpack this member."""
        self._last = member
        return self._judge(member)

    def file(self) -> str:
        """The name of the last member, or nothing."""
        return self._last.shown if self._last else ""


@contextmanager
def _in_turn(context: AbstractContextManager[Landing], lock: threading.Lock) -> Iterator[Landing]:
    """Enter and leave a context while nobody else does."""
    with ExitStack() as stack:
        lock.acquire()
        stack.callback(lock.release)
        value = stack.enter_context(context)
        lock.release()
        stack.callback(lock.acquire)
        yield value


@contextmanager
def speaking_of(snapshot: Snapshot, entry: str) -> Iterator[None]:
    """Say of a bad archive which one it is."""
    try:
        yield
    except IntegrityError as fault:
        subject = f'snapshot "{snapshot.path}"'
        raise IntegrityError(
            f'{subject} entry "{entry}": {fault}' if subject not in str(fault) else str(fault)
        ) from fault
