"""Files and directories, handled so that a crash or a planted link cannot do harm.

Whatever is opened here is opened by descriptor and never through a symbolic link unless said; a path without
a directory is reached as `beneath` has it. Whatever is made to last is synced before this returns. OSErrors
pass through.
"""

import errno
import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import NamedTuple

from backend.errors import NoSpaceError, NotAllowedError, SnapshotError
from backend.fs import beneath

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
NEW_FILE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW

_LONGEST_LINE = 256 << 20
_EXCHANGE = 2
_NOREPLACE = 1
_UNSUPPORTED = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP)
_LETTERS = "BCDFGHJKLMNPQRSTVWXYbcdfghjklmnpqrstvwxy0123456789"


class Identity(NamedTuple):
    """Which file it is, whatever its name: device and inode."""

    device: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> "Identity":
        """Take it from what `stat` tells of a file."""
        return cls(status.st_dev, status.st_ino)


class Fingerprint(NamedTuple):
    """Tells what a file holds from what it held before, and from any other file of the file system.

    Times are in nanoseconds. That of the last change cannot be set: a copy that keeps size and time may have
    got the inode of the file before it.
    """

    device: int
    size: int
    inode: int
    modified: int
    changed: int

    @classmethod
    def of(cls, status: os.stat_result) -> "Fingerprint":
        """Take it from what `stat` tells of a file."""
        return cls(
            device=status.st_dev,
            size=status.st_size,
            inode=status.st_ino,
            modified=status.st_mtime_ns,
            changed=status.st_ctime_ns,
        )

    def __str__(self) -> str:
        """The numbers with blanks between them, as caches keep it."""
        return " ".join(map(str, self))

    @property
    def within_file_system(self) -> tuple[int, int, int, int]:
        """The same without the device, whose number may be another one after the next start."""
        return self[1:]


def fingerprint_at(path: str) -> Fingerprint | None:
    """Take the fingerprint of what is at a path, links followed; None where there is nothing to see."""
    try:
        return Fingerprint.of(os.stat(path))
    except OSError:
        return None


@contextmanager
def os_errors_as(action: str) -> Iterator[None]:
    """Turn an OSError into one of our errors that begins with what could not be done."""
    try:
        yield
    except OSError as cause:
        where = f" {cause.filename}:" if cause.filename else ""
        if cause.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoSpaceError(action, str(cause.filename or "the file system")) from cause
        if isinstance(cause, PermissionError):
            way_out = " (try with sudo)" if os.geteuid() else ""
            raise NotAllowedError(
                f"{action}: no permission for{where.rstrip(':') or ' it'}{way_out}"
            ) from cause
        raise SnapshotError(f"{action}:{where} {cause.strerror or cause}") from cause


def random_name(length: int = 12) -> str:
    """Random letters and digits as snapd uses them for temporary names."""
    return "".join(_LETTERS[byte % len(_LETTERS)] for byte in os.urandom(length))


def identity(name: str, directory: int | None = None) -> Identity | None:
    """Which file `name` is (a link itself, not its target), or None when nothing is there."""
    try:
        status = beneath.lstat(name) if directory is None else os.lstat(name, dir_fd=directory)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return Identity.of(status)


def is_recorded(path: str, recorded: Sequence[int] | None) -> bool:
    """Whether `path` is the file that a journal recorded; by its inode, as devices may be renumbered."""
    present = identity(path)
    if not recorded or present is None:
        return False
    return present.inode == recorded[1]


@contextmanager
def opened(path: str, flags: int = os.O_RDONLY | os.O_CLOEXEC, directory: int | None = None) -> Iterator[int]:
    """A descriptor for `path` that is closed again."""
    fd = beneath.open_path(path, flags, directory=directory)
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def opened_beneath(top: str, path: str, flags: int) -> Iterator[int]:
    """A descriptor for `path` below the directory `top`, where no link is followed on the way from there."""
    with opened(top, beneath.PASSED) as fd, opened_below(fd, path, flags) as target:
        yield target


@contextmanager
def opened_below(directory: int, path: str, flags: int = DIRECTORY) -> Iterator[int]:
    """A descriptor of what is at `path` below an open directory; no link is followed on the way."""
    fd = beneath.open_below(directory, path, flags)
    try:
        yield fd
    finally:
        os.close(fd)


def sync_directory(path: str) -> None:
    """Make the names in a directory last, as `sync_open_directory` does."""
    with opened(path, _FOLDER) as fd:
        sync_open_directory(fd)


def sync_open_directory(fd: int) -> None:
    """Make the names in an open directory last, where its file system can sync directories."""
    try:
        os.fsync(fd)
    except OSError as refusal:
        if refusal.errno not in _UNSUPPORTED:
            raise


