"""A tar stream: members read, judged and passed on."""

import io
import os
import subprocess
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.archive.tar.stream import (
    BLOCK,
    DIRECTORY,
    FILE,
    TarFilter,
    TarMember,
    next_member,
    padded,
)
from backend.errors import IntegrityError
from tests.support import rawtar
from tests.support.rawtar import (
    END,
    GNU,
    V7,
    header,
    long_name,
    member,
    pax,
    piece,
    record,
    sparse,
)
from tests.support.tarstreams import SMUGGLED, fed, filtered, members, name_texts

KINDS = (
    tarfile.REGTYPE,
    tarfile.DIRTYPE,
    tarfile.SYMTYPE,
    tarfile.LNKTYPE,
    tarfile.FIFOTYPE,
    tarfile.CHRTYPE,
)


def unpacked_by_tar(stream: bytes, place: Path) -> set[str]:
    """The names that GNU tar makes of a stream, whatever it says of it."""
    place.mkdir()
    environment = {"LC_ALL": "C", "PATH": os.environ["PATH"]}
    subprocess.run(
        ["tar", "-xf", "-"], cwd=place, input=stream, env=environment, capture_output=True, check=False
    )
    return {str(path.relative_to(place)) for path in place.rglob("*")}


@st.composite
def infos(draw: st.DrawFn, longest: int) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(draw(name_texts(longest)))
    info.type = draw(st.sampled_from(KINDS))
    info.mode = draw(st.integers(0, 0o7777))
    info.uid = info.gid = draw(st.integers(0, 0o7777777))
    data = draw(st.binary(max_size=1200)) if info.type == tarfile.REGTYPE else b""
    info.size = len(data)
    if info.type in (tarfile.SYMTYPE, tarfile.LNKTYPE):
        info.linkname = draw(name_texts(longest))
    if info.type == tarfile.CHRTYPE:
        info.devmajor, info.devminor = draw(st.integers(0, 255)), draw(st.integers(0, 255))
    return info, data


def written(infos: Iterable[tuple[tarfile.TarInfo, bytes]], format_: int) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=format_) as archive:
        for info, data in infos:
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


@st.composite
def archives(draw: st.DrawFn) -> tuple[bytes, list[tuple[tarfile.TarInfo, bytes]]]:
    format_ = draw(st.sampled_from((tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)))
    longest = 100 if format_ == tarfile.USTAR_FORMAT else 400
    content = draw(st.lists(infos(longest), max_size=5))
    return written(content, format_), content


def walked(stream: bytes) -> Iterator[tuple[TarMember, bytes]]:
    source = io.BytesIO(stream)
    while (tar_member := next_member(source.read)) is not None:
        yield tar_member, source.read(padded(tar_member.size))[: tar_member.size]


def assert_same(tar_member: TarMember, info: tarfile.TarInfo) -> None:
    # A directory is written with a slash behind its name, unless the name is a long one.
    assert tar_member.name.rstrip(b"/") == info.name.encode().rstrip(b"/")
    assert (bytes([tar_member.kind]), tar_member.size, tar_member.mode) == (info.type, info.size, info.mode)
    assert tar_member.link == info.linkname.encode()
    assert tar_member.device == (info.devmajor, info.devminor)


@given(archives())
def test_archives_of_tarfile_are_read_by_both_readers(
    archive: tuple[bytes, list[tuple[tarfile.TarInfo, bytes]]],
) -> None:
    stream, content = archive
    for (tar_member, data), (info, wanted) in zip(walked(stream), content, strict=True):
        assert_same(tar_member, info)
        assert data == wanted
    assert members(stream) == [tar_member for tar_member, _ in walked(stream)]


@given(archives(), st.integers(1, 1500))
def test_the_filter_changes_nothing_whatever_the_chunks(
    archive: tuple[bytes, list[tuple[tarfile.TarInfo, bytes]]], step: int
) -> None:
    stream, _ = archive
    assert filtered(stream, step=step) == stream


