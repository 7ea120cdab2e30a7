"""Dialogs over a small world: asked, their lines read and walked, their boxes filled."""

from collections.abc import Awaitable, Callable
from typing import Any

from textual.screen import Screen
from textual.widgets import Input

from tests.support.builders import World
from tests.tui.support.patient import Patient, patiently
from tui.dialogs.lines import LineList
from tui.session.place import Place

LATER = "2999-01-01T00:00:00Z"  # after everything that a test writes
Tell = Callable[[Patient], Awaitable[object]]


def ask(
    world: World,
    dialog: Callable[[Place], Screen[Any]],
    tell: Tell,
    size: tuple[int, int] = (80, 24),
    **options: Any,
) -> list[Any]:
    """Ask, let `tell` answer; returns the answers: none when the dialog is still there."""

    async def play(user: Patient) -> None:
        await user.is_asked(dialog(user.app.place))
        await tell(user)

    return patiently(str(world.root), play, size, **options)


def line_list(user: Patient) -> LineList:
    """The list of the dialog that is open."""
    return user.app.screen.query_one("#lines", LineList)


def shown(user: Patient) -> list[str]:
    """The lines of the dialog, those that are scrolled away as well."""
    return [f"{line.head}{line.text}" for line in line_list(user).shown]


async def goes_to(user: Patient, text: str, after: str = "") -> None:
    """Put the cursor on the first line that holds a text, below the one that holds `after`."""
    texts = shown(user)
    start = next(number for number, line in enumerate(texts) if after in line)
    await stands_at(user, next(n for n, line in enumerate(texts) if n >= start and text in line))


async def stands_at(user: Patient, number: int) -> None:
    """Put the cursor on the line of that number."""
    lines = line_list(user)
    lines.focus()
    lines.highlighted = number
    await user.waits()


async def keys_in(user: Patient, text: str, box: str = "Input") -> None:
    """Put a text into a box instead of what is there, its last letter by the key."""
    user.app.screen.query_one(box, Input).focus()
    await user.waits()
    await user.types(text[:-1], box)
    await user.presses(text[-1])
