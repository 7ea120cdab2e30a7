"""The arguments of the verbs about the command itself."""

from typing import NamedTuple

from tui.cli.arguments.parser import Parser, choice

SHELLS = ("bash", "zsh", "fish")


class HelpArgs(NamedTuple):
    """The verb to explain, or nothing for all of them."""

    topic: str = ""


class CompletionArgs(NamedTuple):
    """The shell to write for."""

    shell: str


class ManArgs(NamedTuple):
    """The directory to write the pages into."""

    directory: str


class VersionArgs(NamedTuple):
    """Nothing."""


def help(parser: Parser) -> type[HelpArgs]:
    """Describe `help`."""
    parser.describe("Lists all verbs, or explains one.")
    parser.operand("topic", "VERB", "the verb to explain")
    return HelpArgs


def version(parser: Parser) -> type[VersionArgs]:
    """Describe `version`."""
    parser.describe("Shows the version, and what compresses archives.")
    return VersionArgs


def completion(parser: Parser) -> type[CompletionArgs]:
    """Describe `completion`."""
    parser.describe(
        "Prints a script that makes a shell complete verbs, flags and file names.",
        "completion bash >> ~/.bash_completion",
        "completion zsh > ~/.zfunc/_snapstow",
        "completion fish > ~/.config/fish/completions/snapstow.fish",
    )
    shells = "|".join(SHELLS)
    parser.operand("shell", shells, "the shell", missing="`<shell>`", type=choice("`<shell>`", SHELLS))
    parser.offer("shell", SHELLS)
    return CompletionArgs


def man(parser: Parser) -> type[ManArgs]:
    """Describe `man`."""
    parser.describe(
        "Writes the manual pages into a directory: snapstow(1), and one for each verb.",
        "man ~/.local/share/man/man1",
    )
    parser.operand("directory", "DIR", "where to write them", missing="`<directory>`")
    return ManArgs
