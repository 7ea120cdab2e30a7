"""What an output is written to: a new file, in the place of an older one, or what is there and is no file."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from backend.errors import BlockedError
from backend.fs import beneath
from backend.progress import Progress

_MOST_LINKS = 40
_PATIENCE = 0.2
_INTO = {stat.S_IFIFO: "a FIFO", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}
_REFUSED = {stat.S_IFDIR: "a directory", stat.S_IFSOCK: "a socket"}


class Output(NamedTuple):
    """The path that is written to, and what is there where that is written into, and never replaced."""

    path: str
    kind: str = ""


def output_at(path: str, *, checksum: bool) -> Output:
    """Look at what is at a path; links are followed, except below a root that is held.

    Raises:
        BlockedError: nothing can be written there, or no checksum beside it.
    """
    place, is_open_file = _followed(path)
    try:
        mode = os.stat(place).st_mode if is_open_file else beneath.lstat(place).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return Output(place)
    if refused := _REFUSED.get(stat.S_IFMT(mode)):
        raise BlockedError(f"cannot write {path}: it is {refused}")
    kind = "an open file" if is_open_file else _INTO.get(stat.S_IFMT(mode), "")
    if kind and checksum:
        raise BlockedError(f"cannot write a checksum beside {path}: it is {kind}; name a file")
    return Output(place, kind)


@contextmanager
def opened_output(output: Output, progress: Progress) -> Iterator[int]:
    """What is there, open to be written into; waits until somebody reads a FIFO, or the job is stopped."""
    flags = os.O_WRONLY | os.O_CLOEXEC | os.O_NOCTTY
    while True:
        try:
            fd = beneath.open_path(output.path, flags | os.O_NONBLOCK)
            break
        except OSError as cause:
            if cause.errno != errno.ENXIO:
                raise
        _wait(progress)
    try:
        os.set_blocking(fd, True)
        yield fd
    finally:
        os.close(fd)


def _wait(progress: Progress) -> None:
    import time

    progress.raise_if_cancelled()
    time.sleep(_PATIENCE)


def _followed(path: str) -> tuple[str, bool]:
    """Where the links at a path lead, and whether that is a file that some process has open (/dev/stdout)."""
    place = path
    for _ in range(_MOST_LINKS):
        try:
            target = os.readlink(place)
        except OSError:
            return place, False
        if beneath.is_held(place):
            raise BlockedError(f"cannot write {path}: it is a symbolic link below a root")
        folder = os.path.realpath(os.path.dirname(place))
        if folder.startswith("/proc/"):
            return place, True
        if not _may_lead(place, folder):
            raise BlockedError(f"cannot write {path}: it is somebody else's symbolic link")
        place = os.path.join(folder, target)
    raise BlockedError(f"cannot write {path}: too many symbolic links")


def _may_lead(link: str, folder: str) -> bool:
    """Whether a link was put there by one whom we trust; in a directory that all may write to, not by any."""
    above = os.stat(folder)
    is_anybodys = above.st_mode & stat.S_ISVTX and above.st_mode & stat.S_IWOTH
    return not is_anybodys or os.lstat(link).st_uid in (os.geteuid(), above.st_uid)
