"""What an import makes of sets that are here already, of ids, and of others at the same time."""

import base64
import json
import os
import struct
import threading
from pathlib import Path
from typing import Any

import pytest

from backend.errors import (
    ConflictError,
    DuplicateSetError,
    IntegrityError,
    NoSpaceError,
    NotFoundError,
    SnapshotError,
)
from backend.format.metadata import set_content_hashes
from backend.fs.space import RESERVED_SPACE
from backend.operations import Import
from backend.progress import Advanced, Event, PartAdvanced, Progress, Started
from backend.transfer.exporter import SnapshotExport
from backend.transfer.importer import import_set
from tests.support.builders import World, plant, snapshot_of
from tests.support.fakes import stops
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
    through_pipe,
    zipped,
)

world = pytest.fixture(make_world)
sound = pytest.fixture(make_sound)


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
