"""A table drawn line by line: ten thousand rows cost no more than the ones that are seen."""

import time
from collections.abc import Callable, Hashable, Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.text import cells
from tui.views.table import CLOSED, OPEN, Cell, Column, Line, Row, cells_of, row_of

UNSETTLED = "the rows just moved: press again"
_UNSETTLED = 0.5  # seconds
BESIDE_ROWS = 2  # the cells of the margin, and of a scrollbar
_MARGIN = 1  # holds the bar beside the row under the cursor, or the sign of a marked one
_MOVES: list[BindingType] = [
    Binding("down,j", "move(1)", "Down", show=False),
    Binding("up,k", "move(-1)", "Up", show=False),
    Binding("pagedown", "page(1)", "Page down", show=False),
    Binding("pageup", "page(-1)", "Page up", show=False),
    Binding("home,g", "first", "First", show=False),
    Binding("end,G", "last", "Last", show=False),
]


class LineTable(ScrollView, can_focus=True):
    """Rows under fixed headings, with a cursor that stays on its row when the rows change, and marks.

    The keys of a screen that are in `acts` do nothing within half a second, by the `clock`, after another row
    came under the cursor by itself. Styles are component classes `table--NAME`.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "table--heading",
        "table--cursor",
        "table--bar",
        "table--mark",
        "table--good",
        "table--warn",
        "table--bad",
        "table--dim",
        "table--tree",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        *_MOVES,
        Binding("space", "mark", "Select", show=False),
        Binding("asterisk", "mark_all", "Select all", show=False),
        Binding("minus", "mark_none", "Select none", show=False),
        Binding("enter", "enter", "Open"),
        Binding("l,right", "open", "Open", show=False),
        Binding("h,left,backspace", "close", "Close", show=False),
    ]

    class Moved(Message):
        """The cursor stands on another row, or others are marked; `by_key` where a key or a click did it."""

        def __init__(self, key: Hashable | None, *, by_key: bool = True) -> None:
            super().__init__()
            self.key = key
            self.by_key = by_key

    class Opened(Message):
        """A row was opened (True) or closed."""

        def __init__(self, key: Hashable, *, wider: bool) -> None:
            super().__init__()
            self.key = key
            self.wider = wider

    class Entered(Message):
        """Enter was pressed on a row, or the row of the cursor clicked."""

        def __init__(self, key: Hashable, *, is_open: bool) -> None:
            super().__init__()
            self.key = key
            self.is_open = is_open

    class HeadingClicked(Message):
        """The heading of a column was clicked: `key` is that of the column."""

        def __init__(self, key: Hashable) -> None:
            super().__init__()
            self.key = key

    class Unsettled(Message):
        """A key that acts was pressed just after another row had come under the cursor; it did nothing."""

    def __init__(
        self,
        columns: Sequence[Column],
        *,
        id: str | None = None,
        acts: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(id=id)
        self._acts = acts
        self._clock = clock
        self._shifted_at: float | None = None
        self._columns = list(columns)
        self._lines: Sequence[Row] = []
        self._at = 0
        self._drawn: dict[int, Line] = {}
        self.marked: set[Hashable] = set()

    # -- what it shows

    def show(self, rows: Sequence[Row]) -> None:
        """Show other rows; the cursor and the marks stay with their keys. Only what differs is drawn."""
        key, before = self.cursor_key, self._lines
        self._lines = list(rows)
        keys = {row.key for row in self._lines}
        self.marked &= keys
        if key in keys:
            self._at = next(number for number, row in enumerate(self._lines) if row.key == key)
        self._at = max(0, min(self._at, len(self._lines) - 1))
        self.virtual_size = Size(self.size.width, len(self._lines) + 1)
        if self._reveal() or not self._is_like(before):
            self._drawn.clear()
            self.refresh()
        else:
            self._refresh_changed()
        if self.cursor_key != key:
            if key is not None:
                self.unsettle()
            self.post_message(self.Moved(self.cursor_key, by_key=False))

    def unsettle(self) -> None:
        """Another row is under the cursor, and no key was pressed for it."""
        self._shifted_at = self._clock()

    @property
    def _is_unsettled(self) -> bool:
        return self._shifted_at is not None and self._clock() - self._shifted_at < _UNSETTLED

    def on_key(self, event: events.Key) -> None:
        """Keep a key that acts from a row that nobody can have chosen yet; pressed again, it acts."""
        if event.key in self._acts and self._is_unsettled:
            self.settle()
            event.stop()
            event.prevent_default()
            self.post_message(self.Unsettled())

    def _is_like(self, before: Sequence[Row]) -> bool:
        """Whether the rows in sight stand where they stood."""
        top = int(self.scroll_offset.y)
        seen = slice(top, top + self.size.height)
        looks = [[(row.key, row.depth, row.sign) for row in rows[seen]] for rows in (before, self._lines)]
        return looks[0] == looks[1]

    def _refresh_changed(self) -> None:
        """Draw those lines again whose text is another one now."""
        top = int(self.scroll_offset.y)
        for number in range(top, min(top + self.size.height - 1, len(self._lines))):
            if self._drawn.get(number) != self._lines[number].draw():
                self.refresh(Region(0, number + 1 - top, self.size.width, 1))

    def show_columns(self, columns: Sequence[Column]) -> None:
        """Show other columns."""
        if self._columns != list(columns):
            self._columns = list(columns)
            self.refresh()

    @property
    def cursor_key(self) -> Hashable | None:
        """What identifies the row under the cursor; None in an empty table."""
        return self._lines[self._at].key if self._lines else None

    def select(self, key: Hashable) -> None:
        """Put the cursor on a row; nothing happens when it is not there."""
        for number, row in enumerate(self._lines):
            if row.key == key:
                self._go(number, by_key=False)

    def settle(self) -> None:
        """Whatever row is under the cursor now, a key has put it there."""
        self._shifted_at = None

    # -- keys and mouse

    def action_move(self, by: int) -> None:
        """Move the cursor by some rows."""
        self._go(self._at + by)

    def action_page(self, by: int) -> None:
        """Move the cursor by a page."""
        self._go(self._at + by * max(1, self.size.height - 2))

    def action_first(self) -> None:
        """Go to the first row."""
        self._go(0)

    def action_last(self) -> None:
        """Go to the last row."""
        self._go(len(self._lines) - 1)

    def action_mark(self) -> None:
        """Select the row, or no longer."""
        if self.cursor_key is not None:
            key = self.cursor_key
            self.marked ^= {key}
            self._go(self._at + 1)
            if self.cursor_key == key:  # the last row: nothing has moved, but other things are chosen
                self.post_message(self.Moved(key))

    def action_mark_all(self) -> None:
        """Select every row."""
        self.marked = {row.key for row in self._lines}
        self.refresh()
        self.post_message(self.Moved(self.cursor_key))

    def action_mark_none(self) -> None:
        """Clear the selection."""
        self.marked = set()
        self.refresh()
        self.post_message(self.Moved(self.cursor_key))

    def action_open(self) -> None:
        """Open the row."""
        if self.cursor_key is not None:
            self.post_message(self.Opened(self.cursor_key, wider=True))

    def action_enter(self) -> None:
        """Go into the row."""
        if self.cursor_key is not None:
            self.post_message(self.Entered(self.cursor_key, is_open=self._lines[self._at].sign == OPEN))

    def action_close(self) -> None:
        """Close the row."""
        if self.cursor_key is not None:
            self.post_message(self.Opened(self.cursor_key, wider=False))

    def on_click(self, event: events.Click) -> None:
        """Go to the row; a click on the row of the cursor, or on an arrow, opens or closes it."""
        if event.y == 0:
            self._click_heading(event.x)
            return
        number = event.y - 1 + int(self.scroll_offset.y)
        if 0 <= number < len(self._lines):
            row, is_there = self._lines[number], number == self._at
            self._go(number)
            if row.sign in (OPEN, CLOSED) and event.x == _MARGIN + cells(row.lead):
                self.post_message(self.Opened(row.key, wider=row.sign == CLOSED))
            elif is_there:
                self.action_enter()

    def _click_heading(self, x: int) -> None:
        x -= _MARGIN
        for column, room in zip(self._columns, self._rooms, strict=True):
            if 0 <= x < room and column.key is not None:
                self.post_message(self.HeadingClicked(column.key))
            x -= room

    def on_resize(self) -> None:
        """Keep the cursor in sight."""
        self.virtual_size = Size(self.size.width, len(self._lines) + 1)
        self._reveal()

    def _go(self, number: int, *, by_key: bool = True) -> None:
        if not self._lines:
            return
        before, self._at = self._at, max(0, min(number, len(self._lines) - 1))
        if by_key:
            self.settle()
        moved = self._reveal()
        if moved:
            self.refresh()
        else:
            top = int(self.scroll_offset.y)
            for line in (before, self._at):
                self.refresh(Region(0, line + 1 - top, self.size.width, 1))
        if before != self._at:
            self.post_message(self.Moved(self.cursor_key, by_key=by_key))

    def _reveal(self) -> bool:
        """Scroll so that the cursor is seen; True when that moved anything."""
        top, height = int(self.scroll_offset.y), max(1, self.size.height - 1)
        wanted = min(max(top, self._at - height + 1), self._at)
        if wanted != top:
            self.scroll_to(y=wanted, animate=False, force=True)
        return wanted != top

    # -- drawing

    def render_line(self, y: int) -> Strip:
        """One line: the headings on top, then the rows that are scrolled into sight."""
        width = self.size.width
        if y == 0:
            return self._heading_strip()
        number = y - 1 + int(self.scroll_offset.y)
        if number >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        row = self._lines[number]
        self._drawn[number] = line = row.draw()
        style = self.rich_style
        if is_cursor := number == self._at:
            style = style + self.get_component_rich_style("table--cursor", partial=True)
        margin = self._margin(row, style, is_cursor=is_cursor)
        return self._strip(margin, row, cells_of(row, line, self._columns, self._rooms), style)

    def _heading_strip(self) -> Strip:
        style = self.get_component_rich_style("table--heading")
        line = Line(tuple(column.heading for column in self._columns))
        row = row_of(None, line)
        columns = [column._replace(cell=None) for column in self._columns]
        return self._strip(Segment(" ", style), row, cells_of(row, line, columns, self._rooms), style)

    def _strip(self, margin: Segment, row: Row, shown: Sequence[Cell], style: Style) -> Strip:
        segments = [margin, Segment(row.lead, self._look("tree", style))]
        segments += [Segment(cell.fitted, self._look(cell.style, style)) for cell in shown]
        return Strip(segments).adjust_cell_length(self.size.width, style)

    def _margin(self, row: Row, style: Style, *, is_cursor: bool) -> Segment:
        """A bar beside the row under the cursor; the sign of a marked row in its stead."""
        if row.key in self.marked:
            return Segment("●", self._look("mark", style))
        is_here = is_cursor and self.has_focus
        return Segment("▌", self._look("bar", style)) if is_here else Segment(" ", style)

    def _look(self, name: str, style: Style) -> Style:
        """A style with what one of ours adds to it."""
        return style + self.get_component_rich_style(f"table--{name}", partial=True) if name else style

    @property
    def _rooms(self) -> list[int]:
        """The cells of each column with the gap behind it."""
        width = self.size.width - _MARGIN
        fixed = sum(column.width + column.gap for column in self._columns if column.width)
        elastic = sum(1 for column in self._columns if not column.width)
        room = max(0, width - fixed) // max(1, elastic)
        return [column.width + column.gap if column.width else room for column in self._columns]


class Lines(LineTable, inherit_bindings=False):
    """Lines to read: nothing in it opens or is selected; `h` leaves."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *_MOVES,
        Binding("h,left,backspace", "close", "Back", show=False),
    ]
