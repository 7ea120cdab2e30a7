"""Where an export would be written, and why it could not be.

Raises nothing: trouble is part of the answer.
"""

import os
import stat
from enum import Enum
from typing import NamedTuple

from backend.errors import SnapshotError
from backend.fs.mounts import MOUNTINFO, Mount, list_mounts, mount_of
from backend.fs.space import free_space
from backend.transfer.output import output_at

CHECKSUM = ".sha256"
_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFLNK: "a symbolic link",
}


def kind_of(mode: int) -> str:
    """Say what something is that is not a file, from its mode: `a FIFO`."""
    return _KINDS.get(stat.S_IFMT(mode), "not a file")


class DestinationObstacle(Enum):
    """Why an export cannot be written where it should."""

    UNWRITABLE = "it cannot be written"
    NO_CHECKSUM = "no checksum can be written"
    TOO_LARGE = "too large"
    NO_SPACE = "not enough free space there"


class PresentFile(NamedTuple):
    """A file that is there already; `when` is in seconds since the epoch."""

    name: str
    size: int
    when: float


class Destination(NamedTuple):
    """Where a file would be written: `path` is absolute, `trouble` says why it cannot be.

    `present` is the regular file that would be replaced, `sums` the one in the place of its checksum, and
    `sums_trouble` why no checksum can be written. `free` are the bytes there, `largest` those that one file
    may have (0: no limit), `limit` says who limits them. `note` is worth knowing. `kind` says what is there
    where that is no file, and is written into: then no bytes are counted.
    """

    path: str
    free: int = 0
    present: PresentFile | None = None
    sums: PresentFile | None = None
    sums_trouble: str = ""
    largest: int = 0
    limit: str = ""
    note: str = ""
    trouble: str = ""
    kind: str = ""

    def replaced(self, *, checksum: bool) -> list[PresentFile]:
        """List the files that an export would replace."""
        return [file for file in (self.present, self.sums if checksum else None) if file is not None]

    def obstacle(self, size: int, *, checksum: bool) -> DestinationObstacle | None:
        """Say why a file of `size` bytes cannot be written here; None where it can."""
        if self.trouble:
            return DestinationObstacle.UNWRITABLE
        if checksum and self.sums_trouble:
            return DestinationObstacle.NO_CHECKSUM
        if self.kind:
            return None
        if self.largest and size > self.largest:
            return DestinationObstacle.TOO_LARGE
        return DestinationObstacle.NO_SPACE if size > self.free else None


def export_destination(path: str, name: str, avoid: str = "", *, table: str = MOUNTINFO) -> Destination:
    """Look where an export to an absolute path would be written; in a directory it is called `name`.

    `avoid` is a directory that nothing is exported to.
    """
    try:
        if path.endswith("/") or os.path.isdir(path):
            path = os.path.join(path, name)
        output = output_at(path, checksum=False)
        if output.kind:
            return _written_into(path, output.kind)
        path, folder = output.path, os.path.dirname(output.path)
        if reason := _folder_trouble(folder, avoid):
            return Destination(path, trouble=reason)
        mount = mount_of(os.path.realpath(folder), list_mounts(table))
        if reason := _name_trouble(path, folder, mount):
            return Destination(path, trouble=reason)
        return _destination(path, folder, mount)
    except (OSError, ValueError, SnapshotError) as trouble:
        reason = (trouble.strerror if isinstance(trouble, OSError) else "") or str(trouble)
        return Destination(path, trouble=reason)


def _written_into(path: str, kind: str) -> Destination:
    note = f"{path} is {kind}: the export is written into it"
    return Destination(path, note=note, sums_trouble=f"no checksum can be written beside {kind}", kind=kind)


def _destination(path: str, folder: str, mount: Mount | None) -> Destination:
    present, trouble = _present(path, folder)
    sums, sums_trouble = _present(f"{path}{CHECKSUM}", folder)
    largest, limit = _limit(mount)
    return Destination(
        path,
        free=free_space(folder),
        present=present,
        sums=sums,
        sums_trouble=f"no checksum can be written: {sums_trouble}" if sums_trouble else "",
        largest=largest,
        limit=limit,
        note=mount.note if mount else "",
        trouble=trouble,
    )


def _folder_trouble(folder: str, avoid: str) -> str:
    """Why nothing can be written to a directory, or nothing."""
    if not os.path.lexists(folder):
        return f"there is no directory {folder}"
    if not os.path.isdir(folder):
        return f"{folder} is not a directory"
    if avoid and _is_within(os.path.realpath(folder), os.path.realpath(avoid)):
        return f"{avoid} is the directory of snapshots: export to another directory"
    if os.statvfs(folder).f_flag & os.ST_RDONLY:
        return f"{folder} is on a read-only file system"
    if not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
        return f"no permission to write to {folder}"
    return ""


def _is_within(folder: str, above: str) -> bool:
    return os.path.commonpath((folder, above)) == above


def _name_trouble(path: str, folder: str, mount: Mount | None) -> str:
    """Why a file of that name cannot be there, or nothing."""
    name = os.path.basename(path)
    longest = os.statvfs(folder).f_namemax - len(CHECKSUM)
    if len(os.fsencode(name)) > longest:
        return f"the name is too long: at most {longest} bytes, as the temporary file has a longer one"
    if "\0" in name:
        return "a file name cannot contain a null byte"
    if mount and (odd := sorted(set(name) & set(mount.forbidden))):
        return f"file names on that file system ({mount.kind}) cannot contain {' '.join(odd)}"
    return ""


def _present(path: str, folder: str) -> tuple[PresentFile | None, str]:
    """What is at a path, and why it cannot be replaced."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return None, ""
    name = os.path.basename(path)
    if not stat.S_ISREG(status.st_mode):
        return None, f"{name} is {kind_of(status.st_mode)} and is not replaced"
    above = os.stat(folder)
    if above.st_mode & stat.S_ISVTX and os.geteuid() not in (0, status.st_uid, above.st_uid):
        return None, f"{name} belongs to another user; only its owner can replace it"
    return PresentFile(name, status.st_size, status.st_mtime), ""


def _limit(mount: Mount | None) -> tuple[int, str]:
    """The most bytes that a file may have, and who says so; 0 where nobody does."""
    import resource

    limits = [(mount.largest, f"on that file system ({mount.kind})")] if mount and mount.largest else []
    allowed = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    if allowed != resource.RLIM_INFINITY:
        limits.append((allowed, "in this session (ulimit -f)"))
    return min(limits, default=(0, ""))
