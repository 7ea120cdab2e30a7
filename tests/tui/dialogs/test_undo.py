"""The dialog before an undo, and the help, told as stories over small worlds."""

import pytest

from backend import Restore
from tests.support.builders import World
from tests.tui.support.dialogs import ask, keys_in
from tests.tui.support.patient import Patient, patiently
from tui.dialogs.help import Help
from tui.dialogs.undo import AskUndo
from tui.screens.inventory.screen import InventoryScreen
from tui.session.place import Place


def help_of_inventory(_place: Place) -> Help:
    return Help("Inventory", list(InventoryScreen.BINDINGS))


class TestUndo:
    def test_nothing_to_take_back(self, world: World) -> None:
        async def tell(user: Patient) -> None:
            await user.sees("Nothing can be undone")
            await user.presses("enter")

        assert ask(world, AskUndo, tell) == [None]

    def test_enter_takes_the_chosen_one_back(self, world: World) -> None:
        first = world.do(Restore(1)).undo_job
        second = world.do(Restore(1, ("chat",))).undo_job

        async def tell(user: Patient) -> None:
            await user.sees("restore of #1  chat")
            await user.sees(f"job {second} changed the same snaps later")
            await user.sees(f"undo {second}")
            await user.presses("j")
            await user.sees(f"Undo job {first}")
            await user.presses("enter")

        assert ask(world, AskUndo, tell) == [first]

    def test_escape_takes_nothing_back(self, world: World) -> None:
        world.do(Restore(1))

        async def tell(user: Patient) -> None:
            await user.sees("until")
            await user.presses("escape")

        assert ask(world, AskUndo, tell, (60, 15)) == [None]


class TestHelp:
    def test_keys_with_their_effects_can_be_searched(self, world: World) -> None:
        async def tell(user: Patient) -> None:
            await user.sees("u        Undo")
            await keys_in(user, "job to undo")
            await user.sees("Choose a job to undo")
            assert "Export" not in user.dialog()
            await keys_in(user, "zzz")
            await user.sees("no key matches")
            await user.presses("escape")

        assert ask(world, help_of_inventory, tell) == [None]

    @pytest.mark.parametrize("size", [(80, 24), (120, 40)])
    def test_all_of_it_is_on_one_page_the_signs_first(self, world: World, size: tuple[int, int]) -> None:
        async def tell(user: Patient) -> None:
            await user.presses("question_mark")
            first = user.screen().index("Signs")
            assert first < user.screen().index("✓        verified") < user.screen().index("Actions")
            for last in ("q        Quit", "Select none", "log     J shows the log"):
                assert last in user.screen()

        patiently(str(world.root), tell, size)

    @pytest.mark.parametrize("size", [(60, 15), (40, 10)])
    def test_long_help_scrolls_while_one_types(self, world: World, size: tuple[int, int]) -> None:
        async def tell(user: Patient) -> None:
            assert "Quit" not in user.screen()
            await user.presses(*["pagedown"] * 15)
            await user.sees("q        Quit")

        assert ask(world, help_of_inventory, tell, size) == []
