"""Every screen and dialog at every size: complete, usable, and never a traceback."""

from pathlib import Path

import pytest

from backend import Check
from tests.support.builders import World
from tests.tui.support.patient import Patient, patiently

EVERYWHERE = ("J", "r", "c", "s", "e", "i", "f", "u", "D", "question_mark", "colon")


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "root")
    world.install("hello", data={"f": "x"})
    for number in range(1, 31):
        world.add(number, "hello", users={"alice": {"x1": {}}}, time="2024-01-01T00:00:00Z")
    world.write_state()
    world.do(Check(1))
    return world


@pytest.mark.parametrize("size", [(80, 24), (60, 15), (40, 10), (20, 5), (3, 2), (1, 1)])
def test_everything_opens_and_closes(size: tuple[int, int], world: World) -> None:
    async def tell(user: Patient) -> None:
        for key in EVERYWHERE:
            await user.presses(key)
            await user.presses("down", "escape")
            while len(user.app.screen_stack) > 2:
                await user.presses("escape")

    patiently(str(world.root), tell, size)


@pytest.mark.parametrize("size", [(20, 5), (2, 3), (2, 4), (1, 3), (1, 1)])
def test_a_log_without_room_for_its_last_line_stands_still(size: tuple[int, int], world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.presses("J", "enter", "up", "up", "down", "down", "escape")

    patiently(str(world.root), tell, size)


@pytest.mark.parametrize("size", [(80, 24), (60, 15), (40, 10)])
def test_the_table_works(size: tuple[int, int], world: World) -> None:
    async def tell(user: Patient) -> None:
        assert "#30" in user.screen()
        assert user.screen().splitlines()[-1].rstrip().endswith("? Help")
        await user.presses("G")
        assert "#1 " in user.screen()
        await user.presses("g")
        assert "#30" in user.screen()

    patiently(str(world.root), tell, size)


@pytest.mark.parametrize("size", [(80, 24), (60, 15)])
def test_help_fits_and_is_searched(size: tuple[int, int], world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.presses("question_mark")
        assert "type to search" in user.screen()
        await user.presses(*"damaged")
        assert "unreadable as a snapshot" in user.screen()
        for _ in "damaged":
            await user.presses("backspace")
        assert ":        All" in user.screen()
        await user.presses(*"log")
        assert "var/lib/snapstow" in user.screen().replace("\n", "") or "stored in" in user.screen()

    patiently(str(world.root), tell, size)
