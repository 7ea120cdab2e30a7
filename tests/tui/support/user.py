"""A user at a terminal without one: opens Snapstow on a root, presses keys, reads the screen as text."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Self, TypeVar

from rich.cells import cell_len
from textual._context import visible_screen_stack
from textual.pilot import Pilot
from textual.screen import Screen
from textual.strip import Strip

from backend import open_engine
from tests.tui.support.settling import press, settled, tick
from tui.app import Looks, SnapstowApp
from tui.session.place import Place
from tui.widgets.table import LineTable

PATIENCE = 20.0
SETTLED = 0.5  # seconds
_GLANCE = 0.005

Shown = TypeVar("Shown", bound=Screen[Any])


class User:
    """Somebody who uses the screens."""

    def __init__(self, app: SnapstowApp, pilot: Pilot[Any]) -> None:
        self.app = app
        self.pilot = pilot

    async def presses(self, *keys: str) -> Self:
        for key in keys:
            await press(self.app, key)
        return await self.waits()

    async def waits(self) -> Self:
        """Until every thread has ended and the screen stands still."""
        await settled(self.app)
        return self

    async def lets_time_pass(self) -> Self:
        """Until the screen has done what it does every few moments."""
        await tick(self.app.screen)
        return await self.waits()

    async def lets_rows_settle(self) -> Self:
        """Until rows that moved by themselves have stood still long enough for a key."""
        before = self.app.place.clock
        self.app.place.clock = lambda: before() + SETTLED
        return await self.waits()

    async def knows_the_sets(self) -> Self:
        """Until the inventory has rows, however little of it can be seen."""
        while self.table.cursor_key is None:
            await self.waits()
        return self

    @property
    def table(self) -> LineTable:
        """The table on the screen."""
        return self.app.screen.query_one(LineTable)

    def screen_of(self, kind: type[Shown]) -> Shown:
        """The screen of a kind, wherever in the stack it is."""
        return next(screen for screen in self.app.screen_stack if isinstance(screen, kind))

    async def sees(self, text: str) -> Self:
        """Until a text is on the screen; fails with the screen when it never comes."""
        return await self.finds(text, self.screen)

    async def finds(self, text: str, look: Callable[[], str]) -> Self:
        """Until a text is found where `look` looks; fails with the screen when it never comes."""
        end = time.monotonic() + PATIENCE
        await self.waits()
        while text not in look():
            assert time.monotonic() < end, f"{text!r} is not on the screen:\n{self.screen()}"
            await asyncio.sleep(_GLANCE)
            await self.waits()
        return self

    def screen(self) -> str:
        """What is on the screen, as lines of text."""
        width, height = self.app.size
        visible_screen_stack.set(self.app._background_screens)
        lines = [_text(strip, width) for strip in self.app.screen._compositor.render_strips()[:height]]
        return "\n".join(lines + [""] * (height - len(lines)))


def _text(strip: Strip, width: int) -> str:
    """A line of cells; a letter of two cells is followed by a blank."""
    text = "".join(text for text, _style, control in strip if not control).replace("\xa0", " ")
    if cell_len(text) != len(text):
        text = "".join(letter.ljust(cell_len(letter)) for letter in text)
    return text[:width].rstrip()


Kind = TypeVar("Kind", bound=User)


@asynccontextmanager
async def at(
    place: Place,
    kind: type[Kind],
    size: tuple[int, int] = (120, 40),
    looks: Looks = Looks(),  # noqa: B008 - it is frozen
) -> AsyncIterator[Kind]:
    """A user in front of the first screen of a place; its jobs are over in the end."""
    app = SnapstowApp(place, looks)
    app.animation_level = "none"
    async with app.run_test(size=size, notifications=True) as pilot:
        user = kind(app, pilot)
        await user.waits()
        yield user
    for child in place.runner._children:
        child.wait()


def story(
    root: str, tell: Callable[[User], Awaitable[None]], size: tuple[int, int] = (120, 40), **options: Any
) -> None:
    """Play a story: `tell` is what a user does on a root."""

    async def play() -> None:
        async with at(Place(open_engine(root), (f"--root={root}",), **options), User, size) as user:
            await tell(user)

    asyncio.run(play())
