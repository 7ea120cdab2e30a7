import errno
import multiprocessing
import os
import stat
import tempfile
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import ConflictError, NoSpaceError, NotAllowedError, SnapshotError
from backend.fs import files
from backend.fs.files import (
    FileLock,
    Fingerprint,
    copy_range,
    is_locked,
    remove_tree,
    rename_new,
    write_whole,
)

FORK = multiprocessing.get_context("fork")


# -- errors


@pytest.mark.parametrize(
    ("cause", "kind", "text"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/a"), NoSpaceError, 'insufficient space in "/a"'),
        (OSError(errno.EDQUOT, "Quota exceeded"), NoSpaceError, 'insufficient space in "the file system"'),
        (PermissionError(errno.EACCES, "Permission denied", "/a"), NotAllowedError, "no permission for /a"),
        (PermissionError(errno.EPERM, "not permitted"), NotAllowedError, "no permission for it"),
        (
            FileNotFoundError(errno.ENOENT, "No such file or directory", "/a"),
            SnapshotError,
            "/a: No such file",
        ),
        (OSError("odd"), SnapshotError, "cannot do it: odd"),
    ],
)
def test_errors_of_the_system_begin_with_the_attempt(
    cause: OSError, kind: type[SnapshotError], text: str
) -> None:
    with pytest.raises(SnapshotError, match=r"^cannot do it") as caught, files.os_errors_as("cannot do it"):
        raise cause
    assert type(caught.value) is kind
    assert text in str(caught.value)
    assert caught.value.__cause__ is cause


# -- writing and reading whole files


@given(st.binary(max_size=5000), st.sampled_from([0o600, 0o644]))
def test_a_file_is_written_whole(tmp_path_factory: pytest.TempPathFactory, data: bytes, mode: int) -> None:
    folder = tmp_path_factory.mktemp("whole")
    for content in (b"before", data):
        write_whole(str(folder / "file"), content, mode)
    assert (folder / "file").read_bytes() == data
    assert stat.S_IMODE((folder / "file").stat().st_mode) == mode
    assert os.listdir(folder) == ["file"]


def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(IsADirectoryError):
        write_whole(str(tmp_path / "file"), b"data")
    assert os.listdir(tmp_path) == ["file"]


