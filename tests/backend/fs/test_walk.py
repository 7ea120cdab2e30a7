"""Going down a tree: every directory, however deep, with few of them open."""

import os
from pathlib import Path

import pytest

from backend.errors import ConflictError
from backend.fs.walk import TreeWalk


def seen(walk: TreeWalk) -> dict[str, list[str]]:
    """Go everywhere; the names in each directory by its path below the top."""
    names: dict[str, list[str]] = {}
    for folder, entries in walk.steps():
        if entries is None:
            continue
        names.setdefault(walk.place(), []).extend(sorted(entry.name for entry in entries))
        folder.pending += [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    return names


def test_every_directory_is_visited_and_no_link_followed(tmp_path: Path) -> None:
    top = tmp_path / "top"
    (top / "a/b").mkdir(parents=True)
    (top / "a/f").write_text("")
    (top / "link").symlink_to(tmp_path)
    (top / "empty").mkdir()
    names = seen(TreeWalk(str(top)))
    assert names == {
        str(top): ["a", "empty", "link"],
        f"{top}/a": ["b", "f"],
        f"{top}/a/b": [],
        f"{top}/empty": [],
    }


def test_a_tree_deeper_than_descriptors_are_kept_is_walked_whole(tmp_path: Path) -> None:
    deep = tmp_path
    for _ in range(100):
        deep /= "d"
    deep.mkdir(parents=True)
    (deep / "last").write_text("")
    before = len(os.listdir("/proc/self/fd"))
    walk, most = TreeWalk(str(tmp_path)), 0
    last: list[str] = []
    for folder, entries in walk.steps():
        most = max(most, len(os.listdir("/proc/self/fd")))
        for entry in entries or ():
            (folder.pending if entry.is_dir() else last).append(entry.name)
    assert last == ["last"]
    assert most <= before + 40
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_length_of_a_path_counts_from_the_name_of_the_top(tmp_path: Path) -> None:
    (tmp_path / "top/sub").mkdir(parents=True)
    walk = TreeWalk(str(tmp_path / "top"))
    lengths = []
    for folder, entries in walk.steps():
        if entries is not None:
            lengths.append(folder.length)
            folder.pending += [entry.name for entry in entries]
    assert lengths == [len("top"), len("top/sub")]


def test_a_top_that_is_none_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert seen(TreeWalk(str(tmp_path / "nothing"))) == {}
    assert seen(TreeWalk(str(tmp_path / "file"))) == {}


def test_a_refusal_is_told_with_its_path_and_the_walk_goes_on(tmp_path: Path) -> None:
    (tmp_path / "ok").mkdir()
    refusals: list[str] = []
    walk = TreeWalk(str(tmp_path), refused=lambda place, _error: refusals.append(place))
    names = []
    for folder, entries in walk.steps():
        names.append(folder.name)
        if entries is not None and folder.name == str(tmp_path):
            folder.pending += ["ok", "x" * 300]
    assert refusals == [f"{tmp_path}/{'x' * 300}"]
    assert "ok" in names


def test_directories_that_are_moved_meanwhile_are_noticed(tmp_path: Path) -> None:
    deep = tmp_path / "top"
    for _ in range(40):
        deep /= "d"
    deep.mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    walk = TreeWalk(str(tmp_path / "top"))

    def go() -> None:
        for folder, entries in walk.steps():
            if entries:
                folder.pending += [entry.name for entry in entries]
            elif entries is not None:
                (tmp_path / "top/d/d/d").rename(tmp_path / "elsewhere/d")

    with pytest.raises(ConflictError, match="moved meanwhile"):
        go()
