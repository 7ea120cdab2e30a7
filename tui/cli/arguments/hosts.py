"""The arguments of the verbs about machines: status, hosts, copy."""

from typing import NamedTuple

from tui.cli.arguments.parser import Parser, UsageError, is_number
from tui.cli.arguments.saved import add_abs_time
from tui.cli.arguments.values import absolute, seconds

_MOST = 64


class StatusArgs(NamedTuple):
    """Whether with dates."""

    abs_time: bool


class HostsArgs(NamedTuple):
    """Which machines to ask, how many at once, and for how long each; 0 stands for what is configured."""

    hosts: tuple[str, ...]
    inventory: str
    parallel: int
    timeout: int
    abs_time: bool


class CopyArgs(NamedTuple):
    """Which set of which machine goes to which other."""

    source: "RemoteSet"
    target: str


class RemoteSet(NamedTuple):
    """A set of another machine."""

    host: str
    set_id: int


def status(parser: Parser) -> type[StatusArgs]:
    """Describe `status`."""
    parser.describe(
        "Shows how this machine is at a glance: its sets, the newest verified snapshot\n"
        "of each snap, what is damaged, the free space, the newest copy elsewhere.",
        "status",
        "status --json",
    )
    add_abs_time(parser)
    return StatusArgs


def hosts(parser: Parser) -> type[HostsArgs]:
    """Describe `hosts`."""
    parser.describe(
        "Asks machines over ssh how they are, several at once: a row each, also for\n"
        "those that cannot be reached. HOST is a name as ssh takes it, or a group of the\n"
        "configuration or the inventory. Exits with 0 if all answered, 3 if some did, 1\n"
        "if none did.",
        "hosts",
        "hosts web1 admin@web2",
        "hosts --inventory machines.txt --parallel 16",
    )
    parser.operand("hosts", "HOST", "the machines, or groups (default: all configured)", many=True)
    text = "a name on each line, or one of Ansible's"
    parser.option("inventory", "FILE", text, type=absolute)
    parser.option("parallel", "N", "how many at once (8)", default=0, type=_parallel)
    parser.option("timeout", "TIME", "how long for each (30s)", default=30, type=seconds("ask each for"))
    add_abs_time(parser)
    parser.refuse_empty("inventory")
    return HostsArgs


def copy(parser: Parser) -> type[CopyArgs]:
    """Describe `copy`."""
    parser.describe(
        "Copies a set from one machine to another through this one, over ssh: nothing is\n"
        "stored on the way, and it is verified whole before it is a set there.",
        "copy web1:5 web2",
    )
    parser.operand("source", "HOST:ID", "the set", missing="`<host>:<id>`", type=remote_set)
    parser.operand("target", "HOST", "where to", missing="`<host>`")
    return CopyArgs


def remote_set(text: str) -> RemoteSet:
    """A set of another machine as it is typed: `web1:5`."""
    host, _, number = text.rpartition(":")
    if not host or not is_number(number) or not int(number):
        raise UsageError(f'"{text}" names no set of a machine: write HOST:ID, as in web1:5', "copy")
    return RemoteSet(host, int(number))


def _parallel(text: str) -> int:
    """How many machines at once."""
    if not is_number(text) or not 1 <= int(text) <= _MOST:
        raise UsageError(f'cannot ask "{text}" machines at once: write a number from 1 to {_MOST}', "hosts")
    return int(text)
