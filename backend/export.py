"""A set as one stream, going out: byte for byte what snapd writes, its size known beforehand (spec §3.17)."""

import os
import stat
import time
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any, NamedTuple, Self

from backend import files
from backend.errors import BlockedError, IntegrityError, NotFoundError, SnapshotError
from backend.files import Identity
from backend.job import Job
from backend.reader import Reader
from backend.store import Store, is_recorded
from backend.tarstream import BLOCK, padded
from backend.wire import content_json, export_json, set_content_hash, time_text

CONTENT, MANIFEST = "content.json", "export.json"
_PIECE = 1 << 20
_PATIENCE = 200  # milliseconds
_NAME, _OCTAL_SIZE, _OCTAL_ID = 100, 8**11, 8**7


class _Outgoing(NamedTuple):
    """A member to be exported; `fd` is None where `data` is the content."""

    name: str
    size: int
    mode: int
    mtime: int
    uid: int
    gid: int
    fd: int | None
    data: bytes


class SnapshotExport:
    """A set, opened for export: what is removed or renamed meanwhile is exported all the same.

    `size` is the exact length of the stream in bytes. NotFoundError when there is no such set; BlockedError
    when a snapshot of it is broken, unless `skip_broken`, which then lists it in `left_out`.
    """

    def __init__(self, store: Store, set_id: int, *, skip_broken: bool = False) -> None:
        self._stack = ExitStack()
        self.left_out: list[str] = []
        self.set_id = set_id
        with self._stack:
            self._members = self._open(store, skip_broken)
            self._stack = self._stack.pop_all()
        self.size = sum(len(_header(m)) + padded(m.size) for m in self._members) + 2 * BLOCK

    def _open(self, store: Store, skip_broken: bool) -> list[_Outgoing]:
        readers = []
        for snapshot in store.iter_snapshots(self.set_id):
            if snapshot.broken:
                name = os.path.basename(snapshot.path)
                fault = f"cannot export snapshot {self.set_id}: {name} is broken: {snapshot.broken}"
                if not skip_broken:
                    raise BlockedError(fault)
                self.left_out.append(fault)
                continue
            with files.speaking(f"cannot export snapshot {self.set_id}"):
                readers.append(self._stack.enter_context(Reader.open(snapshot.path)))
        if not readers:
            raise NotFoundError(f"no snapshot data found for {self.set_id}")
        now = time.time_ns()
        seconds = now // 10**9
        digest = set_content_hash(reader.snapshot for reader in readers)
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

    def stream_to(self, target: int, job: Job) -> None:
        """Write the stream to an open file; IntegrityError when a snapshot file became shorter meanwhile."""
        with files.speaking(f"cannot export snapshot {self.set_id}"):
            for member in self._members:
                job.enter(member.name)
                self._write(member, target, job)
            _put(bytes(2 * BLOCK), target, job)

    def _write(self, member: _Outgoing, target: int, job: Job) -> None:
        header = _header(member)
        _put(header, target, job)
        job.advance(len(header))
        if member.fd is None:
            _put(member.data, target, job)
        elif _copy(member.fd, target, member.size, job) != member.size:
            raise IntegrityError(f"cannot export snapshot {self.set_id}: {member.name} became shorter")
        _put(bytes(padded(member.size) - member.size), target, job)

    def close(self) -> None:
        """Let go of the files; closing again does nothing."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()


def _is_file(fd: int) -> bool:
    return stat.S_ISREG(os.fstat(fd).st_mode)


def _put(data: bytes, target: int, job: Job) -> None:
    """Write all of `data` to a file or pipe; notices a stop while nobody reads at its other end."""
    if _is_file(target):
        files.write_all(target, data)
        return
    from select import PIPE_BUF, POLLOUT, poll

    room = poll()
    room.register(target, POLLOUT)
    for at in range(0, len(data), PIPE_BUF):
        while not room.poll(_PATIENCE):
            job.check()
        files.write_all(target, data[at : at + PIPE_BUF])


def _copy(source: int, target: int, size: int, job: Job) -> int:
    """Copy a file of `size` bytes to a file or pipe; returns the bytes copied."""
    if _is_file(target):
        return files.copy_range(source, 0, target, size, job.advance)
    copied = 0
    while copied < size and (piece := os.pread(source, min(_PIECE, size - copied), copied)):
        _put(piece, target, job)
        copied += len(piece)
        job.advance(len(piece))
    return copied


def _json_member(name: str, data: bytes, mtime: int) -> _Outgoing:
    return _Outgoing(name, len(data), 0o640, mtime, 0, 0, None, data)


def _zip_member(reader: Reader) -> _Outgoing:
    found = os.fstat(reader.fileno())
    mtime = (found.st_mtime_ns + 500_000_000) // 10**9
    name = os.path.basename(reader.snapshot.path)
    mode = stat.S_IMODE(found.st_mode)
    return _Outgoing(name, found.st_size, mode, mtime, found.st_uid, found.st_gid, reader.fileno(), b"")


def _header(member: _Outgoing) -> bytes:
    """The tar header as Go lays it out: USTAR, and PAX before it only for what does not fit."""
    raw = os.fsencode(member.name)
    records = {}
    if len(raw) > _NAME or not raw.isascii():
        records["path"] = member.name
    numbers = {
        "size": (member.size, _OCTAL_SIZE),
        "uid": (member.uid, _OCTAL_ID),
        "gid": (member.gid, _OCTAL_ID),
    }
    numbers["mtime"] = (member.mtime, _OCTAL_SIZE)
    fields = {}
    for key, (value, limit) in numbers.items():
        fits = 0 <= value < limit
        fields[key] = value if fits else 0
        if not fits:
            records[key] = str(value)
    owner, group = ("", "") if member.fd is None else _owner_names(member.uid, member.gid)
    plain = _ustar(raw, member.mode, fields, b"0", (owner, group))
    if not records:
        return plain
    content = b"".join(_record(key, records[key]) for key in sorted(records))
    blank = {"size": len(content), "uid": 0, "gid": 0, "mtime": 0}
    extended = _ustar(b"PaxHeaders.0/" + raw, 0, blank, b"x", ("", ""))
    return extended + content + bytes(padded(len(content)) - len(content)) + plain


def _ustar(name: bytes, mode: int, fields: dict[str, int], kind: bytes, owners: tuple[str, str]) -> bytes:
    name = bytes(byte for byte in name if byte < 0x80)[:_NAME]
    ids = b"%07o\0%07o\0%07o\0" % (mode, fields["uid"], fields["gid"])
    block = bytearray(name.ljust(_NAME, b"\0") + ids + b"%011o\0%011o\0" % (fields["size"], fields["mtime"]))
    block += b" " * 8 + kind + bytes(_NAME) + b"ustar\x0000"
    block += b"".join(os.fsencode(owner)[:31].ljust(32, b"\0") for owner in owners)
    block += b"0000000\0" * 2 + bytes(167)
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def _record(key: str, value: str) -> bytes:
    body = b" " + key.encode() + b"=" + os.fsencode(value) + b"\n"
    length = len(body)
    while len(str(length)) + len(body) != length:
        length = len(str(length)) + len(body)
    return str(length).encode() + body


def _owner_names(uid: int, gid: int) -> tuple[str, str]:
    import grp
    import pwd

    try:
        owner = pwd.getpwuid(uid).pw_name
    except KeyError:
        owner = ""
    try:
        return owner, grp.getgrgid(gid).gr_name
    except KeyError:
        return owner, ""


def export_to_file(export: SnapshotExport, path: str, job: Job) -> None:
    """Write an export beside its final name, and give it that name once it is whole and synced.

    The file is private (mode 0600). On any failure, and on a stop, nothing of it is left; what stood at the
    final name stays until it is replaced.
    """
    part = f"{path}.part"
    with files.speaking(f"cannot export snapshot {export.set_id}"):
        _remove_dead_part(part)
        job.keep({"part": part, "file": path})
        fd = os.open(part, files.NEW_FILE, 0o600)
        found = os.fstat(fd)
        try:
            with files.locked(fd):
                job.keep({"part": part, "file": path, "identity": [found.st_dev, found.st_ino]})
                _reserve(fd, export.size)
                export.stream_to(fd, job)
                _seal(fd, part, path, export)
        except BaseException:
            if files.identity(part) == Identity(found.st_dev, found.st_ino):
                os.unlink(part)
            raise
        finally:
            os.close(fd)
        files.sync_directory(os.path.dirname(os.path.abspath(path)))


def _remove_dead_part(part: str) -> None:
    """A left-over of an export that died; one that is being written, and what is no file, is left alone."""
    if files.identity(part) is not None:
        if not stat.S_ISREG(os.lstat(part).st_mode):
            raise SnapshotError(f"{part} is in the way: it is not a regular file")
        if files.is_locked(part):
            raise SnapshotError(f"{part} is being written by another export")
        os.unlink(part)


def end_part(step: Mapping[str, Any]) -> bool:
    """Remove what an export left that died, from a step it noted; True where the file was complete."""
    part, file, found = str(step["part"]), str(step.get("file", "")), step.get("identity")
    if not part.endswith(".part"):
        raise IntegrityError(f"cannot remove {part}: it is not the part of an export")
    if found and file and is_recorded(file, found):
        return True
    if is_recorded(part, found) if found else _is_blank(part):
        os.unlink(part)
    return False


def _is_blank(path: str) -> bool:
    """Whether it is an empty file of ours, as it is before its identity can be noted."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size == 0 and found.st_uid == os.geteuid()


def _reserve(fd: int, size: int) -> None:
    try:
        os.posix_fallocate(fd, 0, size)
    except OSError as cause:
        import errno

        if cause.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise


def _seal(fd: int, part: str, path: str, export: SnapshotExport) -> None:
    length = os.lseek(fd, 0, os.SEEK_CUR)
    if length != export.size:
        raise IntegrityError(f"unexpected size, got: {length} but wanted {export.size}")
    os.fsync(fd)
    found = os.fstat(fd)
    if files.identity(part) != Identity(found.st_dev, found.st_ino):
        raise SnapshotError(f"{part} was replaced by someone else meanwhile")
    os.rename(part, path)
