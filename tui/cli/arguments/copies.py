"""The arguments of the verbs that carry sets to repositories and back."""

from typing import NamedTuple

from tui.cli.arguments.changes import add_no_wait, set_id
from tui.cli.arguments.parser import Parser, UsageError
from tui.cli.arguments.saved import add_abs_time
from tui.cli.arguments.values import absolute


class PushArgs(NamedTuple):
    """Which sets to copy; the last of the targets is the repository."""

    targets: tuple[str, ...]
    new: bool
    all: bool
    force: bool
    no_wait: bool


class PullArgs(NamedTuple):
    """Which copy to import, or to write to a file."""

    copy: "CopyAddress"
    file: str
    abs_time: bool
    no_wait: bool


class CopiesArgs(NamedTuple):
    """The sets whose copies are listed; all without any."""

    sets: tuple[str, ...]
    abs_time: bool


class CopyAddress(NamedTuple):
    """A repository, and what names a copy there."""

    repository: str
    copy: str


def push(parser: Parser) -> type[PushArgs]:
    """Describe `push`."""
    parser.describe(
        "Copies sets into a repository, encrypted where it has recipients. What is there\n"
        "already is not sent again.",
        "push 3 offsite",
        "push --new offsite",
    )
    parser.operand("targets", "[ID...] REPO", "the sets, and the repository", many=True)
    parser.flag("new", "the sets that people made and that have no copy there")
    parser.flag("all", "every set")
    parser.flag("force", "also snapshots whose last check failed")
    add_no_wait(parser)
    parser.exclude("new", "all")
    return PushArgs


def pull(parser: Parser) -> type[PullArgs]:
    """Describe `pull`."""
    parser.describe(
        "Imports a copy from a repository as a set, or writes it to a file as an export.\n"
        "ID is the number of the set (web1/3 on another machine), or the copy's own.",
        "pull offsite:3",
        "pull offsite:web1/3 --to three.snapshot",
        "pull offsite:5049fdf5",
    )
    parser.operand("copy", "REPO:ID", "the copy", missing="`<repo>:<id>`", type=copy_address)
    parser.option("to", "FILE", "write the export instead of importing it", dest="file", type=absolute)
    parser.refuse_empty("to")
    add_abs_time(parser)
    add_no_wait(parser)
    return PullArgs


def copies(parser: Parser) -> type[CopiesArgs]:
    """Describe `copies`."""
    parser.describe(
        "Lists which sets have copies in which repositories, and when those were last\nread back from here.",
        "copies",
        "copies 3",
    )
    parser.operand("sets", "ID", "only these sets", many=True)
    add_abs_time(parser)
    return CopiesArgs


def copy_address(text: str) -> CopyAddress:
    """A copy as it is typed: `offsite:7`, `offsite:web1/7`, `offsite:5049fdf5`."""
    repository, colon, copy = text.partition(":")
    if not (repository and colon and copy):
        raise UsageError(f'"{text}" names no copy: write REPO:ID, as in offsite:3', "pull")
    return CopyAddress(repository, copy)


def set_numbers(texts: tuple[str, ...]) -> tuple[int, ...]:
    """The sets of several operands."""
    return tuple(set_id(text).number for text in texts)
