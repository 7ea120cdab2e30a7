"""Columns that are as wide as what they hold."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tui.text import cells
from tui.views.table import GAP, Column, Row, Step, fitted

_MEASURED = 400  # rows
_LEAD = len("▸ ")


class Heading(NamedTuple):
    """A column to be: its heading, and its side."""

    text: str
    right: bool = False


def columns_of(
    headings: Sequence[Heading], rows: Sequence[Row], room: int, steps: Iterable[Step]
) -> list[Column]:
    """The columns for rows in a room of cells; `steps` are taken where not everything fits.

    A column that holds nothing is left out, but the first.
    """
    widest = [0] * len(headings)
    for row in rows[:_MEASURED]:
        for number, text in enumerate(row.draw().cells):
            widest[number] = max(widest[number], cells(text) + (0 if number else cells(row.lead) + _LEAD))
    for number, heading in enumerate(headings):
        if widest[number] or not number:
            widest[number] = max(widest[number], cells(heading.text) + (0 if number else _LEAD))
    return [
        Column(heading.text, width, heading.right, gap=GAP, cell=number)
        for number, (heading, width) in enumerate(zip(headings, fitted(widest, room, steps), strict=True))
        if width
    ]
