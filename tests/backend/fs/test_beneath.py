"""Roots held open: what lies below them is reached from there, or not at all."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.fs import beneath, files, locks
from backend.fs.directories import Owner, make_directories, make_directory
from backend.fs.removal import remove_tree
from tests.support.descriptors import descriptors


@pytest.fixture(params=["openat2", "one after the other"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param != "openat2":
        monkeypatch.setattr(beneath, "_openat2", lambda: None)
    elif beneath._openat2() is None:
        pytest.skip("the kernel has no openat2")


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    top = tmp_path / "root"
    (top / "a/b").mkdir(parents=True)
    (top / "a/b/f").write_text("inside")
    (tmp_path / "outside/b").mkdir(parents=True)
    (tmp_path / "outside/b/f").write_text("outside")
    held = beneath.hold(str(top))
    assert held is not None
    yield top
    assert held.path == str(top)


def swap(root: Path) -> None:
    (root / "a").rename(root / "aside")
    (root / "a").symlink_to(root.parent / "outside")


def refused(caught: "pytest.ExceptionInfo[OSError]") -> bool:
    return caught.value.errno == errno.ELOOP


def test_paths_below_a_root_are_reached(root: Path) -> None:
    assert files.read_whole(f"{root}/a/b/f", 100) == b"inside"
    assert beneath.listdir(f"{root}/a") == ["b"]
    assert beneath.listdir(str(root)) == ["a"]


@pytest.mark.parametrize(
    "change",
    [
        lambda top: files.read_whole(f"{top}/a/b/f", 100),
        lambda top: files.write_whole(f"{top}/a/b/new", b"x"),
        lambda top: remove_tree(f"{top}/a/b"),
        lambda top: files.rename_new(f"{top}/aside/b/f", None, f"{top}/a/b/g", None),
        lambda top: make_directories(f"{top}/a/b/c/d"),
        lambda top: beneath.mkdir(f"{top}/a/b/c", 0o700),
        lambda top: beneath.unlink(f"{top}/a/b/f"),
        lambda top: beneath.rename(f"{top}/a/b/f", f"{top}/aside/b/g"),
        lambda top: files.identity(f"{top}/a/b/f"),
        lambda top: locks.FileLock(f"{top}/a/b/lock", "busy").held().__enter__(),
    ],
)
def test_no_change_goes_through_a_link_that_was_put_there_since(root: Path, change: object) -> None:
    swap(root)
    assert callable(change)
    with pytest.raises(OSError) as caught:  # noqa: PT011 - its number is what counts
        change(str(root))
    assert refused(caught)
    assert sorted(os.listdir(root.parent / "outside/b")) == ["f"]
    assert (root / "aside/b/f").read_text() == "inside"


def test_the_last_name_may_be_no_link_either(root: Path) -> None:
    (root / "a/link").symlink_to("b/f")
    with pytest.raises(OSError) as caught:  # noqa: PT011 - its number is looked at below
        beneath.open_path(f"{root}/a/link", os.O_RDONLY)
    assert refused(caught)


@pytest.mark.parametrize("path", ["../outside/b/f", "a/../../outside/b/f"])
def test_no_way_leads_upwards(root: Path, path: str) -> None:
    with pytest.raises(OSError, match="it leads upwards"):
        beneath.open_path(f"{root}/{path}", os.O_RDONLY)


def test_a_root_that_was_moved_is_still_the_one_that_is_held(root: Path) -> None:
    root.rename(root.parent / "moved")
    root.symlink_to(root.parent / "outside")
    assert files.read_whole(f"{root}/a/b/f", 100) == b"inside"


def test_a_missing_name_is_missing(root: Path) -> None:
    with pytest.raises(FileNotFoundError):
        beneath.open_path(f"{root}/a/none/f", os.O_RDONLY)
    assert files.identity(f"{root}/a/b/f/g") is None


def test_paths_below_no_root_follow_links(root: Path) -> None:
    (root.parent / "way").symlink_to("outside")
    assert files.read_whole(f"{root.parent}/way/b/f", 100) == b"outside"


def test_a_path_too_long_for_one_call_is_walked(root: Path) -> None:
    fd = os.open(root, os.O_RDONLY)
    names = ["d" * 200] * 30
    for name in names:
        os.mkdir(name, dir_fd=fd)
        below = os.open(name, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    os.close(fd)
    with files.opened(str(root)) as top, files.opened_below(top, "/".join(names)) as deep:
        assert os.listdir(deep) == []
    remove_tree(f"{root}/{names[0]}")


def test_nothing_stays_open(root: Path) -> None:
    before = descriptors()
    files.read_whole(f"{root}/a/b/f", 100)
    beneath.rename(f"{root}/a/b/f", f"{root}/a/g")
    with pytest.raises(FileNotFoundError):
        beneath.unlink(f"{root}/a/b/f")
    assert descriptors() == before


# -- directories


@pytest.mark.parametrize("mask", [0o077, 0o022, 0])
def test_a_directory_has_its_mode_whatever_the_umask(root: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        make_directories(f"{root}/new/er")
        make_directories(f"{root}/new/private", 0o700)
    finally:
        os.umask(before)
    modes = [(root / name).stat().st_mode & 0o777 for name in ("new", "new/er", "new/private")]
    assert modes == [0o755, 0o755, 0o700]
    assert sorted(os.listdir(root)) == ["a", "new"]


@pytest.mark.root
def test_a_directory_that_was_put_there_first_gets_no_owner(root: Path) -> None:
    (root / "theirs").mkdir()
    with files.opened(str(root)) as fd, pytest.raises(FileExistsError):
        make_directory("theirs", fd, 0o755, owner=Owner(1234, 1234))
    assert (root / "theirs").stat().st_uid == 0
    assert sorted(os.listdir(root)) == ["a", "theirs"]


@pytest.mark.root
def test_a_directory_is_its_owners_before_it_can_be_seen(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int]] = []
    rename_new = files.rename_new

    def watched(name: str, source: int | None, target: str, destination: int | None) -> None:
        assert not (root / "new").exists()
        rename_new(name, source, target, destination)
        status = (root / "new").stat()
        seen.append((status.st_uid, status.st_mode & 0o777))

    monkeypatch.setattr(files, "rename_new", watched)
    with files.opened(str(root)) as fd:
        make_directory("new", fd, 0o755, owner=Owner(1234, 1234))
    assert seen == [(1234, 0o755)]
    assert sorted(os.listdir(root)) == ["a", "new"]


def test_a_held_directory_that_was_removed_gives_way_to_the_root_around_it(tmp_path: Path) -> None:
    inner = tmp_path / "root/inner"
    inner.mkdir(parents=True)
    roots = [beneath.hold(str(inner.parent)), beneath.hold(str(inner))]
    inner.rmdir()
    inner.mkdir()
    (inner / "file").write_text("new")
    with files.opened(str(inner / "file")) as fd:
        assert os.read(fd, 9) == b"new"
    assert all(roots)


def test_the_outermost_root_never_gives_way(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    for folder in (root, outside):
        folder.mkdir()
    (outside / "file").write_text("outside")
    held = beneath.hold(str(root))
    root.rmdir()
    root.symlink_to(outside)
    with pytest.raises(FileNotFoundError), files.opened(str(root / "file")):
        pass
    assert held is not None
