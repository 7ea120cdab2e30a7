"""What is in an archive, as plain values: a node for each member, and for each folder on its way."""

from enum import Enum, IntFlag
from typing import NamedTuple

from backend.model import Revision


class Kind(Enum):
    """What a node is; the value is said to people, and to programs."""

    FOLDER = "directory"
    FILE = "file"
    LINK = "symbolic link"
    HARD_LINK = "hard link"
    FIFO = "fifo"
    CHARACTER = "character device"
    BLOCK = "block device"


class Flag(IntFlag):
    """What is odd about a node.

    OUTSIDE: not below the revision or common directory. ABSOLUTE, CLIMBING (`..`), TOO_LONG: its name could
    not be unpacked. REPLACED: a later member has the same name, and wins. IMPLIED: a folder without a member
    of its own. SPARSE: holes are not stored. DANGLING: a hard link to nothing before it.
    """

    OUTSIDE = 1
    ABSOLUTE = 2
    CLIMBING = 4
    TOO_LONG = 8
    REPLACED = 16
    IMPLIED = 32
    SPARSE = 64
    DANGLING = 128


class Order(Enum):
    """How a folder is listed: folders and then the rest by name, the largest first, the newest first."""

    NAME = "name"
    SIZE = "size"
    TIME = "time"


class Node(NamedTuple):
    """A member of an archive, or a folder on the way to one.

    `name` is the last part of its name, as the bytes that were written. `size` is in bytes: a file's own
    (with its holes), for a folder that of all files below; `files` counts what is below that is no folder.
    `mtime_ns` is in nanoseconds since the epoch. `link` is the target as written; for a device node
    `MAJOR:MINOR`. `stored` bytes lie at `data` in the unpacked archive; a sparse member begins at `head`.
    """

    id: int
    parent: int
    name: bytes
    kind: Kind
    size: int
    files: int
    mtime_ns: int
    mode: int
    link: bytes
    data: int
    stored: int
    head: int
    flags: Flag
    uid: int = 0
    gid: int = 0
    user: bytes = b""
    group: bytes = b""

    @property
    def is_folder(self) -> bool:
        """Whether others may be below it."""
        return self.kind is Kind.FOLDER

    @property
    def text(self) -> str:
        """The name as text, undecodable bytes kept as surrogates."""
        return self.name.decode("utf-8", "surrogateescape")


ROOT = 1
KINDS = tuple(Kind)
ABSOLUTE = b"/"


def parts_of(path: bytes) -> list[bytes]:
    """The parts of a member's name where it lands; an absolute one begins with the part `/`."""
    parts = [part for part in path.split(b"/") if part not in (b"", b".")]
    return [ABSOLUTE, *parts] if path.startswith(b"/") else parts


def role_path(path: bytes, revision: Revision) -> bytes:
    """A member's name with `rev` for the directory of the revision, so that revisions can be compared."""
    parts = parts_of(path)
    if parts[:1] == [str(revision).encode()]:
        parts[0] = b"rev"
    return joined(parts)


def joined(parts: list[bytes]) -> bytes:
    """The path of which these are the parts."""
    if parts[:1] == [ABSOLUTE]:
        return ABSOLUTE + b"/".join(parts[1:])
    return b"/".join(parts)
