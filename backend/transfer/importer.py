"""A set as one stream, coming in: staged unseen, verified whole, then published."""

import os
import stat
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import NamedTuple, Self

from backend.archive import hashing
from backend.archive.reader import Reader
from backend.archive.tar import stream as tarstream
from backend.archive.tar.stream import TarMember, padded
from backend.errors import (
    AlreadyFinishedError,
    ConflictError,
    DuplicateSetError,
    IntegrityError,
    InvalidInputError,
    NotFoundError,
    SnapshotError,
)
from backend.format.export_manifest import CONTENT, MANIFEST, parse_content_json, parse_export_json
from backend.format.metadata import set_content_hash, set_content_hashes
from backend.format.names import filename, parse_filename
from backend.fs import beneath, files
from backend.fs.removal import LeftoverError, remove_tree
from backend.fs.space import require_space
from backend.model import Snapshot
from backend.progress import Progress
from backend.steps import StagingBegun
from backend.store.store import Staged, Store
from backend.store.unfinished import STAGING

_PATIENCE = 200  # milliseconds
_PIECE = 1 << 16
_LARGEST_MEMBER = 64 << 20


class _Stream:
    """A file or pipe read once from its beginning; answers exactly what is asked, or ends."""

    def __init__(self, fd: int, progress: Progress) -> None:
        self._fd = fd
        self._progress = progress
        self._at = 0
        status = os.fstat(fd)
        self.size = status.st_size if stat.S_ISREG(status.st_mode) else None
        if self.size is not None:
            self._at = os.lseek(fd, 0, os.SEEK_CUR)

    def read(self, count: int) -> bytes:
        """`count` bytes, or none at the end; IntegrityError when the end comes in between."""
        parts = []
        left = count
        while left and (part := self._next(left)):
            parts.append(part)
            left -= len(part)
        if left and parts:
            raise IntegrityError("unexpected end of file")
        self._progress.advance(count - left)
        self._at += count - left
        return b"".join(parts)

    def _next(self, count: int) -> bytes:
        """Up to so many of the next bytes; notices a stop while a pipe has none."""
        if self.size is None:
            from select import POLLIN, poll

            ready = poll()
            ready.register(self._fd, POLLIN)
            while not ready.poll(_PATIENCE):
                self._progress.raise_if_cancelled()
        return os.read(self._fd, count)

    def copy(self, count: int, target: int, progress: Progress) -> None:
        """Copy `count` bytes to another file, counting them in `job`."""
        if self.size is not None:
            copied = files.copy_range(self._fd, self._at, target, count, advance=progress.advance)
            self._at = os.lseek(self._fd, self._at + copied, os.SEEK_SET)
        else:
            copied = 0
            while copied < count and (part := self._next(min(1 << 20, count - copied))):
                files.write_all(target, part)
                copied += len(part)
                progress.advance(len(part))
        if copied != count:
            raise IntegrityError("unexpected end of file")

    def finish(self) -> None:
        """Count what follows in a file, which nobody reads; read a pipe to its end, for its writer's sake."""
        if self.size is not None:
            self._progress.advance(max(0, self.size - self._at))
        else:
            while self._next(_PIECE):
                pass


