"""The verbs that do something: each prints what `snap` prints, and no more.

Messages about what was left out go to standard error; standard output carries results only.
"""

import os
import sys

from backend import (
    Check,
    CheckResult,
    Export,
    Forget,
    Import,
    InvalidInputError,
    NotFoundError,
    Restore,
    Result,
    Save,
    Undo,
)
from tui.cli.arguments import Arguments, UsageError
from tui.cli.context import command, engine, names, number
from tui.cli.output import print_result, print_status, show_table
from tui.cli.run_operation import run_operation, seconds, start_job, tell_undo
from tui.text import plain, quoted


def save(arguments: Arguments) -> int:
    """Save snaps as a new set, then print its table."""
    operation = Save(
        arguments.snaps,
        names(arguments.users),
        arguments.exclude,
        arguments.fast,
        arguments.accept_changed,
        arguments.ignore_space,
        arguments.wait,
    )
    if arguments.no_wait:
        return start_job(arguments, operation)
    result = run_operation(arguments, operation)
    if not arguments.json:
        here = engine(arguments)
        show_table(here.sets(result.set_id), here, abs_time=arguments.abs_time)
    return result.exit_code


def check_snapshot(arguments: Arguments) -> int:
    """Verify a set or every set, or a file where it lies; every bad part is told."""
    if arguments.file:
        from tui.cli.commands.inspect import check_file

        return check_file(arguments)
    return _check_sets(arguments)


def _check_sets(arguments: Arguments) -> int:
    if arguments.all and arguments.set_id.isdigit():
        raise UsageError("a set and --all exclude each other", "check-snapshot")
    if arguments.all and arguments.set_id:
        arguments = arguments._replace(set_id="", snaps=(arguments.set_id, *arguments.snaps))
    if not arguments.all and not arguments.set_id:
        raise UsageError("the required argument `<id>` was not provided", "check-snapshot")
    set_id = 0 if arguments.all else _set_id(arguments)
    if arguments.quick and arguments.structure:
        raise UsageError("--quick and --structure exclude each other", "check-snapshot")
    age = seconds(arguments.older_than, "verify what is older than") if arguments.older_than else 0
    operation = Check(
        set_id, arguments.snaps, names(arguments.users), arguments.structure, arguments.quick, age
    )
    if arguments.all and arguments.snaps and not engine(arguments).sets(None, arguments.snaps):
        raise NotFoundError(f"cannot check: no set holds {quoted(arguments.snaps)}")
    if arguments.no_wait:
        return start_job(arguments, operation)
    result = run_operation(arguments, operation)
    if not arguments.json:
        _tell_verdicts(arguments, result)
    return result.exit_code


def _tell_verdicts(arguments: Arguments, result: Result) -> None:
    bad = [verdict for verdict in result.verdicts if verdict.fault]
    print_status(*(f"error: {_fault(verdict)}" for verdict in sorted(bad)))
    tell = print_status if bad else print_result
    if result.skipped:
        tell(_skipped(result))
    archives = sum(1 for verdict in result.verdicts if verdict.entry)
    unreadable = sum(1 for verdict in bad if not verdict.entry)
    outcome = "are there; none was read" if arguments.quick else "verified successfully"
    if bad:
        good = archives - (len(bad) - unreadable)
        said = [f"{good} of {archives} archives {outcome}"] * bool(archives)
        said += [_counted(unreadable, "snapshot is", "snapshots are") + " unreadable"] * bool(unreadable)
        tell(f"{'; '.join(said)}.")
    elif not result.skipped or result.verdicts:
        tell(_all_well(arguments, archives, outcome))


def _all_well(arguments: Arguments, archives: int, outcome: str) -> str:
    if arguments.all:
        return f"All {archives} archives {outcome}." if archives else "No snapshots found."
    which = f"Snapshot #{plain(arguments.set_id)}{_of_snaps(arguments)}"
    return f"{which}: all archives {outcome}." if arguments.quick else f"{which} {outcome}."


def _skipped(result: Result) -> str:
    """How many snapshots a check left out because they were verified lately."""
    checked = len(result.snaps)
    if not checked:
        was = "1 snapshot was" if result.skipped == 1 else f"All {result.skipped} snapshots were"
        return f"{was} verified since; nothing is left to check."
    were = "was" if result.skipped == 1 else "were"
    of_all = f"{result.skipped} of {result.skipped + checked} snapshots"
    return f"{of_all} {were} verified since; {checked} checked."


def _counted(amount: int, one: str, several: str) -> str:
    return f"{amount} {one if amount == 1 else several}"


def _fault(verdict: CheckResult) -> str:
    archive = f" {verdict.entry}:" if verdict.entry and verdict.entry not in verdict.fault else ""
    return plain(f"snapshot #{verdict.set_id} {verdict.snap or '(unknown snap)'}:{archive} {verdict.fault}")


