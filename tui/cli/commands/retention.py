"""The verb `retention`: how long snapd keeps automatic snapshots, and the change of that."""

import json

from backend import ConflictError, InvalidInputError, Progress
from backend.format import RETENTION_NOTE, parse_retention, retention_text, retention_words
from tui.cli.arguments.place import RetentionArgs
from tui.cli.context import Context
from tui.cli.output import print_result, print_status
from tui.cli.progress import Foreground
from tui.cli.run_operation import ask_yes_no, is_interactive


def retention(context: Context, args: RetentionArgs) -> int:
    """Show how long automatic snapshots are kept, or change it after confirmation."""
    daemon = context.engine.daemon
    if args.time:
        wanted = parse_retention(args.time)
        if wanted != daemon.retention() and not _change(context, wanted, agreed=args.yes):
            print_status("Nothing was changed.")
    present = daemon.retention()
    if context.json:
        print_result(json.dumps({"retention": present}))
    else:
        print_result(f"{retention_text(present)}.")
    return 0


def _change(context: Context, wanted: str, *, agreed: bool) -> bool:
    """Have it changed, unless somebody says no."""
    daemon = context.engine.daemon
    if reason := daemon.retention_refusal():
        raise ConflictError(reason)
    if not agreed and (context.json or not is_interactive()):
        raise InvalidInputError(
            "cannot change how long automatic snapshots are kept: no terminal for confirmation; add --yes"
        )
    if not agreed:
        print_status(RETENTION_NOTE)
        if not ask_yes_no(_question(daemon.retention(), wanted)):
            return False
    with Foreground(json=context.json, data_out=True) as foreground:
        progress = Progress(foreground.handle)
        foreground.watch(progress)
        daemon.set_retention(wanted, progress)
    return True


def _question(before: str, wanted: str) -> str:
    now = retention_words(before)
    if wanted == "no":
        return f"Turn off automatic snapshots (they are kept for {now} now)?"
    if before == "no":
        return f"Turn on automatic snapshots, and keep them for {retention_words(wanted)}?"
    return f"Keep automatic snapshots for {retention_words(wanted)} instead of {now}?"
