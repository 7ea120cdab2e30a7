"""What went wrong, in words: one sentence on standard error, and the exit code that goes with it.

A bug is called a bug. Its traceback is kept in a file and never shown.
"""

import os
import sys
import time
import traceback
from collections.abc import Callable

from backend import BugError, Cancelled, SnapshotError, shortage
from backend.engine import user_state
from backend.fs import write_private
from tui.cli.arguments.parser import UsageError
from tui.cli.context import Context
from tui.cli.output import OutputError, print_status
from tui.text import plain

_QUERIES = ("saved", "estimate", "jobs", "help")
_BUG = "a bug in snapstow"


def report(failure: BaseException, verb: str, context: Context | None) -> int:
    """Say on standard error why a verb failed; returns its exit code."""
    accomplished = context.accomplished if context else ""
    if isinstance(failure, OutputError) and accomplished:
        return _tell(f"{accomplished} is done, but {failure}", (), failure.exit_code)
    if isinstance(failure, BrokenPipeError) or isinstance(failure.__cause__, BrokenPipeError):
        return 1
    if isinstance(failure, (Cancelled, KeyboardInterrupt)):
        changed = "" if verb in _QUERIES else "; nothing was changed"
        return _tell(f"cancelled{changed}", (), Cancelled.exit_code)
    if isinstance(failure, UsageError):
        topic = f" {failure.verb}" if failure.verb else ""
        return _tell(str(failure), (f"(see 'snapstow help{topic}')",), failure.exit_code)
    if isinstance(failure, SnapshotError) and not isinstance(failure, BugError):
        return _tell(str(failure), getattr(failure, "__notes__", ()), failure.exit_code)
    if isinstance(failure, OSError):
        where = f" {os.fsdecode(failure.filename)}:" if isinstance(failure.filename, (str, bytes)) else ""
        return _tell(f"cannot {_deed(verb)}:{where} {failure.strerror or failure}", (), 1)
    if reason := shortage(failure):
        return _tell(f"cannot {_deed(verb)}: {reason}", (), 1)
    return _report_bug(failure, context)


def _deed(verb: str) -> str:
    return "list the snapshots" if verb == "saved" else f"carry out {verb}"


def _tell(text: str, more: tuple[str, ...] | list[str], code: int) -> int:
    first, *rest = text.split("\n")
    print_status(f"error: {plain(first)}", *(f"       {plain(line)}" for line in (*rest, *more)))
    return code


def _report_bug(failure: BaseException, context: Context | None) -> int:
    bug = failure.__cause__ if isinstance(failure, SnapshotError) and failure.__cause__ else failure
    summary = f"{_BUG}: {type(bug).__name__}: {bug}".strip().rstrip(":")
    text = "".join(traceback.format_exception(failure))
    kept = _keep(text, context)
    more = f"Details to report: {kept}" if kept else "Its details could not be written to a file."
    return _tell(summary.replace("\n", " "), (more,), 1)


def _keep(text: str, context: Context | None) -> str:
    """The file in which a traceback was put, for its owner's eyes only; empty where there is no place."""
    name = f"bug-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
    for folder in _state_folders(context):
        path = os.path.join(folder, name)
        try:
            write_private(path, f"snapstow {' '.join(map(plain, sys.argv[1:]))}\n{text}")
        except OSError:
            continue
        return path
    return ""


def _state_folders(context: Context | None) -> list[str]:
    """The state folder of the place, where that is available, and the user's own."""
    folders: list[str] = []
    finders: tuple[Callable[[], str], ...] = (user_state,)
    if context is not None:
        finders = (lambda: context.engine.journal.folder, user_state)
    for find in finders:
        try:
            folders.append(find())
        except Exception:  # noqa: BLE001 - the bug may be right there
            continue
    return folders
