"""Room on file systems: what is free, and what has to be so that something may be begun."""

import os
import stat
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import closing
from typing import NamedTuple

from backend.errors import NoSpaceError, SnapshotError
from backend.fs.attributes import RUNNABLE, AttributeTally
from backend.fs.files import os_errors_as
from backend.fs.lengths import LongPathTally
from backend.fs.safe_open import nearest
from backend.fs.walk import Folder, TreeWalk
from backend.progress import Progress

_HEADER = 512


RESERVED_SPACE = 5 << 20  # what anything that is begun leaves free at least

_ACTION = "cannot tell the free space"
_GONE = (FileNotFoundError, NotADirectoryError)


class Measured(NamedTuple):
    """Regular files added up, hard links each time: `apparent` bytes, `allocated` ones on disk, and how many.

    A file counts as allocated with its size at most, so that holes are left out. `packed` is about what a tar
    of all that was met takes: a header of 512 bytes for each, and what is allocated in whole blocks of 512.
    """

    apparent: int = 0
    allocated: int = 0
    files: int = 0
    packed: int = 0

    def plus(self, other: "Measured") -> "Measured":
        """Both together."""
        return Measured(
            self.apparent + other.apparent,
            self.allocated + other.allocated,
            self.files + other.files,
            self.packed + other.packed,
        )


_FOLDER = Measured(packed=_HEADER)


class Notable(NamedTuple):
    """Which files `add_up` names: all but regular ones whose mode has just `value` of the `bits`.

    Named are those too that changed after `since`, in nanoseconds, and those of others than `uid`, if given.
    """

    bits: int = stat.S_IFMT(0o177777)
    value: int = stat.S_IFREG
    since: int = 1 << 80
    uid: int | None = None


_ALL = Notable(bits=0)
_RUNNABLE = Notable(Notable().bits | RUNNABLE)


def _raised(_name: str, error: OSError) -> None:
    raise error


def add_up(
    entries: Iterable["os.DirEntry[str]"],
    folders: list[str],
    notable: Notable = Notable(),  # noqa: B008 - it cannot be changed
    refused: Callable[[str, OSError], None] = _raised,
) -> tuple[Measured, list[tuple[str, os.stat_result]]]:
    """Measure the files among entries of an open directory, and name the notable ones.

    Names of directories go to `folders`; they count when they are left. `refused` is told what cannot be
    looked at; by itself it raises that.
    """
    bits, value, since, uid = notable
    apparent = allocated = padding = files = headers = 0
    noted: list[tuple[str, os.stat_result]] = []
    for entry in entries:
        try:
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.name)
                continue
            facts = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue
        except OSError as error:
            refused(entry.name, error)
            continue
        mode = facts.st_mode
        if mode & bits != value or facts.st_ctime_ns > since or (uid is not None and facts.st_uid != uid):
            noted.append((entry.name, facts))
            if not stat.S_ISREG(mode):
                headers += not stat.S_ISSOCK(mode)  # tar passes sockets over
                continue
        size = facts.st_size
        on_disk = facts.st_blocks * 512
        apparent += size
        if on_disk < size:
            size = on_disk
        allocated += size
        padding += -size & 511
        files += 1
    return Measured(apparent, allocated, files, allocated + padding + (headers + files) * _HEADER), noted


def measure(
    paths: Sequence[str],
    progress: Progress | None = None,
    *,
    skipped: Collection[str] = (),
    attributes: AttributeTally | None = None,
    long_paths: LongPathTally | None = None,
) -> Measured:
    """Measure all regular files below the directories `paths`, however deep; links are not followed.

    A path that is no directory, or a link, adds nothing; neither does what vanishes meanwhile, nor what is at
    or below the paths `skipped`. The apparent bytes are counted in the job's present step, files with
    `attributes`, and `long_paths`, there.

    Raises:
        NotAllowedError: something may not be read; it is named.
        SnapshotError: something cannot be read for another reason; it is named.
        ConflictError: directories are moved about meanwhile.
        Cancelled: the job was stopped.
    """
    progress = progress or Progress()
    total = Measured()
    for path in paths:
        walk = TreeWalk(path)
        entered = None
        with os_errors_as("cannot measure"), closing(walk.steps()) as steps:
            for folder, entries in steps:
                if entries and skipped:
                    entries = [entry for entry in entries if walk.place(entry.name) not in skipped]
                if entries is None:
                    part = _FOLDER
                else:
                    again = folder is entered
                    part = _measured(walk, folder, entries, attributes=attributes, again=again)
                if entries and long_paths is not None:
                    long_paths.look(folder.length, (entry.name for entry in entries), walk.place)
                entered = folder
                total = total.plus(part)
                progress.advance(part.apparent)
    return total


