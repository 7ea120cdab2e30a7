"""Typed paths, directories to choose from, and where a file would land."""

import os
import socket
import string
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from resource import RLIMIT_FSIZE, getrlimit, setrlimit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.builders import AS_ROOT
from tui.session.destination import Destination, Offer, destination_of
from tui.session.paths import EXPORT, MOST_COUNTED, MOST_SHOWN, absolute, file_at, listing
from tui.text import plain
from tui.widgets.path_input import as_meant


def land(folder: Path, typed: str, **options: str) -> Destination:
    table = options.pop("table", os.devnull)
    return destination_of(typed, Offer(str(folder), "1.snapshot", **options), table)


# -- what is typed


def test_typed_paths_are_completed_to_absolute_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    cases = {"": "/b/", "x": "/b/x", "~/x": "/home/me/x", "/a//c/": "/a/c/", "..": "/", "../": "/", "/": "/"}
    assert {typed: absolute(typed, "/b") for typed in cases} == cases


NAMES = st.text("ab\x1b\u202e\udce9\\x", min_size=1, max_size=6)


@given(names=st.lists(NAMES, min_size=1, max_size=4), more=st.text(string.ascii_lowercase, max_size=3))
def test_unprintable_names_are_kept_while_somebody_types_on(names: list[str], more: str) -> None:
    path = f"/{'/'.join(names)}/"
    assert as_meant(path, plain(path) + more) == path + more


@given(st.lists(NAMES, min_size=2, max_size=4))
def test_an_edited_name_leaves_those_above_it_as_they_were(names: list[str]) -> None:
    above = f"/{'/'.join(names[:-1])}/"
    assert as_meant(above + names[-1], plain(above) + "other") == above + "other"


def test_an_absolute_path_behind_another_counts_alone() -> None:
    assert as_meant("/here/", "/here//etc/x") == "/etc/x"
    assert as_meant("", "//etc") == "//etc"


# -- what is in a directory


def test_how_a_path_can_go_on(tmp_path: Path) -> None:
    here = tmp_path
    for name in ("one", "once", "two", f"zz{EXPORT}"):
        (here / name).write_text("1")
    (here / "tree").mkdir()
    (here / ".hidden").write_text("")
    matches = listing("", str(here))
    assert [entry.name for entry in matches.entries] == ["tree", f"zz{EXPORT}", "once", "one", "two"]
    assert (matches.fitting, matches.hidden) == (5, 1)
    assert listing("", str(here), hidden=True).fitting == 6
    assert listing("o", str(here)).kept == "on"
    assert listing("tr", str(here)).kept == "tree/"
    assert [entry.name for entry in listing(".h", str(here)).entries] == [".hidden"]
    assert not listing("one", str(here)).goes_on
    assert listing("on", str(here)).goes_on


def test_folders_that_cannot_be_listed_say_so(tmp_path: Path) -> None:
    assert listing("none/x", str(tmp_path)).trouble == "No such file or directory"
    (tmp_path / "file").write_text("")
    assert listing("file/x", str(tmp_path)).trouble == "Not a directory"
    assert listing("a\0b/c", str(tmp_path)).trouble
    if not AS_ROOT:
        (tmp_path / "closed").mkdir(mode=0)
        assert listing("closed/", str(tmp_path)).trouble == "Permission denied"


def test_special_files_and_links_are_told_apart(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "dir").mkdir()
    (tmp_path / "to-dir").symlink_to("dir")
    (tmp_path / "to-nothing").symlink_to("none")
    (tmp_path / "round").symlink_to("round")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(tmp_path / "sock"))
        by_name = {entry.name: entry for entry in listing("", str(tmp_path)).entries}
    assert by_name["to-dir"].is_directory
    assert by_name["pipe"].special == "a FIFO"
    assert by_name["sock"].special == "a socket"
    assert "broken or inaccessible link" in by_name["to-nothing"].special
    assert "broken or inaccessible link" in by_name["round"].special
    pipe = file_at(str(tmp_path / "pipe"))
    assert pipe is not None
    assert pipe.special == "a FIFO"
    assert file_at(str(tmp_path / "dir")) is file_at(str(tmp_path / "none")) is file_at("a\0b") is None


