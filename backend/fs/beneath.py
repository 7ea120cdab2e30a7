"""Directories held open, and all that lies below them reached from their one descriptor.

Whoever owns a root may put a link in the place of any directory below it, at any instant. While a root is
held, a path below it is walked down from its descriptor, through no symbolic link; any other path is opened
as it is. OSErrors pass through.
"""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any
from weakref import WeakValueDictionary, finalize

PASSED = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC

_CHANGING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_PATH
_OPENAT2 = 437
_RESOLVE = 0x02 | 0x04 | 0x08  # no magic links, no symbolic links, beneath
_NO_CALL = (errno.ENOSYS, errno.EPERM)
_TOO_LONG = 4000


class Root:
    """The directory at `path`, held open as `fd` for as long as this object lives."""

    def __init__(self, path: str, fd: int) -> None:
        self.path = path
        self.fd = fd
        finalize(self, os.close, self.fd)

    def holds(self, path: str) -> bool:
        """Whether a path lies below it, or is its own."""
        return path == self.path or path.startswith(f"{self.path}/")

    @property
    def is_gone(self) -> bool:
        """Whether it was removed since."""
        return os.fstat(self.fd).st_nlink == 0

    def open(self, path: str, flags: int, mode: int = 0o600) -> int:
        """Open what is at a path that it holds."""
        return open_below(self.fd, path[len(self.path) :], flags, mode)


_held: "WeakValueDictionary[str, Root]" = WeakValueDictionary()


def hold(path: str) -> Root | None:
    """Hold the directory at an absolute path that no link is on, for as long as what this returns lives.

    None where there is no such directory.
    """
    return _hold(path, partial(os.open, path, PASSED))


def hold_inside(path: str) -> Root | None:
    """The same for a directory below a root that is held, reached from there; None also outside of all."""
    outer = _root_of(os.path.dirname(path))
    return None if outer is None else _hold(path, partial(outer.open, path, PASSED))


def _hold(path: str, opened: Callable[[], int]) -> Root | None:
    try:
        root = Root(path, opened())
    except OSError:
        return None
    known = _held.get(path)
    if known is not None and os.path.sameopenfile(known.fd, root.fd):
        return known
    _held[path] = root
    return root


def open_path(path: str, flags: int, mode: int = 0o600, *, directory: int | None = None) -> int:
    """Open a path: through no link, not even the last one, below a root that is held.

    With `directory`, it is a name in that open one.
    """
    root = _root_of(path) if directory is None else None
    if root is not None:
        return root.open(path, flags, mode)
    return os.open(path, flags, mode, dir_fd=directory)


def is_held(path: str) -> bool:
    """Whether a path lies below a root that is held."""
    return _root_of(path) is not None


def is_ours_alone(path: str) -> bool:
    """Whether nobody but us, and the superuser, can change the way to a path from the roots that hold it."""
    root = min(_roots_of(path), key=_depth, default=None)
    while root is not None:
        if os.path.lexists(path) and not _is_ours(os.lstat(path)):
            return False
        if path == root.path:
            break
        path = os.path.dirname(path)
    return True


def _is_ours(status: os.stat_result) -> bool:
    return status.st_uid in (0, os.geteuid()) and not status.st_mode & 0o022


@contextmanager
def parent(path: str) -> Iterator[tuple[int, str]]:
    """The directory that a path is in, open to be passed through, and the name it has there."""
    folder, name = os.path.split(path)
    fd = open_path(folder or ".", PASSED)
    try:
        yield fd, name
    finally:
        os.close(fd)


def lstat(path: str) -> os.stat_result:
    """What is at a path, be it a link."""
    with parent(path) as (fd, name):
        return os.lstat(name, dir_fd=fd)


def listdir(path: str) -> list[str]:
    """The names in a directory."""
    fd = open_path(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return os.listdir(fd)
    finally:
        os.close(fd)


def mkdir(path: str, mode: int) -> None:
    """Make a directory."""
    with parent(path) as (fd, name):
        os.mkdir(name, mode, dir_fd=fd)


def unlink(path: str) -> None:
    """Remove a name that is no directory's."""
    with parent(path) as (fd, name):
        os.unlink(name, dir_fd=fd)


def rmdir(path: str) -> None:
    """Remove an empty directory."""
    with parent(path) as (fd, name):
        os.rmdir(name, dir_fd=fd)


def rename(path: str, target: str) -> None:
    """Give what is at a path the name `target`, in the place of what had it."""
    with parent(path) as (fd, name), parent(target) as (other, new):
        os.rename(name, new, src_dir_fd=fd, dst_dir_fd=other)


def open_below(fd: int, path: str, flags: int, mode: int = 0o600) -> int:
    """Open a path below an open directory, never above it and through no link, not even the last one."""
    names = [name for name in path.split("/") if name not in ("", ".")]
    if ".." in names:
        raise OSError(errno.EXDEV, "it leads upwards", path)
    # What is only read is walked to: a listing would start later by the time that the call takes to load.
    walks = not flags & _CHANGING or len(path) > _TOO_LONG
    try:
        if not walks and (openat2 := _openat2()) is not None:
            return int(openat2(fd, "/".join(names) or ".", flags, mode))
        return _walk(fd, names, flags, mode)
    except OSError as cause:
        if cause.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, "a symbolic link is not followed there", path) from cause
        raise


def _walk(fd: int, names: list[str], flags: int, mode: int) -> int:
    """The same, one directory after the other."""
    above = os.dup(fd)
    try:
        for name in names[:-1]:
            below = os.open(name, PASSED | os.O_NOFOLLOW, dir_fd=above)
            os.close(above)
            above = below
        return os.open(names[-1] if names else ".", flags | os.O_NOFOLLOW, mode, dir_fd=above)
    except NotADirectoryError as cause:
        if any(_is_link(name, above) for name in names):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), "/".join(names)) from cause
        raise
    finally:
        os.close(above)


def _is_link(name: str, fd: int) -> bool:
    try:
        os.readlink(name, dir_fd=fd)
    except OSError:
        return False
    return True


@cache
def _openat2() -> Any:
    """The call of the kernel, which raises as `os.open` does; None where there is none (before Linux 5.6)."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    how_type = ctypes.c_uint64 * 3

    def call(fd: int, path: str, flags: int, mode: int) -> int:
        """Open a path below an open directory; raises OSError."""
        how = how_type(flags, mode if flags & os.O_CREAT else 0, _RESOLVE)
        opened: int = libc.syscall(_OPENAT2, fd, os.fsencode(path), ctypes.byref(how), ctypes.sizeof(how))
        if opened < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), path)
        return opened

    here = os.open("/", PASSED)
    try:
        os.close(call(here, ".", PASSED, 0))
    except OSError as cause:
        if cause.errno in _NO_CALL:
            return None
        raise
    finally:
        os.close(here)
    return call


def _root_of(path: str) -> Root | None:
    """The innermost of the roots held that a path lies below.

    One that was removed gives way to one around it; the outermost never does, whatever becomes of it.
    """
    *around, innermost = sorted(_roots_of(path), key=_depth) or (None,)
    while around and innermost is not None and not os.fstat(innermost.fd).st_nlink:
        innermost = around.pop()
    return innermost


def _roots_of(path: str) -> list[Root]:
    return [root for root in list(_held.values()) if root.holds(path)]


def _depth(root: Root) -> int:
    return len(root.path)
