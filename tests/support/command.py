"""Our command, run in this process on any root."""

import contextlib
import io
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tui.cli.main import main


class Done(NamedTuple):
    """How our command ended."""

    code: int
    out: str
    err: str


def snapstow(root: Path | str, *arguments: str) -> Done:
    """Run our command on a root, in this process."""
    out, err = io.StringIO(), io.StringIO()
    with _signals_kept(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([f"--root={root}", *arguments])
    return Done(code, out.getvalue(), err.getvalue())


@contextlib.contextmanager
def _signals_kept() -> Iterator[None]:
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, action in kept.items():
            signal.signal(number, action)
