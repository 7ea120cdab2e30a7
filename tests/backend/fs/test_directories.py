"""Directories that are made where others may change things."""

import os
import stat
from pathlib import Path

import pytest

from backend.fs import files
from backend.fs.directories import (
    Owner,
    make_directories,
    make_directory,
    owners_are_kept,
    private_name,
    write_private,
)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_missing_directories_are_made_topmost_first(tmp_path: Path) -> None:
    made = make_directories(f"{tmp_path}/a/b/c", 0o750)
    assert made == [f"{tmp_path}/a", f"{tmp_path}/a/b", f"{tmp_path}/a/b/c"]
    assert make_directories(f"{tmp_path}/a/b") == []
    assert mode_of(tmp_path / "a") == mode_of(tmp_path / "a/b/c") == 0o750


@pytest.mark.parametrize("mode", [0o700, 0o755, 0o2775, 0o777])
def test_a_mode_is_kept_whatever_the_umask(tmp_path: Path, mode: int) -> None:
    before = os.umask(0o077)
    try:
        with files.opened(str(tmp_path)) as fd:
            make_directory("made", fd, mode)
    finally:
        os.umask(before)
    assert mode_of(tmp_path / "made") == mode
    assert os.listdir(tmp_path) == ["made"]


def test_a_file_that_is_there_is_not_replaced_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "made").write_text("a file")
    with files.opened(str(tmp_path)) as fd, pytest.raises(FileExistsError):
        make_directory("made", fd, 0o755)
    assert os.listdir(tmp_path) == ["made"]


@pytest.mark.root
def test_a_directory_belongs_to_its_owner_from_the_beginning(tmp_path: Path) -> None:
    with files.opened(str(tmp_path)) as fd:
        make_directory("made", fd, 0o750, owner=Owner(65534, 65533))
    status = (tmp_path / "made").stat()
    assert (status.st_uid, status.st_gid, mode_of(tmp_path / "made")) == (65534, 65533, 0o750)


def test_owners_are_kept_by_root_only(tmp_path: Path) -> None:
    with files.opened(str(tmp_path)) as fd:
        assert owners_are_kept(fd) == (os.geteuid() == 0)
    assert os.listdir(tmp_path) == []


def test_a_private_text_is_readable_by_us_alone(tmp_path: Path) -> None:
    write_private(f"{tmp_path}/folder/note", "caf\udce9")
    assert (tmp_path / "folder/note").read_text() == "caf\\udce9"
    assert mode_of(tmp_path / "folder") == 0o700
    assert mode_of(tmp_path / "folder/note") & 0o077 == 0


def test_private_names_are_never_the_same() -> None:
    assert len({private_name() for _ in range(100)}) == 100
