"""The details of what is chosen, where there is no room for them beside the table."""

from collections.abc import Sequence

from textual.content import Content

from tui.dialogs.base import Dialog
from tui.dialogs.lines import BAD, DIM, GOOD, WARN, Line
from tui.views.set_details import Fact, Section
from tui.widgets.details import LABEL

_STYLES = {"good": GOOD, "warn": WARN, "bad": BAD, "dim": DIM, "": ""}


class ShowDetails(Dialog[None]):
    """Shows sections of facts line by line; nothing is asked."""

    LEAVES = "Close"

    def __init__(self, sections: Sequence[Section], title: str = "Details") -> None:
        super().__init__(title)
        self._sections = tuple(sections)

    def on_mount(self) -> None:
        """Show the lines; what they are about hangs out on their left."""
        self.lines.focus()
        lines: list[Line] = []
        for section in self._sections:
            lines.append(Line(section.title, Content.styled(section.title, "bold $accent")))
            lines += (_line((section.title, number), fact) for number, fact in enumerate(section.facts))
        self.show_lines(lines)


def _line(key: tuple[str, int], fact: Fact) -> Line:
    head = Content.styled(f"{fact.label:<{LABEL}}", DIM) if fact.label else Content("")
    amount = f"  {fact.at_edge}" if fact.at_edge else ""
    return Line(key, Content.styled(f"{fact.text}{amount}", _STYLES[fact.style]), head=head)
