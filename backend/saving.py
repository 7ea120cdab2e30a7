"""Saving: one new snapshot file, whole or not at all, waiting to be published."""

import hashlib
import os
import stat
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from backend import excludes, files, parents
from backend.archive import Tar, empty_archive
from backend.container import ContainerWriter
from backend.errors import BlockedError, ChangedError, NoSpaceError, SnapshotError
from backend.estimate import free_space, measure
from backend.gzipblocks import Level, compress
from backend.job import Job
from backend.layout import InstalledSnap, Layout
from backend.model import ARCHIVE, Snapshot, User, user_entry
from backend.reader import METADATA, METADATA_HASH
from backend.store import Staged, Store
from backend.wire import filename, metadata_json, time_text

MARGIN = 5 << 20
ATTEMPTS = 3


@dataclass(frozen=True)
class SaveOptions:
    """How to save. `exclude` are patterns in snapd's syntax besides those that the snap ships.

    With `accept_changed`, a file that keeps changing while it is read does not fail the save.
    """

    exclude: tuple[str, ...] | None = None
    level: Level = Level.AUTO
    accept_changed: bool = False


@dataclass
class Saved:
    """A finished, unpublished snapshot; `left_out` says what is not in it and why."""

    snapshot: Snapshot
    staged: Staged
    left_out: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)


def data_of(layout: Layout, snap: InstalledSnap, users: Sequence[User]) -> list[str]:
    """The directories that a save of a snap reads: paths, existing or not."""
    places = [layout.system_parent(snap.name), *(layout.user_parent(user, snap.name) for user in users)]
    return [f"{place}/{name}" for place in places for name in (str(snap.revision), "common")]


def check_space(store: Store, amount: int) -> None:
    """NoSpaceError unless `amount` bytes and a margin of 5 MiB fit beside the snapshots."""
    place = parents.nearest(store.folder)
    if (free := free_space(place)) < amount + MARGIN:
        raise NoSpaceError("cannot save", place, amount + MARGIN, free)


