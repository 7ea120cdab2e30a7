"""The layout of the snapshot zips that are written, and who reads them."""

import io
import struct
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.archive.container import Container, ContainerWriter
from backend.errors import IntegrityError
from tests.support.containers import ALL, ARCHIVE, CAP, opened, writing, written


def test_zipfile_reads_what_is_written() -> None:
    for limit in (0xFFFFFFFF, 1, 5000):
        with zipfile.ZipFile(io.BytesIO(written(limit))) as made:
            assert made.testzip() is None
            assert {name: made.read(name) for name in made.namelist()} == ALL


def test_the_layout_is_snapds() -> None:
    made = written()
    with zipfile.ZipFile(io.BytesIO(made)) as zipped_:
        methods = [info.compress_type for info in zipped_.infolist()]
        assert methods == [0, 8, 8]
        for info in zipped_.infolist():
            assert (info.create_version, info.create_system, info.extract_version) == (20, 0, 20)
            assert (info.flag_bits, info.date_time) == (8, (1980, 0, 0, 0, 0, 0))
            assert (info.extra, info.comment, info.external_attr, info.internal_attr) == (b"", b"", 0, 0)
    local = struct.unpack("<4s5H3L2H", made[:30])
    assert local == (b"PK\x03\x04", 20, 8, 0, 0, 0, 0, 0, 0, 11, 0)
    behind = 30 + 11 + len(ARCHIVE)
    descriptor = struct.unpack("<4s3L", made[behind : behind + 16])
    assert descriptor == (b"PK\x07\x08", zlib.crc32(ARCHIVE), len(ARCHIVE), len(ARCHIVE))
    assert made[behind + 16 : behind + 20] == b"PK\x03\x04"


def test_the_zip64_layout() -> None:
    made = written(limit=5000)
    behind = 30 + 11 + len(ARCHIVE)
    descriptor = struct.unpack("<4sL2Q", made[behind : behind + 24])
    assert descriptor == (b"PK\x07\x08", zlib.crc32(ARCHIVE), len(ARCHIVE), len(ARCHIVE))
    with zipfile.ZipFile(io.BytesIO(made)) as zipped_:
        archive, meta, _ = zipped_.infolist()
        assert (archive.extract_version, meta.extract_version) == (45, 45)
        assert archive.extra == struct.pack("<2H3Q", 1, 24, len(ARCHIVE), len(ARCHIVE), 0)
        assert meta.header_offset > 5000
    assert made[-42:-38] == b"PK\x06\x07"


@pytest.mark.parametrize(
    ("name", "flags"), [("user/ada.tgz", 8), ("user/åsa.tgz", 0x808), ("user/\udce5sa.tgz", 8)]
)
def test_names_of_any_spelling_come_back(name: str, flags: int) -> None:
    with writing() as (fd, content):
        writer = ContainerWriter(fd)
        writer.begin(name)
        writer.write(b"data")
        writer.end()
        writer.finish()
        made = content()
    assert struct.unpack("<H", made[6:8]) == (flags,)
    with opened(made) as container:
        assert container.read(container.find(name), CAP) == b"data"


@given(
    st.lists(st.tuples(st.text("ab/é", min_size=1), st.binary(max_size=3000), st.sampled_from("wdx"))),
    st.sampled_from([1, 1000, 0xFFFFFFFF]),
)
def test_members_of_any_kind_come_back(members: list[tuple[str, bytes, str]], limit: int) -> None:
    with writing() as (fd, content):
        writer = ContainerWriter(fd, limit)
        for name, data, kind in members:
            if kind == "d":
                writer.add_deflated(name, data)
                continue
            writer.begin(name)
            writer.write(data)
            writer.discard() if kind == "x" else writer.end()
        writer.finish()
        made = content()
    kept = [(name, data) for name, data, kind in members if kind != "x"]
    with opened(made) as container:
        assert [(m.name, container.read(m, CAP)) for m in container.members] == kept
    with zipfile.ZipFile(io.BytesIO(made)) as zipped_:
        assert [(info.filename, zipped_.read(info)) for info in zipped_.infolist()] == kept


@pytest.mark.slow
def test_more_members_than_a_plain_end_can_count() -> None:
    with writing() as (fd, content):
        writer = ContainerWriter(fd)
        for number in range(1 << 16):
            writer.begin(str(number))
            writer.end()
        writer.finish()
        made = content()
    with opened(made) as container:
        assert len(container.members) == 1 << 16
        assert container.find("65534").size == 0


def test_a_small_member_that_ends_too_early_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "z.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("meta.json", b"some metadata")
    raw = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as made:
        size = made.getinfo("meta.json").compress_size
    start = 30 + len("meta.json")
    raw[start] &= 0xFE  # not the last block any more: what follows it is missing
    path.write_bytes(raw)
    with open(path, "rb") as file:
        container = Container(file.fileno(), len(raw))
        with pytest.raises(IntegrityError):
            container.read(container.find("meta.json"), size + 1000)
