"""The command `snapstow`: its verbs, flags and exit codes.

Only what the chosen verb needs is loaded: a listing must start at once.
"""

import argparse
import io
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

VERSION = "0.1.0"

Arguments = argparse.Namespace
Define = Callable[[argparse.ArgumentParser], None]


def _snaps(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("snaps", nargs="*", metavar="SNAP", help="only these snaps")


def _set_id(parser: argparse.ArgumentParser, *, optional: bool = False) -> None:
    parser.add_argument("set_id", metavar="ID", nargs="?" if optional else None, help="number of the set")


def _users(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--users", default="", metavar="U,...", help="only the data of these users")


def _abs_time(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--abs-time", action="store_true", help="absolute times instead of ages")


def _saved(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--id", default="", metavar="N", help="only this set")
    _abs_time(parser)
    _snaps(parser)


def _save(parser: argparse.ArgumentParser) -> None:
    _users(parser)
    _abs_time(parser)
    parser.add_argument(
        "--exclude",
        action="append",
        default=[],
        metavar="PATTERN",
        help="leave out, e.g. '$SNAP_DATA/cache/*'",
    )
    parser.add_argument("--fast", action="store_true", help="compress faster and a little less")
    parser.add_argument(
        "--accept-changed", action="store_true", help="keep files that change while being read"
    )
    parser.add_argument("--ignore-space", action="store_true", help="start even if the space may not suffice")
    _snaps(parser)


def _check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--all", action="store_true", help="every set")
    parser.add_argument("--structure", action="store_true", help="walk every archive as well")
    _users(parser)
    _set_id(parser, optional=True)
    _snaps(parser)


def _restore(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--plan", action="store_true", help="only tell what would be done and lost")
    parser.add_argument("--devices", action="store_true", help="restore device nodes as well")
    window = parser.add_mutually_exclusive_group()
    window.add_argument(
        "--undo-window", default="24h", metavar="TIME", help="keep replaced data so long (24h)"
    )
    window.add_argument("--no-undo", action="store_true", help="do not keep what is replaced")
    _users(parser)
    _set_id(parser)
    _snaps(parser)


def _forget(parser: argparse.ArgumentParser) -> None:
    _set_id(parser)
    _snaps(parser)


def _export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--skip-broken", action="store_true", help="leave broken snapshots out")
    _set_id(parser)
    parser.add_argument("file", metavar="FILE|-", help="where to write; - is standard output")


def _import(parser: argparse.ArgumentParser) -> None:
    _abs_time(parser)
    parser.add_argument("--accept-hash", action="store_true", help="take a set whose content hash is wrong")
    parser.add_argument("file", metavar="FILE|-", help="what to read; - is standard input")


def _undo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--list", action="store_true", help="only tell what can be undone, and what it holds")
    parser.add_argument(
        "job", nargs="?", default="0", metavar="JOB", help="the restore to take back (the last)"
    )


def _estimate(parser: argparse.ArgumentParser) -> None:
    _users(parser)
    _snaps(parser)


def _doctor(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--repair", action="store_true", help="clean up what is offered")


def _nothing(_parser: argparse.ArgumentParser) -> None:
    """A verb without arguments of its own."""


VERBS: dict[str, tuple[str, str, Define]] = {
    "saved": ("tui.listing", "list the snapshots", _saved),
    "save": ("tui.verbs", "save the data of snaps", _save),
    "check-snapshot": ("tui.verbs", "verify a set, or all of them", _check),
    "restore": ("tui.verbs", "put the data of a set in place", _restore),
    "undo": ("tui.verbs", "take a restore back", _undo),
    "forget": ("tui.verbs", "remove a set, or snaps of it", _forget),
    "export-snapshot": ("tui.verbs", "write a set to a file", _export),
    "import-snapshot": ("tui.verbs", "read a set from a file", _import),
    "estimate": ("tui.verbs", "tell what a save would read", _estimate),
    "jobs": ("tui.verbs", "list what was done, is running or was interrupted", _nothing),
    "doctor": ("tui.verbs", "tell what a crash left and what snapd hides", _doctor),
    "reset": ("tui.verbs", "with --demo: make the demo anew", _nothing),
}


def parse(argv: Sequence[str]) -> Arguments:
    """The arguments of a command line; exits with 2 for wrong ones, with 0 for help."""
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    common.add_argument("--root", metavar="DIR", help="work below this directory instead of /")
    common.add_argument("--engine", choices=("auto", "files", "snapd"), help="who does the work")
    common.add_argument("--json", action="store_true", help="machine-readable output")
    common.add_argument(
        "--demo", action="store_true", help="work in a small world made for trying things out"
    )
    parser = argparse.ArgumentParser(
        "snapstow",
        description="Snapshots of snaps: list, save, check, restore, export, import.",
        parents=[common],
    )
    parser.add_argument("--version", action="version", version=f"snapstow {VERSION}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB")
    chosen = next((word for word in argv if word in VERBS), None)
    for name in [chosen] if chosen else VERBS:
        _, summary, define = VERBS[name]
        define(verbs.add_parser(name, help=summary, description=f"{summary.capitalize()}.", parents=[common]))
    defaults = argparse.Namespace(root="/", engine="auto", json=False, demo=False)
    arguments = parser.parse_args(argv, defaults)
    if arguments.demo and arguments.root != "/":
        parser.error("--demo and --root exclude each other")
    return arguments


def run(arguments: Arguments) -> int:
    """Carry out a command line; returns the exit code."""
    if arguments.verb is None:
        arguments = parse([*_globals(arguments), "saved"])
    module, _, _ = VERBS[arguments.verb]
    act: Callable[[Arguments], int] = getattr(import_module(module), arguments.verb.replace("-", "_"))
    return act(arguments)


def _globals(arguments: Arguments) -> list[str]:
    words = [f"--root={arguments.root}", f"--engine={arguments.engine}"]
    words = words[1:] if arguments.demo else words
    return words + [f"--{name}" for name in ("json", "demo") if getattr(arguments, name)]


def main(argv: Sequence[str] | None = None) -> int:
    """The console command."""
    from backend import Cancelled, SnapshotError

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    arguments = parse(sys.argv[1:] if argv is None else argv)
    try:
        return run(arguments)
    except SnapshotError as failure:
        return _fail(str(failure), failure.exit_code)
    except (Cancelled, KeyboardInterrupt):
        return _fail("cancelled; nothing was changed", 130)
    except BrokenPipeError:
        sys.stderr.close()
        return 1


def _fail(text: str, code: int) -> int:
    from tui.present import plain

    lines = text.split("\n")
    print(
        f"error: {plain(lines[0])}",
        *(f"       {plain(line)}" for line in lines[1:]),
        sep="\n",
        file=sys.stderr,
    )
    return code


if __name__ == "__main__":
    sys.exit(main())
