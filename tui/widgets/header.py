"""The line on top of the inventory."""

from collections.abc import Sequence

from textual import events
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from tui.text import cells
from tui.views.care_rows import Section
from tui.views.header import Count, Site, fitted_counts, site_text
from tui.widgets.text import set_text

_GAP = 3


class Header(Static):
    """Where one works, and what wants attention; a click on a count chooses it."""

    class Chosen(Message):
        """A count was clicked: what is in a section, or the jobs."""

        def __init__(self, section: Section | None) -> None:
            super().__init__()
            self.section = section

    def __init__(self) -> None:
        super().__init__("", id="header", markup=False)
        self._counts: list[Count] = []

    def show(self, site: Site, counts: Sequence[Count]) -> None:
        """Show them, as far as there is room."""
        width = self.app.size.width
        self._counts = fitted_counts(counts, width - 1)
        right = Content(" " * _GAP).join([Content.styled(count.text, count.style) for count in self._counts])
        left = site_text(site, width - right.cell_length - _GAP)
        blanks = " " * max(1, width - left.cell_length - right.cell_length - 1)
        set_text(self, Content.assemble(left, blanks, right))

    def on_click(self, event: events.Click) -> None:
        """Choose the count that was clicked."""
        at = self.app.size.width - 1 - sum(cells(count.text) for count in self._counts)
        at -= _GAP * max(0, len(self._counts) - 1)
        for count in self._counts:
            if at <= event.x < at + cells(count.text):
                self.post_message(self.Chosen(count.section))
            at += cells(count.text) + _GAP
