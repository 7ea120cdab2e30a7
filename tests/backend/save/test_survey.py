"""What a save would meet: sizes, concerns and what patterns leave out."""

import os
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from backend.archive.tar.program import RECORD, Tar
from backend.archive.tar.stream import FILE, TarFilter, TarMember
from backend.errors import InvalidInputError, NotFoundError, UnknownUserError
from backend.format import excludes
from backend.fs import files
from backend.fs.space import measure
from backend.progress import Progress
from backend.save.survey import Outlook, Survey, aims
from tests.support.builders import FIFO, Link, World
from tests.support.surveying import X1, aim_at, fill, looked, make_world

world = pytest.fixture(make_world)


def test_survey_adds_up_to_the_estimate(world: World) -> None:
    fill(world, {"a": {"b": {"c": "1" * 5000}}, "link": Link("/etc"), "fifo": FIFO})
    top = world.data("cloud")
    assert looked(world).read == measure([f"{top}/x1", f"{top}/common"])
    assert looked(world, "alice").read.apparent == 3
    assert (looked(world).owner, looked(world, "alice").owner) == ("system", "alice")


def test_without_data_there_is_nothing(world: World) -> None:
    assert looked(world, "bob") == Survey(aim_at(world, "bob"))


def test_the_archive_is_about_as_large_as_tar_makes_it(world: World) -> None:
    fill(world, {"a": {"b": "1" * 1_000_000, "c": "2" * 1000}, "sparse": ""})
    os.truncate(world.data("cloud") / "common/sparse", 50 << 20)
    assert -(-(looked(world).read.packed + 1024) // RECORD) * RECORD == archived_by_tar(world)


def archived_by_tar(world: World) -> int:
    buffer, total = memoryview(bytearray(1 << 18)), 0
    with (
        files.opened(str(world.data("cloud")), files.DIRECTORY) as fd,
        Tar(None).pack(fd, ["x1", "common"], [], Progress()) as read,
    ):
        while count := read(buffer):
            total += count
    return total


def test_aims_of_a_save_are_snaps_and_users(world: World) -> None:
    world.install("chat")
    layout = world.engine.layout
    pairs = [(aim.snap.name, aim.user.name if aim.user else "") for aim in aims(layout, (), ())]
    assert pairs == [(snap, user) for snap in ("chat", "cloud") for user in ("", "root", "alice")]
    assert [aim.user and aim.user.name for aim in aims(layout, ["chat"], ["bob"])] == [None, "bob"]
    with pytest.raises(NotFoundError, match="not installed"):
        aims(layout, ["none"], ())
    with pytest.raises(UnknownUserError, match=r"unknown user .eve."):
        aims(layout, (), ["eve"])


# -- patterns


def test_each_pattern_is_told_and_all_together_once(world: World) -> None:
    fill(world, {"cache": {"a": "1" * 10, "b": "2" * 20}, "keep": "3"})
    survey = looked(
        world, None, "$SNAP_COMMON/cache", "$SNAP_COMMON/*/a", "$SNAP_USER_COMMON", "$SNAP_DATA/x"
    )
    assert survey.by_pattern == (30, 10, 0, 0)
    assert (survey.left_out.apparent, survey.left_out.files) == (30, 2)
    assert survey.read.apparent == 5 + 1 + 1


def test_exclusions_of_the_snap_are_told_apart(world: World) -> None:
    world.install("cloud", exclude=["$SNAP_COMMON/cache", "$SNAP_USER_COMMON/h"])
    fill(world, {"cache": {"a": "1" * 10}})
    survey = looked(world, None, "$SNAP_COMMON/c*")
    assert (survey.shipped, survey.by_pattern, survey.left_out.apparent) == (10, (10,), 10)
    assert survey.largest[0].left_out_by == ("", "$SNAP_COMMON/c*")
    assert looked(world, "alice").read.apparent == 0


def test_patterns_are_checked_and_those_shipped_are_a_concern(world: World) -> None:
    with pytest.raises(InvalidInputError, match="not clean"):
        looked(world, None, "$SNAP_COMMON/../x")
    world.install("cloud", exclude=["$HOME"])
    (concern,) = looked(world).concerns
    assert concern.outlook is Outlook.FAILS
    assert "must start with" in concern.text
    assert looked(world, "alice").concerns == ()


LETTERS = "ab.*\\\n-é\udcff"
NAMES = st.text(st.sampled_from(LETTERS), min_size=1, max_size=3).filter(lambda name: name not in (".", ".."))
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
PATTERNS = st.builds(
    "{}{}".format,
    st.sampled_from(["$SNAP_DATA", "$SNAP_COMMON", "$SNAP_USER_DATA"]),
    st.lists(st.text(st.sampled_from("ab.*\\-é\udcff"), min_size=1, max_size=3), max_size=3).map(
        lambda parts: "".join(f"/{part}" for part in parts)
    ),
)


@given(
    paths=st.lists(st.builds("{}/{}".format, st.sampled_from(["x1", "common"]), PATHS), max_size=9),
    patterns=st.lists(PATTERNS, max_size=3),
)
@example(["x1/\\", "x1/a\\"], ["$SNAP_DATA/*\\"])
@example(["x1/\\", "x1/a\\"], ["$SNAP_DATA/\\"])
@example(["x1/\\/\\/-"], ["$SNAP_DATA/*/*\\/-"])
def test_tar_is_of_the_same_opinion(
    tmp_path_factory: pytest.TempPathFactory, paths: list[str], patterns: list[str]
) -> None:
    try:
        excludes.validate_excludes(patterns)
    except InvalidInputError:
        assume(False)
    world = World(tmp_path_factory.mktemp("opinion") / "root", [])
    world.install("cloud", data={}, common={})
    for number, path in enumerate(paths):
        try:
            place = world.data("cloud") / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text("1" * (number + 1))
        except OSError:
            continue  # a file is where this one wants a directory, or the other way round
    survey = looked(world, None, *patterns)
    saved = saved_by_tar(world, patterns)
    assert (survey.read.apparent, survey.read.files) == (sum(saved), len(saved))
    alone = [looked(world, None, pattern) for pattern in patterns]
    assert list(survey.by_pattern) == [lone_survey.left_out.apparent for lone_survey in alone]


def saved_by_tar(world: World, patterns: Sequence[str]) -> list[int]:
    """The sizes of the files that the real tar saves."""
    saved: list[int] = []

    def judge(member: TarMember) -> bool:
        if member.kind == FILE:
            saved.append(member.size)
        return True

    stream = TarFilter(judge, lambda _passed: None)
    buffer = memoryview(bytearray(1 << 18))
    expanded = excludes.expand(patterns, X1, system=True)
    with (
        files.opened(str(world.data("cloud")), files.DIRECTORY) as fd,
        Tar(None).pack(fd, ["x1", "common"], expanded, Progress()) as read,
    ):
        while count := read(buffer):
            stream.feed(bytes(buffer[:count]))
    return saved


@given(path=st.builds("{}/{}".format, st.sampled_from(["x1", "common"]), PATHS | st.text(max_size=5)))
def test_a_pattern_for_a_path_names_just_that(path: str) -> None:
    try:
        pattern = excludes.pattern_of(path, X1, system=True)
    except InvalidInputError:
        return
    excludes.validate_excludes([pattern])
    matcher = excludes.compiled(excludes.expand([pattern], X1, system=True))
    assert matcher is not None
    assert matcher.match(path)
    assert matcher.match(f"{path}/below")
    assert not matcher.match(f"{path}x")
    assert excludes.expand([pattern], X1, system=False) == []


def test_a_quoted_star_at_the_end_is_a_star(world: World) -> None:
    fill(world, {"st*": "1", "star": "12"})
    assert looked(world, None, r"$SNAP_COMMON/st\*").by_pattern == (1,)


@pytest.mark.parametrize("name", ["[x]", "a{b", "what?", "$HOME", "a//b", "..", ""])
def test_some_names_cannot_be_written_as_a_pattern(name: str) -> None:
    with pytest.raises(InvalidInputError):
        excludes.pattern_of(f"common/{name}", X1, system=True)


# -- large folders


def test_the_largest_folders_come_first_and_not_those_around_one_of_them(world: World) -> None:
    tree: dict[str, Any] = {f"d{number:02}": {"f": "1" * number} for number in range(1, 20)}
    fill(world, tree | {"around": {"big": {"f": "1" * 900}, "small": "1"}})
    survey = looked(world)
    assert [(folder.path, folder.size) for folder in survey.largest[:3]] == [
        ("common/around/big", 900),
        ("common/d19", 19),
        ("common/d18", 18),
    ]
    assert len(survey.largest) == 10


def test_a_folder_left_out_is_told_with_what_it_holds_and_nothing_in_it_is(world: World) -> None:
    fill(world, {"cache": {"a": {"f": "1" * 50}, "b": {"f": "1" * 40}}, "other": {"f": "1" * 10}})
    survey = looked(world, None, "$SNAP_COMMON/cache", "$SNAP_COMMON/other/*")
    assert [tuple(folder) for folder in survey.largest] == [("common/cache", 90, ("$SNAP_COMMON/cache",))]
