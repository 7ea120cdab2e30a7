"""Text beside a table, which scrolls with the mouse."""

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll

from tui.widgets.text_still import Still


class Pane(VerticalScroll, can_focus=False):
    """One text; only lines that differ are drawn anew."""

    def compose(self) -> ComposeResult:
        """The text."""
        yield Still()

    def show(self, text: Text) -> None:
        """Show another text from its beginning."""
        if self.query_one(Still).show(text):
            self.scroll_home(animate=False)
