"""The system's ssh: whatever works for `ssh HOST` works here. Its questions are its own."""

import os
import re
import shlex
import subprocess
import tempfile
from collections.abc import Sequence
from enum import Enum
from typing import Self

from backend.errors import InvalidInputError, UnreachableError

PROGRAM = "snapstow"
_SSH = "SNAPSTOW_SSH"  # the command to use for ssh, as rsync has RSYNC_RSH
_LONGEST = 255
_FAILED = 255  # ssh's own failures
_ONLY_SNAPD_IS_THERE, _NOTHING_IS_THERE = 113, 114  # codes that Snapstow does not end with
_STILL_THERE = 15  # seconds that a login is kept for the next command
_PREFIX = re.compile(r"ssh: (connect to host \S+ port [0-9]+: )?")
_OPTIONS = ("ConnectTimeout=10", "ServerAliveInterval=5", "ServerAliveCountMax=3")
_ADVICE = {
    "Host key verification failed": "its key is unknown here, or another one now; look by hand: ssh {host}",
    "Permission denied": "no key of yours lets you in there; try by hand: ssh {host}",
    "Connection refused": "no sshd listens there",
    "Could not resolve hostname": "the name is unknown",
    "timed out": "it does not answer",
    "Connection closed": "its sshd hung up",
    "Connection reset": "its sshd hung up; perhaps it has too many logins at once",
}


class Way(Enum):
    """How a machine is worked on: by Snapstow there, or by asking its snapd; or not at all."""

    SNAPSTOW = "snapstow"
    SNAPD = "snapd"
    NONE = "none"


def demand_host(name: str) -> str:
    """Return a name that ssh takes for a machine, and never for an option.

    Raises:
        InvalidInputError: it is none.
    """
    harmless = name.isprintable() and not any(sign.isspace() for sign in name)
    if not (harmless and 0 < len(name) <= _LONGEST and not name.startswith("-")):
        raise InvalidInputError(
            f"{name!r:.80} cannot be a machine: write a name as ssh takes it, or USER@NAME"
        )
    return name


def way_of(code: int) -> Way:
    """Say by the exit code of a probing command how a machine can be worked on."""
    return {_ONLY_SNAPD_IS_THERE: Way.SNAPD, _NOTHING_IS_THERE: Way.NONE}.get(code, Way.SNAPSTOW)


def reason_of(host: str, code: int, errors: str) -> str:
    """Say in ssh's words why a machine cannot be reached, and what to do; nothing where ssh did not fail."""
    if code != _FAILED:
        return ""
    lines = [line.strip() for line in errors.replace("\r", "\n").splitlines() if line.strip()]
    last = _PREFIX.sub("", lines[-1]) if lines else "ssh failed"
    advice = next((text for mark, text in _ADVICE.items() if mark in errors), "")
    return f"{last} ({advice.format(host=host)})" if advice else last


class Link:
    """The way to a machine; a context manager.

    Where it `asks`, ssh may ask on the terminal for what it needs, once: one login is for all commands, and
    ends with the link. Where it does not, each command logs in by itself.
    """

    socket = "/run/snapd.socket"  # of the snapd there

    def __init__(self, host: str, *, asks: bool = True) -> None:
        self.host = demand_host(host)
        self._asks = asks
        self._folder = tempfile.TemporaryDirectory(prefix="snapstow-ssh-")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._asks:
            subprocess.run(
                [*self._base, "-O", "exit", "--", self.host],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=False,
            )
        self._folder.cleanup()

    @property
    def folder(self) -> str:
        """A private directory that is removed at the end."""
        return self._folder.name

    @property
    def _base(self) -> list[str]:
        shared = [
            "ControlMaster=auto",
            f"ControlPath={self.folder}/%C",
            f"ControlPersist={_STILL_THERE}",
        ]
        options = [*_OPTIONS, *(shared if self._asks else ("BatchMode=yes",))]
        return [*shlex.split(os.environ.get(_SSH) or "ssh"), *(f"-o{option}" for option in options)]

    def line(self, command: Sequence[str], *, terminal: bool = False) -> list[str]:
        """Return the command of this machine that runs another one there, on a terminal or with streams."""
        return [*self._base, "-t" if terminal else "-T", "--", self.host, shlex.join(command)]

    def shell_line(self, command: str) -> list[str]:
        """Return the command of this machine that has a shell there run something, with streams."""
        return [*self._base, "-T", "--", self.host, command]

    def forwarding_line(self, socket: str) -> list[str]:
        """Return the command that makes the snapd there answer at a socket of ours, until its input ends."""
        return [
            *self._base,
            "-T",
            "-oExitOnForwardFailure=yes",
            "-L",
            f"{socket}:{self.socket}",
            "--",
            self.host,
            "cat",
        ]

    def probing_line(self, then: str = "exit 0") -> list[str]:
        """Return the command that has a shell there do something where Snapstow is; see `way_of`."""
        there = f"command -v {PROGRAM} >/dev/null && {then}"
        return self.shell_line(
            f"{there}; test -S {self.socket} && exit {_ONLY_SNAPD_IS_THERE}; exit {_NOTHING_IS_THERE}"
        )

    def way(self) -> Way:
        """Look how this machine can be worked on.

        Raises:
            UnreachableError: ssh does not get there, in its own words.
        """
        done = subprocess.run(
            self.probing_line(), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if reason := reason_of(self.host, done.returncode, done.stderr):
            raise UnreachableError(f"{self.host}: {reason}")
        return way_of(done.returncode)
