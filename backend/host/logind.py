"""Whether the end of a login would end the jobs that were started in it.

logind ends the processes of a session with it where KillUserProcesses says so. A user's own manager, and all
below it, ends with the user's last session unless the user lingers (logind.conf(5), loginctl(1)).
"""

import os
import re
import shlex
from collections.abc import Callable
from typing import NamedTuple

from backend.fs import files

_LARGEST = 1 << 16
_PATIENCE = 2.0
_ASK = (
    *("busctl", "--system", "get-property", "org.freedesktop.login1", "/org/freedesktop/login1"),
    *("org.freedesktop.login1.Manager", "KillUserProcesses", "KillOnlyUsers", "KillExcludeUsers"),
)
_SESSION = re.compile(r"/session-[^/\n]+\.scope")
_MANAGER = re.compile(r"/user@[0-9]+\.service")


class Login(NamedTuple):
    """Who would start a job."""

    uid: int
    name: str


def ask_logind() -> str:
    """Return whose processes logind ends at logout, as busctl prints it; nothing where nobody answers."""
    import subprocess

    try:
        return subprocess.run(_ASK, capture_output=True, text=True, timeout=_PATIENCE, check=True).stdout
    except (OSError, ValueError, subprocess.SubprocessError):
        return ""


def logout_warning(system: str = "", login: Login | None = None, ask: Callable[[], str] = ask_logind) -> str:
    """Say why logging out would end a job that is started now, in a sentence; nothing where it would not.

    `system` is the directory that stands for `/`; without `login` whoever runs this would start the job.
    """
    uid, name = login or _current_login()
    if uid == 0 or not os.path.isdir(f"{system}/run/systemd/system"):
        return ""
    group = _text(f"{system}/proc/self/cgroup")
    if _MANAGER.search(group):
        if os.path.lexists(f"{system}/var/lib/systemd/linger/{name}"):
            return ""
        return (
            "logging out ends the job: it belongs to your desktop; stay logged in until it has ended, or "
            "let an administrator run: loginctl enable-linger"
        )
    if _SESSION.search(group) and _kills(name, ask()):
        return (
            "logging out ends the job: logind is set to end your processes then (KillUserProcesses=yes); "
            "stay logged in until it has ended, or start it with sudo"
        )
    return ""


def _kills(name: str, properties: str) -> bool:
    """Whether logind ends what a user's session leaves; lines such as `b true` and `as 1 "bob"`."""
    match [shlex.split(line) for line in properties.splitlines()]:
        case [["b", wanted], ["as", _, *only], ["as", _, *never]]:
            return wanted == "true" and name not in never and (not only or name in only)
        case _:
            return False


def _current_login() -> Login:
    import pwd

    uid = os.geteuid()
    try:
        return Login(uid, pwd.getpwuid(uid).pw_name)
    except KeyError:
        return Login(uid, str(uid))


def _text(path: str) -> str:
    try:
        return files.read_whole(path, _LARGEST).decode("utf-8", "replace")
    except OSError:
        return ""
