"""Questions on the command line, asked where somebody can answer: on the terminal, not among the results."""

import sys
from dataclasses import replace
from typing import TypeVar

from backend import ConflictError, Forget, Operation, PlaceEngine, Restore, Save, SnapshotError, Undo
from tui.cli.arguments import Arguments
from tui.text import plain

_YES = ("y", "yes")

Wanted = TypeVar("Wanted", bound=Operation)


def can_ask() -> bool:
    """Whether there is somebody at a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def agrees(question: str) -> bool:
    """Whether the answer is yes; anything else, and no answer at all, is no."""
    sys.stderr.write(f"{plain(question)} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline(100).strip().lower() in _YES


def willing(arguments: Arguments, here: PlaceEngine, operation: Wanted) -> Wanted:
    """The operation; waiting for what snapd does already, where somebody agreed to that when asked.

    ConflictError where that was declined.
    """
    if not isinstance(operation, Save | Restore | Undo | Forget) or operation.wait:
        return operation
    if arguments.json or not can_ask():
        return operation
    try:
        change = here.daemon.in_the_way(operation)
    except SnapshotError:
        return operation  # which will tell of the trouble itself
    if change is None:
        return operation
    if not agrees(f"snapd is busy with {change.title}. Wait for it?"):
        raise ConflictError(
            f"cannot {operation.verb}: snapd is busy with {change.title}; --wait waits for it"
        )
    return replace(operation, wait=True)