@given(archives(), st.data())
def test_a_member_left_out_goes_with_its_long_names_and_data(
    archive: tuple[bytes, list[tuple[tarfile.TarInfo, bytes]]], data: st.DataObject
) -> None:
    stream, content = archive
    keep = data.draw(st.lists(st.booleans(), min_size=len(content), max_size=len(content)))
    verdicts = iter(keep)
    rest = filtered(stream, lambda _member: next(verdicts))
    kept = [info for (info, _), kept in zip(content, keep, strict=True) if kept]
    for (tar_member, _), info in zip(walked(rest), kept, strict=True):
        assert_same(tar_member, info)


@given(archives(), st.data())
def test_damage_is_an_integrity_error_or_nothing(
    archive: tuple[bytes, list[tuple[tarfile.TarInfo, bytes]]], data: st.DataObject
) -> None:
    stream = bytearray(archive[0])
    for _ in range(data.draw(st.integers(1, 3))):
        stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))
    del stream[data.draw(st.integers(0, len(stream))) :]
    try:
        whole = filtered(bytes(stream))
    except IntegrityError:
        return
    assert whole == stream


def test_every_cut_inside_a_member_is_noticed() -> None:
    stream = pax(record(b"path", b"common/long")) + member(b"common/a", b"x" * 700)
    for length in range(1, len(stream)):
        with pytest.raises(IntegrityError, match="end of archive"):
            filtered(stream[:length])
    assert filtered(stream) == stream  # no blocks of zeros at the end: tar takes it so


def test_one_byte_at_a_time() -> None:
    stream = long_name(b"common/" + b"n" * 600) + member(b"common/n", b"data") + END
    assert filtered(stream, step=1) == stream


@pytest.mark.parametrize("stream", SMUGGLED.values(), ids=SMUGGLED.keys())
@pytest.mark.parametrize("step", [1, 512, 1 << 20])
def test_streams_that_tar_reads_otherwise_are_refused(stream: bytes, step: int) -> None:
    out = bytearray()
    filter_ = TarFilter(lambda member: not member.name.startswith(b"evil"), out.extend)
    with pytest.raises(IntegrityError, match=r"^tar: "):
        fed(filter_, (stream[at : at + step] for at in range(0, len(stream), step)))
    assert b"evil" not in out


def test_smuggling_tricks_work_on_tar(tmp_path: Path) -> None:
    """GNU tar makes `evil` of most of them: the strictness is needed, not mere caution."""
    working = {
        what
        for count, (what, stream) in enumerate(SMUGGLED.items())
        if "evil" in unpacked_by_tar(stream + END, tmp_path / str(count))
    }
    assert {
        "data of a contiguous file named like a directory",
        "map that takes more than the size",
        "map continued after its end",
        "map continued after a piece beyond the end",
        "sparse file in a USTAR header",
        "sparse file in a header of old",
        "blank before a key",
        "long name that goes on in the padding",
        "size that tar cannot hold",
        "size of a directory",
    } <= working


def summed(block: bytes, more: int) -> bytes:
    """The header with a checksum that is larger by so much."""
    return block[:148] + b"%06o\0 " % (int(block[148:154], 8) + more) + block[156:]


