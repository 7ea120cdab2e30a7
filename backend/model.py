"""What a snapshot is: plain frozen values, without a word on how they are spelled or stored.

The values on the path of a listing are named tuples: they cost a third of a dataclass at start-up.
"""

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple, TypeAlias

from backend.errors import NotFoundError

ARCHIVE = "archive.tgz"


class Number:
    """A JSON number kept as its literal text, so that no digit is ever lost."""

    __slots__ = ("literal",)

    def __init__(self, literal: str) -> None:
        self.literal = literal

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Number) and other.literal == self.literal

    def __hash__(self) -> int:
        return hash(self.literal)

    def __repr__(self) -> str:
        return f"Number({self.literal!r})"


Json: TypeAlias = bool | int | str | Number | list["Json"] | dict[str, "Json"] | None


class Revision(NamedTuple):
    """A revision of a snap: positive from the store, negative for a local one, 0 for none."""

    number: int = 0

    def __str__(self) -> str:
        if self.number == 0:
            return "unset"
        return str(self.number) if self.number > 0 else f"x{-self.number}"


class Epoch(NamedTuple):
    """Which formats of data a snap reads and writes."""

    read: tuple[int, ...] = (0,)
    write: tuple[int, ...] = (0,)

    def can_read(self, other: "Epoch") -> bool:
        """Whether a snap of this epoch understands data written under the other one."""
        return not set(self.read or (0,)).isdisjoint(other.write or (0,))

    def __str__(self) -> str:
        read, write = self.read or (0,), self.write or (0,)
        if read == write and len(read) == 1:
            return str(read[0])
        if len(write) == 1 and read == (write[0] - 1, write[0]):
            return f"{write[0]}*"
        return f'{{"read":{_list(read)},"write":{_list(write)}}}'


def _list(numbers: tuple[int, ...]) -> str:
    return f"[{','.join(map(str, numbers))}]"


class Snapshot(NamedTuple):
    """The saved data of one snap, as its metadata tell, in the order of the metadata (`format/README.md`).

    `time` is RFC 3339 text with up to nine fractional digits; `size` counts the bytes of the compressed
    archives; `sums` maps an entry (`archive.tgz`, `user/<name>.tgz`) to its SHA3-384 in hex and is None
    where the metadata have none; `exclude` is None where no options were recorded. `broken` is the reason
    why nothing may be done with it, or empty.

    The last three are not part of the metadata: `path` of the file, `hidden` when snapd's own listing
    leaves it out, and `warning` where it is usable but odd.
    """

    set_id: int
    time: str
    snap: str
    revision: Revision
    snap_id: str = ""
    epoch: Epoch = Epoch()
    summary: str = ""
    version: str = ""
    conf: dict[str, Json] | None = None
    sums: dict[str, str] | None = None
    size: int = 0
    exclude: tuple[str, ...] | None = None
    broken: str = ""
    auto: bool = False
    path: str = ""
    hidden: bool = False
    warning: str = ""

    @property
    def entries(self) -> list[str]:
        """The names of its archives: the system's first, then the users' by name."""
        return sorted(self.sums or {}, key=lambda entry: (entry != ARCHIVE, entry))

    @property
    def users(self) -> list[str]:
        """The names of the users whose data it holds."""
        return [name for entry in self.entries if (name := user_of(entry)) is not None]


class SnapshotSet(NamedTuple):
    """All snapshots of one set id, sorted by snap name."""

    set_id: int
    snapshots: tuple[Snapshot, ...]

    @property
    def size(self) -> int:
        """The bytes of all its archives, compressed."""
        return sum(snapshot.size for snapshot in self.snapshots)


class User(NamedTuple):
    """An account: its home is an absolute path on this machine, below the root in use."""

    name: str
    uid: int
    gid: int
    home: str


def user_of(entry: str) -> str | None:
    """The user whose data an entry holds, or None where it is not a user's."""
    if entry.startswith("user/") and entry.endswith(".tgz") and len(entry) > len("user/.tgz"):
        return entry[len("user/") : -len(".tgz")]
    return None


def user_entry(name: str) -> str:
    """The entry that holds the data of a user."""
    return f"user/{name}.tgz"


class Action(Enum):
    """What can be done at a place, and so refused there; its value names it in a sentence."""

    SAVE = "save"
    CHECK = "check-snapshot"
    RESTORE = "restore"
    RESTORE_TO_DIRECTORY = "restore --to"
    EXTRACT = "extract"
    EXTRACT_TO_DIRECTORY = "extract --to"
    UNDO = "undo"
    FORGET = "forget"
    EXPORT = "export-snapshot"
    IMPORT = "import-snapshot"
    PUSH = "push"
    PULL = "pull"
    PULL_TO_FILE = "pull --to"
    CHECK_COPIES = "check-snapshot --repo"
    FORGET_COPIES = "forget --repo"
    REPAIR = "repair"
    FINISH = "finish"
    TAKE_BACK = "take back"

    @property
    def only_reads(self) -> bool:
        """Whether the snapshots and the data of snaps stay as they are."""
        return self in _READING

    @property
    def writes_elsewhere(self) -> bool:
        """Whether it changes only what neither snapd nor a snap looks after."""
        return self in (Action.RESTORE_TO_DIRECTORY, Action.EXTRACT_TO_DIRECTORY, Action.FORGET_COPIES)


_READING = (Action.CHECK, Action.EXPORT, Action.PUSH, Action.PULL_TO_FILE, Action.CHECK_COPIES)


class CheckLevel(Enum):
    """How an archive is looked at, weakest first: that it is there, its hash, and what is in it as well."""

    QUICK = "quick"
    HASH = "full"
    STRUCTURE = "structure"


class CheckResult(NamedTuple):
    """What a check found of one archive of the file at `path`; `fault` is empty where it is sound.

    `unpacked` are the bytes it unpacks to where the check walked it to its end, otherwise None.
    """

    set_id: int
    snap: str
    entry: str
    size: int
    fault: str
    path: str = ""
    unpacked: int | None = None


class CheckCount(NamedTuple):
    """How many snapshots a check looked at, and in how many of them it found a fault."""

    snapshots: int
    bad: int

    @classmethod
    def of(cls, verdicts: Sequence[CheckResult]) -> "CheckCount":
        """Count the snapshots that verdicts are about."""
        every, bad = (
            {(verdict.set_id, verdict.snap, verdict.path) for verdict in some}
            for some in (verdicts, [verdict for verdict in verdicts if verdict.fault])
        )
        return cls(len(every), len(bad))

    @property
    def sound(self) -> int:
        """The snapshots without a fault."""
        return self.snapshots - self.bad


def selected_snapshots(sets: Sequence[SnapshotSet], snaps: Sequence[str]) -> list[Snapshot]:
    """Return the snapshots of these sets, or those of the named snaps.

    Raises:
        NotFoundError: there are none.
    """
    present = [snapshot for group in sets for snapshot in group.snapshots]
    if not present:
        raise NotFoundError("no snapshot set with the given ID")
    chosen = [snapshot for snapshot in present if not snaps or snapshot.snap in snaps]
    if not chosen:
        raise NotFoundError("no snapshot for the requested snaps found in the set with the given ID")
    return chosen


def saved_users(snapshots: Sequence[Snapshot]) -> list[str]:
    """Return the users whose data these snapshots hold, each once."""
    return list(dict.fromkeys(name for snapshot in snapshots for name in snapshot.users))
