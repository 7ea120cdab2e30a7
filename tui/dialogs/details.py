"""The details of what is chosen, where there is no room for them beside the table."""

from collections.abc import Sequence

from textual.content import Content

from tui.dialogs.base import Dialog
from tui.dialogs.lines import DIM, Line
from tui.widgets.details import LABEL, Fact


class ShowDetails(Dialog[None]):
    """Shows facts line by line; nothing is asked."""

    LEAVES = "Close"

    def __init__(self, facts: Sequence[Fact]) -> None:
        super().__init__("Details")
        self._facts = tuple(facts)

    def on_mount(self) -> None:
        """Show the lines; what they are about hangs out on their left."""
        self.lines.focus()
        lines = (
            Line(number, Content(value), head=Content.styled(f"{label:<{LABEL}}", DIM))
            for number, (label, value) in enumerate(self._facts)
        )
        self.show_lines(list(lines))