def restore(arguments: Arguments) -> int:
    """Put a set in place, or only tell what that would do."""
    if arguments.no_undo and arguments.undo_window:
        raise UsageError("--undo-window and --no-undo exclude each other", "restore")
    kept = "keep what is replaced for"
    window = 0 if arguments.no_undo else seconds(arguments.undo_window or "24h", kept)
    users, to = names(arguments.users), os.path.abspath(arguments.to) if arguments.to else ""
    operation = Restore(
        _set_id(arguments),
        arguments.snaps,
        users,
        arguments.devices,
        window,
        to,
        arguments.revision,
        arguments.wait,
    )
    if arguments.plan:
        from tui.cli.commands.restore_plan import show_plan

        return show_plan(arguments, operation)
    if arguments.no_wait:
        return start_job(arguments, operation)
    result = run_operation(arguments, operation)
    if not arguments.json:
        told = f"Restored snapshot #{plain(arguments.set_id)}{_of_snaps(arguments)}"
        beside = f" beside, into {plain(result.beside)}; nothing was replaced"
        print_result(f"{told}{beside if result.beside else ''}.")
        tell_undo(arguments, result)
    return result.exit_code


def undo(arguments: Arguments) -> int:
    """Take a restore back, or only tell which can be."""
    if arguments.list:
        from tui.cli.commands.query import show_offers

        return show_offers(arguments)
    if arguments.job and not (arguments.job.isascii() and arguments.job.isdigit()):
        text = (
            f"cannot undo \"{arguments.job}\": a job has a number (see '{command(arguments, 'undo --list')}')"
        )
        raise UsageError(text, "undo")
    operation = Undo(int(arguments.job[:18] or "0"), arguments.wait)
    if arguments.no_wait:
        return start_job(arguments, operation)
    result = run_operation(arguments, operation)
    if not arguments.json:
        which = f"job {int(arguments.job[:18])}" if arguments.job else "the last restore"
        print_result(f"Took back {which}, of snapshot #{result.set_id}.")
        tell_undo(arguments, result)
    return result.exit_code


def forget(arguments: Arguments) -> int:
    """Remove a set, or snaps of it."""
    operation = Forget(_set_id(arguments), arguments.snaps, arguments.wait)
    if arguments.no_wait:
        return start_job(arguments, operation)
    result = run_operation(arguments, operation)
    if not arguments.json:
        several = "s" if len(arguments.snaps) > 1 else ""
        of_snaps = f" of snap{several} {plain(quoted(arguments.snaps))}" if arguments.snaps else ""
        print_result(f"Snapshot #{plain(arguments.set_id)}{of_snaps} forgotten.")
    return result.exit_code


def export_snapshot(arguments: Arguments) -> int:
    """Write a set to a file or to standard output."""
    to_stdout = arguments.file == "-"
    if to_stdout and sys.stdout.isatty():
        raise InvalidInputError(
            "cannot export a snapshot to a terminal: name a file, or redirect standard output"
        )
    operation = Export(
        _set_id(arguments),
        _absolute(arguments.file),
        arguments.skip_broken,
        arguments.snaps,
        arguments.checksum and not to_stdout,
    )
    if arguments.no_wait:
        return start_job(arguments, operation)
    result = run_operation(arguments, operation, stream=sys.stdout.fileno() if to_stdout else None)
    if not arguments.json and not to_stdout:
        which = f"#{plain(arguments.set_id)}{_of_snaps(arguments)}"
        print_result(f'Exported snapshot {which} into "{plain(arguments.file)}"')
        if operation.checksum:
            print_result(f'Its checksum is in "{plain(arguments.file)}.sha256"')
    return result.exit_code


def import_snapshot(arguments: Arguments) -> int:
    """Read a set from a file or from standard input, then print its table."""
    from_stdin = arguments.file == "-"
    if from_stdin and os.isatty(0):
        raise InvalidInputError(
            "cannot import a snapshot from a terminal: name a file, or redirect standard input"
        )
    operation = Import(_absolute(arguments.file), arguments.accept_hash, arguments.snaps)
    if arguments.no_wait:
        return start_job(arguments, operation)
    result = run_operation(arguments, operation, stream=0 if from_stdin else None)
    if not arguments.json:
        if result.duplicate:
            print_status("The same content is here already; nothing was added.")
        print_result(f"Imported snapshot as #{result.set_id}")
        here = engine(arguments)
        show_table(here.sets(result.set_id), here, abs_time=arguments.abs_time)
    return result.exit_code


def reset(arguments: Arguments) -> int:
    """Make the demo anew."""
    from backend import demo_root

    if not arguments.demo:
        raise UsageError("reset goes with --demo only", "reset")
    print_result(f"The demo was made anew below {plain(demo_root(anew=True))}")
    return 0


# -- what they share


def _of_snaps(arguments: Arguments) -> str:
    return f" of snaps {plain(quoted(arguments.snaps))}" if arguments.snaps else ""


def _set_id(arguments: Arguments) -> int:
    set_id = number(arguments.set_id)
    if not set_id:
        raise InvalidInputError("snapshot operation requires snapshot set ID")
    return set_id


def _absolute(file: str) -> str:
    return file if file == "-" else os.path.abspath(file)
