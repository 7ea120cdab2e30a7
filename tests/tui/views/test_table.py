"""The widths of columns: what they hold, as far as there is room."""

from collections.abc import Sequence

import pytest

from tui.views.table import CLOSED, GAP, Column, Line, Row, Step, cells_of, fitted, row_of

STEPS = (Step(2, 5), Step(2, 0), Step(1, 10), Step(0, 4))


@pytest.mark.parametrize(
    ("room", "widths"),
    [
        (100, [6, 20, 30]),
        (60, [6, 20, 30]),
        (50, [6, 20, 20]),
        (35, [6, 20, 5]),
        (34, [6, 20, 0]),
        (28, [6, 20, 0]),
        (20, [6, 12, 0]),
        (16, [4, 10, 0]),
        (1, [4, 10, 0]),
    ],
)
def test_columns_give_way_step_by_step(room: int, widths: list[int]) -> None:
    assert fitted([6, 20, 30], room, STEPS) == widths


def test_room_that_is_left_goes_back_to_what_was_cut() -> None:
    steps = (Step(0, 10), Step(1, 0))
    assert fitted([30, 8], 33, steps) == [23, 8]
    assert fitted([30, 8], 18, steps) == [18, 0]
    assert GAP == 2


def texts(row: Row, columns: Sequence[Column], rooms: Sequence[int]) -> list[str]:
    return [cell.fitted for cell in cells_of(row, row.draw(), columns, rooms)]


COLUMNS = [
    Column("SET", 5, gap=1),
    Column("NAME", 5, gap=1),
    Column("USERS", 5, gap=1),
    Column("AGE", 3, right=True),
]
ROOMS = [6, 6, 6, 4]


def test_a_text_takes_the_room_of_empty_cells_on_its_right_before_it_is_cut() -> None:
    row = row_of("key", Line(("#1", "nextcloud", "", "3d")))
    assert texts(row, COLUMNS, ROOMS) == ["  #1  ", "nextcloud   ", " 3d "]
    row = row_of("key", Line(("#1", "nextcloud", "al", "3d")))
    assert texts(row, COLUMNS, ROOMS) == ["  #1  ", "ne…ud ", "al    ", " 3d "]


def test_a_short_text_leaves_empty_cells_as_they_are() -> None:
    row = row_of("key", Line(("#1", "name", "", "3d")))
    assert texts(row, COLUMNS, ROOMS) == ["  #1  ", "name  ", "      ", " 3d "]


def test_a_merged_row_begins_with_its_second_cell_right_of_the_tree_lines() -> None:
    line = Line(("", "nextcloud", "", "3d"), ("", "dim"))
    row = Row("key", lambda: line, 1, CLOSED, "  ├ ", is_merged=True)
    assert texts(row, COLUMNS, ROOMS) == ["▸ nextcloud   ", " 3d "]
    assert cells_of(row, line, COLUMNS, ROOMS)[0].style == "dim"
