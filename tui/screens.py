"""The verb `browse`, which no verb at all means: the screens, or the listing where none can be drawn."""

import os

from tui.arguments import Arguments, UsageError
from tui.listing import engine, saved
from tui.terminal import can_draw, charset, prepare


def browse(arguments: Arguments) -> int:
    """Open the screens; without a terminal, and with --json, print the listing."""
    if arguments.plain and not arguments.json:
        from tui.linear import converse

        return converse(arguments)
    if arguments.json or not can_draw():
        return saved(arguments)
    prepare(low_bandwidth=arguments.low_bandwidth)
    from tui import ascii, themes
    from tui.app import Looks, run
    from tui.place import Place

    try:
        theme = themes.chosen(arguments.theme, os.environ)
    except ValueError as cause:
        raise UsageError(str(cause), "browse") from cause
    words = ("--demo",) if arguments.demo else ("--root", arguments.root) if arguments.root != "/" else ()
    place = Place(engine(arguments), words, read_only=arguments.read_only)
    looks = Looks(theme, arguments.ascii or ascii.is_needed(charset()), arguments.low_bandwidth)
    return run(place, looks, mouse=not arguments.no_mouse)
