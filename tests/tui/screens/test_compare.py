"""Comparing snapshots with each other and with what is in place, told as stories."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from backend.compare import Change, Difference
from tests.support.builders import World, snapshot_of
from tests.tui.support.patient import Patient, patiently
from tui.screens.compare import CompareScreen
from tui.views.difference_rows import Pair, delta_text, pair_of, value_text

Tell = Callable[[Patient], Awaitable[object]]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Sets 1 and 2 of a snap at two revisions, and what is in place."""
    world = World(tmp_path / "root")
    world.install("cloud", "x2", common={"gone": "1", "text": "one\nthree\n"}, data={"g": "1"})
    world.remember("cloud", "x2")
    before = {"x1": {"g": "1"}, "common": {"gone": "12345", "text": "one\ntwo\n", "same": "s"}}
    after = {"x2": {"g": "1"}, "common": {"new": "1", "text": "one\nTWO!\n", "same": "s", "a\x1b[2J": "x"}}
    world.add(1, "cloud", before, rev="x1", conf={"port": 80, "old": True})
    world.add(2, "cloud", after, rev="x2", conf={"port": 81})
    return world


def compare(world: World, tell: Tell, size: tuple[int, int] = (90, 24), **options: Any) -> None:
    """Mark both sets in the inventory and compare them."""

    async def play(user: Patient) -> None:
        await user.knows_the_sets()
        await user.presses("asterisk", "d")
        await tell(user)

    patiently(str(world.root), play, size, **options)


async def goes_to(user: Patient, text: str) -> None:
    table = user.app.screen.query_one("LineTable")
    names = [row.draw().cells[0] for row in table._lines]  # type: ignore[attr-defined] # it is a LineTable
    table._go(next(number for number, name in enumerate(names) if text in name))  # type: ignore[attr-defined] # of its own class
    await user.waits()


def test_differences_have_a_sign_and_equal_entries_are_folded(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("Compare cloud #1 → #2  1.0 rev x1 → 1.0 rev x2")
        await user.sees("- common/gone")
        await user.sees("+ common/new")
        await user.sees("~ common/text")
        assert "common/same" not in user.screen()
        assert "rev/g" not in user.screen()
        assert "\x1b" not in user.screen()
        await user.presses("equals_sign")
        await user.sees("= common/same")
        await user.sees("= rev/g")

    compare(world, tell)


def test_the_configuration_is_compared_key_by_key(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("- configuration old: true → (not set)")
        await user.sees("~ configuration port: 80 → 81")
        await goes_to(user, "port")
        await user.presses("enter")
        await user.sees("a configuration key")

    compare(world, tell)


def test_enter_shows_the_differences_of_a_text(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("~ common/text")
        await goes_to(user, "common/text")
        await user.presses("enter")
        await user.sees("-two")
        await user.sees("+TWO!")
        await user.sees("a unified diff")
        await user.presses("escape")
        assert isinstance(user.app.screen, CompareScreen)

    compare(world, tell)


def test_marked_entries_are_put_back_from_the_first_side(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("- common/gone")
        await goes_to(user, "common/new")
        await user.presses("r")
        await user.sees("there is nothing to restore")
        await goes_to(user, "common/gone")
        await user.presses("r")
        await user.sees("Restore 1 item from #1")
        await user.sees("common/gone")

    compare(world, tell)


def test_sides_can_be_swapped(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("+ common/new")
        await user.presses("v")
        await user.sees("- common/new")
        screen = user.app.screen
        assert isinstance(screen, CompareScreen)
        await goes_to(user, "common/new")
        wanted = screen.extraction()
        assert wanted is not None
        assert (wanted.set_id, wanted.items) == (2, ("cloud:common/new",))

    compare(world, tell)


def test_one_snapshot_is_compared_with_what_is_in_place(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("#1")
        await user.presses("end", "d")
        await user.sees("live data")
        await user.sees("- common/same")
        await user.presses("v")
        await user.sees("cannot swap sides")

    patiently(str(world.root), tell, (90, 24))


def test_contents_are_not_shown_where_previews_are_off(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("~ common/text")
        await goes_to(user, "common/text")
        await user.presses("enter")
        await user.sees("previews are off")

    compare(world, tell, previews=False)


def test_a_broken_archive_is_compared_as_far_as_it_goes(world: World) -> None:
    world.add(1, "cloud", b"no archive at all", rev="x1")

    async def tell(user: Patient) -> None:
        await user.sees("not whole")
        await user.sees("5 files were not compared")
        assert "+ common" not in user.screen()

    compare(world, tell)


@pytest.mark.parametrize("size", [(60, 15), (40, 10), (20, 5), (3, 2)])
def test_no_size_is_too_small(world: World, size: tuple[int, int]) -> None:
    async def tell(user: Patient) -> None:
        await user.presses("down", "enter", "escape", "equals_sign", "x")
        assert user.screen().count("\n") == size[1] - 1

    compare(world, tell, size)


def test_selections_unfit_to_compare_say_why() -> None:
    first, second = snapshot_of(1, "cloud", {}), snapshot_of(3, "cloud", {})
    assert pair_of([second, first]) == Pair("cloud", first, second)
    assert pair_of([first]) == Pair("cloud", first, None)
    assert "select two" in str(pair_of([]))
    assert "select two" in str(pair_of([first, second, snapshot_of(4, "cloud", {})]))
    assert "different snaps" in str(pair_of([first, snapshot_of(2, "chat", {})]))
    assert "damaged" in str(pair_of([first._replace(broken="cut")]))


def test_values_and_deltas_are_short() -> None:
    assert value_text({"a": "x" * 100}).endswith("…")
    assert value_text("\x1b") == '"\\u001b"'
    difference = Difference("", b"f", Change.CHANGED, "file", 10, 4)
    assert delta_text(difference) == "-6 B"
    assert delta_text(difference._replace(after=10)) == ""
