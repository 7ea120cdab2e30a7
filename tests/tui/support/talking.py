"""Sessions in plain text."""

import io
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from backend import open_engine
from tests.support.builders import World
from tui.cli.commands.browse import printed
from tui.plain.console import Console
from tui.plain.follow import Desk
from tui.plain.session import Session
from tui.session.job_views import JobBoard
from tui.session.place import Place

LONG_AGO = "2001-01-01T00:00:00Z"
EVIL = "\x1b]0;title\x07\x1b[2J\u202e\r"


def make_world(tmp_path: Path) -> World:
    world = World(tmp_path / "root")
    for snap in ("bar", "foo"):
        world.install(snap, data={"f": "now"}, users={"alice": {"n": "now"}, "bob": {"n": "now"}})
    world.write_state()
    return world


def talk(world: World, *answers: str, pause: Callable[[float], None] = time.sleep, **options: Any) -> str:
    """Type these answers, then end the input; what was told."""
    place = Place(open_engine(str(world.root)), ("--demo",), **options)
    output = io.StringIO()
    console = Console(io.StringIO("".join(f"{answer}\n" for answer in answers)), output)
    board = JobBoard(place.engine.journal, place.location_options)
    Session(Desk(place, console, board, partial(_read, world), pause=pause)).run()
    for child in place.runner._children:
        child.wait()
    return output.getvalue()


def _read(world: World, arguments: Sequence[str]) -> list[str]:
    return printed([f"--root={world.root}", *arguments])


def add_set(world: World, **facts: Any) -> None:
    for snap in ("bar", "foo"):
        users = {"alice": {"common": {"n": "then"}}}
        world.add(1, snap, {"x1": {"f": "then"}}, **{"users": users, "time": LONG_AGO, **facts})
