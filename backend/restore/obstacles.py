"""What stands in the way of data being replaced, seen before anything is touched."""

import os
from collections.abc import Iterable, Iterator

from backend.fs.mounts import mount_names, mounts_below
from backend.fs.safe_open import nearest
from backend.fs.statx import frozen
from backend.restore.slots import HOLDER, holder_fault

WAYS_OUT = "restore beside with --to, or extract"


def obstacle(parent: str, replaced: Iterable[str]) -> str:
    """Why the directories `replaced` in `parent` cannot trade places with others, or nothing."""
    return next((reason for reason in _obstacles(parent, [*replaced])), "")


def no_right(parent: str) -> str:
    """Why whoever asks may not write into a directory, or where it would be made; or nothing."""
    place = nearest(parent)
    is_open = os.access(place, os.W_OK | os.X_OK)
    return "" if is_open else f"cannot restore into {parent}: no right to write to {place} (try with sudo)"


def name_fault(name: str, parent: str) -> str:
    """Why a file of that name cannot be made below a directory, or nothing."""
    try:
        most = os.statvfs(nearest(parent)).f_namemax
    except OSError:
        return ""
    if len(os.fsencode(name)) <= most:
        return ""
    return f"cannot restore into {parent}: names have at most {most} bytes there, not as many as {name:.40}…"


def _obstacles(parent: str, replaced: list[str]) -> Iterator[str]:
    place = nearest(parent)
    if is_read_only(place):
        yield f"cannot restore into {parent}: {place} lies on a read-only file system"
    if reason := frozen(place):
        yield f"cannot restore into {parent}: {place} is {reason}"
    if reason := holder_fault(parent):
        yield f"cannot restore into {parent}: {reason}"
    points = mounts_below(parent)
    for path in (*replaced, f"{parent}/{HOLDER}"):
        if path in points:
            yield f"cannot replace {path}: a file system is mounted there; unmount it, {WAYS_OUT}"
        if below := [point for point in points if point.startswith(f"{path}/")]:
            yield f"cannot replace {path}: mounted below it: {mount_names(below)}; unmount, {WAYS_OUT}"
        if reason := frozen(path):
            yield f"cannot replace {path}: it is {reason}; or {WAYS_OUT}"


def is_read_only(place: str) -> bool:
    """Whether nothing can be written on the file system of a directory."""
    try:
        return bool(os.statvfs(place).f_flag & os.ST_RDONLY)
    except OSError:
        return False
