"""What a check of a snapshot file finds, thorough or quick, and what the file holds."""

import os
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.archive.reader import Reader, check
from backend.errors import Cancelled, IntegrityError, SnapshotError
from backend.host.layout import Layout
from backend.model import CheckLevel, Revision
from backend.progress import Entered, Event, PartAdvanced, Progress
from backend.restore.restorer import restore_snapshot
from tests.support.builders import World, snapshot_of, tgz, write_snapshot
from tests.support.reading import ENTRIES, contents, make_path, rewritten, written

path = pytest.fixture(make_path)


def damaged(path: Path, entry: str) -> Path:
    """A byte of an archive is changed and nothing else."""
    raw = path.read_bytes()
    at = raw.index(ENTRIES[entry]) + len(ENTRIES[entry]) // 2
    path.write_bytes(raw[:at] + bytes([raw[at] ^ 4]) + raw[at + 1 :])
    return path


def test_every_bad_archive_is_told_the_systems_first(path: Path) -> None:
    damaged(damaged(path, "user/bob.tgz"), "archive.tgz")
    with Reader.open(str(path)) as reader:
        assert [(verdict.entry, bool(verdict.fault)) for verdict in reader.check()] == [
            ("archive.tgz", True),
            ("user/alice.tgz", False),
            ("user/bob.tgz", True),
        ]


def test_damage_in_other_users_archives_does_not_matter(path: Path) -> None:
    with Reader.open(str(damaged(path, "user/bob.tgz"))) as reader:
        assert [verdict.fault for verdict in reader.check(["alice"])] == ["", ""]
        wanted = ["bob", "alice"]
        assert [bool(verdict.fault) for verdict in reader.check(wanted)] == [False, False, True]
        assert wanted == ["bob", "alice"]


@pytest.mark.parametrize(
    ("sums", "fault"),
    [
        (
            {"archive.tgz": "0" * 96},
            'snapshot entry "archive.tgz" expected hash (0000000…) does not match actual (',
        ),
        ({"user/gone.tgz": "0" * 96}, 'missing archive member "user/gone.tgz"'),
    ],
)
def test_the_words_are_snapds(tmp_path: Path, sums: dict[str, str], fault: str) -> None:
    with Reader.open(str(written(tmp_path, sums=sums))) as reader:
        (verdict,) = reader.check()
    assert verdict.fault.startswith(fault)


def test_members_that_the_metadata_do_not_name_are_ignored(tmp_path: Path) -> None:
    sums = snapshot_of(7, "hello", ENTRIES).sums or {}
    only = {"archive.tgz": sums["archive.tgz"]}
    with Reader.open(str(damaged(written(tmp_path, sums=only), "user/bob.tgz"))) as reader:
        assert [verdict.entry for verdict in reader.check()] == ["archive.tgz"]
        assert reader.check()[0].fault == ""


def test_structure_finds_what_a_right_hash_hides(tmp_path: Path) -> None:
    entries = {"archive.tgz": ENTRIES["archive.tgz"][:-20], "user/alice.tgz": tgz({"elsewhere": {}})}
    path = write_snapshot(tmp_path / "7_hello_1.0_x1.zip", snapshot_of(7, "hello", entries), entries)
    with Reader.open(str(path)) as reader:
        assert [verdict.fault for verdict in reader.check()] == ["", ""]
        faults = [verdict.fault for verdict in reader.check(structure=True)]
    assert faults[0].startswith('snapshot entry "archive.tgz": ')
    assert "is outside of the revision and common directories" in faults[1]


def test_several_snapshots_are_checked_side_by_side(tmp_path: Path) -> None:
    world = World(tmp_path / "root")
    paths = [world.add(set_id, snap) for set_id, snap in ((2, "aa"), (1, "bb"), (1, "aa"))]
    paths[1].write_bytes(paths[1].read_bytes().replace(b"meta.sha3_384", b"meta.sha3_38x"))
    readers = [Reader.open(str(path)) for path in paths]
    verdicts = check(readers, [], Progress())
    for reader in readers:
        reader.close()
    assert [(v.set_id, v.snap, v.fault.partition(":")[0]) for v in verdicts] == [
        (1, "aa", ""),
        (1, "bb", "cannot open snapshot"),
        (2, "aa", ""),
    ]


def test_a_check_counts_all_bytes_and_can_be_stopped(path: Path) -> None:
    class Counting(Progress):
        done = 0

        def advance(self, amount: int) -> None:
            self.done += amount
            super().advance(amount)

    job = Counting()
    with Reader.open(str(path)) as reader:
        reader.check(progress=job)
        assert job.done == reader.snapshot.size
        job.stop()
        with pytest.raises(Cancelled):
            reader.check(progress=job)


