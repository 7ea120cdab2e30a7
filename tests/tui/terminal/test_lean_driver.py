"""What is left out of the output of the screens: the terminal shows the same."""

import pyte
import pyte.screens
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tui.terminal.lean_driver import Look, SentCells, changed, transition

COLUMNS, ROWS = 24, 5
LOOKS = ("0", "1;38;2;1;2;3", "38;5;9;48;2;4;5;6", "7", "4;31", "2;49;39", "48;2;4;5;6", "1;97;104")


def drawn(x: int, y: int, look: str, text: str) -> str:
    """One piece as Textual draws it, cut off at the edge."""
    while cell_len(text) > COLUMNS - x:
        text = text[:-1]
    return f"\x1b[{y + 1};{x + 1}H\x1b[{look}m{text}\x1b[0m"


pieces = st.builds(
    drawn,
    st.integers(0, COLUMNS - 2),
    st.integers(0, ROWS - 1),
    st.sampled_from(LOOKS),
    st.text("ab  ─▌漢✓", min_size=1, max_size=COLUMNS),
)
updates = st.lists(st.lists(pieces, min_size=1, max_size=5).map("".join), max_size=6)


class Screen:
    """A terminal without automatic line breaks, as Textual has it."""

    def __init__(self) -> None:
        self._screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.Stream(self._screen)
        self._stream.feed("\x1b[?7l")

    def shows(self, data: str) -> list[list[pyte.screens.Char]]:
        """The cells once something more was written."""
        self._stream.feed(data.replace("\n", "\r\n"))
        return [[self._screen.buffer[y][x] for x in range(COLUMNS)] for y in range(ROWS)]


def seen(cell: pyte.screens.Char) -> tuple[object, ...]:
    """What anyone sees of a cell."""
    if cell.data == " " and not (cell.reverse or cell.underscore):
        return (" ", cell.bg)
    return tuple(cell)


@given(updates)
def test_the_terminal_shows_the_same(written: list[str]) -> None:
    whole, lean, cells = Screen(), Screen(), SentCells(COLUMNS, ROWS)
    for update in written:
        wanted, actual = whole.shows(update), lean.shows(cells.reduced(update))
        assert [[*map(seen, row)] for row in actual] == [[*map(seen, row)] for row in wanted]


@given(updates)
def test_a_second_drawing_sends_nothing(written: list[str]) -> None:
    cells = SentCells(COLUMNS, ROWS)
    cells.reduced("".join(written))
    screen = "".join(drawn(0, y, "1;31", "a─" * (COLUMNS // 2)) for y in range(ROWS))
    cells.reduced(screen)
    assert cells.reduced(screen) == ""


@pytest.mark.parametrize("sequence", ["\x1b[2J", "\x1b[?1049h", "\x1b[3L", "\x07", "\x1bc", "\x1b[5A"])
def test_all_is_sent_again_after_a_sequence_of_unknown_effect(sequence: str) -> None:
    cells, piece = SentCells(COLUMNS, ROWS), drawn(3, 2, "1", "text")
    cells.reduced(piece)
    assert cells.reduced(piece) == ""
    assert cells.reduced(sequence) == sequence
    assert "text" in cells.reduced(piece)


@pytest.mark.parametrize("sequence", ["\x1b[?25l", "\x1b[?2026h", "\x1b[?1004h", "\x1b]52;c;aGk=\x07"])
def test_a_sequence_that_draws_nothing_passes_and_spoils_nothing(sequence: str) -> None:
    cells, piece = SentCells(COLUMNS, ROWS), drawn(3, 2, "1", "text")
    cells.reduced(piece)
    assert cells.reduced(sequence) == sequence
    assert cells.reduced(piece) == ""


def test_nothing_is_sent_beyond_the_edges() -> None:
    cells = SentCells(COLUMNS, ROWS)
    whole = Screen().shows(drawn(0, 0, "1", "a" * (COLUMNS - 1)) + f"\x1b[1;{COLUMNS}H ")
    sent = cells.reduced(f"\x1b[1;1H\x1b[1m{'a' * (COLUMNS - 1)}漢|more\x1b[0m\x1b[{ROWS + 1};1Hbelow")
    assert [[*map(seen, row)] for row in Screen().shows(sent)] == [[*map(seen, row)] for row in whole]


def test_of_a_line_only_its_change_is_sent() -> None:
    cells = SentCells(COLUMNS, ROWS)
    cells.reduced(drawn(0, 1, "38;2;1;2;3", "done 41 of 90 files now"))
    sent = cells.reduced(drawn(0, 1, "38;2;1;2;3", "done 42 of 90 files now"))
    assert "2" in sent
    assert len(sent) < 35


@given(st.sampled_from(LOOKS), st.sampled_from(LOOKS))
def test_a_transition_leads_from_a_look_to_another(before: str, after: str) -> None:
    first, second = (changed(Look(), f"0;{look}") for look in (before, after))
    screen = Screen()
    screen.shows(f"\x1b[0;{before}m \x1b[1;1H")
    wanted, actual = Screen(), screen.shows(f"{transition(first, second)}x")
    assert actual[0][0] == wanted.shows(f"\x1b[0;{after}mx")[0][0]
