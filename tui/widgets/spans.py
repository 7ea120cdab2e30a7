"""Lines of a view as a widget shows them, in the colours of the theme."""

from collections.abc import Sequence

from textual.content import Content
from textual.widgets import Static

from tui.views.progress_text import Spans

_LOOKS = {
    "accent": "$accent",
    "bad": "bold $text-error",
    "dim": "$text-muted",
    "good": "$text-success",
    "name": "bold $accent",
    "quiet": "$text-muted",
    "strong": "bold",
    "track": "$tree-line",
    "warn": "$text-warning",
}


def content_of(lines: Sequence[Spans]) -> Content:
    """Return lines as one text."""
    shown = [Content.assemble(*((span.text, _LOOKS.get(span.style, "")) for span in line)) for line in lines]
    return Content("\n").join(shown)


def show_lines(widget: Static, lines: Sequence[Spans], *, fixed: bool = False) -> None:
    """Show other lines, none at all by no widget; only what differs is drawn, and laid out unless `fixed`."""
    content, before = content_of(lines), widget.content
    if isinstance(before, Content) and before.is_same(content) and widget.display == bool(lines):
        return
    height = before.plain.count("\n") if isinstance(before, Content) else -1
    layout = not fixed and (height != content.plain.count("\n") or widget.display != bool(lines))
    widget.display = bool(lines)
    widget.update(content, layout=layout)
