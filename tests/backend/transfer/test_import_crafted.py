"""Crafted streams are refused for what is odd in them; snapd accepts many of these."""

import gzip
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import (
    IntegrityError,
    InvalidInputError,
    SnapshotError,
)
from tests.support.builders import World, snapshot_of, write_snapshot
from tests.support.streams import (
    ENTRIES,
    HELLO,
    MANIFEST,
    OTHER,
    Members,
    flipped,
    make_sound,
    make_world,
    refused,
    stream,
    take_in,
    zipped,
)

world = pytest.fixture(make_world)
sound = pytest.fixture(make_sound)


def changed(content: bytes, old: bytes, new: bytes) -> bytes:
    assert old in content
    return content.replace(old, new)


def special(name: str, kind: bytes, link: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, link
    return member


ODD_NAMES = (
    ("x/5_hello_1.0_x1.zip", "invalid filename in import file"),
    ("/abs/5_hello_1.0_x1.zip", "invalid filename in import file"),
    ("../5_hello_1.0_x1.zip", "invalid filename in import file"),
    ("5_x/../../../../evil.zip", "invalid filename in import file"),
    ("foo_bar.zip", "unexpected filename in import stream: foo_bar.zip"),
    ("5_abc", "unexpected filename in import stream: 5_abc"),
    ("5_", "unexpected filename in import stream: 5_"),
    ("5_..", "unexpected filename in import stream: 5_.."),
    ("5_importing", "unexpected filename in import stream: 5_importing"),
    ("5_hello.txt", "unexpected filename in import stream: 5_hello.txt"),
    ("5_hello\n_1.0_x1.zip", "unexpected filename in import stream: "),
    ("-1_hello_1.0_x1.zip", "unexpected filename in import stream: "),
    ("0_hello_1.0_x1.zip", "unexpected filename in import stream: "),
    ("README", "unexpected filename in import stream: README"),
)


@pytest.mark.parametrize(("name", "message"), ODD_NAMES)
def test_odd_names(world: World, sound: Members, name: str, message: str) -> None:
    refused(world, stream(*sound[1:], (name, sound[0][1]), MANIFEST), message, InvalidInputError)


def damaged() -> dict[str, tuple[Callable[[bytes], bytes], str]]:
    """Damage to a zip inside a whole tar, and our words for it."""
    wrong = "declared hash|zip: checksum error|missing archive member|zip: not a valid zip file"
    return {
        "a bit of an archive": (lambda z: flipped(z, 60), "validation failed for"),
        "meta.sha3_384 missing": (
            lambda z: changed(z, b"meta.sha3_384", b"meta.sha3_38x"),
            'missing archive member "meta.sha3_384"',
        ),
        "meta.json missing": (
            lambda z: changed(z, b"meta.json", b"mete.json"),
            'missing archive member "meta.json"',
        ),
        "an archive missing": (
            lambda z: changed(z, b"user/alice.tgz", b"user/carol.tgz"),
            'validation failed for .*missing archive member "user/alice.tgz"',
        ),
        "the last kilobyte": (lambda z: z[:-200], "zip: not a valid zip file"),
        "nothing": (lambda _z: b"", "zip: not a valid zip file"),
        "the directory": (lambda z: flipped(z, z.rindex(b"PK\x01\x02") + 16), wrong),
    }


@pytest.mark.parametrize("case", damaged())
def test_damaged_zips(world: World, sound: Members, case: str) -> None:
    damage, message = damaged()[case]
    refused(world, stream((HELLO, damage(sound[0][1])), sound[1], MANIFEST), message, IntegrityError)


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"sums": {"archive.tgz": "0" * 96}}, "validation failed for .*expected hash .0000000…"),
        ({"sums": {}}, "cannot open snapshot: invalid snapshot"),
        ({"snap": "wicked"}, "name and content do not agree"),
        ({"snap": "../../x"}, "cannot open snapshot: "),
        ({"version": "2.0"}, "name and content do not agree"),
        ({"broken": "as it says"}, "cannot open snapshot: as it says"),
    ],
)
def test_metadata_that_do_not_fit(
    world: World, sound: Members, tmp_path: Path, facts: dict[str, Any], message: str
) -> None:
    liar = write_snapshot(
        tmp_path / "liar.zip", snapshot_of(5, "hello", ENTRIES)._replace(**facts), ENTRIES
    ).read_bytes()
    refused(world, stream((HELLO, liar), sound[1], MANIFEST), message)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_members_that_are_no_files(world: World, sound: Members, kind: bytes) -> None:
    member = special(
        "5_third_1.0_x1.zip", kind, "/etc/passwd" if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
    )
    refused(
        world, stream(*sound, member, MANIFEST), "unexpected filename in import stream", InvalidInputError
    )


