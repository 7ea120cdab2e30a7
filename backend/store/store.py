"""A directory of snapshots: which files are in it, which belong together, what may be added and removed.

Reads names and metadata; never unpacks data, never asks snapd. What is added appears as a whole set or not
at all, under snapd's own marker for unfinished imports.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, NamedTuple

from backend.archive.reader import read_snapshot
from backend.errors import ConflictError, IntegrityError, MultiError, SnapshotError
from backend.format.names import filename, snapshot_id
from backend.fs import files
from backend.fs.files import FileLock
from backend.host.layout import Layout
from backend.host.socket import daemon_answers
from backend.model import Snapshot, SnapshotSet
from backend.store.metadata_cache import MetadataCache

if TYPE_CHECKING:
    from backend.progress import Progress
    from backend.steps import DoomedFile, PublicationBegun

LARGEST_SANE_ID = 1 << 62
TEMPORARY = r"[0-9]+_[^/]*\.zip\.[A-Za-z0-9]{12}~"
_SNAPDS_TEMPORARY = rf"{TEMPORARY}|[0-9]+_[^/]*\.zip\.[0-9]{{1,10}}~"  # the latter since 2.77 at the latest
_TEMPORARY_LIKE = r"[0-9]+_.*\.zip\..*~"
_LOOKS = 20
STAGING = ".snapstow-import-"
_MARKER = r"([0-9]+)_importing"
_GLANCE = 16 << 10
_HALF_NOTE = re.compile(r"last-set-id\.[A-Za-z0-9]{12}~")
_MARKER_LIKE = r"[0-9].*_importing"


def is_recorded(path: str, recorded: Sequence[int] | None) -> bool:
    """Whether `path` is the file that a journal recorded as device and inode.

    Only the inode counts: a device may have another number once the machine was started again.
    """
    present = files.identity(path)
    if not recorded or present is None:
        return False
    return present.inode == recorded[1]


class Staged(NamedTuple):
    """A whole, synced snapshot file that waits to be published as `name`."""

    path: str
    name: str


def _never_stopped() -> None:
    """Stands for the check of a job where there is none."""


class Store:
    """The snapshots of one layout; locks, the largest set id and an index lie in `state_dir`."""

    def __init__(self, layout: Layout, state_dir: str) -> None:
        self.layout = layout
        self.folder = layout.snapshots
        self._state_dir = state_dir

    @property
    def root(self) -> dict[str, Any]:
        """How a journal names the root it is about."""
        status = os.stat(self.layout.root)
        return {"path": self.layout.root, "device": status.st_dev, "inode": status.st_ino}

    # -- looking

    def names(self) -> list[tuple[int, str]]:
        """Set ids and names of all files that count as snapshots, sorted; none without a folder.

        SnapshotError `cannot open snapshots directory: …` when it cannot be read.
        """
        numbered = ((snapshot_id(name), name) for name in self._listing())
        return sorted((number, name) for number, name in numbered if number is not None)

    def _listing(self) -> list[str]:
        with files.os_errors_as("cannot open snapshots directory"):
            try:
                return os.listdir(self.folder)
            except FileNotFoundError:
                return []

    def iter_snapshots(
        self, set_id: int | None = None, progress: "Progress | None" = None
    ) -> Iterator[Snapshot]:
        """Every snapshot of the store (or of one set), by set id and name; damaged ones are broken ones.

        Sets that are being imported are passed over as wholes. Leaving the loop is stopping.
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
        with MetadataCache.opened(self._state_dir, self.folder) as index:
            for _, name in names:
                check()
                try:
                    yield index.snapshot(name) or index.remember(name, read_snapshot(f"{self.folder}/{name}"))
                except FileNotFoundError:
                    continue

    def list_sets(
        self, set_id: int | None = None, snaps: Sequence[str] = (), progress: "Progress | None" = None
    ) -> list[SnapshotSet]:
        """The sets (or one), by id, their snapshots by snap name, those of `snaps` only."""
        snapshots = self.iter_snapshots(set_id, progress)
        return self._gathered(snapshot for snapshot in snapshots if not snaps or snapshot.snap in snaps)

    def newest_sets(self, count: int) -> list[SnapshotSet]:
        """The sets, by id, that the last `count` files belong to."""
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
        """The largest set id on disk, 0 without any; negative and absurd ids do not count."""
        return max((number for number, _ in self.names() if number < LARGEST_SANE_ID), default=0)

    def path_of(self, snapshot: Snapshot) -> str:
        """Where a snapshot belongs."""
        return f"{self.folder}/{filename(snapshot)}"

    # -- locks

    def lock(self) -> AbstractContextManager[None]:
        """Held while ids are given out and files appear or go; waits for its turn."""
        return self._lock("store", "the store is busy").held(wait=True)

    def snap_lock(self, snap: str, action: str) -> AbstractContextManager[None]:
        """Held while the data of a snap are saved or replaced; ConflictError when they are in use."""
        return self._lock(
            f"snap-{snap}", f'cannot {action}: snap "{snap}" has another change in progress'
        ).held()

    def set_lock(self, set_id: int, *, shared: bool) -> AbstractContextManager[None]:
        """Held shared while a set is read, alone while it is forgotten; ConflictError when that clashes."""
        busy = f"cannot operate on snapshot set #{set_id} while another operation on it is in progress"
        return self._lock(f"set-{set_id}", busy).held(shared=shared)

    def _lock(self, name: str, busy: str) -> FileLock:
        folder = f"{self._state_dir}/locks"
        with files.os_errors_as("cannot lock the store"):
            files.make_directories(self._state_dir, 0o700)
            files.make_directories(folder, 0o700)
        return FileLock(f"{folder}/{name}", busy)

    # -- adding

    def prepare(self) -> None:
        """Make the snapshots directory where there is none (mode 0700)."""
        with files.os_errors_as(f"cannot create snapshots directory {self.folder}"):
            above = os.path.dirname(self.folder)
            files.make_directories(above)
            files.make_directories(self.folder, 0o700)

    def allocate_id(self) -> int:
        """A set id that was never used, by snapd or by us. Call it holding `lock`."""
        known = (self._noted(), self.last_set_id(), self.layout.state.last_set_id(), self._largest_marker())
        number = max(value for value in known if value < LARGEST_SANE_ID) + 1
        with files.os_errors_as("cannot note the new set id"):
            self._note(number)
        return number

    @property
    def _mark(self) -> str:
        """The file of the largest set id that was noted as used."""
        return f"{self._state_dir}/last-set-id"

    def _noted(self) -> int:
        try:
            return int(files.read_whole(self._mark, 64).strip() or b"0")
        except (FileNotFoundError, ValueError):
            return 0

    def _note(self, number: int) -> None:
        files.make_directories(self._state_dir, 0o700)
        files.write_whole(self._mark, b"%d\n" % number)

    def has_guards(self) -> bool:
        """Whether the journal may name guards: a look that costs less than to read it."""
        try:
            with os.scandir(f"{self._state_dir}/jobs") as jobs:
                return any(b'"guard"' in _beginning(f"{job.path}/steps.jsonl") for job in jobs)
        except OSError:
            return False

    def _largest_marker(self) -> int:
        return max(
            (int(match[1]) for name in self._listing() if (match := re.fullmatch(_MARKER, name))), default=0
        )

    def marker(self, set_id: int) -> str:
        """The file that hides a set while it is incomplete, from snapd as well."""
        return f"{self.folder}/{set_id}_importing"

    def publish(self, set_id: int, staged: Sequence[Staged], progress: "Progress") -> None:
        """Let a whole set appear at once: none of its files can be seen before all are in place.

        Never replaces a file. Call it holding `lock`. When it fails, nothing is left, staged or not.
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
                os.unlink(self.marker(set_id))
                files.sync_directory(self.folder)
                progress.record_step(Published(set_id))
        except BaseException:
            self.retract(publication, marked=marked)
            raise

    def demand_no_daemon(self, action: str) -> None:
        """ConflictError when a snapd was started for this root since the work began."""
        if daemon_answers(self.layout.socket):
            raise ConflictError(f"cannot {action}: snapd was started meanwhile; nothing was changed")

    def _hide(self, set_id: int) -> None:
        try:
            os.close(os.open(self.marker(set_id), files.NEW_FILE, 0o644))
        except FileExistsError:
            raise ConflictError(
                f"cannot import snapshot {set_id}: already in progress for this set id"
            ) from None
        files.sync_directory(self.folder)

    def retract(self, publication: "PublicationBegun", *, marked: bool = True) -> None:
        """Take back what an unfinished `publish` put in place: its own files and its marker, nothing else."""
        for path, name, identity in publication.files:
            for candidate in (f"{self.folder}/{name}", path):
                if is_recorded(candidate, identity):
                    os.unlink(candidate)
        marker = self.marker(publication.set_id)
        if marked and files.identity(marker) is not None:
            os.unlink(marker)
        files.sync_directory(self.folder)

    def check_publication(self, publication: "PublicationBegun") -> None:
        """IntegrityError unless it names files of its set, below our folder, and no others."""
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
        return folder == self.folder and bool(re.fullmatch(TEMPORARY, name) or name.startswith(STAGING))

    # -- removing

    def forget(self, snapshots: Sequence[Snapshot], progress: "Progress") -> int:
        """Remove snapshot files; returns the bytes freed. One that is gone already is fine.

        Their set ids are noted as used. Call it holding `lock`.
        """
        from backend.steps import DoomedFile, ForgetBegun

        freed = 0
        self._note_last(snapshots)
        identities = ((snapshot.path, files.identity(snapshot.path)) for snapshot in snapshots)
        doomed = (DoomedFile(os.path.basename(path), identity) for path, identity in identities if identity)
        with progress.uncancellable(), files.os_errors_as("cannot forget"):
            progress.record_step(ForgetBegun(tuple(doomed)))
            for snapshot in snapshots:
                with files.os_errors_as(f"cannot forget snapshot of {snapshot.snap or snapshot.path}"):
                    try:
                        size = os.lstat(snapshot.path).st_size
                        os.unlink(snapshot.path)
                        freed += size
                    except FileNotFoundError:
                        continue
            files.sync_directory(self.folder)
        return freed

    def _note_last(self, snapshots: Sequence[Snapshot]) -> None:
        """Note their largest set id: nothing else may tell of it once they are gone."""
        last = max(
            (snapshot.set_id for snapshot in snapshots if snapshot.set_id < LARGEST_SANE_ID), default=0
        )
        try:
            if last > self._noted():
                self._note(last)
        except OSError:
            pass  # where there is no room, to make some comes first

    def end_forgetting(self, doomed: "Sequence[DoomedFile]") -> None:
        """Remove what is left of the files that a `forget` noted before it died."""
        for name, identity in doomed:
            if "/" in name or snapshot_id(name) is None:
                raise IntegrityError(f"{name} is not a snapshot file")
            path = f"{self.folder}/{name}"
            if is_recorded(path, identity):
                os.unlink(path)
        files.sync_directory(self.folder)

    # -- what a crash left

    def markers(self) -> list[str]:
        """The names of all markers of unfinished imports."""
        return sorted(name for name in self._listing() if re.fullmatch(_MARKER_LIKE, name))

    def temporaries(self) -> list[str]:
        """Paths of files and folders of interrupted saves and imports, ours and snapd's."""
        return sorted(path for path in map(self._path, self._listing()) if _is_temporary(path))

    def likenesses(self) -> list[str]:
        """Paths of what is named much like an unfinished save, but is surely neither ours nor snapd's."""
        alike = [self._path(name) for name in self._listing() if re.fullmatch(_TEMPORARY_LIKE, name, re.S)]
        return sorted(path for path in alike if not _is_temporary(path))

    def _path(self, name: str) -> str:
        return f"{self.folder}/{name}"

    def sweep(self) -> None:
        """Remove half-written notes of set ids from our state folder."""
        if not os.path.isdir(self._state_dir):
            return
        with self.lock():
            for name in os.listdir(self._state_dir):
                if _HALF_NOTE.fullmatch(name):
                    os.unlink(f"{self._state_dir}/{name}")

    def clean_up_abandoned_imports(self) -> int:
        """Remove every set that has a marker, and the marker; returns how many sets.

        For the start of whoever alone owns the store. MultiError `cannot cleanup imports` lists the failures,
        after everything else was cleaned.
        """
        cleaned = 0
        failures: list[Exception] = []
        for name in self.markers():
            try:
                self.abandon_import(name)
                cleaned += 1
            except SnapshotError as failure:
                failures.append(failure)
        if failures:
            raise MultiError("cannot cleanup imports", failures)
        return cleaned

    def abandon_import(self, marker: str) -> None:
        """Remove one set with its marker file, whatever the number's spelling."""
        match = re.fullmatch(_MARKER, marker)
        if not match:
            raise SnapshotError(f'cannot determine snapshot id from "{self.folder}/{marker}"')
        number = int(match[1])
        doomed = [name for owner, name in self.names() if owner == number]
        failures: list[Exception] = []
        for name in [*doomed, marker]:
            try:
                os.unlink(f"{self.folder}/{name}")
            except OSError as cause:
                failures.append(
                    SnapshotError(f"remove {self.folder}/{name}: {(cause.strerror or '').lower()}")
                )
        if failures:
            raise MultiError(f"cannot cancel import for set id {number}", failures)


def _is_temporary(path: str) -> bool:
    """Whether a path is an unfinished save or import, by its name and kind; or was, where it is gone."""
    name = os.path.basename(path)
    if not re.fullmatch(_SNAPDS_TEMPORARY, name):
        return name.startswith(STAGING)
    return not os.path.lexists(path) or (os.path.isfile(path) and not os.path.islink(path))


def _beginning(path: str) -> bytes:
    """The first bytes of a file; none where it cannot be read."""
    try:
        with files.opened(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK) as fd:
            return os.read(fd, _GLANCE)
    except OSError:
        return b""
