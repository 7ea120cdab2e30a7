"""What stands behind a dialog: the last picture of the screen below, dimmed, that nothing paints again.

Textual would paint the screen below at each of its ticks. This takes its lines once.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.geometry import Size
from textual.screen import Screen
from textual.strip import Strip

LEFT = 0.35
_DIM = Style(dim=True)


class Backdrop:
    """The lines of a screen as they were when it was taken."""

    def __init__(self) -> None:
        self._strips: list[Strip] = []

    def take(self, below: Screen[Any], background: Color | None) -> None:
        """Take the lines of a screen, most of their colour gone into a background, or as they are."""
        self._strips = below._compositor.render_strips()
        if background is not None:
            self._strips = [Strip(_dimmed(strip, background)) for strip in self._strips]

    @property
    def size(self) -> Size:
        """The size of the screen when it was taken."""
        return Size(self._strips[0].cell_length if self._strips else 0, len(self._strips))

    def line(self, y: int, width: int, style: Style) -> Strip:
        """One line; a blank one where the screen was not so high."""
        if y >= len(self._strips):
            return Strip.blank(width, style)
        return self._strips[y].adjust_cell_length(width, style)


def _dimmed(segments: Iterable[Segment], background: Color) -> list[Segment]:
    return [
        Segment(text, _faint(style or Style(), background))
        for text, style, control in segments
        if not control
    ]


@lru_cache(512)
def _faint(style: Style, background: Color) -> Style:
    """A style most of which has gone into the background; of the terminal's own colours nothing is left."""
    tones = [tone for tone in (style.color, style.bgcolor) if tone is not None]
    if not tones or any(tone.triplet is None for tone in tones):
        return _DIM
    return Style.from_color(*(_blended(tone, background) for tone in (style.color, style.bgcolor)))


def _blended(tone: RichColor | None, background: Color) -> RichColor | None:
    return None if tone is None else background.blend(Color.from_rich_color(tone), LEFT).rich_color
