"""The snapshot zip against Python's zipfile, and against damage of every kind."""

import io
import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.archive.container import Container, Member
from backend.errors import IntegrityError
from tests.support.containers import ALL, ARCHIVE, CAP, HASH, META, opened, writing, written

NOT_A_ZIP = "zip: not a valid zip file"
WRONG_CONTENT = "zip: checksum error"


def zipped(prefix: bytes = b"", comment: bytes = b"", method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.comment = comment
        made.writestr("archive.tgz", ARCHIVE, zipfile.ZIP_STORED)
        made.writestr("meta.json", META, method)
        made.writestr("meta.sha3_384", HASH, method)
    return prefix + out.getvalue()


def drained(read: Callable[[int], bytes], count: int = 1000) -> bytes:
    return b"".join(iter(lambda: read(count), b""))


def contents(container: Container) -> dict[str, bytes]:
    return {member.name: container.read(member, CAP) for member in container.members}


@pytest.mark.parametrize(
    "made",
    [
        zipped(),
        zipped(method=zipfile.ZIP_STORED),
        zipped(comment=b"PK\x05\x06" * 9),
        zipped(comment=b"c" * 0xFFFF),
        zipped(prefix=b"#!/bin/sh\n" * 100),
        zipped(prefix=b"x" * 100_000, comment=b"y" * 60_000),
        zipped() + b"junk",
        written(),
        written(limit=1),
        b"prefix" + written(limit=1),
    ],
)
def test_all_kinds_of_zip_are_read(made: bytes) -> None:
    with opened(made) as container:
        assert contents(container) == ALL
        assert [member.name for member in container.members] == list(ALL)
        for member in container.members:
            assert drained(container.stream(member)) == ALL[member.name]


def test_a_streamed_zip_with_forced_zip64_is_read() -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def tell(self) -> int:
            raise OSError

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w") as made, made.open("archive.tgz", "w", force_zip64=True) as member:
        member.write(ARCHIVE)
    with opened(pipe.getvalue()) as container:
        assert contents(container) == {"archive.tgz": ARCHIVE}


def test_offsets_beyond_four_gigabytes() -> None:
    ahead = 5 << 30
    made = written()
    fd = os.memfd_create("zip")
    try:
        os.pwrite(fd, made, ahead)
        container = Container(fd, ahead + len(made))
        member = container.find("archive.tgz")
        assert member.header_offset == ahead
        assert container.read(member, CAP) == ARCHIVE
        assert drained(container.stream(member)) == ARCHIVE
    finally:
        os.close(fd)


def test_the_first_of_a_name_is_found() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("a", b"first")
        with pytest.warns(UserWarning, match="Duplicate name"):
            made.writestr("a", b"second")
    with opened(out.getvalue()) as container:
        assert container.read(container.find("a"), CAP) == b"first"
        with pytest.raises(IntegrityError, match='missing archive member "b"'):
            container.find("b")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_methods_are_not_read(method: int) -> None:
    with opened(zipped(method=method)) as container:
        for reading in (container.stream, lambda member: container.read(member, CAP)):
            with pytest.raises(IntegrityError, match="zip: unsupported compression algorithm"):
                reading(container.find("meta.json"))


def test_no_more_than_the_cap_is_read() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("bomb", bytes(50 << 20), zipfile.ZIP_DEFLATED)
    bomb = out.getvalue()
    with opened(bomb) as container, pytest.raises(IntegrityError, match='"bomb" is larger than'):
        container.read(container.find("bomb"), CAP)
    lying = bomb.replace(struct.pack("<L", 50 << 20), struct.pack("<L", 1000))
    with opened(lying) as container:
        member = container.find("bomb")
        with pytest.raises(IntegrityError, match=WRONG_CONTENT):
            container.read(member, CAP)
        read = container.stream(member)
        with pytest.raises(IntegrityError, match=WRONG_CONTENT):
            read(10_000)


def test_a_member_of_a_listing_costs_one_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    readings = []
    really = os.pread

    def pread(fd: int, count: int, at: int) -> bytes:
        readings.append((count, at))
        return really(fd, count, at)

    with writing() as (fd, content):
        os.write(fd, made := written())
        monkeypatch.setattr(os, "pread", pread)
        container = Container(fd, len(made))
        assert container.read(container.find("meta.json"), CAP) == META
        assert container.read(container.find("meta.sha3_384"), CAP) == HASH
        monkeypatch.undo()
        assert content() == made
    assert readings == [(2048, len(made) - 2048)]


@pytest.mark.parametrize(
    "junk",
    [b"", b"P", b"PK\x05\x06", bytes(5000), b"PK\x05\x06" * 50_000, zipped(comment=b"PK\x05\x06" * 10_000)],
)
def test_junk_is_no_zip(junk: bytes) -> None:
    with pytest.raises(IntegrityError, match=NOT_A_ZIP), opened(junk):
        pass


def read_damaged(made: bytes) -> None:
    """Everything that can be read of it is right, or refused by us."""
    try:
        with opened(made) as container:
            for member in container.members:
                for content in readings(container, member):
                    assert (len(content), zlib.crc32(content)) == (member.size, member.crc)
                    assert content == ALL.get(member.name, content)
    except IntegrityError:
        pass


def readings(container: Container, member: Member) -> Iterator[bytes]:
    ways: tuple[Callable[[], bytes], ...] = (
        lambda: container.read(member, CAP),
        lambda: drained(container.stream(member)),
    )
    for reading in ways:
        try:
            yield reading()
        except IntegrityError:
            continue


SAMPLES = [written(), written(limit=1), zipped(prefix=b"ahead", comment=b"behind")]


def test_any_flipped_byte_of_the_tail_is_noticed_or_harmless() -> None:
    for made in SAMPLES:
        for at in range(max(0, len(made) - 700), len(made)):
            for mask in (0x01, 0x80, 0xFF):
                damaged = bytearray(made)
                damaged[at] ^= mask
                read_damaged(bytes(damaged))


@given(
    st.sampled_from(range(len(SAMPLES))),
    st.lists(st.tuples(st.integers(0, 1 << 16), st.binary(min_size=1, max_size=9)), max_size=4),
    st.integers(0, 40),
    st.binary(max_size=40),
)
def test_damage_is_noticed_or_harmless(
    sample: int, patches: list[tuple[int, bytes]], cut: int, tail: bytes
) -> None:
    damaged = bytearray(made := SAMPLES[sample])
    for at, patch in patches:
        at %= min(len(made), 700)
        damaged[len(made) - 1 - at : len(made) - 1 - at + len(patch)] = patch
    read_damaged(bytes(damaged[: len(damaged) - cut]) + tail)


@pytest.mark.parametrize("made", SAMPLES)
def test_any_cut_is_no_zip(made: bytes) -> None:
    for length in range(max(0, len(made) - 800), len(made) - 20):
        with pytest.raises(IntegrityError), opened(made[:length]) as container:
            contents(container)


def test_a_flipped_archive_is_a_checksum_error() -> None:
    made = bytearray(written())
    made[500] ^= 1
    with opened(bytes(made)) as container:
        member = container.find("archive.tgz")
        with pytest.raises(IntegrityError, match=WRONG_CONTENT):
            container.read(member, CAP)
        with pytest.raises(IntegrityError, match=WRONG_CONTENT):
            drained(container.stream(member))
        assert container.read(container.find("meta.json"), CAP) == META


def test_a_file_that_shrinks_while_it_is_read_is_damaged() -> None:
    with writing() as (fd, _):
        os.write(fd, made := written())
        container = Container(fd, len(made))
        read = container.stream(container.find("archive.tgz"))
        os.ftruncate(fd, 500)
        with pytest.raises(IntegrityError, match=NOT_A_ZIP):
            drained(read)


def with_directory(entry: bytes, count: int, size: int) -> bytes:
    """A zip64 whose directory is the entry over and over; `size` is what its end tells of it."""
    wide = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, 0)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, count * len(entry), 1)
    return entry * count + wide + locator + b"PK\x05\x06" + bytes(4) + b"\xff" * 12 + bytes(2)


@pytest.mark.slow
def test_a_directory_larger_than_any_snapshot_has_is_refused() -> None:
    entry = b"PK\x01\x02" + bytes(42)
    most = 1 << 16
    with opened(with_directory(entry, most, most * 46)) as container:
        assert len(container.members) == most
    for count, size in ((most + 1, (most + 1) * 46), (1, 1 << 40), (1, 2**64 - 1), (2**17, 46)):
        with pytest.raises(IntegrityError, match=NOT_A_ZIP), opened(with_directory(entry, count, size)):
            pass
    commented = b"PK\x01\x02" + bytes(28) + b"\xff\xff" + bytes(12 + 0xFFFF)
    vast = with_directory(commented, 1030, 1030 * len(commented))
    with pytest.raises(IntegrityError, match=NOT_A_ZIP), opened(vast):
        pass


def test_a_member_may_not_reach_into_the_directory() -> None:
    with opened(written()) as container:
        reaching = container.find("meta.json")._replace(stored=10_000)
        with pytest.raises(IntegrityError, match=NOT_A_ZIP):
            container.data_offset(reaching)


def test_errors_of_the_system_pass_through() -> None:
    with pytest.raises(OSError, match="Bad file descriptor"):
        Container(-1, 100)
