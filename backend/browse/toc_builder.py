"""Reads an archive once, from its beginning to its end, and makes its table of contents on the way.

What is damaged ends the reading; what was read until then stays, and the reason is reported.
"""

import hashlib
import re
import time
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from backend.archive.gzip.seek import CompressedSource, SeekPoints, gathering
from backend.archive.hashing import PIECE, HashedRead, agree
from backend.archive.tar import stream as tarstream
from backend.archive.tar.stream import TarFilter, TarMember, padded
from backend.browse.nodes import KINDS, ROOT, Flag, Kind, Node, joined, parts_of
from backend.browse.toc import Row, TocDatabase
from backend.errors import IntegrityError, NoSpaceError, SnapshotError
from backend.fs.lengths import LONGEST_PATH
from backend.model import Revision
from backend.progress import Progress

_KIND = {
    tarstream.DIRECTORY: KINDS.index(Kind.FOLDER),
    tarstream.FILE: KINDS.index(Kind.FILE),
    tarstream.CONTIGUOUS: KINDS.index(Kind.FILE),
    tarstream.SPARSE: KINDS.index(Kind.FILE),
    tarstream.SYMBOLIC_LINK: KINDS.index(Kind.LINK),
    tarstream.HARD_LINK: KINDS.index(Kind.HARD_LINK),
    tarstream.FIFO: KINDS.index(Kind.FIFO),
    tarstream.CHARACTER: KINDS.index(Kind.CHARACTER),
    tarstream.BLOCK_DEVICE: KINDS.index(Kind.BLOCK),
}
# Plain numbers: a set of flags takes as long to combine as a header to parse.
_OUTSIDE, _ABSOLUTE, _CLIMBING, _TOO_LONG, _IMPLIED, _SPARSE = map(
    int, (Flag.OUTSIDE, Flag.ABSOLUTE, Flag.CLIMBING, Flag.TOO_LONG, Flag.IMPLIED, Flag.SPARSE)
)
_INHERITED = _OUTSIDE | _ABSOLUTE | _CLIMBING | _TOO_LONG
_FILE = KINDS.index(Kind.FILE)
_LARGEST = 1 << 50
_LATEST_NS = 1 << 62
_SHOWN_OF_LONG = 255
_BATCH = 2000
_MOST_FOLDERS = 4096
_MOST_OWNERS = 4096
_INTERVAL = 0.25
_DECIMAL = re.compile(rb"[0-9]{1,10}")


class Source(NamedTuple):
    """The archive to read: its packed bytes by offset, and by `read` in order.

    `declared` is the hash it should have, empty where none is known.
    """

    packed: CompressedSource
    read: Callable[[int], bytes]
    entry: str
    declared: str
    revision: Revision


class Outcome(NamedTuple):
    """How a reading ended: `fault` says why not everything is there.

    `mismatch` is why the bytes are not those that were saved, or nothing. Not `is_final` is an outcome that
    another reading may not have.
    """

    fault: str
    mismatch: str
    is_final: bool


def index(source: Source, table: TocDatabase, points: SeekPoints, progress: Progress) -> Outcome:
    """Fill an empty table, and gather the points to start from; the packed bytes are counted on the job.

    Raises Cancelled; what was read until then stays in the table.
    """
    intake = _Intake(source, progress)
    filler = _Filler(table, source.revision)
    fault = ""
    is_final = True
    try:
        try:
            for chunk in gathering(intake.read, source.packed, points):
                filler.feed(chunk)
            filler.close()
        finally:
            filler.flush()
        _settle(table)
    except (IntegrityError, NoSpaceError, OSError) as cause:
        fault = _told(cause)
        is_final = isinstance(cause, IntegrityError)
    outcome = Outcome(fault, intake.mismatch(), is_final)
    table.finish(points, {"fault": fault, "mismatch": outcome.mismatch})
    return outcome


def _told(cause: SnapshotError | OSError) -> str:
    if isinstance(cause, NoSpaceError):
        return "there are too many members for a table of contents"
    return f"it cannot be read: {cause.strerror}" if isinstance(cause, OSError) else str(cause)


class _Intake:
    """The packed bytes of an archive, hashed and counted as they pass."""

    def __init__(self, source: Source, progress: Progress) -> None:
        self._source = source
        self._progress = progress
        self._hashed = HashedRead(source.read, hashlib.sha3_384())
        self._fault = ""

    def read(self, count: int) -> bytes:
        """The next bytes; what the file around them says of them is for `mismatch` to tell."""
        if self._fault:
            return b""
        try:
            piece = self._hashed(count)
        except IntegrityError as cause:
            self._fault = str(cause)
            return b""
        self._progress.advance(len(piece))
        return piece

    def mismatch(self) -> str:
        """Why the bytes are not those that were saved, or nothing; reads what is left of them."""
        source = self._source
        try:
            while self.read(PIECE):
                pass
            if not self._fault:
                declared = (source.declared, source.packed.size)
                agree(f'snapshot entry "{source.entry}"', declared, self._hashed.finish())
        except (IntegrityError, OSError) as cause:
            return _told(cause)
        return self._fault


