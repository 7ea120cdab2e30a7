"""The dialog before an undo, and the help, told as stories over small worlds."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.screen import ModalScreen
from textual.widgets import Input

from backend import Restore
from tests.support.builders import World
from tests.tui.support.user import User, at
from tui.dialogs.help import Help
from tui.dialogs.undo import AskUndo
from tui.session.place import Place

LATER = "2999-01-01T00:00:00Z"
Tell = Callable[["Asked"], Awaitable[object]]


class Asked(User):
    """Somebody who is asked something."""

    async def types(self, text: str) -> None:
        """Put a text into the box, its last letter by the key."""
        box = self.app.screen.query_one(Input)
        box.focus()
        await self.waits()
        box.value += text[:-1]
        box.cursor_position = len(box.value)
        await self.presses(text[-1])


def place_of(world: World, **options: Any) -> Place:
    return Place(world.engine, ("--demo",), **options)


def ask(dialog: ModalScreen[Any], place: Place, tell: Tell, size: tuple[int, int] = (80, 24)) -> list[Any]:
    """Ask, let `tell` answer; returns the answers: none when the dialog is still there."""
    answers: list[Any] = []

    async def play() -> None:
        async with at(place, Asked, size) as user:
            user.app.push_screen(dialog, answers.append)
            await user.waits()
            await tell(user)

    asyncio.run(play())
    return answers


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Two installed snaps with data, and set 1 of both, saved when all that was already there."""
    world = World(tmp_path / "root")
    world.install("cloud", common={"f": "12345"}, data={"g": "1"}, users={"alice": {"h": "123"}, "bob": {}})
    world.install("chat", common={"f": "1"})
    for snap in ("cloud", "chat"):
        world.remember(snap)
    tree = {"x1": {"g": "1"}, "common": {"f": "1"}}
    world.add(1, "cloud", tree, users={"alice": {"common": {"h": "1"}}, "bob": {"common": {}}}, time=LATER)
    world.add(1, "chat", tree, time=LATER)
    return world


class TestUndo:
    def test_nothing_to_take_back(self, world: World) -> None:
        async def tell(user: Asked) -> None:
            await user.sees("Nothing can be taken back")
            await user.presses("enter")

        place = place_of(world)
        assert ask(AskUndo(place), place, tell) == [None]

    def test_enter_takes_the_chosen_one_back(self, world: World) -> None:
        first = world.do(Restore(1)).undo_job
        second = world.do(Restore(1, ("chat",))).undo_job

        async def tell(user: Asked) -> None:
            await user.sees("restore of #1  chat")
            await user.sees(f"job {second} changed the same snaps later")
            await user.sees(f"undo {second}")
            await user.presses("j")
            await user.sees(f"Take back job {first}")
            await user.presses("enter")

        place = place_of(world)
        assert ask(AskUndo(place), place, tell) == [first]

    def test_escape_takes_nothing_back(self, world: World) -> None:
        world.do(Restore(1))

        async def tell(user: Asked) -> None:
            await user.sees("until")
            await user.presses("escape")

        place = place_of(world)
        assert ask(AskUndo(place), place, tell, (60, 15)) == [None]


class TestHelp:
    def test_keys_with_their_effects_can_be_searched(self, world: World) -> None:
        place = place_of(world)

        async def tell(user: Asked) -> None:
            await user.sees("What can be done here")
            await user.sees("Choose a restore to take back")
            await user.types("take back")
            await user.sees("Choose a restore to take back")
            assert "Export" not in user.screen()
            await user.types("zzz")
            await user.sees("no key matches")
            await user.presses("escape")

        from tui.screens.inventory.screen import InventoryScreen

        assert ask(Help("Inventory", list(InventoryScreen.BINDINGS)), place, tell) == [None]

    @pytest.mark.parametrize("size", [(60, 15), (40, 10)])
    def test_long_help_scrolls_while_one_types(self, world: World, size: tuple[int, int]) -> None:
        place = place_of(world)

        async def tell(user: Asked) -> None:
            await user.presses(*["pagedown"] * 15)
            await user.sees("more")

        from tui.screens.inventory.screen import InventoryScreen

        assert ask(Help("Inventory", list(InventoryScreen.BINDINGS)), place, tell, size) == []
