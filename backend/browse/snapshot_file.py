"""Files of archives, opened to be looked into where they lie: a snapshot, or an export of several.

Nothing is imported or changed. What is broken is on the list, with the reason; where archives can be found in
it all the same, they can be looked into.
"""

import os
import stat
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import NamedTuple, Self

from backend.archive.carving import carve_archives
from backend.archive.container import Container
from backend.archive.export_file import read_export_file
from backend.archive.gzip.seek import CompressedSource
from backend.archive.reader import Reader, check, read_snapshot
from backend.browse.nodes import joined, parts_of
from backend.browse.toc_cache import Key
from backend.browse.tree import Archive, Tree
from backend.errors import IntegrityError, InvalidInputError, NotFoundError, SnapshotError
from backend.format.names import snapshot_id
from backend.fs import files
from backend.fs.files import Fingerprint
from backend.model import ARCHIVE, CheckLevel, CheckResult, Revision, Snapshot, user_of
from backend.progress import Progress
from backend.store.verifications import VerificationLog, identity_at

_ZIP = b"PK\x03\x04"
_TOPS = ("common", "rev")
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK


class HeldSnapshot(NamedTuple):
    """A snapshot in a file, and its archives: the system's first, then the users' by name."""

    snapshot: Snapshot
    archives: tuple[Archive, ...]

    def archive(self, user: str = "") -> Archive:
        """The archive of a user, or the system's; NotFoundError."""
        for archive in self.archives:
            if (user_of(archive.entry) or "") == user:
                return archive
        whose = f'of user "{user}"' if user else "of the system"
        raise NotFoundError(f'there are no data {whose} in the snapshot of "{self.snapshot.snap}"')

    @property
    def users(self) -> list[str]:
        """The users of whom there is an archive."""
        return [user for archive in self.archives if (user := user_of(archive.entry)) is not None]

    def locate(self, path: str) -> tuple[Archive, bytes]:
        """The archive that a path of the snapshot leads into, and the name in it: `common/…` and `rev/…` are
        the system's, `NAME/common/…` (or `user/NAME/…`) a user's; `system/…` is any name at all.

        NotFoundError where there is no such archive.
        """
        path = path.lstrip("/")
        first, _, rest = path.partition("/")
        if first == "user":
            first, _, rest = rest.partition("/")
            archive = self.archive(first)
        elif first == "system":
            archive = self.archive()
        elif first in self.users and first not in _TOPS:
            archive = self.archive(first)
        else:
            archive, rest = self.archive(), path
        parts = parts_of(rest.encode("utf-8", "surrogateescape"))
        if parts[:1] == [b"rev"]:
            parts[0] = str(self.snapshot.revision).encode()
        return archive, joined(parts)


