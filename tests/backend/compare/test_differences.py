"""What differs between two snapshots, or a snapshot and what is in place: all of it, and nothing else."""

import os
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.browse.nodes import Kind
from backend.compare.comparison import Comparison
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
from backend.errors import BlockedError, NotFoundError
from backend.model import Number
from backend.operations import Extract
from backend.progress import Progress
from tests.support.builders import AS_ROOT, FIFO, Link, Tree, World, plant, tgz, tree_of, uid_of

PLAIN = CompareOptions()
ONE: Tree = {"x1": {"a": "1", "same": "s"}, "common": {"gone": {"f": "12", "g": "345"}, "t": "text\nold\n"}}
TWO: Tree = {"x2": {"a": "1+", "same": "s"}, "common": {"new": {"n": "1234"}, "t": "text\nnew\n"}}


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "root")
    world.install("hello", "x2")
    plant(world.data("hello"), TWO)
    world.add(1, "hello", ONE, users={"alice": {"common": {"i": "1"}}}, conf={"port": 80})
    world.add(2, "hello", TWO, rev="x2", conf={"port": Number("80"), "more": {"deep": True}})
    return world


def opened(world: World, first: int | str, other: int | str) -> Comparison:
    comparison = Comparison("hello", world.engine.layout, str(world.root / "own"))
    for side in (first, other):
        if isinstance(side, int):
            (snapshot_set,) = world.engine.sets(side)
            comparison.add_snapshot(str(side), snapshot_set.snapshots[0])
        elif side == "live":
            comparison.add_live()
        else:
            comparison.add_file(side, Progress())
    return comparison


def changes_of(
    comparison: Comparison, options: CompareOptions = PLAIN, below: tuple[str, bytes] | None = None
) -> dict[str, str]:
    """The change of each path, users' paths after their name."""
    with comparison:
        return {
            f"{difference.owner}{'/' if difference.owner else ''}{difference.text}": difference.change.value
            for difference in comparison.differences(Progress(), options, below)
        }


def test_two_revisions_meet(world: World) -> None:
    """Only what differs is told; the directories of both revisions are one."""
    changes = changes_of(opened(world, 1, 2))
    assert changes == {
        "rev/a": "changed",
        "common/gone": "removed",
        "common/new": "added",
        "alice/common": "removed",
    }


def test_contents_are_read_where_asked_for(world: World) -> None:
    """Of the same size and time, but with another content."""
    assert "common/t" not in changes_of(opened(world, 1, 2))
    assert changes_of(opened(world, 1, 2), CompareOptions(exact=True))["common/t"] == "changed"


def test_the_same_is_told_where_asked_for(world: World) -> None:
    changes = changes_of(opened(world, 1, 2), CompareOptions(same=True))
    assert (changes["rev"], changes["rev/same"], changes["common/t"]) == ("same", "same", "same")


def test_folded_ones_stand_for_all_below(world: World) -> None:
    tally = Tally()
    with opened(world, 1, 2) as comparison:
        differences = {
            difference.text: difference
            for difference in comparison.differences(Progress())
            if not difference.owner
        }
        for difference in differences.values():
            tally.add(difference)
    assert (
        differences["common/gone"].files,
        differences["common/gone"].before,
        differences["common/gone"].after,
    ) == (
        2,
        5,
        None,
    )
    assert differences["common/gone"].folded
    assert tally.files[Change.REMOVED] == 2
    assert (tally.added, tally.removed) == (5, 5)
    unfolded = changes_of(opened(world, 1, 2), CompareOptions(folded=False))
    assert unfolded["common/gone/g"] == "removed"
    assert unfolded["common/gone"] == "removed"


def test_with_what_is_in_place(world: World) -> None:
    """Times decide where the sizes are equal; the content does where asked for."""
    os.chmod(world.data("hello") / "x2/same", 0o600)
    plant(world.data("hello", "bob"), {"common": {"b": "his"}}, uid_of("bob"))
    changes = changes_of(opened(world, 2, "live"), CompareOptions(exact=True))
    assert changes["rev/same"] == "metadata changed"
    assert changes["bob/common"] == "added"
    assert "changed" not in changes.values()
    assert changes_of(opened(world, 2, "live"))["rev/a"] == "changed", "its time is another one"


def test_changed_metadata_are_named(world: World) -> None:
    os.chmod(world.data("hello") / "x2/same", 0o600)
    with opened(world, 2, "live") as comparison:
        differences = {
            difference.text: difference
            for difference in comparison.differences(Progress(), CompareOptions(exact=True))
        }
    assert differences["rev/same"].metadata == ("mode", "time")
    assert differences["rev/a"].metadata == ("time",) or set(differences["rev/a"].metadata) == {
        "mode",
        "time",
    }


