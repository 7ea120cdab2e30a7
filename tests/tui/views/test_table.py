"""The widths of columns: what they hold, as far as there is room."""

import pytest

from tui.views.table import GAP, Step, fitted

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
