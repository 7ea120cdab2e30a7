"""The process of a job: `python -m backend.engine.worker --root R --engine files --id-fd 1 < operation.json`.

The operation is JSON on standard input, as a journal holds it. The number of the job is written to the
descriptor that `--id-fd` names as soon as it is in the journal; then that is let go of. What goes wrong
before is reported on standard error; after it, the journal says all.

A stop is asked for by SIGTERM or SIGINT: the job undoes what it did, and ends. A hang-up means nothing to it.
"""

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from backend.engine.perform import perform_recorded
from backend.engine.select import open_engine
from backend.errors import SnapshotError
from backend.fs.locks import go_without
from backend.operations import Operation, operation_from_json
from backend.progress import Event, Progress

_STOPS = (signal.SIGINT, signal.SIGTERM)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the operation on standard input as a job; returns its exit code."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    # Whoever reads the journal may ask to stop before anything is here to listen: the wish waits.
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
    arguments = _arguments(argv)

    def begun(number: int) -> None:
        """Report the number of the job."""
        _tell(arguments.id_fd, number)

    try:
        if arguments.no_lock:
            go_without()
        operation = _operation()
        engine = open_engine(arguments.root, arguments.engine, arguments.config)
        result = perform_recorded(operation, engine, _watch, begun=begun)
        if result.again:
            result = perform_recorded(operation_from_json(result.again), engine, _watch)
        return result.exit_code
    except SnapshotError as failure:
        print(f"error: {failure}", file=sys.stderr)  # noqa: T201 - the runner reads it
        return failure.exit_code


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m backend.engine.worker", allow_abbrev=False)
    parser.add_argument("--root", default="/", help="the root to work below")
    parser.add_argument("--engine", choices=("auto", "files", "snapd"), default="auto", help="who does it")
    parser.add_argument("--config", default="", help="the file that configures it")
    parser.add_argument("--no-lock", action="store_true", help="make changes where files cannot be locked")
    parser.add_argument("--id-fd", type=int, default=1, help="where the number of the job is written")
    return parser.parse_args(argv)


def _operation() -> Operation:
    """The operation on standard input; InvalidInputError for none."""
    try:
        document = json.load(sys.stdin)
    except (ValueError, RecursionError):
        document = {}
    return operation_from_json(document if isinstance(document, dict) else {})


def _watch(progress: Progress) -> Callable[[Event], None]:
    """Let a job hear the stops, also one that came before it was there."""
    for number in _STOPS:
        signal.signal(number, lambda _number, _frame: progress.stop())
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
    return lambda _event: None


def _tell(fd: int, number: int) -> None:
    """Write the number of the job, and let go of the descriptor; nobody may be there any more."""
    try:
        os.write(fd, b"%d\n" % number)
    except OSError:
        pass
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), fd, inheritable=fd <= 2)


def run() -> NoReturn:
    """Be that process."""
    sys.exit(main())


if __name__ == "__main__":
    run()
