"""Questions on the command line, asked where somebody can answer: on the terminal, not among the results."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

from backend import (
    Cancelled,
    Check,
    CommandError,
    ConflictError,
    Export,
    Extract,
    Forget,
    Import,
    IntegrityError,
    InvalidInputError,
    NoSpaceError,
    Operation,
    Restore,
    Result,
    Save,
    SnapshotError,
    Undo,
)
from backend.engine import perform_recorded, runner_of
from backend.host import logout_warning
from tui.cli.context import Context
from tui.cli.output import output_errors, print_result, print_status
from tui.cli.progress import Foreground
from tui.text import plain

_BROKEN_OFF = (IntegrityError, CommandError, NoSpaceError)
_STREAM = "-"
_YES = ("y", "yes")

Wanted = TypeVar("Wanted", bound=Operation)


def is_interactive() -> bool:
    """Whether there is somebody at a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask_yes_no(question: str) -> bool:
    """Whether the answer is yes; anything else, and no answer at all, is no."""
    sys.stderr.write(f"{plain(question)} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline(100).strip().lower() in _YES


def confirm_wait(context: Context, operation: Wanted) -> Wanted:
    """The operation; waiting for what snapd does already, where somebody agreed to that when asked.

    ConflictError where that was declined.
    """
    if not isinstance(operation, Save | Restore | Undo | Forget) or operation.wait:
        return operation
    if context.json or not is_interactive():
        return operation
    try:
        change = context.engine.daemon.in_the_way(operation)
    except SnapshotError:
        return operation  # which will report the trouble itself
    if change is None:
        return operation
    if not ask_yes_no(f"snapd is busy with {change.title}. Wait for it?"):
        raise ConflictError(
            f"cannot {operation.verb}: snapd is busy with {change.title}; --wait waits for it"
        )
    return replace(operation, wait=True)


def start_job(context: Context, operation: Operation) -> int:
    """Start an operation and print the number of its job, which goes on by itself."""
    if getattr(operation, "file", "") == _STREAM:
        raise InvalidInputError(
            f"cannot {operation.verb} {_STREAM} with --no-wait: the job has no such stream"
        )
    engine = context.engine
    if reason := engine.refusal_of(operation):
        is_busy = engine.refusal(operation.action) and not engine.state_fault
        raise (ConflictError if is_busy else InvalidInputError)(reason)
    record = runner_of(engine).start(confirm_wait(context, operation))
    warning = logout_warning()
    if context.json:
        print_result(json.dumps({"job": record.id} | ({"warning": warning} if warning else {})))
        return 0
    print_result(str(record.id))
    print_status(f"Follow it with: {context.command(f'attach {record.id}')}")
    if warning:
        print_status(f"Warning: {warning}")
    return 0


def run_operation(context: Context, operation: Operation, stream: int | None = None) -> Result:
    """Carry it out in the foreground, showing progress and what was left out.

    Raises:
        OutputError: it is done, but not everything of it could be printed.
    """
    data_out = isinstance(operation, Export) and operation.file == "-"
    operation = confirm_wait(context, operation)
    with Foreground(json=context.json, data_out=data_out) as foreground:
        with _failures_shown(context, operation, foreground):
            result = perform_recorded(operation, context.engine, foreground.watch, stream=stream)
        of_set = f" of snapshot #{result.set_id}" if result.set_id else ""
        context.accomplished = f"{operation.verb}{of_set}"
        if context.json:
            foreground.line({"event": "result", "exit": result.exit_code, **result.to_json()})
    if foreground.unwritten is not None:
        with output_errors():
            raise foreground.unwritten
    if not context.json:
        print_status(
            *(f"left out: {plain(text)}" for text in result.left_out if text not in foreground.noted)
        )
    return result


@contextmanager
def _failures_shown(context: Context, operation: Operation, foreground: Foreground) -> Iterator[None]:
    """A program reads how it ended; a person, what remains of it."""
    try:
        yield
    except Cancelled as cancelled:
        if context.json:
            foreground.line({"event": "cancelled", "exit": cancelled.exit_code})
        raise
    except SnapshotError as failure:
        if context.json:
            foreground.line({"event": "failed", "error": str(failure), "exit": failure.exit_code})
        if isinstance(failure, _BROKEN_OFF) and not isinstance(operation, Check):
            failure.add_note(_what_remains(operation))
        raise


def _what_remains(operation: Operation) -> str:
    """What a reader must know of the place after an operation broke off."""
    match operation:
        case Restore(set_id, target_dir=target_dir) if target_dir:
            left = f"nothing of it is left in {plain(target_dir)}"
            return f"The restore of snapshot #{set_id} was stopped; {left}."
        case Restore(set_id):
            return f"The restore of snapshot #{set_id} was stopped; the data are unchanged."
        case Extract():
            return "The extraction was stopped; nothing was changed."
        case Export(set_id, file):
            return "The output is incomplete." if file == "-" else f"{file} was not written."
        case Save():
            return "Nothing was saved."
        case Import():
            return "Nothing was imported."
        case _:
            return f"See '{operation.verb}' in the list of jobs."
