"""Going down a tree of directories, however deep, by descriptor, with few of them open.

Says what is in each directory; what that is worth, and where to go on, is the caller's to say.
"""

import os
from collections.abc import Callable, Generator, Sequence
from itertools import islice
from typing import NamedTuple

from backend.errors import ConflictError
from backend.fs.files import DIRECTORY

_BATCH = 4096
_KEPT_OPEN = 32
_GONE = (FileNotFoundError, NotADirectoryError)


class Folder:
    """A directory on the way down: `facts` are those of when it was entered.

    The caller puts into `pending` the names of the directories to go into from here. `fd` is open while the
    folder is the lowest. `length` is that of its path in bytes, from the name of the top on.
    """

    __slots__ = ("facts", "fd", "length", "name", "pending")

    def __init__(self, fd: int, name: str, above: "Folder | None") -> None:
        self.fd = fd
        self.name = name
        self.length: int = len(os.fsencode(os.path.basename(name))) + (above.length + 1 if above else 0)
        self.pending: list[str] = []
        self.facts = os.fstat(fd)


class Step(NamedTuple):
    """Some of the entries of a directory, with it open; None when it is left, with all below it seen."""

    folder: Folder
    entries: "Sequence[os.DirEntry[str]] | None"


class TreeWalk:
    """One way through the tree below `top`, depth first.

    `top` is looked up in the open directory `above`, if there is one. Of the directories on the way down only
    the lowest stay open; the others are found again through `..`. What is no directory, or a link, or has
    vanished is passed over. `refused` is told the path of what cannot be opened or read, and why; without it
    that is raised as OSError with the path in it.
    """

    def __init__(
        self,
        top: str,
        above: int | None = None,
        refused: Callable[[str, OSError], None] | None = None,
    ) -> None:
        self._top = top
        self._above = above
        self._refused = refused
        self._way: list[Folder] = []

    def steps(self) -> Generator[Step, None, None]:
        """Every directory, in one step at least, and one more when it is left.

        ConflictError when directories are moved about meanwhile.
        """
        try:
            yield from self._enter(self._top, self._above)
            while self._way:
                folder = self._way[-1]
                if folder.pending:
                    yield from self._enter(folder.pending.pop(), folder.fd)
                else:
                    yield Step(folder, None)
                    self._leave()
        except OSError as error:
            error.filename = self.place(error.filename)
            raise
        finally:
            for folder in self._way[-_KEPT_OPEN:]:
                os.close(folder.fd)

    def place(self, name: object = None) -> str:
        """The path, from the top on, of something in the lowest directory, or of that itself."""
        names = [folder.name for folder in self._way]
        return "/".join([*names, name] if isinstance(name, str) and name != ".." else names)

    def _enter(self, name: str, above: int | None) -> Generator[Step, None, None]:
        try:
            fd = os.open(name, DIRECTORY, dir_fd=above)
        except _GONE:
            return
        except OSError as error:
            if self._refused is None:
                raise
            self._refused(self.place(name), error)
            return
        folder = Folder(fd, name, self._way[-1] if self._way else None)
        self._way.append(folder)
        if len(self._way) > _KEPT_OPEN:
            os.close(self._way[-_KEPT_OPEN - 1].fd)
        yield from self._entries(folder)

    def _entries(self, folder: Folder) -> Generator[Step, None, None]:
        reported = False
        try:
            with os.scandir(folder.fd) as entries:
                while batch := list(islice(entries, _BATCH)):
                    reported = True
                    yield Step(folder, batch)
        except OSError as error:
            if self._refused is None:
                raise
            self._refused(self.place(), error)
        if not reported:
            yield Step(folder, ())

    def _leave(self) -> None:
        """Close the lowest directory; the one that comes back into the lowest few is opened again."""
        reopened = len(self._way) - _KEPT_OPEN - 1
        if reopened >= 0:
            folder = self._way[reopened]
            fd = os.open("..", DIRECTORY, dir_fd=self._way[reopened + 1].fd)
            facts = os.fstat(fd)
            if (facts.st_dev, facts.st_ino) != (folder.facts.st_dev, folder.facts.st_ino):
                os.close(fd)
                raise ConflictError(f"cannot measure {self.place()}: it was moved meanwhile")
            folder.fd = fd
        os.close(self._way.pop().fd)
