"""Paths as they are typed: what they mean, what they can be completed to, what stands there.

Reads directories, so never call it from the event loop. Raises nothing: trouble is part of the answer.
"""

import os
import stat
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

from backend import SnapshotError, free_space

_MOST_SCANNED = 50_000
_MOST_SHOWN = 1000


class PathEntry(NamedTuple):
    """Something in a directory; links are followed. `when` is in seconds since the epoch."""

    name: str
    is_directory: bool
    size: int = 0
    when: float = 0.0


class PathListing(NamedTuple):
    """What of a directory goes on as was typed: `kept` of it is certain, the entries begin with `prefix`."""

    folder: str
    prefix: str
    entries: tuple[PathEntry, ...] = ()
    kept: str = ""
    more: bool = False
    trouble: str = ""


class Landing(NamedTuple):
    """Where a file would be written: `path` is absolute, `trouble` says why it cannot be.

    `stands` is the regular file that would be replaced, `free` the bytes there.
    """

    path: str
    free: int = 0
    stands: PathEntry | None = None
    trouble: str = ""


def working_directory() -> str:
    """The directory that typed paths are relative to; the home where it is gone."""
    try:
        return os.getcwd()
    except OSError:
        return os.path.expanduser("~")


def absolute(typed: str, base: str) -> str:
    """The path that was typed, `~` and what is relative to `base` resolved; a slash at its end stays."""
    path = os.path.join(base, os.path.expanduser(typed)) if typed else f"{base}/"
    return os.path.normpath(path) + "/" * (path.endswith("/") and os.path.normpath(path) != "/")


def listing(typed: str, base: str) -> PathListing:
    """What can follow what was typed: directories first; hidden names only where a dot was typed."""
    folder, prefix = os.path.split(absolute(typed, base))
    try:
        with os.scandir(folder) as found:
            names = list(islice(found, _MOST_SCANNED))
    except (OSError, ValueError) as trouble:
        return PathListing(folder, prefix, trouble=_reason(trouble))
    fitting = [
        entry
        for entry in names
        if entry.name.startswith(prefix) and (prefix.startswith(".") or not entry.name.startswith("."))
    ]
    entries = sorted(map(_entry, fitting[:_MOST_SHOWN]), key=lambda one: (not one.is_directory, one.name))
    more = len(fitting) > _MOST_SHOWN or len(names) == _MOST_SCANNED
    kept = _common([entry.name for entry in fitting])
    if len(entries) == 1 and entries[0].is_directory and not more:
        kept += "/"
    return PathListing(folder, prefix, tuple(entries), kept, more)


def _common(names: Sequence[str]) -> str:
    """What all names begin with, letter by letter."""
    first, last = min(names, default=""), max(names, default="")
    same = (number for number, letter in enumerate(first) if last[number : number + 1] != letter)
    return first[: next(same, len(first))]


def landing(typed: str, base: str, name: str) -> Landing:
    """Where a file called `typed` would be written; in a directory it gets the `name`."""
    path = absolute(typed, base)
    try:
        if path.endswith("/") or os.path.isdir(path):
            path = os.path.join(path, name)
        folder = os.path.dirname(path)
        if not os.path.isdir(folder):
            return Landing(path, trouble=f"there is no directory {folder}")
        if not os.access(folder, os.W_OK | os.X_OK):
            return Landing(path, trouble=f"you may not write to {folder}")
        free = free_space(folder)
        if not os.path.lexists(path):
            return Landing(path, free)
        return _standing(path, free)
    except (OSError, ValueError, SnapshotError) as trouble:
        return Landing(path, trouble=_reason(trouble))


def _standing(path: str, free: int) -> Landing:
    found = os.lstat(path)
    if not stat.S_ISREG(found.st_mode):
        return Landing(path, free, trouble="something that is not a file stands there")
    return Landing(path, free, PathEntry(os.path.basename(path), False, found.st_size, found.st_mtime))


def is_file(path: str) -> bool:
    """Whether a regular file is there, links followed."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def _entry(found: "os.DirEntry[str]") -> PathEntry:
    try:
        facts = found.stat()
    except OSError:
        return PathEntry(found.name, False)
    return PathEntry(found.name, stat.S_ISDIR(facts.st_mode), facts.st_size, facts.st_mtime)


def _reason(trouble: Exception) -> str:
    return (trouble.strerror if isinstance(trouble, OSError) else "") or str(trouble)
