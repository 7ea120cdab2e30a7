"""Tar streams put together byte by byte, sound or not: what an attacker could write."""

import struct
from collections.abc import Mapping

BLOCK = 512
USTAR = b"ustar\x0000"
GNU = b"ustar  \0"
V7 = bytes(8)
END = bytes(2 * BLOCK)


def header(
    name: bytes,
    kind: bytes = b"0",
    size: int | bytes = 0,
    link: bytes = b"",
    *,
    magic: bytes = USTAR,
    at: Mapping[int, bytes] | None = None,
) -> bytes:
    """A header with a right checksum; a field given as bytes, or by its offset, is taken as it is."""
    size_field = size if isinstance(size, bytes) else b"%011o\0" % size
    owner = b"0000000\0" * 2
    fields = (name, b"0000755\0", owner, size_field, b"00000000000\0", b"", kind, link, magic)
    block = bytearray(struct.pack("100s 8s 16s 12s 12s 8s 1s 100s 8s 247x", *fields))
    for offset, value in (at or {}).items():
        block[offset : offset + len(value)] = value
    return signed(block)


def signed(block: bytes | bytearray) -> bytes:
    """A header block with its checksum put right."""
    bare = bytes(block[:148]) + b" " * 8 + bytes(block[156:])
    return bare[:148] + b"%06o\0 " % sum(bare) + bare[156:]


def padded(data: bytes) -> bytes:
    """Data as they lie in a stream."""
    return data + bytes(-len(data) % BLOCK)


def member(name: bytes, data: bytes = b"", kind: bytes = b"0", **fields: object) -> bytes:
    """A header and its data."""
    return header(name, kind, len(data), **fields) + padded(data)  # type: ignore[arg-type] # passed on


def directory(name: bytes) -> bytes:
    return header(name, b"5")


def link(name: bytes, target: bytes) -> bytes:
    """A symbolic link."""
    return header(name, b"2", link=target)


def hard_link(name: bytes, target: bytes) -> bytes:
    return header(name, b"1", link=target)


def long_name(text: bytes, kind: bytes = b"L") -> bytes:
    """GNU's long name (`K`: long link) for the next member."""
    return member(b"././@LongLink", text + b"\0", kind, magic=GNU)


def record(key: bytes, value: bytes) -> bytes:
    """A record of a PAX header."""
    rest = len(key) + len(value) + 3
    length = rest + len(str(rest))
    length = rest + len(str(length))
    return b"%d %s=%s\n" % (length, key, value)


def pax(*records: bytes, kind: bytes = b"x") -> bytes:
    """A PAX header for the next member (`g`: for all that follow)."""
    return member(b"PaxHeaders", b"".join(records), kind)


def piece(offset: int, length: int) -> bytes:
    """An entry in GNU's map of a sparse file."""
    return b"%011o\0%011o\0" % (offset, length)


def sparse(name: bytes, size: int, *pieces: bytes, real_size: int = 0, extended: bool = False) -> bytes:
    """The header of GNU's sparse files, with up to four entries of the map."""
    fields = {386: b"".join(pieces), 482: bytes([extended]), 483: b"%011o\0" % real_size}
    return header(name, b"S", size, magic=GNU, at=fields)


def more_pieces(*pieces: bytes, extended: bool = False) -> bytes:
    """A block that continues the map of a sparse file, with up to 21 entries."""
    return b"".join(pieces).ljust(504, b"\0") + bytes([extended]) + bytes(7)
