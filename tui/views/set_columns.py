"""The columns of the inventory: as wide as what they hold."""

from collections.abc import Sequence

from tui.session.inventory import Pivot
from tui.text import cells
from tui.views.set_keys import SetKey
from tui.views.set_rows import COLUMNS, ListOptions, Sort, View, check_word, copies_text, expires_text
from tui.views.table import GAP, Column, Row, Step, fitted

_MEASURED = 400  # opened rows; those of sets are measured beforehand
_AGES, _AHEAD = len("364d"), len("in 364d")
_FIRST, _NAMES, _USERS, _AGE, _STORED, _CHECK, _EXPIRES, _COPIES, _NOTE = range(9)
_RIGHT = (_AGE, _STORED)
_LEAD = len("▸ ")
_STEPS = (
    Step(_NOTE, 12),
    Step(_NOTE, 0),
    Step(_USERS, 10),
    Step(_NAMES, 24),
    Step(_EXPIRES, 0),
    Step(_NAMES, 16),
    Step(_FIRST, 16),
    Step(_USERS, 0),
    Step(_COPIES, 0),
    Step(_AGE, 0),
    Step(_STORED, 0),
    Step(_NAMES, 8),
    Step(_FIRST, 7),
)


def columns(shown: Sequence[Row], view: View, wish: ListOptions, room: int) -> list[Column]:
    """The columns for rows in a room of cells: as wide as what they hold, the less important go first."""
    headings = _headings(wish)
    others = [row for row in shown if not isinstance(row.key, SetKey)][:_MEASURED]
    widest = [
        max(held, cells(heading)) if held or not number else 0
        for number, (held, heading) in enumerate(zip(_measured(shown, others, view), headings, strict=True))
    ]
    widest[_FIRST] += 0 if widest[_FIRST] > _LEAD + cells(headings[_FIRST]) else _LEAD
    merged = max((_merged_width(row) for row in others if row.is_merged), default=0)
    widest[_NAMES] = max(widest[_NAMES], merged - widest[_FIRST] - GAP)
    sorts: list[Sort | None] = [*Sort, None, None]
    return [
        Column(headings[number], width, number in _RIGHT, sorts[number], GAP, number)
        for number, width in enumerate(fitted(widest, room, _STEPS))
        if width
    ]


def _headings(wish: ListOptions) -> list[str]:
    headings = list(COLUMNS)
    if wish.pivot is not Pivot.SET:
        headings[:2] = wish.pivot.value.upper(), "SETS"
    headings[list(Sort).index(wish.sort)] += f" {wish.mark}"
    return headings


def _merged_width(row: Row) -> int:
    return cells(row.lead) + _LEAD + cells(row.draw().cells[_NAMES])


def _measured(shown: Sequence[Row], others: Sequence[Row], view: View) -> list[int]:
    """The widest cell in each column, merged ones left out; no row of a set has to be drawn for that."""
    widest = _measured_sets([row.key.set_id for row in shown if isinstance(row.key, SetKey)], view)
    for row in others:
        lead = cells(row.lead) + _LEAD
        for number, text in enumerate(row.draw().cells):
            if not (row.is_merged and number <= _NAMES):
                widest[number] = max(widest[number], cells(text) + (0 if number else lead))
    return widest


def _measured_sets(numbers: Sequence[int], view: View) -> list[int]:
    stock, widest = view.stock, [0] * len(COLUMNS)
    if not numbers:
        return widest
    widest[_FIRST] = _LEAD + len(f"#{max(numbers)}")
    widths = [stock.labels[number][1] for number in numbers]
    widest[_NAMES], widest[_USERS], widest[_STORED], widest[_NOTE] = map(max, zip(*widths, strict=True))
    totals = [stock.totals[number] for number in numbers]
    widest[_AGE] = _AHEAD if any(total.when > view.now for total in totals) else _AGES
    ages = {(total.status.state, bool(total.status.at)): total.status for total in totals}
    widest[_CHECK] = max(len(check_word(state)) + (_AGES + 1) * aged for state, aged in ages)
    widest[_COPIES] = max(cells(copies_text(stock.elsewhere, number, view.now)) for number in numbers)
    widest[_EXPIRES] = max(cells(expires_text(stock.by_id[number], view)) for number in numbers)
    return widest
