"""The headers of a tar stream, read strictly: what could be understood in two ways is refused.

Understands V7, USTAR, GNU (long names, sparse files) and PAX members. Knows nothing of what a member is
allowed to be: that is for the caller to judge.
"""

import re
import zlib
from collections.abc import Callable
from typing import NamedTuple

from backend.errors import IntegrityError

BLOCK = 512
FILE, HARD_LINK, SYMBOLIC_LINK, CHARACTER, BLOCK_DEVICE, DIRECTORY, FIFO, CONTIGUOUS = b"01234567"
SPARSE = ord("S")
_LONG_NAME, _LONG_LINK, _PAX, _PAX_GLOBAL = b"LKxg"
_PRELUDES = frozenset((_LONG_NAME, _LONG_LINK, _PAX, _PAX_GLOBAL))
_FILES = frozenset((FILE, CONTIGUOUS, SPARSE))
_KINDS = _FILES | {HARD_LINK, SYMBOLIC_LINK, CHARACTER, BLOCK_DEVICE, DIRECTORY, FIFO}
_LONGEST_PRELUDE = 1 << 20
_EMPTY = bytes(BLOCK)
_OCTAL = re.compile(rb" *([0-7]*)[ \0]*")
_RECORD = re.compile(rb"([1-9][0-9]{0,6}) ")
_HARMLESS_GLOBALS = frozenset((b"comment", b"charset", b"hdrcharset", b"mtime", b"atime", b"ctime"))
_MEANINGFUL = frozenset((b"path", b"linkpath", b"size", b"GNU.sparse.name"))


class TarMember(NamedTuple):
    """A member of a tar stream: names as the bytes written, `size` of the data that follow in bytes."""

    name: bytes
    kind: int
    size: int
    link: bytes
    mode: int
    device: tuple[int, int]
    real_size: int

    @property
    def text(self) -> str:
        """The name as text, undecodable bytes kept as surrogates."""
        return _text(self.name)


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


class _Prelude:
    """What the headers before a member say about it."""

    def __init__(self) -> None:
        self.name: bytes | None = None
        self.link: bytes | None = None
        self.size: int | None = None
        self.kinds: set[int] = set()

    def add(self, kind: int, data: bytes) -> None:
        if kind in self.kinds or (_PAX in self.kinds and kind != _PAX_GLOBAL):
            raise IntegrityError("tar: several long names for one member")
        if kind == _PAX and self.kinds - {_PAX_GLOBAL}:
            raise IntegrityError("tar: several long names for one member")
        self.kinds.add(kind)
        if kind == _LONG_NAME:
            self.name = data.partition(b"\0")[0]
        elif kind == _LONG_LINK:
            self.link = data.partition(b"\0")[0]
        else:
            self._add_records(kind, data)

    def _add_records(self, kind: int, data: bytes) -> None:
        records = _records(data)
        if kind == _PAX_GLOBAL:
            if strange := set(records) - _HARMLESS_GLOBALS:
                key = min(strange).decode("utf-8", "replace")
                raise IntegrityError(f'tar: global header sets "{key}"')
            return
        self.name = records.get(b"GNU.sparse.name", records.get(b"path"))
        self.link = records.get(b"linkpath")
        size = records.get(b"size")
        if size is not None:
            if not size.isdigit() or len(size) > 18:
                raise IntegrityError("tar: invalid size in extended header")
            self.size = int(size)


def _records(data: bytes) -> dict[bytes, bytes]:
    """The records of a PAX header; those that name, link or measure may appear once only."""
    records: dict[bytes, bytes] = {}
    position = 0
    while position < len(data):
        found = _RECORD.match(data, position)
        end = position + int(found[1]) if found else 0
        if not found or end > len(data) or end <= found.end() or data[end - 1] != 10:
            raise IntegrityError("tar: malformed extended header")
        key, equals, value = data[found.end() : end - 1].partition(b"=")
        if not equals or (key in records and key in _MEANINGFUL) or (key in _MEANINGFUL and b"\0" in value):
            raise IntegrityError("tar: malformed extended header")
        if key.startswith((b"GNU.volume.", b"GNU.dumpdir")):
            raise IntegrityError("tar: member of an incremental or multi-volume archive")
        records[key] = value
        position = end
    return records


def number(field: bytes) -> int:
    """A numeric field of a header: octal digits, or GNU's binary form; IntegrityError otherwise."""
    if field[0] & 0x80:
        value = int.from_bytes(field, "big", signed=field[0] == 0xFF)
        return value if field[0] == 0xFF else value - (0x80 << 8 * (len(field) - 1))
    found = _OCTAL.fullmatch(field)
    if not found:
        raise IntegrityError("tar: invalid number in header")
    return int(found[1] or b"0", 8)


def _check_sum(block: bytes) -> None:
    # Adler's first half is the plain sum of the bytes, exact for 256 of them: far faster than a loop.
    halves = (block[:148], block[156:404], block[404:])
    total = sum((zlib.adler32(half) & 0xFFFF) - 1 for half in halves) + 8 * 32
    if number(block[148:156]) != total:
        raise IntegrityError("tar: header checksum is wrong")