class SnapshotFile:
    """An open file of archives. Use as a context manager, or `close` it; its archives end with it.

    `faults` tell what is wrong with an export as a whole.
    """

    def __init__(self, path: str, stack: ExitStack, *, is_export: bool) -> None:
        self.path = path
        self.is_export = is_export
        self.held: tuple[HeldSnapshot, ...] = ()
        self.faults: tuple[str, ...] = ()
        self._readers: list[Reader | None] = []
        self._stack = stack

    @classmethod
    def of_store(cls, snapshot: Snapshot) -> Self:
        """Open a snapshot of a store.

        Raises:
            SnapshotError: its file cannot be opened.
        """
        with files.os_errors_as("cannot look into the snapshot"), ExitStack() as stack:
            flags = _FLAGS | os.O_NOFOLLOW
            fd = stack.enter_context(files.opened(snapshot.path, flags))
            inside = cls(snapshot.path, stack, is_export=False)
            inside._add_file(fd, snapshot)
            inside._stack = stack.pop_all()
            return inside

    @classmethod
    def of_file(cls, path: str, progress: Progress | None = None) -> Self:
        """Open a single snapshot or an export, of any name anywhere.

        Raises:
            InvalidInputError: it is neither.
            SnapshotError: it cannot be read.
        """
        path = os.path.realpath(path)
        with files.os_errors_as("cannot look into the file"), ExitStack() as stack:
            fd = stack.enter_context(files.opened(path, _FLAGS))
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise InvalidInputError(f"cannot look into {path}: it is not a regular file")
            is_export = os.pread(fd, len(_ZIP), 0) != _ZIP
            inside = cls(path, stack, is_export=is_export)
            if is_export:
                inside._add_export(fd, progress or Progress())
            else:
                snapshot = read_snapshot(path) if snapshot_id(os.path.basename(path)) else _loose(path)
                inside._add_file(fd, snapshot)
            inside._stack = stack.pop_all()
            return inside

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._stack.close()

    @property
    def snapshots(self) -> list[Snapshot]:
        """List what the file holds, broken snapshots as well."""
        return [held.snapshot for held in self.held]

    def of_snap(self, snap: str) -> HeldSnapshot:
        """Return what is held of a snap.

        Raises:
            NotFoundError: nothing is.
        """
        for held in self.held:
            if held.snapshot.snap == snap:
                return held
        raise NotFoundError(f'there is no snapshot of "{snap}" in {self.path}')

    def readers(self) -> list[Reader]:
        """Return the snapshots whose metadata could be read, to unpack from; they are closed with this."""
        return [reader for reader in self._readers if reader is not None]

    def check(
        self,
        progress: Progress,
        users: Sequence[str] = (),
        snaps: Sequence[str] = (),
        *,
        quick: bool = False,
        structure: bool = False,
    ) -> list[CheckResult]:
        """Verify the archives in place, as a store's are (`Check`).

        Each archive has a verdict, and so has each broken snapshot.

        Raises:
            Cancelled: the job was stopped.
        """
        level = CheckLevel.QUICK if quick else CheckLevel.STRUCTURE if structure else CheckLevel.HASH
        verdicts = []
        readers = []
        for held, reader in zip(self.held, self._readers, strict=True):
            snapshot = held.snapshot
            if snaps and snapshot.snap not in snaps:
                continue
            if reader is None or snapshot.broken:
                text = f"cannot open snapshot: {snapshot.broken}"
                verdicts.append(
                    CheckResult(set_id=snapshot.set_id, snap=snapshot.snap, entry="", size=0, fault=text)
                )
            else:
                readers.append(reader)
        return verdicts + check(readers, users, progress, level)

    # -- opening

    def _add_file(self, fd: int, snapshot: Snapshot) -> None:
        self._add(fd, (0, os.fstat(fd).st_size), snapshot)

    def _add_export(self, fd: int, progress: Progress) -> None:
        peek = read_export_file(self.path, progress)
        self.faults = peek.faults
        for snapshot, place in zip(peek.snapshots, peek.places, strict=True):
            self._add(fd, place, snapshot)

    def _add(self, fd: int, place: tuple[int, int], snapshot: Snapshot) -> None:
        """Take in the snapshot file that lies between two offsets."""
        reader = None
        try:
            container = Container(fd, place[1])
            reader = Reader(os.dup(fd), container, snapshot)
            self._stack.callback(reader.close)
            archives = [self._archive(reader, place[0], entry) for entry in _in_order(reader.held())]
        except IntegrityError:
            parts = carve_archives(fd, place)
            archives = [
                self._salvaged(fd, part.at, part.size, entry=part.entry, snapshot=snapshot) for part in parts
            ]
            reader = reader if not snapshot.broken else None
        self._readers.append(reader)
        self.held = (*self.held, HeldSnapshot(snapshot, tuple(archives)))

    def _archive(self, reader: Reader, start: int, entry: str) -> Archive:
        place = reader.place(entry)
        if place is None:
            packed = CompressedSource(
                _Skipping(partial(reader.stream, entry)).pread, reader.stored_size(entry)
            )
        elif place[0] < start:
            raise IntegrityError("it refers to what lies outside of it")
        else:
            packed = CompressedSource(_within(reader.fileno(), *place), place[1])
        at = place[0] if place else start
        return self._made(reader, packed, partial(reader.stream, entry), (entry, at, reader.snapshot))

    def _salvaged(self, fd: int, at: int, size: int, *, entry: str, snapshot: Snapshot) -> Archive:
        packed = CompressedSource(_within(fd, at, size), size)
        return self._made(fd, packed, partial(_in_sequence, packed), (entry, at, snapshot))

    def _made(
        self,
        file: "int | Reader",
        packed: CompressedSource,
        stream: Callable[[], Callable[[int], bytes]],
        what: tuple[str, int, Snapshot],
    ) -> Archive:
        entry, at, snapshot = what
        stamp = str(Fingerprint.of(os.fstat(file if isinstance(file, int) else file.fileno())))
        declared = (snapshot.sums or {}).get(entry, "")
        key = Key(self.path, stamp, f"{at} {packed.size} {entry} {snapshot.revision} {declared}")
        return Archive(snapshot=snapshot, entry=entry, packed=packed, stream=stream, path=self.path, key=key)


