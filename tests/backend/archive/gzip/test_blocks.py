"""Gzip blocks against real gzip and tar, and against damage of every kind."""

import gzip
import io
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.archive.gzip.blocks import BLOCK, CHUNK, OWN_HEADER, Level, compress, inflate, own_length
from backend.errors import IntegrityError
from tests.support.gzipblocks import PREFIX, noise, own_block, own_member, packed, text


def reader(data: bytes, most: int = 1 << 30) -> Callable[[int], bytes]:
    source = io.BytesIO(data)
    return lambda count: source.read(min(count, most))


def unpacked(data: bytes, most: int = 1 << 30) -> bytes:
    return b"".join(inflate(reader(data, most), 2))


def members_in(made: bytes) -> int:
    """How many members of ours lie there, each beginning where the one before it says."""
    at = count = 0
    while at < len(made):
        length = own_length(made[at : at + OWN_HEADER])
        assert length
        at += length
        count += 1
    return count


SIZES = [0, 1, 2, 1000, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 7 * BLOCK + 12345]


@pytest.mark.parametrize("level", Level)
@pytest.mark.parametrize("size", SIZES)
def test_compressed_data_come_out_as_they_went_in(size: int, level: Level) -> None:
    data = (text(size // 2) + noise(size))[:size]
    made = packed(data, level)
    assert unpacked(made) == data
    assert gzip.decompress(made) == data


@given(
    st.lists(st.binary(max_size=50)),
    st.integers(0, 40_000),
    st.sampled_from(Level),
    st.integers(1, 5000),
    st.integers(1, 4),
)
def test_any_bytes_in_any_portions(
    parts: list[bytes], repeat: int, level: Level, most: int, workers: int
) -> None:
    data = b"".join(parts) * (repeat // 100)
    source = io.BytesIO(data)
    out = bytearray()
    assert compress(lambda view: source.readinto(view[:most]), out.extend, level, workers) == len(data)
    assert unpacked(bytes(out), most) == data
    assert members_in(bytes(out)) == max(1, -(-len(data) // BLOCK))


@pytest.mark.parametrize("level", Level)
def test_real_programs_read_it(tmp_path: Path, level: Level) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "noise").write_bytes(noise(3 * BLOCK))
    (tree / "text").write_bytes(text(2 * BLOCK))
    tar = subprocess.run(["tar", "-c", "-C", tmp_path, "tree"], stdout=subprocess.PIPE, check=True).stdout
    made = packed(tar, level)
    assert subprocess.run(["gzip", "-dc"], input=made, stdout=subprocess.PIPE, check=True).stdout == tar
    subprocess.run(["gzip", "-t"], input=made, check=True)
    (tmp_path / "out").mkdir()
    subprocess.run(["tar", "-xzf", "-", "-C", tmp_path / "out"], input=made, check=True)
    for name in ("noise", "text"):
        assert (tmp_path / "out/tree" / name).read_bytes() == (tree / name).read_bytes()


def test_header_is_the_one_documented() -> None:
    made = packed(b"")
    assert made[: len(PREFIX)] == PREFIX
    assert int.from_bytes(made[16:20], "little") == len(made)
    assert len(packed(b"x" * (BLOCK + 1)).split(PREFIX)) == 3


@pytest.mark.parametrize("level", Level)
def test_incompressible_data_hardly_grow(level: Level) -> None:
    data = noise(5 * BLOCK)
    assert len(packed(data, level)) < len(data) * 1.001


def test_auto_is_no_larger_than_gzip() -> None:
    data = text(3 * BLOCK) + noise(BLOCK) + Path(sys.executable).read_bytes()[: 2 * BLOCK]
    assert len(packed(data)) <= 1.01 * len(gzip.compress(data, 6, mtime=0))


def with_header(flags: int, optional: bytes, data: bytes = b"content") -> bytes:
    header = b"\x1f\x8b\x08" + bytes([flags]) + bytes(6) + optional
    if flags & 2:
        header += struct.pack("<H", zlib.crc32(header) & 0xFFFF)
    return header + gzip.compress(data, mtime=0)[10:]


OTHERS = {
    "by the program": lambda data: (
        subprocess.run(["gzip", "-6"], input=data, stdout=subprocess.PIPE, check=True).stdout
    ),
    "two members": lambda data: (
        gzip.compress(data[: len(data) // 3], mtime=0) + gzip.compress(data[len(data) // 3 :], mtime=0)
    ),
    "trailing zeros": lambda data: gzip.compress(data, mtime=0) + bytes(100_000),
    "ours, trailing zeros": lambda data: packed(data) + bytes(1),
    "odd headers": lambda data: with_header(0x1E, b"\x03\0abcname\0comment\0", data),
    "mixed": lambda data: (
        packed(data[:7]) + gzip.compress(data[7:9], mtime=0) + packed(data[9:]) + gzip.compress(b"", mtime=0)
    ),
}


@pytest.mark.parametrize("most", [1, 3, 1 << 30])
@pytest.mark.parametrize("maker", OTHERS)
@pytest.mark.parametrize("size", [10, 70_000, 2 * CHUNK + 1])
def test_others_are_read(maker: str, size: int, most: int) -> None:
    data = text(size - 5) + noise(5)
    made = OTHERS[maker](data)
    if most == 1 << 30 or size < CHUNK:
        assert unpacked(made, most) == data


@given(st.lists(st.tuples(st.binary(max_size=300), st.booleans()), min_size=1), st.integers(1, 400))
def test_any_mixture_of_members(members: list[tuple[bytes, bool]], most: int) -> None:
    made = b"".join(
        packed(data, workers=1) if ours else gzip.compress(data, mtime=0) for data, ours in members
    )
    assert unpacked(made, most) == b"".join(data for data, _ in members)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (b"", "unexpected end of file"),
        (b"PK\x03\x04" + bytes(100), "not in gzip format"),
        (b"\x1f\x8b\x07" + bytes(20), "not in gzip format"),
        (with_header(0x20, b""), "not in gzip format"),
        (with_header(0x02, b"").replace(b"\x08\x02", b"\x08\x03", 1), "crc error"),
        (with_header(0x08, b"n" * 70_000 + b"\0"), "not in gzip format"),
        (with_header(0x08, b"nameless")[:15], "unexpected end of file"),
        (gzip.compress(b"abc", mtime=0) + b"junk", "trailing garbage"),
        (gzip.compress(b"abc", mtime=0) + bytes(9) + gzip.compress(b"hidden", mtime=0), "trailing garbage"),
        (gzip.compress(b"abc", mtime=0) + b"\x1f", "trailing garbage"),
        (gzip.compress(b"abc", mtime=0) + b"\x1f\x8b\x08", "unexpected end of file"),
        (gzip.compress(b"abc", mtime=0)[:-4] + bytes(4), "length error"),
        (gzip.compress(b"abc", mtime=0)[:-8] + bytes(8), "crc error"),
        (gzip.compress(b"abc", mtime=0)[:10] + b"\xff" * 20, "format violated"),
        (own_block(b"abc", crc=1), "crc error"),
        (own_block(bytes(5 << 20)), "length error"),
        (own_member(b"\x03\0" + bytes(8), 0, 0), "length error"),
    ],
)
def test_damage_has_its_word(made: bytes, message: str) -> None:
    with pytest.raises(IntegrityError, match=message):
        unpacked(made)


LENGTHS = [len(own_block(text(500))) + shift for shift in (-5, -1, 1, 7, 100)]
LENGTHS += [0, 1, 19, 20, 29, (2 << 20) + (64 << 10) + 1, 0xFFFFFFFF]


SIZE = [0, 1, 499, 501, 4 << 20, (4 << 20) + 1, 0xFFFFFFFF]
LIES = [{"stated": length} for length in LENGTHS] + [{"size": size} for size in SIZE]


@pytest.mark.parametrize("lie", LIES)
def test_lies_are_refused(lie: dict[str, int]) -> None:
    with pytest.raises(IntegrityError):
        unpacked(own_block(text(500), **lie) + own_block(text(500)))


def test_a_block_cannot_hide_members_behind_an_early_end() -> None:
    # gzip reads "shown" and then "hidden"; a reader that trusts the stated length alone sees only "shown".
    shown = own_block(b"shown")
    body = shown[20:] + own_block(b"hidden")[:-8]
    crafted = own_member(body, len(b"shown"), zlib.crc32(b"shown"))
    with pytest.raises(IntegrityError):
        unpacked(crafted)


def test_blocks_larger_than_ours_come_in_pieces() -> None:
    data = text(4 << 20)
    pieces = list(inflate(reader(own_block(data)), 1))
    assert b"".join(pieces) == data
    assert max(map(len, pieces)) <= CHUNK


def accepted(made: bytes) -> bytes | None:
    try:
        return unpacked(made)
    except IntegrityError:
        return None


@given(st.data())
def test_accepted_streams_are_read_alike_by_gzip(data: st.DataObject) -> None:
    tokens = st.sampled_from(
        [
            own_block(b"one"),
            own_block(b"", stated=40),
            gzip.compress(b"two", mtime=0),
            PREFIX,
            bytes(3),
            b"\x1f",
            b"z",
        ]
    )
    made = bytearray(b"".join(data.draw(st.lists(tokens, max_size=5))))
    for _ in range(data.draw(st.integers(0, 2))):
        if made:
            made[data.draw(st.integers(0, len(made) - 1))] = data.draw(st.integers(0, 255))
    if (content := accepted(bytes(made))) is not None:
        real = subprocess.run(["gzip", "-dc"], input=made, stdout=subprocess.PIPE, check=True)
        assert real.stdout == content


SMALL = text(300) + noise(40)
STREAMS = [
    packed(SMALL),
    own_block(SMALL[:200]) + own_block(SMALL[200:]),
    gzip.compress(SMALL, mtime=0),
    gzip.compress(SMALL[:100], mtime=0) + own_block(SMALL[100:]),
]


@pytest.mark.parametrize("made", STREAMS)
def test_any_flipped_byte_is_noticed_or_harmless(made: bytes) -> None:
    for at in range(len(made)):
        for mask in (0x01, 0x80, 0xFF):
            damaged = bytearray(made)
            damaged[at] ^= mask
            assert accepted(bytes(damaged)) in (None, SMALL)


@pytest.mark.parametrize("made", STREAMS)
def test_any_cut_is_noticed_but_between_members(made: bytes) -> None:
    borders = {len(own_block(SMALL[:200])), len(gzip.compress(SMALL[:100], mtime=0))}
    for at in set(range(len(made))) - borders:
        assert accepted(made[:at]) is None
