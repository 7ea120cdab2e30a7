"""The snapshot zip: members written as they come, and found without reading the rest.

Lays out what it writes as snapd's own program does; reads what any zip program wrote, damaged or not.
Knows nothing of metadata, hashes or gzip.
"""

import os
import zlib
from collections.abc import Callable
from struct import Struct
from typing import NamedTuple

from backend.errors import IntegrityError

STORED = 0
DEFLATED = 8

NOT_A_ZIP = "zip: not a valid zip file"
WRONG_CONTENT = "zip: checksum error"
UNKNOWN_METHOD = "zip: unsupported compression algorithm"

_TAIL = 2048
_LONGEST_END = 22 + 0xFFFF
_LARGEST_DIRECTORY = 64 << 20
_MOST_MEMBERS = 1 << 16
_PIECE = 64 << 10
_MAX16 = 0xFFFF
_MAX32 = 0xFFFFFFFF

_LOCAL = Struct("<4s5H3L2H")
_LOCAL_READ = Struct("<4s22x2H")
_ENTRY = Struct("<4s6H3L5H2L")
_ENTRY_READ = Struct("<4s6xH4x3L3H8xL")
_END = Struct("<4s4H2LH")
_END64 = Struct("<4sQ2H2L4Q")
_LOCATOR = Struct("<4sLQL")
_WIDE = Struct("<2H3Q")
_DESCRIPTOR = Struct("<4s3L")
_DESCRIPTOR64 = Struct("<4sL2Q")

_VERSION = 20
_VERSION_WIDE = 45
_SIZES_FOLLOW = 0x0008
_NAME_IS_UTF8 = 0x0800
_WIDE_ID = 1


class Member(NamedTuple):
    """One member: `stored` and `size` are its bytes in the file and unpacked, the offset is in the file.

    A name that is not UTF-8 is spelled with surrogates, as file names are.
    """

    name: str
    method: int
    crc: int
    stored: int
    size: int
    header_offset: int


class _End(NamedTuple):
    """What the end of a zip says of its directory: where it lies, its bytes, its members."""

    directory_at: int
    directory_size: int
    base: int
    entries: int


