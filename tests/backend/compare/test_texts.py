"""The diff of texts and of configuration."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.browse.nodes import Kind
from backend.compare.differences import (
    ABSENT,
    Change,
    CompareOptions,
    Roles,
    Tally,
    Walk,
    configuration_diff,
    text_diff,
)
from backend.compare.trees import TreeEntry
from backend.errors import NotFoundError
from backend.progress import Progress
from tests.support.builders import Tree, World
from tests.support.comparing import make_world, opened

world = pytest.fixture(make_world)


def test_the_diff_of_a_text(world: World) -> None:
    with opened(world, 1, 2) as comparison:
        diff = comparison.text_diff("", b"common/t", Progress())
    assert diff.lines == (
        "--- 1/common/t",
        "+++ 2/common/t",
        "@@ -1,2 +1,2 @@",
        " text",
        "-old",
        "+new",
    )


def test_a_text_without_a_last_newline() -> None:
    diff = text_diff(iter([b"one\ntw", b"o"]), iter([b"one\ntwo\n"]), ("a", "b"))
    assert diff.lines[2:] == ("@@ -1,2 +1,2 @@", " one", "-two", "\\ No newline at end of file", "+two")


def test_the_diff_of_revision_data_and_of_what_is_on_one_side(world: World) -> None:
    with opened(world, 1, "live") as comparison:
        assert "+1+" in comparison.text_diff("", b"rev/a", Progress()).lines
        assert "+1234" in comparison.text_diff("", b"common/new/n", Progress()).lines
        assert comparison.text_diff("", b"common/new", Progress()).why_not == "it is a directory"
        with pytest.raises(NotFoundError, match="neither side has it"):
            comparison.text_diff("", b"common/nothing", Progress())


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\xff\xfe", "no text in UTF-8"),
        (b"a\0b", "no text"),
        (b"x" * (1 << 20), "larger than"),
        (b"\n" * 20_000, "more than 10000 lines"),
    ],
)
def test_no_text(content: bytes, reason: str) -> None:
    assert reason in text_diff(iter([content]), iter([b"text"]), ("a", "b")).why_not


# -- the configuration


def test_configuration_key_by_key(world: World) -> None:
    with opened(world, 1, 2) as comparison:
        (difference,) = comparison.configuration
    assert (difference.key, difference.change, difference.before, difference.after) == (
        "more.deep",
        Change.ADDED,
        ABSENT,
        True,
    )


def test_configuration_in_place(world: World) -> None:
    world.remember("hello", "x2", conf={"port": 81})
    with opened(world, 1, "live") as comparison:
        assert [difference.key for difference in comparison.configuration] == ["port"]
    world.write_state("no JSON")
    with opened(world, 1, "live") as comparison:
        assert comparison.configuration == []
        assert "is not known" in comparison.notes[0]


def test_values_of_other_kinds_differ() -> None:
    differences = configuration_diff(
        {"a": {"b": None, "c": []}, "d": True, "e": "same", "f": {}, "g": 1},
        {"a": {"b": {}, "c": [0]}, "d": 1, "e": "same", "f": {"x": "1"}, "g": None},
    )
    assert [(difference.key, difference.change.value) for difference in differences] == [
        ("a.b", "changed"),
        ("a.c", "changed"),
        ("d", "changed"),
        ("f", "removed"),
        ("f.x", "added"),
        ("g", "changed"),
    ]


# -- any two trees


class Planted:
    """A side made of a mapping."""

    def __init__(self, tree: Mapping[str, Any]) -> None:
        self._tree = tree

    def entries(self, folder: TreeEntry | None) -> Iterator[TreeEntry]:
        path = folder.key.decode() if folder is not None and isinstance(folder.key, bytes) else ""
        here: Any = self._tree
        for part in filter(None, path.split("/")):
            here = here[part]
        for name in sorted(here):
            key = f"{path}/{name}".strip("/").encode()
            is_folder = isinstance(here[name], dict)
            kind, size = (Kind.FOLDER, 0) if is_folder else (Kind.FILE, len(here[name]))
            yield TreeEntry(name.encode(), kind, size, 0o644, 0, 0, 0, b"", key)

    def pieces(self, entry: TreeEntry) -> Iterator[bytes]:
        assert isinstance(entry.key, bytes)
        here: Any = self._tree
        for part in entry.key.decode().split("/"):
            here = here[part]
        yield from (bytes([byte]) for byte in here)


TREES = st.recursive(
    st.binary(max_size=2),
    lambda below: st.dictionaries(st.sampled_from(["a", "b", "c"]), below, max_size=3),
    max_leaves=8,
)


TOPS = st.fixed_dictionaries({"common": st.dictionaries(st.sampled_from(["a", "b"]), TREES, max_size=2)})


def flat(tree: Any, path: str = "") -> dict[str, bytes | None]:
    if not isinstance(tree, dict):
        return {path: tree}
    files: dict[str, bytes | None] = {path: None} if path else {}
    for name, below in tree.items():
        files |= flat(below, f"{path}/{name}".strip("/"))
    return files


@given(TOPS, TOPS)
def test_every_difference_is_told_once(tree: Tree, other: Tree) -> None:
    """Against a comparison of both as flat mappings."""
    options = CompareOptions(exact=True, folded=False)
    walk = Walk("", (Planted(tree), Planted(other)), Roles(b"x1", b"x2"), options)
    differences = [(difference.text, difference.change) for difference in walk.differences(Progress())]
    before, after = flat(tree), flat(other)
    wanted = []
    for path in {*before, *after}:
        if path not in after:
            wanted.append((path, Change.REMOVED))
        elif path not in before:
            wanted.append((path, Change.ADDED))
        elif (before[path] is None) != (after[path] is None):
            wanted += [(path, Change.REMOVED), (path, Change.ADDED)]
        elif before[path] != after[path]:
            wanted.append((path, Change.CHANGED))
    assert sorted(differences, key=str) == sorted(wanted, key=str)


@given(TOPS, TOPS)
def test_folding_loses_no_file_and_no_byte(tree: Tree, other: Tree) -> None:
    tallies = []
    for folded in (False, True):
        tally = Tally()
        options = CompareOptions(exact=True, folded=folded)
        for difference in Walk("", (Planted(tree), Planted(other)), Roles(b"1", b"2"), options).differences(
            Progress()
        ):
            tally.add(difference)
        tallies.append((tally.files, tally.added, tally.removed))
    assert tallies[0] == tallies[1]
