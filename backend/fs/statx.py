"""What the kernel tells of a file beyond `stat`: which mount it is on, and whether it cannot be changed.

Links are not followed. Where the kernel cannot tell (before 5.8, or not Linux), the device stands for the
mount, and nothing counts as immutable.
"""

import ctypes
import os
import struct
from functools import cache
from typing import NamedTuple

IMMUTABLE, APPEND_ONLY = 0x10, 0x20

_CWD = -100
_EMPTY_PATH = 0x1000
_NO_FOLLOW = 0x100
_NO_AUTOMOUNT = 0x800
_LOOK = _NO_FOLLOW | _NO_AUTOMOUNT
_BASIC, _MOUNT = 0x7FF, 0x1000
_SIZE = 256
_LAYOUT = struct.Struct("=IIQIIIH2xQQQQ64xIIIIQ")  # struct statx, up to stx_mnt_id
_GLANCE = struct.Struct("=8xQ12xH10xQQ56xqI")  # the same: what a `Glance` takes of it


class MountId(NamedTuple):
    """Which mount something is on; `mount` is 0 where only the device is known."""

    device: int
    mount: int


class Facts(NamedTuple):
    """The attributes and the mount of a file; without `is_known` neither could be had."""

    attributes: int = 0
    mount: int = 0

    @property
    def frozen(self) -> str:
        """Why it can be neither renamed nor removed, with the way out; or nothing."""
        if self.attributes & IMMUTABLE:
            return "immutable (chattr -i)"
        return "append-only (chattr -a)" if self.attributes & APPEND_ONLY else ""


@cache
def _statx() -> "ctypes._NamedFuncPointer | None":
    return getattr(ctypes.CDLL(None, use_errno=True), "statx", None)


def facts_of(name: str, directory: int | None = None) -> Facts:
    """What the kernel tells of `name` (a link itself) in an open directory; of that itself for no name."""
    if (call := _statx()) is None:
        return Facts()
    buffer = ctypes.create_string_buffer(_SIZE)
    flags = _LOOK | (0 if name else _EMPTY_PATH)
    where = _CWD if directory is None else directory
    if call(where, os.fsencode(name), flags, _MOUNT, buffer):
        return Facts()
    mask, _, attributes, *_, mount = _LAYOUT.unpack_from(buffer)
    return Facts(attributes, mount if mask & _MOUNT else 0)


class Glance(NamedTuple):
    """A file as one call tells of it: sizes in bytes, `modified` in seconds since the epoch."""

    attributes: int
    mode: int
    size: int
    allocated: int
    modified: float

    @property
    def is_frozen(self) -> bool:
        """Whether it can be neither renamed nor removed."""
        return bool(self.attributes & (IMMUTABLE | APPEND_ONLY))


class Glances:
    """Tells of many files, one after the other; for one thread."""

    def __init__(self) -> None:
        self._call = _statx()
        self._buffer = ctypes.create_string_buffer(_SIZE)

    def at(self, name: str, directory: int) -> Glance:
        """What is at a name (a link itself) in an open directory; OSError where nothing is."""
        if self._call is None or self._call(directory, os.fsencode(name), _LOOK, _BASIC, self._buffer):
            status = os.lstat(name, dir_fd=directory)
            return Glance(0, status.st_mode, status.st_size, status.st_blocks * 512, status.st_mtime)
        attributes, mode, size, blocks, seconds, nanoseconds = _GLANCE.unpack_from(self._buffer)
        return Glance(attributes, mode, size, blocks * 512, seconds + nanoseconds / 10**9)


def frozen(name: str, directory: int | None = None) -> str:
    """Why something can be neither renamed nor removed, with the way out; or nothing."""
    return facts_of(name, directory).frozen


def mount_id(fd: int) -> MountId:
    """Which mount an open file or directory is on, whatever is mounted over it since it was opened."""
    return MountId(os.fstat(fd).st_dev, facts_of("", fd).mount or _listed_mount(fd))


def _listed_mount(fd: int) -> int:
    try:
        with open(f"/proc/self/fdinfo/{fd}", "rb") as lines:
            return next((int(line.split()[1]) for line in lines if line.startswith(b"mnt_id:")), 0)
    except OSError:
        return 0
