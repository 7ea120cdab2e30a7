"""Keys have their effect in the order in which they were typed, however many come at once.

Over a slow link several keys arrive together. Textual hands every one at once to what has the focus then, so
that a letter overtakes the key before it, where that key only moves the focus or edits.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial

from textual.app import App
from textual.dom import DOMNode
from textual.events import Key

PATIENCE = 0.25


class KeyOrder:
    """Lets a key begin when the one before has had its effect; `begin` is what begins one."""

    def __init__(self, app: App[int], begin: Callable[[Key], Awaitable[None]]) -> None:
        self._app = app
        self._begin = begin
        self._waiting: deque[Key] = deque()
        self._number = 0
        self._is_under_way = False

    async def take(self, key: Key) -> None:
        """Begin with a key, now or in its turn."""
        if self._is_under_way:
            self._waiting.append(key)
        else:
            self._is_under_way = True
            await self._begin_one(key)

    async def _begin_one(self, key: Key) -> None:
        target = self._app.focused or self._app.screen
        self._number += 1
        await self._begin(key)
        # What is closed meanwhile answers nothing any more.
        asyncio.get_running_loop().call_later(PATIENCE, self._end, self._number)
        # The first time behind the key itself, then behind the messages that its action sent.
        again = partial(self._go_behind, target, then=partial(self._end, self._number))
        self._go_behind(target, then=again)

    def _go_behind(self, node: DOMNode, then: Callable[[], None]) -> None:
        """Follow from what had the focus up to the application, where bindings are looked up."""
        if not node.call_later(self._passed, node, then):
            self._app.call_later(then)

    def _passed(self, node: DOMNode, then: Callable[[], None]) -> None:
        if node is self._app:
            then()
        else:
            self._go_behind(node.parent or self._app, then)

    def _end(self, number: int) -> None:
        if number != self._number or not self._is_under_way:
            return
        self._number += 1
        if self._waiting:
            self._app.call_next(self._begin_one, self._waiting.popleft())
        else:
            self._is_under_way = False
