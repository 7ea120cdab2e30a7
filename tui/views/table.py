"""A table as values: its columns, and rows that are drawn when they come into sight."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import NamedTuple

from tui.text import cells, cut_middle

OPEN, CLOSED = "▾", "▸"
GAP = 2


class Column(NamedTuple):
    """A column: its heading, its width in cells (0: takes what is left), and its side.

    `key` is told when the heading is clicked; without one nothing happens. `gap` are blanks after it; `cell`
    is the one of a line that it shows, where that is not the one in its place.
    """

    heading: str
    width: int
    right: bool = False
    key: Hashable | None = None
    gap: int = 1
    cell: int | None = None


class Line(NamedTuple):
    """What is drawn of a row: its cells as harmless text, and for each the name of a style or nothing."""

    cells: tuple[str, ...]
    styles: tuple[str, ...] = ()


class Row(NamedTuple):
    """A row: what identifies it, and what draws it when it comes into sight.

    `depth` indents the first column, with lines of a `tree` where it has some; `sign` stands before it (an
    arrow for what can be opened). Where the first cell is empty, the second may begin in it: `is_merged`.
    """

    key: Hashable
    draw: Callable[[], Line]
    depth: int = 0
    sign: str = " "
    tree: str = ""
    is_merged: bool = False

    @property
    def lead(self) -> str:
        """What stands left of the sign."""
        return self.tree or "  " * self.depth


class Cell(NamedTuple):
    """A text, the name of its style, and its column; `room` are the cells of the terminal that it has."""

    text: str
    style: str
    column: Column
    room: int

    @property
    def width(self) -> int:
        """The room without the gap behind it."""
        return max(0, self.room - self.column.gap)

    @property
    def fitted(self) -> str:
        """The text in exactly its room, the last of it blanks; cut in its middle where it does not fit."""
        text = cut_middle(self.text, self.width)
        blanks, gap = " " * (self.width - cells(text)), " " * min(self.room, self.column.gap)
        return f"{blanks}{text}{gap}" if self.column.right else f"{text}{blanks}{gap}"


def cells_of(row: Row, line: Line, columns: Sequence[Column], rooms: Sequence[int]) -> list[Cell]:
    """What of a row stands right of its lead, in columns with these rooms.

    A text that would be cut takes the room of empty cells on its right.
    """
    drawn = [
        _cell(line, column, number, room)
        for number, (column, room) in enumerate(zip(columns, rooms, strict=True))
    ]
    if row.is_merged and len(drawn) > 1:
        drawn[:2] = [drawn[1]._replace(room=drawn[0].room + drawn[1].room)]
    spread: list[Cell] = []
    for number, cell in enumerate(drawn):
        if number == 0:
            spread.append(cell._replace(text=f"{row.sign} {cell.text}", room=cell.room - cells(row.lead)))
        elif not cell.text and cells(spread[-1].text) > spread[-1].width and not spread[-1].column.right:
            spread[-1] = spread[-1]._replace(room=spread[-1].room + cell.room)
        else:
            spread.append(cell)
    return spread


def _cell(line: Line, column: Column, number: int, room: int) -> Cell:
    number = number if column.cell is None else column.cell
    text, style = (*line.cells[number : number + 1], "")[0], (*line.styles[number : number + 1], "")[0]
    return Cell(text, style, column, room)


def row_of(key: Hashable, line: Line) -> Row:
    """A row that is always drawn the same."""
    return Row(key, lambda: line)


class Step(NamedTuple):
    """A way to make room: cut a column, down to so many cells; 0 leaves it out."""

    column: int
    least: int


def fitted(widest: Sequence[int], room: int, steps: Iterable[Step]) -> list[int]:
    """The width of each column in a room of cells, 0 for one that is not shown.

    Columns fit what they hold. Where there is no room for all of that, steps are taken until there is; what
    is left over then goes back to those that were cut, the last first.
    """
    widths, cut = list(widest), []
    for number, least in steps:
        over = _taken(widths) - room
        if over <= 0:
            break
        widths[number] = max(min(least, widths[number]), widths[number] - over) if least else 0
        cut.append(number)
    for number in reversed(cut):
        if widths[number]:
            widths[number] = min(widest[number], widths[number] + max(0, room - _taken(widths)))
    return widths


def _taken(widths: Sequence[int]) -> int:
    """The cells of columns with the gaps between them."""
    shown = [width for width in widths if width]
    return sum(shown) + GAP * max(0, len(shown) - 1)
