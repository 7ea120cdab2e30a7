"""The tree of one archive: listed, searched, and its files read, without anything being unpacked to disk.

Names are what was written, and never paths to anything here; links are reported, not followed.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

from backend.archive.gzip.seek import CompressedSource, SeekPoint, SeekPoints, UnpackedFile
from backend.archive.tar import stream as tarstream
from backend.archive.tar.stream import BLOCK
from backend.browse.nodes import ROOT, Flag, Kind, Node, Order, parts_of, role_path
from backend.browse.patterns import PathPattern
from backend.browse.toc import TocDatabase
from backend.browse.toc_builder import Source, index
from backend.browse.toc_cache import Key, PendingToc, TocCache
from backend.errors import IntegrityError, InvalidInputError, NotFoundError, SnapshotError
from backend.model import Snapshot, user_of
from backend.progress import Progress

_MAP = 24
_LONGEST_MAP = 16 << 20
_FOLDERS = 4096
_READ = {Kind.FILE, Kind.HARD_LINK}


class Archive(NamedTuple):
    """One archive of a snapshot, wherever it lies: its bytes by offset, and from the beginning by `stream`.

    `key` distinguishes it from every other; `path` is the file it is in.
    """

    snapshot: Snapshot
    entry: str
    packed: CompressedSource
    stream: Callable[[], Callable[[int], bytes]]
    path: str
    key: Key

    @property
    def user(self) -> str:
        """Whose data it holds, empty for the system's."""
        return user_of(self.entry) or ""

    @property
    def declared(self) -> str:
        """The hash that the metadata tell of it."""
        return (self.snapshot.sums or {}).get(self.entry, "")


class Content(NamedTuple):
    """The bytes of a file in an archive: `read(offset, size)` answers with fewer only at its end."""

    size: int
    read: Callable[[int, int], bytes]


