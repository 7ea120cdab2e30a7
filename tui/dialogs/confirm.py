"""A yes or no before something that can itself be undone."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from textual import on
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input

from backend import Operation, command_line
from tui.dialogs.base import Dialog
from tui.dialogs.field import Field
from tui.dialogs.lines import Line, styled
from tui.session.place import Place, waiting


async def confirm_wait_screen(
    screen: Screen[Any], place: Place, operations: Sequence[Operation]
) -> tuple[Operation, ...]:
    """The operations; waiting where something is in the way, or none of them where that was declined.

    To be awaited in a worker: it may ask.
    """
    looking = partial(place.in_the_way, operations)
    busy = await screen.run_worker(looking, thread=True, group="in the way").wait()
    if not busy:
        return tuple(operations)
    patient = tuple(map(waiting, operations))
    lines = [
        Line("what", styled(f"snapd is busy with {busy}.")),
        Line("how", styled("The job can wait until snapd is done, and start then.")),
        Line("stop", styled("While it waits it can be stopped like any job, and nothing is changed.")),
    ]
    commands = "; ".join(command_line(operation, place.location_options) for operation in patient)
    asked = Confirm("snapd is busy", "Wait, then start", lines, commands)
    return patient if await screen.app.push_screen_wait(asked) else ()


class Confirm(Dialog[bool]):
    """Tells what would be done, and that it can be undone; Enter answers True."""

    NO = False
    FIRST = "#lines"  # where the cursor is at first

    def __init__(self, title: str, does: str, lines: Sequence[Line], command: str) -> None:
        super().__init__(title)
        self.ANSWER = does
        self._told = tuple(lines)
        self._same = command

    def on_mount(self) -> None:
        """Show what would be done."""
        self.query_one(self.FIRST).focus()
        self.show_lines(self._told)
        self.show_command(self._same)

    def confirm(self) -> None:
        """Yes."""
        self.dismiss(True)


class ConfirmFinal(Confirm):
    """The same before something that cannot be undone: the word has to be typed."""

    FIRST = "#proof"
    WORD = "yes"

    def fields(self) -> Iterable[Widget]:
        """Where the word is typed."""
        yield Field(
            f"Type {self.WORD}",
            Input(id="proof", compact=True, max_length=10, classes="short"),
            classes="-gap",
        )

    def on_mount(self) -> None:
        """Say that the word has to be typed."""
        self._renew_answer()

    @property
    def _is_typed(self) -> bool:
        return self.query_one("#proof", Input).value.strip().lower() == self.WORD

    @on(Input.Changed, "#proof")
    def _renew_answer(self) -> None:
        """Say in the edge for what Enter waits."""
        self.answer_with(self.ANSWER, "" if self._is_typed else f"type {self.WORD} first")

    def confirm(self) -> None:
        """Yes, once the word is typed."""
        if self._is_typed:
            super().confirm()
        else:
            self.say(f"this cannot be undone: type {self.WORD}, or Esc")
            self.query_one("#proof", Input).focus()