class Container:
    """A zip that is open for reading by offset; the descriptor stays the caller's.

    `size` is the file's. Raises IntegrityError for what is no zip or a damaged one; OSError passes.
    Reading small members near the end costs no system call beyond the one of opening.
    """

    def __init__(self, fd: int, size: int) -> None:
        self._fd = fd
        self._size = size
        self._tail_at = size
        self._tail = b""
        end = self._find_end()
        self._directory_at = end.directory_at
        self.members = _parse_directory(self._bytes(end.directory_at, end.directory_size), end)

    def find(self, name: str) -> Member:
        """The first member of that name; IntegrityError where there is none."""
        for member in self.members:
            if member.name == name:
                return member
        raise IntegrityError(f'missing archive member "{name}"')

    def data_offset(self, member: Member) -> int:
        """Where in the file the stored bytes of a member begin; they lie wholly inside the file."""
        signature, name, extra = _LOCAL_READ.unpack(self._bytes(member.header_offset, _LOCAL.size))
        if signature != b"PK\x03\x04":
            raise IntegrityError(NOT_A_ZIP)
        offset: int = member.header_offset + _LOCAL.size + name + extra
        if offset + member.stored > self._directory_at:
            raise IntegrityError(NOT_A_ZIP)
        return offset

    def read(self, member: Member, cap: int) -> bytes:
        """The whole content of a small member, its checksum verified; never more than `cap` bytes."""
        if member.method not in (STORED, DEFLATED):
            raise IntegrityError(UNKNOWN_METHOD)
        if member.size > cap or member.stored > cap + (cap >> 3) + 64:
            raise IntegrityError(f'archive member "{member.name}" is larger than {cap} bytes')
        content = self._bytes(self.data_offset(member), member.stored)
        if member.method == DEFLATED:
            content = _inflated(content, member.size)
        if len(content) != member.size or zlib.crc32(content) != member.crc:
            raise IntegrityError(WRONG_CONTENT)
        return content

    def stream(self, member: Member) -> Callable[[int], bytes]:
        """A reader of the content from its beginning: up to so many bytes a call, b"" at the end.

        The call that would answer b"" raises IntegrityError instead where size or checksum are wrong.
        """
        if member.method not in (STORED, DEFLATED):
            raise IntegrityError(UNKNOWN_METHOD)
        stored = _StoredBytes(self._fd, self.data_offset(member), member.stored)
        read = stored.read if member.method == STORED else _DeflatedBytes(stored).read
        return _Checked(read, member).read

    def _bytes(self, at: int, count: int) -> bytes:
        start = at - self._tail_at
        content = self._tail[start : start + count] if start >= 0 else _pread(self._fd, count, at)
        if len(content) != count:
            raise IntegrityError(NOT_A_ZIP)
        return content

    def _find_end(self) -> _End:
        for length in (_TAIL, _LONGEST_END):
            self._tail_at = max(0, self._size - length)
            self._tail = _pread(self._fd, self._size - self._tail_at, self._tail_at)
            at = _end_in(self._tail)
            if at >= 0:
                return self._parse_end(at)
        raise IntegrityError(NOT_A_ZIP)

    def _parse_end(self, at: int) -> _End:
        _, _, _, _, count, size, offset, _ = _END.unpack_from(self._tail, at)
        end_at = self._tail_at + at
        if (count == _MAX16 or _MAX32 in (size, offset)) and (wide := self._find_wide_end(end_at)):
            end_at, count, size, offset = wide
        directory_at = end_at - size
        if directory_at < offset or size > _LARGEST_DIRECTORY or count > _MOST_MEMBERS:
            raise IntegrityError(NOT_A_ZIP)
        return _End(directory_at, size, directory_at - offset, count)

    def _find_wide_end(self, end_at: int) -> tuple[int, int, int, int] | None:
        """Position, count, size and offset by the zip64 end, where there is one."""
        locator_at = end_at - _LOCATOR.size
        if locator_at < _END64.size:
            return None
        signature, _, declared_at, _ = _LOCATOR.unpack(self._bytes(locator_at, _LOCATOR.size))
        if signature != b"PK\x06\x07":
            return None
        for at in (declared_at, locator_at - _END64.size):
            if at <= locator_at - _END64.size:
                signature, *_, count, size, offset = _END64.unpack(self._bytes(at, _END64.size))
                if signature == b"PK\x06\x06":
                    return at, count, size, offset
        raise IntegrityError(NOT_A_ZIP)


def _pread(fd: int, count: int, at: int) -> bytes:
    """As many bytes as the file has there, at most `count`."""
    content = os.pread(fd, count, at)
    while len(content) < count and (more := os.pread(fd, count - len(content), at + len(content))):
        content += more
    return content


def _end_in(tail: bytes) -> int:
    """Where the last end record with room for its comment begins, or -1."""
    at = tail.rfind(b"PK\x05\x06", 0, len(tail) - _END.size + 4)
    while at >= 0 and at + _END.size + int.from_bytes(tail[at + 20 : at + 22], "little") > len(tail):
        at = tail.rfind(b"PK\x05\x06", 0, at)
    return at


def _parse_directory(directory: bytes, end: _End) -> tuple[Member, ...]:
    members = []
    at = 0
    last = len(directory) - _ENTRY.size
    unpack = _ENTRY_READ.unpack_from
    for _ in range(end.entries):
        if at > last:
            raise IntegrityError(NOT_A_ZIP)
        signature, method, crc, stored, size, name, extra, comment, offset = unpack(directory, at)
        name_at = at + 46
        extra_at = name_at + name
        at = extra_at + extra + comment
        if signature != b"PK\x01\x02" or at > len(directory):
            raise IntegrityError(NOT_A_ZIP)
        if _MAX32 in (stored, size, offset):
            size, stored, offset = _widened(size, stored, offset, directory[extra_at : extra_at + extra])
        spelled = directory[name_at:extra_at].decode("utf-8", "surrogateescape")
        members.append(Member(spelled, method, crc, stored, size=size, header_offset=end.base + offset))
    return tuple(members)


