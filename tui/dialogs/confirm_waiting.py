"""Before something is started: what snapd is doing already may be waited for, if that is wanted."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from textual.screen import Screen

from backend import Operation, command_line
from tui.dialogs.base import Line, said
from tui.dialogs.confirm import Confirm
from tui.session.place import Place, waiting


async def agreed(screen: Screen[Any], place: Place, operations: Sequence[Operation]) -> tuple[Operation, ...]:
    """The operations; waiting where something is in the way, or none of them where that was declined.

    To be awaited in a worker: it may ask.
    """
    looking = partial(place.in_the_way, operations)
    busy = await screen.run_worker(looking, thread=True, group="in the way").wait()
    if not busy:
        return tuple(operations)
    patient = tuple(map(waiting, operations))
    lines = [
        Line("what", said(f"snapd is busy with {busy}.")),
        Line("how", said("A job can be started that waits until it is through, and then begins.")),
        Line("stop", said("While it waits, it can be stopped like any job: nothing was begun then.")),
    ]
    commands = "; ".join(command_line(one, place.words) for one in patient)
    asked = Confirm("snapd is busy", "Wait, then start", lines, commands)
    return patient if await screen.app.push_screen_wait(asked) else ()
