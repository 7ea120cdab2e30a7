"""Paths as they are typed: what they mean, what they can be completed to, what is in a directory.

Reads directories, so never call it from the event loop. Raises nothing: trouble is part of the answer.
"""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from backend.transfer import kind_of

MOST_COUNTED = 10_000
MOST_SHOWN = 1000
EXPORT = ".snapshot"

_MOST_SCANNED = 200_000
_BETWEEN_STOPS = 256


class PathEntry(NamedTuple):
    """Something in a directory; links are followed. `when` is in seconds since the epoch.

    `special` says what it is when it is neither a directory nor a file.
    """

    name: str
    is_directory: bool
    size: int = 0
    when: float = 0.0
    special: str = ""

    @property
    def is_regular(self) -> bool:
        """Whether it is a file that can be read."""
        return not (self.is_directory or self.special)


class PathListing(NamedTuple):
    """What of a directory goes on as was typed: `kept` of it is certain, the entries begin with `prefix`.

    `entries` are the first of the `fitting` names that fit; `more` when there are others that were not
    counted. `hidden` names were left out.
    """

    folder: str
    prefix: str
    entries: tuple[PathEntry, ...] = ()
    kept: str = ""
    fitting: int = 0
    more: bool = False
    hidden: int = 0
    trouble: str = ""

    @property
    def goes_on(self) -> bool:
        """Whether there is more to it than what was typed."""
        return bool(self.entries) and [entry.name for entry in self.entries] != [self.prefix]


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


def in_folder(folder: str, name: str) -> str:
    """The path of a name in a directory."""
    return f"{folder.rstrip('/')}/{name}"


def _never() -> bool:
    return False


def listing(
    typed: str, base: str, *, hidden: bool = False, is_stopped: Callable[[], bool] = _never
) -> PathListing:
    """What can follow what was typed: directories first, then exports, then other files.

    Hidden names only where they are asked for, or a dot was typed. Ends early, with less, once stopped.
    """
    folder, prefix = os.path.split(absolute(typed, base))
    try:
        with os.scandir(folder) as scan:
            names = list(islice(_until(scan, is_stopped), _MOST_SCANNED))
    except (OSError, ValueError) as trouble:
        return PathListing(folder, prefix, trouble=getattr(trouble, "strerror", None) or str(trouble))
    begun = [entry for entry in names if entry.name.startswith(prefix)]
    shown = hidden or prefix.startswith(".")
    fitting = [entry for entry in begun if shown or not entry.name.startswith(".")]
    more = len(fitting) > MOST_COUNTED or len(names) == _MOST_SCANNED
    fitting, left_out = fitting[:MOST_COUNTED], len(begun) - len(fitting)
    ordered = sorted(_until(fitting, is_stopped), key=_order)
    entries = tuple(_entry(entry) for entry in _until(ordered[:MOST_SHOWN], is_stopped))
    kept = prefix if more else _common([entry.name for entry in fitting])
    if len(entries) == 1 and entries[0].is_directory and kept == entries[0].name:
        kept += "/"
    return PathListing(folder, prefix, entries, kept, len(fitting), more, left_out)


def _until(
    entries: "Iterator[os.DirEntry[str]] | Sequence[os.DirEntry[str]]", is_stopped: Callable[[], bool]
) -> "Iterator[os.DirEntry[str]]":
    """The entries, as long as nobody asks to stop."""
    for number, entry in enumerate(entries):
        if number % _BETWEEN_STOPS == 0 and is_stopped():
            return
        yield entry


def _order(entry: "os.DirEntry[str]") -> tuple[int, str]:
    try:
        is_directory = entry.is_dir()
    except OSError:
        is_directory = False
    return (0 if is_directory else 1 if entry.name.endswith(EXPORT) else 2, entry.name)


def _common(names: Sequence[str]) -> str:
    """What all names begin with, letter by letter."""
    first, last = min(names, default=""), max(names, default="")
    same = (number for number, letter in enumerate(first) if last[number : number + 1] != letter)
    return first[: next(same, len(first))]


def file_at(path: str) -> PathEntry | None:
    """What is at a path, links followed; None for a directory and for nothing."""
    try:
        facts = os.stat(path)
    except (OSError, ValueError):
        return None
    entry = _described(os.path.basename(path), facts)
    return None if entry.is_directory else entry


def _entry(dir_entry: "os.DirEntry[str]") -> PathEntry:
    try:
        return _described(dir_entry.name, dir_entry.stat())
    except OSError:
        return PathEntry(dir_entry.name, False, special="a broken or inaccessible link")


def _described(name: str, facts: os.stat_result) -> PathEntry:
    is_directory = stat.S_ISDIR(facts.st_mode)
    special = "" if is_directory or stat.S_ISREG(facts.st_mode) else kind_of(facts.st_mode)
    return PathEntry(name, is_directory, facts.st_size, facts.st_mtime, special)
