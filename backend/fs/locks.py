"""Advisory locks, which vanish with their process, and what is done where a file system has none.

Where there are none (NFS without its lock daemon), whoever only reads goes on, and whoever makes changes is
refused, unless the process `goes_without` them. A lock file then tells by its content whose it is.
"""

import errno
import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from backend.errors import BlockedError, ConflictError
from backend.fs.files import opened, reached

_NONE = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)
_HOLDER = re.compile(rb"([0-9]{1,10}) ([0-9a-f-]{36}) ([0-9]{1,20})\n")
_LONGEST = 80
_STARTED = 19  # which field behind the name in /proc/PID/stat says when a process was started
_BOOT_ID = "/proc/sys/kernel/random/boot_id"


class _Process:
    """What holds for the whole process."""

    goes_without = False


def go_without() -> None:
    """From now on, changes are made without locks where a file system has none: nothing else may run."""
    _Process.goes_without = True


def goes_without() -> bool:
    """Whether changes are made without locks where a file system has none."""
    return _Process.goes_without


class FileLock:
    """An advisory lock on a file of its own; it vanishes with its process."""

    def __init__(self, path: str, busy: str, *, is_optional: bool = False) -> None:
        self._path = path
        self._busy = busy
        self._is_optional = is_optional

    @contextmanager
    def held(self, *, shared: bool = False, wait: bool = False) -> Iterator[bool]:
        """Hold the lock; yields False where there are none, and it is shared, optional, or gone without.

        Raises:
            ConflictError: another process has it; with the `busy` text.
            BlockedError: there are no locks.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        with opened(self._path, flags) as fd:
            how = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB)
            try:
                is_held = _lock(fd, how)
            except BlockingIOError:
                raise ConflictError(self._busy) from None
            if is_held or shared:
                yield is_held
                return
            if not (self._is_optional or goes_without()):
                raise BlockedError(
                    f"cannot lock {self._path}: there are no locks on that file system (NFS without lockd?); "
                    "--no-lock goes on without them, and then nothing else may make changes here"
                )
            with _signed(fd):
                yield False


def _lock(fd: int, how: int) -> bool:
    """Lock an open file; False where there are no locks."""
    try:
        fcntl.flock(fd, how)
    except OSError as refusal:
        if refusal.errno in _NONE:
            return False
        raise
    return True


@contextmanager
def locked(fd: int) -> Iterator[None]:
    """Hold the advisory lock of an open file, so that others see it is in use, where there are locks."""
    is_held = _lock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    try:
        yield
    finally:
        if is_held:
            fcntl.flock(fd, fcntl.LOCK_UN)


def is_locked(path: str, directory: int | None = None) -> bool:
    """Whether a living process holds the lock file at `path`; False when there is none."""
    try:
        with reached(path, directory) as (above, name):
            fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=above)
    except OSError:
        return False
    try:
        return not _lock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB) and _is_signed(fd)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)


# -- without locks


@contextmanager
def _signed(fd: int) -> Iterator[None]:
    """Let the content of a lock file say which process holds it."""
    os.pwrite(fd, _signature(os.getpid()), 0)
    try:
        yield
    finally:
        os.ftruncate(fd, 0)


def _is_signed(fd: int) -> bool:
    """Whether a lock file says that it is held, by a process that lives."""
    with suppress(OSError):
        content = os.pread(fd, _LONGEST, 0)
        if holder := _HOLDER.fullmatch(content):
            return content == _signature(int(holder[1]))
    return False


def _signature(process: int) -> bytes:
    """A process, and what tells it from a later one of the same number; OSError for one that is gone."""
    with open(f"/proc/{process}/stat", "rb") as stat, open(_BOOT_ID, "rb") as boot:
        started = stat.read().rpartition(b")")[2].split()[_STARTED]
        return b"%d %s %s\n" % (process, boot.read().strip(), started)
