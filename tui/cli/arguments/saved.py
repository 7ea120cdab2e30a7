"""The arguments of `saved`: by themselves, as a listing loads next to nothing."""

from typing import NamedTuple

from tui.cli.arguments.parser import Parser, set_number


class SavedArgs(NamedTuple):
    """Which snapshots to list, here or in a repository, and whether with dates."""

    snaps: tuple[str, ...] = ()
    set_id: int = 0
    abs_time: bool = False
    repo: str = ""
    all_hosts: bool = False


def saved(parser: Parser) -> type[SavedArgs]:
    """Describe `saved`."""
    parser.describe(
        "Lists what `snap saved` lists, then what snapd hides, as said in Notes.",
        "saved --id 3",
        "saved nextcloud --abs-time",
        "saved --repo offsite --all-hosts",
    )
    add_snaps(parser)
    add_id(parser)
    add_abs_time(parser)
    add_repo(parser, "the copies in this repository instead")
    parser.flag("all-hosts", "with --repo: the copies of other machines too")
    return SavedArgs


def add_repo(parser: Parser, text: str) -> None:
    """Describe the flag that leads to a repository."""
    parser.option("repo", "NAME", text)
    parser.refuse_empty("repo")


def add_snaps(parser: Parser, text: str = "only these snaps") -> None:
    """Describe the snaps that most verbs can be limited to."""
    parser.operand("snaps", "SNAP", text, many=True)


def add_id(parser: Parser) -> None:
    """Describe the flag that limits a query to one set."""
    parser.option("id", "N", "only this set", default=0, type=set_number, dest="set_id")


def add_abs_time(parser: Parser) -> None:
    """Describe the flag for dates instead of ages."""
    parser.flag("abs-time", "show times as dates, not as ages")
