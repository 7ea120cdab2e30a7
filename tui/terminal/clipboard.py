"""Copying a command: exactly as it is, or not at all."""

from typing import Any

from textual.app import App


def copied(app: App[Any], command: str) -> str:
    """Put a command on the user's clipboard; returns the sentence to show.

    A command with unprintable characters is refused: escaped it would be another command, and as it is it
    could act on the terminal that it is pasted into.
    """
    if not command.isprintable():
        return "the command cannot be copied: a name in it is not printable"
    app.copy_to_clipboard(command)
    return f"copied: {command}"
