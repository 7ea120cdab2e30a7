"""Directories made where other people may change things at any instant."""

import errno
import os
from typing import NamedTuple

from backend.fs import files


class Owner(NamedTuple):
    """A user and a group, by number."""

    uid: int
    gid: int


_PRIVATE = 0o700
_ANYBODY = (1, 1)
_NO_OWNERS = (errno.EPERM, errno.EINVAL, errno.ENOTSUP, errno.ENOSYS)
_READ = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def make_directories(path: str, mode: int = 0o755) -> list[str]:
    """Make a directory and its missing ancestors, and make them last; returns those made, topmost first."""
    missing: list[str] = []
    while not os.path.isdir(path):
        missing.insert(0, path)
        path = os.path.dirname(path)
    return [folder for folder in missing if _make(folder, mode)]


def write_private(path: str, text: str) -> None:
    """Put a text into a file for our own eyes; the directory is made where it is missing, as private."""
    make_directories(os.path.dirname(path), _PRIVATE)
    files.write_whole(path, text.encode("utf-8", "backslashreplace"))


def _make(path: str, mode: int) -> bool:
    above, name = os.path.split(path)
    with files.opened(above, _READ) as fd:
        try:
            make_directory(name, fd, mode)
        except FileExistsError:
            if not os.path.isdir(path):
                raise
            return False
        files.sync_open_directory(fd)
    return True


def make_directory(
    name: str, directory: int, mode: int, *, owner: Owner | None = None, room: str = ""
) -> None:
    """Make a directory in an open one, with that mode whatever the umask, and for that owner.

    It gets both in a private directory called `room`, which only we can enter: nothing else can get them in
    its place. A file system that knows no rights gets a directory as it can have it, if `owner` is not given.

    Raises:
        FileExistsError: something is there.
    """
    if mode == _PRIVATE and owner is None:
        os.mkdir(name, mode, dir_fd=directory)
        return
    room = room or private_name()
    os.mkdir(room, _PRIVATE, dir_fd=directory)
    try:
        with files.opened(room, files.DIRECTORY, directory) as fd:
            if _is_private(fd):
                _make_in_private(name, fd, directory, mode=mode, owner=owner)
            elif owner is None:
                os.mkdir(name, mode, dir_fd=directory)
            else:
                raise PermissionError(errno.EPERM, "a directory there cannot be private", name)
    finally:
        os.rmdir(room, dir_fd=directory)


def owners_are_kept(directory: int) -> bool:
    """Whether what is made in an open directory can be given to others: only by root, and not on FAT or SMB.

    It is tried with a directory that is removed again.
    """
    if os.geteuid() != 0:
        return False
    room = private_name()
    os.mkdir(room, _PRIVATE, dir_fd=directory)
    try:
        with files.opened(room, files.DIRECTORY, directory) as fd:
            if not _is_private(fd):
                return False
            os.fchown(fd, *_ANYBODY)
    except OSError as refusal:
        if refusal.errno not in _NO_OWNERS:
            raise
        return False
    finally:
        os.rmdir(room, dir_fd=directory)
    return True


def private_name() -> str:
    """A name that nobody guesses, told as ours by whoever looks for what a crash left."""
    return f".snapstow-{files.random_name(24)}"


def _make_in_private(name: str, room: int, directory: int, *, mode: int, owner: Owner | None) -> None:
    os.mkdir(name, _PRIVATE, dir_fd=room)
    try:
        with files.opened(name, files.DIRECTORY, room) as made:
            if owner is not None:
                os.fchown(made, *owner)
            os.fchmod(made, mode)
        files.rename_new(name, room, name, directory)
    except BaseException:
        os.rmdir(name, dir_fd=room)
        raise


def _is_private(fd: int) -> bool:
    status = os.fstat(fd)
    return status.st_uid == os.geteuid() and not status.st_mode & 0o077
