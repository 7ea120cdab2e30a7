"""The arguments of the verbs about the place as a whole."""

from typing import NamedTuple

from tui.cli.arguments.changes import add_users
from tui.cli.arguments.parser import Parser
from tui.cli.arguments.saved import add_snaps


class EstimateArgs(NamedTuple):
    """What a save is to be estimated for."""

    snaps: tuple[str, ...]
    users: tuple[str, ...]
    include_mounts: bool


class DoctorArgs(NamedTuple):
    """Whether to clean up."""

    repair: bool


class RetentionArgs(NamedTuple):
    """The new time for automatic snapshots, or nothing to show the current one; `yes` skips the question."""

    time: str
    yes: bool


class ResetArgs(NamedTuple):
    """Nothing."""


def estimate(parser: Parser) -> type[EstimateArgs]:
    """Describe `estimate`."""
    parser.describe("Shows what a save would read, by snap and owner, and what would fail.")
    add_snaps(parser)
    add_users(parser)
    parser.flag("include-mounts", "as of a save that includes what is mounted below the data")
    return EstimateArgs


def doctor(parser: Parser) -> type[DoctorArgs]:
    """Describe `doctor`."""
    parser.describe(
        "Shows which engine makes changes here, and why, and what compresses archives;\n"
        "finds leftovers of crashes and what snapd hides. Only --repair makes changes;\n"
        "it exits with 3 where something could not be removed.",
        "doctor",
        "doctor --repair",
    )
    parser.flag("repair", "clean up what was found")
    return DoctorArgs


def retention(parser: Parser) -> type[RetentionArgs]:
    """Describe `retention`."""
    parser.describe(
        "Shows how long snapd keeps the automatic snapshots that it makes when a snap is\n"
        "removed, or changes that for new ones, after confirmation. At least 24h; no\n"
        "turns them off. Existing snapshots keep their date.",
        "retention",
        "retention 14d",
        "retention no --yes",
    )
    parser.operand("time", "TIME|no", "how long to keep them from now on")
    parser.flag("yes", "do not ask for confirmation")
    return RetentionArgs


def reset(parser: Parser) -> type[ResetArgs]:
    """Describe `reset`."""
    parser.describe("Discards the demo and creates a new one.", "--demo reset")
    return ResetArgs
