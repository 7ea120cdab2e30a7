"""What an export would take of a set, and whether it can be had: looked up, nothing written.

The one preflight of an export: the dialog and the plain mode both take it from here.
"""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import NamedTuple

from backend.errors import BlockedError, SnapshotError
from backend.model import Snapshot
from backend.operations import Export
from backend.store.place import SnapshotPlace
from backend.store.verifications import CheckState, CheckStatus


class ExportChoice(NamedTuple):
    """What is asked for: snapshots by path, and whether its checksum is written too."""

    chosen: frozenset[str]
    checksum: bool = True


class ExportObstacle(Enum):
    """Why what is chosen cannot be exported, wherever it goes."""

    UNREADABLE = "it cannot be read"
    BROKEN = "damaged"
    NOTHING_CHOSEN = "nothing is selected"


class ExportPlan(NamedTuple):
    """A set as it is on the disk; `trouble` says why nothing of it can be exported.

    `statuses` are what is known of the soundness of each snapshot, by path.
    """

    set_id: int
    snapshots: tuple[Snapshot, ...] = ()
    trouble: str = ""
    statuses: Mapping[str, CheckStatus] = MappingProxyType({})

    @property
    def faults(self) -> dict[str, str]:
        """What the last checks found, by the path of each snapshot at fault."""
        return _faults(self.statuses)

    @property
    def sound(self) -> frozenset[str]:
        """The paths of those that are not broken."""
        return frozenset(snapshot.path for snapshot in self.snapshots if not snapshot.broken)

    def taken(self, choice: ExportChoice) -> tuple[Snapshot, ...]:
        """List the snapshots that are chosen."""
        return tuple(snapshot for snapshot in self.snapshots if snapshot.path in choice.chosen)

    def broken(self, choice: ExportChoice) -> tuple[Snapshot, ...]:
        """List those of the chosen snapshots that are broken."""
        return tuple(snapshot for snapshot in self.taken(choice) if snapshot.broken)

    def doubts(self, choice: ExportChoice) -> dict[str, str]:
        """Return what the last checks of the chosen snapshots found, by snap: only those that failed."""
        return {s.snap: self.faults[s.path] for s in self.taken(choice) if s.path in self.faults}

    def toggled(self, choice: ExportChoice, path: str) -> ExportChoice:
        """Return the choice with a snapshot chosen, or not any more.

        Sound ones of one snap are chosen together: they cannot be distinguished by name.
        """
        names = {s.snap for s in self.snapshots if s.path == path and not s.broken}
        alike = {s.path for s in self.snapshots if s.snap in names and not s.broken} | {path}
        chosen = choice.chosen - alike if path in choice.chosen else choice.chosen | alike
        return choice._replace(chosen=chosen)

    def operation(self, choice: ExportChoice, path: str) -> Export:
        """Return the export that is asked for: the set as a whole where all sound snapshots are chosen."""
        is_whole = self.sound <= choice.chosen
        names = () if is_whole else tuple(dict.fromkeys(snapshot.snap for snapshot in self.taken(choice)))
        left = [s for s in self.snapshots if s.broken and s.path not in choice.chosen]
        skips = any(not names or snapshot.snap in names for snapshot in left)
        return Export(
            self.set_id,
            path,
            skip_broken=skips,
            snaps=names,
            checksum=choice.checksum,
            force=bool(self.doubts(choice)),
        )

    def obstacle(self, choice: ExportChoice) -> ExportObstacle | None:
        """Say why what is chosen cannot be exported, wherever it goes; None where it can."""
        if self.trouble:
            return ExportObstacle.UNREADABLE
        if self.broken(choice):
            return ExportObstacle.BROKEN
        return None if self.taken(choice) else ExportObstacle.NOTHING_CHOSEN


def plan_export(place: SnapshotPlace, set_id: int) -> ExportPlan:
    """Look at a set as an export would; trouble is part of the plan, and raises nothing."""
    try:
        snapshots = tuple(snapshot for group in place.sets(set_id) for snapshot in group.snapshots)
    except SnapshotError as trouble:
        return ExportPlan(set_id, trouble=str(trouble))
    if not snapshots:
        return ExportPlan(set_id, trouble=f"there is no set #{set_id} any more")
    all_broken = all(snapshot.broken for snapshot in snapshots)
    reason = "nothing of this set can be exported: all of it is damaged" if all_broken else ""
    return ExportPlan(set_id, snapshots, reason, place.check_statuses(snapshots))


def _faults(statuses: Mapping[str, CheckStatus]) -> dict[str, str]:
    return {path: status.fault for path, status in statuses.items() if status.state is CheckState.FAILED}


def demand_sound(place: SnapshotPlace, export: Export) -> None:
    """Refuse to export snapshots whose last check failed, unless that is forced.

    Raises:
        BlockedError: one of them is at fault.
    """
    sets = place.sets(export.set_id, export.snaps)
    statuses = place.check_statuses([snapshot for group in sets for snapshot in group.snapshots])
    faults = [*_faults(statuses).values()]
    if not faults or export.force:
        return
    fault = " ".join(faults[0].split())
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    raise BlockedError(
        f"cannot export snapshot {export.set_id}: its last check failed: {fault}{more}; "
        "--force exports it all the same"
    )