def _member(block: bytes, prelude: _Prelude) -> TarMember:
    """The member that a header block announces, with what its prelude said."""
    kind = block[156] or FILE
    name, link = prelude.name, prelude.link
    if name is None:
        name = block[:100].partition(b"\0")[0]
        if block[257:263] == b"ustar\0" and block[345]:
            name = block[345:500].partition(b"\0")[0] + b"/" + name
    if link is None:
        link = block[157:257].partition(b"\0")[0]
    size = number(block[124:136]) if prelude.size is None else prelude.size
    if kind not in _KINDS:
        raise IntegrityError(f'tar: member "{_text(name)}" is of unknown type {chr(kind)!r}')
    if kind == FILE and name.endswith(b"/"):
        kind = DIRECTORY
    if size < 0 or (size and kind not in _FILES):
        raise IntegrityError(f'tar: member "{_text(name)}" has an impossible size')
    device = (number(block[329:337]), number(block[337:345])) if kind in (CHARACTER, BLOCK_DEVICE) else (0, 0)
    real_size = number(block[483:495]) if kind == SPARSE else size
    return TarMember(name, kind, size, link, number(block[100:108]) & 0o7777, device, real_size)


def _prelude_size(block: bytes) -> int:
    size = number(block[124:136])
    if not 0 < size <= _LONGEST_PRELUDE:
        raise IntegrityError("tar: a name or header of impossible length")
    return size


def padded(size: int) -> int:
    """The room that `size` bytes take in a tar stream."""
    return (size + BLOCK - 1) // BLOCK * BLOCK


class TarFilter:
    """Passes a tar stream on, member by member, as soon as `judge` has accepted each one's header.

    `judge` answers True to pass a member on and False to leave it out, or raises to refuse the stream.
    Feed it with `feed`, end with `close`; IntegrityError when the stream is not a whole, unambiguous tar.
    """

    def __init__(self, judge: Callable[[TarMember], bool], sink: Callable[[memoryview], None]) -> None:
        self._judge = judge
        self._sink = sink
        self._rest = b""
        self._held: list[bytes] = []
        self._prelude = _Prelude()
        self._awaited: tuple[int, int] | None = None
        self._member: TarMember | None = None
        self._data_left = 0
        self._passing = True
        self._ended = False

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the stream."""
        buffer = self._rest + chunk if self._rest else chunk
        self._rest = b""
        position = 0
        while position < len(buffer):
            if self._data_left:
                position = self._pass_data(buffer, position)
            elif self._ended:
                position = self._pass_end(buffer, position)
            else:
                taken = self._take_header(buffer, position)
                if not taken:
                    break
                position += taken
        self._rest = buffer[position:]

    def close(self) -> None:
        """The stream is over."""
        if self._rest or self._data_left or self._held:
            raise IntegrityError("unexpected end of archive")

    def _pass_data(self, buffer: bytes, position: int) -> int:
        end = min(position + self._data_left, len(buffer))
        self._data_left -= end - position
        if self._passing:
            self._sink(memoryview(buffer)[position:end])
        return end

    def _pass_end(self, buffer: bytes, position: int) -> int:
        if buffer.count(0, position) != len(buffer) - position:
            raise IntegrityError("tar: data after the end of the archive")
        self._sink(memoryview(buffer)[position:])
        return len(buffer)

    def _take_header(self, buffer: bytes, position: int) -> int:
        """Take one block, or one prelude with its data; 0 when more bytes are needed."""
        if self._awaited is not None:
            return self._take_prelude(buffer, position)
        block = buffer[position : position + BLOCK]
        if len(block) < BLOCK:
            return 0
        if self._member is not None:
            self._extend_sparse(block)
        elif block == _EMPTY:
            self._end(block)
        else:
            _check_sum(block)
            self._held.append(block)
            if block[156] in _PRELUDES:
                self._awaited = (block[156], _prelude_size(block))
            else:
                self._meet(_member(block, self._prelude), extended=block[156] == SPARSE and block[482] != 0)
        return BLOCK

    def _end(self, block: bytes) -> None:
        if self._held:
            raise IntegrityError("tar: a long name without a member")
        self._ended = True
        self._sink(memoryview(block))

    def _take_prelude(self, buffer: bytes, position: int) -> int:
        assert self._awaited is not None
        kind, size = self._awaited
        room = padded(size)
        if len(buffer) - position < room:
            return 0
        self._held.append(buffer[position : position + room])
        self._prelude.add(kind, buffer[position : position + size])
        self._awaited = None
        return room

    def _extend_sparse(self, block: bytes) -> None:
        assert self._member is not None
        self._held.append(block)
        if not block[504]:
            self._meet(self._member, extended=False)

    def _meet(self, member: TarMember, *, extended: bool) -> None:
        """A header is complete, or waits for the rest of its map of holes."""
        self._member = member if extended else None
        if len(self._held) > _LONGEST_PRELUDE // BLOCK:
            raise IntegrityError(f'tar: map of holes of "{member.text}" is too long')
        if extended:
            return
        self._passing = self._judge(member)
        if self._passing:
            for held in self._held:
                self._sink(memoryview(held))
        self._held = []
        self._prelude = _Prelude()
        self._data_left = padded(member.size)


def next_member(read: Callable[[int], bytes]) -> TarMember | None:
    """The next member of a stream that stands at a header, or None at its end.

    `read` answers exactly as many bytes as asked, or none at the end of the stream; it raises when the stream
    ends in between. Afterwards the stream stands at the member's data. Raises as TarFilter does.
    """
    prelude = _Prelude()
    while (block := read(BLOCK)) and block != _EMPTY:
        _check_sum(block)
        if block[156] not in _PRELUDES:
            return _member(block, prelude)
        size = _prelude_size(block)
        prelude.add(block[156], read(padded(size))[:size])
    if prelude.kinds - {_PAX_GLOBAL}:
        raise IntegrityError("tar: a long name without a member")
    return None
