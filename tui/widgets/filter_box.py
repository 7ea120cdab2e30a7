"""Where a filter of rows is typed."""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Input


class FilterBox(Input):
    """Hidden until it is wanted."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Keep filter"),
        Binding("escape", "screen.back", "Clear filter"),
    ]

    def __init__(self, what: str = "snaps, users, #numbers, notes, states") -> None:
        super().__init__(placeholder=f"filter: {what}", id="filter")
        self.cursor_blink = False
        self.display = False
