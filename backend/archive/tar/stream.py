"""The headers of a tar stream, read strictly: what could be understood in two ways is refused.

Understands V7, USTAR, GNU (long names, sparse files) and PAX members, but no sparse files of PAX, which
snapd never writes. Knows nothing of what a member is allowed to be: that is for the caller to judge.
"""

import re
import zlib
from collections.abc import Callable, Mapping
from typing import NamedTuple

from backend.errors import IntegrityError
from backend.fs.lengths import shortened

BLOCK = 512
FILE, HARD_LINK, SYMBOLIC_LINK, CHARACTER, BLOCK_DEVICE, DIRECTORY, FIFO, CONTIGUOUS = b"01234567"
SPARSE = ord("S")
_LONG_NAME, _LONG_LINK, _PAX, _PAX_GLOBAL = b"LKxg"
_PRELUDES = frozenset((_LONG_NAME, _LONG_LINK, _PAX, _PAX_GLOBAL))
_FILES = frozenset((FILE, CONTIGUOUS, SPARSE))
_KINDS = _FILES | {HARD_LINK, SYMBOLIC_LINK, CHARACTER, BLOCK_DEVICE, DIRECTORY, FIFO}
_LONGEST_PRELUDE = 1 << 20
_LONGEST_MAP = 16 << 20
_LARGEST = 1 << 62  # beyond it tar gives up on a header and looks for the next one in the data
_GNU_MAGIC = b"ustar  \0"
_ENTRY = 24
_EMPTY = bytes(BLOCK)
_SET_IDS = 0o6000
_OCTAL = re.compile(rb" *([0-7]+)[ \0]*|\0+")
_DECIMAL = re.compile(rb"(-?)([0-9]{1,12})(?:\.([0-9]*))?")
_RECORD = re.compile(rb"([1-9][0-9]{0,6}) (?=[!-~])")  # tar skips further blanks before a key
_HARMLESS_GLOBALS = frozenset((b"comment", b"charset", b"hdrcharset", b"mtime", b"atime", b"ctime"))
_MEANINGFUL = frozenset((b"path", b"linkpath", b"size"))


class TarMember(NamedTuple):
    """A member of a tar stream: names as the bytes written, `size` of the data that follow in bytes.

    `mtime_ns` is in nanoseconds since the epoch, 0 where the header has no time. `header` is the header
    block, `records` are those of a PAX header before it.
    """

    name: bytes
    kind: int
    size: int
    link: bytes
    mode: int
    device: tuple[int, int]
    real_size: int
    mtime_ns: int = 0
    header: bytes = b""
    records: Mapping[bytes, bytes] | None = None

    @property
    def text(self) -> str:
        """The name as text, undecodable bytes kept as surrogates."""
        return self.name.decode("utf-8", "surrogateescape")

    @property
    def shown(self) -> str:
        """The name as it fits into a message."""
        return _shown(self.name)


def _shown(name: bytes) -> str:
    return shortened(name.decode("utf-8", "surrogateescape"))


class _Prelude:
    """What the headers before a member say about it."""

    def __init__(self) -> None:
        self.name: bytes | None = None
        self.link: bytes | None = None
        self.size: int | None = None
        self.mtime_ns: int | None = None
        self.records: dict[bytes, bytes] | None = None
        self.kinds: set[int] = set()

    def add(self, kind: int, data: bytes) -> None:
        """Take in a header that is about the next member; IntegrityError where two contradict."""
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
                raise IntegrityError(f'tar: global header sets "{_shown(min(strange))}"')
            return
        self.records = records
        self.name = records.get(b"path")
        self.link = records.get(b"linkpath")
        if mtime := _DECIMAL.fullmatch(records.get(b"mtime", b"")):
            self.mtime_ns = _nanoseconds(mtime)
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
        match = _RECORD.match(data, position)
        end = position + int(match[1]) if match else 0
        if not match or end > len(data) or end <= match.end() or data[end - 1] != 10:
            raise IntegrityError("tar: malformed extended header")
        key, equals, value = data[match.end() : end - 1].partition(b"=")
        if not equals or b"\0" in key or (key in _MEANINGFUL and (key in records or b"\0" in value)):
            raise IntegrityError("tar: malformed extended header")
        if key.startswith(b"GNU."):
            raise IntegrityError("tar: member of an incremental, multi-volume or PAX sparse archive")
        records[key] = value
        position = end
    return records


def _nanoseconds(decimal: "re.Match[bytes]") -> int:
    nanoseconds = int(decimal[2]) * 10**9 + int((decimal[3] or b"")[:9].ljust(9, b"0"))
    return -nanoseconds if decimal[1] else nanoseconds


def _mtime_ns(block: bytes, prelude: _Prelude) -> int:
    """When a member was changed; tar takes a header for good whose time makes no sense, and so it is here."""
    if prelude.mtime_ns is not None:
        return prelude.mtime_ns
    try:
        return number(block[136:148]) * 10**9
    except IntegrityError:
        return 0


