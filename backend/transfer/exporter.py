"""A set as one stream, going out: byte for byte what snapd writes, its size known beforehand."""

import hashlib
import os
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import NamedTuple, Protocol, Self

from backend.archive.hashing import Hasher
from backend.archive.reader import Reader
from backend.archive.tar.stream import BLOCK, padded
from backend.archive.tar.writer import TarHeader, header
from backend.errors import BlockedError, IntegrityError, NotFoundError, OpenEndedError, SnapshotError
from backend.format.export_manifest import CONTENT, MANIFEST, content_json, export_json
from backend.format.metadata import NEWER_SPELLING_SINCE, set_content_hashes
from backend.format.timestamps import time_text
from backend.fs import beneath, files, locks
from backend.fs.files import Identity
from backend.host.layout import Layout
from backend.host.state import answering_version, installed_version, version_of
from backend.model import Snapshot
from backend.progress import Progress
from backend.steps import ExportBegun, FileId
from backend.store.store import Store
from backend.transfer.checksums import checksum_line, drop_stale_checksum
from backend.transfer.output import opened_output, output_at
from backend.transfer.target import Target

_SUMS = ".sha256"


class SnapshotExport:
    """A set, or the snaps of it that are named, opened for export.

    What is removed or renamed meanwhile is exported all the same. `size` is the exact length of the stream in
    bytes. With `skip_broken`, broken snapshots are not exported but listed in `left_out`.

    Raises:
        NotFoundError: there is no such set, or no such snap in it.
        BlockedError: a snapshot to be exported is broken.
    """

    def __init__(
        self, store: Store, set_id: int, *, skip_broken: bool = False, snaps: Sequence[str] = ()
    ) -> None:
        self._stack = ExitStack()
        self.left_out: list[str] = []
        self.set_id = set_id
        self._layout = store.layout
        chosen = self._chosen(store, snaps)
        with self._stack:
            self._members = self._open(chosen, skip_broken)
            self._stack = self._stack.pop_all()
        self.size = sum(len(header(m)) + padded(m.size) for m in self._members) + 2 * BLOCK

    def _chosen(self, store: Store, snaps: Sequence[str]) -> list[Snapshot]:
        snapshots = list(store.iter_snapshots(self.set_id))
        if not snapshots:
            raise NotFoundError(f"no snapshot data found for {self.set_id}")
        held = [snapshot.snap for snapshot in snapshots if snapshot.snap]
        if missing := [name for name in dict.fromkeys(snaps) if name not in held]:
            raise NotFoundError(
                f"cannot export snapshot {self.set_id}: there is no {_listed(missing)} in it, "
                f"only {_listed(held) or 'what cannot be read'}"
            )
        return [snapshot for snapshot in snapshots if not snaps or snapshot.snap in snaps]

    def _open(self, chosen: Sequence[Snapshot], skip_broken: bool) -> list[TarHeader]:
        readers = []
        for snapshot in chosen:
            if snapshot.broken:
                name = os.path.basename(snapshot.path)
                fault = f"cannot export snapshot {self.set_id}: {name} is broken: {snapshot.broken}"
                if not skip_broken:
                    raise BlockedError(fault)
                self.left_out.append(fault)
                continue
            with files.os_errors_as(f"cannot export snapshot {self.set_id}"):
                readers.append(self._stack.enter_context(Reader.open(snapshot.path)))
        if not readers:
            raise NotFoundError(f"no snapshot data found for {self.set_id}")
        now = time.time_ns()
        seconds = now // 10**9
        digest = _content_hash([reader.snapshot for reader in readers], self._layout)
        zips = [_zip_member(reader) for reader in readers]
        manifest = export_json(time_text(now, time.localtime(seconds).tm_gmtoff), [m.name for m in zips])
        return [
            _json_member(CONTENT, content_json(digest), seconds),
            *zips,
            _json_member(MANIFEST, manifest, seconds),
        ]

    @property
    def snaps(self) -> int:
        """How many snapshots are exported."""
        return len(self._members) - 2

    def stream_to(self, target: int, progress: Progress, hasher: Hasher | None = None) -> None:
        """Write the stream to an open file, and all of it to a hash if one is given.

        Raises:
            IntegrityError: a snapshot file became shorter meanwhile.
            Cancelled: the job was stopped.
        """
        with files.os_errors_as(f"cannot export snapshot {self.set_id}"), Target(target, hasher) as out:
            for member in self._members:
                if member.fd is None:
                    self._write(member, out, progress)
                    continue
                with progress.part(member.name, len(header(member)) + padded(member.size)) as part:
                    self._write(member, out, part)
            out.put(bytes(2 * BLOCK), progress)

    def _write(self, member: TarHeader, out: Target, progress: Progress) -> None:
        out.put(header(member) + member.data, progress)
        if member.fd is not None and out.copy(member.fd, member.size, progress) != member.size:
            raise IntegrityError(f"cannot export snapshot {self.set_id}: {member.name} became shorter")
        out.put(bytes(padded(member.size) - member.size), progress)

    def close(self) -> None:
        """Let go of the files; closing again does nothing."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()


def _content_hash(snapshots: Sequence[Snapshot], layout: Layout) -> bytes:
    """The hash by which the snapd of a place knows the set again: the snapd that answers, or is installed.

    There are two only where a text holds a backspace or a form feed; without a snapd it is the newer one.
    """
    older, newer = set_content_hashes(snapshots)
    if older == newer:
        return newer
    version = answering_version(layout.socket) or installed_version(layout.below)
    return older if (0, 0) < version_of(version) < NEWER_SPELLING_SINCE else newer


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _json_member(name: str, data: bytes, mtime: int) -> TarHeader:
    return TarHeader(name=name, size=len(data), mode=0o640, mtime=mtime, uid=0, gid=0, fd=None, data=data)


def _zip_member(reader: Reader) -> TarHeader:
    status = os.fstat(reader.fileno())
    mtime = (status.st_mtime_ns + 500_000_000) // 10**9
    name = os.path.basename(reader.snapshot.path)
    mode = stat.S_IMODE(status.st_mode)
    return TarHeader(
        name=name,
        size=status.st_size,
        mode=mode,
        mtime=mtime,
        uid=status.st_uid,
        gid=status.st_gid,
        fd=reader.fileno(),
        data=b"",
    )


class _Part(NamedTuple):
    """A file on its way to the name `file`: ours alone until it has that."""

    fd: int
    path: str
    file: str
    identity: Identity

    def put_in_place(self) -> None:
        """Give it its name, for good."""
        if files.identity(self.path) != self.identity:
            raise SnapshotError(f"{self.path} was replaced by someone else meanwhile")
        beneath.rename(self.path, self.file)
        try:
            files.sync_directory(os.path.dirname(os.path.abspath(self.file)))
        except OSError as failure:
            reason = f"a power failure may take {self.file} away: {failure.strerror}"
            raise OpenEndedError(f"export is done, but {reason}") from failure


class Streamed(Protocol):
    """A set as one stream of `size` bytes."""

    set_id: int
    size: int

    def stream_to(self, target: int, progress: Progress, hasher: Hasher | None = None) -> None:
        """Write all of it to an open file, through the hasher."""


def export_to_file(export: Streamed, path: str, progress: Progress, *, checksum: bool = False) -> None:
    """Write an export beside its final name, and give it that name once it is whole and synced.

    The file is private (mode 0600). On any failure, and on a stop, nothing of it is left; what stood at the
    final name stays until it is replaced. With `checksum` there is `PATH.sha256` as well, which never tells
    of another file: an older one goes just before the file is replaced. A device or a FIFO is written into;
    a link stays, and what it leads to is written.
    """
    with files.os_errors_as(f"cannot export snapshot {export.set_id}"):
        output = output_at(path, checksum=checksum)
        if not output.kind:
            _export_whole(export, output.path, progress, checksum=checksum)
            return
        with opened_output(output, progress) as fd:
            export.stream_to(fd, progress)


def _export_whole(export: Streamed, path: str, progress: Progress, *, checksum: bool) -> None:
    targets = (path, f"{path}{_SUMS}") if checksum else (path,)
    begun = ExportBegun(f"{path}.part", path, checksum=() if checksum else None)
    for target in targets:
        _clear_the_way(target)
    progress.record_step(begun)
    with ExitStack() as stack:
        parts = [stack.enter_context(_new_part(target)) for target in targets]
        sums = parts[1].identity if checksum else None
        progress.record_step(replace(begun, identity=parts[0].identity, checksum=sums))
        _fill(parts, export, progress)
        if not checksum:
            drop_stale_checksum(path, progress)
        _put_in_place(*parts)


@contextmanager
def _new_part(target: str) -> Iterator[_Part]:
    """A new file beside `target`; it is removed when this fails, unless it is in place by then."""
    path = f"{target}.part"
    fd = beneath.open_path(path, files.NEW_FILE)
    status = os.fstat(fd)
    identity = Identity(status.st_dev, status.st_ino)
    try:
        with locks.locked(fd):
            yield _Part(fd, path, target, identity)
    except BaseException:
        if files.identity(path) == identity:
            beneath.unlink(path)
        raise
    finally:
        os.close(fd)


def _fill(parts: Sequence[_Part], export: Streamed, progress: Progress) -> None:
    """Write the stream to the first part, its checksum to the other if there is one, and sync both."""
    body, *others = parts
    hasher = hashlib.sha256() if others else None
    _reserve(body.fd, export.size)
    export.stream_to(body.fd, progress, hasher)
    length = os.lseek(body.fd, 0, os.SEEK_CUR)
    if length != export.size:
        raise IntegrityError(f"unexpected size, got: {length} but wanted {export.size}")
    os.fsync(body.fd)
    if hasher is not None:
        files.write_all(others[0].fd, checksum_line(hasher.hexdigest(), body.file))
        os.fsync(others[0].fd)


def _put_in_place(body: _Part, sums: _Part | None = None) -> None:
    if sums is not None and files.identity(sums.file) is not None:
        beneath.unlink(sums.file)
        files.sync_directory(os.path.dirname(os.path.abspath(sums.file)))
    body.put_in_place()
    if sums is not None:
        with files.os_errors_as(f"{body.file} is written, but not its checksum"):
            sums.put_in_place()


def _clear_the_way(target: str) -> None:
    """Remove the left-over of an export that died; refuse where one is being written, or what is no file."""
    if (kind := _kind(target)) and not stat.S_ISREG(kind):
        what = "it is a directory" if stat.S_ISDIR(kind) else "it is not a regular file"
        raise SnapshotError(f"cannot write {target}: {what}")
    part = f"{target}.part"
    if kind := _kind(part):
        if not stat.S_ISREG(kind):
            raise SnapshotError(f"{part} is in the way: it is not a regular file")
        if locks.is_locked(part):
            raise SnapshotError(f"{part} is being written by another export")
        beneath.unlink(part)


def _kind(path: str) -> int:
    try:
        return beneath.lstat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return 0


def end_part(step: ExportBegun) -> bool:
    """Remove what an export left that died, from a step it noted; True where the file was complete.

    Then its checksum is put in place, if that was all that was missing.
    """
    part, file, identity = step.part, step.file, step.identity
    if not part.endswith(".part"):
        raise IntegrityError(f"cannot remove {part}: it is not the part of an export")
    complete = bool(file) and files.is_recorded(file, identity)
    if not complete and (files.is_recorded(part, identity) if identity else _is_blank(part)):
        beneath.unlink(part)
    if step.checksum is not None and file:
        _end_checksum(f"{file}{_SUMS}", step.checksum, complete=complete)
    return complete


def _end_checksum(target: str, identity: FileId | tuple[()], *, complete: bool) -> None:
    part = f"{target}.part"
    if not (files.is_recorded(part, identity) if identity else _is_blank(part)):
        return
    if complete and identity:
        beneath.rename(part, target)
        files.sync_directory(os.path.dirname(target))
    else:
        beneath.unlink(part)


def _is_blank(path: str) -> bool:
    """Whether it is an empty file of ours, as it is before its identity can be noted."""
    try:
        status = beneath.lstat(path)
    except FileNotFoundError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_size == 0 and status.st_uid == os.geteuid()


def _reserve(fd: int, size: int) -> None:
    try:
        os.posix_fallocate(fd, 0, size)
    except OSError as cause:
        import errno

        if cause.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
