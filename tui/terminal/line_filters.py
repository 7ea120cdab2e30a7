"""Everything drawn in ASCII, for terminals and fonts that have nothing else.

One filter on what is about to be drawn. Every letter keeps its width: signs and lines become their nearest
likeness, any other letter a `?` for each column it takes. Data are not changed, only how they look.
"""

from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

_ALIKE = {
    "-": "─═╌╍┄┅┈┉╴╶╸╺–—−·•‐‑▔▀",
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
    "=": "━▄▃",
    "_": "▁▂",
    "~": "≈",
    "'": "‘’",
    '"': "“”",
    "u": "µ",
    " ": "\u00a0",
}
_TABLE = {ord(letter): sign for sign, letters in _ALIKE.items() for letter in letters}


class AsciiOnly(LineFilter):
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


class CoalesceSegments(LineFilter):
    """Joins neighbours that look alike; has to be the last filter."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002 - as it is
        """The same line in fewer pieces."""
        joined: list[Segment] = []
        for segment in segments:
            if joined and not segment.control and (style := _common(joined[-1], segment)) is not None:
                joined[-1] = Segment(joined[-1].text + segment.text, style)
            else:
                joined.append(segment)
        return joined


def _common(left: Segment, right: Segment) -> Style | None:
    """The style in which both look as they do in their own, or None."""
    first, second = left.style, right.style
    if left.control or first is None or second is None:
        return None
    if first == second:
        return first
    if first.bgcolor != second.bgcolor or first.meta != second.meta or first.link != second.link:
        return None
    if _is_bare(right):
        return first if not _shows_on_blanks(first) else None
    return second if _is_bare(left) and not _shows_on_blanks(second) else None


def _is_bare(segment: Segment) -> bool:
    """Whether nothing but the background is seen of it."""
    return segment.text.isspace() and segment.style is not None and not _shows_on_blanks(segment.style)


def _shows_on_blanks(style: Style) -> bool:
    return bool(style.reverse or style.underline or style.underline2 or style.strike or style.overline)
