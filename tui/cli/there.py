"""A command line carried out on another machine: by Snapstow there, or what its snapd does, over ssh."""

import signal
import subprocess
import sys
from collections.abc import Callable, Sequence

from backend import BlockedError, UnreachableError
from backend.remote import PROGRAM, Link, Way, forwarded_root
from tui.cli.arguments.reading import CommandLine

_FLAG = "-H"
_BY_SNAPD = ("saved", "check-snapshot", "export-snapshot", "import-snapshot")  # that need no file there


def run_there(line: CommandLine, argv: Sequence[str], carry_out: Callable[[CommandLine], int]) -> int:
    """Carry out a command line on the machine that it names; returns the exit code, as it was there.

    Raises:
        UnreachableError: ssh does not get there, or nothing is there that can be asked.
        BlockedError: only a snapd is there, which cannot do that by itself.
    """
    host = line.options.host
    with Link(host) as link:
        way = link.way()
        if way is Way.SNAPSTOW:
            return _run([*link.line([PROGRAM, *without_host(argv)], terminal=_is_on_terminal())])
        if way is Way.NONE:
            raise UnreachableError(f"{host}: neither snapstow nor a snapd is there")
        if line.verb not in _BY_SNAPD:
            raise BlockedError(
                f"cannot {line.verb} on {host}: snapstow is not installed there, and its snapd alone does "
                f"{', '.join(_BY_SNAPD)}"
            )
        with forwarded_root(link) as root:
            return carry_out(line._replace(options=line.options._replace(root=root, engine="snapd")))


def without_host(argv: Sequence[str]) -> list[str]:
    """A command line without what says where it is to be carried out."""
    rest: list[str] = []
    arguments = iter(argv)
    for word in arguments:
        if word == "--":
            return [*rest, word, *arguments]
        if word == _FLAG:
            next(arguments, "")
        elif word.partition("=")[0] != _FLAG:
            rest.append(word)
    return rest


def _is_on_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _run(command: Sequence[str]) -> int:
    """Run a command in our place; Ctrl-C is its own business."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return subprocess.run(command, check=False, restore_signals=True).returncode
    finally:
        signal.signal(signal.SIGINT, before)
