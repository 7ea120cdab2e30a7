"""Saving: one new snapshot file, whole or not at all, waiting to be published."""

import hashlib
import os
import stat
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from backend.archive.container import ContainerWriter
from backend.archive.gzip.blocks import Level, compress
from backend.archive.tar.program import Tar, empty_archive
from backend.errors import BlockedError, ChangedError, NotFoundError, SnapshotError
from backend.format import excludes
from backend.format.metadata import metadata_json
from backend.format.names import METADATA, METADATA_HASH, filename
from backend.format.timestamps import time_text
from backend.fs import beneath, files
from backend.fs import safe_open as parents
from backend.fs.removal import remove_tree
from backend.fs.space import require_space
from backend.host.layout import InstalledSnap, Layout
from backend.model import ARCHIVE, Snapshot, User, user_entry
from backend.progress import Progress, Started
from backend.save.estimate import Scope, expected
from backend.save.mounted import INCLUDING, mounts_in, tar_pattern
from backend.steps import FileBegun
from backend.store.store import Staged, Store

MEASURING, SAVING = "Measuring", "Saving"
ATTEMPTS = 3


# A tar, the open directory it works in, the names there, what is excluded.
_Source: TypeAlias = tuple[Tar, int, Sequence[str], Sequence[str]]


@dataclass(frozen=True)
class SaveOptions:
    """How to save. `exclude` are patterns in snapd's syntax besides those that the snap ships.

    With `accept_changed`, a file that keeps changing while it is read does not fail the save; with
    `ignore_space`, it starts even where the space may not suffice; with `include_mounts`, what is mounted
    below the data is saved with them.
    """

    exclude: tuple[str, ...] | None = None
    level: Level = Level.AUTO
    accept_changed: bool = False
    ignore_space: bool = False
    include_mounts: bool = False

    def validate(self) -> None:
        """Check the patterns.

        Raises:
            InvalidInputError: one of them cannot be accepted.
        """
        excludes.validate_excludes(self.exclude or ())


class SavedSet(NamedTuple):
    """A published set; `left_out` says what is not in it and why."""

    set_id: int
    snapshots: tuple[Snapshot, ...]
    left_out: tuple[str, ...]


@dataclass
class Saved:
    """A finished, unpublished snapshot; `left_out` says what is not in it and why."""

    snapshot: Snapshot
    staged: Staged
    left_out: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)


