"""The dialog before a restore, asked on a small world."""

from typing import Any

from backend import Restore
from tests.support.builders import World
from tests.tui.support import dialogs
from tests.tui.support.dialogs import Tell
from tui.dialogs.restore import AskRestore
from tui.session.place import Place


def ask_restore(
    world: World,
    tell: Tell,
    wanted: Restore | None = None,
    size: tuple[int, int] = (80, 40),
    **options: Any,
) -> list[Any]:
    """Ask, let `tell` answer; returns the answers: none when the dialog is still there."""

    def dialog(place: Place) -> AskRestore:
        return AskRestore(place, wanted or Restore(1))

    return dialogs.ask(world, dialog, tell, size, **options)
