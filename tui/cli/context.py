"""TODO."""

from typing import TYPE_CHECKING

from backend import open_engine
from tui.text import plain

if TYPE_CHECKING:
    from backend import Engine, Operation
    from tui.cli.arguments import Arguments


def engine(arguments: "Arguments") -> "Engine":
    """The engine that the global options ask for."""
    if arguments.demo:
        from backend import demo_root

        return open_engine(demo_root(), arguments.engine)
    return open_engine(arguments.root, arguments.engine)


def number(text: str) -> int:
    """A set id as typed; UsageError for what is none."""
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        from tui.cli.arguments import UsageError

        raise UsageError(
            "invalid argument for snapshot set id: expected a non-negative integer argument", "saved"
        )
    return int(text)


def place_words(arguments: "Arguments") -> tuple[str, ...]:
    """The options that name the place, and the engine where one was asked for."""
    where = ("--demo",) if arguments.demo else ("--root", arguments.root) if arguments.root != "/" else ()
    return (*where, *(("--engine", arguments.engine) if arguments.engine != "auto" else ()))


def command(arguments: "Arguments", what: "Operation | str") -> str:
    """A command for a shell, with the options that name the place; `what` is an operation, or words."""
    import os
    from shlex import quote

    from backend import command_line

    words = ["snapstow"]
    if arguments.demo:
        words.append("--demo")
    elif arguments.root != "/":
        words += ["--root", quote(os.path.abspath(arguments.root))]
    if arguments.engine != "auto":
        words += ["--engine", arguments.engine]
    words.append(what if isinstance(what, str) else command_line(what).removeprefix("snapstow "))
    return plain(" ".join(words))


def names(text: str) -> tuple[str, ...]:
    """The names in a list with commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())
