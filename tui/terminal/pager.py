"""Harmless lines shown by the user's own pager, which gets the terminal for as long as it runs."""

import os
import signal
from collections.abc import Iterable

from textual.app import App, SuspendNotSupported

from backend import SnapshotError

_USUAL = "less"


def show_lines(app: App[object], lines: Iterable[str]) -> str:
    """Show lines by `$PAGER` until the user leaves it; returns why that could not be, or nothing.

    The pager gets no shell, and may start none where it is less.
    """
    try:
        with app.suspend():
            return _run(lines)
    except SuspendNotSupported:
        return "cannot open a pager: there is no terminal to give to it"


def command() -> list[str]:
    """The pager with its arguments."""
    import shlex

    try:
        arguments = shlex.split(os.environ.get("PAGER", ""))
    except ValueError:
        arguments = []
    return arguments or [_USUAL]


def _run(lines: Iterable[str]) -> str:
    """Run the pager; an exception that left would leave the screens dead."""
    import subprocess

    arguments = command()
    environment = {**os.environ, "LESSSECURE": "1"}
    before = signal.signal(signal.SIGINT, lambda _number, _frame: None)  # Ctrl-C is the pager's
    try:
        with subprocess.Popen(arguments, stdin=subprocess.PIPE, env=environment) as process:
            assert process.stdin is not None
            try:
                for line in lines:
                    process.stdin.write(line.encode("utf-8", "backslashreplace") + b"\n")
                process.stdin.close()
            except BrokenPipeError:
                pass  # the user has seen enough
            except (SnapshotError, OSError) as trouble:
                return f"not all of it could be shown: {trouble}"
            finally:
                _close(process.stdin)
        return ""
    except (OSError, ValueError) as trouble:
        return f"cannot open the pager {arguments[0]}: {getattr(trouble, 'strerror', None) or trouble}"
    finally:
        signal.signal(signal.SIGINT, before)


def _close(stream: object) -> None:
    try:
        stream.close()  # type: ignore[attr-defined] # a stream can be closed
    except OSError:
        pass  # the pager has gone
