"""A yes or no before something that can itself be undone."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from textual import on
from textual.screen import Screen
from textual.widgets import Button

from backend import Operation, command_line
from tui.dialogs.base import Dialog, Line, said
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
        Line("what", said(f"snapd is busy with {busy}.")),
        Line("how", said("The job can wait until snapd is done, and start then.")),
        Line("stop", said("While it waits it can be stopped like any job, and nothing is changed.")),
    ]
    commands = "; ".join(command_line(operation, place.location_options) for operation in patient)
    asked = Confirm("snapd is busy", "Wait, then start", lines, commands)
    return patient if await screen.app.push_screen_wait(asked) else ()


class Confirm(Dialog[bool]):
    """Tells what would be done; answers True when the button that says so was pressed."""

    KEYS = "y copy · Tab next · Esc leave"
    WAITS = False
    NO = False
    FIRST = "#yes"  # what Enter presses at first

    def __init__(self, title: str, does: str, lines: Sequence[Line], command: str) -> None:
        super().__init__(title)
        self.ANSWER = does
        self._told = tuple(lines)
        self._same = command

    def on_mount(self) -> None:
        """Show what would be done."""
        self.show_lines(self._told)
        self.show_command(self._same)
        self.say("")
        self.query_one("#summary").display = False
        self.query_one(self.FIRST, Button).focus()

    @on(Button.Pressed, "#yes")
    def confirm(self) -> None:
        """Yes."""
        self.dismiss(True)


class ConfirmFinal(Confirm):
    """The same before something that cannot be undone: Enter alone does nothing."""

    FIRST = "#no"
