import json
import os
import time
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.format.gojson import loads
from backend.fs import files
from backend.host.layout import Layout
from backend.model import Epoch, Json, Number, Revision, Snapshot
from backend.store.metadata_cache import MetadataCache, cache_directory

MANY = 64
SNAPSHOT = Snapshot(
    12,
    "2026-11-22T09:09:36.185921212Z",
    "hello",
    Revision(-1),
    snap_id="id",
    epoch=Epoch((1, 3), (3,)),
    summary="<é>",
    version="1.0",
    conf={"n": Number("1.50e+02"), "l": [Number("1"), None, {"a": True}], "s": "é\n"},
    sums={"archive.tgz": "ab", "user/ada.tgz": "cd"},
    size=1 << 40,
    exclude=("$SNAP_DATA/*",),
    auto=True,
    warning="renamed",
)


def later() -> int:
    """It is ten seconds later: what was written just now has settled."""
    return time.time_ns() + 10_000_000_000


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    """A state folder."""
    path = tmp_path / "own"
    path.mkdir()
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A store of as many files as make an index worthwhile."""
    path = tmp_path / "store"
    path.mkdir()
    for number in range(MANY):
        (path / name_of(number)).write_text("content")
    return path


def name_of(number: int) -> str:
    return f"{number}_hello_1.0_x1.zip"


def listed(
    state_dir: Path, folder: Path, fresh: Snapshot = SNAPSHOT, clock: Callable[[], int] = later
) -> list[str]:
    """List a store; answers the names of the files that had to be read."""
    read = []
    with MetadataCache.opened(lambda: str(state_dir), str(folder), clock) as index:
        for name in sorted(os.listdir(folder)):
            snapshot = index.snapshot(name)
            if snapshot is None:
                read.append(name)
                index.remember(name, fresh._replace(path=f"{folder}/{name}"))
            else:
                assert snapshot == fresh._replace(path=f"{folder}/{name}")
    return read


def kept(state_dir: Path) -> bytes:
    """The index itself: the only file in the state folder."""
    (path,) = state_dir.iterdir()
    return path.read_bytes()


def test_unchanged_files_are_not_read_again(state_dir: Path, folder: Path) -> None:
    assert len(listed(state_dir, folder)) == MANY
    assert listed(state_dir, folder) == []


def grow(path: Path) -> None:
    before = path.stat()
    path.write_text("longer content")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def rewrite(path: Path) -> None:
    """Same size, same inode, same time of modification: the time of change tells."""
    before = path.stat()
    path.write_text("CONTENT")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace(path: Path) -> None:
    before = path.stat()
    other = path.with_name("other")
    other.write_text("CONTENT")
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.rename(path)


def touch(path: Path) -> None:
    os.utime(path, ns=(1, 1))


@pytest.mark.parametrize("change", [grow, rewrite, replace, touch])
def test_any_change_is_seen(state_dir: Path, folder: Path, change: Callable[[Path], None]) -> None:
    listed(state_dir, folder)
    change(folder / name_of(7))
    assert listed(state_dir, folder) == [name_of(7)]
    assert listed(state_dir, folder) == []


def test_files_changed_just_now_are_never_trusted(state_dir: Path, folder: Path) -> None:
    for _ in range(2):
        assert len(listed(state_dir, folder, clock=time.time_ns)) == MANY


def test_files_changing_while_they_are_read_are_read_again(state_dir: Path, folder: Path) -> None:
    path = folder / name_of(3)
    with MetadataCache.opened(lambda: str(state_dir), str(folder), later) as index:
        for name in os.listdir(folder):
            assert index.snapshot(name) is None
            if name == path.name:
                grow(path)
            index.remember(name, SNAPSHOT)
    assert listed(state_dir, folder) == [path.name]


def test_a_clock_set_back_is_no_reason_to_trust(state_dir: Path, folder: Path) -> None:
    listed(state_dir, folder, clock=lambda: 0)
    assert len(listed(state_dir, folder)) == MANY


def test_a_small_store_does_without(state_dir: Path, folder: Path) -> None:
    (folder / name_of(0)).unlink()
    for _ in range(2):
        assert len(listed(state_dir, folder)) == MANY - 1
    assert os.listdir(state_dir) == []


def test_a_store_that_is_not_there(state_dir: Path, tmp_path: Path) -> None:
    with MetadataCache.opened(lambda: str(state_dir), str(tmp_path / "nothing"), later):
        pass
    assert os.listdir(state_dir) == []


def test_removed_files_are_forgotten(state_dir: Path, folder: Path) -> None:
    (folder / "more").touch()
    listed(state_dir, folder)
    assert b'"5_hello' in kept(state_dir)
    (folder / name_of(5)).unlink()
    assert listed(state_dir, folder) == []
    assert b'"5_hello' not in kept(state_dir)


def test_a_file_that_vanishes_while_the_store_is_listed(state_dir: Path, folder: Path) -> None:
    with MetadataCache.opened(lambda: str(state_dir), str(folder), later) as index:
        (folder / name_of(5)).unlink()
        with pytest.raises(FileNotFoundError):
            index.snapshot(name_of(5))


def test_a_listing_left_early_forgets_nothing(state_dir: Path, folder: Path) -> None:
    listed(state_dir, folder)
    touch(folder / name_of(0))
    with MetadataCache.opened(lambda: str(state_dir), str(folder), later) as index:
        assert index.snapshot(name_of(0)) is None
        index.remember(name_of(0), SNAPSHOT)
    assert listed(state_dir, folder) == []


def test_metadata_read_before_a_failure_are_kept(state_dir: Path, folder: Path) -> None:
    def fail(index: MetadataCache) -> None:
        index.snapshot(name_of(0))
        index.remember(name_of(0), SNAPSHOT)
        raise ZeroDivisionError

    with (
        pytest.raises(ZeroDivisionError),
        MetadataCache.opened(lambda: str(state_dir), str(folder), later) as index,
    ):
        fail(index)
    assert len(listed(state_dir, folder)) == MANY - 1


def test_an_unchanged_index_is_not_written_again(state_dir: Path, folder: Path) -> None:
    listed(state_dir, folder)
    (path,) = state_dir.iterdir()
    before = path.stat()
    listed(state_dir, folder)
    assert path.stat().st_ino == before.st_ino


def test_hidden_snapshots_are_not_remembered(state_dir: Path, folder: Path) -> None:
    hidden = SNAPSHOT._replace(broken="undecodable", hidden=True)
    for _ in range(2):
        assert len(listed(state_dir, folder, hidden)) == MANY


def test_names_that_are_no_text(state_dir: Path, folder: Path) -> None:
    (folder / os.fsdecode(b"7_\xff.zip")).touch()
    assert len(listed(state_dir, folder)) == MANY + 1
    assert listed(state_dir, folder) == []


@pytest.mark.slow
@given(raw=st.binary(max_size=200), at=st.integers(0, 4000), cut=st.booleans())
def test_a_damaged_index_is_as_good_as_none(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes, at: int, cut: bool
) -> None:
    state_dir, folder = tmp_path_factory.mktemp("own"), tmp_path_factory.mktemp("store")
    for number in range(MANY):
        (folder / name_of(number)).touch()
    listed(state_dir, folder)
    (path,) = state_dir.iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[:at] + raw + (b"" if cut else whole[at + len(raw) :]))
    intact = path.read_bytes() == whole
    assert len(listed(state_dir, folder)) == (0 if intact else MANY)
    assert listed(state_dir, folder) == []


@pytest.mark.parametrize(
    "raw", [b"", b"snapstow index 1\n{}", b"SQLite format 3\0" + bytes(4096), b"\xff" * 99]
)
def test_other_content_than_a_cache_is_replaced(state_dir: Path, folder: Path, raw: bytes) -> None:
    listed(state_dir, folder)
    (path,) = state_dir.iterdir()
    path.write_bytes(raw)
    assert len(listed(state_dir, folder)) == MANY
    assert listed(state_dir, folder) == []


@pytest.mark.parametrize("plant", [os.mkfifo, os.mkdir, lambda path: os.symlink("elsewhere", path)])
def test_odd_things_in_its_place_are_no_index(
    state_dir: Path, folder: Path, plant: Callable[[Path], None]
) -> None:
    listed(state_dir, folder)
    (path,) = state_dir.iterdir()
    path.unlink()
    plant(path)
    assert len(listed(state_dir, folder)) == MANY
    assert not (state_dir / "elsewhere").exists()


@pytest.mark.root
def test_somebody_elses_index_is_not_believed(state_dir: Path, folder: Path) -> None:
    listed(state_dir, folder)
    (path,) = state_dir.iterdir()
    os.chown(path, 12345, 12345)
    assert len(listed(state_dir, folder)) == MANY


def test_an_index_that_cannot_be_written_is_still_of_use(
    state_dir: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed(state_dir, folder)
    touch(folder / name_of(2))
    before = kept(state_dir)

    def refuse(path: str, *_arguments: object) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(files, "write_whole", refuse)
    for _ in range(2):
        assert listed(state_dir, folder) == [name_of(2)]
    assert kept(state_dir) == before


def test_the_index_is_private(state_dir: Path, folder: Path) -> None:
    listed(state_dir, folder)
    (path,) = state_dir.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600


json_values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text() | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    conf = draw(st.none() | st.dictionaries(st.text(), json_values, max_size=3).map(json.dumps))
    read: Json = None if conf is None else loads(conf.encode())
    assert isinstance(read, dict | None)
    lists = st.lists(st.integers(0), max_size=10).map(tuple)
    return SNAPSHOT._replace(
        set_id=draw(st.integers(0, (1 << 64) - 1)),
        conf=read,
        epoch=draw(st.builds(Epoch, lists, lists)),
        sums=draw(st.none() | st.dictionaries(st.text(), st.text())),
        exclude=draw(st.none() | st.lists(st.text()).map(tuple)),
    )


@given(snapshots())
def test_any_remembered_metadata_come_back(
    tmp_path_factory: pytest.TempPathFactory, snapshot: Snapshot
) -> None:
    state_dir, folder = tmp_path_factory.mktemp("own"), tmp_path_factory.mktemp("store")
    for count in range(MANY):
        (folder / name_of(count)).touch()
    assert len(listed(state_dir, folder, snapshot)) == MANY
    assert listed(state_dir, folder, snapshot) == []


def test_the_checksum_is_of_all_the_rows(state_dir: Path, folder: Path) -> None:
    listed(state_dir, folder)
    start, _, content = kept(state_dir).partition(b"\n")
    assert start.endswith(b" %08x" % zlib.crc32(content))
    assert sorted(json.loads(content)) == sorted(name_of(number) for number in range(MANY))


def test_the_first_listing_of_a_root_is_kept_in_the_users_cache(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    layout = Layout(str(tmp_path))
    directory = partial(cache_directory, layout, str(tmp_path / "no-state"))
    with MetadataCache.opened(directory, str(folder), later) as index:
        assert index.snapshot(name_of(1)) is None
        index.remember(name_of(1), SNAPSHOT)
    kept = tmp_path / "caches" / layout.own_name / "index.json"
    assert kept.stat().st_mode & 0o077 == kept.parent.stat().st_mode & 0o077 == 0
    assert not (tmp_path / "no-state").exists()
    with MetadataCache.opened(directory, str(folder), later) as index:
        assert index.snapshot(name_of(1)) is not None


def test_a_few_files_are_not_worth_a_cache(tmp_path: Path) -> None:
    def refuse() -> str:
        raise AssertionError("nobody was to ask")

    with MetadataCache.opened(refuse, str(tmp_path)) as index:
        assert index.snapshot(name_of(1)) is None


def test_the_cache_moves_into_the_state_folder_with_the_first_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    layout = Layout(str(tmp_path))
    state_dir = tmp_path / "var/lib/snapstow"
    assert cache_directory(layout, str(state_dir)) == f"{tmp_path}/{layout.own_name}"
    state_dir.mkdir(parents=True)
    assert cache_directory(layout, str(state_dir)) == str(state_dir)


def test_without_a_home_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", "")
    monkeypatch.setattr(os, "geteuid", lambda: 987654)
    assert cache_directory(Layout(str(tmp_path)), str(tmp_path / "state")) == ""