def _measured(
    walk: TreeWalk,
    folder: Folder,
    entries: Sequence["os.DirEntry[str]"],
    *,
    attributes: AttributeTally | None,
    again: bool,
) -> Measured:
    if attributes is None:
        return add_up(entries, folder.pending)[0]
    inherits = attributes.enter(folder.fd, walk.place, again=again)
    part, noted = add_up(entries, folder.pending, _ALL if inherits else _RUNNABLE)
    for name, facts in noted:
        attributes.look(folder.fd, name, facts.st_mode, walk.place, inherits=inherits)
    return part


def size_at(path: str) -> int:
    """Return the bytes that a file, or all files below a directory, take; 0 where that cannot be told."""
    try:
        status = os.lstat(path)
        return measure([path]).allocated if stat.S_ISDIR(status.st_mode) else status.st_size
    except (OSError, SnapshotError):
        return 0


class SpaceNeed(NamedTuple):
    """The bytes needed of a file system, SPARE_ROOM included, and those free on it; `place` lies there."""

    place: str
    needed: int
    free: int

    @property
    def missing(self) -> int:
        """The bytes by which there is too little; 0 where it suffices."""
        return max(0, self.needed - self.free)

    def text(self, action: str) -> str:
        """Say that there is too little for an action."""
        return str(NoSpaceError(action, *self))


def free_space(path: str) -> int:
    """Return the bytes that may still be written at `path`, or where its nearest existing ancestor lies.

    Raises:
        SnapshotError: that cannot be told.
    """
    path = os.path.abspath(path)
    with os_errors_as(_ACTION):
        while True:
            try:
                facts = os.statvfs(path)
            except _GONE:
                path = os.path.dirname(path)
            else:
                return facts.f_bavail * facts.f_frsize


def space_needs(amounts: Iterable[tuple[str, int]]) -> tuple[SpaceNeed, ...]:
    """Add up what it takes to write these amounts of bytes at these paths, by file system.

    Paths need not exist.

    Raises:
        SnapshotError: the free space cannot be told.
    """
    rooms: dict[int, SpaceNeed] = {}
    for path, amount in amounts:
        place = nearest(path)
        with os_errors_as(_ACTION):
            device = os.stat(place).st_dev
        room = rooms.get(device) or SpaceNeed(place, RESERVED_SPACE, free_space(place))
        rooms[device] = room._replace(needed=room.needed + amount)
    return tuple(rooms.values())


def require_space(amounts: Iterable[tuple[str, int]], action: str) -> None:
    """NoSpaceError, beginning with `action`, unless all of that fits and SPARE_ROOM is left over."""
    for room in space_needs(amounts):
        if room.missing:
            raise NoSpaceError(action, *room)


class Budget:
    """What may be written at some paths before too little is left; several threads may take of it."""

    def __init__(self, paths: Iterable[str], action: str) -> None:
        self._action = action
        self._needs = {path: space_needs([(path, 0)])[0] for path in paths}
        self._devices = {path: os.stat(need.place).st_dev for path, need in self._needs.items()}
        self._taken = dict.fromkeys(self._devices.values(), 0)
        self._lock = threading.Lock()

    def take(self, path: str, size: int) -> None:
        """Count bytes that are about to be written at one of the paths.

        Raises:
            NoSpaceError: with them too little would be left.
        """
        need, device = self._needs[path], self._devices[path]
        with self._lock:
            self._taken[device] += size
            need = need._replace(needed=need.needed + self._taken[device])
        if need.missing:
            raise NoSpaceError(self._action, *need)