class Saver:
    """Writes one snapshot of one snap into the temporary file of spec §2.8.

    The data are those of the installed revision, the system's and those of `users`. Raises SnapshotError for
    what cannot be saved, and leaves nothing behind then.
    """

    def __init__(
        self, store: Store, snap: InstalledSnap, users: Sequence[User], options: SaveOptions
    ) -> None:
        self._store = store
        self._layout: Layout = store.layout
        self._snap = snap
        self._users = users
        self._options = options
        self._left_out: list[str] = []
        self._changed: list[str] = []
        self._sums: dict[str, str] = {}
        self._size = 0

    def run(self, set_id: int, job: Job) -> Saved:
        """Save; the file returned is synced and waits for `Store.publish`."""
        snap = self._snap
        patterns = [*excludes.read_manifest(snap.exclude_manifest), *(self._options.exclude or ())]
        excludes.validate(patterns)
        now = time.time_ns()
        state = self._layout.state
        snapshot = Snapshot(
            set_id,
            time_text(now, time.localtime(now // 10**9).tm_gmtoff),
            snap.name,
            snap.revision,
            snap.snap_id,
            snap.epoch,
            version=snap.version,
            conf=state.config(snap.name) or None,
            exclude=self._options.exclude,
        )
        name = filename(snapshot)
        path = f"{self._store.folder}/{name}.{files.random_name()}~"
        job.keep({"temporary": path})
        with files.speaking(f'cannot save snap "{snap.name}"'):
            fd = os.open(path, files.NEW_FILE, 0o600)
            try:
                snapshot = self._write(fd, snapshot, patterns, job)
                os.fsync(fd)
            except BaseException:
                os.unlink(path)
                raise
            finally:
                os.close(fd)
        return Saved(snapshot._replace(path=path), Staged(path, name), self._left_out, self._changed)

    def _write(self, fd: int, snapshot: Snapshot, patterns: Sequence[str], job: Job) -> Snapshot:
        writer = ContainerWriter(fd)
        self._add(writer, ARCHIVE, None, patterns, job)
        for user in self._users:
            self._add(writer, user_entry(user.name), user, patterns, job)
        if not self._sums:
            self._store_empty(writer)
        snapshot = snapshot._replace(sums=self._sums, size=self._size)
        raw = metadata_json(snapshot)
        writer.add_deflated(METADATA, raw)
        writer.add_deflated(METADATA_HASH, f"{hashlib.sha3_384(raw).hexdigest()}\n".encode())
        writer.finish()
        job.check()
        return snapshot

    def _add(
        self, writer: ContainerWriter, entry: str, user: User | None, patterns: Sequence[str], job: Job
    ) -> None:
        """Add the archive of the system's data, or of a user's, where there are any."""
        layout, snap = self._layout, self._snap
        parent = layout.user_parent(user, snap.name) if user else layout.system_parent(snap.name)
        with ExitStack() as stack:
            try:
                directory = stack.enter_context(parents.opened_parent(parent, user, links=layout.is_machine))
            except (FileNotFoundError, NotADirectoryError):
                return
            except BlockedError as reason:
                self._left_out.append(f"{parent} was not saved: {reason}")
                return
            names = [
                name for name in (str(snap.revision), "common") if self._is_data(directory, parent, name)
            ]
            if not names:
                return
            expanded = excludes.expand(patterns, snap.revision, user is None)
            tar = Tar(user, machine=layout.is_machine)
            job.enter(f"{snap.name}, {user.name if user else 'system'}")
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    self._attempt(writer, entry, (tar, directory, names, expanded), job)
                    return
                except ChangedError as change:
                    if self._settled(change, entry, attempt, job):
                        self._keep(writer, entry)
                        return
                    writer.discard()

    def _settled(self, change: ChangedError, entry: str, attempt: int, job: Job) -> bool:
        """Whether to keep an archive although files changed; raises when they keep changing."""
        if attempt < ATTEMPTS:
            job.note(f"{self._snap.name}: {change.fatal[0]}; reading {entry} again")
            return False
        if not self._options.accept_changed:
            raise change
        self._changed += change.fatal
        return True

    def _attempt(
        self,
        writer: ContainerWriter,
        entry: str,
        source: tuple[Tar, int, Sequence[str], Sequence[str]],
        job: Job,
    ) -> None:
        tar, directory, names, expanded = source
        with tar.pack(directory, names, expanded, job) as fill:
            self._compress(writer, entry, fill)
        self._keep(writer, entry)

    def _compress(self, writer: ContainerWriter, entry: str, fill: Callable[[memoryview], int]) -> None:
        self._hasher = hashlib.sha3_384()

        def sink(chunk: bytes | bytearray) -> None:
            self._hasher.update(chunk)
            writer.write(chunk)

        writer.begin(entry)
        compress(fill, sink, self._options.level)

    def _keep(self, writer: ContainerWriter, entry: str) -> None:
        self._size += writer.end()
        self._sums[entry] = self._hasher.hexdigest()

    def _store_empty(self, writer: ContainerWriter) -> None:
        """A snap without data gets one archive of an empty directory, so that its set stays usable."""
        content = [empty_archive(self._snap.revision)]

        def fill(view: memoryview) -> int:
            if not content:
                return 0
            data = content.pop()
            view[: len(data)] = data
            return len(data)

        self._compress(writer, ARCHIVE, fill)
        self._keep(writer, ARCHIVE)

    def _is_data(self, directory: int, parent: str, name: str) -> bool:
        try:
            found = os.lstat(name, dir_fd=directory)
        except FileNotFoundError:
            return False
        if stat.S_ISDIR(found.st_mode):
            return True
        kind = "a symbolic link" if stat.S_ISLNK(found.st_mode) else "not a directory"
        self._left_out.append(f"{parent}/{name} was not saved: it is {kind}")
        return False


def save(
    store: Store,
    snap: str,
    users: Sequence[str] = (),
    options: SaveOptions | None = None,
    job: Job | None = None,
) -> Snapshot:
    """Save one installed snap as a set of its own and publish it (spec §3.13); returns the snapshot.

    Without `users`, everybody's data are saved. NotFoundError where the snap or a user is unknown.
    """
    job = job or Job()
    layout = store.layout
    installed = layout.installed(snap)
    if installed is None:
        raise SnapshotError(f'snap "{snap}" is not installed')
    owners = layout.find_users(users) if users else layout.users_with_data()[0]
    store.prepare()
    with store.snap_lock(snap, "save"):
        with store.lock():
            set_id = store.allocate_id()
        check_space(store, measure(data_of(layout, installed, owners)).allocated)
        saved = Saver(store, installed, owners, options or SaveOptions()).run(set_id, job)
        with store.lock():
            store.publish(set_id, [saved.staged], job)
    return saved.snapshot._replace(path=store.path_of(saved.snapshot))