class IncomingSet:
    """A set on its way in: files staged beside the store under a name that nobody lists.

    `add` what arrives, then `commit` or `cancel`, once. Leaving the block without committing removes it all.
    """

    def __init__(self, store: Store, progress: Progress) -> None:
        self._store = store
        self._progress = progress
        self._finished = False
        self._pool = ThreadPoolExecutor(hashing.cores())
        self._checks: list[Future[Snapshot]] = []
        self._names: list[str] = []
        self._snaps: set[str] = set()
        self.folder = f"{store.folder}/{STAGING}{progress.name}-{files.random_name()}"

    def __enter__(self) -> Self:
        self._store.prepare()
        self._progress.record_step(StagingBegun(self.folder))
        beneath.mkdir(self.folder, 0o700)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        if not self._finished:
            self.cancel()

    @property
    def names(self) -> tuple[str, ...]:
        """The names as they came, in order."""
        return tuple(self._names)

    def add(self, member: TarMember, stream: _Stream) -> None:
        """Stage a snapshot file and start verifying it.

        Raises:
            InvalidInputError: its name is not a snapshot's, or its snap came before.
            SnapshotError: it cannot be written.
        """
        name = member.text
        named = parse_filename(name)
        if named is None or member.kind not in (tarstream.FILE, tarstream.CONTIGUOUS):
            raise InvalidInputError(f"unexpected filename in import stream: {name}")
        if named.snap in self._snaps:
            raise InvalidInputError(f'snap "{named.snap}" is twice in the import stream')
        self._snaps.add(named.snap)
        self._names.append(name)
        path = f"{self.folder}/{name}"
        with files.opened(path, files.NEW_FILE) as fd:
            with self._progress.part(name, member.size) as part:
                stream.copy(member.size, fd, part)
            stream.read(padded(member.size) - member.size)
        self._checks.append(self._pool.submit(_verified, path, self._progress))

    def verified(self) -> list[Snapshot]:
        """Return the snapshots, once all are verified.

        Raises:
            IntegrityError: the first that is not what was written.
        """
        return [check.result() for check in self._checks]

    def commit(self, set_id: int, snaps: Sequence[str] = ()) -> list[Snapshot]:
        """Publish all, or these snaps, as set `set_id`, holding the store's lock; what is left is removed.

        Raises:
            AlreadyFinishedError: it was committed or cancelled before.
            ConflictError: snapd was started meanwhile, or the set is being imported.
        """
        if self._finished:
            raise AlreadyFinishedError
        taken = [snapshot for snapshot in self.verified() if not snaps or snapshot.snap in snaps]
        snapshots = [snapshot._replace(set_id=set_id) for snapshot in taken]
        with files.opened(self.folder, files.DIRECTORY) as fd:
            files.sync_filesystem(fd)
        staged = [Staged(snapshot.path, filename(snapshot)) for snapshot in snapshots]
        self._store.publish(set_id, staged, self._progress)
        self._finished = True
        self._remove_folder()
        return [snapshot._replace(path=self._store.path_of(snapshot)) for snapshot in snapshots]

    def cancel(self) -> None:
        """Remove all that was staged.

        Raises:
            AlreadyFinishedError: it was committed or cancelled before.
        """
        if self._finished:
            raise AlreadyFinishedError
        self._finished = True
        self._remove_folder()

    def _remove_folder(self) -> None:
        with suppress(OSError, LeftoverError):  # then the folder is a finding of the doctor
            remove_tree(self.folder)


def _verified(path: str, progress: Progress) -> Snapshot:
    name = os.path.basename(path)
    with Reader.open(path) as reader:
        snapshot = reader.snapshot
        if snapshot.broken:
            raise IntegrityError(f"cannot open snapshot: {snapshot.broken}")
        if snapshot.warning:
            raise InvalidInputError(f'"{name}" holds {filename(snapshot)}: name and content do not agree')
        for entry in snapshot.entries:
            try:
                reader.verify(entry, progress.quiet())
            except IntegrityError as fault:
                raise IntegrityError(f'validation failed for "{name}": {fault}') from fault
        return snapshot


class Imported(NamedTuple):
    """What an import made."""

    set_id: int
    snapshots: tuple[Snapshot, ...]


def import_set(  # noqa: PLR0913 - the last four are named choices
    store: Store,
    stream: int,
    progress: Progress,
    *,
    set_id: int | None = None,
    allow_duplicate: bool = False,
    accept_hash: bool = False,
    snaps: Sequence[str] = (),
) -> Imported:
    """Import an export stream from an open file as a new set; nothing is visible before the end.

    Without `set_id` the next free one is taken. With `snaps` only these are taken, though everything in the
    stream is verified. When it fails, nothing is left behind.

    Raises:
        NotFoundError: one of `snaps` is not in the stream.
        ConflictError: that set is here, or being imported.
        DuplicateSetError: what is taken is here already, unless `allow_duplicate`.
        IntegrityError: the stream, or something in it, is damaged.
        InvalidInputError: it is no export, or holds what cannot be imported.
        NoSpaceError: there is too little room; known beforehand where the stream's size is.
        Cancelled: the job was stopped.
    """
    with _importing():
        source = _Stream(stream, progress)
        if source.size is not None:
            require_space([(store.folder, source.size)], "cannot import snapshot")
        with IncomingSet(store, progress) as incoming:
            digest, listed = _receive(incoming, source)
            snapshots = incoming.verified()
            _check_complete(incoming.names, listed)
            if digest is not None and digest not in set_content_hashes(snapshots) and not accept_hash:
                raise IntegrityError("every file is sound, but the content hash of the set does not match")
            taken = _taken(snapshots, snaps)
            progress.raise_if_cancelled()
            with store.lock():
                if not allow_duplicate:
                    _refuse_duplicate(store, taken)
                set_id = _free_id(store, set_id)
                return Imported(set_id, tuple(incoming.commit(set_id, snaps)))


