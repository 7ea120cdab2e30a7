"""A directory of files as a store: whole or not at all, private, and never outside of itself."""

import errno
import os
import signal
import stat
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from backend.errors import NotFoundError, SnapshotError
from backend.fs import files
from backend.repository.directory_store import DirectoryStore
from backend.repository.object_store import (
    AlreadyStoredError,
)
from tests.contracts.object_store import KEY, keys_in, put, read
from tests.support.directorystore import files_in, make_store, make_top
from tests.support.mounting import mounter

__all__ = ["mounter"]

MIB = 1 << 20


top = pytest.fixture(make_top)
store = pytest.fixture(make_store)


# -- privacy


@pytest.mark.parametrize("umask", [0, 0o022, 0o377])
def test_an_object_is_readable_by_its_owner_alone_whatever_the_umask(
    store: DirectoryStore, top: Path, umask: int
) -> None:
    before = os.umask(0)
    try:
        store.create("first/of/all", b"makes the directories")
        os.umask(umask)
        put(store, "first/of/upload", b"x")
        store.create("first/of/create", b"x")
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in files_in(top)} == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in top.rglob("*") if path.is_dir()} == {0o700}


def test_an_upload_under_way_is_private_from_its_first_byte(store: DirectoryStore, top: Path) -> None:
    before = os.umask(0)
    try:
        upload = store.upload(KEY, 10)
    finally:
        os.umask(before)
    (part,) = files_in(top)
    assert stat.S_IMODE(part.stat().st_mode) == 0o600
    upload.abort()


# -- links, and what is no file


def test_a_link_on_the_way_is_not_followed(store: DirectoryStore, top: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "v1").mkdir(parents=True)
    (outside / "v1/object").write_bytes(b"secret")
    (top / "snapstow").symlink_to(outside)
    acts: list[Callable[[], object]] = [
        lambda: put(store, "snapstow/v1/new", b"x"),
        lambda: store.create("snapstow/new", b"x"),
        lambda: read(store, "snapstow/v1/object"),
        lambda: store.read_range("snapstow/v1/object", 0, 5),
        lambda: store.size("snapstow/v1/object"),
        lambda: store.delete("snapstow/v1/object"),
        lambda: list(store.objects("snapstow/v1/")),
    ]
    for act in acts:
        with pytest.raises(SnapshotError):
            act()
    assert keys_in(store) == set()
    store.sweep(0)
    assert files_in(outside) == [outside / "v1/object"]