def _settle(table: TocDatabase) -> None:
    """What can be known only at the end: what hard links lead to, and what is replaced later."""
    for link in table.hard_links():
        table.resolve_link(link, _target(table, link))
    table.settle_replaced()


def _target(table: TocDatabase, link: Node) -> Node | None:
    if len(link.link) > LONGEST_PATH:
        return None
    number = ROOT
    target = None
    for part in parts_of(link.link):
        target = table.child(number, part, before=link.id)
        if target is None:
            return None
        number = target.id
    return None if target is None or target.is_folder else target


class _Folder(NamedTuple):
    """A folder met before: its number, those of the folders it lies in and its own, what it inherits."""

    id: int
    chain: tuple[int, ...]
    flags: int


class _Count:
    """What was met in one folder since the last batch."""

    __slots__ = ("chain", "files", "size")

    def __init__(self, chain: tuple[int, ...]) -> None:
        self.chain = chain
        self.size = 0
        self.files = 0


def _totals(counts: Iterable[_Count]) -> list[Row]:
    """What comes to the totals of every folder: size, files, its number."""
    totals: dict[int, tuple[int, int]] = {}
    for count in counts:
        for number in count.chain:
            size, files = totals.get(number, (0, 0))
            totals[number] = (size + count.size, files + count.files)
    return [(size, files, number) for number, (size, files) in totals.items()]


