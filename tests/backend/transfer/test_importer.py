"""An import is verified whole before anything of it is seen; what is odd in a stream is refused."""

import base64
import gzip
import io
import json
import os
import struct
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import (
    ConflictError,
    DuplicateSetError,
    IntegrityError,
    InvalidInputError,
    NoSpaceError,
    NotFoundError,
    SnapshotError,
)
from backend.format.metadata import set_content_hashes
from backend.fs.space import RESERVED_SPACE
from backend.operations import Import
from backend.progress import Advanced, Event, PartAdvanced, Progress, Started
from backend.transfer.exporter import SnapshotExport
from backend.transfer.importer import Imported, import_set
from tests import golden
from tests.support.builders import World, plant, snapshot_of, tgz, write_snapshot
from tests.support.fakes import stops

Members = list[tuple[str, bytes]]
HELLO = "5_hello_1.0_x1.zip"
OTHER = "5_other_1.0_x1.zip"
MANIFEST = ("export.json", b'{"format":1}')
ENTRIES = {"archive.tgz": tgz({"x1": {"a": "1"}}), "user/alice.tgz": tgz({"common": {}})}


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A store that holds a set already."""
    world = World(tmp_path / "root")
    world.add(1, "resident")
    return world


@pytest.fixture
def sound(tmp_path: Path) -> Members:
    """The members of a good export."""
    return [(name, zipped(tmp_path, snap)) for name, snap in ((HELLO, "hello"), (OTHER, "other"))]


def zipped(tmp_path: Path, snap: str, **facts: object) -> bytes:
    return write_snapshot(tmp_path / "made.zip", snapshot_of(5, snap, ENTRIES, **facts), ENTRIES).read_bytes()


def stream(
    *members: tuple[str, bytes] | tarfile.TarInfo, form: Literal[0, 1, 2] = tarfile.USTAR_FORMAT
) -> bytes:
    """A tar of these members, as snapd ends it."""
    out = io.BytesIO()
    for item in members:
        member, data = (
            (item, b"") if isinstance(item, tarfile.TarInfo) else (tarfile.TarInfo(item[0]), item[1])
        )
        member.size = len(data)
        out.write(member.tobuf(form) + data + bytes(-len(data) % 512))
    return out.getvalue() + bytes(1024)


def take_in(world: World, content: bytes, **options: Any) -> Imported:
    fd = os.memfd_create("incoming")
    with os.fdopen(fd, "w+b") as file:
        file.write(content)
        file.seek(0)
        return import_set(world.engine.store, fd, Progress(), **options)


def refused(world: World, content: bytes, message: str, kind: type[SnapshotError] = SnapshotError) -> None:
    """Refused with these words, whether it is a file or a pipe, and nothing is left of it."""
    before = world.names()
    with pytest.raises(kind, match=rf"^cannot import snapshot: .*{message}"):
        take_in(world, content)
    assert world.names() == before
    with pytest.raises(kind, match=f"cannot import snapshot: .*{message}"):
        through_pipe(world, content)
    assert world.names() == before


def through_pipe(world: World, content: bytes, progress: Progress | None = None) -> Imported:
    source, sink = os.pipe()

    def fill() -> None:
        with os.fdopen(sink, "wb") as file:
            try:
                file.write(content)
            except BrokenPipeError:
                pass

    thread = threading.Thread(target=fill)
    thread.start()
    try:
        return import_set(world.engine.store, source, progress or Progress())
    finally:
        os.close(source)
        thread.join()


# -- good ones


def test_a_sound_stream_makes_a_set_of_its_own(world: World, sound: Members) -> None:
    imported = take_in(world, stream(*sound, MANIFEST))
    assert imported.set_id == 2
    assert [snapshot.snap for snapshot in imported.snapshots] == ["hello", "other"]
    assert world.names() == ["1_resident_1.0_x1.zip", "2_hello_1.0_x1.zip", "2_other_1.0_x1.zip"]
    assert all(Path(snapshot.path).stat().st_mode & 0o777 == 0o600 for snapshot in imported.snapshots)
    assert (world.snapshots / "2_hello_1.0_x1.zip").read_bytes() == sound[0][1]


def test_a_pipe_is_as_good_as_a_file(world: World, sound: Members) -> None:
    assert through_pipe(world, stream(*sound, MANIFEST)).set_id == 2


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_tars_of_all_formats(world: World, sound: Members, form: Literal[0, 1, 2]) -> None:
    assert take_in(world, stream(*sound, MANIFEST, form=form)).set_id == 2


def test_the_real_snapds_export(world: World) -> None:
    raw = (golden.HERE / golden.index()["files"]["export"]).read_bytes()
    take_in(world, raw)
    (group,) = world.engine.sets(2)
    assert [(snapshot.snap, snapshot.broken) for snapshot in group.snapshots] == [
        ("hello", ""),
        ("storey", ""),
    ]


def lenient() -> dict[str, Callable[[Members], bytes]]:
    """What snapd accepts and we accept as well."""
    return {
        "export.json first": lambda sound: stream(MANIFEST, *sound),
        "no content.json": lambda sound: stream(*sound, MANIFEST),
        "a null hash": lambda sound: stream(("content.json", b"{}"), *sound, MANIFEST),
        "no end blocks": lambda sound: stream(*sound, MANIFEST)[:-1024],
        "junk after the end": lambda sound: stream(*sound, MANIFEST) + b"junk" * 100,
        "unknown keys": lambda sound: stream(*sound, ("export.json", b'{"format":1,"new":[{}]}')),
        "no format": lambda sound: stream(*sound, ("export.json", b"{}")),
    }


@pytest.mark.parametrize("case", lenient())
def test_harmless_liberties_that_snapd_takes_are_accepted(world: World, sound: Members, case: str) -> None:
    assert take_in(world, lenient()[case](sound)).set_id == 2


# -- crafted ones; snapd accepts many of these


def changed(content: bytes, old: bytes, new: bytes) -> bytes:
    assert old in content
    return content.replace(old, new)


def flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


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


def shaped() -> dict[str, tuple[Callable[[Members], bytes], str]]:
    """Streams of a wrong shape, and our words for it."""
    listing = json.dumps({"format": 1, "files": [HELLO]}).encode()
    more = json.dumps({"format": 1, "files": [HELLO, OTHER, "5_gone_1.0_x1.zip"]}).encode()
    unfit = "the files are not those that export.json lists"
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
        "one name twice": (
            lambda sound: stream(sound[0], sound[0], MANIFEST),
            'snap "hello" is twice in the import stream',
        ),
        "one snap under two names": (
            lambda sound: stream(sound[0], (f"6{HELLO[1:]}", sound[0][1]), MANIFEST),
            'snap "hello" is twice in the import stream',
        ),
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


def _header(name: str, size: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.size = size
    return member.tobuf(tarfile.USTAR_FORMAT)


@pytest.mark.parametrize("case", shaped())
def test_streams_of_a_wrong_shape(world: World, sound: Members, case: str) -> None:
    shape, message = shaped()[case]
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


# -- the content hash


def hashed(world: World, sound: Members, spoil: bool = False, newer: bool = False) -> bytes:
    """The stream with a content.json."""
    snapshots = [snapshot_of(5, snap, ENTRIES) for snap in ("hello", "other")]
    digest = set_content_hashes(snapshots)[newer]
    if spoil:
        digest = flipped(digest, 7)
    text = json.dumps({"content-hash": base64.b64encode(digest).decode()}).encode()
    return stream(("content.json", text), *sound, MANIFEST)


def test_the_right_hash(world: World, sound: Members) -> None:
    assert take_in(world, hashed(world, sound)).set_id == 2


def test_a_wrong_hash_is_refused_unless_accepted(world: World, sound: Members) -> None:
    message = "every file is sound, but the content hash of the set does not match"
    refused(world, hashed(world, sound, spoil=True), message, IntegrityError)
    assert take_in(world, hashed(world, sound, spoil=True), accept_hash=True).set_id == 2


@pytest.mark.parametrize("newer", [False, True])
def test_both_spellings_of_control_characters(world: World, tmp_path: Path, newer: bool) -> None:
    facts: dict[str, Any] = {"conf": {"c": "\b\f"}}
    digests = set_content_hashes([snapshot_of(5, "hello", ENTRIES, **facts)])
    assert digests[0] != digests[1]
    text = json.dumps({"content-hash": base64.b64encode(digests[newer]).decode()}).encode()
    content = stream(("content.json", text), (HELLO, zipped(tmp_path, "hello", **facts)), MANIFEST)
    assert take_in(world, content).set_id == 2
    with pytest.raises(DuplicateSetError):
        take_in(world, content)


# -- what is here already


def test_a_duplicate_tells_which_set_it_is_and_leaves_nothing(world: World, sound: Members) -> None:
    take_in(world, stream(*sound, MANIFEST))
    before = world.names()
    with pytest.raises(DuplicateSetError) as known:
        take_in(world, stream(*reversed(sound), MANIFEST))
    assert (known.value.set_id, known.value.snaps) == (2, ("hello", "other"))
    assert world.names() == before
    assert take_in(world, stream(*sound, MANIFEST), allow_duplicate=True).set_id == 3


def test_of_several_equal_sets_the_lowest_is_told(world: World, sound: Members) -> None:
    for _ in range(2):
        take_in(world, stream(*sound, MANIFEST), allow_duplicate=True)
    with pytest.raises(DuplicateSetError) as known:
        take_in(world, stream(*sound, MANIFEST))
    assert known.value.set_id == 2


def test_a_part_of_a_set_is_no_duplicate(world: World, sound: Members) -> None:
    take_in(world, stream(*sound, MANIFEST))
    assert take_in(world, stream(sound[0], MANIFEST)).set_id == 3


def test_some_snaps_of_it(world: World, sound: Members) -> None:
    imported = take_in(world, stream(*sound, MANIFEST), snaps=("other",))
    assert (imported.set_id, [snapshot.snap for snapshot in imported.snapshots]) == (2, ["other"])
    assert world.names() == ["1_resident_1.0_x1.zip", "2_other_1.0_x1.zip"]
    with open(world.root / "e", "wb") as file:
        file.write(stream(*sound, MANIFEST))
    again = world.do(Import(file.name, snaps=("hello",)))
    assert (again.set_id, again.snaps, again.duplicate) == (3, ("hello",), False)


def test_duplicates_are_judged_by_what_is_taken(world: World, sound: Members) -> None:
    take_in(world, stream(*sound, MANIFEST), snaps=("other",))
    with pytest.raises(DuplicateSetError) as known:
        take_in(world, stream(*sound, MANIFEST), snaps=("other",))
    assert known.value.set_id == 2
    assert take_in(world, stream(*sound, MANIFEST)).set_id == 3
    with pytest.raises(DuplicateSetError) as known:
        take_in(world, stream(*sound, MANIFEST), snaps=("hello", "other"))
    assert known.value.set_id == 3


def test_a_snap_that_is_not_in_the_file(world: World, sound: Members) -> None:
    before = world.names()
    message = 'cannot import snapshot: there is no "ghost" in the file, only "hello", "other"'
    with pytest.raises(NotFoundError, match=message):
        take_in(world, stream(*sound, MANIFEST), snaps=("hello", "ghost"))
    assert world.names() == before


def test_members_not_taken_are_verified_all_the_same(world: World, sound: Members) -> None:
    before = world.names()
    raw = bytearray(sound[1][1])
    raw[80] ^= 1
    with pytest.raises(IntegrityError, match=f'validation failed for "{OTHER}"'):
        take_in(world, stream(sound[0], (OTHER, bytes(raw)), MANIFEST), snaps=("hello",))
    assert world.names() == before


@pytest.mark.parametrize("piped", [False, True])
def test_each_file_is_a_part_and_every_byte_counts_once(world: World, sound: Members, piped: bool) -> None:
    events: list[Event] = []
    content = stream(*sound, MANIFEST)
    if piped:
        through_pipe(world, content, Progress(events.append))
    else:
        (world.root / "e").write_bytes(content)
        world.engine.take_in(Import(str(world.root / "e")), Progress(events.append))
        assert [event.total for event in events if isinstance(event, Started)] == [len(content)]
        assert [event.done for event in events if isinstance(event, Advanced)] == [len(content)]
    parts = {e.part: (e.done, e.total) for e in events if isinstance(e, PartAdvanced) and e.ended}
    assert parts == {name: (len(data), len(data)) for name, data in sound}


def test_a_duplicate_of_an_expiring_set_says_so(world: World, sound: Members, tmp_path: Path) -> None:
    take_in(world, stream(*sound, MANIFEST))
    world.write_state(snapshots={"2": {"expiry-time": "2030-01-01T00:00:00Z"}})
    (tmp_path / "e").write_bytes(stream(*sound, MANIFEST))
    result = world.do(Import(str(tmp_path / "e")))
    assert (result.set_id, result.duplicate, result.exit_code) == (2, True, 0)
    noted = [
        event["text"] for event in world.engine.journal.records()[-1].events if event["event"] == "noted"
    ]
    assert noted == ["set #2 is an automatic one: snapd will remove it on 2030-01-01T00:00:00Z"]


def test_a_damaged_set_does_not_stand_in_for_a_sound_stream(world: World, sound: Members) -> None:
    take_in(world, stream(*sound, MANIFEST))
    stored = world.snapshots / "2_hello_1.0_x1.zip"
    stored.write_bytes(stored.read_bytes()[:-200])
    assert take_in(world, stream(*sound, MANIFEST)).set_id == 3


# -- ids, markers, others at the same time


def test_a_set_under_way_elsewhere_is_not_seen_and_its_id_not_used(world: World, sound: Members) -> None:
    world.add(7, "hello")
    plant(world.snapshots, {"7_importing": ""})
    assert take_in(world, stream(*sound, MANIFEST)).set_id == 8
    assert "7_importing" in world.names()


def test_a_wanted_id(world: World, sound: Members) -> None:
    store = world.engine.store
    with open(world.root / "e", "w+b") as file:
        file.write(stream(*sound, MANIFEST))
        for wanted in (1, 6):
            file.seek(0)
            if wanted == 1:
                with pytest.raises(ConflictError, match="there is a set of that id"):
                    import_set(store, file.fileno(), Progress(), set_id=1)
            else:
                assert import_set(store, file.fileno(), Progress(), set_id=6).set_id == 6
    assert take_in(world, stream(*sound, MANIFEST), allow_duplicate=True).set_id == 7


def test_of_concurrent_imports_of_one_set_one_wins(world: World, sound: Members) -> None:
    content = stream(*sound, MANIFEST)
    outcomes: list[object] = []

    def attempt() -> None:
        try:
            outcomes.append(take_in(world, content).set_id)
        except DuplicateSetError as known:
            outcomes.append(("already", known.set_id))

    threads = [threading.Thread(target=attempt) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, outcomes)) == ["('already', 2)"] * 3 + ["2"]
    assert len(world.names()) == 3


def test_a_stop_at_any_time_leaves_nothing(world: World, sound: Members) -> None:
    content = stream(*sound, MANIFEST)
    before = world.names()

    def attempt(progress: Progress) -> None:
        fd = os.memfd_create("incoming")
        with os.fdopen(fd, "w+b") as file:
            file.write(content)
            file.seek(0)
            import_set(world.engine.store, fd, progress)

    states = [world.names() for _ in stops(attempt)]
    assert len(states) > 10
    assert all(state == before for state in states)
    assert len(world.names()) == 3


def test_too_little_space_is_known_beforehand(world: World, tmp_path: Path) -> None:
    about = os.statvfs(tmp_path)
    with open(tmp_path / "huge", "w+b") as file:
        file.truncate(about.f_bavail * about.f_frsize)
        with pytest.raises(NoSpaceError, match="cannot import snapshot") as lack:
            import_set(world.engine.store, file.fileno(), Progress())
    assert lack.value.needed >= RESERVED_SPACE
    assert world.names() == ["1_resident_1.0_x1.zip"]


@pytest.mark.parametrize("name", ["missing", "folder"])
def test_files_that_cannot_be_opened(world: World, tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    message = "cannot import snapshot|error accessing file: open .*: no such file or directory"
    with pytest.raises(SnapshotError, match=message):
        world.do(Import(str(tmp_path / name)))


def test_an_export_of_ours_comes_in_as_it_went_out(world: World, sound: Members) -> None:
    store = world.engine.store
    with open(world.root / "e", "w+b") as file, SnapshotExport(store, 1) as export:
        export.stream_to(file.fileno(), Progress())
        (world.snapshots / "1_resident_1.0_x1.zip").rename(world.root / "kept")
        file.seek(0)
        import_set(store, file.fileno(), Progress())
    (name,) = world.names()
    assert (world.snapshots / name).read_bytes() == (world.root / "kept").read_bytes()


def test_numbers_in_headers_that_are_none(world: World, sound: Members) -> None:
    raw = bytearray(stream(*sound, MANIFEST))
    raw[124:136] = b"not a number"
    raw[148:156] = b"%06o\0 " % (sum(raw[:148]) + 8 * 32 + sum(raw[156:512]))
    refused(world, bytes(raw), "tar: ", IntegrityError)
    raw[124:136] = b"\xff" + struct.pack(">q", -5).rjust(11, b"\xff")
    raw[148:156] = b"%06o\0 " % (sum(raw[:148]) + 8 * 32 + sum(raw[156:512]))
    refused(world, bytes(raw), "", IntegrityError)
