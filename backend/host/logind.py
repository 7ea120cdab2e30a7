"""Whether the end of a login would end the jobs that were started in it.

logind ends the processes of a session with it where KillUserProcesses says so. A user's own manager, and all
below it, ends with the user's last session unless the user lingers (logind.conf(5), loginctl(1)).
"""

import os
import re
from collections.abc import Iterator
from typing import NamedTuple

from backend.fs import files

_PLACES = ("etc", "run", "usr/local/lib", "usr/lib")
_LARGEST = 1 << 16
_MOST_FILES = 100
_TRUE = ("1", "yes", "y", "true", "t", "on")
_SETTING = re.compile(r"\s*(KillUserProcesses|KillOnlyUsers|KillExcludeUsers)\s*=\s*(.*?)\s*")
_DEFAULT = re.compile(r"#\s*(KillUserProcesses)\s*=\s*(.*?)\s*")
_SESSION = re.compile(r"/session-[^/\n]+\.scope")
_MANAGER = re.compile(r"/user@[0-9]+\.service")


class Login(NamedTuple):
    """Who would start a job."""

    uid: int
    name: str


def logout_warning(system: str = "", login: Login | None = None) -> str:
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
    if _SESSION.search(group) and _kills(system, name):
        return (
            "logging out ends the job: logind is set to end your processes then (KillUserProcesses=yes); "
            "stay logged in until it has ended, or start it with sudo"
        )
    return ""


def _kills(system: str, name: str) -> bool:
    """Whether logind ends what a user's session leaves."""
    settings: dict[str, str] = {}
    for key, value in _settings(system):
        several = key != "KillUserProcesses" and value
        settings[key] = f"{settings.get(key, '')} {value}" if several else value
    only, never = (settings.get(key, "").split() for key in ("KillOnlyUsers", "KillExcludeUsers"))
    wanted = settings.get("KillUserProcesses", "").lower() in _TRUE
    return wanted and name not in never and (not only or name in only)


def _settings(system: str) -> Iterator[tuple[str, str]]:
    """What logind is told, the weightiest last; the main file tells the default in a comment."""
    whole = [f"{system}/{place}/systemd/logind.conf" for place in _PLACES]
    main = next((text for path in whole if (text := _text(path))), "")
    for pattern in (_DEFAULT, _SETTING):
        yield from _found(pattern, main)
    for path in _drop_ins(system):
        yield from _found(_SETTING, _text(path))


def _found(pattern: re.Pattern[str], text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        if match := pattern.fullmatch(line):
            yield match[1], match[2]


def _drop_ins(system: str) -> list[str]:
    """The files that change the main one, in their order; one in /etc stands for its namesakes elsewhere."""
    drop_ins: dict[str, str] = {}
    for place in reversed(_PLACES):
        folder = f"{system}/{place}/systemd/logind.conf.d"
        try:
            names = sorted(os.listdir(folder))[:_MOST_FILES]
        except OSError:
            continue
        drop_ins |= {name: f"{folder}/{name}" for name in names if name.endswith(".conf")}
    return [drop_ins[name] for name in sorted(drop_ins)]


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
