"""Real mounts and files that cannot be changed, for the time of a test."""

import ctypes
import fcntl
import os
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

from backend.fs.mounts import mounts_below
from backend.fs.statx import IMMUTABLE

_GET_FLAGS, _SET_FLAGS = 0x80086601, 0x40086602
_NEW_MOUNTS = 0x20000
_RECURSIVE_PRIVATE = 0x4000 | 0x40000


@cache
def _namespace() -> None:
    """Mounts of this process vanish with it, however it ends."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_NEW_MOUNTS) or libc.mount(b"none", b"/", None, _RECURSIVE_PRIVATE, None):
        pytest.skip(f"no mounts of its own: {os.strerror(ctypes.get_errno())}")


class Mounter:
    """Mounts things for the time of a test."""

    def _mount(self, target: Path, *arguments: str) -> Path:
        _namespace()
        subprocess.run(["mount", *arguments, target], check=True)
        return target

    def bind(self, source: Path, target: Path) -> Path:
        """Mount a directory or file of the same file system at another one, which is made."""
        if source.is_dir():
            target.mkdir(parents=True, exist_ok=True)
        else:
            target.touch()
        return self._mount(target, "--bind", str(source))

    def tmpfs(self, target: Path, options: str = "size=8m") -> Path:
        """Mount a small file system of its own."""
        target.mkdir(parents=True, exist_ok=True)
        return self._mount(target, "-t", "tmpfs", "-o", options, "tmpfs")

    def remount(self, target: Path, options: str) -> None:
        """Change the options of a mount."""
        subprocess.run(["mount", "-o", f"remount,{options}", target], check=True)

    def unmount(self, target: Path) -> None:
        """Unmount it before the test ends."""
        subprocess.run(["umount", "--lazy", target], check=True)


@pytest.fixture
def mounter(tmp_path: Path) -> Iterator[Mounter]:
    """Mounts below `tmp_path` that are gone when the test is over, wherever they were moved."""
    mounter = Mounter()
    try:
        yield mounter
    finally:
        for point in reversed(mounts_below(str(tmp_path))):
            mounter.unmount(Path(point))


@contextmanager
def immutable(path: Path, flag: int = IMMUTABLE) -> Iterator[None]:
    """Make something immutable (or APPEND_ONLY); skips where that cannot be had."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        before = fcntl.ioctl(fd, _GET_FLAGS, bytes(8))
        fcntl.ioctl(fd, _SET_FLAGS, struct.pack("l", struct.unpack("l", before)[0] | flag))
    except OSError as cause:
        os.close(fd)
        pytest.skip(f"nothing can be made immutable here: {cause}")
    try:
        yield
    finally:
        fcntl.ioctl(fd, _SET_FLAGS, before)
        os.close(fd)
