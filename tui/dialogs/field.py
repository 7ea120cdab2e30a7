"""Where something is typed: a label beside a box that looks like one."""

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Input, Static

from tui.text import plain


class Field(Horizontal):
    """A box with its label; `#NAME-field` for the box `#NAME`."""

    def __init__(self, label: str, box: Input, *, classes: str = "") -> None:
        super().__init__(id=f"{box.id}-field", classes=f"field {classes}")
        self._label = label
        self._box = box
        box.cursor_blink = False

    def compose(self) -> ComposeResult:
        """The label, then the box."""
        yield Static(Content(plain(self._label)), classes="label", markup=False)
        yield self._box

    @property
    def label(self) -> str:
        """The label."""
        return self._label

    def rename(self, label: str) -> None:
        """Show another label."""
        if label != self._label:
            self._label = label
            self.query_one(".label", Static).update(Content(plain(label)))
