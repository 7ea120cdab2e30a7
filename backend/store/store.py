"""A directory of snapshots: which files are in it, which belong together, what may be added and removed.

Reads names and metadata; never unpacks data, never asks snapd. What is added appears as a whole set or not
at all, under snapd's own marker for unfinished imports.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from backend.archive.reader import read_snapshot
from backend.errors import (
    BlockedError,
    ConflictError,
    IntegrityError,
    OpenEndedError,
    SnapshotError,
    UnrecordedError,
)
from backend.format.names import filename, snapshot_id
from backend.fs import beneath, files
from backend.host.layout import Layout
from backend.host.socket import daemon_answers
from backend.model import Snapshot, SnapshotSet
from backend.store.metadata_cache import MetadataCache, cache_directory
from backend.store.set_ids import LARGEST_SANE_ID, NotedSetId
from backend.store.unfinished import STAGING, is_ours, marked_set, marker_name

if TYPE_CHECKING:
    from backend.fs.locks import FileLock
    from backend.progress import Progress
    from backend.steps import DoomedFile, PublicationBegun

_LOOKS = 20


class Staged(NamedTuple):
    """A whole, synced snapshot file that waits to be published as `name`."""

    path: str
    name: str


def _never_stopped() -> None:
    """Stands for the check of a job where there is none."""


class Store:
    """The snapshots of one layout; locks, the largest set id and an index lie in `state_dir`.

    Methods raise SnapshotError where the directory of snapshots cannot be read or written.
    """

    def __init__(self, layout: Layout, state_dir: str) -> None:
        self.layout = layout
        self.folder = layout.snapshots
        self._state_dir = state_dir
        self._noted_id = NotedSetId(state_dir)

    @property
    def root(self) -> dict[str, Any]:
        """How a journal names the root it is about."""
        from backend.store.root_id import RootId

        known = {"path": self.layout.root, "id": RootId(self._state_dir).read()}
        return {**known, **self.layout.identity._asdict()}

    # -- looking

    def names(self) -> list[tuple[int, str]]:
        """List set ids and names of all files that count as snapshots, sorted; none without a folder.

        Raises:
            SnapshotError: `cannot open snapshots directory: …`.
        """
        numbered = ((snapshot_id(name), name) for name in self.listing())
        return sorted((number, name) for number, name in numbered if number is not None)

    def numbers(self) -> set[int]:
        """Return the ids of all sets that have a file; none where the directory cannot be read."""
        with suppress(SnapshotError):
            return {number for number, _ in self.names()}
        return set()

    def listing(self) -> list[str]:
        """List the names of all that is in the directory; none without a folder."""
        with files.os_errors_as("cannot open snapshots directory"):
            try:
                return os.listdir(self.folder)
            except FileNotFoundError:
                return []

    def iter_snapshots(
        self, set_id: int | None = None, progress: "Progress | None" = None
    ) -> Iterator[Snapshot]:
        """Read every snapshot of the store, or of one set, by set id and name; damaged ones are broken ones.

        Sets that are being imported are passed over as wholes.

        Raises:
            Cancelled: the job was stopped.
        """
        check = progress.raise_if_cancelled if progress is not None else _never_stopped
        check()
        names = [(number, name) for number, name in self._whole() if set_id in (None, number)]
        yield from self._read(names, check)

    def _whole(self) -> list[tuple[int, str]]:
        """The names that belong to whole sets: none of a set that is being imported.

        A set published between two looks could be seen in part; so it is looked until nothing changes.
        """
        names = self.names()
        importing: set[int] = set()
        for _ in range(_LOOKS):
            importing = {number for number in dict(names) if os.path.lexists(self.marker(number))}
            before, names = names, self.names()
            if names == before:
                break
        return [(number, name) for number, name in names if number not in importing]

    def _read(self, names: Sequence[tuple[int, str]], check: Callable[[], None]) -> Iterator[Snapshot]:
        kept_in = partial(cache_directory, self.layout, self._state_dir)
        with MetadataCache.opened(kept_in, self.folder) as index:
            for _, name in names:
                check()
                try:
                    yield index.snapshot(name) or index.remember(name, read_snapshot(f"{self.folder}/{name}"))
                except FileNotFoundError:
                    continue

    def list_sets(
        self, set_id: int | None = None, snaps: Sequence[str] = (), progress: "Progress | None" = None
    ) -> list[SnapshotSet]:
        """List the sets, or one, by id, their snapshots by snap name, those of `snaps` only.

        Raises:
            Cancelled: the job was stopped.
        """
        snapshots = self.iter_snapshots(set_id, progress)
        return self._gathered(snapshot for snapshot in snapshots if not snaps or snapshot.snap in snaps)

    def newest_sets(self, count: int) -> list[SnapshotSet]:
        """List the sets, by id, that the last `count` files belong to."""
        names = self._whole()
        ids = {number for number, _ in names[-count:]}
        return self._gathered(
            self._read([(number, name) for number, name in names if number in ids], _never_stopped)
        )

    def _gathered(self, snapshots: Iterable[Snapshot]) -> list[SnapshotSet]:
        sets: dict[int, list[Snapshot]] = {}
        auto = self.layout.state.auto_sets()
        for snapshot in snapshots:
            if snapshot.set_id in auto:
                snapshot = snapshot._replace(auto=True)
            sets.setdefault(snapshot.set_id, []).append(snapshot)
        return [
            SnapshotSet(
                number,
                tuple(sorted(sets[number], key=lambda snapshot: snapshot.snap.encode("utf-8", "replace"))),
            )
            for number in sorted(sets)
        ]

    def last_set_id(self) -> int:
        """Return the largest set id on disk, 0 without any; negative and absurd ids do not count."""
        return max((number for number, _ in self.names() if number < LARGEST_SANE_ID), default=0)

    def path_of(self, snapshot: Snapshot) -> str:
        """Return where a snapshot belongs."""
        return f"{self.folder}/{filename(snapshot)}"

    # -- locks

    def lock(self) -> AbstractContextManager[bool]:
        """Return the lock that is held while ids are given out and files appear or go; it waits."""
        return self._lock("store", "the store is busy").held(wait=True)

    def snap_lock(self, snap: str, action: str) -> AbstractContextManager[bool]:
        """Return the lock that is held while the data of a snap are saved or replaced.

        Entering it raises ConflictError when they are in use; `action` is what it says cannot be done.
        """
        return self._lock(
            f"snap-{snap}", f'cannot {action}: snap "{snap}" has another change in progress'
        ).held()

    def set_lock(self, set_id: int, *, shared: bool) -> AbstractContextManager[bool]:
        """Return the lock of a set: shared while it is read, alone while it is forgotten.

        Entering it raises ConflictError when that clashes.
        """
        busy = f"cannot operate on snapshot set #{set_id} while another operation on it is in progress"
        return self._lock(f"set-{set_id}", busy).held(shared=shared)

    def _lock(self, name: str, busy: str) -> "FileLock":
        from backend.fs.directories import make_directories
        from backend.fs.locks import FileLock

        folder = f"{self._state_dir}/locks"
        with files.os_errors_as("cannot lock the store"):
            make_directories(self._state_dir, 0o700)
            make_directories(folder, 0o700)
        return FileLock(f"{folder}/{name}", busy)

    # -- adding

    def prepare(self) -> None:
        """Make the snapshots directory where there is none (mode 0700)."""
        from backend.fs.directories import make_directories

        with files.os_errors_as(f"cannot create snapshots directory {self.folder}"):
            above = os.path.dirname(self.folder)
            make_directories(above)
            make_directories(self.folder, 0o700)

    def allocate_id(self) -> int:
        """Give out a set id that was never used, by snapd or by us. Call it holding `lock`."""
        known = (self._noted_id.read(), self.last_set_id(), self.layout.state.last_set_id(), *self._marked())
        number = max(value for value in known if value < LARGEST_SANE_ID) + 1
        with files.os_errors_as("cannot note the new set id"):
            self._noted_id.write(number)
        return number

    def _marked(self) -> list[int]:
        """The ids of sets whose files are hidden, or yet to come."""
        return [number for name in self.listing() if (number := marked_set(name)) is not None]

    def marker(self, set_id: int) -> str:
        """Return the path of the file that hides a set while it is incomplete, from snapd as well."""
        return f"{self.folder}/{marker_name(set_id)}"

    def publish(self, set_id: int, staged: Sequence[Staged], progress: "Progress") -> None:
        """Let a whole set appear at once: none of its files can be seen before all are in place.

        Never replaces a file. Call it holding `lock`. When it fails, nothing is left, staged or not.

        Raises:
            ConflictError: snapd was started meanwhile, or the set is being imported.
            SnapshotError: a file could not be put in place.
        """
        from backend.steps import PublicationBegun, Published, PublishedFile

        mine = tuple(PublishedFile(*file, files.identity(file.path)) for file in staged)
        publication = PublicationBegun(set_id, mine)
        marked = False
        try:
            with progress.uncancellable(), files.os_errors_as(f"cannot publish snapshot set #{set_id}"):
                self.demand_no_daemon("publish the set")
                progress.record_step(publication)
                self._hide(set_id)
                marked = True
                for file in staged:
                    files.rename_new(file.path, None, f"{self.folder}/{file.name}", None)
                files.sync_directory(self.folder)
                beneath.unlink(self.marker(set_id))
                files.sync_directory(self.folder)
                progress.record_step(Published(set_id))
        except BaseException as failure:
            try:
                self.retract(publication, marked=marked)
            except OSError:
                if marked and self.is_published(publication):
                    raise UnrecordedError(f"publishing set #{set_id}", failure) from failure
                raise
            raise

    def is_published(self, publication: "PublicationBegun") -> bool:
        """Whether the set that a save or an import was to publish is there, whole."""
        is_hidden = files.identity(self.marker(publication.set_id)) is not None
        return not is_hidden and all(
            files.is_recorded(f"{self.folder}/{file.name}", file.identity) for file in publication.files
        )

    def demand_no_daemon(self, action: str) -> None:
        """Make sure that no snapd was started for this root since the work began.

        Raises:
            ConflictError: one was; `action` is what it says cannot be done.
        """
        if daemon_answers(self.layout.socket):
            raise ConflictError(f"cannot {action}: snapd was started meanwhile; nothing was changed")

    def _hide(self, set_id: int) -> None:
        try:
            os.close(beneath.open_path(self.marker(set_id), files.NEW_FILE, 0o644))
        except FileExistsError:
            raise ConflictError(
                f"cannot import snapshot {set_id}: already in progress for this set id"
            ) from None
        try:
            files.sync_directory(self.folder)
        except OSError:
            os.unlink(self.marker(set_id))
            raise

    def retract(self, publication: "PublicationBegun", *, marked: bool = True) -> None:
        """Take back what an unfinished `publish` put in place: its own files and its marker, nothing else."""
        for path, name, identity in publication.files:
            for candidate in (f"{self.folder}/{name}", path):
                if files.is_recorded(candidate, identity):
                    beneath.unlink(candidate)
        marker = self.marker(publication.set_id)
        if marked and files.identity(marker) is not None:
            beneath.unlink(marker)
        files.sync_directory(self.folder)

    def check_publication(self, publication: "PublicationBegun") -> None:
        """Make sure that a publication names files of its set, below our folder, and no others.

        Raises:
            IntegrityError: it names others.
        """
        number = publication.set_id
        for path, name, _ in publication.files:
            if "/" in name or snapshot_id(name) != number:
                raise IntegrityError(f"{name} is not a file of set #{number}")
            if not self.is_unfinished(path):
                raise IntegrityError(f"{path} is not a file of an unfinished save or import")

    def is_unfinished(self, path: str) -> bool:
        """Whether a path is one that saves and imports give to what they have not finished."""
        folder, name = os.path.split(path)
        if os.path.dirname(folder) == self.folder and os.path.basename(folder).startswith(STAGING):
            return snapshot_id(name) is not None
        return folder == self.folder and is_ours(name)

    # -- removing

    def forget(self, snapshots: Sequence[Snapshot], progress: "Progress") -> int:
        """Remove snapshot files; return the bytes freed. One that is gone already is fine.

        Their set ids are noted as used. Call it holding `lock`.

        Raises:
            SnapshotError: a file cannot be removed; it is named.
        """
        from backend.steps import DoomedFile, ForgetBegun

        freed = 0
        self.note_used(snapshots)  # nothing else may tell of it once they are gone
        identities = ((snapshot.path, files.identity(snapshot.path)) for snapshot in snapshots)
        doomed = (DoomedFile(os.path.basename(path), identity) for path, identity in identities if identity)
        with progress.uncancellable(), files.os_errors_as("cannot forget"):
            progress.record_step(ForgetBegun(tuple(doomed)))
            for number, snapshot in enumerate(snapshots):
                try:
                    freed += _remove_snapshot(snapshot)
                except SnapshotError as failure:
                    if not number:
                        raise
                    gone = ", ".join(before.snap or before.path for before in snapshots[:number])
                    raise SnapshotError(f"{failure}; forgotten already: {gone}") from failure
            self.note_used(snapshots)  # where there was no room for it before
            try:
                files.sync_directory(self.folder)
            except OSError as failure:
                reason = f"a power failure may bring the files back: {failure.strerror}"
                raise OpenEndedError(f"forget is done, but {reason}") from failure
        return freed

    def note_used(self, snapshots: Sequence[Snapshot]) -> None:
        """Note the set ids of snapshots as used, as far as there is room for that."""
        known = (snapshot.set_id for snapshot in snapshots if snapshot.set_id < LARGEST_SANE_ID)
        self._noted_id.raise_to(max(known, default=0))

    def end_forgetting(self, doomed: "Sequence[DoomedFile]") -> None:
        """Remove what is left of the files that a `forget` noted before it died.

        Raises:
            IntegrityError: a name is not that of a snapshot file.
        """
        for name, identity in doomed:
            if "/" in name or snapshot_id(name) is None:
                raise IntegrityError(f"{name} is not a snapshot file")
            path = f"{self.folder}/{name}"
            if files.is_recorded(path, identity):
                beneath.unlink(path)
        files.sync_directory(self.folder)

    # -- what a crash left

    def sweep(self) -> None:
        """Remove half-written notes of set ids from our state folder, where it can be locked."""
        if os.path.isdir(self._state_dir):
            with suppress(BlockedError), self.lock():
                self._noted_id.sweep()


def _remove_snapshot(snapshot: Snapshot) -> int:
    """Remove the file of a snapshot; returns the bytes freed, 0 where it is gone, or has other names."""
    action = f"cannot forget snapshot of {snapshot.snap or snapshot.path}"
    with files.os_errors_as(action), suppress(FileNotFoundError):
        look = beneath.lstat(snapshot.path)
        beneath.unlink(snapshot.path)
        return look.st_size if look.st_nlink == 1 else 0
    return 0
