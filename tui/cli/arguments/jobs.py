"""The arguments of the verbs about jobs."""

from typing import NamedTuple

from tui.cli.arguments.changes import add_no_wait
from tui.cli.arguments.parser import Parser
from tui.cli.arguments.saved import add_abs_time


class JobsArgs(NamedTuple):
    """Whether with dates."""

    abs_time: bool


class JobArgs(NamedTuple):
    """A job: its number, behind the name of its user, or a change of snapd's."""

    job: str


class EndArgs(NamedTuple):
    """An interrupted job, and whether what follows is to be waited for."""

    job: str
    no_wait: bool


def jobs(parser: Parser) -> type[JobsArgs]:
    """Describe `jobs`."""
    parser.describe("Lists the jobs here: running, ended and interrupted.")
    add_abs_time(parser)
    return JobsArgs


def attach(parser: Parser) -> type[JobArgs]:
    """Describe `attach`."""
    parser.describe(
        "Shows a job's progress until it ends; Ctrl-C leaves the job running.\n"
        "Root can follow the jobs of other users: attach alice/3.\n"
        "Changes in snapd can be followed too: attach snapd/7."
    )
    _add_job(parser)
    return JobArgs


def stop(parser: Parser) -> type[JobArgs]:
    """Describe `stop`."""
    parser.describe(
        "Stops a job, and waits until it has undone what it did.\n"
        "A change of snapd is aborted: stop snapd/7.",
        "stop 12",
        "stop snapd/7",
    )
    _add_job(parser)
    return JobArgs


def finish(parser: Parser) -> type[EndArgs]:
    """Describe `finish`."""
    parser.describe(
        "Completes an interrupted job if only its end is missing; otherwise undoes it\n"
        "and starts it again. `jobs` lists them; the next change resolves them too."
    )
    _add_job(parser)
    add_no_wait(parser)
    return EndArgs


def takeback(parser: Parser) -> type[EndArgs]:
    """Describe `takeback`."""
    parser.describe(
        "Undoes an interrupted job: the data are restored to what they were, and\n"
        "unfinished files are removed. A restore that was complete is undone."
    )
    _add_job(parser)
    add_no_wait(parser)
    return EndArgs


def _add_job(parser: Parser) -> None:
    parser.operand("job", "JOB", "the number of the job", missing="`<job>`")