def test_a_link_is_replaced_not_followed(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("theirs")
    (tmp_path / "file").symlink_to("target")
    write_whole(str(tmp_path / "file"), b"ours")
    assert (tmp_path / "target").read_text() == "theirs"
    assert not (tmp_path / "file").is_symlink()


def test_in_the_present_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_whole("file", b"data")
    assert files.read_whole("file", 4) == b"data"


@pytest.mark.parametrize(("cap", "fits"), [(0, False), (9, False), (10, True), (1 << 30, True)])
def test_reading_is_capped(tmp_path: Path, cap: int, fits: bool) -> None:
    (tmp_path / "file").write_bytes(b"0123456789")
    if fits:
        assert files.read_whole(str(tmp_path / "file"), cap) == b"0123456789"
        return
    with pytest.raises(OSError, match="larger than") as caught:
        files.read_whole(str(tmp_path / "file"), cap)
    assert caught.value.errno == errno.EFBIG


@pytest.mark.parametrize("plant", [os.mkfifo, os.mkdir])
def test_only_regular_files_are_read(tmp_path: Path, plant: Callable[[Path], None]) -> None:
    plant(tmp_path / "odd")
    with pytest.raises(OSError, match="not a regular file"):
        files.read_whole(str(tmp_path / "odd"), 10)


# -- directories


def test_missing_directories_are_made_and_told(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    wanted = tmp_path / "a/b/c"
    assert files.make_directories(str(wanted), 0o700) == [str(tmp_path / "a/b"), str(wanted)]
    assert stat.S_IMODE(wanted.stat().st_mode) == 0o700
    assert files.make_directories(str(wanted)) == []


def test_a_file_in_the_way_of_directories(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with pytest.raises((FileExistsError, NotADirectoryError)):
        files.make_directories(str(tmp_path / "a/b"))


# -- renames


def both(tmp_path: Path) -> tuple[Path, Path]:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("1")
    second.mkdir()
    return first, second


@pytest.fixture(params=["kernel", "no renameat2"])
def kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With renames that do not replace, and on a file system that has none."""
    if request.param != "kernel":
        monkeypatch.setattr(files, "_rename", lambda *_arguments, **_flags: False)
    return str(request.param)


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("there", ["file", "empty directory", "dangling link"])
def test_a_rename_never_replaces(tmp_path: Path, there: str) -> None:
    first, target = tmp_path / "first", tmp_path / "target"
    first.mkdir()
    if there == "file":
        target.touch()
    elif there == "empty directory":
        target.mkdir()
    else:
        target.symlink_to("nowhere")
    with pytest.raises(FileExistsError):
        rename_new(str(first), None, str(target), None)
    assert sorted(os.listdir(tmp_path)) == ["first", "target"]


@pytest.mark.usefixtures("kernel")
def test_a_rename_between_open_directories(tmp_path: Path) -> None:
    first, second = both(tmp_path)
    with (
        files.opened(str(tmp_path), files.DIRECTORY) as here,
        files.opened(str(second), files.DIRECTORY) as there,
    ):
        rename_new("first", here, "moved", there)
    assert (second / "moved").read_text() == "1"
    with pytest.raises(FileNotFoundError):
        rename_new(str(first), None, str(tmp_path / "new"), None)


def test_an_exchange(tmp_path: Path) -> None:
    first, second = both(tmp_path)
    with files.opened(str(tmp_path), files.DIRECTORY) as fd:
        before = files.identity("first", fd), files.identity("second", fd)
        assert files.exchange("first", fd, "second", fd)
        assert before == (files.identity("second", fd), files.identity("first", fd))
        with pytest.raises(FileNotFoundError):
            files.exchange("first", fd, "third", fd)
    assert first.is_dir()
    assert second.is_file()


def test_identity_is_that_of_the_link(tmp_path: Path) -> None:
    first, second = both(tmp_path)
    (tmp_path / "link").symlink_to("first")
    assert files.identity(str(tmp_path / "link")) != files.identity(str(first))
    assert files.identity(str(tmp_path / "third")) is None
    assert files.identity(str(first / "below")) is None
    assert files.identity(str(second)) == files.Identity(second.stat().st_dev, second.stat().st_ino)


# -- removing


def test_missing_tree_counts_as_removed(tmp_path: Path) -> None:
    remove_tree(str(tmp_path / "nothing"))


def test_links_are_removed_not_followed(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").touch()
    tree = tmp_path / "tree/below"
    tree.mkdir(parents=True)
    for link in (tmp_path / "link", tree / "link"):
        link.symlink_to(kept)
    os.mkfifo(tree / "fifo")
    (tree / "loop").symlink_to("..")
    remove_tree(str(tmp_path / "link"))
    with files.opened(str(tmp_path), files.DIRECTORY) as fd:
        remove_tree("tree", fd)
    assert os.listdir(tmp_path) == ["kept"]
    assert os.listdir(kept) == ["file"]


def deep_tree(top: str, depth: int, mode: int) -> None:
    """A chain of directories, each with a file, far deeper than a path can be long."""
    os.mkdir(top)
    fd = os.open(top, files.DIRECTORY)
    for _ in range(depth):
        os.mkdir("a directory with a name", 0o755, dir_fd=fd)
        os.close(os.open("file", os.O_CREAT | os.O_WRONLY, 0o600, dir_fd=fd))
        below = os.open("a directory with a name", files.DIRECTORY, dir_fd=fd)
        os.fchmod(fd, mode)
        os.close(fd)
        fd = below
    os.close(fd)


@pytest.mark.parametrize("mode", [0o755, 0o500, 0o000])
def test_a_very_deep_tree(tmp_path: Path, mode: int) -> None:
    deep_tree(str(tmp_path / "deep"), 600, mode)
    before = len(os.listdir("/proc/self/fd"))
    remove_tree(str(tmp_path / "deep"))
    assert os.listdir(tmp_path) == []
    assert len(os.listdir("/proc/self/fd")) == before


def _clear_as_somebody(top: str, mode: int) -> None:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
    deep_tree(top, 90, mode)
    remove_tree(top)


@pytest.mark.root
@pytest.mark.parametrize("mode", [0o500, 0o000])
def test_a_very_deep_tree_without_rights_is_cleared_by_its_owner(mode: int) -> None:
    """As somebody whom, unlike root, the modes concern."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        process = FORK.Process(target=_clear_as_somebody, args=(f"{folder}/deep", mode))
        process.start()
        process.join()
        assert process.exitcode == 0
        assert os.listdir(folder) == []


def test_many_directories_too_deep(tmp_path: Path) -> None:
    for number in range(3):
        deep = tmp_path.joinpath("tree", *[str(number)] * 70)
        for name in ("a", "b"):
            (deep / name / "c").mkdir(parents=True)
    remove_tree(str(tmp_path / "tree"))
    assert os.listdir(tmp_path) == []


def test_failed_removal_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        remove_tree(str(tmp_path / "file/below"))


# -- locks


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
        with files.locked(fd):
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
