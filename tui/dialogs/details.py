"""The details of what is chosen, where there is no room for them beside the table."""

from collections.abc import Iterable

from rich.text import Text
from textual.content import Content
from textual.widgets import Button

from tui.dialogs.base import Dialog, Line


class ShowDetails(Dialog[None]):
    """Shows a text line by line; nothing is asked."""

    KEYS = "↑↓ move · Esc leave"

    def __init__(self, text: Text) -> None:
        super().__init__("Details")
        self._told = text.plain.splitlines()

    def answers(self) -> Iterable[Button]:
        """To leave."""
        yield Button("Close", id="no", compact=True)

    def on_mount(self) -> None:
        """Show the lines; what they are about hangs out on their left."""
        self.query_one("#summary").display = False
        self.lines.focus()
        lines = enumerate(self._told)
        self.show_lines(
            [Line(n, Content(told[9:]), head=Content.styled(told[:9], "$text-muted")) for n, told in lines]
        )

    def on_button_pressed(self) -> None:
        """Leave."""
        self.dismiss(None)