def sync_filesystem(fd: int) -> None:
    """Make everything written to the file system of an open directory last."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syncfs(fd) == 0:
        return
    number = ctypes.get_errno()
    if number not in _UNSUPPORTED:
        raise OSError(number, os.strerror(number))
    sync_open_directory(fd)
    os.sync()


def write_whole(path: str, data: bytes, mode: int = 0o600) -> None:
    """Put `data` at `path`, whole or not at all, and make it last."""
    folder, name = os.path.split(path)
    beside = f"{name}.{random_name()}~"
    with opened(folder or ".", _FOLDER) as above:
        fd = os.open(beside, NEW_FILE, mode, dir_fd=above)
        try:
            write_all(fd, data)
            os.fsync(fd)
            os.rename(beside, name, src_dir_fd=above, dst_dir_fd=above)
        except BaseException:
            with suppress(OSError):
                os.unlink(beside, dir_fd=above)
            raise
        finally:
            os.close(fd)
        sync_open_directory(above)


def sweep_half_written(folder: str, *names: str) -> None:
    """Remove what `write_whole` had written of files of these names in a folder when it died."""
    half = re.compile(rf"({'|'.join(map(re.escape, names))})\.[A-Za-z0-9]{{12}}~")
    for name in os.listdir(folder):
        if half.fullmatch(name):
            beneath.unlink(f"{folder}/{name}")


def write_all(fd: int, data: bytes | bytearray | memoryview) -> None:
    """Write all of `data`, however many calls it takes."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def widen_pipe(fd: int) -> None:
    """Let a pipe hold a mebibyte, if it may; a smaller one is only slower."""
    from fcntl import F_SETPIPE_SZ, fcntl

    with suppress(OSError):
        fcntl(fd, F_SETPIPE_SZ, 1 << 20)


def read_whole(path: str, cap: int, directory: int | None = None) -> bytes:
    """The content of a regular file of at most `cap` bytes; OSError (EFBIG) where it is larger."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
    with opened(path, flags, directory) as fd:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", path)
        parts = []
        left = cap + 1
        while left and (part := os.read(fd, min(left, 1 << 20))):
            parts.append(part)
            left -= len(part)
    if not left:
        raise OSError(errno.EFBIG, f"larger than {cap} bytes", path)
    return b"".join(parts)


def read_lines(path: str) -> Iterator[bytes]:
    """The lines of a regular file, however long it is, with their ends; none where there is no file.

    OSError (EFBIG) at a line that is longer than any of ours.
    """
    try:
        fd = beneath.open_path(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return
    with open(fd, "rb", 1 << 20) as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", path)
        while line := file.readline(_LONGEST_LINE):
            if len(line) == _LONGEST_LINE:
                raise OSError(errno.EFBIG, "a line of it is too long", path)
            yield line


def rename_new(name: str, from_directory: int | None, target: str, to_directory: int | None) -> None:
    """Rename without ever replacing something: FileExistsError when the target is there."""
    if from_directory is None or to_directory is None:
        with reached(name, from_directory) as (fd, old), reached(target, to_directory) as (other, new):
            rename_new(old, fd, new, other)
        return
    if not _rename(name, from_directory, target, to_directory, flags=_NOREPLACE):
        if identity(target, to_directory) is not None:
            raise FileExistsError(errno.EEXIST, "File exists", target)
        os.rename(name, target, src_dir_fd=from_directory, dst_dir_fd=to_directory)


def exchange(name: str, directory: int, other: str, other_directory: int) -> bool:
    """Swap two names in one step; False, and nothing done, where the file system cannot."""
    return _rename(name, directory, other, other_directory, flags=_EXCHANGE)


@contextmanager
def reached(name: str, directory: int | None) -> Iterator[tuple[int, str]]:
    """The open directory and the name in it of a path, or of a name in an open directory."""
    if directory is not None:
        yield directory, name
        return
    with beneath.parent(name) as place:
        yield place


def _rename(name: str, source: int, target: str, destination: int, *, flags: int) -> bool:
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "renameat2"):
        return False
    if libc.renameat2(source, os.fsencode(name), destination, os.fsencode(target), flags) == 0:
        return True
    number = ctypes.get_errno()
    if number in _UNSUPPORTED:
        return False
    raise OSError(number, os.strerror(number), name)


def copy_range(source: int, offset: int, target: int, length: int, *, advance: Callable[[int], None]) -> int:
    """Copy `length` bytes from `offset` of one file to the present end of another; returns the bytes copied.

    Fewer than asked means that the source ended. Calls `advance` with each piece.
    """
    copied = 0
    in_kernel = True
    while copied < length:
        want = min(length - copied, 8 << 20)
        if in_kernel:
            try:
                done = os.copy_file_range(source, target, want, offset_src=offset + copied)
            except OSError as refusal:
                if refusal.errno not in (*_UNSUPPORTED, errno.EXDEV, errno.EBADF, errno.EPERM):
                    raise
                in_kernel = False
                continue
        else:
            piece = os.pread(source, min(want, 1 << 20), offset + copied)
            write_all(target, piece)
            done = len(piece)
        if not done:
            break
        copied += done
        advance(done)
    return copied
