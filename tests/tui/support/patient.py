"""A user who meets questions."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Self

from textual.screen import Screen
from textual.widgets import Input

from backend import open_engine
from tests.tui.support.user import User, at
from tui.dialogs.answers import Answer, Answers
from tui.session.place import Place


class Patient(User):
    """Somebody who is asked something; `answers` are what the dialogs answered."""

    answers: list[Any]

    async def is_asked(self, dialog: Screen[Any]) -> Self:
        """Have a dialog opened."""
        self.app.push_screen(dialog, self.answers.append)
        await self.waits()
        return self

    async def types(self, text: str, box: str = "") -> Self:
        """Put a text into a box instead of what is there, or into the one that has the focus."""
        field = self.app.screen.query_one(box, Input) if box else self.app.focused
        assert isinstance(field, Input)
        field.focus()
        field.value = text
        field.cursor_position = len(text)
        await self.waits()
        return self

    def dialog(self) -> str:
        """What is on the dialog that is open, without what stands behind it."""
        region = self.app.screen.query_one(".dialog").region
        lines = self.screen().splitlines()[region.y : region.bottom]
        return "\n".join(line[region.x : region.right] for line in lines)

    @property
    def edge(self) -> Answers:
        """The edge of the dialog that is open."""
        return self.app.screen.query_one(Answers)

    @property
    def answer(self) -> Answer:
        """What Enter does in the dialog that is open."""
        assert self.edge.main is not None, self.screen()
        return self.edge.main


def patiently(
    root: str,
    tell: Callable[[Patient], Awaitable[None]],
    size: tuple[int, int] = (120, 40),
    config: str = "",
    **options: Any,
) -> list[Any]:
    """Play a story, configured by a file; returns what the dialogs answered."""
    answers: list[Any] = []

    async def play() -> None:
        place = Place(
            open_engine(root, "auto", config), ("--demo",), **options
        )  # short, or commands would wrap
        async with at(place, Patient, size) as user:
            user.answers = answers
            await tell(user)

    asyncio.run(play())
    return answers
