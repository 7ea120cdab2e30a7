"""Removing trees, however deep, by descriptor: never through a link, never into a mount or file system.

What cannot be removed (a mount, something immutable) is left, and everything else is removed.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from backend.errors import SnapshotError
from backend.fs.files import DIRECTORY, opened, random_name
from backend.fs.statx import MountId, frozen, mount_id

_DEEPEST = 32
_NAMED = 20
_KEPT = (errno.EPERM, errno.EACCES, errno.EBUSY)
_PASSED = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MOUNTED = "a mount point (umount)"


class Leftover(NamedTuple):
    """Something that could not be removed, and why."""

    path: str
    reason: str

    def __str__(self) -> str:
        """Say so in a sentence."""
        return f"left over: {self.path} cannot be removed: {self.reason}"


class LeftoverError(SnapshotError):
    """Not everything could be removed; all that could be is. The first twenty are in `leftovers`."""

    def __init__(self, leftovers: tuple[Leftover, ...], number: int) -> None:
        more = f" (and {number - 1} more)" if number > 1 else ""
        super().__init__(f"{leftovers[0]}{more}")
        self.leftovers = leftovers
        self.number = number


def remove_tree(name: str, directory: int | None = None) -> None:
    """Remove whatever is at `name`, with all below it; nothing there is fine. Links are not followed.

    Needs few descriptors however deep the tree, and clears the way through directories without rights.

    Raises:
        LeftoverError: a mount, another file system, or something that may not be removed was left, with the
            directories above it.
    """
    above, base = os.path.split(name)
    flags = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
    try:
        with opened(above or ".", flags, directory) as parent:
            removal = _Removal(mount_id(parent), f"{os.readlink(f'/proc/self/fd/{parent}')}/{base}")
            removal.remove(base, parent)
    except FileNotFoundError:
        return
    if removal.number:
        raise LeftoverError(tuple(removal.leftovers), removal.number)


class _Removal:
    """One removal on one mount, and what it left; `path` is that of the top."""

    def __init__(self, mount: MountId, path: str) -> None:
        self._mount = mount
        self._path = path
        self._top = -1
        self.leftovers: list[Leftover] = []
        self.number = 0

    def remove(self, name: str, parent: int) -> None:
        """Remove the top."""
        try:
            with self._noting(name, parent, self._path):
                os.unlink(name, dir_fd=parent)
        except IsADirectoryError:
            self._remove_directory(name, parent, self._path, 0)

    def _remove_directory(self, name: str, parent: int, path: str, depth: int) -> None:
        """Remove a directory, unless something below it is left."""
        before = self.number
        with self._noting(name, parent, path), self._entered(name, parent) as passed:
            with opened(".", DIRECTORY, passed) as fd:
                if depth == 0:
                    self._top = fd
                self._empty(fd, path, depth)
            if self.number == before:
                os.rmdir(name, dir_fd=parent)

    def _empty(self, fd: int, path: str, depth: int) -> None:
        """Empty an open directory; what lies too deep is first moved up to the top one."""
        left: set[str] = set()
        while inside := [entry for entry in _entries(fd) if entry[0] not in left]:
            for name, is_directory in inside:
                before = self.number
                self._remove_entry(name, fd, f"{path}/{name}", depth, is_directory=is_directory)
                if self.number != before:
                    left.add(name)
            if fd != self._top:
                return

    def _remove_entry(self, name: str, fd: int, path: str, depth: int, *, is_directory: bool) -> None:
        if not is_directory:
            with self._noting(name, fd, path):
                os.unlink(name, dir_fd=fd)
        elif depth < _DEEPEST:
            self._remove_directory(name, fd, path, depth + 1)
        else:
            with self._noting(name, fd, path), self._entered(name, fd):
                os.rename(name, f".deep-{random_name(24)}", src_dir_fd=fd, dst_dir_fd=self._top)

    @contextmanager
    def _entered(self, name: str, parent: int) -> Iterator[int]:
        """A directory on the same mount, opened without reading it and made accessible to its owner."""
        with opened(name, _PASSED, parent) as passed:
            if mount_id(passed) != self._mount:
                raise OSError(errno.EBUSY, "it is a mount point")
            _open_up(passed)
            yield passed

    @contextmanager
    def _noting(self, name: str, parent: int, path: str) -> Iterator[None]:
        """Note what is refused because of what it is; any other failure passes."""
        try:
            yield
        except FileNotFoundError:
            if path == self._path:
                raise
        except OSError as cause:
            if cause.errno not in _KEPT:
                raise
            self._leave(path, _reason(cause, name, parent))

    def _leave(self, path: str, reason: str) -> None:
        self.number += 1
        if len(self.leftovers) < _NAMED:
            self.leftovers.append(Leftover(path, reason))


def _entries(fd: int) -> list[tuple[str, bool]]:
    with os.scandir(fd) as entries:
        return [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]


def _open_up(passed: int) -> None:
    status = os.fstat(passed)
    if status.st_mode & 0o700 != 0o700 and status.st_uid == os.geteuid():
        os.chmod(f"/proc/self/fd/{passed}", 0o700)


def _reason(cause: OSError, name: str, parent: int) -> str:
    if cause.errno == errno.EBUSY:
        return _MOUNTED
    if reason := frozen(name, parent):
        return reason
    if above := frozen("", parent):
        return f"the directory it is in is {above}"
    return cause.strerror or str(cause)
