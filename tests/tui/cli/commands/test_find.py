"""`find` as a user types it."""

import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.browse import search_files
from backend.progress import Progress
from tests.support.builders import Tree, World
from tests.tui.support.driver import Snapstow
from tui.cli.commands import find


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "root")
    data: Tree = {"x1": {"notes.txt": "one\n", "d": {"g": "three"}}}
    for number in (3, 4):
        time = f"2026-11-2{number}T09:09:36Z"
        world.add(number, "foo", data, users={"alice": {"x1": {"mine": "hers"}}}, time=time)
    world.add(5, "foo", {"x1": {"notes.txt": "changed\n"}}, time="2026-11-25T09:09:36Z")
    world.add(5, "bar", {"x1": {"notes.txt": "bar"}})
    return world


@pytest.fixture
def snapstow(world: World) -> Snapstow:
    return Snapstow(world)


def paths(text: str) -> list[str]:
    return [line.split("  ")[-1].strip() for line in text.splitlines()[1:]]


def test_words_match_anywhere_in_the_path(snapstow: Snapstow) -> None:
    done = snapstow("find", "notes")
    assert (done.code, done.err) == (0, "")
    assert sorted(set(paths(done.out))) == ["bar:rev/notes.txt", "foo:rev/notes.txt"]
    assert paths(snapstow("find", "d/").out) == ["foo:rev/d/g"]
    assert paths(snapstow("find", "MINE").out) == []
    assert paths(snapstow("find", "txt note", "bar").out) == ["bar:rev/notes.txt"]


def test_patterns_match_whole_names(snapstow: Snapstow) -> None:
    assert len(paths(snapstow("find", "*.txt").out)) == 3
    assert snapstow("find", "note?").code == 1
    assert paths(snapstow("find", "d/?").out) == ["foo:rev/d/g"]


def test_every_version_is_a_row_with_its_sets_the_newest_first(snapstow: Snapstow) -> None:
    header, *rows = snapstow("find", "notes", "foo").out.splitlines()
    assert header.split() == ["Size", "Modified", "Sets", "Path"]
    assert [re.findall(r"#\d", row) for row in rows] == [["#5"], ["#4", "#3"]]
    assert "#4 (2026-11-24T09:09:36Z), #3 (" in snapstow("find", "notes", "foo", "--abs-time").out


def test_some_snaps_and_one_set(snapstow: Snapstow) -> None:
    assert paths(snapstow("find", "notes", "bar").out) == ["bar:rev/notes.txt"]
    assert "#3" not in snapstow("find", "notes", "--id", "5").out


def test_nothing_found_is_exit_code_1_as_with_grep(snapstow: Snapstow) -> None:
    assert snapstow("find", "nowhere") == (1, "Nothing found.\n", "")
    assert snapstow("--json", "find", "nowhere") == (1, "", "")


def test_searching_what_is_not_there_is_no_empty_answer(snapstow: Snapstow) -> None:
    for arguments, missing in ((["--id", "99"], "in set #99"), (["nosuch"], 'of "nosuch"')):
        done = snapstow("find", "f", *arguments)
        assert (done.code, done.out) == (1, "")
        assert f"cannot search: no snapshot {missing}" in done.err


def test_hits_for_programs(snapstow: Snapstow) -> None:
    hits = snapstow("--json", "find", "mine").lines
    assert [(hit["set"], hit["snap"], hit["entry"], hit["path"]) for hit in hits] == [
        (3, "foo", "user/alice.tgz", "x1/mine"),
        (4, "foo", "user/alice.tgz", "x1/mine"),
    ]


@pytest.mark.parametrize(("typed", "code"), [("mine", 0), ("nowhere", 1)])
def test_unreadable_sets_are_told_in_one_line_and_change_no_exit_code(
    snapstow: Snapstow, typed: str, code: int
) -> None:
    for number in (8, 9):
        (snapstow.world.snapshots / f"{number}_foo_1.0_x1.zip").write_bytes(b"PK\x03\x04")
    done = snapstow("find", typed)
    assert done.code == code
    assert ("foo:user/alice/rev/mine" in done.out) == (typed == "mine")
    (line,) = done.err.splitlines()
    assert line.startswith("not searched: #8 foo (")
    assert "#9 foo (" in line


def test_more_than_a_few_unreadable_sets_are_counted(snapstow: Snapstow) -> None:
    for number in range(10, 16):
        (snapstow.world.snapshots / f"{number}_foo_1.0_x1.zip").write_bytes(b"PK\x03\x04")
    assert snapstow("find", "mine").err.endswith(", 3 more\n")


@pytest.mark.parametrize("json_flag", [[], ["--json"]])
def test_a_stopped_search_says_how_far_it_came(
    snapstow: Snapstow, json_flag: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped_after_one(where: Any, pattern: Any, state_dir: str, progress: Progress) -> Iterator[Any]:
        yield from search_files(where, pattern, state_dir, progress)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(find, "search_files", stopped_after_one)
    done = snapstow(*json_flag, "find", "nowhere")
    assert done.code == 130
    assert done.out == ("" if json_flag else "Nothing found so far.\n")
    assert done.err == "stopped: 1 of 4 snapshots searched, 0 files so far\n"
