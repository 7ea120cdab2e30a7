"""Columns that are as wide as what they hold."""

from tui.views.columns import Heading, columns_of
from tui.views.table import Line, Row, Step, row_of

HEADINGS = (Heading("NAME"), Heading("SIZE", right=True), Heading("NOTE"))


def widths(rows: list[Row], room: int, *steps: Step) -> list[tuple[str, int]]:
    return [(column.heading, column.width) for column in columns_of(HEADINGS, rows, room, steps)]


def test_columns_fit_what_they_hold() -> None:
    rows = [row_of(1, Line(("a name", "1.0 MB", "x"))), row_of(2, Line(("b", "2 B", "a note")))]
    assert widths(rows, 80) == [("NAME", 8), ("SIZE", 6), ("NOTE", 6)]


def test_columns_that_hold_nothing_are_left_out_but_the_first() -> None:
    assert widths([row_of(1, Line(("", "1 B", "")))], 80) == [("NAME", 6), ("SIZE", 4)]
    assert widths([], 80) == [("NAME", 6)]


def test_columns_are_cut_by_the_steps_where_there_is_no_room() -> None:
    rows = [row_of(1, Line(("a long name", "1.0 MB", "a note")))]
    assert widths(rows, 26, Step(2, 0)) == [("NAME", 13), ("SIZE", 6)]
    assert widths(rows, 18, Step(2, 0), Step(0, 4)) == [("NAME", 10), ("SIZE", 6)]
