"""The edge of a dialog: what Enter and Esc do, for what it waits, and keys that can be clicked."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from tui.dialogs.answers import Answer, Answers, Piece

RESTORE, CANCEL = Answer("enter", "Enter", "Restore"), Answer("escape", "Esc", "Cancel")
SPACE = Answer("space", "Space", "choose")
LOSS = Piece("READY WITH LOSS", "$text-warning")


class Edge(App[None]):
    """An edge, and the keys that were pressed on it."""

    CSS = "Answers { height: 1; }"

    def __init__(self) -> None:
        super().__init__()
        self.pressed: list[str] = []

    def compose(self) -> ComposeResult:
        yield Answers((SPACE,), (RESTORE, CANCEL))

    def simulate_key(self, key: str) -> None:
        self.pressed.append(key)

    @property
    def edge(self) -> Answers:
        return self.query_one(Answers)

    @property
    def text(self) -> str:
        return self.edge.render().plain


def play(tell: Callable[[Edge, Pilot[None]], Awaitable[None]], width: int = 80) -> None:
    async def run() -> None:
        app = Edge()
        async with app.run_test(size=(width, 3)) as pilot:
            await tell(app, pilot)

    asyncio.run(run())


def test_keys_stand_on_the_left_and_the_verdict_before_the_answers_on_the_right() -> None:
    async def tell(app: Edge, _pilot: Pilot[None]) -> None:
        app.edge.show((RESTORE, CANCEL), LOSS)
        assert app.text.startswith("╰─ Space choose ─")
        assert app.text.endswith("─ READY WITH LOSS   Enter Restore   Esc Cancel ─╯")
        assert len(app.text) == 80

    play(tell)


def test_an_answer_that_waits_says_what_for() -> None:
    async def tell(app: Edge, _pilot: Pilot[None]) -> None:
        app.edge.show((RESTORE._replace(waits="type 86 first"), CANCEL))
        assert "Enter Restore: type 86 first   Esc Cancel" in app.text

    play(tell)


@pytest.mark.parametrize(
    ("width", "there", "gone"),
    [
        (62, "READY WITH LOSS   Enter Restore   Esc Cancel", "Space"),
        (44, "READY WITH LOSS   Enter Restore", "Esc"),
        (24, "Enter Restore", "READY"),
    ],
)
def test_where_it_is_narrow_the_main_answer_stays_longest(width: int, there: str, gone: str) -> None:
    async def tell(app: Edge, _pilot: Pilot[None]) -> None:
        app.edge.show((RESTORE, CANCEL), LOSS)
        assert there in app.text
        assert gone not in app.text
        assert len(app.text) == width

    play(tell, width)


@pytest.mark.parametrize(("word", "key"), [("Restore", "enter"), ("Esc", "escape"), ("choose", "space")])
def test_a_click_on_an_answer_is_its_key(word: str, key: str) -> None:
    async def tell(app: Edge, pilot: Pilot[None]) -> None:
        await pilot.click(Answers, offset=(app.text.index(word) + 1, 0))
        assert app.pressed == [key]

    play(tell)


def test_a_click_on_the_line_is_no_key() -> None:
    async def tell(app: Edge, pilot: Pilot[None]) -> None:
        await pilot.click(Answers, offset=(app.text.index("───") + 1, 0))
        assert app.pressed == []

    play(tell)
