"""The arguments of the verbs about the place as a whole."""

from typing import NamedTuple

from tui.cli.arguments.changes import add_users
from tui.cli.arguments.parser import Parser
from tui.cli.arguments.saved import add_snaps


class EstimateArgs(NamedTuple):
    """What a save is to be estimated for."""

    snaps: tuple[str, ...]
    users: tuple[str, ...]


class DoctorArgs(NamedTuple):
    """Whether to clean up."""

    repair: bool


class RetentionArgs(NamedTuple):
    """The new time for automatic snapshots, or nothing to tell the present one; `yes` asks no question."""

    time: str
    yes: bool


class ResetArgs(NamedTuple):
    """Nothing."""


def estimate(parser: Parser) -> type[EstimateArgs]:
    """Describe `estimate`."""
    parser.describe("Tells what a save would read, by snap and owner, and what would fail.")
    add_snaps(parser)
    add_users(parser)
    return EstimateArgs


def doctor(parser: Parser) -> type[DoctorArgs]:
    """Describe `doctor`."""
    parser.describe(
        "Tells by what changes are made here, and why, and what compresses; looks for\n"
        "what a crash left and for what snapd hides. Looking changes nothing.",
        "doctor",
        "doctor --repair",
    )
    parser.flag("repair", "clean up what is offered")
    return DoctorArgs


def retention(parser: Parser) -> type[RetentionArgs]:
    """Describe `retention`."""
    parser.describe(
        "Tells how long snapd keeps the snapshots that it makes by itself when a snap is\n"
        "removed; or changes that for those to come, after a question. At least 24h; no\n"
        "stands for none. Those that are here already keep their date.",
        "retention",
        "retention 14d",
        "retention no --yes",
    )
    parser.operand("time", "TIME|no", "how long to keep them from now on")
    parser.flag("yes", "change it without a question")
    return RetentionArgs


def reset(parser: Parser) -> type[ResetArgs]:
    """Describe `reset`."""
    parser.describe("Throws the demo's world away and makes a new one.", "--demo reset")
    return ResetArgs
