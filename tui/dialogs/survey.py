"""What could be saved: snaps, users, sizes. Looked up outside the event loop, read from inside it."""

import os
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from backend import (
    InstalledSnap,
    InvalidInputError,
    Job,
    Snapshot,
    SnapshotError,
    User,
    free_space,
    measure,
    unix_time,
)
from tui.place import Place

SYSTEM = ""
_FOLDERS = {
    "$SNAP_DATA": (True, False),
    "$SNAP_COMMON": (True, True),
    "$SNAP_USER_DATA": (False, False),
    "$SNAP_USER_COMMON": (False, True),
}


class World(NamedTuple):
    """What is there: `last` maps a snap and its exclusions to the stored bytes of the newest such snapshot.

    `findings` are things to know before a save; `whole` is False where saving everything at once would fail.
    """

    snaps: tuple[InstalledSnap, ...] = ()
    users: tuple[User, ...] = ()
    last: dict[tuple[str, tuple[str, ...]], int] = {}  # noqa: RUF012 - never changed, and a field of a named tuple
    findings: tuple[str, ...] = ()
    free: int = 0
    whole: bool = True

    def last_of(self, snap: str, patterns: tuple[str, ...]) -> int | None:
        """What its newest snapshot took that left out the same, or else nothing; None without any."""
        return self.last.get((snap, patterns), self.last.get((snap, ())))

    @property
    def active(self) -> frozenset[str]:
        """The snaps that a save takes when none are named."""
        return frozenset(snap.name for snap in self.snaps if snap.active)


class Size(NamedTuple):
    """Bytes to read, bytes they take on disk, and files; `fault` is why they could not be measured."""

    read: int = 0
    allocated: int = 0
    files: int = 0
    fault: str = ""

    def plus(self, other: "Size") -> "Size":
        """Both together."""
        return Size(
            self.read + other.read,
            self.allocated + other.allocated,
            self.files + other.files,
            self.fault or other.fault,
        )


def look_around(place: Place) -> World:
    """What there is to save at a place. Raises SnapshotError."""
    layout = place.engine.layout
    findings = []
    if not layout.state.readable:
        findings.append(f"configuration and snap-ids will not be recorded: {layout.state.why_not}")
    snaps = []
    damaged = []
    for name in layout.installed_names():
        try:
            snap = layout.installed(name)
        except SnapshotError as fault:
            damaged.append(f"{name} cannot be saved: {fault}")
            continue
        if snap is not None:
            snaps.append(snap)
    users, strays = layout.users_with_data()
    findings += damaged
    findings += [f"{path} belongs to no known user and will not be saved" for path in strays]
    findings += [f"user {one.name} has no home at {one.home}" for one in users if not os.path.isdir(one.home)]
    last = _last_sizes(snapshot for one in place.engine.sets() for snapshot in one.snapshots)
    free = free_space(layout.snapshots)
    return World(tuple(snaps), tuple(users), last, tuple(findings), free, whole=not damaged)


def _last_sizes(snapshots: Iterable[Snapshot]) -> dict[tuple[str, tuple[str, ...]], int]:
    newest: dict[tuple[str, tuple[str, ...]], tuple[float, int]] = {}
    for one in snapshots:
        if not one.broken and not one.hidden:
            key = (one.snap, one.exclude or ())
            newest[key] = max(newest.get(key, (0.0, 0)), (unix_time(one.time), one.size))
    return {key: size for key, (_, size) in newest.items()}


class Sizes:
    """How big everything is, owner by owner, as it becomes known.

    One thread fills it by `measure_all`; any other may read. `reading` says where it is, until `done`.
    """

    def __init__(self, place: Place, world: World) -> None:
        self._layout = place.engine.layout
        self._world = world
        self._known: dict[tuple[str, str], Size] = {}
        self.reading = ""
        self.done = False

    def measure_all(self, job: Job) -> None:
        """Measure everything; Cancelled when the job is stopped."""
        for snap in sorted(self._world.snaps, key=lambda snap: not snap.active):
            for owner in (None, *self._world.users):
                name = owner.name if owner else SYSTEM
                self.reading = f"{snap.name}, {name or 'system'}"
                self._known[snap.name, name] = self._measure(snap, owner, job)
        self.reading, self.done = "", True

    def _measure(self, snap: InstalledSnap, owner: User | None, job: Job) -> Size:
        try:
            parent = self._parent(snap, owner)
            found = measure([f"{parent}/{snap.revision}", f"{parent}/common"], job)
        except InvalidInputError:
            return Size()  # a place that never holds data of a snap
        except SnapshotError as fault:
            return Size(fault=str(fault))
        return Size(found.apparent, found.allocated, found.files)

    def _parent(self, snap: InstalledSnap, owner: User | None) -> str:
        layout = self._layout
        return layout.user_parent(owner, snap.name) if owner else layout.system_parent(snap.name)

    def of(self, snaps: Iterable[str], owners: Sequence[str]) -> Size:
        """What some snaps and owners (SYSTEM, or users) come to, as far as it is known."""
        total = Size()
        for snap in snaps:
            for owner in owners:
                total = total.plus(self._known.get((snap, owner), Size()))
        return total

    def faults(self, snaps: Iterable[str], owners: Sequence[str]) -> list[str]:
        """What could not be measured, and why."""
        sizes = [self._known.get((snap, owner), Size()) for snap in snaps for owner in owners]
        return list(dict.fromkeys(size.fault for size in sizes if size.fault))

    def is_known(self, snap: str) -> bool:
        """Whether every owner's data of a snap were measured."""
        owners = (SYSTEM, *(user.name for user in self._world.users))
        return all((snap, owner) in self._known for owner in owners)

    def taken_out(self, pattern: str, job: Job) -> dict[tuple[str, str], int] | None:
        """The bytes that a valid pattern leaves out, by snap and owner; None where that takes tar to tell."""
        variable, *parts = pattern.split("/")
        of_system, in_common = _FOLDERS[variable]
        if "\\" in pattern or any("$" in part for part in parts):
            return None
        found = {}
        for snap in self._world.snaps:
            for owner in [None] if of_system else self._world.users:
                try:
                    folder = f"{self._parent(snap, owner)}/{'common' if in_common else snap.revision}"
                    found[snap.name, owner.name if owner else SYSTEM] = _bytes_below(folder, parts, job)
                except (SnapshotError, OSError):
                    continue
        return found


def _bytes_below(folder: str, parts: Sequence[str], job: Job) -> int:
    total = 0
    for path in _matches(folder, parts):
        job.check()
        if os.path.isdir(path) and not os.path.islink(path):
            total += measure([path], job).apparent
        elif os.path.isfile(path) and not os.path.islink(path):
            total += os.lstat(path).st_size
    return total


def _matches(folder: str, parts: Sequence[str]) -> Iterator[str]:
    """The paths that a pattern names below a directory; links are not followed on the way."""
    if not parts:
        yield folder
    elif os.path.isdir(folder) and not os.path.islink(folder):
        first, *rest = parts
        names = [name for name in os.listdir(folder) if fnmatchcase(name, first)] if "*" in first else [first]
        for name in names:
            yield from _matches(f"{folder}/{name}", rest)
