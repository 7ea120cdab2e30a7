"""The arguments of the verbs about what is kept: prune, pin, unpin."""

from typing import NamedTuple

from tui.cli.arguments.changes import SetId, add_forget_window, add_no_wait, add_set_id
from tui.cli.arguments.parser import Parser
from tui.cli.arguments.saved import add_repo, add_snaps
from tui.cli.arguments.values import count, seconds, size

PERIODS = ("hourly", "daily", "weekly", "monthly", "yearly")


class PruneArgs(NamedTuple):
    """What is kept, here or in a repository, and whether only the plan is wanted; 0 is no rule."""

    snaps: tuple[str, ...]
    plan: bool
    keep_last: int
    keep_hourly: int
    keep_daily: int
    keep_weekly: int
    keep_monthly: int
    keep_yearly: int
    keep_within: int
    free: int
    repo: str
    all_hosts: bool
    undo_window: int
    now: bool
    no_wait: bool


class PinArgs(NamedTuple):
    """Which set is not to go, and why."""

    set_id: SetId
    note: str


class UnpinArgs(NamedTuple):
    """Which set may go again."""

    set_id: SetId


def prune(parser: Parser) -> type[PruneArgs]:
    """Describe `prune`."""
    parser.describe(
        "Forgets the sets that no rule keeps: rules of flags, else those configured.\n"
        "What is pinned, automatic, the newest or newest verified set of a snap stays.\n"
        "`undo` brings all of it back for a day. --plan only shows what would go, why.",
        "prune --plan",
        "prune --keep-daily 7 --keep-weekly 4",
        "prune --free 20GB --plan",
    )
    add_snaps(parser, "only sets of these snaps go")
    parser.flag("plan", "only show what would go, and what stays")
    parser.option("keep-last", "N", "keep the last N sets of a snap", default=0, type=count)
    for period in PERIODS:
        thing = "day" if period == "daily" else period.removesuffix("ly")
        text = f"keep the newest of each of N {thing}s"
        parser.option(f"keep-{period}", "N", text, default=0, type=count)
    parser.option(
        "keep-within",
        "TIME",
        "keep what is this close to the newest: 90d",
        default=0,
        type=seconds("keep sets within"),
    )
    parser.option("free", "SIZE", "free so much instead: 20GB, least missed first", default=0, type=size)
    for rule in ("last", *PERIODS, "within"):
        parser.exclude("free", f"keep-{rule}")
        parser.refuse_empty(f"keep-{rule}")  # else the configured rules would hold
    parser.refuse_empty("free")
    add_repo(parser, "the copies in this repository instead")
    parser.flag("all-hosts", "with --repo: copies of other machines too")
    add_forget_window(parser)
    add_no_wait(parser)
    parser.exclude("plan", "no-wait")
    parser.exclude("repo", "undo-window")
    return PruneArgs


def pin(parser: Parser) -> type[PinArgs]:
    """Describe `pin`."""
    parser.describe(
        "Keeps a set from being forgotten: prune leaves it, forget needs --pinned.",
        'pin 3 --note "before 31"',
    )
    add_set_id(parser)
    parser.option("note", "TEXT", "why, shown wherever the set is")
    return PinArgs


def unpin(parser: Parser) -> type[UnpinArgs]:
    """Describe `unpin`."""
    parser.describe("Lets a pinned set go again.", "unpin 3")
    add_set_id(parser)
    return UnpinArgs
