"""What is mounted where, as the kernel lists it: which file system holds a path, and what it cannot do.

The list is read anew each time. Raises nothing: what cannot be read or
understood is left out.
"""

import os
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

MOUNTINFO = "/proc/self/mountinfo"

_LARGEST_TABLE = 16 << 20
_ESCAPE = re.compile(rb"\\([0-7]{3})")
_LARGEST_FILE = {"vfat": 2**32 - 1, "msdos": 2**32 - 1, "hfs": 2**31 - 1}
_FORBIDDEN = {"vfat": '"*:<>?|\\', "msdos": '"*:<>?|\\+,;=[]', "exfat": '"*:<>?|\\', "ntfs3": '"*:<>?|\\'}
_NETWORK = re.compile(r"nfs.*|cifs|smb.*|9p|afs|ceph|lustre|gpfs|glusterfs")
_MEDIA = ("/media", "/mnt", "/run/media")


class Mount(NamedTuple):
    """A file system at its place: `kind` is the kernel's name for it, `source` what is mounted."""

    point: str
    kind: str
    source: str = ""

    @property
    def largest(self) -> int:
        """The most bytes that one file can have there; 0 where there is no limit worth a word."""
        return _LARGEST_FILE.get(self.kind, 0)

    @property
    def forbidden(self) -> str:
        """The letters that no name can have there, beside the slash."""
        return _FORBIDDEN.get(self.kind, "")

    @property
    def is_slow(self) -> bool:
        """Whether it may keep one waiting, as another machine's or a user's program does."""
        answers_late = self.kind.startswith("fuse") or self.kind == "autofs"
        return self.point != "/" and (answers_late or bool(_NETWORK.fullmatch(self.kind)))

    @property
    def note(self) -> str:
        """What is to be known before much is written there, or nothing."""
        if _NETWORK.fullmatch(self.kind):
            return f"network file system ({self.kind}): the final sync may take a while"
        if self.kind.startswith("fuse"):
            return f"FUSE file system ({self.kind}): the final sync may take a while"
        return ""


def list_mounts(table: str = MOUNTINFO) -> list[Mount]:
    """List everything that is mounted, in the order of mounting; nothing where the list cannot be read."""
    try:
        with open(table, "rb") as file:
            return parse_mounts(file.read(_LARGEST_TABLE))
    except OSError:
        return []


def parse_mounts(raw: bytes) -> list[Mount]:
    """Read the mounts in a list as the kernel writes it; lines that are none are passed over."""
    return [mount for line in raw.split(b"\n") if (mount := _mount(line)) is not None]


def _mount(line: bytes) -> Mount | None:
    before, _, after = line.partition(b" - ")
    fields, rest = before.split(b" "), after.split(b" ")
    if len(fields) < 6 or len(rest) < 2 or not fields[4].startswith(b"/"):
        return None
    return Mount(_text(fields[4]), _text(rest[0]), _text(rest[1]))


def _text(field: bytes) -> str:
    """A field with its octal escapes resolved, as a path."""
    raw = _ESCAPE.sub(lambda match: bytes([int(match[1], 8) & 0xFF]), field)
    return raw.decode("utf-8", "surrogateescape")


def mount_of(path: str, known: Iterable[Mount]) -> Mount | None:
    """Return the mount that holds an absolute path without links; of two at one place the later counts."""
    best: Mount | None = None
    for mount in known:
        holds = path == mount.point or path.startswith(f"{mount.point.rstrip('/')}/")
        if holds and (best is None or len(mount.point) >= len(best.point)):
            best = mount
    return best


def media_points(known: Iterable[Mount]) -> list[str]:
    """List where disks and shares are mounted for users: what lies below /media, /mnt and /run/media."""
    points = {mount.point for mount in known if mount.kind not in ("tmpfs", "autofs")}
    return sorted(point for point in points if point.startswith(tuple(f"{above}/" for above in _MEDIA)))


def mounts_below(path: str, known: Iterable[Mount] | None = None) -> list[str]:
    """What is mounted at or below a path, by paths that begin as `path` does, sorted; each once.

    Files that something is mounted on count too, and so does another place of the same file system.
    """
    top = os.path.realpath(path)
    below = (
        f"{path}{mount.point.removeprefix(top)}"
        for mount in (list_mounts() if known is None else known)
        if mount.point == top or mount.point.startswith(f"{top.rstrip('/')}/")
    )
    return sorted({point for point in below if os.path.lexists(point)})


def mount_names(points: Sequence[str], most: int = 3) -> str:
    """The first of some paths, and how many more there are."""
    more = f" and {len(points) - most} more" if len(points) > most else ""
    return f"{', '.join(points[:most])}{more}"
