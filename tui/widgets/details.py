"""Everything known of what is chosen, as text beside the table."""

from collections.abc import Sequence
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll

from tui.text import cells, cut_middle
from tui.views.set_details import Section
from tui.widgets.panel import Titled
from tui.widgets.text import DiffStatic

LABEL = 10


class Details(Titled, VerticalScroll, can_focus=False):
    """The details of what is chosen; scrolls with the mouse."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "details--heading",
        "details--good",
        "details--warn",
        "details--bad",
        "details--dim",
    }

    _sections: Sequence[Section] = ()

    def compose(self) -> ComposeResult:
        """One text."""
        yield DiffStatic()

    def on_mount(self) -> None:
        """Keep to the colours of the theme."""
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self.call_after_refresh(self._draw))

    def show(self, title: str, sections: Sequence[Section]) -> None:
        """Show other details from their beginning; only lines that differ are drawn."""
        self.entitle(title)
        self._sections = tuple(sections)
        if self._draw():
            self.scroll_home(animate=False)

    def _draw(self) -> bool:
        text, width = Text(), max(LABEL + 8, self.content_size.width)
        for section in self._sections:
            text.append("\n" if text else "")
            self._append(text, section.title, width, "heading")
            for label, value, style, at_edge in section.facts:
                indent = LABEL if label else 0
                text.append(f"{label:<{indent}}", self._style("dim"))
                whole = _justified(value, at_edge, width - indent) if at_edge else value
                self._append(text, whole, width - indent, style, indent=indent)
        return self.query_one(DiffStatic).show(text)

    def _append(self, text: Text, value: str, room: int, style: str, *, indent: int = 0) -> None:
        for number, line in enumerate(folded(value, room)):
            text.append(" " * indent if number else "")
            text.append(f"{line}\n", self._style(style) if style else None)

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"details--{name}", partial=True)


def _justified(text: str, at_edge: str, room: int) -> str:
    """Two texts on one line, the second at its right edge, the first cut in its middle."""
    text = cut_middle(text, room - cells(at_edge) - 1)
    return f"{text}{' ' * (room - cells(text) - cells(at_edge))}{at_edge}"


def folded(text: str, room: int) -> list[str]:
    """A `plain` text in lines of at most `room` columns, broken at blanks where that can be."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if cells(longer) <= room:
            lines[-1] = longer
            continue
        if lines[-1]:
            lines.append("")
        for letter in word:
            if cells(lines[-1] + letter) > room:
                lines.append("")
            lines[-1] += letter
    return lines
