"""How what has to do with a repository ended, in words."""

from backend import CheckCopies, Copying, ForgetCopies, PruneCopies, Pull, Push, Result, Undo
from backend.repository import parse_copy_name
from tui.cli.context import Context
from tui.cli.output import print_result, print_status, show_table
from tui.phrases import count_phrase
from tui.text import amount_text, plain


def tell_copies(context: Context, operation: Copying, result: Result) -> None:
    """Print how it ended."""
    match operation:
        case Push():
            print_result(_pushed(operation, result))
        case Pull():
            _tell_pulled(context, operation, result)
        case CheckCopies():
            _tell_checked(operation, result)
        case ForgetCopies(repository) | PruneCopies(repository=repository):
            _tell_forgotten(context, repository, result)


def _tell_forgotten(context: Context, repository: str, result: Result) -> None:
    where = plain(repository)
    print_result(
        f"Forgot {_copies(len(result.copies))} in {where}." if result.copies else f"Nothing goes in {where}."
    )
    if result.freed:
        print_status(f"{amount_text(result.freed)} are free there.")
    if result.undo_job:
        again = context.command(Undo(result.undo_job))
        print_status("What they take is kept there for two days. To undo:", f"  {again}")


def _pushed(operation: Push, result: Result) -> str:
    where = plain(operation.repository)
    present = f"{count_phrase(result.skipped, 'set')} there already" if result.skipped else ""
    if not result.copies:
        return f"Nothing was sent to {where}: {present or 'there is no set to copy'}."
    sent = f"Copied {count_phrase(len(result.copies), 'set')} to {where}"
    return f"{sent}; {present}." if present else f"{sent}."


def _tell_pulled(context: Context, operation: Pull, result: Result) -> None:
    name = f"{plain(operation.repository)}:{plain(operation.copy)}"
    if operation.file:
        print_result(f'Wrote {name} into "{plain(operation.file)}"')
        return
    if result.duplicate:
        print_status("The same content is already here; nothing was added.")
    print_result(f"Pulled {name} as #{result.set_id}")
    show_table(context.engine.sets(result.set_id), context.engine, abs_time=False)


def _tell_checked(operation: CheckCopies, result: Result) -> None:
    bad = [verdict for verdict in result.verdicts if verdict.fault]
    for verdict in bad:
        name = parse_copy_name(verdict.entry)
        which = f"{name.short} (set {name.set_id} of {name.host_name})" if name else verdict.entry
        print_status(f"error: {plain(which)}: {plain(verdict.fault)}")
    outcome = "there with their sizes; none was read" if operation.quick else "read back and sound"
    if result.skipped:
        print_status(f"{_copies(result.skipped)} left out: read back since, or not in the sample.")
    checked = len(result.verdicts)
    where = plain(operation.repository)
    if not checked:
        print_result(f"No copy in {where} was looked at.")
    elif bad:
        print_status(f"{checked - len(bad)} of {_copies(checked)} in {where} {outcome}.")
    else:
        print_result(f"All {_copies(checked)} in {where} {outcome}.")


def _copies(count: int) -> str:
    return count_phrase(count, "copy", "copies")
