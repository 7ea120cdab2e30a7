"""The command `snapstow`: reads the command line, calls the verb, turns what went wrong into an exit code.

Only what the chosen verb needs is loaded: a listing must start at once.
"""

import gc
import io
import os
import sys
from collections.abc import Sequence

VERSION = "0.1.0"


def main(argv: Sequence[str] | None = None) -> int:
    """The console command. Never raises: whatever goes wrong is one sentence and an exit code.

    Without `argv` it is the command itself, and the process ends after it.
    """
    if argv is None:
        gc.disable()  # looking for garbage while modules load takes a tenth of a listing
    from tui.cli.invocation import Invocation

    invocation = Invocation()
    try:
        _prepare_streams()
        code = invocation.run(sys.argv[1:] if argv is None else argv)
        if argv is None:
            gc.freeze()  # nor need the end of the process look for any
    except (Exception, KeyboardInterrupt) as failure:  # noqa: BLE001 - the one place where nothing may pass
        from tui.cli.errors import report

        code = report(failure, invocation.verb, invocation.context)
    _settle_streams()
    return code


def _prepare_streams() -> None:
    """Let no name break the output, and nothing that is opened later become one of the standard streams.

    What stands for a closed one can be neither read nor written: whoever tries gets an error.
    """
    for fd, flags in enumerate((os.O_WRONLY, os.O_RDONLY, os.O_RDONLY)):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, flags)
    sys.stdin = sys.stdin or io.TextIOWrapper(io.FileIO(0, closefd=False))
    sys.stdout = sys.stdout or io.TextIOWrapper(io.FileIO(1, "w", closefd=False))
    sys.stderr = sys.stderr or io.TextIOWrapper(io.FileIO(2, "w", closefd=False))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _settle_streams() -> None:
    """Write what waits to be written; what cannot be is dropped, or the end of the process would complain."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            from tui.terminal.streams import discard

            discard(stream)


if __name__ == "__main__":
    sys.exit(main())
