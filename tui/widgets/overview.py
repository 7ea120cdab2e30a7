"""The place in pictures, above the table."""

from textual.widgets import Static

from tui.session.inventory import InventoryData
from tui.views.overview import counts_line, pictures
from tui.widgets.text import set_text


class Overview(Static):
    """Three lines in a panel, or one line without; drawn anew only when their figures change."""

    def __init__(self) -> None:
        super().__init__("", id="overview", markup=False)
        self.border_title = "Overview"

    def show(self, stock: InventoryData, now: float) -> None:
        """Show what a place holds."""
        if self.has_class("panel"):
            set_text(self, pictures(stock, now, self.app.size.width - 4))
        else:
            set_text(self, counts_line(stock, self.app.size.width - 2))