def test_a_huge_directory_is_counted_and_capped(tmp_path: Path) -> None:
    for number in range(MOST_COUNTED + 1):
        os.mknod(tmp_path / f"n{number:05}")
    matches = listing("", str(tmp_path))
    assert (matches.fitting, matches.more, len(matches.entries)) == (MOST_COUNTED, True, MOST_SHOWN)
    assert listing("n", str(tmp_path)).kept == "n"
    narrow = listing("n0000", str(tmp_path))
    assert (narrow.fitting, narrow.more, narrow.kept) == (10, False, "n0000")
    assert listing("", str(tmp_path), is_stopped=lambda: True).entries == ()


# -- where a file would land


def test_where_a_file_would_land(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("123")
    (tmp_path / "new.sha256").write_text("12")
    (tmp_path / "sub").mkdir()
    assert land(tmp_path, "new").path == f"{tmp_path}/new"
    assert land(tmp_path, "").path == f"{tmp_path}/1.snapshot"
    assert land(tmp_path, "sub").path == f"{tmp_path}/sub/1.snapshot"
    assert land(tmp_path, "new").free > 0
    stands, sums = land(tmp_path, "taken").stands, land(tmp_path, "new").sums
    assert stands is not None
    assert sums is not None
    assert (stands.size, sums.size) == (3, 2)


def test_fifos_links_and_folders_are_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("elsewhere")
    (tmp_path / "sub" / "1.snapshot").mkdir(parents=True)
    (tmp_path / "x.sha256").mkdir()
    assert "is a FIFO and is not replaced" in land(tmp_path, "pipe").trouble
    assert "is a symbolic link and is not replaced" in land(tmp_path, "link").trouble
    assert "is a directory and is not replaced" in land(tmp_path, "sub/").trouble
    where = land(tmp_path, "x")
    assert not where.trouble
    assert "x.sha256 is a directory" in where.sums_trouble


def test_where_nothing_can_be_put(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = tmp_path / "snapshots"
    (store / "sub").mkdir(parents=True)
    (tmp_path / "way").symlink_to("snapshots/sub")
    assert "there is no directory" in land(tmp_path, "none/x").trouble
    assert "not a directory" in land(tmp_path, "file/x").trouble
    for typed in ("snapshots/", "snapshots/sub/x", "way/x", "sub/../snapshots/x"):
        assert "is the directory of snapshots" in land(tmp_path, typed, avoid=str(store)).trouble
    assert not land(tmp_path, "x", avoid=str(store)).trouble
    assert "name is too long" in land(tmp_path, "n" * 252).trouble
    assert not land(tmp_path, "n" * 248).trouble
    assert land(tmp_path, "a\0b").trouble
    assert land(tmp_path, "a\0b/c").trouble


@pytest.mark.skipif(AS_ROOT, reason="root may write everywhere")
def test_missing_rights_are_told(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    assert "no permission to write" in land(tmp_path, "closed/x").trouble


@pytest.mark.root
def test_another_owners_file_in_a_sticky_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o1777)
    (tmp_path / "x").write_text("")
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert "only its owner" in land(tmp_path, "x").trouble


def test_the_limits_of_a_file_system_are_told(tmp_path: Path) -> None:
    table = tmp_path / "table"
    table.write_bytes(b"1 1 8:1 / " + os.fsencode(tmp_path.resolve()) + b" rw - vfat /dev/sdb1 rw\n")
    where = land(tmp_path, "x", table=str(table))
    assert where.largest == 2**32 - 1
    assert "vfat" in where.limit
    assert "cannot contain :" in land(tmp_path, "a:b", table=str(table)).trouble
    assert not land(tmp_path, "a:b").trouble


@contextmanager
def file_size_limit(limit: int) -> Iterator[None]:
    before = getrlimit(RLIMIT_FSIZE)
    setrlimit(RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        setrlimit(RLIMIT_FSIZE, before)


def test_the_limit_of_the_session_is_told(tmp_path: Path) -> None:
    with file_size_limit(1 << 30):
        where = land(tmp_path, "x")
    assert where.largest == 1 << 30
    assert "ulimit -f" in where.limit
