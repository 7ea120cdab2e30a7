"""What a save would read.

Adds up sizes only: no file is opened, no exclusion is looked at, nothing is said about compression.
"""

import os
from collections.abc import Sequence
from contextlib import closing
from typing import NamedTuple

from backend.fs.files import speaking
from backend.fs.walk import Descent
from backend.host.layout import Layout
from backend.job import Job

_HEADER = 512


class Measured(NamedTuple):
    """Regular files added up, hard links each time: `apparent` bytes, `allocated` ones on disk, and how many.

    A file counts as allocated with its size at most, so that holes are left out. `packed` is about what a tar
    of all that was met takes: a header of 512 bytes for each, and what is allocated in whole blocks of 512.
    """

    apparent: int = 0
    allocated: int = 0
    files: int = 0
    packed: int = 0

    def plus(self, other: "Measured") -> "Measured":
        """Both together."""
        return Measured(
            self.apparent + other.apparent,
            self.allocated + other.allocated,
            self.files + other.files,
            self.packed + other.packed,
        )


_FOLDER = Measured(packed=_HEADER)


def measure(paths: Sequence[str], job: Job | None = None) -> Measured:
    """All regular files below the directories `paths` (spec §3.15), however deep; links are not followed.

    A path that is no directory, or a link, adds nothing; neither does what vanishes meanwhile. Counts the
    apparent bytes in the job's present step. Raises NotAllowedError, or SnapshotError, naming what cannot
    be read, and ConflictError when directories are moved about meanwhile.
    """
    job = job or Job()
    total = Measured()
    for path in paths:
        with speaking("cannot measure"), closing(Descent(path).steps()) as steps:
            for folder, entries in steps:
                part = _FOLDER if entries is None else _files(entries, folder.pending)
                total = total.plus(part)
                job.advance(part.apparent)
    return total


def estimate_size(layout: Layout, snap: str, users: Sequence[str] = ()) -> int:
    """The apparent bytes that a save of `snap` would read, of everybody's data without `users` (spec §3.15).

    Of a snap that is not installed the common data only. Raises like `measure` and `Layout.find_users`.
    """
    owners = layout.find_users(users) if users else layout.users_with_data()[0]
    parents = [layout.system_parent(snap)]
    parents += [place for user in owners if (place := layout.user_place(user, snap))]
    revision = layout.revision(snap)
    names = ("common",) if revision is None else (str(revision), "common")
    return measure([f"{parent}/{name}" for parent in parents for name in names]).apparent


def _files(batch: Sequence["os.DirEntry[str]"], folders: list[str]) -> Measured:
    """The regular files among some entries of an open directory; names of directories go to `folders`."""
    apparent = allocated = padding = files = 0
    headers = len(batch)
    for entry in batch:
        if entry.is_file(follow_symlinks=False):
            try:
                facts = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            size = facts.st_size
            on_disk = facts.st_blocks * 512
            apparent += size
            if on_disk < size:
                size = on_disk
            allocated += size
            padding += -size & 511
            files += 1
        elif entry.is_dir(follow_symlinks=False):
            folders.append(entry.name)
            headers -= 1  # it is counted when it is left
    return Measured(apparent, allocated, files, allocated + padding + headers * _HEADER)