def _widened(size: int, stored: int, offset: int, extra: bytes) -> list[int]:
    """The three numbers with those that did not fit taken from the zip64 extra field."""
    while len(extra) >= 4:
        kind, length = int.from_bytes(extra[:2], "little"), int.from_bytes(extra[2:4], "little")
        wide, extra = extra[4 : 4 + length], extra[4 + length :]
        if kind == _WIDE_ID:
            break
    else:
        raise IntegrityError(NOT_A_ZIP)
    numbers = []
    for number in (size, stored, offset):
        if number == _MAX32:
            if len(wide) < 8:
                raise IntegrityError(NOT_A_ZIP)
            number, wide = int.from_bytes(wide[:8], "little"), wide[8:]
        numbers.append(number)
    return numbers


def _inflated(stored: bytes, size: int) -> bytes:
    inflater = zlib.decompressobj(-15)
    try:
        content = inflater.decompress(stored, size + 1)
    except zlib.error as error:
        raise IntegrityError(WRONG_CONTENT) from error
    if len(content) <= size and not inflater.eof:
        raise IntegrityError(WRONG_CONTENT)
    return content


class _StoredBytes:
    """A stretch of a file, read in order."""

    def __init__(self, fd: int, at: int, count: int) -> None:
        self._fd = fd
        self._at = at
        self._left = count

    def read(self, count: int) -> bytes:
        """Up to so many of the next bytes; b"" at the end."""
        if not self._left:
            return b""
        content = os.pread(self._fd, min(count, self._left), self._at)
        if not content:
            raise IntegrityError(NOT_A_ZIP)
        self._at += len(content)
        self._left -= len(content)
        return content


class _DeflatedBytes:
    """The content of a deflated stretch, read in order."""

    def __init__(self, stored: _StoredBytes) -> None:
        self._stored = stored
        self._inflater = zlib.decompressobj(-15)

    def read(self, count: int) -> bytes:
        """Up to so many of the next bytes; b"" at the end."""
        content = b""
        while not content and not self._inflater.eof:
            piece = self._inflater.unconsumed_tail or self._stored.read(_PIECE)
            try:
                content = self._inflater.decompress(piece, count)
            except zlib.error as error:
                raise IntegrityError(WRONG_CONTENT) from error
            if not piece and not content and not self._inflater.eof:
                raise IntegrityError(WRONG_CONTENT)
        return content


class _Checked:
    """A reader that counts and checks what passes."""

    def __init__(self, read: Callable[[int], bytes], member: Member) -> None:
        self._read = read
        self._member = member
        self._size = self._crc = 0
        self._crc32 = _fast_crc32()

    def read(self, count: int) -> bytes:
        """Up to so many of the next bytes; at the end b"", or IntegrityError if they were wrong."""
        content = self._read(count)
        self._crc = self._crc32(content, self._crc)
        self._size += len(content)
        expected = self._member.size, self._member.crc
        if self._size > self._member.size or (not content and (self._size, self._crc) != expected):
            raise IntegrityError(WRONG_CONTENT)
        return content


def _fast_crc32() -> Callable[[bytes | bytearray | memoryview, int], int]:
    from backend.archive.gzip.codec import crc32

    return crc32


