"""The directories that hold the data of a snap, opened component by component.

Below a user's home nothing is trusted: a symbolic link is followed only to a directory of that same user.
"""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from backend.errors import BlockedError
from backend.fs import beneath, files
from backend.fs.files import DIRECTORY
from backend.model import User

Make = Callable[[int, str, str], None]


def nearest(path: str) -> str:
    """The nearest existing directory at or above a path."""
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path


@contextmanager
def open_data_parent(
    parent: str, user: User | None, make: Make | None = None, *, links: bool = True
) -> Iterator[int]:
    """A descriptor of `parent`, which is the system's or lies below the home of `user`.

    Missing components are made by `make(directory, name, path)`, or raise FileNotFoundError without it.
    BlockedError when a link leads to a directory of someone else, and for any link without `links` (below
    another root they would lead out of it).
    """
    base = user.home if user else nearest(os.path.dirname(parent))
    fd = beneath.open_path(base, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    path = base.rstrip("/")
    try:
        for name in os.path.relpath(parent, base).split("/"):
            path = f"{path}/{name}"
            if make is not None and files.identity(name, fd) is None:
                make(fd, name, path)
            below = _step_into(fd, name, path, user if links else None)
            os.close(fd)
            fd = below
        yield fd
    finally:
        os.close(fd)


def _step_into(fd: int, name: str, path: str, user: User | None) -> int:
    try:
        return os.open(name, DIRECTORY, dir_fd=fd)
    except FileNotFoundError:
        raise
    except OSError:
        if not stat.S_ISLNK(os.lstat(name, dir_fd=fd).st_mode):
            raise
    if user is None:
        raise BlockedError(f"cannot use {path}: it is a symbolic link")
    below = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=fd)
    if os.fstat(below).st_uid != user.uid:
        os.close(below)
        raise BlockedError(f"cannot use {path}: it is a link to a directory of someone else")
    return below
