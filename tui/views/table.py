"""A table as values: its columns, and rows that are drawn when they come into sight."""

from collections.abc import Callable, Hashable
from typing import NamedTuple

OPEN, CLOSED = "▾", "▸"


class Column(NamedTuple):
    """A column: its heading, its width in cells (0: takes what is left), and its side."""

    heading: str
    width: int
    right: bool = False


class Line(NamedTuple):
    """What is drawn of a row: its cells as harmless text, and for each the name of a style or nothing."""

    cells: tuple[str, ...]
    styles: tuple[str, ...] = ()


class Row(NamedTuple):
    """A row: what identifies it, and what draws it when it comes into sight.

    `depth` indents the first column; `sign` stands before it (an arrow for what can be opened).
    """

    key: Hashable
    draw: Callable[[], Line]
    depth: int = 0
    sign: str = " "


def row_of(key: Hashable, line: Line) -> Row:
    """A row that is always drawn the same."""
    return Row(key, lambda: line)