class Saver:
    """Writes one snapshot of one snap into a temporary file that snapd ignores.

    The data are those of the installed revision, the system's and those of `users`. `sizes` are the bytes
    that tar makes of each entry, about, as far as known. Raises SnapshotError for what cannot be saved, and
    leaves nothing behind then.
    """

    def __init__(
        self,
        store: Store,
        snap: InstalledSnap,
        users: Sequence[User],
        options: SaveOptions,
        *,
        sizes: Mapping[str, int] | None = None,
    ) -> None:
        self._store = store
        self._layout: Layout = store.layout
        self.snap = snap
        self._users = users
        self._options = options
        self._sizes = sizes or {}
        self._left_out: list[str] = []
        self._changed: list[str] = []
        self._sums: dict[str, str] = {}
        self._size = 0
        self._read = 0

    def run(self, set_id: int, progress: Progress) -> Saved:
        """Save; the file returned is synced and waits for `Store.publish`."""
        snap = self.snap
        patterns = [*excludes.read_manifest(snap.exclude_manifest), *(self._options.exclude or ())]
        excludes.validate_excludes(patterns)
        now = time.time_ns()
        state = self._layout.state
        snapshot = Snapshot(
            set_id=set_id,
            time=time_text(now, time.localtime(now // 10**9).tm_gmtoff),
            snap=snap.name,
            revision=snap.revision,
            snap_id=snap.snap_id,
            epoch=snap.epoch,
            version=snap.version,
            conf=state.config(snap.name) or None,
            exclude=self._options.exclude,
        )
        name = filename(snapshot)
        path = f"{self._store.folder}/{name}.{files.random_name()}~"
        progress.record_step(FileBegun(path))
        with files.os_errors_as(f'cannot save snap "{snap.name}"'):
            fd = beneath.open_path(path, files.NEW_FILE)
            try:
                snapshot = self._write(fd, snapshot, patterns, progress)
                os.fsync(fd)
            except BaseException:
                beneath.unlink(path)
                raise
            finally:
                os.close(fd)
        return Saved(snapshot._replace(path=path), Staged(path, name), self._left_out, self._changed)

    def _write(self, fd: int, snapshot: Snapshot, patterns: Sequence[str], progress: Progress) -> Snapshot:
        writer = ContainerWriter(fd)
        self._add(writer, ARCHIVE, None, patterns=patterns, progress=progress)
        for user in (user for user in self._users if self._layout.user_place(user, self.snap.name)):
            self._add(writer, user_entry(user.name), user, patterns=patterns, progress=progress)
        if not self._sums:
            self._store_empty(writer)
        snapshot = snapshot._replace(sums=self._sums, size=self._size)
        raw = metadata_json(snapshot)
        writer.add_deflated(METADATA, raw)
        writer.add_deflated(METADATA_HASH, f"{hashlib.sha3_384(raw).hexdigest()}\n".encode())
        writer.finish()
        progress.raise_if_cancelled()
        return snapshot

    def _add(
        self,
        writer: ContainerWriter,
        entry: str,
        user: User | None,
        *,
        patterns: Sequence[str],
        progress: Progress,
    ) -> None:
        """Add the archive of the system's data, or of a user's, where there are any."""
        layout, snap = self._layout, self.snap
        parent = layout.user_parent(user, snap.name) if user else layout.system_parent(snap.name)
        with ExitStack() as stack:
            try:
                directory = stack.enter_context(
                    parents.open_data_parent(parent, user, links=layout.is_machine)
                )
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
            expanded += self._without_mounts(parent, expanded)
            tar = Tar(user, machine=layout.is_machine)
            name = f"{snap.name}, {user.name if user else 'system'}"
            with progress.part(name, self._sizes.get(entry)) as part:
                self._archive(writer, entry, (tar, directory, names, expanded), part)

    def _without_mounts(self, parent: str, expanded: Sequence[str]) -> list[str]:
        """Patterns for what is mounted below the data, which is told unless patterns leave it out already."""
        if self._options.include_mounts:
            return []
        matcher = excludes.compiled(expanded)
        points = {point.removeprefix(f"{parent}/"): point for point in mounts_in(parent, self.snap.revision)}
        self._left_out += [
            f"{point} is not included: something is mounted there ({INCLUDING})"
            for path, point in points.items()
            if matcher is None or not matcher.match(path)
        ]
        return [tar_pattern(path) for path in points]

    def _archive(self, writer: ContainerWriter, entry: str, source: _Source, progress: Progress) -> None:
        """Add an archive, made again where files changed meanwhile."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._attempt(writer, entry, source, progress)
                return
            except ChangedError as change:
                if self._settled(change, entry, attempt, progress):
                    self._keep(writer, entry)
                    return
                progress.advance(-self._read)
                writer.discard()

    def _settled(self, change: ChangedError, entry: str, attempt: int, progress: Progress) -> bool:
        """Whether to keep an archive although files changed; raises when they keep changing."""
        if attempt < ATTEMPTS:
            progress.note(f"{self.snap.name}: {change.fatal[0]}; reading {entry} again")
            return False
        if not self._options.accept_changed:
            raise change
        self._changed += change.fatal
        return True

    def _attempt(self, writer: ContainerWriter, entry: str, source: _Source, progress: Progress) -> None:
        self._read = 0
        tar, directory, names, expanded = source
        with tar.pack(directory, names, expanded, progress) as fill:

            def counted(view: memoryview) -> int:
                """Read on, and count the bytes."""
                count = fill(view)
                self._read += count
                return count

            self._compress(writer, entry, counted)
        self._keep(writer, entry)

    def _compress(self, writer: ContainerWriter, entry: str, fill: Callable[[memoryview], int]) -> None:
        self._hasher = hashlib.sha3_384()

        def sink(chunk: bytes | bytearray) -> None:
            """Hash a piece, and write it."""
            self._hasher.update(chunk)
            writer.write(chunk)

        writer.begin(entry)
        compress(fill, sink, self._options.level)

    def _keep(self, writer: ContainerWriter, entry: str) -> None:
        self._size += writer.end()
        self._sums[entry] = self._hasher.hexdigest()

    def _store_empty(self, writer: ContainerWriter) -> None:
        """A snap without data gets one archive of an empty directory, so that its set stays usable."""
        content = [empty_archive(self.snap.revision)]

        def fill(view: memoryview) -> int:
            """Hand out the content, once."""
            if not content:
                return 0
            data = content.pop()
            view[: len(data)] = data
            return len(data)

        self._compress(writer, ARCHIVE, fill)
        self._keep(writer, ARCHIVE)

    def _is_data(self, directory: int, parent: str, name: str) -> bool:
        try:
            status = os.lstat(name, dir_fd=directory)
        except FileNotFoundError:
            return False
        if stat.S_ISDIR(status.st_mode):
            return True
        kind = "a symbolic link" if stat.S_ISLNK(status.st_mode) else "not a directory"
        self._left_out.append(f"{parent}/{name} was not saved: it is {kind}")
        return False


def save_set(
    store: Store,
    snaps: Sequence[InstalledSnap],
    *,
    users: Sequence[User],
    options: SaveOptions,
    progress: Progress,
) -> SavedSet:
    """Save snaps as one new set: those that succeed are published together, the others are named in it.

    When none succeeds, the error of the first is raised. A stop leaves nothing behind.

    Raises:
        ConflictError: a snap is being changed.
        NoSpaceError: there is too little room; nothing was begun.
        Cancelled: the job was stopped.
    """
    with ExitStack() as locks:
        store.prepare()
        for snap in snaps:
            locks.enter_context(store.snap_lock(snap.name, "save"))
        progress.plan(Started(MEASURING, None), Started(SAVING, None))
        with progress.step(MEASURING):
            scope = Scope(users, options.exclude or (), options.include_mounts)
            measured = [expected(store.layout, snap, scope, progress) for snap in snaps]
            needed = sum(size.allocated for known in measured for size in known.sizes.values())
        if not options.ignore_space:
            require_space([(store.folder, needed)], "cannot save")
        archived = [known.archived for known in measured]
        with store.lock():
            set_id = store.allocate_id()
        savers = [
            Saver(store, snap, users, options, sizes=known)
            for snap, known in zip(snaps, archived, strict=True)
        ]
        total = sum(sum(sizes.values()) for sizes in archived)
        with progress.step(SAVING, total, parts=sum(map(len, archived))):
            saved, failures = _save_each(savers, set_id, progress)
        try:
            with store.lock():
                store.publish(set_id, [made.staged for made in saved], progress)
        except BaseException:
            for made in saved:
                with suppress(OSError):  # why nothing is published is what has to be told
                    remove_tree(made.staged.path)
            raise
    left_out = [line for made in saved for line in made.left_out]
    left_out += [f"changed while being read: {line}" for made in saved for line in made.changed]
    left_out += [
        f"{snap.name}: {known.lost}"
        for snap, known in zip(snaps, measured, strict=True)
        if known.lost and snap.name not in failures
    ]
    left_out += [f'snap "{name}" was not saved: {failure}' for name, failure in failures.items()]
    published = tuple(made.snapshot._replace(path=store.path_of(made.snapshot)) for made in saved)
    return SavedSet(set_id, published, tuple(left_out))


def _save_each(
    savers: "Sequence[Saver]", set_id: int, progress: Progress
) -> tuple[list[Saved], dict[str, SnapshotError]]:
    saved: list[Saved] = []
    failures: dict[str, SnapshotError] = {}
    try:
        for saver in savers:
            try:
                saved.append(saver.run(set_id, progress))
            except SnapshotError as failure:
                failures[saver.snap.name] = failure
                progress.note(f'snap "{saver.snap.name}": {failure}')
        progress.raise_if_cancelled()
    except BaseException:
        for made in saved:
            beneath.unlink(made.staged.path)
        raise
    if not saved:
        raise next(iter(failures.values()))
    return saved, failures


def save_snap(
    store: Store,
    snap: str,
    *,
    users: Sequence[str] = (),
    options: SaveOptions | None = None,
    progress: Progress | None = None,
) -> Snapshot:
    """Save one installed snap as a set of its own and publish it; return the snapshot.

    Without `users`, everybody's data are saved. When it fails, nothing is left behind.

    Raises:
        NotFoundError: the snap or a user is unknown.
        ConflictError: the snap is being changed.
        NoSpaceError: there is too little room.
        Cancelled: the job was stopped.
    """
    layout = store.layout
    installed = layout.installed(snap)
    if installed is None:
        raise NotFoundError(f'snap "{snap}" is not installed')
    owners = layout.find_users(users) if users else layout.users_with_data()[0]
    options, progress = options or SaveOptions(), progress or Progress()
    return save_set(store, [installed], users=owners, options=options, progress=progress).snapshots[0]
