"""The verb `browse`, which no verb at all means: the screens, or the listing where none can be drawn."""

import os

from tui.cli.arguments import Arguments, UsageError
from tui.cli.commands.saved import saved
from tui.cli.context import engine, place_words
from tui.terminal.setup import can_draw, charset, prepare


def browse(arguments: Arguments) -> int:
    """Open the screens; without a terminal, and with --json, print the listing."""
    if arguments.plain and not arguments.json:
        from tui.plain.session import converse
        from tui.session.place import Place

        return converse(Place(engine(arguments), place_words(arguments), read_only=arguments.read_only))
    if arguments.json or not can_draw():
        return saved(arguments)
    return draw(arguments)


def draw(arguments: Arguments, file: str = "") -> int:
    """Open the screens, with a file of snapshots on top if there is one."""
    prepare(low_bandwidth=arguments.low_bandwidth)
    from tui.app import Looks, run
    from tui.session.place import Place
    from tui.terminal import line_filters as ascii
    from tui.terminal import themes

    try:
        theme = themes.chosen(arguments.theme, os.environ)
    except ValueError as cause:
        raise UsageError(str(cause), arguments.verb) from cause
    place = Place(
        engine(arguments),
        place_words(arguments),
        read_only=arguments.read_only,
        previews=not arguments.no_preview,
        follows=arguments.engine == "auto",
    )
    looks = Looks(theme, arguments.ascii or ascii.is_needed(charset()), arguments.low_bandwidth)
    return run(place, looks, mouse=not arguments.no_mouse, file=file)
