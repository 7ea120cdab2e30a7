"""Everything drawn in ASCII, for terminals and fonts that have nothing else.

One filter on what is about to be drawn. Every letter keeps its width: signs and lines become their nearest
likeness, any other letter a `?` for each column it takes. Data are not changed, only how they look.
"""

from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_ALIKE = {
    "-": "─━═╌╍┄┅┈┉╴╶╸╺–—−·•‐‑▔▀",
    "|": "│┃║╎╏┆┇┊┋╵╷╹╻▏▎▍▌▐▕▊",
    "+": "✓┌┐└┘├┤┬┴┼╭╮╰╯┏┓┗┛┣┫┳┻╋╔╗╚╝╠╣╦╩╬╒╓╕╖╘╙╛╜╞╟╡╢╤╥╧╨╪╫",
    "x": "✗×",
    ">": "▸▶›→",
    "<": "◂◀‹←⏎⌫",
    "v": "▾▼↓",
    "^": "▴▲↑",
    "*": "●",
    "o": "○◯",
    ".": "…░",
    ":": "▒",
    "#": "█▓▇▆▅▉▋▛▜▙▟",
    "=": "▄▃",
    "_": "▁▂",
    "~": "≈",
    "'": "‘’",
    '"': "“”",
    "u": "µ",
    " ": "\u00a0",
}
_TABLE = {ord(letter): sign for sign, letters in _ALIKE.items() for letter in letters}


class Ascii(LineFilter):
    """Draws in ASCII."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002 - looks
        """The same segments, as wide, in ASCII."""
        return [
            segment if segment.control else Segment(in_ascii(segment.text), segment.style)
            for segment in segments
        ]


@lru_cache(4096)
def in_ascii(text: str) -> str:
    """A text in as many columns as before."""
    if text.isascii():
        return text
    text = text.translate(_TABLE)
    return "".join(letter if letter.isascii() else "?" * cell_len(letter) for letter in text)


def is_needed(charset: str) -> bool:
    """Whether only ASCII is sure to be drawn as it is meant: the charset of the locale is not UTF-8."""
    return charset.lower().replace("-", "") not in ("utf8", "")
