"""Where a file would be written, and why it could not be.

Reads directories, so never call it from the event loop. Raises nothing: trouble is part of the answer.
"""

import os
import stat
from typing import NamedTuple

from backend import SnapshotError
from backend.fs import MOUNTINFO, Mount, free_space, mount_of, mount_table
from tui.session.paths import PathEntry, absolute, kind_of, reason_of

CHECKSUM = ".sha256"
_LONGEST_ENDING = len(CHECKSUM)


class Destination(NamedTuple):
    """Where a file would be written: `path` is absolute, `trouble` says why it cannot be.

    `stands` is the regular file that would be replaced, `sums` the one in the place of its checksum, and
    `sums_trouble` why no checksum can be written. `free` are the bytes there, `largest` those that one file
    may have (0: no limit), `limit` says who limits them. `note` is worth knowing.
    """

    path: str
    free: int = 0
    stands: PathEntry | None = None
    sums: PathEntry | None = None
    sums_trouble: str = ""
    largest: int = 0
    limit: str = ""
    note: str = ""
    trouble: str = ""


class Offer(NamedTuple):
    """The directory that a typed path is relative to, the name for the file, the directory to avoid."""

    base: str
    name: str
    avoid: str = ""


def destination_of(typed: str, offer: Offer, table: str = MOUNTINFO) -> Destination:
    """Where a file called `typed` would be written; in a directory it gets the name that is offered."""
    path = absolute(typed, offer.base)
    try:
        if path.endswith("/") or os.path.isdir(path):
            path = os.path.join(path, offer.name)
        folder = os.path.dirname(path)
        if reason := _folder_trouble(folder, offer.avoid):
            return Destination(path, trouble=reason)
        mount = mount_of(os.path.realpath(folder), mount_table(table))
        if reason := _name_trouble(path, folder, mount):
            return Destination(path, trouble=reason)
        return _destination(path, folder, mount)
    except (OSError, ValueError, SnapshotError) as trouble:
        return Destination(path, trouble=reason_of(trouble))


def _destination(path: str, folder: str, mount: Mount | None) -> Destination:
    stands, trouble = _standing(path, folder)
    sums, sums_trouble = _standing(f"{path}{CHECKSUM}", folder)
    largest, limit = _limit(mount)
    return Destination(
        path,
        free=free_space(folder),
        stands=stands,
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
    longest = os.statvfs(folder).f_namemax - _LONGEST_ENDING
    if len(os.fsencode(name)) > longest:
        return f"the name is too long: at most {longest} bytes, as the temporary file has a longer one"
    if "\0" in name:
        return "a file name cannot contain a null byte"
    if mount and (odd := sorted(set(name) & set(mount.forbidden))):
        return f"file names on that file system ({mount.kind}) cannot contain {' '.join(odd)}"
    return ""


def _standing(path: str, folder: str) -> tuple[PathEntry | None, str]:
    """What stands at a path, and why it cannot be replaced."""
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
    return PathEntry(name, False, status.st_size, status.st_mtime), ""


def _limit(mount: Mount | None) -> tuple[int, str]:
    """The most bytes that a file may have, and who says so; 0 where nobody does."""
    import resource

    limits = [(mount.largest, f"on that file system ({mount.kind})")] if mount and mount.largest else []
    allowed = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    if allowed != resource.RLIM_INFINITY:
        limits.append((allowed, "in this session (ulimit -f)"))
    return min(limits, default=(0, ""))
