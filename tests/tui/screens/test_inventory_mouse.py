"""The first screen by mouse: rows, arrows, headings, the wheel, the key bar."""

import pytest
from textual.events import MouseScrollDown

from tests.tui.support.inventory_world import make_model, make_root
from tests.tui.support.user import User, story
from tui.views.set_keys import SetKey

model = pytest.fixture(scope="module")(make_model)
root = pytest.fixture(make_root)


async def clicks(user: User, text: str, shift: int = 0) -> None:
    """Click where a text begins on the screen, or beside it."""
    for number, line in enumerate(user.screen().splitlines()):
        if (at := line.find(text)) >= 0:
            await user.pilot.click(offset=(at + shift, number))
            await user.waits()
            return
    raise AssertionError(f"{text!r} is not on the screen:\n{user.screen()}")


def sets_shown(user: User) -> list[str]:
    """The sets in their order on the screen."""
    rows = (line.partition("▸ #")[2] for line in user.screen().splitlines())
    return [row.split()[0] for row in rows if row]


def test_a_click_on_a_row_goes_there_and_another_opens_it(root: str) -> None:
    async def tell(user: User) -> None:
        await user.sees("#9")
        await clicks(user, "▸ #5 ", shift=2)
        assert user.table.cursor_key == SetKey(5)
        assert "├" not in user.screen()
        await clicks(user, "▸ #5 ", shift=2)
        assert "hello-world 6.4 · rev x1" in user.screen()

    story(root, tell)


def test_a_click_on_an_arrow_opens_and_closes_its_row(root: str) -> None:
    async def tell(user: User) -> None:
        await user.sees("#9")
        await clicks(user, "▸ #1 ")
        assert "▾ #1 " in user.screen()
        await clicks(user, "├ ▸ ", shift=2)
        assert "├ ▾ " in user.screen()
        await clicks(user, "▾ #1 ")
        assert "▸ #1 " in user.screen()

    story(root, tell)


def test_a_click_on_a_heading_sorts_by_it_and_another_reverses(root: str) -> None:
    async def tell(user: User) -> None:
        await user.sees("SET ▼")
        first = sets_shown(user)
        await clicks(user, "STORED")
        await user.sees("STORED ▼")
        assert "largest first" in user.screen()
        assert sets_shown(user)[0] == "1"
        await clicks(user, "STORED")
        await user.sees("STORED ▲")
        assert sets_shown(user)[-1] == "1"
        await clicks(user, "SET")
        await user.sees("SET ▼")
        assert sets_shown(user) == first

    story(root, tell)


def test_o_sorts_by_the_next_column_and_control_o_reverses(root: str) -> None:
    async def tell(user: User) -> None:
        await user.sees("SET ▼")
        await user.presses("o")
        await user.sees("SNAPS ▲")
        await user.presses("ctrl+o")
        await user.sees("SNAPS ▼")

    story(root, tell)


def test_the_wheel_scrolls_the_rows(root: str) -> None:
    async def tell(user: User) -> None:
        await user.sees("#9")
        before = sets_shown(user)
        await user.pilot._post_mouse_events([MouseScrollDown], widget=user.table, offset=(5, 3))
        await user.waits()
        assert sets_shown(user) != before

    story(root, tell, (80, 10))


def test_a_click_on_the_key_bar_presses_its_key(root: str) -> None:
    async def tell(user: User) -> None:
        await user.sees("#9")
        await clicks(user, "J Jobs")
        await user.sees("restore 1")
        assert len(user.app.screen_stack) == 3

    story(root, tell)