ODD = {
    "checksum of signed bytes": summed(header(b"common/\xff"), -256),
    "checksum off by one": summed(header(b"common/a"), 1),
    "unknown type": header(b"common/a", b"N"),
    "directory of an incremental archive": header(b"common/a", b"D"),
    "volume label": header(b"common", b"V", magic=GNU),
    "blank size": header(b"common/f", size=b" " * 12),
    "base-64 size": header(b"common/f", size=b"+0000000000\0"),
    "no octal digit": header(b"common/f", size=b"00000000008\0"),
    "digits after the end": header(b"common/f", size=b"0\x0000000000\0"),
    "blank device": header(b"common/d", b"3", at={329: b" " * 16}),
    "PAX size with a sign": pax(record(b"size", b"+1")) + header(b"common/f"),
    "PAX size of nothing": pax(record(b"size", b"")) + header(b"common/f"),
    "PAX size too large": pax(record(b"size", b"9" * 19)) + header(b"common/f"),
    "PAX path with a zero byte": pax(record(b"path", b"common/a\0b")) + header(b"common/f"),
    "PAX record without a key": pax(b"5 a\n\n") + header(b"common/f"),
    "PAX record without its end": pax(b"9 path=ab") + header(b"common/f"),
    "PAX record too long": pax(b"99 path=a\n") + header(b"common/f"),
    "PAX record too short": pax(b"2 \n") + header(b"common/f"),
    "PAX record that is no record": pax(b"rubbish") + header(b"common/f"),
    "PAX record of zero length": pax(b"0 path=a\n") + header(b"common/f"),
    "PAX header of no length": header(b"x", b"x") + header(b"common/f"),
    "name of no length": header(b"x", b"L") + header(b"common/f"),
    "name of impossible length": header(b"x", b"L", 1 << 30),
    "incremental archive": pax(record(b"GNU.dumpdir", b"Ya")) + header(b"common/f"),
    "several volumes": pax(record(b"GNU.volume.offset", b"1")) + header(b"common/f"),
    "a long name and no member": long_name(b"common/f") + END,
    "PAX, then a long name": pax(record(b"path", b"common/f")) + long_name(b"common/f") + header(b"common/f"),
    "a member after the end": header(b"common/f") + END + header(b"common/g"),
    "a member after one block of zeros": header(b"common/f") + bytes(BLOCK) + header(b"common/g"),
    "rubbish after the end": header(b"common/f") + END + b"\1",
    "piece of a negative length": sparse(b"common/s", 0, b"0".rjust(12) + b"\xff" * 12, real_size=9),
    "piece at a negative offset": sparse(b"common/s", 0, b"\xff" * 12 + piece(0, 0)[12:], real_size=9),
}


@pytest.mark.parametrize("stream", ODD.values(), ids=ODD.keys())
def test_odd_streams_are_refused(stream: bytes) -> None:
    with pytest.raises(IntegrityError, match=r"^tar: "):
        filtered(stream)


def test_names_in_every_form() -> None:
    long = b"common/" + b"n" * 300
    stream = (
        header(b"common/v7/", b"\0", magic=V7)
        + header(b"f", at={345: b"common/prefix"})
        + header(b"f", magic=GNU, at={345: b"not a prefix"})
        + header(b"n" * 100)
        + long_name(long)
        + header(b"common/n")
        + long_name(long, b"K")
        + long_name(b"common/l")
        + header(b"l", b"2", link=b"short")
        + pax(record(b"path", b"common/\xff"), record(b"linkpath", b"a"), record(b"comment", b"\0 = \n"))
        + header(b"common/p", b"1", link=b"b")
        + pax(record(b"comment", b"harmless"), kind=b"g")
        + header(b"common/after")
    )
    assert [(tar_member.name, tar_member.kind, tar_member.link) for tar_member in members(stream + END)] == [
        (b"common/v7/", DIRECTORY, b""),
        (b"common/prefix/f", FILE, b""),
        (b"f", FILE, b""),
        (b"n" * 100, FILE, b""),
        (long, FILE, b""),
        (b"common/l", ord("2"), long),
        (b"common/\xff", ord("1"), b"a"),
        (b"common/after", FILE, b""),
    ]


def test_a_size_in_pax_rules() -> None:
    stream = pax(record(b"size", b"3")) + header(b"common/a", size=1024) + rawtar.padded(b"abc") + END
    assert [tar_member.size for tar_member in members(stream)] == [3]


def test_surrogates_in_the_text_of_a_name() -> None:
    assert members(header(b"common/\xff"))[0].text == "common/\udcff"
