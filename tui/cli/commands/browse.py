"""The verb `browse`, which no verb at all means: the screens, or the listing where none can be drawn."""

import gc
import io
import os
from contextlib import redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING

from tui.cli.arguments.parser import UsageError
from tui.cli.arguments.saved import SavedArgs
from tui.cli.commands.saved import saved
from tui.cli.context import Context
from tui.terminal.setup import can_draw, charset, prepare

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tui.cli.arguments.contents import OpenArgs
    from tui.cli.arguments.screens import BrowseArgs


def browse(context: Context, args: "BrowseArgs") -> int:
    """Open the screens; without a terminal, and with --json, print the listing."""
    if args.plain and not context.json:
        gc.enable()
        from tui.plain.session import converse
        from tui.session.place import Place

        options = context.location_options()
        place = Place(context.engine, options, read_only=args.read_only)
        return converse(place, lambda arguments: printed([*options, *arguments]))
    if context.json or not can_draw():
        return saved(context, SavedArgs())
    return draw(context, args)


def draw(context: Context, args: "BrowseArgs | OpenArgs", file: str = "") -> int:
    """Open the screens, with a file of snapshots on top if there is one."""
    prepare(low_bandwidth=args.low_bandwidth)
    from tui.app import Looks, run
    from tui.session.place import Place
    from tui.terminal import line_filters as ascii
    from tui.terminal import themes

    gc.freeze()  # what was loaded stays: no collection need look at it again
    gc.enable()
    try:
        theme = themes.chosen(args.theme, os.environ)
    except ValueError as cause:
        raise UsageError(str(cause), "browse") from cause
    place = Place(
        context.engine,
        context.location_options(),
        read_only=args.read_only,
        previews=not args.no_preview,
        follows=context.follows_snapd,
    )
    looks = Looks(theme, args.ascii or ascii.is_needed(charset()), args.low_bandwidth)
    return run(place, looks, mouse=not args.no_mouse, file=file)


class _Paper(io.TextIOWrapper):
    """What stands for a terminal where lines are read: files are shown on it, their first part only."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8")

    def isatty(self) -> bool:
        """Somebody reads it."""
        return True


def printed(arguments: "Sequence[str]") -> list[str]:
    """What a command line prints, of results and then of everything else; the screens are never drawn."""
    from tui.cli.main import main

    results, others = _Paper(), io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with redirect_stdout(results), redirect_stderr(others):
        main(arguments)
    texts = (stream.buffer.getvalue().decode() for stream in (results, others))  # type: ignore[attr-defined] # BytesIO
    return [line for text in texts for line in text.splitlines()]