def test_each_archive_is_a_part_of_its_own(path: Path) -> None:
    events: list[Event] = []
    with Reader.open(str(path)) as reader:
        reader.check(progress=Progress(events.append))
        sizes = {
            f"#7 hello, {user}": reader.stored_size(entry)
            for user, entry in (
                ("system", "archive.tgz"),
                ("alice", "user/alice.tgz"),
                ("bob", "user/bob.tgz"),
            )
        }
    ends = {e.part: (e.done, e.total) for e in events if isinstance(e, PartAdvanced) and e.ended}
    assert ends == {name: (size, size) for name, size in sizes.items()}
    assert {event.part for event in events if isinstance(event, Entered)} == {*sizes}


# -- a quick look


def looked_at(path: Path) -> list[str]:
    """The faults that a quick look finds; it reads nothing of the archives."""

    class Unread(Progress):
        def advance(self, amount: int) -> None:
            raise AssertionError("bytes of an archive were read")

    with Reader.open(str(path)) as reader:
        return [verdict.fault for verdict in check([reader], [], Unread(), CheckLevel.QUICK)]


def test_a_quick_look_at_what_is_sound(path: Path) -> None:
    assert looked_at(path) == ["", "", ""]
    assert looked_at(rewritten(path)) == ["", "", ""]


def test_a_quick_look_reads_no_archive(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[80] ^= 1
    path.write_bytes(raw)
    assert looked_at(path) == ["", "", ""]
    with Reader.open(str(path)) as reader:
        assert [bool(verdict.fault) for verdict in reader.check()] == [True, False, False]


def test_a_quick_look_finds_what_is_missing(path: Path) -> None:
    assert looked_at(rewritten(path, archive=None)) == ['missing archive member "archive.tgz"', "", ""]


def test_a_quick_look_finds_a_place_that_holds_no_archive(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[0] ^= 1
    path.write_bytes(raw)
    assert looked_at(path) == ["zip: not a valid zip file", "", ""]


def test_a_quick_look_compares_the_sizes(path: Path) -> None:
    size = len(ENTRIES["archive.tgz"])
    raw = bytearray(path.read_bytes())
    at = raw.index(b"PK\x01\x02") + 24  # what it unpacks to, in the directory
    assert int.from_bytes(raw[at : at + 4], "little") == size
    raw[at : at + 4] = (size + 1).to_bytes(4, "little")
    path.write_bytes(raw)
    fault = f'snapshot entry "archive.tgz" size ({size + 1}) different from actual ({size})'
    assert looked_at(path) == [fault, "", ""]


def test_a_quick_look_at_a_broken_one_and_a_stop(path: Path) -> None:
    with Reader.open(str(path)) as reader:
        progress = Progress()
        progress.stop()
        with pytest.raises(Cancelled):
            check([reader], [], progress, CheckLevel.QUICK)
    (fault,) = looked_at(rewritten(path, digest=b"0"))
    assert fault.startswith("cannot open snapshot: declared hash")


@pytest.mark.slow
@given(at=st.integers(0, 2000), bit=st.integers(0, 7))
def test_a_quick_look_at_damage_is_a_verdict_or_one_of_our_errors(
    at: int, bit: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = written(tmp_path_factory.mktemp("damaged"))
    raw = bytearray(path.read_bytes())
    raw[at % len(raw)] ^= 1 << bit
    path.write_bytes(raw)
    try:
        looked_at(path)
    except SnapshotError:
        pass


def test_a_file_that_becomes_shorter_is_a_fault(path: Path) -> None:
    with Reader.open(str(path)) as reader:
        os.truncate(path, 50)
        assert all(verdict.fault for verdict in reader.check())


# -- what is in it


def test_sizes_before_and_after_unpacking(path: Path) -> None:
    with Reader.open(str(path)) as reader:
        assert reader.unpacked_size("archive.tgz") >= 3000
        with pytest.raises(IntegrityError, match='missing archive member "user/carol'):
            reader.stored_size("user/carol.tgz")


def test_declared_size_is_true_where_it_is_certain(path: Path) -> None:
    with Reader.open(str(path)) as reader:
        declared = reader.declared("archive.tgz")
        assert declared == (10240, True)
        assert reader.unpacked_size("archive.tgz") == 10240
    with zipfile.ZipFile(path) as old:
        members = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name, data in members.items():
            new.writestr(name, data)
    with Reader.open(str(path)) as reader:
        assert not reader.declared("archive.tgz").certain


def test_restore_snapshot_puts_an_open_file_in_place(path: Path, tmp_path: Path) -> None:
    world = World(tmp_path / "root")
    with Reader.open(str(path)) as reader:
        state = restore_snapshot(reader, Layout(str(world.root)), Revision())
    assert len(state.moves) == 4


def test_streams_can_be_read_again_and_again(path: Path) -> None:
    with Reader.open(str(path)) as reader:
        assert contents(reader, "archive.tgz") == contents(reader, "archive.tgz") == ENTRIES["archive.tgz"]
