"""The units of a schedule: what starts it when, and what it may do meanwhile."""

import os
import pwd
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from backend.config.reading import user_config_home
from backend.config.values import Config, ScheduleConfig
from backend.errors import InvalidInputError
from backend.host.user_directories import user_directory
from backend.schedule.calendar import Calendar

PREFIX = "snapstow-"
_NAME = re.compile("[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
_PLAIN_PATH = re.compile("/[A-Za-z0-9_./+@:=-]+")
_SEARCHED = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/snap/bin"
_LONGEST_DELAY = 600

# What a backup of everything as root can do without. It reads and, to end what an interrupted restore left,
# writes data of all users and snaps, becomes those users, and asks snapd and, where there is a need, the net.
_HARDENED = """\
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
PrivateDevices=yes
DevicePolicy=closed
NoNewPrivileges=yes
RestrictSUIDSGID=yes
RestrictNamespaces=yes
RestrictRealtime=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
CapabilityBoundingSet=CAP_CHOWN CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER CAP_FSETID
CapabilityBoundingSet=CAP_KILL CAP_SETGID CAP_SETUID
"""
# A user's own systemd can do no more without rights that users rarely have.
_HARDENED_OF_USER = """\
NoNewPrivileges=yes
RestrictSUIDSGID=yes
RestrictRealtime=yes
LockPersonality=yes
SystemCallArchitectures=native
"""
_READ_ONLY = ("/usr", "/boot", "/efi", "/etc")
_TEMPORARY = ("/tmp", "/var/tmp")


class UnitFiles(NamedTuple):
    """The texts of both units of the schedule `name`."""

    name: str
    service: str
    timer: str

    @property
    def service_name(self) -> str:
        """What the unit is called that runs it."""
        return f"{PREFIX}{self.name}.service"

    @property
    def timer_name(self) -> str:
        """What the unit is called that starts it."""
        return f"{PREFIX}{self.name}.timer"

    @property
    def files(self) -> dict[str, str]:
        """Text by file name."""
        return {self.service_name: self.service, self.timer_name: self.timer}


class Start(NamedTuple):
    """How a schedule is started: the `command` that runs it, the directories and files it `writes` to besides
    the configured ones; `is_of_user` for the systemd of the user, not of the system.
    """

    command: Sequence[str]
    writes: Sequence[str] = ()
    is_of_user: bool = False


def demand_name(name: str) -> None:
    """Make sure that a text can be the name of a schedule.

    Raises:
        InvalidInputError: it cannot.
    """
    if not _NAME.fullmatch(name):
        raise InvalidInputError(
            f'"{name:.60}" is no name of a schedule: letters, digits and hyphens, at most 40'
        )


def units_of(schedule: ScheduleConfig, config: Config, calendar: Calendar, start: Start) -> UnitFiles:
    """Return the units of a schedule: the same in whatever directory, and for root from whatever session.

    Raises:
        InvalidInputError: its name, the program that is to be started, or a path cannot stand in a unit.
        SnapshotError: they are a user's who has no home.
    """
    demand_name(schedule.name)
    service = "\n".join(_service(schedule, config, start))
    return UnitFiles(schedule.name, f"{service}\n", _timer(schedule, calendar))


def _service(schedule: ScheduleConfig, config: Config, start: Start) -> Iterator[str]:
    is_of_net = needs_network(schedule)
    yield "[Unit]"
    yield f"Description=Snapstow schedule {schedule.name}"
    yield from ["Wants=network-online.target"] * is_of_net
    yield f"After={'network-online.target ' * is_of_net}snapd.socket"
    yield "\n[Service]"
    yield "Type=oneshot"
    yield f"ExecStart={exec_line(start.command)}"
    yield from _environment(config, start)
    yield "Nice=10\nIOSchedulingClass=idle\nUMask=0077"
    # A stop takes back what was half done; only then are the programs ended that it had started.
    yield "TimeoutStartSec=1d\nTimeoutStopSec=15min\nKillMode=mixed\n"
    yield from _protection(schedule, config, start)
    families = "AF_UNIX AF_INET AF_INET6 AF_NETLINK" if is_of_net else "AF_UNIX"
    yield f"RestrictAddressFamilies={families}"
    if not is_of_net and not start.is_of_user:
        yield "PrivateNetwork=yes\nIPAddressDeny=any"


def _environment(config: Config, start: Start) -> Iterator[str]:
    """What a session would have set: a home, programs beside ours; keys of clouds are in a file."""
    variables = {"HOME": _home_of_root()}
    if start.is_of_user:  # whose systemd knows his home, and not what his shell was told
        variables = {
            "XDG_CONFIG_HOME": user_config_home(),
            "XDG_STATE_HOME": user_directory("XDG_STATE_HOME", ".local/state"),
            "XDG_CACHE_HOME": user_directory("XDG_CACHE_HOME", ".cache"),
        }
    variables["PATH"] = f"{_SEARCHED}:{os.path.dirname(start.command[0])}"
    yield from ("Environment=" + _quoted(f"{name}={value}") for name, value in variables.items())
    if _PLAIN_PATH.fullmatch(config.path):
        yield f"EnvironmentFile=-{os.path.dirname(config.path)}/environment"


def _home_of_root() -> str:
    """Whatever the environment says: `sudo` may have kept another's."""
    try:
        return pwd.getpwuid(0).pw_dir
    except KeyError:
        return "/root"


def _protection(schedule: ScheduleConfig, config: Config, start: Start) -> Iterator[str]:
    if start.is_of_user:
        yield _HARDENED_OF_USER.rstrip()
        return
    yield _HARDENED.rstrip()
    places = [*start.writes, *_configured_places(schedule, config)]
    # What is made below those would be lost, or could not be made.
    if not any(_is_below(place, _READ_ONLY) for place in places):
        yield "ProtectSystem=full"
    if not any(_is_below(place, _TEMPORARY) for place in (*places, config.path, *start.command[:1])):
        yield "PrivateTmp=yes"


def _configured_places(schedule: ScheduleConfig, config: Config) -> Iterator[str]:
    """Where a schedule writes files."""
    yield from filter(None, [schedule.metrics])
    for repository in config.repositories.values():
        if repository.url.startswith("file://"):
            yield repository.url.removeprefix("file://")


def _is_below(place: str, tops: Sequence[str]) -> bool:
    paths = {os.path.normpath(place), os.path.realpath(place)}
    return any(path == top or path.startswith(f"{top}/") for path in paths for top in tops)


def needs_network(schedule: ScheduleConfig) -> bool:
    """Whether a schedule may have to reach another machine: for a repository, or for notices."""
    arguments = [word for step in schedule.steps for word in step.split()]
    return bool(schedule.notify) or any(word == "push" or word.startswith("--repo") for word in arguments)


def _timer(schedule: ScheduleConfig, calendar: Calendar) -> str:
    delay = int(min(_LONGEST_DELAY, calendar.interval / 10))
    return f"""\
[Unit]
Description=Snapstow schedule {schedule.name}

[Timer]
OnCalendar={schedule.when.replace("%", "%%")}
Persistent=true
RandomizedDelaySec={delay}

[Install]
WantedBy=timers.target
"""


def exec_line(command: Sequence[str]) -> str:
    """Return a command as `ExecStart=` has it: each word reaches the program as it is here.

    Raises:
        InvalidInputError: the path of the program, or a word, cannot stand there.
    """
    program, *arguments = command
    if not _PLAIN_PATH.fullmatch(program):
        raise InvalidInputError(f"cannot have systemd start {program!r}: install snapstow at a plainer path")
    return " ".join([program, *(_quoted(argument).replace("$", "$$") for argument in arguments)])


def _quoted(word: str) -> str:
    """A word as systemd reads it back: in quotes, with its escapes, and no specifiers in it."""
    try:
        word.encode()
    except UnicodeEncodeError:
        raise InvalidInputError(f"systemd cannot be told of {word!r}: it is not UTF-8") from None
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    for character, escape in (("\n", "\\n"), ("\t", "\\t"), ("\r", "\\r")):
        escaped = escaped.replace(character, escape)
    return f'"{escaped}"'
