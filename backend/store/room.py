"""What room a forget gives back, and what goes on holding it: other names of a file, and whoever reads it."""

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from backend.fs import beneath
from backend.model import Snapshot

_PROCESSES = "/proc"
_File: TypeAlias = tuple[int, int]  # device and inode


class Room(NamedTuple):
    """The bytes of files that are to go: `sizes` of each by its path, `freed` of all at once.

    The room of the others is not free at once: those in `linked` have names elsewhere, those in `held` are
    open in a process, by its number.
    """

    freed: int = 0
    sizes: Mapping[str, int] = MappingProxyType({})
    linked: tuple[str, ...] = ()
    held: Mapping[str, int] = MappingProxyType({})


def room_of(snapshots: Sequence[Snapshot]) -> Room:
    """Return what removing snapshots frees. Of one whose file may not be looked at its declared size counts.

    What other users hold open is known to root only.
    """
    looks = {snapshot.path: look for snapshot in snapshots if (look := _look(snapshot.path)) is not None}
    sizes = {s.path: looks[s.path].st_size if s.path in looks else s.size for s in snapshots}
    names: dict[_File, list[str]] = defaultdict(list)
    for path, look in looks.items():
        names[look.st_dev, look.st_ino].append(path)
    linked = [path for path, look in looks.items() if look.st_nlink > len(names[look.st_dev, look.st_ino])]
    processes = _processes_by_file(set(names), {os.path.basename(path) for path in looks})
    held = {path: processes[file] for file, paths in names.items() if file in processes for path in paths}
    again = {path for paths in names.values() for path in paths[1:]}
    freed = sum(size for path, size in sizes.items() if path not in {*linked, *held, *again})
    return Room(freed, sizes, tuple(linked), held)


def nearly_full(folder: str) -> str:
    """Say that less than a tenth of the file system of a folder is free for everybody, or nothing."""
    try:
        facts = os.statvfs(folder)
    except OSError:
        return ""
    is_full = facts.f_bavail * 10 < facts.f_blocks
    return "less than a tenth of the file system of the snapshots is free" if is_full else ""


def _look(path: str) -> os.stat_result | None:
    with suppress(OSError):
        return beneath.lstat(path)
    return None


def _processes_by_file(files: set[_File], names: set[str]) -> dict[_File, int]:
    """The number of a process for each of the files that one has open by one of the names."""
    known: dict[_File, int] = {}
    for number in filter(str.isdigit, os.listdir(_PROCESSES) if files else ()):
        opened = files.intersection(_open_files(f"{_PROCESSES}/{number}/fd", names))
        known.update(dict.fromkeys(opened, int(number)))
    return known


def _open_files(descriptors: str, names: set[str]) -> Iterator[_File]:
    with suppress(OSError):
        for descriptor in os.listdir(descriptors):
            with suppress(OSError):
                # By name first: a look at a file of a server that is gone would never end.
                if os.path.basename(os.readlink(f"{descriptors}/{descriptor}")) in names:
                    look = os.stat(f"{descriptors}/{descriptor}")
                    yield look.st_dev, look.st_ino