class ContainerWriter:
    """Writes a zip into an empty file, from its beginning, in one pass.

    Between `begin` and `end` comes the content of one stored member, or `discard` to take it back.
    Neither syncs nor closes the file; OSError passes. Sizes and offsets from `limit` on are written in
    the zip64 form.
    """

    def __init__(self, fd: int, limit: int = _MAX32) -> None:
        self._fd = fd
        self._limit = limit
        self._written = 0
        self._entries: list[bytes] = []
        self._crc32 = _fast_crc32()
        self._name = b""
        self._flags = self._start = self._size = self._crc = 0

    def begin(self, name: str) -> None:
        """Start a stored member."""
        self._begin(name, STORED)

    def write(self, chunk: bytes | bytearray | memoryview) -> None:
        """Append to the member under way."""
        self._crc = self._crc32(chunk, self._crc)
        self._put(chunk)
        self._size += len(chunk)

    def end(self) -> int:
        """Close the member under way; tells its bytes."""
        self._end(STORED, self._size, self._size)
        return self._size

    def discard(self) -> None:
        """Take the member under way out of the file, as if it had never begun."""
        os.ftruncate(self._fd, self._start)
        os.lseek(self._fd, self._start, os.SEEK_SET)
        self._written = self._start

    def add_deflated(self, name: str, data: bytes) -> None:
        """Add a whole small member, compressed."""
        deflater = zlib.compressobj(wbits=-15)
        stored = deflater.compress(data) + deflater.flush()
        self._begin(name, DEFLATED)
        self._crc = self._crc32(data, 0)
        self._put(stored)
        self._end(DEFLATED, len(stored), len(data))

    def finish(self) -> None:
        """Write the directory; nothing may be added afterwards."""
        directory_at, count = self._written, len(self._entries)
        directory = b"".join(self._entries)
        size = len(directory)
        self._put(directory)
        if count >= _MAX16 or size >= self._limit or directory_at >= self._limit:
            self._put_wide_end(count, size, directory_at)
            count, size, directory_at = _MAX16, _MAX32, _MAX32
        self._put(_END.pack(b"PK\x05\x06", 0, 0, count, count, size, directory_at, 0))

    def _put_wide_end(self, count: int, size: int, directory_at: int) -> None:
        end_at = self._written
        versions = _VERSION_WIDE, _VERSION_WIDE
        places = 0, 0, count, count, size, directory_at
        self._put(_END64.pack(b"PK\x06\x06", _END64.size - 12, *versions, *places))
        self._put(_LOCATOR.pack(b"PK\x06\x07", 0, end_at, 1))

    def _begin(self, name: str, method: int) -> None:
        self._name = name.encode("utf-8", "surrogateescape")
        wide = not name.isascii() and self._name.decode(errors="ignore") == name
        self._flags = _SIZES_FOLLOW | (_NAME_IS_UTF8 if wide else 0)
        self._start = self._written
        self._size = self._crc = 0
        lengths = len(self._name), 0
        header = _LOCAL.pack(b"PK\x03\x04", _VERSION, self._flags, method, 0, 0, 0, 0, 0, *lengths)
        self._put(header + self._name)

    def _end(self, method: int, stored: int, size: int) -> None:
        wide = max(stored, size) >= self._limit
        descriptor = _DESCRIPTOR64 if wide else _DESCRIPTOR
        self._put(descriptor.pack(b"PK\x07\x08", self._crc, stored, size))
        version, extra, offset = _VERSION, b"", self._start
        if wide or offset >= self._limit:
            version = _VERSION_WIDE
            extra = _WIDE.pack(_WIDE_ID, 24, size, stored, offset)
            stored = size = _MAX32
            offset = _MAX32 if offset >= self._limit else offset
        made = _VERSION, version, self._flags, method, 0, 0
        lengths = len(self._name), len(extra), 0, 0, 0
        entry = _ENTRY.pack(b"PK\x01\x02", *made, self._crc, stored, size, *lengths, 0, offset)
        self._entries.append(entry + self._name + extra)

    def _put(self, chunk: bytes | bytearray | memoryview) -> None:
        rest = memoryview(chunk)
        while rest:
            done = os.write(self._fd, rest)
            self._written += done
            rest = rest[done:]
