"""Files and directories, handled so that a crash or a planted link cannot do harm.

Whatever is opened here is opened by descriptor and never through a symbolic link unless said. Whatever
is made to last is synced before this returns. OSErrors pass through.
"""

import errno
import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from backend.errors import ConflictError, NoSpaceError, NotAllowedError, SnapshotError

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW
NEW_FILE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW

_AT_FDCWD = -100
_EXCHANGE = 2
_NOREPLACE = 1
_UNSUPPORTED = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP)
_DEEPEST = 32
_LETTERS = "BCDFGHJKLMNPQRSTVWXYbcdfghjklmnpqrstvwxy0123456789"


class Identity(NamedTuple):
    """Which file it is, whatever its name: device and inode."""

    device: int
    inode: int


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
        status = os.lstat(name, dir_fd=directory)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return Identity(status.st_dev, status.st_ino)


@contextmanager
def opened(path: str, flags: int = os.O_RDONLY | os.O_CLOEXEC, directory: int | None = None) -> Iterator[int]:
    """A descriptor for `path` that is closed again."""
    fd = os.open(path, flags, 0o600, dir_fd=directory)
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def opened_beneath(top: str, path: str, flags: int) -> Iterator[int]:
    """A descriptor for `path` below the directory `top`, where no link is followed on the way from there."""
    *above, name = path.split("/")
    fd = os.open(top, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in above:
            below = os.open(part, DIRECTORY, dir_fd=fd)
            os.close(fd)
            fd = below
        with opened(name, flags | os.O_NOFOLLOW, fd) as target:
            yield target
    finally:
        os.close(fd)


@contextmanager
def opened_below(directory: int, path: str) -> Iterator[int]:
    """A descriptor of the directory at `path` below an open one; no link is followed on the way."""
    fd = os.dup(directory)
    try:
        for part in filter(None, path.split("/")):
            below = os.open(part, DIRECTORY, dir_fd=fd)
            os.close(fd)
            fd = below
        yield fd
    finally:
        os.close(fd)


def sync_directory(path: str) -> None:
    """Make the names in a directory last."""
    with opened(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) as fd:
        os.fsync(fd)


def sync_filesystem(fd: int) -> None:
    """Make everything written to the file system of an open file last."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syncfs(fd) != 0:
        os.fsync(fd)
        os.sync()


def make_directories(path: str, mode: int = 0o755) -> list[str]:
    """Make a directory and its missing ancestors, and make them last; returns those made, topmost first."""
    missing: list[str] = []
    while not os.path.isdir(path):
        missing.insert(0, path)
        path = os.path.dirname(path)
    made = []
    for folder in missing:
        try:
            os.mkdir(folder, mode)
        except FileExistsError:
            if not os.path.isdir(folder):
                raise
            continue
        sync_directory(os.path.dirname(folder))
        made.append(folder)
    return made


def write_whole(path: str, data: bytes, mode: int = 0o600) -> None:
    """Put `data` at `path`, whole or not at all, and make it last."""
    beside = f"{path}.{random_name()}~"
    fd = os.open(beside, NEW_FILE, mode)
    try:
        write_all(fd, data)
        os.fsync(fd)
        os.rename(beside, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(beside)
        raise
    finally:
        os.close(fd)
    sync_directory(os.path.dirname(path) or ".")


def write_all(fd: int, data: bytes | bytearray | memoryview) -> None:
    """Write all of `data`, however many calls it takes."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


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
    """The lines of a regular file, however long it is, with their ends; none where there is no file."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return
    with open(fd, "rb", 1 << 20) as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", path)
        yield from file


def rename_new(name: str, from_directory: int | None, target: str, to_directory: int | None) -> None:
    """Rename without ever replacing something: FileExistsError when the target is there."""
    if not _rename(name, from_directory, target, to_directory, flags=_NOREPLACE):
        if identity(target, to_directory) is not None:
            raise FileExistsError(errno.EEXIST, "File exists", target)
        os.rename(name, target, src_dir_fd=from_directory, dst_dir_fd=to_directory)


def exchange(name: str, directory: int, other: str, other_directory: int) -> bool:
    """Swap two names in one step; False, and nothing done, where the file system cannot."""
    return _rename(name, directory, other, other_directory, flags=_EXCHANGE)


def _rename(name: str, source: int | None, target: str, destination: int | None, *, flags: int) -> bool:
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "renameat2"):
        return False
    from_fd = _AT_FDCWD if source is None else source
    to_fd = _AT_FDCWD if destination is None else destination
    if libc.renameat2(from_fd, os.fsencode(name), to_fd, os.fsencode(target), flags) == 0:
        return True
    number = ctypes.get_errno()
    if number in _UNSUPPORTED:
        return False
    raise OSError(number, os.strerror(number), name)


def remove_tree(name: str, directory: int | None = None) -> None:
    """Remove whatever is at `name`, with all below it; nothing there is fine. Links are not followed.

    Needs few descriptors however deep the tree, and clears the way through directories without rights.
    """
    try:
        os.unlink(name, dir_fd=directory)
    except FileNotFoundError:
        return
    except IsADirectoryError:
        _open_up(name, directory)
        with opened(name, DIRECTORY, directory) as top:
            _empty(top, top, 0)
        os.rmdir(name, dir_fd=directory)


def _open_up(name: str, directory: int | None) -> None:
    status = os.lstat(name, dir_fd=directory)
    if status.st_mode & 0o700 != 0o700 and status.st_uid == os.geteuid():
        with opened(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, directory) as fd:
            os.chmod(f"/proc/self/fd/{fd}", 0o700)


def _empty(fd: int, top: int, depth: int) -> None:
    """Empty an open directory; what lies too deep is first moved up to the top one."""
    again = True
    while again:
        again = False
        with os.scandir(fd) as entries:
            inside = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
        for name, is_directory in inside:
            if not is_directory:
                os.unlink(name, dir_fd=fd)
                continue
            _open_up(name, fd)
            if depth < _DEEPEST:
                with opened(name, DIRECTORY, fd) as below:
                    _empty(below, top, depth + 1)
                os.rmdir(name, dir_fd=fd)
            else:
                os.rename(name, f".deep-{random_name(24)}", src_dir_fd=fd, dst_dir_fd=top)
        if fd == top:
            with os.scandir(fd) as entries:
                again = any(True for _ in entries)


class FileLock:
    """An advisory lock on a file of its own; it vanishes with its process."""

    def __init__(self, path: str, busy: str) -> None:
        self._path = path
        self._busy = busy

    @contextmanager
    def held(self, *, shared: bool = False, wait: bool = False) -> Iterator[None]:
        """Hold the lock; ConflictError with the `busy` text when another process has it."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        with opened(self._path, flags) as fd:
            how = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB)
            try:
                fcntl.flock(fd, how)
            except BlockingIOError:
                raise ConflictError(self._busy) from None
            yield


@contextmanager
def locked(fd: int) -> Iterator[None]:
    """Hold the advisory lock of an open file, so that others see it is in use (`is_locked`)."""
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    try:
        yield
    finally:
        fcntl.flock(fd, fcntl.LOCK_UN)


def is_locked(path: str, directory: int | None = None) -> bool:
    """Whether a living process holds the lock file at `path`; False when there is none."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=directory)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


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
