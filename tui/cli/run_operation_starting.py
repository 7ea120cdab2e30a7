"""Starting jobs in processes of their own, from the screens and from the command line (`--no-wait`)."""

import json
import os
import sys

from backend import ConflictError, InvalidInputError, Operation, PlaceEngine, Runner, logout_warning
from tui.cli.arguments import Arguments
from tui.cli.output import command, engine, say, show
from tui.cli.run_operation import willing

# Starts this very program again, wherever it lies and whatever directory the new process starts in.
_BECOME = "import sys; sys.path.insert(0, sys.argv.pop(1)); from tui.cli.main import main; sys.exit(main())"
_STREAM = "-"


def runner_of(engine: PlaceEngine) -> Runner:
    """What starts jobs at the place of an engine."""
    return Runner(engine.journal, program_of(engine))


def program_of(engine: PlaceEngine) -> list[str]:
    """What runs a job, through that very engine: where it may not be used any more, the job is refused."""
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    place = ["--root", engine.layout.root, "--engine", engine.name]
    return [sys.executable, "-c", _BECOME, here, *place, "run-job"]


def begin(arguments: Arguments, operation: Operation) -> int:
    """Start an operation and print the number of its job, which goes on by itself."""
    if getattr(operation, "file", "") == _STREAM:
        raise InvalidInputError(
            f"cannot {operation.verb} {_STREAM} with --no-wait: the job has no such stream"
        )
    here = engine(arguments)
    if reason := here.refusal_of(operation):
        raise (ConflictError if here.refusal(operation.verb) else InvalidInputError)(reason)
    record = runner_of(here).start(willing(arguments, here, operation))
    warning = logout_warning()
    if arguments.json:
        show(json.dumps({"job": record.id} | ({"warning": warning} if warning else {})))
        return 0
    show(str(record.id))
    say(f"Follow it with: {command(arguments, f'attach {record.id}')}")
    if warning:
        say(f"Beware: {warning}")
    return 0
