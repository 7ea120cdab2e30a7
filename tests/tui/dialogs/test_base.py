"""The list of lines that dialogs are made of."""

import asyncio

import pytest
from textual import on
from textual.app import App, ComposeResult
from textual.content import Content

from tui.dialogs.lines import Line, LineList


class Listing(App[None]):
    """A list, and what it announced."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[object] = []

    def compose(self) -> ComposeResult:
        yield LineList()

    @on(LineList.Opened)
    def note(self, message: LineList.Opened) -> None:
        self.opened.append(message.key)


def lines(*keys: str) -> list[Line]:
    return [Line(key, Content(key)) for key in keys]


def test_opened_line_is_the_one_that_was_chosen_though_the_list_changed_since() -> None:
    async def tell() -> list[object]:
        app = Listing()
        async with app.run_test() as pilot:
            line_list = app.query_one(LineList)
            line_list.show(lines("a", "b", "c"))
            await pilot.pause()
            for remaining in (("x", "y", "z"), ("x",)):
                line_list.show(lines("a", "b", "c"))
                line_list.highlighted = 2
                line_list.action_select()  # the message waits in the queue while other lines come
                line_list.show(lines(*remaining))
                await pilot.pause()
        return app.opened

    assert asyncio.run(tell()) == ["c", "c"]


@pytest.mark.parametrize("way", ["up", "down"])
def test_a_page_key_in_a_list_without_room_does_no_harm(way: str) -> None:
    async def tell() -> object:
        app = Listing()
        async with app.run_test(size=(20, 4)) as pilot:
            line_list = app.query_one(LineList)
            line_list.styles.height = 0
            line_list.show(lines("a", "b", "c"))
            await pilot.pause()
            line_list.highlighted = 1
            getattr(line_list, f"action_page_{way}")()
            return line_list.cursor_key

    assert asyncio.run(tell()) == "b"
