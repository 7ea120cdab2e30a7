"""Sends a terminal only what it does not show yet.

Textual draws whole lines, often several times, and says of each piece how it looks from the start. Here each
cell that was sent is remembered: what is the same is not sent again, and of how it looks only what changes.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from rich.cells import get_character_cell_size
from textual.drivers.linux_driver import LinuxDriver

_TOKEN = re.compile(
    r"\x1b\[(?P<move>\d+;\d+)H"
    r"|\x1b\[(?P<look>[0-9;]*)m"
    r"|(?P<text>[^\x00-\x1f\x7f]+)"
    r"|(?P<line>\n)"
    r"|(?P<quiet>\x1b\[[?<>=][0-9;]*[hlu](?<!\?1049[hl])|\x1b\[[0-9;?]*\$p|\x1b\](?:22|52);[^\x07\x1b]*(?:\x07|\x1b\\))"
    r"|(?P<other>\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b.|.)",
    re.DOTALL,
)
_UNKNOWN = ""  # what a cell holds that nothing is known of
_REST = "\0"  # what the second cell of a wide letter holds
_NEAR = 4  # so many cells that are the same are sent again rather than passed over


_OFF = {"1": "22", "2": "22", "3": "23", "4": "24", "5": "25", "6": "25", "7": "27", "8": "28", "9": "29"}


class Look(NamedTuple):
    """How a cell looks, as parameters of SGR: its attributes, foreground and background; empty is default."""

    attributes: str = ""
    foreground: str = ""
    background: str = ""

    @property
    def shows_on_blanks(self) -> bool:
        """Whether more than the background is seen of a blank."""
        return any(code in self.attributes for code in "479")


PLAIN = Look()


@lru_cache(4096)
def changed(look: Look, parameters: str) -> Look:
    """How something looks after SGR with some parameters."""
    attributes, foreground, background = look
    codes = iter((parameters or "0").split(";"))
    for code in codes:
        number = int(code or 0)
        if number == 0:
            attributes = foreground = background = ""
        elif number in (38, 48):
            colour = ";".join((code, *_colour(codes)))
            foreground, background = (colour, background) if number == 38 else (foreground, colour)
        elif 30 <= number <= 37 or 90 <= number <= 97 or number == 39:
            foreground = "" if number == 39 else code
        elif 40 <= number <= 47 or 100 <= number <= 107 or number == 49:
            background = "" if number == 49 else code
        elif code in _OFF:
            attributes = f"{attributes};{code}" if attributes else code
    return Look(attributes, foreground, background)


def _colour(codes: Iterator[str]) -> Iterator[str]:
    kind = next(codes, "5")
    yield kind
    for _ in range(3 if kind == "2" else 1):
        yield next(codes, "0")


@lru_cache(8192)
def transition(before: Look | None, after: Look) -> str:
    """The sequence that makes `after` of how the terminal draws, which is not known where it is None."""
    if before == after:
        return ""
    if before is None:
        return f"\x1b[{';'.join(('0', *filter(None, after)))}m"
    parts = [*_switched(before.attributes, after.attributes)]
    if before.foreground != after.foreground:
        parts.append(after.foreground or "39")
    if before.background != after.background:
        parts.append(after.background or "49")
    return f"\x1b[{';'.join(parts)}m"


def _switched(before: str, after: str) -> Iterator[str]:
    """The codes that switch attributes off, then those that switch others on."""
    had, wanted = (list(filter(None, attributes.split(";"))) for attributes in (before, after))
    off = dict.fromkeys(_OFF[code] for code in had if code not in wanted)
    yield from off
    yield from (code for code in wanted if code not in had or _OFF[code] in off)


class SentCells:
    """The cells of a terminal as they were sent, and what has to be sent to have them otherwise.

    What is drawn beyond its edges is left out.
    """

    def __init__(self, columns: int, rows: int) -> None:
        self.size = columns, rows
        self.forget()

    def forget(self) -> None:
        """Know nothing of what the terminal shows."""
        self._letters: list[list[str]] = []
        self._looks: list[list[Look]] = []
        self._x = self._y = 0
        self._look = PLAIN
        self._there: tuple[int, int] | None = None
        self._left = (0, 0)
        self._drawing: Look | None = None

    def reduced(self, data: str) -> str:
        """What of some output has to be sent: together with what was sent before it shows the same."""
        output: list[str] = []
        for token in _TOKEN.finditer(data):
            text = token.group()
            match token.lastgroup:
                case "move":
                    row, column = token["move"].split(";")
                    self._x, self._y = int(column) - 1, int(row) - 1
                case "look":
                    self._look = changed(self._look, token["look"])
                case "text":
                    output += self._write(text)
                case "line":
                    self._x, self._y = 0, self._y + 1
                case "quiet":
                    output.append(text)
                case _:
                    self.forget()
                    output.append(text)
        if (self._x, self._y) != self._left:
            self._left = (self._x, self._y)
            output.append(self._move(*self._left))
        return "".join(output)

    def _write(self, text: str) -> Iterator[str]:
        cells = list(text) if text.isascii() else _cells(text)
        x, end = self._x, self._x + len(cells)
        columns, rows = self.size
        cells = _cut(cells, columns - x) if self._y < rows else []
        letters, looks = self._row(self._y, end)
        look = self._look
        spans = self._spans(cells, letters, looks, x)
        for first, last in spans:
            piece = "".join(cell for cell in cells[first:last] if cell != _REST)
            yield from self._sent(piece, x + first, x + last)
            _spoil(letters, x + first, x + last)
            letters[x + first : x + last] = cells[first:last]
            looks[x + first : x + last] = [look] * (last - first)
        self._x = end

    def _spans(
        self, cells: list[str], letters: list[str], looks: list[Look], x: int
    ) -> list[tuple[int, int]]:
        """Where the cells differ from what is there, those that are near to one another together."""
        look, spans = self._look, list[tuple[int, int]]()
        for number, cell in enumerate(cells):
            at = x + number
            if letters[at] == cell and (
                looks[at] is look or looks[at] == look or _looks_alike(cell, looks[at], look)
            ):
                continue
            if spans and number - spans[-1][1] <= _NEAR:
                spans[-1] = (spans[-1][0], number + 1)
            else:
                spans.append((number, number + 1))
        return [_whole(cells, first, last) for first, last in spans]

    def _sent(self, piece: str, x: int, end: int) -> Iterator[str]:
        if self._there != (x, self._y):
            yield self._move(x, self._y)
        before, after = self._drawing, self._look
        if not (before and piece.isspace() and _looks_alike(" ", before, after)):
            yield transition(before, after)
            self._drawing = after
        yield piece
        self._there = (end, self._y)

    def _move(self, x: int, y: int) -> str:
        there, self._there = self._there, (x, y)
        if there and there[1] == y and 0 < x - there[0] < 1000 and there[0] < len(self._letters[y]):
            return f"\x1b[{x - there[0]}C" if x - there[0] > 1 else "\x1b[C"
        return f"\x1b[{y + 1};{x + 1}H"

    def _row(self, y: int, width: int) -> tuple[list[str], list[Look]]:
        while len(self._letters) <= y:
            self._letters.append([])
            self._looks.append([])
        letters, looks = self._letters[y], self._looks[y]
        if len(letters) < width:
            looks += [PLAIN] * (width - len(letters))
            letters += [_UNKNOWN] * (width - len(letters))
        return letters, looks


def _looks_alike(cell: str, first: Look, second: Look) -> bool:
    """Whether a blank looks the same in both."""
    return (
        cell == " "
        and first.background == second.background
        and not first.shows_on_blanks
        and not second.shows_on_blanks
    )


def _cells(text: str) -> list[str]:
    """The letters of a text by the cells they take; what takes none belongs to the one before."""
    cells: list[str] = []
    for letter in text:
        width = get_character_cell_size(letter)
        if width:
            cells += [letter, *[_REST] * (width - 1)]
        elif cells:
            cells[-1 if cells[-1] != _REST else -2] += letter
    return cells


def _cut(cells: list[str], room: int) -> list[str]:
    """The cells that there is room for; half a wide letter is a blank."""
    if len(cells) <= room:
        return cells
    kept = cells[: max(0, room)]
    if kept and cells[room] == _REST:
        kept[-1] = " "
    return kept


def _whole(cells: list[str], first: int, last: int) -> tuple[int, int]:
    """A span that does not cut a wide letter."""
    while first and cells[first] == _REST:
        first -= 1
    while last < len(cells) and cells[last] == _REST:
        last += 1
    return first, last


def _spoil(letters: list[str], first: int, last: int) -> None:
    """Forget the halves of wide letters that are written over."""
    if letters[first] == _REST and first:
        letters[first - 1] = _UNKNOWN
    if last < len(letters) and letters[last] == _REST:
        letters[last] = _UNKNOWN


class LeanDriver(LinuxDriver):
    """A terminal that is sent what it does not show yet."""

    _cells: SentCells | None = None

    def write(self, data: str) -> None:
        """Write to the output, less what is there already; nothing is trusted of another size."""
        size = self._get_terminal_size()
        if self._cells is None or self._cells.size != size:
            self._cells = SentCells(*size)
        if reduced := self._cells.reduced(data):
            super().write(reduced)

    def forget(self) -> None:
        """Send all that is drawn from now on: something else may have written to the terminal."""
        self._cells = None
