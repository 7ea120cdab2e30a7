"""The two ways to compress and inflate: what the one makes the other reads, and the same is refused."""

import random
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.archive.gzip.codec import (
    InflateError,
    Inflater,
    PlainInflater,
    crc32,
    deflated,
    inflater,
    quickly_deflated,
)

WAYS = [inflater, PlainInflater]


def content_of(stream: Inflater, made: bytes, portion: int = 100, most: int = 100) -> tuple[bytes, bytes]:
    """The content, inflated as a reader does it that asks for `most` at a time; and what was not used."""
    content, at = b"", 0
    while not stream.eof:
        piece = made[at : at + portion] if stream.needs_input else b""
        assert piece or not stream.needs_input, "it wants more than there is"
        at += len(piece)
        part = stream.decompress(piece, most)
        assert len(part) <= most
        content += part
    return content, stream.unused_data + made[at:]


@pytest.mark.parametrize("way", WAYS)
@given(
    data=st.lists(st.binary(max_size=40)).map(b"".join),
    repeat=st.integers(1, 200),
    rest=st.binary(max_size=12),
    sizes=st.tuples(st.integers(1, 400), st.integers(1, 400)),
)
def test_any_portions_give_the_content_and_leave_the_rest(
    way: type[Inflater], data: bytes, repeat: int, rest: bytes, sizes: tuple[int, int]
) -> None:
    data = (data * repeat)[:20_000]
    for made in (deflated(data), quickly_deflated(data, 1), quickly_deflated(data, 2)):
        assert content_of(way(), bytes(made) + rest, *sizes) == (data, rest)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("made", [b"\xff" * 20, b"\x07" + bytes(10), b"\x00\x05\x00\x05\x00"])
def test_other_streams_are_refused_with_one_error(way: type[Inflater], made: bytes) -> None:
    with pytest.raises((InflateError, zlib.error)):
        content_of(way(), made)


@pytest.mark.parametrize("way", WAYS)
def test_a_bomb_gives_no_more_than_is_asked_for(way: type[Inflater]) -> None:
    stream = way()
    assert stream.decompress(zlib.compress(bytes(10 << 20), 9, -15), 1000) == bytes(1000)
    assert not stream.eof
    assert not stream.needs_input


def test_sums_go_on_from_earlier_ones() -> None:
    data = random.Random(1).randbytes(100_000)
    assert crc32(data[5:], crc32(data[:5])) == crc32(memoryview(data)) == zlib.crc32(data)
