"""The verb `retention`: how long snapd keeps automatic snapshots, and the change of that."""

import json

from backend import ConflictError, Engine, InvalidInputError, Progress
from backend.format import RETENTION_NOTE, parse_retention, retention_text, retention_words
from tui.cli.arguments import Arguments
from tui.cli.context import engine
from tui.cli.output import print_result, print_status
from tui.cli.progress import Foreground
from tui.cli.run_operation import ask_yes_no, is_interactive


def retention(arguments: Arguments) -> int:
    """Tell how long automatic snapshots are kept, or change it after a question."""
    here = engine(arguments)
    if arguments.time:
        wanted = parse_retention(arguments.time)
        if wanted != here.daemon.retention() and not _change(arguments, here, wanted):
            print_status("Nothing was changed.")
    present = here.daemon.retention()
    if arguments.json:
        print_result(json.dumps({"retention": present}))
    else:
        print_result(f"{retention_text(present)}.")
    return 0


def _change(arguments: Arguments, here: Engine, wanted: str) -> bool:
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
    now = retention_words(before)
    if wanted == "no":
        return f"Make no automatic snapshots any more (now they are kept for {now})?"
    if before == "no":
        return f"Make automatic snapshots again, and keep them for {retention_words(wanted)}?"
    return f"Keep automatic snapshots for {retention_words(wanted)} instead of {now}?"
