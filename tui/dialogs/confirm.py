"""A yes or no before something that can itself be undone."""

from collections.abc import Iterable, Sequence

from textual import on
from textual.content import Content
from textual.widgets import Button

from tui.dialogs.base import Dialog, Line


class Confirm(Dialog[bool]):
    """Tells what would be done; answers True when the button that says so was pressed."""

    KEYS = "y copy · Tab next · Esc leave"
    FIRST = "#yes"  # what Enter presses at first

    def __init__(self, title: str, does: str, lines: Sequence[Line], command: str) -> None:
        super().__init__(title)
        self._does = does
        self._told = tuple(lines)
        self._same = command

    def answers(self) -> Iterable[Button]:
        """To do it, or not."""
        yield Button(Content(self._does), id="yes", compact=True, variant="primary")
        yield Button("Cancel", id="no", compact=True)

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

    @on(Button.Pressed, "#no")
    def action_leave(self) -> None:
        """No."""
        self.dismiss(False)


class ConfirmFinal(Confirm):
    """The same before something that cannot be undone: Enter alone does nothing."""

    FIRST = "#no"
