"""What snapd knows, read only: its state.json, the description of an installed snap, which snapd is there.

Nothing in the files is trusted: what is damaged in the state counts as absent.
"""

import os
import re
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING

from backend.errors import IntegrityError, SnapshotError
from backend.format.gojson import loads
from backend.format.metadata import parse_revision
from backend.format.names import LARGEST_ID, is_snap_name
from backend.format.timestamps import canonical_time, is_zero_time
from backend.fs.files import read_whole
from backend.host.socket import connect
from backend.model import Json, Number, Revision

if TYPE_CHECKING:
    pass

LARGEST = 32 << 20
_SECTIONS = ("snaps", "config", "snapshots")
_NOT_HOMES = ("/bin/", "/boot/", "/dev/", "/etc/", "/lib/", "/proc/", "/root/", "/sbin/", "/sys/", "/tmp/")
# What the package says of itself, and the snap of snapd: on systems with /snap the newer of the two runs.
_ABOUT = ("/usr/lib/snapd/info", "/usr/libexec/snapd/info", "/snap/snapd/current/usr/lib/snapd/info")
_LARGEST_ABOUT = 64 << 10
_VERSION = re.compile(rb"^VERSION=['\"]?([0-9][^\s'\"]*)", re.M)
_LARGEST_ANSWER = 1 << 20


class SnapdState:
    """The part of snapd's state that concerns snapshots.

    `readable` is False where something could not be read, and `why_not` then says what and why; whatever
    could be read is still answered. No question raises an error.
    """

    def __init__(self, data: dict[str, Json], why_not: str = "") -> None:
        faults = [why_not, *(_fault(data, section) for section in _SECTIONS)]
        self.why_not = "; ".join(filter(None, faults))
        self.readable = not self.why_not
        self._data = data

    @classmethod
    def read(cls, path: str) -> "SnapdState":
        """The state kept in the file at `path`; one that is not `readable` where that cannot be had."""
        try:
            return cls(_data(path))
        except FileNotFoundError:
            return cls({}, f"there is no {path}")
        except OSError as error:
            return cls({}, f"cannot read {path}: {error.strerror}")
        except (SnapshotError, ValueError, RecursionError) as error:
            return cls({}, f"cannot read {path}: {error}")

    def snaps(self) -> list[str]:
        """The names of the installed snaps, sorted; inactive ones too."""
        return sorted(name for name in _mapping(self._data, "snaps") if self.current(name))

    def current(self, name: str) -> Revision | None:
        """The revision installed, or None where the snap is not installed."""
        return _revision(self._snap(name).get("current")) if is_snap_name(name) else None

    def active(self, name: str) -> bool:
        """Whether the snap is installed and not disabled."""
        return self.current(name) is not None and self._snap(name).get("active") is True

    def hidden(self, name: str) -> bool:
        """Whether the users' data of the snap lie below ~/.snap/data."""
        return self._snap(name).get("migrated-hidden") is True

    def snap_id(self, name: str) -> str:
        """The store's id of the installed revision; empty for a local one."""
        current = self.current(name)
        sequence = self._snap(name).get("sequence")
        for side in sequence if current and isinstance(sequence, list) else ():
            if isinstance(side, dict) and _revision(side.get("revision")) == current:
                return _text(side, "snap-id")
        return ""

    def config(self, name: str) -> dict[str, Json] | None:
        """The configuration of a snap, its numbers as they are spelled; None where there is none."""
        config = _mapping(self._data, "config").get(name)
        return config if isinstance(config, dict) else None

    def homedirs(self) -> list[str]:
        """The directories of homes set up besides /home: absolute, without repetition."""
        listed = _text(_mapping(_mapping(self._data, "config"), "core"), "homedirs").split(",")
        homes = (
            os.path.normpath("/" + home.strip().lstrip("/")) for home in listed if home.strip()[:1] == "/"
        )
        return [home for home in dict.fromkeys(homes) if not f"{home}/".startswith(_NOT_HOMES)]

    def auto_sets(self) -> dict[int, str]:
        """The automatic sets: when each expires, as RFC 3339 text."""
        sets = _mapping(self._data, "snapshots")
        expiries = {_set_id(key): _text(_mapping(sets, key), "expiry-time") for key in sets}
        return {set_id: when for set_id, when in expiries.items() if set_id and _is_time(when)}

    def expiry(self, set_id: int) -> str | None:
        """When an automatic set expires, as RFC 3339 text; None for a set that stays."""
        return self.auto_sets().get(set_id)

    def last_set_id(self) -> int:
        """The highest set id that snapd gave out, 0 when none; absurd ones are passed over."""
        last = self._data.get("last-snapshot-set-id")
        digits = last.literal if isinstance(last, Number) else ""
        return max(map(_set_id, (digits, *_mapping(self._data, "snapshots"))))

    def _snap(self, name: str) -> dict[str, Json]:
        return _mapping(_mapping(self._data, "snaps"), name)


