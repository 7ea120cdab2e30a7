"""Files: written whole, renamed, locked, copied, and never followed through a link."""

import errno
import multiprocessing
import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import NoSpaceError, NotAllowedError, SnapshotError
from backend.fs import files
from backend.fs.directories import make_directories
from backend.fs.files import (
    rename_new,
    write_whole,
)
from backend.fs.removal import remove_tree
from tests.support.descriptors import descriptors

FORK = multiprocessing.get_context("fork")


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
    assert make_directories(str(wanted), 0o700) == [str(tmp_path / "a/b"), str(wanted)]
    assert stat.S_IMODE(wanted.stat().st_mode) == 0o700
    assert make_directories(str(wanted)) == []


def test_a_file_in_the_way_of_directories(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with pytest.raises((FileExistsError, NotADirectoryError)):
        make_directories(str(tmp_path / "a/b"))


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
    before = len(descriptors())
    remove_tree(str(tmp_path / "deep"))
    assert os.listdir(tmp_path) == []
    assert len(descriptors()) == before


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