def reading_recorded(tree: Tree, ledger: VerificationLog) -> bool:
    """Note in the ledger that `tree` read an archive of a store whole; return whether that could be noted.

    Every byte of it was hashed on the way: that is a check of its hash.
    """
    archive = tree.archive
    snapshot = archive.snapshot
    if not tree.was_read or tree.verified is None or snapshot.broken:
        return False
    identity = identity_at(snapshot.path)
    if not _is_still(archive):
        return False
    about = (snapshot.set_id, snapshot.snap, archive.entry, archive.packed.size)
    verdict = CheckResult(*about, tree.mismatch, snapshot.path)
    ledger.record([snapshot], [verdict], CheckLevel.HASH, {snapshot.path: identity})
    return True


def _is_still(archive: Archive) -> bool:
    """Whether the file in place is the one that was opened: what was read says nothing of another."""
    try:
        return str(Fingerprint.of(os.lstat(archive.snapshot.path))) == archive.key.stamp
    except OSError:
        return False


def _loose(path: str) -> Snapshot:
    """The snapshot in a file whose name says nothing."""
    from backend.archive.reader import unreadable

    try:
        with Reader.open(path, 1) as reader:  # any number that is one
            return reader.snapshot._replace(set_id=0, warning="")
    except (SnapshotError, OSError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) else str(fault)
        return unreadable(path, f"cannot be read: {reason}")._replace(revision=Revision())


def _in_order(entries: Sequence[str]) -> list[str]:
    return sorted(entries, key=lambda entry: (entry != ARCHIVE, entry))


def _within(fd: int, start: int, size: int) -> Callable[[int, int], bytes]:
    """A reader by offset of a stretch of an open file."""

    def pread(at: int, count: int) -> bytes:
        """Read a piece of the part of the file."""
        return os.pread(fd, max(0, min(count, size - at)), start + at) if at >= 0 else b""

    return pread


def _in_sequence(packed: CompressedSource) -> Callable[[int], bytes]:
    at = 0

    def read(count: int) -> bytes:
        """Read on."""
        nonlocal at
        piece = packed.pread(at, count)
        at += len(piece)
        return piece

    return read


class _Skipping:
    """A reader by offset of what can only be read in order: going back begins anew."""

    def __init__(self, stream: Callable[[], Callable[[int], bytes]]) -> None:
        self._stream = stream
        self._read = stream()
        self._at = 0
        self._held = b""

    def pread(self, at: int, count: int) -> bytes:
        """Up to so many bytes at an offset."""
        if at < self._at:
            self._read, self._at, self._held = self._stream(), 0, b""
        while self._at + len(self._held) < at + count:
            if self._at + len(self._held) <= at:
                self._at += len(self._held)
                self._held = b""
            piece = self._read(1 << 16)
            if not piece:
                break
            self._held += piece
        start = max(0, at - self._at)
        return self._held[start : start + count]
