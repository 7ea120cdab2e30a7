"""Dialogs whose answer is an operation: what the place cannot do is said, and cannot be started."""

from collections.abc import Sequence
from typing import Protocol

from textual import work
from textual.message import Message
from textual.screen import ScreenResultType
from textual.widgets import Static

from backend import Operation
from tui.dialogs.base import Dialog
from tui.dialogs.lines import BAD, styled


class Refuser(Protocol):
    """Knows what it cannot do."""

    def refusal_of(self, operation: Operation) -> str:
        """Why an operation with these very options cannot be had, or nothing; for threads."""


class Refused(Message):
    """Why operations cannot be had, or that they can."""

    def __init__(self, operations: Sequence[Operation], reason: str) -> None:
        super().__init__()
        self.operations = operations
        self.reason = reason


class Proposing(Dialog[ScreenResultType]):
    """Asks the place about what it comes to, each time that is `propose`d, and shows a refusal.

    Its answer waits while there is a `refusal`; `redraw` is called when that has changed.
    """

    def __init__(self, title: str) -> None:
        super().__init__(title)
        self._proposed: tuple[Operation, ...] = ()
        self._refusal = ""

    @property
    def refusal(self) -> str:
        """Why what was proposed last cannot be had, or nothing."""
        return self._refusal

    def redraw(self) -> None:
        """Show everything as it is now."""

    def propose(self, place: Refuser, *operations: Operation) -> None:
        """This is what would be done now."""
        if operations != self._proposed:
            self._proposed = operations
            self._look_for_refusal(place, operations)

    @work(thread=True, exclusive=True, group="refusal")
    def _look_for_refusal(self, place: Refuser, operations: Sequence[Operation]) -> None:
        reasons = filter(None, (place.refusal_of(operation) for operation in operations))
        self.post_message(Refused(operations, next(reasons, "")))

    def on_refused(self, message: Refused) -> None:
        """Show why it cannot be had, unless something else is proposed by now."""
        if not self.is_open or message.operations != self._proposed or message.reason == self._refusal:
            return
        self._refusal = message.reason
        place = self.query_one("#refused", Static)
        place.update(styled(message.reason, BAD))
        place.display = bool(message.reason)
        self.redraw()
        self.fit()
