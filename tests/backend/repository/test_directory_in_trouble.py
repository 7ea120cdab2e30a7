"""A directory of files as a store that is missing, read-only, somebody else's, full or gone."""

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.repository.directory_store import DirectoryStore
from backend.repository.object_store import (
    StoreError,
    StoreRefusedError,
    StoreUnreachableError,
)
from backend.repository.probing import probe
from tests.contracts.object_store import FOLDER, KEY, keys_in, put, read
from tests.support.descriptors import descriptors
from tests.support.directorystore import files_in, make_store, make_top
from tests.support.mounting import Mounter, mounter

__all__ = ["mounter"]

MIB = 1 << 20


top = pytest.fixture(make_top)
store = pytest.fixture(make_store)


def test_a_missing_directory_is_told_as_one_that_is_not_mounted(tmp_path: Path) -> None:
    store = DirectoryStore(str(tmp_path / "usb"))
    acts: list[Callable[[], object]] = [
        lambda: put(store, KEY, b"x"),
        lambda: store.create(KEY, b"x"),
        lambda: read(store, KEY),
        lambda: store.read_range(KEY, 0, 1),
        lambda: store.size(KEY),
        lambda: store.delete(KEY),
        lambda: list(store.objects("")),
        lambda: store.sweep(0),
    ]
    for act in acts:
        with pytest.raises(
            StoreUnreachableError, match=f"there is no directory {tmp_path}/usb: is it mounted"
        ):
            act()
    assert not (tmp_path / "usb").exists()


def test_a_probe_makes_the_directory_for_nobody_else(tmp_path: Path) -> None:
    top = tmp_path / "new/repository"
    assert probe(DirectoryStore(str(top))).is_usable
    assert stat.S_IMODE(top.stat().st_mode) == 0o700
    assert os.listdir(top) == []


@pytest.mark.root
def test_a_mount_that_vanishes_is_told(mounter: Mounter, tmp_path: Path) -> None:
    top = mounter.tmpfs(tmp_path / "usb") / "backups"
    top.mkdir()
    store = DirectoryStore(str(top))
    upload = store.upload(KEY, 10)
    upload.write(b"12345")
    mounter.unmount(tmp_path / "usb")
    with pytest.raises(StoreUnreachableError, match="is it mounted"):
        store.size(KEY)
    upload.abort()
    with pytest.raises(StoreUnreachableError, match="is it mounted"):
        put(store, KEY, b"x")


@pytest.mark.root
def test_a_directory_that_can_only_be_read_is_told(mounter: Mounter, tmp_path: Path) -> None:
    store = DirectoryStore(str(mounter.tmpfs(tmp_path / "top")))
    put(store, KEY, b"x")
    mounter.remount(tmp_path / "top", "ro")
    acts: list[Callable[[], object]] = [
        lambda: put(store, "a", b"x"),
        lambda: store.create("a", b"x"),
        lambda: store.delete(KEY),
    ]
    for act in acts:
        with pytest.raises(StoreRefusedError, match="Read-only file system"):
            act()
    assert read(store, KEY) == b"x"


@pytest.mark.root
def test_a_directory_of_somebody_else_is_told(store: DirectoryStore, top: Path, tmp_path: Path) -> None:
    put(store, KEY, b"x")
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent, top):
        folder.chmod(0o755)
    os.seteuid(65534)
    try:
        for act in (lambda: put(store, "a", b"x"), lambda: read(store, KEY), lambda: list(store.objects(""))):
            with pytest.raises(StoreRefusedError, match="Permission denied"):
                act()
    finally:
        os.seteuid(0)


@pytest.mark.root
def test_a_full_disk_is_told_before_an_upload_that_has_no_room(mounter: Mounter, tmp_path: Path) -> None:
    store = DirectoryStore(str(mounter.tmpfs(tmp_path / "top", "size=4m")))
    with pytest.raises(
        StoreError, match=f"cannot write {KEY} in file://{tmp_path}/top: no space is left there"
    ):
        store.upload(KEY, 5 * MIB)
    assert files_in(tmp_path / "top") == []


@pytest.mark.root
def test_a_disk_that_becomes_full_leaves_nothing_and_works_on(mounter: Mounter, tmp_path: Path) -> None:
    before = descriptors()
    store = DirectoryStore(str(mounter.tmpfs(tmp_path / "top", "size=4m")))
    upload = store.upload(KEY, 1000)
    with pytest.raises(StoreError, match="no space is left there"):
        upload.write(bytes(5 * MIB))
    upload.abort()
    assert files_in(tmp_path / "top") == []
    put(store, KEY, b"small")
    with pytest.raises(StoreError, match="no space is left there"):
        store.create(f"{FOLDER}/large", bytes(5 * MIB))
    assert keys_in(store) == {KEY}
    assert descriptors() == before


@pytest.mark.parametrize("number", [errno.ESTALE, errno.ENOTCONN, errno.EHOSTDOWN, errno.ENODEV])
def test_a_share_that_went_away_is_told_as_unreachable(
    store: DirectoryStore, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    put(store, KEY, b"x")

    def gone(*_arguments: object) -> bytes:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "pread", gone)
    with pytest.raises(StoreUnreachableError, match="is it still mounted"):
        store.read_range(KEY, 0, 1)