def _header(name: str, size: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.size = size
    return member.tobuf(tarfile.USTAR_FORMAT)


Shape = tuple[Callable[[Members], bytes], str]


def incomplete() -> dict[str, Shape]:
    """Streams that lack a part or have one too many, and our words for it."""
    return {
        "a directory": (
            lambda sound: stream(special("5_dir", tarfile.DIRTYPE), *sound, MANIFEST),
            "unexpected directory in import file",
        ),
        "no export.json": (lambda sound: stream(*sound), "no export.json file in uploaded data"),
        "cut before it": (
            lambda sound: stream(*sound)[:-1024],
            "no export.json file in uploaded data",
        ),
        "empty": (lambda _sound: b"", "no export.json file in uploaded data"),
        "only export.json": (lambda _sound: stream(MANIFEST), "there is no snapshot in it"),
        "only the two": (
            lambda _sound: stream(("content.json", b"{}"), MANIFEST),
            "there is no snapshot in it",
        ),
        "one name twice": (
            lambda sound: stream(sound[0], sound[0], MANIFEST),
            'snap "hello" is twice in the import stream',
        ),
        "one snap under two names": (
            lambda sound: stream(sound[0], (f"6{HELLO[1:]}", sound[0][1]), MANIFEST),
            'snap "hello" is twice in the import stream',
        ),
    }


def misdescribed() -> dict[str, Shape]:
    """Streams whose documents are wrong."""
    listing = json.dumps({"format": 1, "files": [HELLO]}).encode()
    more = json.dumps({"format": 1, "files": [HELLO, OTHER, "5_gone_1.0_x1.zip"]}).encode()
    unfit = "the files are not those that export.json lists"
    return {
        "junk in export.json": (lambda sound: stream(*sound, ("export.json", b"junk")), ""),
        "another format": (
            lambda sound: stream(*sound, ("export.json", b'{"format":99}')),
            "unknown format",
        ),
        "junk in content.json": (lambda sound: stream(("content.json", b"no"), *sound, MANIFEST), ""),
        "a hash that is none": (
            lambda sound: stream(("content.json", b'{"content-hash":"!"}'), *sound, MANIFEST),
            "illegal base64",
        ),
        "fewer files listed": (
            lambda sound: stream(*sound, ("export.json", listing)),
            rf"{unfit} \(not listed: {OTHER}\)",
        ),
        "more files listed": (
            lambda sound: stream(*sound, ("export.json", more)),
            rf"{unfit} \(missing: 5_gone_1.0_x1.zip\)",
        ),
    }


def garbled() -> dict[str, Shape]:
    """Streams that are cut or are none."""
    return {
        "cut inside a zip": (lambda sound: stream(*sound, MANIFEST)[:700], "unexpected end of file"),
        "cut inside a header": (lambda sound: stream(*sound, MANIFEST)[:300], "unexpected end of file"),
        "junk": (lambda _sound: b"junk" * 500, "tar: "),
        "a zip": (lambda sound: sound[0][1], ""),
        "a huge export.json": (
            lambda sound: stream(*sound)[:-1024] + _header("export.json", 8**11 - 1),
            "export.json is not a small file",
        ),
        "a snapshot of eight gibibytes that ends": (
            lambda sound: _header(HELLO, 8**11 - 1) + sound[0][1],
            "unexpected end of file",
        ),
    }


SHAPES = incomplete() | misdescribed() | garbled()


@pytest.mark.parametrize("case", SHAPES)
def test_streams_of_a_wrong_shape(world: World, sound: Members, case: str) -> None:
    shape, message = SHAPES[case]
    refused(world, shape(sound), message)


def test_a_compressed_stream(world: World, sound: Members) -> None:
    refused(world, gzip.compress(stream(*sound, MANIFEST)), "")


@pytest.mark.slow
@given(at=st.floats(0, 0.999), mask=st.integers(1, 255))
def test_any_damaged_byte_is_harmless_or_refused(
    tmp_path_factory: pytest.TempPathFactory, at: float, mask: int
) -> None:
    folder = tmp_path_factory.mktemp("world")
    world = World(folder / "root")
    whole = zipped(folder, "hello")
    raw = bytearray(stream((HELLO, whole), ("export.json", b'{"format":1,"files":["%s"]}' % HELLO.encode())))
    raw[int(at * len(raw))] ^= mask
    try:
        imported = take_in(world, bytes(raw))
    except SnapshotError:
        assert world.names() == []
    else:
        (group,) = world.engine.sets()
        assert group.snapshots[0].broken == ""
        assert imported.snapshots[0].snap == "hello"