def installed_version(below: Callable[[str], str]) -> str:
    """The version of the snapd installed below a root, running or not; empty where none is known.

    `below` says where a path of the root's own lies on this machine.
    """
    return max(filter(None, (_version_in(below, path) for path in _ABOUT)), key=version_of, default="")


def version_of(text: str) -> tuple[int, int]:
    """Return the first two numbers of a version; without them, numbers that no snapd ever had."""
    match = re.match(r"([0-9]{1,6})\.([0-9]{1,6})", text)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def answering_version(socket_path: str, timeout: float = 2.0) -> str:
    """The version of the snapd that answers at `socket_path`; empty where none tells one within `timeout`."""
    import http.client
    import socket

    with closing(http.client.HTTPConnection("localhost")) as client:
        client.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        client.sock.settimeout(timeout)
        try:
            connect(client.sock, socket_path)
            client.request("GET", "/v2/system-info")
            answer = loads(client.getresponse().read(_LARGEST_ANSWER))
        except (OSError, ValueError, http.client.HTTPException, SnapshotError):
            return ""
    return _text(_mapping(answer, "result"), "version") if isinstance(answer, dict) else ""


def _version_in(below: Callable[[str], str], path: str) -> str:
    try:
        match = _VERSION.search(read_whole(below(path), _LARGEST_ABOUT))
    except (OSError, SnapshotError):
        return ""
    return match[1].decode("ascii", "replace") if match else ""


def _data(path: str) -> dict[str, Json]:
    document = loads(read_whole(path, LARGEST), limit=LARGEST)
    data = document.get("data", False) if isinstance(document, dict) else False
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise IntegrityError('there is no "data" object in it')
    return data


def _fault(data: dict[str, Json], section: str) -> str:
    """What is wrong with a section that has to be an object of objects; empty when nothing is."""
    values = data.get(section)
    if values is None:
        return ""
    if not isinstance(values, dict):
        return f'"{section}" in snapd\'s state is not an object'
    odd = [key for key, value in values.items() if not isinstance(value, dict | None)]
    return f'"{section}.{odd[0]}" in snapd\'s state is not an object' if odd else ""


def _mapping(parent: dict[str, Json], key: str) -> dict[str, Json]:
    value = parent.get(key)
    return value if isinstance(value, dict) else {}


def _text(parent: dict[str, Json], key: str) -> str:
    value = parent.get(key)
    return value if isinstance(value, str) else ""


def _revision(value: Json) -> Revision | None:
    """A revision in any spelling; None for none."""
    try:
        revision = parse_revision(value)
    except SnapshotError:
        return None
    return revision if revision.number else None


def _set_id(text: str) -> int:
    """A set id from its digits; 0 for what is none."""
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        return 0
    return number if (number := int(text)) <= LARGEST_ID else 0


def _is_time(text: str) -> bool:
    """Whether a text is an RFC 3339 time other than snapd's zero time."""
    try:
        return not is_zero_time(canonical_time(text))
    except SnapshotError:
        return False
