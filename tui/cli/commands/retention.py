"""The verb `retention`: how long snapd keeps automatic snapshots, and the change of that."""

import json

from backend import (
    RETENTION_NOTE,
    ConflictError,
    InvalidInputError,
    PlaceEngine,
    Progress,
    in_words,
    kept_text,
    spelled,
)
from tui.cli.arguments import Arguments
from tui.cli.context import engine
from tui.cli.output import print_result, print_status
from tui.cli.progress import Foreground
from tui.cli.run_operation import ask_yes_no, is_interactive


def retention(arguments: Arguments) -> int:
    """Tell how long automatic snapshots are kept, or change it after a question."""
    here = engine(arguments)
    if arguments.time:
        wanted = spelled(arguments.time)
        if wanted != here.daemon.retention() and not _change(arguments, here, wanted):
            print_status("Nothing was changed.")
    present = here.daemon.retention()
    if arguments.json:
        print_result(json.dumps({"retention": present}))
    else:
        print_result(f"{kept_text(present)}.")
    return 0


def _change(arguments: Arguments, here: PlaceEngine, wanted: str) -> bool:
    """Have it changed, unless somebody says no."""
    if reason := here.daemon.retention_refusal():
        raise ConflictError(reason)
    if not arguments.yes and (arguments.json or not is_interactive()):
        raise InvalidInputError(
            "cannot change how long automatic snapshots are kept without a terminal to ask at: add --yes"
        )
    if not arguments.yes:
        print_status(RETENTION_NOTE)
        if not ask_yes_no(_question(here.daemon.retention(), wanted)):
            return False
    with Foreground(json=arguments.json, data_out=True) as foreground:
        progress = Progress(foreground.hear)
        foreground.watch(progress)
        here.daemon.set_retention(wanted, progress)
    return True


def _question(before: str, wanted: str) -> str:
    now = in_words(before)
    if wanted == "no":
        return f"Make no automatic snapshots any more (now they are kept for {now})?"
    if before == "no":
        return f"Make automatic snapshots again, and keep them for {in_words(wanted)}?"
    return f"Keep automatic snapshots for {in_words(wanted)} instead of {now}?"
