"""One snapshot file, opened: its metadata, its archives, whether they are what was written.

Nothing in the file is trusted: what cannot be decoded raises, what is decoded but not valid makes a broken
snapshot, with which nothing can be done.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Self

from backend.archive.container import DEFLATED, STORED, UNKNOWN_METHOD, Container
from backend.errors import IntegrityError, SnapshotError
from backend.format.metadata import parse_metadata
from backend.format.names import METADATA, METADATA_HASH, filename, parse_filename, snapshot_id
from backend.format.timestamps import ZERO_TIME
from backend.fs import beneath
from backend.model import ARCHIVE, CheckLevel, CheckResult, Revision, Snapshot, user_of

if TYPE_CHECKING:
    from backend.archive.gzip.sizes import DeclaredSize
    from backend.archive.hashing import Read
    from backend.progress import Progress

_LARGEST_METADATA = 32 << 20
_LARGEST_HASH = 4096
_SHOWN = 7


class Reader:
    """An open snapshot file. Use as a context manager, or `close` it.

    `snapshot.broken` tells why it is broken; then only the metadata may be used.
    """

    def __init__(self, fd: int, container: Container, snapshot: Snapshot) -> None:
        self._fd = fd
        self._container = container
        self.snapshot = snapshot

    @classmethod
    def open(cls, path: str, set_id: int | None = None) -> Self:
        """Open a snapshot file; without `set_id` the file's name gives it.

        A broken snapshot is returned, not raised.

        Raises:
            OSError: the file cannot be opened or read.
            IntegrityError: its metadata cannot be decoded.
            SnapshotError: without `set_id`: the name is not a snapshot's.
        """
        fd = beneath.open_path(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            container, snapshot = _open(fd, path, set_id)
            return cls(fd, container, snapshot)
        except BaseException:
            os.close(fd)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file; closing again does nothing."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def fileno(self) -> int:
        """The descriptor of the file."""
        return self._fd

    def stream(self, entry: str) -> "Read":
        """Return a reader of the compressed bytes of an archive, from its beginning."""
        return self._container.stream(self._container.find(entry))

    def held(self) -> list[str]:
        """List the archives that are in the file, whatever its metadata tell of them."""
        names = (member.name for member in self._container.members)
        return list(dict.fromkeys(name for name in names if name == ARCHIVE or user_of(name) is not None))

    def place(self, entry: str) -> tuple[int, int] | None:
        """Say where the bytes of an archive begin, and how many; None where the zip packs them again."""
        member = self._container.find(entry)
        return (self._container.data_offset(member), member.stored) if member.method == STORED else None

    def stored_size(self, entry: str) -> int:
        """Return the compressed bytes of an archive.

        Raises:
            IntegrityError: the archive is missing.
        """
        return self._container.find(entry).size

    def unpacked_size(self, entry: str) -> int:
        """Return how many bytes an archive takes when unpacked, about, as it declares; not verified."""
        return self.declared(entry).size

    def declared(self, entry: str) -> "DeclaredSize":
        """Return how many bytes an archive declares to unpack to, and whether it could be another number."""
        from backend.archive.gzip.sizes import DeclaredSize, declared_size

        member = self._container.find(entry)
        if member.method != STORED:
            return DeclaredSize(member.size, certain=False)
        start = self._container.data_offset(member)
        return declared_size(lambda at, count: os.pread(self._fd, count, start + at), member.stored)

    def locate(self, entry: str) -> None:
        """Look whether an archive is in its place and as long as told; none of it is read.

        Raises:
            IntegrityError: it is not.
        """
        member = self._container.find(entry)
        if member.method not in (STORED, DEFLATED):
            raise IntegrityError(UNKNOWN_METHOD)
        self._container.data_offset(member)
        if member.method == STORED and member.stored != member.size:
            sizes = f"size ({member.size}) different from actual ({member.stored})"
            raise IntegrityError(f'snapshot entry "{entry}" {sizes}')

    def verify(self, entry: str, progress: "Progress") -> None:
        """Read an archive and compare its hash with the one in the metadata.

        Raises:
            IntegrityError: it is not what was written.
            Cancelled: the job was stopped.
        """
        from backend.archive import hashing

        self._agree(entry, hashing.digest(self.stream(entry), progress))

    @contextmanager
    def verified(self, entry: str, progress: "Progress") -> "Iterator[Read]":
        """Read an archive once: yields a reader of its compressed bytes, whose hash is known when it is left.

        Of what could not be done with bytes that are not what was written, only that is raised.

        Raises:
            IntegrityError: it is not what was written, in the words of a check.
            Cancelled: the job was stopped.
        """
        from backend.archive import hashing

        with closing(hashing.HashedAside(self.stream(entry), progress)) as read:
            try:
                yield read
            except SnapshotError:
                self._agree(entry, read.finish())
                raise
            self._agree(entry, read.finish())

    def _agree(self, entry: str, actual: tuple[str, int]) -> None:
        from backend.archive import hashing

        declared = (self.snapshot.sums or {}).get(entry, ""), self.stored_size(entry)
        hashing.agree(f'snapshot entry "{entry}"', declared, actual)

    def selected(self, users: Sequence[str] = ()) -> list[str]:
        """List the entries that belong to `users` or to no user; all of them without `users`."""
        return [
            entry
            for entry in self.snapshot.entries
            if not users or user_of(entry) is None or user_of(entry) in users
        ]

    def check(
        self, users: Sequence[str] = (), progress: "Progress | None" = None, *, structure: bool = False
    ) -> list[CheckResult]:
        """Verify every archive (of `users`, and the system's); return one verdict for each.

        What is at fault is in its verdict, and raises nothing.

        Raises:
            Cancelled: the job was stopped.
        """
        from backend.progress import Progress

        return check(
            [self], users, progress or Progress(), CheckLevel.STRUCTURE if structure else CheckLevel.HASH
        )

    def vet(self, entry: str, progress: "Progress") -> int:
        """Walk an archive without writing anything; return the bytes it unpacks to.

        Paths that are too long are no fault: they are noted to the progress, which counts no bytes.

        Raises:
            IntegrityError: it could not be unpacked.
            Cancelled: the job was stopped.
        """
        from backend.archive.gzip.blocks import inflate
        from backend.archive.tar import vetting
        from backend.fs.lengths import too_long_text

        unpacked = 0

        def counted() -> Iterator[bytes]:
            """Inflate, and count the bytes."""
            nonlocal unpacked
            for chunk in inflate(self.stream(entry)):
                unpacked += len(chunk)
                yield chunk

        try:
            with vetting.ExtractionFilter(self.snapshot.revision, devices=True) as vetter:
                vetting.vet(counted(), vetter, progress.quiet())
            if number := vetter.too_long.number:
                progress.note(f"{self.snapshot.snap}: {too_long_text(number)}: {vetter.too_long.names[0]}")
        except IntegrityError as fault:
            raise IntegrityError(f'snapshot entry "{entry}": {fault}') from fault
        return unpacked


def _open(fd: int, path: str, set_id: int | None) -> tuple[Container, Snapshot]:
    container = Container(fd, os.fstat(fd).st_size)
    member = container.find(METADATA)
    raw = container.read(member, _LARGEST_METADATA)
    if set_id is None:
        set_id = snapshot_id(os.path.basename(path))
        if set_id is None:
            raise SnapshotError(f'not a snapshot filename: "{path}"')
    snapshot = parse_metadata(raw, set_id)
    broken = snapshot.broken or _metadata_fault(container, raw)
    warning = "" if broken else _oddity(snapshot, path)
    return container, snapshot._replace(broken=broken, path=path, warning=warning)


def _metadata_fault(container: Container, raw: bytes) -> str:
    """Why the metadata are not what was written, or nothing."""
    try:
        from _sha3 import sha3_384  # type: ignore[import-not-found] # hashlib loads OpenSSL, for milliseconds
    except ImportError:
        from hashlib import sha3_384

    try:
        declared = (
            container.read(container.find(METADATA_HASH), _LARGEST_HASH).decode("ascii", "replace").strip()
        )
    except IntegrityError as fault:
        return str(fault)
    actual = sha3_384(raw).hexdigest()
    if declared == actual:
        return ""
    return f"declared hash ({declared[:_SHOWN]}…) does not match actual ({actual[:_SHOWN]}…)"


def _oddity(snapshot: Snapshot, path: str) -> str:
    name = os.path.basename(path)
    if name == f"{snapshot.set_id}_{snapshot.snap}_{snapshot.version}_{snapshot.revision}.zip":
        return ""  # by far the most, and reading a name takes longer than spelling one
    named = parse_filename(name)
    recorded = (snapshot.snap, snapshot.version, snapshot.revision)
    if named is None or (named.snap, named.version, named.revision) != recorded:
        return f"file name does not fit {filename(snapshot)}"
    return ""


def read_snapshot(path: str) -> Snapshot:
    """The metadata of a snapshot file, whatever its state: what cannot be read is broken, with the reason.

    What snapd's own listing would leave out is `hidden`. FileNotFoundError when the file is gone.
    """
    try:
        with Reader.open(path) as reader:
            return reader.snapshot
    except FileNotFoundError:
        raise
    except (SnapshotError, OSError) as fault:
        if os.path.islink(path):
            return unreadable(path, "it is a symbolic link, which is not followed")._replace(hidden=False)
        reason = fault.strerror if isinstance(fault, OSError) else str(fault)
        return unreadable(path, f"cannot be read: {reason}")


def unreadable(path: str, reason: str) -> Snapshot:
    """A broken snapshot of which only the file's name and size are known."""
    name = os.path.basename(path)
    named = parse_filename(name)
    set_id = snapshot_id(name) or 0
    try:
        size = os.lstat(path).st_size
    except OSError:
        size = 0
    blank = Snapshot(set_id, ZERO_TIME, "", Revision(), size=size, broken=reason, path=path, hidden=True)
    if named is None:
        return blank
    return blank._replace(snap=named.snap, version=named.version, revision=named.revision)


def check(
    readers: Iterable[Reader], users: Sequence[str], progress: "Progress", level: CheckLevel = CheckLevel.HASH
) -> list[CheckResult]:
    """Verify the archives of several snapshots side by side; every bad one is in the verdicts.

    At the level of structure, every archive whose hash holds is also walked. A broken snapshot gets one
    verdict.
    """
    from backend.archive import hashing

    verdicts = []
    work = []
    for reader in readers:
        snapshot = reader.snapshot
        if snapshot.broken:
            fault = f"cannot open snapshot: {snapshot.broken}"
            verdicts.append(
                CheckResult(set_id=snapshot.set_id, snap=snapshot.snap, entry="", size=0, fault=fault)
            )
            continue
        work += [(reader, entry, _size(reader, entry)) for entry in reader.selected(users)]
    work.sort(key=lambda item: -item[2])
    calls = [partial(_verdict, reader, entry, level) for reader, entry, _ in work]
    verdicts += hashing.in_parallel(calls, progress, 1 if level is CheckLevel.QUICK else None)
    return sorted(
        verdicts,
        key=lambda verdict: (verdict.set_id, verdict.snap, verdict.entry.startswith("user/"), verdict.entry),
    )


def _size(reader: Reader, entry: str) -> int:
    try:
        return reader.stored_size(entry)
    except IntegrityError:
        return 0


def _verdict(reader: Reader, entry: str, level: CheckLevel, progress: "Progress") -> CheckResult:
    fault = ""
    unpacked = None
    size = _size(reader, entry)
    try:
        unpacked = _verify(reader, (entry, size), progress, level)
    except OSError as error:
        fault = f'snapshot entry "{entry}" cannot be read: {error.strerror}'
    except SnapshotError as error:
        fault = str(error)
    snapshot = reader.snapshot
    return CheckResult(
        set_id=snapshot.set_id,
        snap=snapshot.snap,
        entry=entry,
        size=size,
        fault=fault,
        path=snapshot.path,
        unpacked=unpacked,
    )


def _verify(reader: Reader, archive: tuple[str, int], progress: "Progress", level: CheckLevel) -> int | None:
    """Verify an archive at some level; returns the bytes it unpacks to where it was walked."""
    entry, size = archive
    if level is CheckLevel.QUICK:
        progress.raise_if_cancelled()
        reader.locate(entry)
        return None
    name = f"#{reader.snapshot.set_id} {reader.snapshot.snap}, {user_of(entry) or 'system'}"
    with progress.part(name, size) as part:
        reader.verify(entry, part)
        return reader.vet(entry, part) if level is CheckLevel.STRUCTURE else None
