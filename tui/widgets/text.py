"""Text beside a table, which scrolls with the mouse."""

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.geometry import Region, Size
from textual.widget import Widget
from textual.widgets import Static


class ScrollPane(VerticalScroll, can_focus=False):
    """One text; only lines that differ are drawn anew."""

    def compose(self) -> ComposeResult:
        """The text."""
        yield DiffStatic()

    def show(self, text: Text) -> None:
        """Show another text from its beginning."""
        if self.query_one(DiffStatic).show(text):
            self.scroll_home(animate=False)


class DiffStatic(Widget):
    """Wrapped text, as high as its lines."""

    def __init__(self) -> None:
        super().__init__()
        self._text = Text("")
        self._lines: list[Text] = []

    def show(self, text: Text) -> bool:
        """Show another text; False when it is the same."""
        if text == self._text and text.spans == self._text.spans:
            return False
        self._text = text
        before, self._lines = self._lines, self._wrapped(self.content_size.width)
        lines = max(len(before), len(self._lines))
        for number in range(lines):
            if _differ(before[number : number + 1], self._lines[number : number + 1]):
                self.refresh(Region(0, number, self.content_size.width, 1))
        if len(before) != len(self._lines) and lines > self.content_size.height:
            self.refresh(layout=True)
        return True

    def on_resize(self) -> None:
        """Wrap anew."""
        self._lines = self._wrapped(self.content_size.width)
        self.refresh()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002 - Textual's
        """The lines that it takes."""
        return len(self._wrapped(width))

    def render(self) -> Text:
        """The lines."""
        return Text("\n").join(self._lines)

    def _wrapped(self, width: int) -> list[Text]:
        return list(self._text.wrap(self.app.console, width)) if width > 0 else []


def _differ(some: list[Text], others: list[Text]) -> bool:
    return some != others or [line.spans for line in some] != [line.spans for line in others]


def set_text(widget: Static, text: Text | Content) -> None:
    """Change a line of text where it differs, in its words or its looks; nothing is sent otherwise."""
    before = widget.content
    if not isinstance(before, Text | Content) or before != text or before.spans != text.spans:
        widget.update(text, layout=False)
