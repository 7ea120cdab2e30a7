"""What all dialogs share: the context behind them, one focus, one meaning of Enter, Space and the arrows."""

import asyncio
from pathlib import Path

import pytest
from textual.widgets import Input

from backend import Restore, open_engine
from tests.support.builders import World
from tests.tui.support.dialogs import line_list
from tests.tui.support.looks import pieces
from tests.tui.support.patient import Patient, patiently
from tests.tui.support.restoring import ask_restore
from tests.tui.support.user import at
from tui.app import Looks
from tui.dialogs.answers import Answers
from tui.dialogs.check import AskCheck
from tui.dialogs.help import Help
from tui.session.place import Place
from tui.terminal import themes

SIZE = (120, 40)


async def opens_check(user: Patient) -> None:
    await user.knows_the_sets()
    await user.presses("c")
    assert isinstance(user.app.screen, AskCheck)


def test_the_screen_below_stays_in_sight(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("1 set ")
        before = user.screen().splitlines()
        await opens_check(user)
        top = user.app.screen.query_one(".dialog").region.y
        assert user.screen().splitlines()[: top - 1] == before[: top - 1]

    patiently(str(world.root), tell, SIZE)


def test_the_screen_behind_a_dialog_is_fainter_than_it_was(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.knows_the_sets()
        clear = next(piece for piece in pieces(user.app) if "#1" in piece.text)
        await opens_check(user)
        faint = next(piece for piece in pieces(user.app) if "#1" in piece.text)
        assert faint.line == clear.line
        assert faint.contrast < clear.contrast / 2

    patiently(str(world.root), tell, SIZE)


def test_with_the_terminals_own_colours_an_attribute_makes_it_faint(world: World) -> None:
    async def play() -> None:
        place = Place(open_engine(str(world.root)), ("--demo",))
        async with at(place, Patient, SIZE, Looks(themes.TERMINAL)) as user:
            await opens_check(user)
            behind = [piece for piece in pieces(user.app) if piece.line == 0]
            assert behind
            assert all(piece.style.dim and piece.style.color is None for piece in behind)

    asyncio.run(play())


def test_a_new_size_is_that_of_the_screen_behind_too(world: World) -> None:
    async def tell(user: Patient) -> None:
        await opens_check(user)
        await user.pilot.resize_terminal(100, 34)
        await user.waits()
        assert "? Help" in user.screen().splitlines()[33]

    patiently(str(world.root), tell, SIZE)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_the_help_stands_over_the_screen_too_and_says_how_to_leave(
    world: World, size: tuple[int, int]
) -> None:
    async def tell(user: Patient) -> None:
        await user.knows_the_sets()
        before = user.screen().splitlines()
        await user.presses("question_mark")
        await user.sees("Help: Inventory")
        behind = user.app.screen.query_one(".dialog").region.y
        assert user.screen().splitlines()[:behind] == before[:behind]
        edge = user.dialog().splitlines()[-1]
        assert "type to search" in edge
        assert "Esc Close" in edge
        await user.pilot.click(Answers, offset=(edge.index("Esc"), 0))
        await user.waits()
        assert not isinstance(user.app.screen, Help)
        assert user.screen().splitlines() == before

    patiently(str(world.root), tell, size)


def test_a_dialog_over_a_dialog_shows_both(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("✓ READY")
        await user.presses("question_mark")
        assert isinstance(user.app.screen, Help)
        await user.presses("escape")
        await user.sees("Enter Restore")

    ask_restore(world, tell, size=SIZE)


def test_nothing_is_painted_while_the_screen_below_goes_on(world: World) -> None:
    async def tell(user: Patient) -> None:
        await opens_check(user)
        (world.root / "var/lib/snapd/snapshots" / "x").write_text("")
        below = user.app.screen_stack[-2]
        below.refresh()
        for widget in below.walk_children():
            widget.refresh()
        before = user.screen()
        await user.lets_time_pass()
        assert user.screen() == before

    patiently(str(world.root), tell, SIZE)


def test_arrows_go_from_the_list_to_the_fields_and_back(world: World, tmp_path: Path) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("✓ READY")
        path = user.app.screen.query_one("#to", Input)
        for keys, holder in ((("end", "down"), path), (("down",), path), (("up",), line_list(user))):
            await user.presses(*keys)
            assert user.app.focused is holder
        await user.presses("home", "up")
        assert line_list(user).has_focus

    ask_restore(world, tell, Restore(1, target_dir=str(tmp_path / "out")), SIZE)


@pytest.mark.parametrize("line", ["in place", "Undo", "device nodes", "Data of"])
def test_enter_is_the_main_answer_on_every_line(world: World, line: str) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("✓ READY")
        lines = line_list(user)
        lines.highlighted = next(
            at for at, each in enumerate(lines.shown) if line in f"{each.head}{each.text}"
        )
        await user.presses("enter")

    assert ask_restore(world, tell) == [Restore(1)]


def test_only_what_has_the_focus_shows_a_cursor(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("Type 1 to restore")
        assert user.app.focused is user.app.screen.query_one("#proof")
        assert "▌" not in user.dialog()
        await user.presses("up")
        assert user.dialog().count("▌") == 1

    ask_restore(world, tell, Restore(1, undo_window=0), SIZE)


def test_a_click_on_one_of_several_choices_chooses_that_one(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("( ) none")
        rows = user.screen().splitlines()
        row = next(at for at, text in enumerate(rows) if "( ) none" in text)
        await user.pilot.click(offset=(rows[row].index("( ) none") + 1, row))
        await user.sees("(•) none")
        await user.sees("it cannot be undone")

    ask_restore(world, tell, size=SIZE)


def test_the_answers_can_be_clicked(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("✓ READY")
        rows = user.screen().splitlines()
        row = next(at for at, text in enumerate(rows) if "Enter Restore" in text)
        await user.pilot.click(offset=(rows[row].index("Enter Restore") + 1, row))
        await user.waits()

    assert ask_restore(world, tell, size=SIZE) == [Restore(1)]
