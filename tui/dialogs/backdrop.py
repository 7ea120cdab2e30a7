"""What stands behind a dialog: the last picture of the screen below, dimmed, that nothing paints again.

Textual would paint the screen below at each of its ticks. This takes its lines once.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Generic, Protocol, runtime_checkable

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.events import Resize
from textual.geometry import Size
from textual.screen import ModalScreen, Screen, ScreenResultType
from textual.strip import Strip

LEFT = 0.35
HIGH, WIDE = 30, 90
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


@runtime_checkable
class Thrifty(Protocol):
    """An application that may be at the far end of a slow link."""

    @property
    def is_thrifty(self) -> bool:
        """Whether as little as possible is to be sent."""


class OverStill(ModalScreen[ScreenResultType], Generic[ScreenResultType]):
    """Something in a frame over a still picture of the screen below."""

    # Textual declares these two as belonging to the instance.
    HORIZONTAL_BREAKPOINTS: list[tuple[int, str]] = [(0, "-narrow"), (WIDE, "-wide")]  # noqa: RUF012 - as Textual declares it
    VERTICAL_BREAKPOINTS: list[tuple[int, str]] = [(0, "-low"), (HIGH, "-high")]  # noqa: RUF012 - as Textual declares it

    def __init__(self) -> None:
        super().__init__(classes="dialog-screen")
        self._backdrop = Backdrop()

    def foresee(self) -> None:
        """Look as it will: otherwise it is drawn once as it will not. For `compose`."""
        self.set_class(self.app.size.width < WIDE, "-narrow")
        self.set_class(self.app.size.height < HIGH, "-low")

    def on_mount(self) -> None:
        """Show what stands behind, in the colours that are chosen."""
        self._look_behind()
        self.app.theme_changed_signal.subscribe(
            self, lambda _theme: self.call_after_refresh(self._look_behind)
        )

    @property
    def is_open(self) -> bool:
        """Whether there is something to draw on: threads and timers may report after it was left."""
        return self.is_attached and self in self.app.screen_stack

    def _screen_below(self) -> Screen[Any] | None:
        stack = self.app.screen_stack
        at = stack.index(self) if self in stack else 0
        return stack[at - 1] if at else None

    def _look_behind(self) -> None:
        """Take the picture of the screen below; only this screen paints it, and only once."""
        if self.is_open and (below := self._screen_below()) is not None:
            # What is not dimmed is on the terminal already, and costs nothing.
            is_thrifty = isinstance(self.app, Thrifty) and self.app.is_thrifty
            self._backdrop.take(below, None if is_thrifty else self.styles.background)
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """A line of what stands behind."""
        return self._backdrop.line(y, self.size.width, self.rich_style)

    def on_resize(self, event: Resize) -> None:
        """Have the screen below laid out anew as well, and take its picture."""
        if (below := self._screen_below()) is not None and self._backdrop.size != event.size:
            below.post_message(Resize(event.size, event.size))
            below.call_later(self.call_after_refresh, self._look_behind)


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
