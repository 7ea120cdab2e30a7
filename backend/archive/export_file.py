"""Looks into an export file without importing it: headers and metadata only, no archive is read.

What it finds is what the file says of itself; only an import proves it.
"""

import os
import stat
from collections.abc import Iterable, Sequence
from hashlib import sha3_384
from typing import NamedTuple

from backend.archive.container import Container
from backend.archive.reader import unreadable
from backend.archive.tar import stream as tarstream
from backend.archive.tar.stream import TarMember, padded
from backend.errors import IntegrityError, InvalidInputError, SnapshotError
from backend.format.export_manifest import CONTENT, MANIFEST, parse_content_json, parse_export_json
from backend.format.metadata import parse_metadata, set_content_hash, set_content_hashes
from backend.format.names import METADATA, METADATA_HASH, filename, parse_filename
from backend.fs import files
from backend.model import Snapshot, SnapshotSet
from backend.progress import Progress

_MOST_MEMBERS = 4096
_LARGEST_JSON = 1 << 20
_MOST_METADATA = 32 << 20
_LARGEST_HASH = 4096
_SHOWN = 3
_CUT_SHORT = "the file is cut short"
_MAGIC_LENGTH = 8
_KINDS = {
    b"PK\x03\x04": "it is a single snapshot, as snapd keeps them, and not an export of a set",
    b"\x1f\x8b": "it is compressed; unpack it first",
    b"hsqs": "it is a snap to be installed, not a snapshot of data",
    b"\xfd7zXZ\0": "it is compressed (xz); unpack it first",
    b"BZh": "it is compressed (bzip2); unpack it first",
    b"\x28\xb5\x2f\xfd": "it is compressed (zstd); unpack it first",
    b"7z\xbc\xaf": "it is a 7-Zip archive; unpack it first",
    b"!<arch>\n": "it is a package of the system, not an export",
}


class ExportFile(NamedTuple):
    """What an export file says it holds; `size` is the file's in bytes, `date` as it is written there.

    A snapshot's `path` is the name it has in the file. `faults` tell why an import would refuse the file;
    `hash_fits` is False where only the content hash of the set is wrong, which an import can be told to
    accept. `places` are where each snapshot's file begins and ends in it.
    """

    path: str
    size: int
    snapshots: tuple[Snapshot, ...] = ()
    date: str = ""
    declared_hash: bytes | None = None
    hash_fits: bool = True
    faults: tuple[str, ...] = ()
    places: tuple[tuple[int, int], ...] = ()

    @property
    def set_id(self) -> int:
        """The set it was exported from; 0 where the names do not agree on one."""
        numbers = {snapshot.set_id for snapshot in self.snapshots}
        return numbers.pop() if len(numbers) == 1 else 0

    @property
    def complete(self) -> bool:
        """Whether nothing is wrong for which an import would refuse it."""
        return not self.faults

    def duplicate_of(self, sets: Iterable[SnapshotSet], snaps: Sequence[str] = ()) -> int:
        """Return the id of the first set that holds the same as these snaps of it (all without any); or 0."""
        taken = [snapshot for snapshot in self.snapshots if not snaps or snapshot.snap in snaps]
        if any(snapshot.broken for snapshot in taken) or not taken:
            return 0
        digests = set_content_hashes(taken)
        for known in sets:
            sound = not any(snapshot.broken for snapshot in known.snapshots)
            if sound and set_content_hash(known.snapshots) in digests:
                return known.set_id
        return 0


def read_export_file(path: str, progress: Progress | None = None) -> ExportFile:
    """Look into an export file; however large it is, only its headers and metadata are read.

    One that is damaged, incomplete or odd is returned, with what could be read and the `faults`. The bytes
    passed over are counted in the job's present step.

    Raises:
        InvalidInputError: it is no export at all, or no regular file.
        NotAllowedError: it may not be read.
        SnapshotError: it cannot be read for another reason.
        Cancelled: the job was stopped.
    """
    with files.os_errors_as("cannot look into the file"):
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
        with files.opened(path, flags) as fd:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                raise InvalidInputError(f"cannot look into {path}: it is not a regular file")
            return _Look(path, fd, status.st_size, progress or Progress()).look()


