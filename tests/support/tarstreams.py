"""Tar streams, and how tar and tarfile read them."""

from collections.abc import Callable, Iterable

from hypothesis import strategies as st

from backend.archive.tar.stream import (
    BLOCK,
    TarFilter,
    TarMember,
)
from tests.support import rawtar
from tests.support.rawtar import (
    GNU,
    V7,
    header,
    long_name,
    member,
    more_pieces,
    pax,
    piece,
    record,
    sparse,
)

EVIL = rawtar.directory(b"evil")


def filtered(
    stream: bytes, judge: Callable[[TarMember], bool] = lambda _member: True, step: int = 1 << 20
) -> bytes:
    """What comes out when the stream is fed in steps of so many bytes."""
    out = bytearray()
    filter_ = TarFilter(judge, out.extend)
    fed(filter_, (stream[at : at + step] for at in range(0, len(stream), step)))
    filter_.close()
    return bytes(out)


def fed(filter_: TarFilter, chunks: Iterable[bytes]) -> None:
    for chunk in chunks:
        filter_.feed(chunk)


def members(stream: bytes) -> list[TarMember]:
    """The members that a filter sees."""
    met: list[TarMember] = []

    def meet(member: TarMember) -> bool:
        met.append(member)
        return True

    filtered(stream, meet)
    return met


def name_texts(longest: int) -> st.SearchStrategy[str]:
    part = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=40)
    return (
        st.lists(part, min_size=1, max_size=8).map("/".join).filter(lambda name: len(name.encode()) < longest)
    )


# What GNU tar reads otherwise than it seems.
SMUGGLED = {
    "data of a contiguous file named like a directory": header(b"common/x/", b"7", BLOCK) + EVIL,
    "map that takes more than the size": sparse(b"common/s", 0, piece(0, 1024), real_size=1024)
    + header(b"common/a", size=1024)
    + bytes(BLOCK)
    + EVIL,
    "map that takes more than the size, continued": sparse(
        b"common/s", 0, *[piece(0, 0)] * 4, real_size=1024, extended=True
    )
    + more_pieces(piece(0, 1024))
    + header(b"common/a", size=1024)
    + bytes(BLOCK)
    + EVIL,
    "map continued after its end": sparse(b"common/s", 0, extended=True) + EVIL,
    "map continued after a piece beyond the end": sparse(
        b"common/s", 0, piece(9, 0), *[piece(0, 0)] * 3, real_size=1, extended=True
    )
    + EVIL,
    "sparse file in a USTAR header": header(b"common/s", b"S", at={386: piece(0, 0) * 4, 482: b"\1"}) + EVIL,
    "sparse file in a header of old": header(
        b"common/s", b"S", magic=V7, at={386: piece(0, 0) * 4, 482: b"\1"}
    )
    + EVIL,
    "real size without a map": pax(record(b"GNU.sparse.realsize", b"1024"))
    + header(b"common/f")
    + header(b"common/g", size=1024)
    + bytes(BLOCK)
    + EVIL,
    "map of PAX 0.1": pax(
        record(b"GNU.sparse.numblocks", b"1"),
        record(b"GNU.sparse.size", b"1024"),
        record(b"GNU.sparse.map", b"0,1024"),
    )
    + header(b"common/f")
    + header(b"common/g", size=1024)
    + bytes(BLOCK)
    + EVIL,
    "map of PAX 0.0": pax(
        record(b"GNU.sparse.size", b"1024"),
        record(b"GNU.sparse.numblocks", b"1"),
        record(b"GNU.sparse.offset", b"0"),
        record(b"GNU.sparse.numbytes", b"1024"),
    )
    + header(b"common/f")
    + header(b"common/g", size=1024)
    + bytes(BLOCK)
    + EVIL,
    "map of PAX 1.0": pax(
        record(b"GNU.sparse.major", b"1"),
        record(b"GNU.sparse.minor", b"0"),
        record(b"GNU.sparse.name", b"common/s"),
        record(b"GNU.sparse.realsize", b"1024"),
    )
    + member(b"common/f", b"1\n0\n1024\n")
    + header(b"common/g", size=1024)
    + bytes(BLOCK)
    + EVIL,
    "blank before a key": pax(b"14  path=evil\n") + header(b"common/f"),
    "tab before a key": pax(b"14 \tpath=evil\n") + header(b"common/f"),
    "zero byte in a key": pax(b"7 k\0=v\n", record(b"path", b"common/f")) + header(b"evil"),
    "same key twice": pax(record(b"path", b"common/f"), record(b"path", b"evil")) + header(b"common/f"),
    "name in a global header": pax(record(b"path", b"evil"), kind=b"g") + header(b"common/f"),
    "PAX of another system": pax(record(b"path", b"evil"), kind=b"X") + header(b"common/f"),
    "long name, then another": long_name(b"common/f") + long_name(b"evil") + header(b"common/f"),
    "long name, then PAX": long_name(b"common/f") + pax(record(b"path", b"evil")) + header(b"common/f"),
    "PAX, then PAX": pax(record(b"path", b"common/f")) + pax(record(b"path", b"evil")) + header(b"common/f"),
    "long name that goes on in the padding": header(b"././@LongLink", b"L", 1, magic=GNU)
    + b"evil".ljust(BLOCK, b"\0")
    + header(b"common/f"),
    "size that tar cannot hold": header(b"common/f", size=b"\x80" + b"\xff" * 11) + EVIL,
    "size of no known form": header(b"common/f", size=b"\x81" + bytes(11)) + EVIL,
    "size below zero": header(b"common/f", size=b"\xff" * 12) + EVIL,
    "size of a directory": header(b"common/d/", b"5", BLOCK) + EVIL,
    "size of a directory in PAX": pax(record(b"size", b"512")) + header(b"common/d/", b"5") + EVIL,
    "size of a FIFO": header(b"common/p", b"6", BLOCK) + EVIL,
    "size of a link": header(b"common/l", b"2", BLOCK, b"a") + EVIL,
    "data of a directory of old": header(b"common/d/", b"\0", BLOCK, magic=V7) + EVIL,
}
