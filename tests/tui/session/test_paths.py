"""Typed paths, and directories to choose from."""

import os
import socket
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.builders import AS_ROOT
from tui.session.paths import EXPORT, MOST_COUNTED, MOST_SHOWN, absolute, file_at, listing
from tui.text import plain
from tui.widgets.path_input import as_meant

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
