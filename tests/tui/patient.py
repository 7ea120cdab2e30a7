"""A user who meets questions: a question is itself a worker that waits, so only threads are waited for."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from textual.screen import Screen
from textual.widgets import Button, Input

from backend import engine_for
from tests.tui.user import User
from tui.app import SnapstowApp
from tui.place import Place


class Patient(User):
    """Somebody who is asked something; `answers` are what the dialogs answered."""

    answers: list[Any]

    async def waits(self) -> "Patient":
        """Until no thread works any more and the screen stands still."""
        await self.pilot.pause(0.01)
        if threads := [worker for worker in self.app.workers if worker._thread_worker]:
            await self.app.workers.wait_for_complete(threads)
        await self.pilot.pause(0.01)
        return self

    async def is_asked(self, dialog: Screen[Any]) -> "Patient":
        """Have a dialog opened."""
        self.app.push_screen(dialog, self.answers.append)
        return await self.waits()

    async def types(self, text: str, box: str = "") -> "Patient":
        """Put a text into a box instead of what is there, or into the one that has the focus."""
        field = self.app.screen.query_one(box, Input) if box else self.app.focused
        assert isinstance(field, Input)
        field.focus()
        field.value = text
        field.cursor_position = len(text)
        return await self.waits()

    def button(self, name: str = "#yes") -> Button:
        return self.app.screen.query_one(name, Button)


def patiently(
    root: str, tell: Callable[[Patient], Awaitable[None]], size: tuple[int, int] = (120, 40), **options: Any
) -> list[Any]:
    """Play a story; returns what the dialogs answered."""
    answers: list[Any] = []

    async def play() -> None:
        place = Place(engine_for(root), ("--demo",), **options)  # short, or commands would wrap
        app = SnapstowApp(place)
        async with app.run_test(size=size, notifications=True) as pilot:
            user = Patient(app, pilot)
            user.answers = answers
            await user.waits()
            await tell(user)
        for child in place.runner._children:
            child.wait()

    asyncio.run(play())
    return answers
