"""Removing trees of files, however deep, by descriptor and never through a symbolic link."""

import os

from backend.fs.files import DIRECTORY, opened, random_name

_DEEPEST = 32


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
