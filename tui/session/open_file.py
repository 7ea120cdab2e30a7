"""A file of archives that is being looked into: its folders, listed page by page; for threads.

What is shown is a `Location`: the list of snapshots, the tops of one, or a folder of an archive.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from threading import Lock
from typing import NamedTuple

from backend import Advanced, Cancelled, Event, NotFoundError, Progress, Snapshot, SnapshotError
from backend.browse import Archive, Content, Flag, Node, Order, SnapshotFile, Tree, reading_recorded
from backend.store import VerificationLog

SYSTEM = "archive.tgz"
_SLASH = b"/"
_NEAR = 500


class Location(NamedTuple):
    """A place in a file: a snapshot by its number (-1: the list of them), an archive of it, a name in that.

    Without an `entry` it stands for the tops of a snapshot. `twin` tells members apart that have one name.
    """

    held: int = -1
    entry: str = ""
    path: bytes = b""
    twin: int = 0


LIST = Location()


class Start(NamedTuple):
    """Where looking begins: in which archive of which snap, and on which path; the top where none is told."""

    snap: str = ""
    entry: str = ""
    path: bytes = b""


TOP = Start()


class Stage(Enum):
    """How far the reading of an archive is."""

    UNREAD = "not read yet"
    READING = "being read"
    STOPPED = "stopped"
    READ = "read"
    FAILED = "cannot be read"


class Reading(NamedTuple):
    """How the reading of one archive stands: packed bytes done and in all, and why it failed."""

    stage: Stage = Stage.UNREAD
    done: int = 0
    total: int = 0
    reason: str = ""


class Item(NamedTuple):
    """Something in a folder: a snapshot, an archive (its root as `node`), or a member of one.

    `of_all` is the size of what it is in, for comparison; `reading` stands for an archive.
    """

    location: Location
    snapshot: Snapshot
    node: Node | None
    reading: Reading | None = None

    @property
    def is_folder(self) -> bool:
        """Whether it can be entered."""
        return self.node is None or self.node.is_folder


class Folder(NamedTuple):
    """What is known of the place that is shown: how many things are in it, and their bytes and files.

    `faults` are told above it, in words.
    """

    location: Location
    entries: int
    size: int
    files: int
    faults: tuple[str, ...] = ()


class ClosedError(SnapshotError):
    """The file was closed."""


class Opened:
    """An open file of archives and their trees. All methods may be called from any thread.

    With a `ledger` it lies in a store: that an archive was read whole is noted there as a check of it.
    `close` at any time: what is still being read stops, and the last one to use it lets go of the files.
    """

    def __init__(self, inside: SnapshotFile, state_dir: str, ledger: VerificationLog | None = None) -> None:
        self.inside = inside
        self._own = state_dir
        self._ledger = ledger
        self._trees: dict[tuple[int, str], Tree] = {}
        self._readings: dict[tuple[int, str], Reading] = {}
        self._jobs: dict[tuple[int, str], Progress] = {}
        self._lock = Lock()
        self._users = 0
        self._is_closed = False

    # -- life

    @contextmanager
    def using(self) -> Iterator["Opened"]:
        """Keep it open inside; raises ClosedError once it was closed."""
        with self._lock:
            if self._is_closed:
                raise ClosedError("the file was closed")
            self._users += 1
        try:
            yield self
        finally:
            with self._lock:
                self._users -= 1
                is_last = self._is_closed and not self._users
            if is_last:
                self._let_go()

    def close(self) -> None:
        """Stop reading, and let go of the files as soon as nobody uses them."""
        with self._lock:
            was_closed, self._is_closed = self._is_closed, True
            is_last = not self._users and not was_closed
        self.stop()
        if is_last:
            self._let_go()

    def _let_go(self) -> None:
        for tree in self._trees.values():
            tree.close()
        self.inside.close()

    # -- what is in it

    def snapshot(self, location: Location) -> Snapshot:
        """The snapshot that a place is in."""
        return self.inside.held[max(0, location.held)].snapshot

    def archive(self, location: Location) -> Archive:
        """The archive that a place is in; NotFoundError."""
        for archive in self.inside.held[location.held].archives:
            if archive.entry == (location.entry or SYSTEM):
                return archive
        raise NotFoundError("the snapshot has no system data")

    def tree(self, location: Location) -> Tree:
        """The tree of the archive that a place is in; NotFoundError."""
        archive = self.archive(location)
        key = (location.held, archive.entry)
        with self._lock:
            if key not in self._trees:
                self._trees[key] = Tree(archive, self._own)
            return self._trees[key]

    def content(self, item: Item) -> Content:
        """The bytes of a file; InvalidInputError for what has none."""
        assert item.node is not None
        return self.tree(item.location).open(item.node)

    def top(self) -> Location:
        """Where looking begins: at the list, or at the only snapshot of a file that is no export."""
        return LIST if self.inside.is_export or len(self.inside.held) != 1 else Location(0)

    def locate(self, start: Start) -> Location:
        """Where looking begins; the top where that is not known."""
        snap, entry, path = start
        for number, held in enumerate(self.inside.held):
            entries = {archive.entry for archive in held.archives}
            if held.snapshot.snap == (snap or held.snapshot.snap) and entry in entries:
                is_top = entry == SYSTEM and not path
                return Location(number) if is_top else Location(number, entry, path)
        return self.top()

    def above(self, location: Location) -> Location | None:
        """What a place is in; None for the top of all."""
        if location == self.top():
            return None
        if location.path:
            path = location.path.rpartition(_SLASH)[0] if location.path.rstrip(_SLASH) else b""
            if not path and location.path.startswith(_SLASH) and location.path != _SLASH:
                path = _SLASH
            above = Location(location.held, location.entry, path)
            return above if path or location.entry != SYSTEM else Location(location.held)
        return Location(location.held) if location.entry else LIST

    # -- looking

    def folder(self, location: Location) -> Folder:
        """What is known of a place now; nothing is in one that was not met yet."""
        if location.held < 0:
            held = self.inside.held
            return Folder(
                location, len(held), sum(each.snapshot.size for each in held), 0, self.inside.faults
            )
        others = [] if location.entry else self._others(location)
        roots = [self.tree(Location(location.held, entry)).root for entry in others]
        size, files, count = sum(root.size for root in roots), sum(root.files for root in roots), len(roots)
        try:
            tree = self.tree(location)
            node = tree.node(location.path)
            size, files, count = size + node.size, files + node.files, count + tree.count(node)
        except NotFoundError:
            pass  # it was not met yet
        return Folder(location, count, size, files, tuple(self._faults(location)))

    def _faults(self, location: Location) -> Iterator[str]:
        snapshot = self.snapshot(location)
        if snapshot.broken:
            yield f"broken: {snapshot.broken}"
        archives = [archive for archive in self.inside.held[location.held].archives]
        wanted = location.entry or SYSTEM
        for archive in archives:
            tree = self._trees.get((location.held, archive.entry))
            if tree is None or (archive.entry != wanted and location.entry):
                continue
            name = "" if archive.entry == wanted and location.entry else f"{archive.entry}: "
            if tree.fault:
                yield f"{name}incomplete: {tree.fault}"
            elif tree.mismatch:
                yield f"{name}differs from what was saved: {tree.mismatch}"

    def listing(self, location: Location, order: Order, start: int, count: int) -> list[Item]:
        """Part of what is in a place, in order: its own things, then the archives of users."""
        if location.held < 0:
            return self._snapshots(order)[start : start + count]
        items = list(self._members(location, order, start, count))
        if location.entry:
            return items
        own_count = self.folder(location).entries - len(self._others(location))
        left = count - len(items)
        if left <= 0:
            return items
        return items + self._archives(location, order)[max(0, start - own_count) :][:left]

    def _members(self, location: Location, order: Order, start: int, count: int) -> Iterator[Item]:
        try:
            tree = self.tree(location)
            folder = tree.node(location.path)
        except NotFoundError:
            return
        snapshot, entry = self.snapshot(location), location.entry or SYSTEM
        for node in tree.listing(folder, order, start, count):
            twin = node.id if node.flags & Flag.REPLACED else 0
            yield Item(Location(location.held, entry, below(location.path, node.name), twin), snapshot, node)

    def _snapshots(self, order: Order) -> list[Item]:
        items = [Item(Location(number), held.snapshot, None) for number, held in enumerate(self.inside.held)]
        if order is Order.SIZE:
            items.sort(key=lambda item: -item.snapshot.size)
        return items

    def _others(self, location: Location) -> Sequence[str]:
        """The archives that are listed beside the tops of the system's."""
        return [
            archive.entry for archive in self.inside.held[location.held].archives if archive.entry != SYSTEM
        ]

    def _archives(self, location: Location, order: Order) -> list[Item]:
        snapshot = self.snapshot(location)
        items = []
        for entry in self._others(location):
            there = Location(location.held, entry)
            items.append(Item(there, snapshot, self.tree(there).root, self.reading(there)))
        if order is Order.SIZE:
            items.sort(key=lambda item: -(item.node.size if item.node else 0))
        return items

    def find(self, location: Location, order: Order, near: int) -> int | None:
        """At which number of its folder something stands; None where that is not known.

        By size and time it is looked for about where it stood before.
        """
        above = self.above(location)
        if above is None:
            return None
        if order is Order.NAME and location.path and not location.twin:
            try:
                tree = self.tree(location)
                return tree.position(tree.node(location.path))
            except NotFoundError:
                return None
        start = max(0, near - _NEAR)
        for number, item in enumerate(self.listing(above, order, start, 2 * _NEAR)):
            if item.location == location:
                return start + number
        return None

    # -- reading

    def reading(self, location: Location) -> Reading:
        """How far the reading of the archive is that a place is in."""
        entry = location.entry or SYSTEM
        known = self._readings.get((location.held, entry))
        if known is not None and known.stage is not Stage.READ:
            return known
        try:
            tree = self.tree(location)
        except SnapshotError as reason:
            return Reading(Stage.FAILED, reason=str(reason))
        return Reading(Stage.READ if tree.is_indexed else Stage.UNREAD, total=tree.size)

    def next_unread(self, location: Location) -> Location | None:
        """The archive to read next for a place: its own, then the others of its snapshot."""
        if location.held < 0 or self._is_closed:
            return None
        entries = [archive.entry for archive in self.inside.held[location.held].archives]
        wanted = location.entry or SYSTEM
        for entry in sorted(entries, key=lambda entry: (entry != wanted, entry != SYSTEM, entry)):
            if self.reading(Location(location.held, entry)).stage is Stage.UNREAD:
                return Location(location.held, entry)
        return None

    def read(self, location: Location) -> None:
        """Read the archive that a place is in, unless that is being done; how it stands tells `reading`."""
        key = (location.held, location.entry or SYSTEM)
        tree = self.tree(location)

        def tell(event: Event) -> None:
            """Note how far the reading is."""
            if isinstance(event, Advanced):
                self._readings[key] = Reading(Stage.READING, event.done, tree.size)

        progress = Progress(tell)
        with self._lock:
            known = self._readings.get(key, Reading())
            if self._is_closed or known.stage is Stage.READING or tree.is_indexed:
                return
            self._readings[key] = Reading(Stage.READING, 0, tree.size)
            self._jobs[key] = progress
        try:
            tree.index(progress)
            if self._ledger is not None:
                reading_recorded(tree, self._ledger)
            self._readings[key] = Reading(Stage.READ, tree.size, tree.size)
        except Cancelled:
            self._readings[key] = self._readings[key]._replace(stage=Stage.STOPPED)
        except SnapshotError as reason:
            self._readings[key] = Reading(Stage.FAILED, reason=str(reason))

    def stop(self) -> bool:
        """Stop reading; False when nothing is being read."""
        running = [key for key, known in list(self._readings.items()) if known.stage is Stage.READING]
        for key in running:
            self._jobs[key].stop()
        return bool(running)

    def begin_again(self) -> None:
        """Let what was stopped, or failed, be read again."""
        for key, known in list(self._readings.items()):
            if known.stage in (Stage.STOPPED, Stage.FAILED):
                del self._readings[key]

    @property
    def running(self) -> list[tuple[Location, Reading]]:
        """What is being read now."""
        readings = list(self._readings.items())
        return [(Location(*key), known) for key, known in readings if known.stage is Stage.READING]


def below(folder: bytes, name: bytes) -> bytes:
    """The name of something in a folder."""
    if not folder or name == _SLASH:
        return name
    return folder + name if folder.endswith(_SLASH) else folder + _SLASH + name