def number(field: bytes) -> int:
    """A numeric field of a header: octal digits, or GNU's binary form; IntegrityError otherwise."""
    if field[0] in (0x80, 0xFF):
        return int.from_bytes(field[1:], "big") - ((field[0] & 1) << 8 * (len(field) - 1))
    match = _OCTAL.fullmatch(field)
    if not match:
        raise IntegrityError("tar: invalid number in header")
    return int(match[1] or b"0", 8)


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
    if kind not in _KINDS or (kind == SPARSE and block[257:265] != _GNU_MAGIC):
        raise IntegrityError(f'tar: member "{_shown(name)}" is of unknown type {chr(kind)!r}')
    if kind in (FILE, CONTIGUOUS) and name.endswith(b"/"):
        kind = DIRECTORY
    if not 0 <= size < _LARGEST or (size and kind not in _FILES):
        raise IntegrityError(f'tar: member "{_shown(name)}" has an impossible size')
    device = (number(block[329:337]), number(block[337:345])) if kind in (CHARACTER, BLOCK_DEVICE) else (0, 0)
    real_size = number(block[483:495]) if kind == SPARSE else size
    mode = number(block[100:108]) & 0o7777
    return TarMember(
        name,
        kind,
        size,
        link,
        mode=mode,
        device=device,
        real_size=real_size,
        mtime_ns=_mtime_ns(block, prelude),
        header=block,
        records=prelude.records,
    )


def _with_mode(block: bytes, mode: int) -> bytes:
    """The header block with another mode, its checksum put right."""
    changed = bytearray(block)
    changed[100:108] = b"%07o\0" % mode
    changed[148:156] = b" " * 8
    changed[148:156] = b"%06o\0 " % sum(changed)
    return bytes(changed)


def _prelude_size(block: bytes) -> int:
    size = number(block[124:136])
    if not 0 < size <= _LONGEST_PRELUDE:
        raise IntegrityError("tar: a name or header of impossible length")
    return size


def _prelude_data(room: bytes, size: int) -> bytes:
    """The content of a prelude; refused with data in its padding, where tar would read a long name on."""
    if room.count(0, size) != len(room) - size:
        raise IntegrityError("tar: data behind a name or header")
    return room[:size]


def padded(size: int) -> int:
    """The room that `size` bytes take in a tar stream."""
    return (size + BLOCK - 1) // BLOCK * BLOCK


class _Holes:
    """The map of a sparse member, which decides how much of the stream tar takes for its data."""

    def __init__(self, member: TarMember) -> None:
        self.member = member
        self._room = 0

    def add(self, entries: bytes, *, extended: bool) -> None:
        """Take the next part of the map; `extended` when another one follows."""
        used = len(entries)
        for at in range(0, len(entries), _ENTRY):
            if not entries[at + _ENTRY // 2]:
                used = at
                break
            offset = number(entries[at : at + _ENTRY // 2])
            length = number(entries[at + _ENTRY // 2 : at + _ENTRY])
            if min(offset, length) < 0 or offset + length > self.member.real_size:
                raise self._refusal()
            self._room += padded(length)
        if (extended and used < len(entries)) or self._room > padded(self.member.size):
            raise self._refusal()

    def _refusal(self) -> IntegrityError:
        return IntegrityError(f'tar: member "{self.member.shown}" has an impossible map of holes')


class TarFilter:
    """Passes a tar stream on, member by member, as soon as `judge` has accepted each one's header.

    `judge` answers True to pass a member on and False to leave it out, or raises to refuse the stream.
    Without `set_ids`, members lose the bits that let others run them as their owner or group. While `judge`
    is asked, `data_offset` says where in the stream the member's data begin.
    Feed it with `feed`, end with `close`; IntegrityError when the stream is not a whole, unambiguous tar.
    """

    def __init__(
        self,
        judge: Callable[[TarMember], bool],
        sink: Callable[[memoryview], None],
        *,
        set_ids: bool = True,
    ) -> None:
        self._judge = judge
        self._sink = sink
        self._set_ids = set_ids
        self._rest = b""
        self._held: list[bytes] = []
        self._prelude = _Prelude()
        self._awaited: tuple[int, int] | None = None
        self._holes: _Holes | None = None
        self._data_left = 0
        self._passing = True
        self._ended = False
        self._fed = 0
        self.data_offset = 0

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
        self._fed += position

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
        self.data_offset = self._fed + position + BLOCK
        if self._holes is not None:
            self._held.append(block)
            self._extend(self._holes, block[:504], extended=block[504] != 0)
        elif block == _EMPTY:
            self._end(block)
        else:
            _check_sum(block)
            self._held.append(block)
            if block[156] in _PRELUDES:
                self._awaited = (block[156], _prelude_size(block))
            else:
                self._meet(_member(block, self._prelude), block)
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
        self._prelude.add(kind, _prelude_data(buffer[position : position + room], size))
        self._awaited = None
        return room

    def _meet(self, member: TarMember, block: bytes) -> None:
        if not self._set_ids and member.mode & _SET_IDS:
            member = member._replace(mode=member.mode & ~_SET_IDS)
            self._held[-1] = _with_mode(block, member.mode)
        if member.kind == SPARSE:
            self._extend(_Holes(member), block[386:482], extended=block[482] != 0)
        else:
            self._admit(member)

    def _extend(self, holes: _Holes, entries: bytes, *, extended: bool) -> None:
        """A header is complete, or waits for the rest of its map of holes."""
        holes.add(entries, extended=extended)
        self._holes = holes if extended else None
        if len(self._held) > _LONGEST_MAP // BLOCK:
            raise IntegrityError(f'tar: map of holes of "{holes.member.shown}" is too long')
        if not extended:
            self._admit(holes.member)

    def _admit(self, member: TarMember) -> None:
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
        prelude.add(block[156], _prelude_data(read(padded(size)), size))
    if prelude.kinds - {_PAX_GLOBAL}:
        raise IntegrityError("tar: a long name without a member")
    return None
