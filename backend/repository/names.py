"""How the objects of a repository are called.

A copy is two objects of one stem, which no other writer can have: the payload, written first, and the
manifest, which makes it a copy. What is to be known of a copy without reading it is in its name.
"""

import os
import re
import time
from calendar import timegm
from hashlib import sha256
from typing import NamedTuple

from backend.fs import files
from backend.fs.directories import make_directories
from backend.host.layout import Layout
from backend.store.root_id import RootId

PREFIX = "snapstow/v1/"
PAYLOAD = ".tar"
MANIFEST = ".json"
FORGOTTEN = ".forgotten"
SEALED = ".age"

_TIME = "%Y%m%dT%H%M%SZ"
_STEM = re.compile(
    r"([a-z0-9][a-z0-9.-]{0,71})/(\d{8}T\d{6}Z)-set([1-9]\d{0,18})-([0-9a-f]{32})-([0-9a-f]{8})"
)
_FIELDS = ((0, 4), (4, 6), (6, 8), (9, 11), (11, 13), (13, 15))  # of a time, by their places
_LONGEST_HOST = 63
_DIGEST = 32


class CopyName(NamedTuple):
    """Whose set it is and which: `time` is when it was saved (seconds since the epoch), to the second.

    `digest` is the beginning of the content hash of the set in hex, enough to tell sets apart; `nonce` is
    random.
    """

    host: str
    time: int
    set_id: int
    digest: str
    nonce: str

    @classmethod
    def new(cls, host: str, saved: float, set_id: int, content_hash: str) -> "CopyName":
        """Make a name that no other copy has."""
        return cls(host, max(0, int(saved)), set_id, digest_of(content_hash), os.urandom(4).hex())

    def __str__(self) -> str:
        when = time.strftime(_TIME, time.gmtime(self.time))
        return f"{self.host}/{when}-set{self.set_id}-{self.digest}-{self.nonce}"

    @property
    def short(self) -> str:
        """What it is called in a sentence, and on a command line."""
        return self.digest[:8]

    @property
    def host_name(self) -> str:
        """The name of its machine, without what tells machines of one name apart."""
        return host_name(self.host)

    def matches(self, content_hash: str) -> bool:
        """Whether it is a copy of the set with that content hash."""
        return content_hash.startswith(self.digest)


def digest_of(content_hash: str) -> str:
    """Return what names a set by its content hash, in hex."""
    return content_hash[:_DIGEST]


def host_name(host: str) -> str:
    """Return the name of a machine, without what tells machines of one name apart."""
    return host.rpartition("-")[0] or host


def parse_copy_name(text: str) -> CopyName | None:
    """Return the name that a text spells, or None where it spells none."""
    if not (match := _STEM.fullmatch(text)):
        return None
    try:
        seconds = timegm(tuple(int(match[2][start:end]) for start, end in _FIELDS))
    except ValueError:
        return None
    name = CopyName(match[1], seconds, int(match[3]), match[4], match[5])
    return name if str(name) == text else None


class ObjectKey(NamedTuple):
    """One object of a copy: which one (`PAYLOAD`, `MANIFEST`, `FORGOTTEN`), and whether it is encrypted."""

    name: CopyName
    kind: str
    sealed: bool

    def __str__(self) -> str:
        return f"{PREFIX}{self.name}{self.kind}{SEALED if self.sealed else ''}"


def parse_key(key: str) -> ObjectKey | None:
    """Return what an object of a repository is, or None for one that is not ours."""
    sealed = key.endswith(SEALED)
    stem = key.removesuffix(SEALED)
    for kind in (PAYLOAD, MANIFEST, FORGOTTEN):
        if stem.startswith(PREFIX) and stem.endswith(kind):
            name = parse_copy_name(stem[len(PREFIX) : -len(kind)])
            return ObjectKey(name, kind, sealed) if name else None
    return None


def host_of(layout: Layout, state_dir: str) -> str:
    """Return what the machine of a root is called in repositories: its name, and which of that name it is.

    A root without an identity of its own is known by the id that our state there has.

    Raises:
        SnapshotError: that id cannot be kept.
    """
    identity = _first_line(layout, "/etc/machine-id") or _root_id(state_dir)
    name = _first_line(layout, "/etc/hostname").lower()[:_LONGEST_HOST]
    harmless = re.sub("[^a-z0-9.-]+", "-", name).strip("-.") or "machine"
    return f"{harmless}-{sha256(f'snapstow {identity}'.encode()).hexdigest()[:8]}"


def _root_id(state_dir: str) -> str:
    with files.os_errors_as("cannot give this machine a name in repositories"):
        make_directories(state_dir, 0o700)
        return RootId(state_dir).made()


def _first_line(layout: Layout, path: str) -> str:
    try:
        lines = files.read_whole(layout.below(path), 4096).decode(errors="replace").split()
    except OSError:
        return ""
    return lines[0] if lines else ""
