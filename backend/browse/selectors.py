"""What is selected, as it is written: `SNAP:PATH`, where PATH begins with whose data it is.

`nextcloud:common/etc` is the system's common data, `nextcloud:rev/a` those of the revision that was saved,
`nextcloud:user/alice/common/b` (or `alice/common/b`) a user's. `nextcloud` is all its data, and
`nextcloud:conf` its configuration. Names that are not UTF-8 are spelled with surrogates, as file names are.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from backend.archive.tar.selection import clean
from backend.errors import InvalidInputError, NotFoundError
from backend.model import ARCHIVE, Snapshot, user_entry

CONFIGURATION = "conf"
_REVISION = "rev"
_SYSTEM = "system"


class Selector(NamedTuple):
    """Something selected: in the archive `entry` of a snapshot, at `inside` (empty: all of it).

    `text` is how it was written. The configuration is in no archive.
    """

    snapshot: Snapshot
    entry: str
    inside: bytes
    text: str

    @property
    def is_configuration(self) -> bool:
        """Whether it is the configuration."""
        return not self.entry


def parse_selectors(items: Sequence[str], snapshots: Sequence[Snapshot]) -> list[Selector]:
    """What `items` mark in snapshots; NotFoundError where one names what is not there.

    InvalidInputError for what is no path, or leads out, and where two snapshots are of the snap named.
    """
    return [mark for item in items for mark in _marks(item, snapshots)]


def _marks(item: str, snapshots: Sequence[Snapshot]) -> Iterator[Selector]:
    snap, _, path = item.partition(":")
    named = [snapshot for snapshot in snapshots if snapshot.snap == snap]
    if not named:
        raise NotFoundError(f'cannot find "{item}": there is no snapshot of snap "{snap}" here')
    if named[1:]:
        raise InvalidInputError(f'cannot tell which "{item}" is meant: two snapshots here are of that snap')
    snapshot = named[0]
    if not path.rstrip("/"):
        for entry in snapshot.entries:
            yield Selector(snapshot, entry, b"", item)
        return
    entry, inside = locate_path(path, snapshot)
    yield Selector(snapshot, entry, inside, item)


def locate_path(path: str, snapshot: Snapshot) -> tuple[str, bytes]:
    """The archive that a path of a snapshot leads into, and the path in it.

    The archive is empty for the configuration. NotFoundError for what is not in the snapshot.
    """
    parts = clean(path.encode("utf-8", "surrogateescape")).split(b"/")
    top = parts[0].decode("utf-8", "surrogateescape")
    entry = ARCHIVE
    if top in snapshot.users:
        entry, parts = user_entry(top), parts[1:]
    elif top == "user" and len(parts) > 1:
        entry, parts = user_entry(parts[1].decode("utf-8", "surrogateescape")), parts[2:]
    elif top == _SYSTEM and len(parts) > 1:
        parts = parts[1:]
    elif top == CONFIGURATION:
        return "", b""
    if entry not in (snapshot.sums or {}):
        raise NotFoundError(f'cannot find "{path}": the snapshot of {snapshot.snap} holds no such data')
    if parts and parts[0] == _REVISION.encode():
        parts[0] = str(snapshot.revision).encode()
    if parts and parts[0] not in (b"common", str(snapshot.revision).encode()):
        raise NotFoundError(
            f'cannot find "{path}" in the snapshot of {snapshot.snap}: a path begins with common, '
            f"rev or {snapshot.revision}, or with a user's name before that"
        )
    return entry, b"/".join(parts)


def format_selector(snap: str, entry: str, inside: bytes) -> str:
    """Write down what is in an archive, so that `parse_selectors` finds it again."""
    shown = inside.decode("utf-8", "surrogateescape")
    if entry == ARCHIVE:
        return f"{snap}:{shown}" if shown else snap
    user = entry.removeprefix("user/").removesuffix(".tgz")
    return f"{snap}:user/{user}{'/' if shown else ''}{shown}"
