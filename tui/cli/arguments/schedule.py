"""The arguments of the verb `schedule`."""

from typing import NamedTuple

from tui.cli.arguments.parser import Parser, choice
from tui.cli.arguments.saved import add_abs_time

ACTIONS = ("list", "run", "enable", "disable")


class ScheduleArgs(NamedTuple):
    """What is to be done with which schedule; a list is of all."""

    action: str
    name: str
    abs_time: bool


def schedule(parser: Parser) -> type[ScheduleArgs]:
    """Describe `schedule`."""
    parser.describe(
        "Lists the schedules of the configuration, runs one now, or has systemd run it:\n"
        "enable writes a timer and a service, disable removes them. A run exits with 0\n"
        "if all was done, 3 if not all, 1 if nothing was, 130 if it was stopped.",
        "schedule",
        "schedule run nightly",
        "schedule enable nightly",
    )
    text = "list (default), run, enable or disable"
    parser.operand("action", "ACTION", text, default="list", type=choice("a schedule", ACTIONS))
    parser.offer("action", ACTIONS)
    parser.operand("name", "NAME", "the schedule (not with list)")
    add_abs_time(parser)
    return ScheduleArgs
