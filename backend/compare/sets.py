"""Whole sets compared: one summary for each snap that either side has."""

import os
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import NamedTuple

from backend.browse.snapshot_file import SnapshotFile
from backend.compare.comparison import LIVE, Comparison, Source
from backend.compare.differences import Change, CompareOptions, Tally
from backend.errors import SnapshotError
from backend.host.layout import Layout
from backend.model import Snapshot
from backend.progress import Progress


class Side(NamedTuple):
    """One side: how it is called, and the snaps it has."""

    label: str
    sources: Mapping[str, Source]


class Presence(Enum):
    """Which side has a snap."""

    BOTH = "on both sides"
    BEFORE = "only on the first side"
    AFTER = "only on the second side"


class SnapSummary(NamedTuple):
    """What came of comparing one snap: how many files of each kind, bytes, and `keys` of the configuration.

    With a `fault` nothing was compared. `notes` tell what could not be compared; then it is not `is_whole`.
    It `is_sound` where all archives read are what was saved.
    """

    snap: str
    presence: Presence
    tally: Tally
    keys: int = 0
    notes: tuple[str, ...] = ()
    is_whole: bool = True
    is_sound: bool = True
    fault: str = ""

    @property
    def differs(self) -> bool:
        """Whether anything is different."""
        changes = (count for change, count in self.tally.files.items() if change is not Change.SAME)
        return self.presence is not Presence.BOTH or any(changes) or self.keys > 0


def side_of_set(set_id: int, snapshots: Iterable[Snapshot]) -> Side:
    """The snapshots of a set as a side."""
    return Side(f"#{set_id}", {snapshot.snap: snapshot for snapshot in snapshots})


def side_of_file(path: str, progress: Progress) -> Side:
    """What a file holds as a side.

    Raises:
        SnapshotError: it cannot be opened.
    """
    with SnapshotFile.of_file(path, progress) as inside:
        return Side(path, {snapshot.snap: path for snapshot in inside.snapshots})


def side_in_place(layout: Layout, snaps: Iterable[str]) -> Side:
    """The data in place as a side: of those snaps of which there are some."""
    installed = {snap: None for snap in snaps if os.path.isdir(layout.system_parent(snap))}
    return Side(LIVE, installed)


class SetComparison:
    """Compares two sides, snap by snap."""

    def __init__(self, before: Side, after: Side, layout: Layout, state_dir: str) -> None:
        self.before = before
        self.after = after
        self._layout = layout
        self._state_dir = state_dir

    @property
    def snaps(self) -> dict[str, Presence]:
        """The snaps that either side has, by name, and which side that is."""
        return {snap: self._presence(snap) for snap in sorted({*self.before.sources, *self.after.sources})}

    def _presence(self, snap: str) -> Presence:
        if snap not in self.after.sources:
            return Presence.BEFORE
        return Presence.BOTH if snap in self.before.sources else Presence.AFTER

    def summaries(self, progress: Progress, options: CompareOptions) -> Iterator[SnapSummary]:
        """Compare what both sides have; of the rest say where it is.

        Raises:
            Cancelled: the job was stopped.
        """
        for snap, presence in self.snaps.items():
            if presence is not Presence.BOTH:
                yield SnapSummary(snap, presence, Tally())
                continue
            progress.raise_if_cancelled()
            try:
                yield self._summary(snap, progress, options)
            except SnapshotError as fault:
                yield SnapSummary(snap, presence, Tally(), fault=str(fault))

    def _summary(self, snap: str, progress: Progress, options: CompareOptions) -> SnapSummary:
        tally = Tally()
        with Comparison(snap, self._layout, self._state_dir) as comparison:
            for side in (self.before, self.after):
                comparison.add(side.label, side.sources[snap], progress)
            for difference in comparison.differences(progress, options):
                tally.add(difference)
            return SnapSummary(
                snap=snap,
                presence=Presence.BOTH,
                tally=tally,
                keys=len(comparison.configuration),
                notes=tuple(comparison.notes),
                is_whole=comparison.is_whole,
                is_sound=comparison.is_sound,
            )
