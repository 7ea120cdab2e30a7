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
    parser.describe("Lists what was done in this place, what is running, and what was interrupted.")
    add_abs_time(parser)
    return JobsArgs


def attach(parser: Parser) -> type[JobArgs]:
    """Describe `attach`."""
    parser.describe(
        "Shows a job's progress until it ends; Ctrl-C leaves the job running.\n"
        "Root can follow the jobs of others as well: attach alice/3.\n"
        "A change of snapd is followed as well: attach snapd/7."
    )
    _add_job(parser)
    return JobArgs


def stop(parser: Parser) -> type[JobArgs]:
    """Describe `stop`."""
    parser.describe(
        "Asks a job to stop, and waits until it has undone what it did.\n"
        "A change of snapd is aborted: stop snapd/7.",
        "stop 12",
        "stop snapd/7",
    )
    _add_job(parser)
    return JobArgs


def finish(parser: Parser) -> type[EndArgs]:
    """Describe `finish`."""
    parser.describe(
        "Completes an interrupted job where all but its end was done; else takes it back\n"
        "and does the same again. `jobs` lists them; the next operation ends them too."
    )
    _add_job(parser)
    add_no_wait(parser)
    return EndArgs


def takeback(parser: Parser) -> type[EndArgs]:
    """Describe `takeback`."""
    parser.describe(
        "Takes an interrupted job back: the data become what they were, and what it had\n"
        "not finished is removed. A restore that was complete is undone."
    )
    _add_job(parser)
    add_no_wait(parser)
    return EndArgs


def _add_job(parser: Parser) -> None:
    parser.operand("job", "JOB", "the number of the job", missing="`<job>`")
