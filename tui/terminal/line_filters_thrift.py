"""Fewer bytes for the same picture, for slow links: pieces of a line that look alike are sent as one.

A terminal is told the colours of every piece anew, which is most of what is sent.
"""

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter


class Thrift(LineFilter):
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


def _common(one: Segment, other: Segment) -> Style | None:
    """The style in which both look as they do in their own, or None."""
    first, second = one.style, other.style
    if one.control or first is None or second is None:
        return None
    if first == second:
        return first
    if first.bgcolor != second.bgcolor or first.meta != second.meta or first.link != second.link:
        return None
    if _is_bare(other):
        return first if not _shows_on_blanks(first) else None
    return second if _is_bare(one) and not _shows_on_blanks(second) else None


def _is_bare(segment: Segment) -> bool:
    """Whether nothing but the background is seen of it."""
    return segment.text.isspace() and segment.style is not None and not _shows_on_blanks(segment.style)


def _shows_on_blanks(style: Style) -> bool:
    return bool(style.reverse or style.underline or style.underline2 or style.strike or style.overline)
