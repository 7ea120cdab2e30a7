"""A frame with its name in it, and when there is room for frames."""

from typing import Any, Self

from textual.content import Content
from textual.geometry import Region, Size
from textual.widget import Widget

_FRAMES_MIN_WIDTH, _FRAMES_MIN_HEIGHT = 80, 30


def has_room_for_frames(screen: Size) -> bool:
    """Whether the panels of a screen of this size have frames."""
    return screen.width >= _FRAMES_MIN_WIDTH and screen.height >= _FRAMES_MIN_HEIGHT


class Titled(Widget):
    """A widget whose frame can be given other titles at the cost of the lines that they stand on."""

    _retitled: int | None = None  # the line of the frame that a title is being written to

    def entitle(self, title: str, subtitle: str | Content = "") -> None:
        """Change what stands in the frame, above and below; a text is words of ours."""
        if self.border_title != title:
            self._retitled = 0
            self.border_title = title
        if self.border_subtitle != (subtitle or None):
            self._retitled = max(0, self.outer_size.height - 1)
            self.border_subtitle = subtitle or None
        self._retitled = None

    def refresh(self, *regions: Region, **options: Any) -> Self:
        """Draw anew; where only a title has changed, the line on which it stands."""
        if self._retitled is not None:
            offset = self.content_offset
            regions = (Region(-offset.x, self._retitled - offset.y, self.outer_size.width, 1),)
        return super().refresh(*regions, **options)
