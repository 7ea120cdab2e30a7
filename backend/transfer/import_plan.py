"""What an import would add: what is in the file and what is here. Nothing is imported, nothing proved.

The one preflight of an import: the dialog and the plain mode both take it from here.
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from backend.archive.export_file import ExportFile, read_export_file
from backend.errors import SnapshotError
from backend.fs.space import RESERVED_SPACE, free_space
from backend.host.layout import InstalledSnap, Layout
from backend.model import Snapshot, SnapshotSet
from backend.operations import Import
from backend.progress import Progress
from backend.store.place import SnapshotPlace

_MOST_METADATA = 64 << 10  # at most what a snapshot file holds beside its archives


class InstalledHere(NamedTuple):
    """The snap that is installed here, if any; `trouble` says why that is not known."""

    snap: InstalledSnap | None = None
    trouble: str = ""


class ImportChoice(NamedTuple):
    """What is asked for: which snaps, and whether a wrong content hash is accepted."""

    snaps: frozenset[str] = frozenset()
    accept_hash: bool = False

    def toggled(self, snap: str) -> "ImportChoice":
        """Return the choice with a snap chosen, or not any more."""
        return self._replace(snaps=self.snaps ^ {snap})


class ImportObstacle(Enum):
    """Why a file cannot be imported as asked for."""

    UNREADABLE = "the file cannot be read"
    FAULTY = "cannot be imported"
    NOTHING_CHOSEN = "nothing is selected"
    WRONG_HASH = "the content hash of the set does not match"
    NO_SPACE = "not enough free space"


@dataclass(frozen=True)
class ImportPlan:
    """What a file holds, and what is here: the snaps of the same name, who is unknown, every set.

    `expiry` says when automatic sets go, by number. `trouble` says why the file cannot be looked into.
    """

    path: str
    export: ExportFile | None = None
    installed: dict[str, InstalledHere] = field(default_factory=dict)
    unknown_users: frozenset[str] = frozenset()
    sets: tuple[SnapshotSet, ...] = ()
    expiry: dict[int, str] = field(default_factory=dict)
    free: int = 0
    trouble: str = ""

    @property
    def snapshots(self) -> tuple[Snapshot, ...]:
        """What is in the file, as far as it can be read."""
        return self.export.snapshots if self.export else ()

    @property
    def snaps(self) -> frozenset[str]:
        """The snaps in it that an import can take."""
        return frozenset(
            snapshot.snap for snapshot in self.snapshots if snapshot.snap and not snapshot.broken
        )

    @property
    def missing_space(self) -> int:
        """The bytes that have to be freed first; all of a file is verified, whatever is taken of it."""
        return max(0, self.export.size + RESERVED_SPACE - self.free) if self.export else 0

    def chosen(self, choice: ImportChoice) -> tuple[Snapshot, ...]:
        """List the snapshots that would be taken."""
        return tuple(snapshot for snapshot in self.snapshots if snapshot.snap in choice.snaps)

    def operation(self, choice: ImportChoice) -> Import:
        """Return the import that is asked for: all of the file where all is chosen."""
        is_whole = choice.snaps >= self.snaps
        names = () if is_whole else tuple(snapshot.snap for snapshot in self.chosen(choice))
        return Import(self.path, choice.accept_hash, names)

    def added_bytes(self, choice: ImportChoice) -> int:
        """Return the bytes that would be added: those of the file, or at most those of a part of it."""
        if self.export is None:
            return 0
        part = sum(snapshot.size + _MOST_METADATA for snapshot in self.chosen(choice))
        return self.export.size if choice.snaps >= self.snaps else min(part, self.export.size)

    def duplicate_of(self, choice: ImportChoice) -> int:
        """Return the set that holds already what would be taken, or 0; hashes the metadata of every set."""
        return self.export.duplicate_of(self.sets, sorted(choice.snaps)) if self.export else 0

    def obstacle(self, choice: ImportChoice) -> ImportObstacle | None:
        """Say why it cannot be imported as asked for; None where it can."""
        if self.export is None:
            return ImportObstacle.UNREADABLE
        if self.export.faults:
            return ImportObstacle.FAULTY
        if not choice.snaps:
            return ImportObstacle.NOTHING_CHOSEN
        if not self.export.hash_fits and not choice.accept_hash:
            return ImportObstacle.WRONG_HASH
        return ImportObstacle.NO_SPACE if self.missing_space else None


def plan_import(place: SnapshotPlace, path: str, progress: Progress) -> ImportPlan:
    """Look into a file without importing it, and at what is here; trouble is part of the plan.

    Raises:
        Cancelled: the job was stopped.
    """
    try:
        export = read_export_file(path, progress)
        layout = place.layout
        users = {name for snapshot in export.snapshots for name in snapshot.users}
        return ImportPlan(
            path,
            export,
            installed={s.snap: _installed(layout, s.snap) for s in export.snapshots if s.snap},
            unknown_users=frozenset(name for name in users if not _is_known(layout, name)),
            sets=tuple(place.sets()),
            expiry=layout.state.auto_sets(),
            free=free_space(layout.snapshots),
        )
    except SnapshotError as trouble:
        return ImportPlan(path, trouble=str(trouble))


def _installed(layout: Layout, snap: str) -> InstalledHere:
    try:
        return InstalledHere(layout.installed(snap))
    except SnapshotError as trouble:
        return InstalledHere(trouble=str(trouble))


def _is_known(layout: Layout, name: str) -> bool:
    try:
        return bool(layout.find_users([name]))
    except SnapshotError:
        return False
