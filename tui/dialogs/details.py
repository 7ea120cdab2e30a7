"""The details of what is chosen, where there is no room for them beside the table."""

from collections.abc import Iterable, Sequence

from textual.content import Content
from textual.widgets import Button

from tui.dialogs.base import DIM, Dialog, Line
from tui.widgets.details import LABEL, Fact


class ShowDetails(Dialog[None]):
    """Shows facts line by line; nothing is asked."""

    KEYS = "↑↓ move · Esc leave"

    def __init__(self, facts: Sequence[Fact]) -> None:
        super().__init__("Details")
        self._facts = tuple(facts)

    def answers(self) -> Iterable[Button]:
        """To leave."""
        yield Button("Close", id="no", compact=True)

    def on_mount(self) -> None:
        """Show the lines; what they are about hangs out on their left."""
        self.query_one("#summary").display = False
        self.lines.focus()
        lines = (
            Line(number, Content(value), head=Content.styled(f"{label:<{LABEL}}", DIM))
            for number, (label, value) in enumerate(self._facts)
        )
        self.show_lines(list(lines))