class _Look:
    """One look into an open file."""

    def __init__(self, path: str, fd: int, size: int, progress: Progress) -> None:
        self._path = path
        self._fd = fd
        self._size = size
        self._progress = progress
        self._at = 0
        self._snapshots: list[Snapshot] = []
        self._places: list[tuple[int, int]] = []
        self._metadata_left = _MOST_METADATA
        self._digest: bytes | None = None
        self._date = ""
        self._listed: tuple[str, ...] | None = None
        self._has_manifest = False
        self._faults: list[str] = []

    def look(self) -> ExportFile:
        """Read what the headers say, as far as they can be read."""
        first = self._first()
        try:
            self._walk(first)
        except IntegrityError as fault:
            self._faults.append(str(fault))
        self._check_complete()
        return ExportFile(
            path=self._path,
            size=self._size,
            snapshots=tuple(self._snapshots),
            date=self._date,
            declared_hash=self._digest,
            hash_fits=self._hash_fits(),
            faults=tuple(dict.fromkeys(self._faults)),
            places=tuple(self._places),
        )

    def _first(self) -> TarMember:
        """The first member, without which it is no export."""
        start = os.pread(self._fd, _MAGIC_LENGTH, 0)
        reason = next((text for magic, text in _KINDS.items() if start.startswith(magic)), "")
        if not start:
            reason = "it is empty"
        try:
            member = None if reason else tarstream.next_member(self._read)
        except IntegrityError as fault:
            raise InvalidInputError(f"cannot look into {self._path}: it is not an export: {fault}") from fault
        if member is None:
            raise InvalidInputError(f"cannot look into {self._path}: {reason or 'there is nothing in it'}")
        return member

    def _walk(self, member: TarMember | None) -> None:
        count = 0
        while member is not None:
            self._progress.raise_if_cancelled()
            count += 1
            if count > _MOST_MEMBERS:
                raise IntegrityError(f"there are more than {_MOST_MEMBERS} files in it")
            self._meet(member)
            self._progress.advance(padded(member.size))
            self._at += padded(member.size)
            if self._at > self._size:
                raise IntegrityError(f"{_CUT_SHORT} within {member.text}")
            member = tarstream.next_member(self._read)

    def _read(self, count: int) -> bytes:
        content = os.pread(self._fd, count, self._at)
        self._at += len(content)
        if content and len(content) != count:
            raise IntegrityError(_CUT_SHORT)
        return content

    def _meet(self, member: TarMember) -> None:
        """Take in a member; the position is at its data."""
        name = member.text
        if member.kind not in (tarstream.FILE, tarstream.CONTIGUOUS) or "/" in name:
            self._faults.append(f"unexpected {name}")
        elif name in (CONTENT, MANIFEST):
            try:
                self._take_document(name, member)
            except SnapshotError as fault:
                self._faults.append(str(fault))
        elif parse_filename(name) is None:
            self._faults.append(f"unexpected {name}")
        else:
            self._take_snapshot(name, member)

    def _take_document(self, name: str, member: TarMember) -> None:
        if member.size > _LARGEST_JSON:
            raise IntegrityError(f"{name} is too large to be looked into")
        raw = os.pread(self._fd, member.size, self._at)
        if len(raw) < member.size:
            return
        if name == CONTENT:
            self._digest = parse_content_json(raw)
            return
        self._has_manifest = True
        manifest = parse_export_json(raw)
        self._date, self._listed = manifest.date, manifest.files

    def _take_snapshot(self, name: str, member: TarMember) -> None:
        try:
            snapshot = self._described(name, self._at + member.size)
        except (SnapshotError, OSError) as fault:
            reason = fault.strerror if isinstance(fault, OSError) else str(fault)
            snapshot = unreadable(name, f"cannot be read: {reason}")
        if any(snapshot.snap == other.snap for other in self._snapshots):
            self._faults.append(f'snap "{snapshot.snap}" is twice in it')
        if reason := snapshot.broken or snapshot.warning:
            self._faults.append(f"{name}: {reason}")
        self._snapshots.append(snapshot)
        self._places.append((self._at, min(self._at + member.size, self._size)))

    def _described(self, name: str, end: int) -> Snapshot:
        """The metadata of the zip that lies from the present position to `end`."""
        if end > self._size:
            raise IntegrityError(_CUT_SHORT)
        container = Container(self._fd, end)  # a zip may have anything before it, as any program reads it
        member = container.find(METADATA)
        if member.header_offset < self._at:
            raise IntegrityError("it refers to what lies outside of it")
        raw = container.read(member, self._metadata_left)
        self._metadata_left -= len(raw)
        named = parse_filename(name)
        snapshot = parse_metadata(raw, named.set_id if named else 0)._replace(path=name)
        if not snapshot.broken:
            declared = container.read(container.find(METADATA_HASH), _LARGEST_HASH).strip()
            if declared != sha3_384(raw).hexdigest().encode():
                raise IntegrityError("its metadata are not what was written")
        odd = not snapshot.broken and filename(snapshot) != name
        return snapshot._replace(warning="its name and its content do not agree") if odd else snapshot

    def _check_complete(self) -> None:
        if not self._has_manifest:
            self._faults.append(f"there is no {MANIFEST} in it")
        elif not self._snapshots:
            self._faults.append("there is no snapshot in it")
        if self._listed is not None:
            held = {snapshot.path for snapshot in self._snapshots}
            missing = sorted(set(self._listed) - held)
            self._faults += [f"{name} is missing" for name in missing[:_SHOWN]]
            self._faults += [f"and {len(missing) - _SHOWN} more are missing"] * (len(missing) > _SHOWN)
            extra = sorted(held - set(self._listed))
            self._faults += [f"{name} is not listed in {MANIFEST}" for name in extra]

    def _hash_fits(self) -> bool:
        if self._digest is None or self._faults:
            return True
        return self._digest in set_content_hashes(self._snapshots)
