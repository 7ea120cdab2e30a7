"""What an archive declares: the truth where it is called certain, at most a guess otherwise."""

import gzip
import io
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.archive.gzip.blocks import BLOCK, OWN_HEADER, compress
from backend.archive.gzip.sizes import DeclaredSize, declared_size

OWN = b"\x1f\x8b\x08\x04\0\0\0\0\0\x03\x08\0SZ\x04\0"


def packed(data: bytes) -> bytes:
    source, out = io.BytesIO(data), bytearray()
    compress(source.readinto, out.extend, workers=1)
    return bytes(out)


def text(size: int) -> bytes:
    return b"".join(b"line %d of a log\n" % number for number in range(size // 10 + 1))[:size]


def look(data: bytes) -> DeclaredSize:
    return declared_size(lambda at, count: data[at : at + count], len(data))


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 5 * BLOCK + 17])
def test_own_blocks_declare_what_they_unpack_to(size: int) -> None:
    data = packed(text(size))
    assert look(data) == DeclaredSize(size, certain=True)
    assert len(data) == 0 or data.startswith(OWN)
    assert len(OWN) + 4 == OWN_HEADER


@given(data=st.binary(max_size=5000), level=st.integers(0, 9), name=st.booleans())
def test_one_short_member_declares_its_length(data: bytes, level: int, name: bool) -> None:
    out = io.BytesIO()
    with gzip.GzipFile("archive.tar" if name else "", "wb", level, out, mtime=0) as file:
        file.write(data)
    assert look(out.getvalue()).certain
    assert look(out.getvalue()).size >= len(data)


def test_the_size_of_one_short_member_is_exact() -> None:
    assert look(gzip.compress(text(300_000), mtime=0)) == DeclaredSize(300_000, certain=True)


@pytest.mark.parametrize("stored", [(1 << 32) // 1032 + 1, 1 << 30, 5 << 30])
def test_a_long_member_may_have_gone_round_the_four_gibibytes(stored: int) -> None:
    """Only its ends are asked for: it may be as long as it likes."""
    stated = 1 << 31

    def pread(at: int, count: int) -> bytes:
        return stated.to_bytes(4, "little") if at == stored - 4 else b"\x1f\x8b\x08\0".ljust(count, b"\0")

    assert declared_size(pread, stored) == DeclaredSize(max(stated, stored), certain=False)


def test_more_than_one_member_is_never_certain() -> None:
    two = gzip.compress(text(50_000)[::-1] + bytes(50_000), mtime=0) + gzip.compress(b"1", mtime=0)
    assert not look(two).certain
    assert look(packed(text(2000)) + gzip.compress(b"1", mtime=0)) == DeclaredSize(2000 + 21, certain=False)


def test_trailing_zeros_do_not_make_the_declared_size_absurd() -> None:
    declared = look(gzip.compress(text(100_000), mtime=0) + bytes(10_000))
    assert declared.size < 200_000
    assert not declared.certain


def test_a_block_that_claims_more_than_any_of_ours_is_not_believed() -> None:
    body = zlib.compress(b"", wbits=-15)
    length = OWN_HEADER + len(body) + 8
    lie = OWN + length.to_bytes(4, "little") + body + bytes(4) + (BLOCK + 1).to_bytes(4, "little")
    assert look(lie) == DeclaredSize(BLOCK + 1, certain=False)


@pytest.mark.parametrize("data", [b"junk" * 10, OWN, OWN + b"\xff" * 4 + b"rest"])
def test_other_data_declare_the_size_in_their_end(data: bytes) -> None:
    assert look(data).size == int.from_bytes(data[-4:], "little")


@pytest.mark.parametrize("data", [b"", b"x", b"1234567"])
def test_data_too_short_for_an_end_count_as_they_are(data: bytes) -> None:
    assert look(data).size == len(data)


@given(data=st.binary(max_size=200), with_header=st.booleans())
def test_any_bytes_have_a_size(data: bytes, with_header: bool) -> None:
    assert look(OWN * with_header + data).size >= 0