def test_a_link_in_place_of_an_object_is_neither_listed_nor_read(
    store: DirectoryStore, top: Path, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    (top / "object").symlink_to(secret)
    assert keys_in(store) == set()
    with pytest.raises(SnapshotError):
        read(store, "object")
    with pytest.raises(AlreadyStoredError):
        store.create("object", b"x")
    store.delete("object")
    assert secret.read_bytes() == b"secret"


def test_something_else_than_a_file_is_no_object_and_keeps_nobody_waiting(
    store: DirectoryStore, top: Path
) -> None:
    os.mkfifo(top / "pipe")
    (top / "folder").mkdir()
    assert keys_in(store) == set()
    for name in ("pipe", "folder"):
        with pytest.raises(NotFoundError):
            read(store, name)


def test_the_directory_itself_may_be_reached_through_a_link(top: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(top)
    put(DirectoryStore(str(tmp_path / "link")), KEY, b"x")
    assert keys_in(DirectoryStore(str(top))) == {KEY}


def test_strange_names_beside_objects_are_left_alone(store: DirectoryStore, top: Path) -> None:
    (top / "lost+found").mkdir()
    for name in (".hidden", "lost+found/x", "a b", "notes~"):
        (top / name).write_text("not ours")
    put(store, KEY, b"x")
    assert keys_in(store) == {KEY}
    store.sweep(0)
    store.delete(KEY)
    assert len(files_in(top)) == 4


# -- names taken once


def test_an_upload_replaces_nothing(store: DirectoryStore, top: Path) -> None:
    put(store, KEY, b"first")
    with pytest.raises(AlreadyStoredError, match="it is there already"):
        put(store, KEY, b"second")
    assert read(store, KEY) == b"first"


def test_an_upload_that_found_its_name_taken_leaves_nothing_once_aborted(
    store: DirectoryStore, top: Path
) -> None:
    upload = store.upload(KEY, 5)
    upload.write(b"later")
    put(store, KEY, b"first")
    with pytest.raises(AlreadyStoredError):
        upload.finish()
    upload.abort()
    assert files_in(top) == [top / KEY]


@pytest.mark.parametrize("way", ["link", "rename"])
def test_of_many_writers_of_one_name_one_wins(
    store: DirectoryStore, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    if way == "rename":
        monkeypatch.setattr(os, "link", _refuse_links)

    def write(number: int) -> bool:
        try:
            store.create(KEY, b"%d" % number)
        except AlreadyStoredError:
            return False
        return True

    for _ in range(20):
        with ThreadPoolExecutor(8) as pool:
            won = list(pool.map(write, range(8)))
        assert won.count(True) == 1
        assert read(store, KEY) == b"%d" % won.index(True)
        store.delete(KEY)


def test_a_file_system_with_neither_links_nor_exclusive_renames_still_keeps_objects(
    store: DirectoryStore, top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", _refuse_links)
    monkeypatch.setattr(files, "_rename", lambda *_arguments, **_flags: False)
    put(store, KEY, b"first")
    with pytest.raises(AlreadyStoredError):
        store.create(KEY, b"second")
    assert read(store, KEY) == b"first"
    assert files_in(top) == [top / KEY]


def _refuse_links(*_arguments: object, **_options: object) -> None:
    raise OSError(errno.EPERM, os.strerror(errno.EPERM))


# -- directories


def test_directories_go_with_their_last_object_and_the_top_stays(store: DirectoryStore, top: Path) -> None:
    for name in ("a/b/c/one", "a/b/two"):
        store.create(name, b"x")
    store.delete("a/b/c/one")
    assert sorted(path.name for path in top.rglob("*")) == ["a", "b", "two"]
    store.delete("a/b/two")
    assert os.listdir(top) == []


def test_an_upload_under_way_keeps_its_directory(store: DirectoryStore) -> None:
    upload = store.upload("a/b/upload", 1)
    store.create("a/b/one", b"x")
    store.delete("a/b/one")
    upload.write(b"x")
    upload.finish()
    assert keys_in(store) == {"a/b/upload"}


def test_writers_and_removers_of_one_directory_do_not_hinder_each_other(
    store: DirectoryStore, top: Path
) -> None:
    def come_and_go(writer: int) -> None:
        for number in range(50):
            store.create(f"a/b/{writer}-{number}", b"x")
            store.delete(f"a/b/{writer}-{number}")

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(come_and_go, range(6)))
    assert os.listdir(top) == []


# -- death


def test_an_upload_killed_anywhere_lists_nothing_and_is_swept(store: DirectoryStore, top: Path) -> None:
    for number in range(1, 30):
        died = _dies_at(number, lambda: put(store, KEY, bytes(3 * MIB)))
        whole = [key for key in keys_in(store) if store.size(key) == 3 * MIB]
        assert keys_in(store) == set(whole)
        with _aged(top):
            store.sweep(3600)
        assert files_in(top) == [top / key for key in whole]
        if not died:
            assert whole == [KEY]
            return
        for key in whole:
            store.delete(key)
    pytest.fail("the upload never came to its end")


def test_a_sweep_spares_uploads_that_are_written_to(store: DirectoryStore, top: Path) -> None:
    upload = store.upload(KEY, 1)
    upload.write(b"x")
    store.sweep(3600)
    upload.finish()
    assert keys_in(store) == {KEY}


@contextmanager
def _aged(top: Path) -> Iterator[None]:
    """Let what is there be written two days ago."""
    for path in files_in(top):
        os.utime(path, (time.time() - 2 * 86400,) * 2)
    yield


def _dies_at(number: int, act: Callable[[], object]) -> bool:
    """Whether a process that does it was killed just before its so many-th call that changes a disk."""
    child = os.fork()
    if child == 0:
        left = number

        def counted(call: Callable[..., object]) -> Callable[..., object]:
            def strike(*arguments: object, **options: object) -> object:
                nonlocal left
                left -= 1
                if not left:
                    os.kill(os.getpid(), signal.SIGKILL)
                return call(*arguments, **options)

            return strike

        for name in ("mkdir", "open", "write", "fsync", "link", "unlink", "rename"):
            setattr(os, name, counted(getattr(os, name)))
        act()
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])