def _taken(snapshots: Sequence[Snapshot], snaps: Sequence[str]) -> list[Snapshot]:
    """Those of the named snaps, all without any; NotFoundError where one is missing."""
    held = [snapshot.snap for snapshot in snapshots]
    if missing := [name for name in dict.fromkeys(snaps) if name not in held]:
        absent, present = (", ".join(f'"{name}"' for name in names) for names in (missing, held))
        raise NotFoundError(f"cannot import snapshot: there is no {absent} in the file, only {present}")
    return [snapshot for snapshot in snapshots if not snaps or snapshot.snap in snaps]


def _free_id(store: Store, wanted: int | None) -> int:
    if wanted is None:
        return store.allocate_id()
    if any(number == wanted for number, _ in store.names()):
        raise ConflictError(f"cannot import snapshot {wanted}: there is a set of that id")
    return wanted


@contextmanager
def _importing() -> Iterator[None]:
    """Say of what fails that it was an import."""
    try:
        with files.os_errors_as("cannot import snapshot"):
            yield
    except (IntegrityError, InvalidInputError) as fault:
        if str(fault).startswith("cannot import"):
            raise
        raise type(fault)(f"cannot import snapshot: {fault}") from fault


def _receive(incoming: IncomingSet, source: _Stream) -> tuple[bytes | None, tuple[str, ...] | None]:
    """Stage all members; returns the declared content hash and list of files, where there are any."""
    digest: bytes | None = None
    listed: tuple[str, ...] | None = None
    manifest_seen = False
    while (member := tarstream.next_member(source.read)) is not None:
        if member.kind == tarstream.DIRECTORY:
            raise InvalidInputError("unexpected directory in import file")
        if "/" in member.text:
            raise InvalidInputError("invalid filename in import file")
        if member.text == CONTENT:
            digest = parse_content_json(_small(member, source))
        elif member.text == MANIFEST:
            manifest_seen = True
            listed = parse_export_json(_small(member, source)).files
        else:
            incoming.add(member, source)
    source.finish()
    if not manifest_seen:
        raise InvalidInputError("no export.json file in uploaded data")
    return digest, listed


def _small(member: TarMember, source: _Stream) -> bytes:
    if member.size > _LARGEST_MEMBER or member.kind not in (tarstream.FILE, tarstream.CONTIGUOUS):
        raise InvalidInputError(f"{member.text} is not a small file")
    return source.read(padded(member.size))[: member.size]


def _check_complete(names: Sequence[str], listed: tuple[str, ...] | None) -> None:
    if listed is not None and sorted(listed) != sorted(names):
        missing = sorted(set(listed) - set(names))
        extra = sorted(set(names) - set(listed))
        differences = [f"missing: {', '.join(missing)}"] * bool(missing) + [
            f"not listed: {', '.join(extra)}"
        ] * bool(extra)
        raise InvalidInputError(
            f"the files are not those that export.json lists ({'; '.join(differences) or 'repeated'})"
        )
    if not names:
        raise InvalidInputError("there is no snapshot in it")


def _refuse_duplicate(store: Store, snapshots: Sequence[Snapshot]) -> None:
    digests = set(set_content_hashes(snapshots))
    expiring = store.layout.state.auto_sets()
    for known in store.list_sets():
        if set_content_hash(known.snapshots) in digests and not any(s.broken for s in known.snapshots):
            snaps = [snapshot.snap for snapshot in known.snapshots]
            raise DuplicateSetError(known.set_id, snaps, expiring.get(known.set_id, ""))


@contextmanager
def opened_import(path: str) -> Iterator[int]:
    """A file to import from, with snapd's words for one that cannot be opened."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as cause:
        reason = (cause.strerror or "").lower()
        raise SnapshotError(f"error accessing file: open {path}: {reason}") from cause
    try:
        yield fd
    finally:
        os.close(fd)
