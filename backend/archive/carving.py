"""Archives in a snapshot file that was cut short: its directory is gone, what was written before is not."""

import os
import re
from collections.abc import Iterator
from typing import NamedTuple

from backend.model import ARCHIVE, user_of

_HEADER = re.compile(
    rb"PK\x03\x04..\x08[\x00\x08]\x00\x00.{16}([\x01-\xff])\x00\x00\x00(?=archive\.tgz|user/|meta\.)",
    re.DOTALL,
)
_FIXED = 30
_LONGEST = _FIXED + 255
_DESCRIPTORS = (16, 24)
_DESCRIPTOR = b"PK\x07\x08"
_PIECE = 1 << 20
_MOST = 4096


class Part(NamedTuple):
    """An archive found: its entry, and where its bytes lie, to the end where that is not known."""

    entry: str
    at: int
    size: int


def carve_archives(fd: int, place: tuple[int, int]) -> list[Part]:
    """The archives between two offsets of a file, found by the headers before them.

    Reads the whole stretch. What is found is what looks like an archive; nothing vouches for it.
    """
    headers = [header for header, _ in zip(_headers(fd, *place), range(_MOST), strict=False)]
    limits = [*(_before(fd, header_at) for header_at, _ in headers[1:]), place[1]][: len(headers)]
    parts: dict[str, Part] = {}
    for (header_at, name), limit in zip(headers, limits, strict=True):
        entry = name.decode("utf-8", "surrogateescape")
        at = header_at + _FIXED + len(name)
        if (entry == ARCHIVE or user_of(entry) is not None) and at < limit:
            parts.setdefault(entry, Part(entry, at, limit - at))
    return list(parts.values())


def _headers(fd: int, start: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Where a header of a member begins, and the name in it."""
    held = b""
    at = start
    while at < end and (piece := os.pread(fd, min(_PIECE, end - at), at)):
        held += piece
        at += len(piece)
        first = at - len(held)
        is_last = at >= end
        done = 0
        for match in _HEADER.finditer(held):
            if match.start() + _LONGEST > len(held) and not is_last:
                break
            name = held[match.end() : match.end() + match[1][0]]
            yield first + match.start(), name
            done = match.end()
        held = held[max(done, len(held) - _LONGEST) :]


def _before(fd: int, header_at: int) -> int:
    """Where the data end that lie before a header: at the sizes that follow them, where there are some."""
    for length in _DESCRIPTORS:
        at = header_at - length
        if at >= 0 and os.pread(fd, len(_DESCRIPTOR), at) == _DESCRIPTOR:
            return at
    return header_at