class _Filler:
    """Turns the members of a tar stream into nodes, in batches."""

    def __init__(self, table: TocDatabase, revision: Revision) -> None:
        self._table = table
        self._tops = (b"common", str(revision).encode())
        self._stream = TarFilter(self._take, lambda _passed: None)
        self._end = 0
        self._next = ROOT
        self._rows: list[Row] = []
        self._described: list[Row] = []
        self._counts: dict[int, _Count] = {}
        self._folders: dict[bytes, _Folder] = {}
        self._last: tuple[bytes, _Folder] | None = None
        self._owners: dict[bytes, int] = {}
        self._owners_met = 0
        self._flush_at = 0.0
        self._root = _Folder(self._number(), (ROOT,), 0)
        self._rows.append((ROOT, 0, 0, b"", 0, 0, 0, 0, 0, None, 0, 0, 0, _IMPLIED, 0))

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the stream."""
        self._stream.feed(chunk)
        now = time.monotonic()
        if now >= self._flush_at or len(self._rows) >= _BATCH:
            self._flush_at = now + _INTERVAL
            self.flush()

    def close(self) -> None:
        """The stream is over."""
        self._stream.close()

    def flush(self) -> None:
        """Let what was met so far be seen."""
        rows, described, counts = self._rows, self._described, self._counts
        self._rows, self._described, self._counts = [], [], {}
        self._table.add(rows, described, _totals(counts.values()))
        if len(self._folders) > _MOST_FOLDERS:
            self._folders = {}
            self._last = None

    def _number(self) -> int:
        number = self._next
        self._next += 1
        return number

    def _take(self, member: TarMember) -> bool:
        start, self._end = self._end, self._stream.data_offset + padded(member.size)
        folder, name = self._place(member)
        if len(self._rows) >= _BATCH:
            self.flush()
        if not name:
            return False
        if member.kind == tarstream.DIRECTORY:
            self._take_folder(member, folder, name)
            return False
        flags = folder.flags
        if folder.id == ROOT:  # the tops have to be directories
            flags |= _OUTSIDE
        if member.kind == tarstream.SPARSE:
            flags |= _SPARSE
        self._add(member, folder, name, (start if flags & _SPARSE else 0, flags))
        return False

    def _add(self, member: TarMember, folder: _Folder, name: bytes, more: tuple[int, int]) -> None:
        kind = _KIND[member.kind]
        size = min(member.real_size, _LARGEST)
        link: bytes | None = member.link or None
        if member.kind in (tarstream.CHARACTER, tarstream.BLOCK_DEVICE):
            link = b"%d:%d" % member.device
        about = _clamped(member.mtime_ns), member.mode, link, self._stream.data_offset, member.size
        head, flags = more
        owner = self._owner(member)
        row = (self._number(), folder.id, 1, name, kind, size, 0, *about, head, flags, owner)
        self._rows.append(row)
        count = self._counts.get(folder.id)
        if count is None:
            count = self._counts[folder.id] = _Count(folder.chain)
        count.size += size if kind == _FILE else 0
        count.files += 1

    def _take_folder(self, member: TarMember, above: _Folder, name: bytes) -> None:
        is_known = len(member.name) <= LONGEST_PATH
        path = joined(parts_of(member.name)) if is_known else b"%d/%s" % (above.id, name)
        folder = self._folder_in(above, name, path)
        about = _clamped(member.mtime_ns), member.mode, folder.flags, self._owner(member)
        self._described.append((*about, folder.id))

    def _place(self, member: TarMember) -> tuple[_Folder, bytes]:
        """The folder a member lies in, and its own name there; no name for the root itself."""
        name = member.name
        if len(name.rstrip(b"/")) > LONGEST_PATH:
            return self._place_of_long(name)
        above, _, base = name.rstrip(b"/").rpartition(b"/")
        if self._last is not None and self._last[0] == above and base not in (b"", b".", b".."):
            return self._last[1], base
        parts = parts_of(name)
        if not parts:
            return self._root, b""
        folder = self._folder(parts[:-1])
        if parts[-1] == b"..":
            return folder._replace(flags=folder.flags | _CLIMBING | _OUTSIDE), b".."
        if parts[-1] != base:
            return folder, parts[-1]
        self._last = (above, folder) if above else None
        return folder, base

    def _place_of_long(self, name: bytes) -> tuple[_Folder, bytes]:
        """A folder at the top, with a cut name, for one that is too long to be followed; the last part."""
        above, _, base = name.rstrip(b"/").rpartition(b"/")
        half, mark = _SHOWN_OF_LONG // 2 - 8, hashlib.sha256(above).hexdigest()[:8].encode()
        shown = b"%s...%s...%s" % (above[:half], mark, above[-half:])
        strange = self._root._replace(flags=_TOO_LONG)
        top = self._folder_in(strange, shown.replace(b"/", b"?").replace(b"\0", b"?"), shown)
        return top, base[:_SHOWN_OF_LONG].replace(b"\0", b"?") or b"?"

    def _folder(self, parts: list[bytes]) -> _Folder:
        """The folder of that path, made where no member was met for it."""
        known = len(parts)
        while known and joined(parts[:known]) not in self._folders:
            known -= 1
        folder = self._folders[joined(parts[:known])] if known else self._root
        for depth in range(known, len(parts)):
            folder = self._folder_in(folder, parts[depth], joined(parts[: depth + 1]))
        return folder

    def _folder_in(self, above: _Folder, name: bytes, path: bytes) -> _Folder:
        if folder := self._folders.get(path):
            return folder
        flags = above.flags & _INHERITED | self._oddity(above, name)
        row = self._table.folder(above.id, name)
        number = row[0] if row else self._number()
        if not row:
            blank = (0, 0, 0, 0, None, 0, 0, 0, flags | _IMPLIED, 0)
            self._rows.append((number, above.id, 0, name, 0, *blank))
        folder = _Folder(number, (*above.chain, number), flags)
        self._folders[path] = folder
        return folder

    def _oddity(self, above: _Folder, name: bytes) -> int:
        if above.flags & _TOO_LONG:
            return 0
        if name == b"/":
            return _ABSOLUTE | _OUTSIDE
        if name == b"..":
            return _CLIMBING | _OUTSIDE
        return _OUTSIDE if above.id == ROOT and name not in self._tops else 0

    def _owner(self, member: TarMember) -> int:
        """The number of who it belongs to."""
        block = member.header
        records = member.records or {}
        key = block[108:124] + block[265:329]
        if records:
            key += b"\0".join(records.get(name, b"") for name in (b"uid", b"gid", b"uname", b"gname"))
        number = self._owners.get(key)
        if number is None:
            if len(self._owners) >= _MOST_OWNERS:
                self._owners = {}
            self._owners_met += 1
            number = self._owners[key] = self._owners_met
            self._table.add_owner(number, _owner(block, records))
        return number


def _owner(block: bytes, records: Mapping[bytes, bytes]) -> Row:
    uid = _identity(block[108:116], records.get(b"uid", b""))
    gid = _identity(block[116:124], records.get(b"gid", b""))
    user, group = block[265:297].partition(b"\0")[0], block[297:329].partition(b"\0")[0]
    return (
        uid,
        gid,
        records.get(b"uname", user)[:_SHOWN_OF_LONG],
        records.get(b"gname", group)[:_SHOWN_OF_LONG],
    )


def _identity(field: bytes, record: bytes) -> int:
    """A user's or group's number; 0 where the header has none."""
    if _DECIMAL.fullmatch(record):
        return int(record)
    try:
        return max(0, min(tarstream.number(field), _LARGEST))
    except IntegrityError:
        return 0


def _clamped(nanoseconds: int) -> int:
    return max(-_LATEST_NS, min(nanoseconds, _LATEST_NS))
