"""What can be compared: the tree of an archive, and the live directories of a snap, listed alike.

Folders are listed one at a time, by name. Below a live directory no symbolic link is followed.
"""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from heapq import merge
from typing import NamedTuple, Protocol

from backend.browse.nodes import ROOT, Flag, Kind, Node
from backend.browse.tree import Tree
from backend.fs import files
from backend.fs.files import DIRECTORY

_PAGE = 2000
_PIECE = 1 << 20
_REGULAR = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_LIVE = {
    stat.S_IFDIR: Kind.FOLDER,
    stat.S_IFREG: Kind.FILE,
    stat.S_IFLNK: Kind.LINK,
    stat.S_IFIFO: Kind.FIFO,
    stat.S_IFCHR: Kind.CHARACTER,
    stat.S_IFBLK: Kind.BLOCK,
}


class TreeEntry(NamedTuple):
    """One file or folder of a side; a hard link is the file that it is. `link` is a symbolic link's target.

    `size` is in bytes (0 but for files), `mtime_ns` in nanoseconds since the epoch. `key` is the side's own.
    """

    name: bytes
    kind: Kind
    size: int
    mode: int
    mtime_ns: int
    uid: int
    gid: int
    link: bytes = b""
    key: "bytes | Node" = b""

    @property
    def is_folder(self) -> bool:
        """Whether others may be in it."""
        return self.kind is Kind.FOLDER


Pieces = Iterator[bytes]


class ComparedTree(Protocol):
    """A tree of entries."""

    def entries(self, folder: TreeEntry | None) -> Iterator[TreeEntry]:
        """What is in a folder of this side (None: the tops), by name."""

    def pieces(self, entry: TreeEntry) -> Pieces:
        """The bytes of a file, piece by piece."""


class EmptyTree:
    """The side of an owner that has no data there."""

    def entries(self, folder: TreeEntry | None) -> Iterator[TreeEntry]:  # noqa: ARG002 - as every side
        """Nothing."""
        return iter(())

    def pieces(self, entry: TreeEntry) -> Pieces:  # noqa: ARG002 - as every side
        """Nothing."""
        return iter(())


class ArchivedTree:
    """The side of an archive, whose tree must be indexed."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def entries(self, folder: TreeEntry | None) -> Iterator[TreeEntry]:
        """What is in a folder, by name; of several of a name the one that wins."""
        node = folder.key if folder is not None and isinstance(folder.key, Node) else self._tree.root
        count = self._tree.count(node)
        border = self._border(node, count)
        # a folder is listed before all that is none, each part by name
        nodes = merge(
            self._nodes(node, 0, border), self._nodes(node, border, count), key=lambda child: child.name
        )
        for child in nodes:
            if not child.flags & Flag.REPLACED:
                yield self._entry(child)

    def _border(self, node: Node, count: int) -> int:
        """How many folders come first in a listing."""
        low, high = 0, count
        while low < high:
            middle = (low + high) // 2
            listing = self._tree.listing(node, start=middle, count=1)
            if listing and listing[0].is_folder:
                low = middle + 1
            else:
                high = middle
        return low

    def _nodes(self, node: Node, start: int, end: int) -> Iterator[Node]:
        while start < end:
            page = self._tree.listing(node, start=start, count=min(_PAGE, end - start))
            if not page:
                return
            yield from page
            start += len(page)

    def _entry(self, node: Node) -> TreeEntry:
        kind = Kind.FILE if node.kind is Kind.HARD_LINK else node.kind
        size = node.size if kind is Kind.FILE else 0
        return TreeEntry(
            node.name,
            kind,
            size,
            mode=node.mode,
            mtime_ns=node.mtime_ns,
            uid=node.uid,
            gid=node.gid,
            link=node.link,
            key=node,
        )

    def pieces(self, entry: TreeEntry) -> Pieces:
        """The bytes of a file. IntegrityError where the archive is damaged."""
        assert isinstance(entry.key, Node)
        assert entry.key.id != ROOT
        content = self._tree.open(entry.key)
        at = 0
        while at < content.size and (piece := content.read(at, _PIECE)):
            yield piece
            at += len(piece)


class LiveTree:
    """The side of the directories below an open one; `tops` are the names in it that count.

    What cannot be looked at is told to `unseen`, by path, and counts as not there.
    """

    def __init__(self, top: int, tops: tuple[str, ...], unseen: Callable[[str, OSError], None]) -> None:
        self._top = top
        self._tops = sorted(os.fsencode(name) for name in tops)
        self._unseen = unseen

    def entries(self, folder: TreeEntry | None) -> Iterator[TreeEntry]:
        """What is in a folder, by name. What vanishes meanwhile is passed over."""
        path = folder.key if folder is not None and isinstance(folder.key, bytes) else b""
        try:
            with files.opened_below(self._top, os.fsdecode(path)) as fd:
                names = self._tops if folder is None else sorted(os.fsencode(name) for name in os.listdir(fd))
                for name in names:
                    if (status := self._seen(fd, name)) is not None:
                        yield _entry_at(name, f"{os.fsdecode(path)}/" if path else "", status, fd)
        except FileNotFoundError:
            return
        except OSError as cause:
            self._unseen(os.fsdecode(path), cause)

    def _seen(self, fd: int, name: bytes) -> os.stat_result | None:
        try:
            status = os.lstat(name, dir_fd=fd)
        except FileNotFoundError:
            return None
        return status if stat.S_IFMT(status.st_mode) in _LIVE else None

    def pieces(self, entry: TreeEntry) -> Pieces:
        """The bytes of a file; OSError where it may not be read."""
        assert isinstance(entry.key, bytes)
        folder, _, name = entry.key.rpartition(b"/")
        with ExitStack() as stack:
            above = stack.enter_context(files.opened_below(self._top, os.fsdecode(folder)))
            fd = stack.enter_context(files.opened(os.fsdecode(name), _REGULAR, above))
            while piece := os.read(fd, _PIECE):
                yield piece


def _entry_at(name: bytes, above: str, status: os.stat_result, fd: int) -> TreeEntry:
    kind = _LIVE[stat.S_IFMT(status.st_mode)]
    link = b""
    if kind is Kind.LINK:
        try:
            link = os.readlink(name, dir_fd=fd)
        except OSError:
            pass  # it was replaced just now
    size = status.st_size if kind is Kind.FILE else 0
    key = os.fsencode(above) + name
    mode = stat.S_IMODE(status.st_mode)
    return TreeEntry(
        name=name,
        kind=kind,
        size=size,
        mode=mode,
        mtime_ns=status.st_mtime_ns,
        uid=status.st_uid,
        gid=status.st_gid,
        link=link,
        key=key,
    )


def opened_live(parent: str) -> int | None:
    """A descriptor of the directory that holds a snap's data, to be closed; None where it is not there."""
    try:
        return os.open(parent, DIRECTORY)
    except (FileNotFoundError, NotADirectoryError):
        return None
