import gzip
import io
import random
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.archive.gzip import inflate as deflating
from backend.archive.gzip.blocks import BLOCK, compress, inflate
from backend.archive.gzip.inflate import BlockInflater
from backend.archive.gzip.seek import START, CompressedSource, SeekPoint, SeekPoints, UnpackedFile, gathering
from backend.errors import IntegrityError, SnapshotError


def packed_of(data: bytes) -> CompressedSource:
    return CompressedSource(lambda at, count: data[at : at + count], len(data))


def gathered(data: bytes, spacing: int = 64 << 10, most_windows: int = 32 << 20) -> tuple[bytes, SeekPoints]:
    points = SeekPoints(most_windows)
    points.spacing = spacing
    return b"".join(gathering(io.BytesIO(data).read, packed_of(data), points)), points


def block_gzip(data: bytes) -> bytes:
    out = io.BytesIO()
    compress(io.BytesIO(data).readinto, out.write)
    return out.getvalue()


def text_of(size: int, seed: int = 1) -> bytes:
    """Something that shrinks by half, with far references."""
    chance = random.Random(seed)
    fragments = [chance.randbytes(chance.randrange(3, 30)) for _ in range(3000)]
    return b"".join(chance.choices(fragments, k=size // 12))[:size]


TEXT = text_of(3 << 20)


class TestOneLongMember:
    @pytest.mark.parametrize("level", [1, 6, 9])
    def test_every_place_can_be_read(self, level: int) -> None:
        data = gzip.compress(TEXT, level)
        content, points = gathered(data)
        assert content == TEXT
        assert len(list(points)) > 20
        unpacked = UnpackedFile(packed_of(data), points)
        for at in random.Random(level).sample(range(len(TEXT)), 40):
            assert unpacked.read(at, 5000) == TEXT[at : at + 5000]
        unpacked.close()

    def test_points_lie_at_any_bit(self) -> None:
        _, points = gathered(gzip.compress(TEXT))
        assert {point.bits for point in points} >= {0, 1, 3, 5, 7}

    def test_little_is_read_for_a_place_far_behind(self) -> None:
        data = gzip.compress(TEXT)
        _, points = gathered(data)
        read = []

        def pread(at: int, count: int) -> bytes:
            read.append(count)
            return data[at : at + count]

        assert UnpackedFile(CompressedSource(pread, len(data)), points).read(len(TEXT) - 9000, 1000)
        assert sum(read) < len(data) // 3

    def test_reading_on_starts_nowhere_anew(self) -> None:
        data = gzip.compress(TEXT)
        asked = []
        points = SeekPoints()

        class Watched:
            def before(self, offset: int) -> SeekPoint:
                asked.append(offset)
                return points.before(offset)

        starts = []

        def pread(at: int, count: int) -> bytes:
            starts.append(at)
            return data[at : at + count]

        unpacked = UnpackedFile(CompressedSource(pread, len(data)), Watched())
        parts = [unpacked.read(at, 4096) for at in range(0, len(TEXT), 4096)]
        assert b"".join(parts) == TEXT
        assert starts == sorted(set(starts))

    def test_the_points_stay_within_their_room(self) -> None:
        _, points = gathered(gzip.compress(TEXT), spacing=16 << 10, most_windows=200_000)
        assert sum(len(point.window or b"") for point in points) <= 200_000
        assert points.spacing > 16 << 10
        places = [point.unpacked for point in points]
        assert places == sorted(places)

    def test_the_end_answers_with_less_and_then_nothing(self) -> None:
        data = gzip.compress(TEXT)
        _, points = gathered(data)
        unpacked = UnpackedFile(packed_of(data), points)
        assert unpacked.read(len(TEXT) - 10, 100) == TEXT[-10:]
        assert unpacked.read(len(TEXT) + 5, 100) == b""
        assert unpacked.read(0, 10) == TEXT[:10]


class TestMembers:
    def test_our_own_blocks_are_entered_directly(self) -> None:
        text = text_of(5 * BLOCK + 1234)
        data = block_gzip(text)
        content, points = gathered(data, spacing=1 << 20)
        assert content == text
        assert [point.unpacked for point in points] == [number * BLOCK for number in range(6)]
        assert all(point.window is None for point in points)
        unpacked = UnpackedFile(packed_of(data), points)
        for at in (0, BLOCK - 5, 3 * BLOCK + 77, 5 * BLOCK + 1000):
            assert unpacked.read(at, 3000) == text[at : at + 3000]

    def test_members_of_others_one_after_another(self) -> None:
        parts = [text_of(200_000, seed) for seed in range(5)]
        data = b"".join(map(gzip.compress, parts)) + bytes(700)
        text = b"".join(parts)
        content, points = gathered(data)
        assert content == text
        unpacked = UnpackedFile(packed_of(data), points)
        for at in (0, 199_990, 450_000, 999_000):
            assert unpacked.read(at, 5000) == text[at : at + 5000]

    def test_ours_and_then_anothers(self) -> None:
        text = text_of(BLOCK + 5)
        data = block_gzip(text) + gzip.compress(b"tail")
        content, points = gathered(data)
        assert content == text + b"tail"
        assert UnpackedFile(packed_of(data), points).read(BLOCK, 50) == text[BLOCK:] + b"tail"

    def test_a_header_with_a_name(self) -> None:
        out = io.BytesIO()
        with gzip.GzipFile("a name", "wb", fileobj=out) as file:
            file.write(TEXT)
        assert gathered(out.getvalue())[0] == TEXT


class TestDamage:
    @pytest.mark.parametrize("text", [b"", b"\x1f", b"hello there", b"\x1f\x8b"])
    def test_text_is_refused(self, text: bytes) -> None:
        with pytest.raises(IntegrityError):
            gathered(text)

    def test_data_before_a_truncated_end_are_given(self) -> None:
        data = gzip.compress(TEXT)[: 1 << 20]
        pieces = gathering(io.BytesIO(data).read, packed_of(data), SeekPoints())
        unpacked = b""
        with pytest.raises(IntegrityError, match="unexpected end"):  # noqa: PT012 - what came before counts
            for piece in pieces:
                unpacked += piece
        assert len(unpacked) > 1 << 20
        assert TEXT.startswith(unpacked)

    def test_garbage_behind(self) -> None:
        with pytest.raises(IntegrityError, match="garbage"):
            gathered(gzip.compress(b"a") + b"garbage")

    def test_a_wrong_checksum(self) -> None:
        data = bytearray(gzip.compress(TEXT))
        data[-6] ^= 1
        with pytest.raises(IntegrityError):
            gathered(bytes(data))

    @pytest.mark.slow
    @given(st.data())
    def test_no_damage_is_more_than_an_error(self, data: st.DataObject) -> None:
        text = TEXT[:60_000]
        packed = bytearray(gzip.compress(text, data.draw(st.sampled_from([1, 6]))))
        for _ in range(data.draw(st.integers(1, 4))):
            packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
        damaged = bytes(packed[: data.draw(st.integers(0, len(packed)))])
        points = SeekPoints()
        points.spacing = 1000
        try:
            recovered = b"".join(gathering(io.BytesIO(damaged).read, packed_of(damaged), points))
        except IntegrityError:
            pass
        else:
            assert recovered == b"".join(inflate(io.BytesIO(damaged).read))
        unpacked = UnpackedFile(packed_of(damaged), points)
        try:
            unpacked.read(data.draw(st.integers(0, 70_000)), 3000)
        except IntegrityError:
            pass
        unpacked.close()

    @given(st.binary(max_size=300), st.integers(0, 7), st.integers(0, 255), st.binary(max_size=40_000))
    def test_points_that_somebody_else_wrote(
        self, data: bytes, bits: int, before: int, window: bytes
    ) -> None:
        class One:
            def before(self, _offset: int) -> SeekPoint:
                return SeekPoint(0, min(1, len(data)), bits, zlib.compress(window))

        try:
            UnpackedFile(packed_of(bytes([before]) + data), One()).read(0, 1000)
        except IntegrityError:
            pass

    def test_a_stream_takes_no_more_once_it_is_closed(self) -> None:
        stream = BlockInflater()
        stream.close()
        stream.close()
        with pytest.raises(ValueError, match="nothing"):
            stream.step(b"abc", 0)


def test_a_disk_that_cannot_be_read() -> None:
    def pread(at: int, count: int) -> bytes:
        raise OSError(5, "Input/output error")

    with pytest.raises(SnapshotError, match="Input/output"):
        UnpackedFile(CompressedSource(pread, 100), SeekPoints()).read(0, 10)


class TestWithoutZlib:
    def test_everything_can_be_read_all_the_same(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(deflating, "_LIBRARY", "libnothing.so.1")
        data = gzip.compress(TEXT) + gzip.compress(b"tail")
        content, points = gathered(data)
        assert content == TEXT + b"tail"
        assert [point.window for point in points] == [None, None]
        unpacked = UnpackedFile(packed_of(data), points)
        for at in (2 << 20, 5, len(TEXT) - 2):
            assert unpacked.read(at, 1000) == content[at : at + 1000]

    def test_damage_is_an_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(deflating, "_LIBRARY", "libnothing.so.1")
        for data in (gzip.compress(TEXT)[:9000], gzip.compress(TEXT)[:99] + bytes(9000)):
            with pytest.raises(IntegrityError):
                gathered(data)

    def test_points_of_another_time_are_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        data = gzip.compress(TEXT)
        _, points = gathered(data)
        monkeypatch.setattr(deflating, "_LIBRARY", "libnothing.so.1")
        with pytest.raises(IntegrityError, match="no libnothing"):
            UnpackedFile(packed_of(data), points).read(2 << 20, 10)


def test_the_start_is_always_a_point() -> None:
    assert SeekPoints().before(1 << 40) == START
