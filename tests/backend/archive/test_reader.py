"""A snapshot file that is not what it should be is told as such, and never trusted."""

import os
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.archive.reader import Reader, read_snapshot, unreadable
from backend.errors import IntegrityError, SnapshotError
from backend.model import Revision
from tests import golden
from tests.support.builders import snapshot_of
from tests.support.descriptors import descriptors
from tests.support.reading import ENTRIES, contents, make_path, rewritten, written

path = pytest.fixture(make_path)


def test_written_snapshot_is_read(path: Path) -> None:
    with Reader.open(str(path)) as reader:
        expected = snapshot_of(7, "hello", ENTRIES, path=str(path))
        assert reader.snapshot == expected
        assert reader.snapshot.users == ["alice", "bob"]
        assert [reader.stored_size(entry) for entry in expected.entries] == [len(d) for d in ENTRIES.values()]


def test_another_librarys_zip_is_as_good(path: Path) -> None:
    with Reader.open(str(rewritten(path))) as reader:
        assert reader.snapshot.broken == ""
        assert [verdict.fault for verdict in reader.check()] == ["", "", ""]


@pytest.mark.parametrize("name", [file["file"] for s in golden.index()["sets"].values() for file in s])
def test_real_snapshots_are_sound(name: str) -> None:
    with Reader.open(str(golden.SNAPSHOTS / name)) as reader:
        faults = [verdict.fault for verdict in reader.check(structure=True)]
        if reader.snapshot.entries:
            assert faults == [""] * len(reader.snapshot.entries)
        else:
            assert faults == ["cannot open snapshot: invalid snapshot"]


def test_the_name_may_say_another_set_and_a_given_id_wins(path: Path) -> None:
    renamed = path.rename(path.with_name("33_whatever.zip"))
    with Reader.open(str(renamed)) as reader:
        assert (reader.snapshot.set_id, reader.snapshot.warning) == (
            33,
            "file name does not fit 33_hello_1.0_x1.zip",
        )
    with Reader.open(str(renamed), 4) as reader:
        assert reader.snapshot.set_id == 4


def test_a_name_that_is_no_snapshots_needs_an_id(path: Path) -> None:
    renamed = path.rename(path.with_name("hello.zip"))
    with pytest.raises(SnapshotError, match=f'not a snapshot filename: "{renamed}"'):
        Reader.open(str(renamed))
    with Reader.open(str(renamed), 4) as reader:
        assert reader.snapshot.set_id == 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"meta": None}, 'missing archive member "meta.json"'),
        ({"meta": b"[]"}, ""),
        ({"meta": b"no json"}, ""),
        ({"meta": b'{"set":1'}, ""),
    ],
)
def test_metadata_that_cannot_be_decoded_raise(path: Path, changes: dict[str, bytes], message: str) -> None:
    with pytest.raises(IntegrityError, match=message or None):
        Reader.open(str(rewritten(path, **changes)))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"digest": None}, 'missing archive member "meta.sha3_384"'),
        ({"digest": b"abcdefgh" * 12}, "declared hash (abcdefg…) does not match actual ("),
        ({"digest": b""}, "declared hash (…) does not match actual ("),
        ({"digest": b"x" * 5000}, 'archive member "meta.sha3_384" is larger than 4096 bytes'),
        ({"meta": b"{}"}, "invalid snapshot"),
    ],
)
def test_wrong_metadata_make_a_snapshot_broken(path: Path, changes: dict[str, bytes], reason: str) -> None:
    with Reader.open(str(rewritten(path, **changes))) as reader:
        assert reader.snapshot.broken.startswith(reason)
        assert [verdict.fault for verdict in reader.check()] == [
            f"cannot open snapshot: {reader.snapshot.broken}"
        ]


def test_white_space_around_the_hash_is_accepted(path: Path) -> None:
    with zipfile.ZipFile(path) as file:
        digest = file.read("meta.sha3_384").strip()
    with Reader.open(str(rewritten(path, digest=b"\n " + digest + b" \n\n"))) as reader:
        assert reader.snapshot.broken == ""


@pytest.mark.parametrize("name", ["../../etc", "a/b", "UPPER", "x" * 200, "", "-dash"])
def test_hostile_names_in_the_metadata_are_broken(tmp_path: Path, name: str) -> None:
    snapshot = read_snapshot(str(written(tmp_path, snap=name)))
    assert snapshot.broken
    assert (snapshot.hidden, snapshot.set_id) == (False, 7)


def test_a_file_that_is_no_file(tmp_path: Path, path: Path) -> None:
    for number, make in enumerate((os.mkdir, os.mkfifo), 1):
        odd = tmp_path / f"9_odd_1.0_x{number}.zip"
        make(odd)
        snapshot = read_snapshot(str(odd))
        assert (snapshot.set_id, snapshot.snap, snapshot.hidden) == (9, "odd", True)
    link = tmp_path / "8_hello_1.0_x1.zip"
    link.symlink_to(path)
    assert read_snapshot(str(link)).broken


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_snapshot(str(tmp_path / "1_hello_1.0_x1.zip"))


def test_of_what_cannot_be_read_only_the_name_is_known() -> None:
    snapshot = unreadable("/a/12_hello_v1.33_42.zip", "why")
    assert snapshot[:4] == (12, "0001-01-01T00:00:00Z", "hello", Revision(42))
    assert (snapshot.version, snapshot.broken, snapshot.hidden) == ("v1.33", "why", True)
    assert unreadable("/a/12_odd.zip", "why")[:4] == (12, "0001-01-01T00:00:00Z", "", Revision())


def test_nothing_stays_open(path: Path) -> None:
    before = descriptors()
    reader = Reader.open(str(path))
    reader.close()
    reader.close()
    path.write_bytes(b"junk")
    with pytest.raises(IntegrityError):
        Reader.open(str(path))
    read_snapshot(str(path))
    assert descriptors() == before


@pytest.mark.slow
@given(at=st.floats(0, 0.999), mask=st.integers(1, 255))
def test_any_damaged_byte_is_noticed_or_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, at: float, mask: int
) -> None:
    path = written(tmp_path_factory.mktemp("zip"))
    raw = bytearray(path.read_bytes())
    raw[int(at * len(raw))] ^= mask
    path.write_bytes(raw)
    snapshot = read_snapshot(str(path))
    if not snapshot.broken:
        assert snapshot == snapshot_of(7, "hello", ENTRIES, path=str(path))
        with Reader.open(str(path)) as reader:
            if not any(verdict.fault for verdict in reader.check(structure=True)):
                for entry, data in ENTRIES.items():
                    assert contents(reader, entry) == data


@given(st.binary(max_size=3000))
def test_arbitrary_bytes(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    path = tmp_path_factory.mktemp("zip") / "7_hello_1.0_x1.zip"
    path.write_bytes(raw)
    assert read_snapshot(str(path)).broken
