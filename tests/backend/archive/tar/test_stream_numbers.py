"""Numbers, sparse files and single headers of tar streams."""

import io
import itertools
import subprocess
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.archive.tar.stream import (
    BLOCK,
    TarFilter,
    next_member,
    number,
)
from backend.errors import IntegrityError
from tests.support.rawtar import (
    END,
    long_name,
    more_pieces,
    piece,
    sparse,
)
from tests.support.tarstreams import SMUGGLED, fed, filtered, members, name_texts


@given(st.integers(0, 8**11 - 1))
def test_octal_numbers(value: int) -> None:
    for field in (b"%011o\0", b"%11o ", b"%012o", b"%o"):
        assert number((field % value).ljust(12, b"\0")) == value


@given(st.integers(-(256**11), 256**11 - 1), st.sampled_from((8, 12)))
def test_binary_numbers_are_those_of_tarfile(value: int, width: int) -> None:
    try:
        field = tarfile.itn(  # type: ignore[attr-defined] # it is not in the stubs
            value, width, tarfile.GNU_FORMAT
        )
    except ValueError:
        return
    assert number(field) == value == tarfile.nti(field)  # type: ignore[attr-defined] # it is not in the stubs


@given(st.binary(min_size=12, max_size=12))
def test_a_number_is_a_number_or_refused(field: bytes) -> None:
    try:
        assert isinstance(number(field), int)
    except IntegrityError:
        return


# -- sparse files


def sparse_file(path: Path, pieces: int) -> None:
    with path.open("wb") as file:
        for piece_ in range(pieces):
            file.seek(piece_ * 65536)
            file.write(b"data" * 1024)
        file.truncate((pieces + 1) * 65536)


@pytest.mark.parametrize("pieces", [0, 1, 3, 4, 5, 25, 26, 60])
def test_sparse_files_as_tar_writes_them(tmp_path: Path, pieces: int) -> None:
    sparse_file(tmp_path / "holes", pieces)
    (tmp_path / "after").write_text("after")
    command = ["tar", "--create", "--sparse", "--format", "gnu", "holes", "after"]
    stream = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True).stdout
    assert filtered(stream, step=700) == stream
    holes, after = members(stream)
    assert (holes.kind, holes.real_size) == (ord("S"), (pieces + 1) * 65536)
    assert (after.name, after.size) == (b"after", 5)


@pytest.mark.slow
def test_an_endless_map_is_refused_soon() -> None:
    filter_ = TarFilter(lambda _member: True, lambda _passed: None)
    filter_.feed(sparse(b"common/s", 0, *[piece(0, 0)] * 4, extended=True))
    block = more_pieces(*[piece(0, 0)] * 21, extended=True)
    with pytest.raises(IntegrityError, match="too long"):
        fed(filter_, itertools.repeat(block, (16 << 20) // BLOCK + 1))


# -- reading on from a header


def test_next_member_ends_with_the_stream_or_at_zeros() -> None:
    assert next_member(io.BytesIO(b"").read) is None
    assert next_member(io.BytesIO(END).read) is None


@pytest.mark.parametrize("tail", [b"", END])
def test_next_member_refuses_a_name_without_a_member(tail: bytes) -> None:
    with pytest.raises(IntegrityError, match="without a member"):
        next_member(io.BytesIO(long_name(b"common/a") + tail).read)


def test_next_member_refuses_what_the_filter_refuses() -> None:
    for stream in (SMUGGLED["blank before a key"], SMUGGLED["long name that goes on in the padding"]):
        with pytest.raises(IntegrityError):
            next_member(io.BytesIO(stream).read)


@pytest.mark.parametrize("format_", [tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT, tarfile.PAX_FORMAT])
@given(mode=st.integers(0, 0o7777), name=name_texts(300))
def test_the_bits_that_lend_an_owner_are_taken_away_and_nothing_else(
    format_: int, mode: int, name: str
) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=format_) as archive:
        info = tarfile.TarInfo(name[:90].strip("/") if format_ == tarfile.USTAR_FORMAT else name)
        info.mode, info.size = mode, 3
        try:
            archive.addfile(info, io.BytesIO(b"abc"))
        except ValueError:
            return  # too long for this format
    out = bytearray()
    filter_ = TarFilter(lambda _member: True, out.extend, set_ids=False)
    filter_.feed(stream.getvalue())
    filter_.close()
    stream.seek(0)
    with tarfile.open(fileobj=io.BytesIO(bytes(out))) as rewritten, tarfile.open(fileobj=stream) as before:
        (member,), (same,) = rewritten.getmembers(), before.getmembers()
        assert member.mode == mode & ~0o6000
        assert (member.name, member.size, member.mtime) == (same.name, same.size, same.mtime)
    if not mode & 0o6000:
        assert bytes(out) == stream.getvalue()
