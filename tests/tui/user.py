"""A user at a terminal without one: opens Snapstow on a root, presses keys, reads the screen as text."""

import asyncio
import html
import re
from collections.abc import Awaitable, Callable
from typing import Any

from rich.cells import cell_len
from textual.pilot import Pilot

from backend import engine_for
from tui.app import SnapstowApp
from tui.place import Place

_RUN = re.compile(
    r'<text class="[^"]*-r\d+" x="([\d.]+)" y="[\d.]+" textLength="[\d.]+" '
    r'clip-path="url\(#[^"]*-line-(\d+)\)">(.*?)</text>',
    re.DOTALL,
)
_CELL = 12.2


class User:
    """Somebody who uses the screens."""

    def __init__(self, app: SnapstowApp, pilot: Pilot[Any]) -> None:
        self.app = app
        self.pilot = pilot

    async def presses(self, *keys: str) -> "User":
        await self.pilot.press(*keys)
        return await self.waits()

    async def waits(self) -> "User":
        """Until every worker has ended and the screen stands still."""
        threads = [worker for worker in self.app.workers if worker._thread_worker]
        if threads:
            await self.app.workers.wait_for_complete(threads)
        await self.pilot.pause(0.01)
        return self

    async def sees(self, text: str, tries: int = 200) -> "User":
        """Until a text is on the screen; fails with the screen when it never comes."""
        for _ in range(tries):
            if text in self.screen():
                return self
            await self.waits()
        raise AssertionError(f"{text!r} is not on the screen:\n{self.screen()}")

    def screen(self) -> str:
        """What is on the screen, as lines of text."""
        width, height = self.app.size
        rows = [[" "] * width for _ in range(height)]
        for x, line, body in _RUN.findall(self.app.export_screenshot()):
            column = round(float(x) / _CELL)
            for letter in html.unescape(body).replace("\xa0", " "):
                if column < width and int(line) < height:
                    rows[int(line)][column] = letter
                column += max(1, cell_len(letter))
        return "\n".join("".join(row).rstrip() for row in rows)


def story(
    root: str, tell: Callable[[User], Awaitable[None]], size: tuple[int, int] = (120, 40), **options: Any
) -> None:
    """Play a story: `tell` is what a user does on a root."""

    async def play() -> None:
        place = Place(engine_for(root), (f"--root={root}",), **options)
        app = SnapstowApp(place)
        async with app.run_test(size=size, notifications=True) as pilot:
            user = User(app, pilot)
            await user.waits()
            await tell(user)
        for child in place.runner._children:
            child.wait()

    asyncio.run(play())
