"""What a save would read, and how much room there is.

Adds up sizes only: no file is opened, no exclusion is looked at, nothing is said about compression.
"""

import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from itertools import islice
from typing import NamedTuple

from backend.errors import ConflictError
from backend.files import DIRECTORY, speaking
from backend.job import Job
from backend.layout import Layout

_BATCH = 4096
_KEPT_OPEN = 32
_GONE = (FileNotFoundError, NotADirectoryError)


class Measured(NamedTuple):
    """Regular files added up, hard links each time: `apparent` bytes, `allocated` ones on disk, and how many.

    A file counts as allocated with its size at most, so that holes are left out.
    """

    apparent: int = 0
    allocated: int = 0
    files: int = 0

    def plus(self, other: "Measured") -> "Measured":
        """Both together."""
        return Measured(
            self.apparent + other.apparent, self.allocated + other.allocated, self.files + other.files
        )


def measure(paths: Sequence[str], job: Job | None = None) -> Measured:
    """All regular files below the directories `paths` (spec §3.15), however deep; links are not followed.

    A path that is no directory, or a link, adds nothing; neither does what vanishes meanwhile. Counts the
    apparent bytes in the job's present step. Raises NotAllowedError, or SnapshotError, naming what cannot
    be read, and ConflictError when directories are moved about meanwhile.
    """
    job = job or Job()
    total = Measured()
    for path in paths:
        with speaking("cannot measure"), closing(_Walk(path).parts()) as parts:
            for part in parts:
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


def free_space(path: str) -> int:
    """The bytes that may still be written at `path`, or where its nearest existing ancestor lies."""
    path = os.path.abspath(path)
    with speaking("cannot tell the free space"):
        while True:
            try:
                facts = os.statvfs(path)
            except _GONE:
                path = os.path.dirname(path)
            else:
                return facts.f_bavail * facts.f_frsize


class _Folder:
    """A directory on the way down: which it is, and what is still to be visited in it."""

    __slots__ = ("fd", "identity", "name", "pending")

    def __init__(self, fd: int, name: str) -> None:
        self.fd = fd
        self.name = name
        self.pending: list[str] = []
        facts = os.fstat(fd)
        self.identity = (facts.st_dev, facts.st_ino)


class _Walk:
    """One walk below a directory, depth first, with few descriptors however deep it goes.

    Of the directories on the way down only the lowest stay open; the others are found again through `..`.
    """

    def __init__(self, top: str) -> None:
        self._top = top
        self._way: list[_Folder] = []

    def parts(self) -> Generator[Measured, None, None]:
        """What was found, piece by piece, a directory in at least one piece."""
        try:
            yield from self._enter(self._top, None)
            while self._way:
                folder = self._way[-1]
                if folder.pending:
                    yield from self._enter(folder.pending.pop(), folder.fd)
                else:
                    self._leave()
        except OSError as error:
            error.filename = self._place(error.filename)
            raise
        finally:
            for folder in self._way[-_KEPT_OPEN:]:
                os.close(folder.fd)

    def _enter(self, name: str, above: int | None) -> Iterator[Measured]:
        try:
            fd = os.open(name, DIRECTORY, dir_fd=above)
        except _GONE:
            return
        self._way.append(_Folder(fd, name))
        if len(self._way) > _KEPT_OPEN:
            os.close(self._way[-_KEPT_OPEN - 1].fd)
        with os.scandir(fd) as entries:
            while batch := list(islice(entries, _BATCH)):
                yield _files(batch, self._way[-1].pending)

    def _leave(self) -> None:
        """Close the lowest directory; the one that comes back into the lowest few is opened again."""
        reopened = len(self._way) - _KEPT_OPEN - 1
        if reopened >= 0:
            folder = self._way[reopened]
            fd = os.open("..", DIRECTORY, dir_fd=self._way[reopened + 1].fd)
            facts = os.fstat(fd)
            if (facts.st_dev, facts.st_ino) != folder.identity:
                os.close(fd)
                raise ConflictError(f"cannot measure {self._place(None)}: it was moved meanwhile")
            folder.fd = fd
        os.close(self._way.pop().fd)

    def _place(self, name: object) -> str:
        names = [folder.name for folder in self._way]
        return "/".join([*names, name] if isinstance(name, str) and name != ".." else names)


def _files(batch: Sequence["os.DirEntry[str]"], folders: list[str]) -> Measured:
    """The regular files among some entries of an open directory; names of directories go to `folders`."""
    apparent = allocated = files = 0
    for entry in batch:
        if entry.is_file(follow_symlinks=False):
            try:
                facts = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            size = facts.st_size
            on_disk = facts.st_blocks * 512
            apparent += size
            allocated += size if size < on_disk else on_disk
            files += 1
        elif entry.is_dir(follow_symlinks=False):
            folders.append(entry.name)
    return Measured(apparent, allocated, files)
