"""Locks between processes, and copies of files."""

import multiprocessing
import os
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import ConflictError
from backend.fs import files, locks
from backend.fs.files import Fingerprint, copy_range
from backend.fs.locks import FileLock, is_locked

FORK = multiprocessing.get_context("fork")


def _hold(path: str, shared: bool, line: Connection) -> None:
    with FileLock(path, "busy").held(shared=shared):
        line.send("held")
        line.recv()


class Holder:
    """Another process that holds a lock."""

    def __init__(self, path: Path, *, shared: bool = False) -> None:
        self._line, there = FORK.Pipe()
        self._process = FORK.Process(target=_hold, args=(str(path), shared, there))

    def __enter__(self) -> "Holder":
        self._process.start()
        self._line.recv()
        return self

    def die(self) -> None:
        """End as if the power failed."""
        self._process.kill()
        self._process.join()

    def __exit__(self, *_failure: object) -> None:
        self.die()


def test_a_lock_excludes_other_processes(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    lock = FileLock(str(path), "somebody else is busy")
    with Holder(path) as holder:
        assert is_locked(str(path))
        for shared in (False, True):
            with pytest.raises(ConflictError, match="somebody else is busy"), lock.held(shared=shared):
                raise AssertionError("held twice")
        holder.die()
        assert not is_locked(str(path))
        with lock.held(wait=True):
            assert is_locked(str(path))
    assert not is_locked(str(path))


def test_a_shared_lock_excludes_only_the_exclusive(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    lock = FileLock(str(path), "busy")
    with Holder(path, shared=True):
        with lock.held(shared=True):
            pass
        with pytest.raises(ConflictError), lock.held():
            raise AssertionError("held twice")


def test_a_lock_is_let_go_after_a_failure(tmp_path: Path) -> None:
    lock = FileLock(str(tmp_path / "lock"), "busy")
    with pytest.raises(ZeroDivisionError), lock.held():
        raise ZeroDivisionError
    with lock.held():
        pass


def test_a_planted_link_is_not_locked_nor_made(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to("elsewhere")
    with pytest.raises(OSError, match="symbolic link"), FileLock(str(tmp_path / "lock"), "busy").held():
        raise AssertionError("held")
    assert os.listdir(tmp_path) == ["lock"]
    assert not is_locked(str(tmp_path / "lock"))


def test_only_an_open_file_that_is_locked_is_in_use(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert not is_locked(str(path))
    with files.opened(str(path), files.NEW_FILE) as fd:
        assert not is_locked(str(path))
        with locks.locked(fd):
            assert is_locked(str(path))
        assert not is_locked(str(path))
    assert not is_locked(str(path / "below"))


# -- copying


@given(
    data=st.binary(max_size=3000),
    offset=st.integers(0, 3200),
    length=st.integers(0, 3200),
    appending=st.booleans(),
)
def test_a_piece_is_copied_to_the_end(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, offset: int, length: int, appending: bool
) -> None:
    folder = tmp_path_factory.mktemp("copy")
    (folder / "source").write_bytes(data)
    (folder / "target").write_bytes(b"before")
    counted: list[int] = []
    # The kernel copies nothing into a file opened for appending, so that one goes through memory.
    flags = os.O_WRONLY | (os.O_APPEND if appending else 0)
    with (
        files.opened(str(folder / "source")) as source,
        files.opened(str(folder / "target"), flags) as target,
    ):
        os.lseek(target, 0, os.SEEK_END)
        copied = copy_range(source, offset, target, length, advance=counted.append)
    wanted = data[offset : offset + length]
    assert (folder / "target").read_bytes() == b"before" + wanted
    assert (copied, sum(counted)) == (len(wanted), len(wanted))


def test_a_copy_between_file_systems(tmp_path: Path) -> None:
    """Into a pipe, which no kernel copies ranges to."""
    (tmp_path / "source").write_bytes(b"0123456789")
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as pipe, files.opened(str(tmp_path / "source")) as source:
        assert copy_range(source, 2, writer, 5, advance=lambda _count: None) == 5
        os.close(writer)
        assert pipe.read() == b"23456"


def test_a_copy_can_be_stopped(tmp_path: Path) -> None:
    def stop(_count: int) -> None:
        raise ZeroDivisionError

    (tmp_path / "source").write_bytes(bytes(100))
    with (
        files.opened(str(tmp_path / "source")) as source,
        files.opened(str(tmp_path / "target"), files.NEW_FILE) as target,
        pytest.raises(ZeroDivisionError),
    ):
        copy_range(source, 0, target, 100, advance=stop)


def test_everything_can_be_synced(tmp_path: Path) -> None:
    files.sync_directory(str(tmp_path))
    with files.opened(str(tmp_path), files.DIRECTORY) as fd:
        files.sync_filesystem(fd)


def test_random_names_are_of_the_letters_of_snapd() -> None:
    names = {files.random_name() for _ in range(200)}
    assert len(names) == 200
    assert {len(name) for name in names} == {12}
    assert set("".join(names)) <= set("BCDFGHJKLMNPQRSTVWXYbcdfghjklmnpqrstvwxy0123456789")


class TestFingerprint:
    def test_another_content_of_equal_size_and_time_has_another(self, tmp_path: Path) -> None:
        path = tmp_path / "f"
        path.write_bytes(b"old")
        before, times = files.fingerprint_at(str(path)), path.stat()
        path.write_bytes(b"new")
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        assert files.fingerprint_at(str(path)) not in (None, before)

    def test_a_file_that_is_moved_keeps_what_matters(self, tmp_path: Path) -> None:
        path = tmp_path / "f"
        path.write_bytes(b"old")
        before = Fingerprint.of(path.stat())
        path.rename(tmp_path / "g")
        after = Fingerprint.of((tmp_path / "g").stat())
        assert after[:4] == before[:4]
        assert after.within_file_system == after[1:]

    def test_nothing_has_none(self, tmp_path: Path) -> None:
        assert files.fingerprint_at(str(tmp_path / "nothing")) is None
