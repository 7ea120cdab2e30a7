"""What is drawn, looked at as colours: every piece of text on the screen with its style."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from rich.cells import cell_len
from rich.color import Color as RichColor
from rich.style import Style
from textual.app import App
from textual.color import Color


class Piece(NamedTuple):
    """A piece of text as it is drawn."""

    line: int
    text: str
    style: Style
    column: int = 0

    @property
    def contrast(self) -> float:
        """How far the text stands out from what is behind it."""
        front, behind = self.style.color, self.style.bgcolor
        assert front is not None
        assert behind is not None
        return contrast(front, behind)


def pieces(app: App[Any], *, blanks: bool = False) -> Iterator[Piece]:
    """All text on the screen."""
    for number, strip in enumerate(app.screen._compositor.render_strips()):
        column = 0
        for text, style, control in strip:
            if (blanks or text.strip()) and not control:
                assert style is not None
                yield Piece(number, text, style, column)
            column += 0 if control else cell_len(text)


def in_front(app: App[Any]) -> Iterator[Piece]:
    """All text of the dialog that is open, without what stands behind it; or of the screen where none is."""
    frames = app.screen.query(".dialog")
    region = frames.first().region if frames else app.screen.region
    return (piece for piece in pieces(app) if region.contains(piece.column, piece.line))


def contrast(front: RichColor, behind: RichColor) -> float:
    """The contrast of two colours as WCAG 2 has it, 1 to 21."""
    first, second = (_luminance(Color.from_rich_color(tone)) for tone in (front, behind))
    return (max(first, second) + 0.05) / (min(first, second) + 0.05)


def _luminance(tone: Color) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in tone.normalized
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
