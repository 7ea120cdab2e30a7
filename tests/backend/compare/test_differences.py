"""What differs between two snapshots, or a snapshot and what is in place: all of it, and nothing else."""

import os
import tarfile
from pathlib import Path

import pytest

from backend.compare.comparison import Comparison
from backend.compare.differences import (
    Change,
    CompareOptions,
    Tally,
)
from backend.errors import BlockedError, NotFoundError
from backend.operations import Extract
from backend.progress import Progress
from tests.support.builders import AS_ROOT, FIFO, Link, World, plant, tgz, tree_of, uid_of
from tests.support.command import snapstow
from tests.support.comparing import ONE, make_world, opened

world = pytest.fixture(make_world)
PLAIN = CompareOptions()


def changes_of(
    comparison: Comparison, options: CompareOptions = PLAIN, below: tuple[str, bytes] | None = None
) -> dict[str, str]:
    """The change of each path, users' paths after their name."""
    with comparison:
        return {
            f"{difference.owner}{'/' if difference.owner else ''}{difference.text}": difference.change.value
            for difference in comparison.differences(Progress(), options, below)
        }


def test_files_that_could_not_be_read_are_not_called_removed(world: World, tmp_path: Path) -> None:
    path = world.add(3, "hello", {"x1": {name: os.urandom(40_000) for name in "abcdef"}})
    with opened(world, 3, 3) as whole:
        assert list(whole.differences(Progress())) == []
        assert whole.is_whole
        assert whole.is_sound
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2 : len(raw) // 2 + 20_000] = bytes(20_000)
    other = tmp_path / "damaged" / path.name
    other.parent.mkdir()
    other.write_bytes(raw)
    with opened(world, 3, str(other)) as half:
        changes = {difference.change for difference in half.differences(Progress())}
        assert Change.REMOVED not in changes
        assert not half.is_whole
        assert any("not compared: the other side may have what could not be read" in n for n in half.notes)
    done = snapstow(world.root, "diff", "3", str(other), "hello")
    assert done.code == 3
    assert "is not whole" in done.err


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