def test_kinds_that_differ(world: World) -> None:
    world.add(3, "hello", {"common": {"l": Link("a"), "p": FIFO, "d": {"x": "1"}, "k": "file"}})
    world.add(4, "hello", {"common": {"l": Link("b"), "p": FIFO, "d": "file", "k": Link("x")}})
    with opened(world, 3, 4) as comparison:
        differences = [
            (difference.text, difference.change.value, difference.kind)
            for difference in comparison.differences(Progress())
        ]
    assert differences == [
        ("common/d", "removed", "directory"),
        ("common/d", "added", "file"),
        ("common/k", "removed", "file"),
        ("common/k", "added", "symbolic link"),
        ("common/l", "changed", "symbolic link"),
    ]


def test_below_a_path(world: World) -> None:
    assert changes_of(opened(world, 1, 2), below=("", b"common/gone")) == {"common/gone": "removed"}


def test_a_file_is_a_side_too(world: World, tmp_path: Path) -> None:
    (path,) = world.snapshots.glob("1_*")
    file = str(path.rename(tmp_path / "loose"))
    changes = changes_of(opened(world, file, 2))
    assert changes["rev/a"] == "changed"


def test_hard_links_are_the_files_that_they_are(world: World) -> None:
    link = tarfile.TarInfo("common/two")
    link.type, link.linkname = tarfile.LNKTYPE, "common/one"
    link.uid = link.gid = os.geteuid()
    world.add(3, "hello", tgz({"common": {"one": "same"}}, extra=[link]))
    world.add(4, "hello", {"common": {"one": "same", "two": "same"}})
    assert changes_of(opened(world, 3, 4), CompareOptions(exact=True)) == {}


def test_names_that_are_not_utf8(world: World) -> None:
    name = b"caf\xe9\n".decode("utf-8", "surrogateescape")
    world.add(3, "hello", {"common": {name: "1"}})
    world.add(4, "hello", {"common": {}})
    with opened(world, 3, 4) as comparison:
        (difference,) = comparison.differences(Progress())
        assert difference.path == b"common/caf\xe9\n"
        mark = comparison.mark_of(difference)
    world.do(Extract(3, (mark,)))
    assert name in os.listdir(world.data("hello") / "common")


def test_a_cut_archive_is_compared_as_far_as_it_goes(world: World) -> None:
    whole = tgz({"common": {"a": "1", "z": os.urandom(200_000)}})
    world.add(3, "hello", whole[: len(whole) // 2])
    with opened(world, 3, 2) as comparison:
        list(comparison.differences(Progress()))
        assert "is not whole" in comparison.notes[0]


def test_a_broken_snapshot(world: World) -> None:
    path = world.add(3, "hello", ONE, rev="x1")
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(BlockedError, match="cannot compare"):
        opened(world, 3, 2)


def test_nothing_in_place(world: World) -> None:
    comparison = Comparison("ghost", world.engine.layout, "")
    with pytest.raises(NotFoundError, match="nothing is"):
        comparison.add_live()


def test_links_in_place_are_not_followed(world: World, tmp_path: Path) -> None:
    outside = plant(tmp_path / "outside", {"secret": "1"})
    world.add(3, "hello", {"common": {"d": {"secret": "1"}}})
    world.install("hello")
    plant(world.data("hello") / "common", {"d": Link(str(outside))})
    changes = changes_of(opened(world, 3, "live"))
    assert changes["common/d"] == "added"
    assert "common/d/secret" not in changes


@pytest.mark.skipif(AS_ROOT, reason="root may read everything")
def test_unreadable_folders_are_named(world: World) -> None:
    closed = world.data("hello") / "common/new"
    closed.chmod(0)
    try:
        with opened(world, 2, "live") as comparison:
            list(comparison.differences(Progress()))
            assert "cannot be looked at: Permission denied" in comparison.notes[-1]
    finally:
        closed.chmod(0o755)


def test_a_marked_side_can_be_put_back(world: World) -> None:
    with opened(world, 1, "live") as comparison:
        marks = tuple(
            comparison.mark_of(difference)
            for difference in comparison.differences(Progress(), CompareOptions(exact=True))
            if difference.change is not Change.ADDED
        )
    world.do(Extract(1, marks))
    with opened(world, 1, "live") as comparison:
        left = {
            difference.text for difference in comparison.differences(Progress(), CompareOptions(exact=True))
        }
    assert left == {"common/new"}
    assert tree_of(world.data("hello", "alice")) == {"common": {"i": "1"}}


# -- a text


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
