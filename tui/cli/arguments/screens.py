"""The arguments of the screens."""

from typing import NamedTuple

from tui.cli.arguments.parser import Parser

THEMES = ("terminal", "dark", "light", "contrast")


class BrowseArgs(NamedTuple):
    """How the screens are to look and behave."""

    read_only: bool
    low_bandwidth: bool
    no_mouse: bool
    no_preview: bool
    plain: bool
    ascii: bool
    theme: str


def browse(parser: Parser) -> type[BrowseArgs]:
    """Describe `browse`."""
    parser.describe(
        "Opens the screens, as snapstow does without a verb; ? explains the keys.\n"
        "Without a terminal, lists as `saved` does."
    )
    add_screen_flags(parser)
    return BrowseArgs


def add_screen_flags(parser: Parser) -> None:
    """Describe what any screen can be asked for."""
    parser.flag("read-only", "refuse every change")
    parser.flag("low-bandwidth", "draw at most twice a second")
    parser.flag("no-mouse", "leave the mouse to the terminal")
    parser.flag("no-preview", "never show file contents")
    parser.flag("plain", "no screens: prompts and lines, for screen readers")
    parser.flag("ascii", "draw with ASCII characters only")
    parser.option("theme", "NAME", "terminal, dark, light or contrast")
    parser.offer("theme", THEMES)
