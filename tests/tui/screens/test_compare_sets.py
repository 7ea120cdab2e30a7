"""Whole sets compared, told as stories."""

from collections.abc import Awaitable, Callable

import pytest

from tests.support.builders import World
from tests.support.comparing import make_sets
from tests.tui.support.patient import Patient, patiently
from tui.screens.compare import CompareScreen
from tui.screens.compare_sets import CompareSetsScreen
from tui.screens.contents.screen import ContentsScreen

Tell = Callable[[Patient], Awaitable[object]]


world = pytest.fixture(make_sets)


def compare(world: World, tell: Tell, size: tuple[int, int] = (90, 24)) -> None:
    """Mark both sets and compare them."""

    async def play(user: Patient) -> None:
        await user.knows_the_sets()
        await user.presses("asterisk", "d")
        await tell(user)

    patiently(str(world.root), play, size)


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
def test_two_marked_sets_are_compared_snap_by_snap(world: World, size: tuple[int, int]) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("Compare #1 → #2")
        await user.sees("1 added, 3 removed, 1 changed")
        await user.sees("only in #1")
        await user.sees("only in #2")
        await user.sees("3 snaps · 3 different")

    compare(world, tell, size)


def test_enter_shows_the_files_of_a_snap_and_escape_comes_back(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("3 snaps")
        await user.presses("enter")
        await user.sees("Compare hello #1 → #2")
        assert isinstance(user.app.screen, CompareScreen)
        await user.sees("common/gone")
        await user.presses("escape")
        assert isinstance(user.app.screen, CompareSetsScreen)
        await user.sees("3 snaps · 3 different")

    compare(world, tell)


def test_a_snap_that_cannot_be_compared_is_not_counted_as_different(world: World) -> None:
    world.add(1, "bad", {"x1": {"f": "1"}})
    (world.snapshots / "2_bad_1.0_x1.zip").write_bytes(b"none")

    async def tell(user: Patient) -> None:
        await user.sees("cannot compare")
        await user.sees("4 snaps · 3 different · 1 not compared")

    compare(world, tell)


def test_enter_on_a_snap_of_one_set_looks_into_it(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("3 snaps")
        await user.presses("down", "enter")
        await user.sees("#2 new rev x1")
        assert isinstance(user.app.screen, ContentsScreen)

    compare(world, tell)


def test_sides_are_swapped(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("3 snaps")
        await user.presses("v")
        await user.sees("Compare #2 → #1")
        await user.sees("3 added, 1 removed, 1 changed")

    compare(world, tell)


def test_a_set_is_compared_with_what_is_in_place(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.knows_the_sets()
        await user.presses("g", "d")
        await user.sees("Compare #2 → live data")
        await user.sees("only in #2")
        await user.presses("v")
        await user.sees("cannot swap sides")

    patiently(str(world.root), tell, (90, 24))


def test_a_comparison_by_content_says_so(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("3 snaps")
        await user.presses("c")
        await user.sees("3 snaps · 3 different")
        await user.presses("x")
        await user.sees("no comparison is running")

    compare(world, tell)


def test_the_command_is_copied(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("3 snaps")
        await user.presses("y")
        await user.sees("snapstow --demo diff 1 2")

    compare(world, tell)


@pytest.mark.parametrize("size", [(60, 15), (40, 10), (20, 5), (3, 2)])
def test_no_size_is_too_small(world: World, size: tuple[int, int]) -> None:
    async def tell(user: Patient) -> None:
        await user.presses("down", "enter", "escape", "c", "x")
        assert user.screen().count("\n") == size[1] - 1

    compare(world, tell, size)
