"""The verb `browse`, which no verb at all means: the screens, or the listing where none can be drawn."""

from tui.arguments import Arguments
from tui.listing import engine, saved
from tui.terminal import can_draw, prepare


def browse(arguments: Arguments) -> int:
    """Open the screens; without a terminal, and with --json, print the listing."""
    if arguments.json or not can_draw():
        return saved(arguments)
    prepare()
    from tui.app import run
    from tui.place import Place

    words = ("--demo",) if arguments.demo else ("--root", arguments.root) if arguments.root != "/" else ()
    place = Place(engine(arguments), words, read_only=arguments.read_only)
    return run(place, low_bandwidth=arguments.low_bandwidth, mouse=not arguments.no_mouse)