class Tree:
    """What is in an archive. Use as a context manager, or `close` it.

    Until `index` was called there is nothing in it, unless the table of contents was kept from before
    (`is_indexed`). While `index` runs, in a thread of its own, the rest may be used by others: it shows what
    was met so far. A reading that was stopped starts again from the beginning; what it met stays until then.
    `was_read` says that it was read by this very tree.
    """

    def __init__(self, archive: Archive, state_dir: str = "") -> None:
        self.archive = archive
        self._shelf = TocCache(state_dir)
        self._draft: PendingToc | None = None
        self._gathered: SeekPoints | None = None
        kept = self._kept()
        self.is_indexed = kept is not None
        self._table = kept or self._new()
        self._former: list[TocDatabase] = []
        self.was_read = False
        self._unpacked = UnpackedFile(archive.packed, self)

    def _kept(self) -> TocDatabase | None:
        path = self._shelf.find(self.archive.key)
        if path is None:
            return None
        try:
            table = TocDatabase(path, fresh=False, cap=self._shelf.cap)
        except SnapshotError:
            self._shelf.drop(self.archive.key)
            return None
        try:
            table.node(ROOT)
        except SnapshotError:
            table.close()
            self._shelf.drop(self.archive.key)
            return None
        return table

    def _new(self) -> TocDatabase:
        return TocDatabase(self._draft.path if self._draft else "", fresh=True, cap=self._shelf.cap)

    def __enter__(self) -> "Tree":
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the table; one that is not whole is removed."""
        self._unpacked.close()
        for table in (self._table, *self._former):
            table.close()
        if self._draft is not None:
            self._draft.drop()
            self._draft = None

    # -- reading it

    def index(self, progress: Progress) -> None:
        """Read the archive, unless that was done before; its packed bytes (`size`) are counted on the job.

        What is wrong with the archive is no error: see `fault` and `mismatch`.

        Raises:
            SnapshotError: the table cannot be kept.
            Cancelled: the job was stopped.
        """
        if self.is_indexed:
            return
        self._begin()
        self._gathered = SeekPoints()
        archive = self.archive
        revision = archive.snapshot.revision
        source = Source(
            packed=archive.packed,
            read=archive.stream(),
            entry=archive.entry,
            declared=archive.declared,
            revision=revision,
        )
        outcome = index(source, self._table, self._gathered, progress)
        self.is_indexed = self.was_read = True
        self._gathered = None
        if self._draft is not None and outcome.is_final:
            self._draft.keep()
            self._draft = None
            self._shelf.sweep()

    def _begin(self) -> None:
        """Start with an empty table; others may still be looking at the former one."""
        if self._draft is not None:
            self._draft.drop()
        self._draft = self._shelf.begin(self.archive.key)
        self._former.append(self._table)
        self._table = self._new()

    def before(self, offset: int) -> SeekPoint:
        """Return the last point at or before an offset from which unpacking can start."""
        gathered = self._gathered
        return self._table.before(offset) if gathered is None else gathered.before(offset)

    @property
    def size(self) -> int:
        """The packed bytes of the archive: what `index` has to read."""
        return self.archive.packed.size

    @property
    def fault(self) -> str:
        """Why not everything that was saved is here, or nothing."""
        return self._table.fact("fault")

    @property
    def mismatch(self) -> str:
        """Why the archive is not what was saved, by its hash, or nothing."""
        return self._table.fact("mismatch")

    @property
    def verified(self) -> bool | None:
        """Whether the archive has its declared hash; None until all was read, and where none is declared."""
        return not self.mismatch if self.is_indexed and self.archive.declared else None

    # -- looking

    @property
    def root(self) -> Node:
        """The folder that holds the tops."""
        try:
            return self._table.node(ROOT)
        except SnapshotError:
            if self.is_indexed:
                raise
            return _EMPTY_ROOT

    def count(self, folder: Node) -> int:
        """Count the nodes in a folder."""
        return self._table.count(folder.id)

    def listing(
        self, folder: Node, order: Order = Order.NAME, start: int = 0, count: int = 1000
    ) -> list[Node]:
        """List at most `count` nodes of a folder, from the one at `start` in that order."""
        return self._table.listing(folder.id, order, start, count)

    def position(self, node: Node) -> int:
        """Return at which number of its folder, listed by name, a node stands."""
        return self._table.position(node.id)

    def node(self, path: bytes) -> Node:
        """Return the node of that name: of several the last.

        Raises:
            NotFoundError: there is none.
        """
        node = self.root
        for part in parts_of(path):
            child = self._table.child(node.id, part)
            if child is None:
                raise NotFoundError(f'cannot find "{_text(path)}" in {self.archive.entry}')
            node = child
        return node

    def path(self, node: Node) -> bytes:
        """Return the whole name of a node; nothing for the root."""
        return self._table.path(node)

    def parent(self, node: Node) -> Node:
        """Return the folder a node is in; the root is in itself."""
        return node if node.id == ROOT else self._table.node(node.parent)

    def find(self, pattern: PathPattern, progress: Progress | None = None) -> Iterator[Node]:
        """Find nodes whose path fits a pattern, in the order of the archive; the revision is called `rev`.

        Whoever leaves the loop stops the search.

        Raises:
            Cancelled: the job was stopped.
        """
        check = (progress or Progress()).raise_if_cancelled
        folder_text = lru_cache(_FOLDERS)(self._role_text)
        for number, parent, name in self._table.names():
            if number % 1024 == 0:
                check()
            if number != ROOT and pattern.matches(self._child_text(folder_text(parent), name)):
                yield self._table.node(number)

    def _role_text(self, number: int) -> str:
        """The path of a folder, the revision called `rev`; nothing for the root."""
        path = self._table.path(self._table.node(number))
        return _text(role_path(path, self.archive.snapshot.revision))

    def _child_text(self, folder: str, name: bytes) -> str:
        if not folder:
            return _text(role_path(name, self.archive.snapshot.revision))
        return f"{folder.removesuffix('/')}/{_text(name)}"

    # -- reading what is in it

    def open(self, node: Node) -> Content:
        """Open the bytes of a file: of a hard link those it is a link to, of a symbolic link its target.

        Reading them raises IntegrityError where the archive is damaged.

        Raises:
            InvalidInputError: the node has no bytes.
        """
        if node.kind is Kind.LINK:
            return Content(len(node.link), lambda at, size: node.link[at : at + size])
        if node.kind not in _READ or node.flags & Flag.DANGLING:
            raise InvalidInputError(f'cannot read "{node.text}": {_why_unreadable(node)}')
        if node.flags & Flag.SPARSE:
            return _Sparse(self._unpacked, node).content()
        unpacked, size = self._unpacked, node.stored

        def read(at: int, count: int) -> bytes:
            """Read a piece of the member."""
            return _whole(unpacked, node.data + at, max(0, min(count, size - at)))

        return Content(size, read)


_EMPTY_ROOT = Node(
    id=ROOT,
    parent=0,
    name=b"",
    kind=Kind.FOLDER,
    size=0,
    files=0,
    mtime_ns=0,
    mode=0,
    link=b"",
    data=0,
    stored=0,
    head=0,
    flags=Flag.IMPLIED,
)


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


def _why_unreadable(node: Node) -> str:
    if node.flags & Flag.DANGLING:
        return "it is a hard link to what is not in the archive"
    return f"it is a {node.kind.value}"


def _whole(unpacked: UnpackedFile, offset: int, size: int) -> bytes:
    content = unpacked.read(offset, size)
    if len(content) != size:
        raise IntegrityError("unexpected end of archive")
    return content


class _Sparse:
    """The bytes of a file with holes: pieces of it are stored, one behind the other."""

    def __init__(self, unpacked: UnpackedFile, node: Node) -> None:
        self._unpacked = unpacked
        self._size = node.size
        self._starts: list[int] = []
        self._pieces: list[tuple[int, int]] = []
        at = node.head

        def read(count: int) -> bytes:
            """Read on in the member."""
            nonlocal at
            block = _whole(unpacked, at, count)
            at += count
            return block

        member = tarstream.next_member(read)
        if member is None or member.kind != tarstream.SPARSE:
            raise IntegrityError("the table of contents does not fit the archive")
        data = node.data
        for start, length in _holes(member.header, read):
            self._starts.append(start)
            self._pieces.append((length, data))
            data += length

    def content(self) -> Content:
        """The whole file."""
        return Content(self._size, self._read)

    def _read(self, at: int, count: int) -> bytes:
        end = min(at + count, self._size)
        result = bytearray(max(0, end - at))
        number = max(0, bisect_right(self._starts, at) - 1)
        while number < len(self._starts) and self._starts[number] < end:
            start = self._starts[number]
            length, data = self._pieces[number]
            first, last = max(at, start), min(end, start + length)
            if first < last:
                result[first - at : last - at] = _whole(self._unpacked, data + first - start, last - first)
            number += 1
        return bytes(result)


def _holes(header: bytes, read: Callable[[int], bytes]) -> Iterator[tuple[int, int]]:
    """Where the stored pieces of a sparse member belong: offset and length, in order."""
    entries, more = header[386:482], header[482]
    room = 0
    last = -1
    while True:
        for at in range(0, len(entries) - _MAP + 1, _MAP):
            if not entries[at + _MAP // 2]:
                break
            start, length = (tarstream.number(entries[i : i + _MAP // 2]) for i in (at, at + _MAP // 2))
            if start < last or length < 0:
                raise IntegrityError("the map of holes is out of order")
            last = start + length
            yield start, length
        room += BLOCK
        if not more or room > _LONGEST_MAP:
            return
        block = read(BLOCK)
        entries, more = block[:504], block[504]
