"""Guards: the snapshots by which restores through snapd can be undone, as the journal names them."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from backend.errors import SnapshotError
from backend.jobs.journal import Journal
from backend.jobs.record import ENDED_WELL, JobRecord
from backend.operations import Restore
from backend.steps import SafetySnapshot, SafetySnapshotMade, SnapdUndoBegun


class SafeguardedRestore(NamedTuple):
    """A restore of ours with its guard."""

    record: JobRecord
    guard: SafetySnapshot
    until: float


def safety_snapshot_of(record: JobRecord) -> SafetySnapshot | None:
    """The guard that a restore noted, or None."""
    noted = (step for step in record.steps if isinstance(step, SafetySnapshotMade | SnapdUndoBegun))
    return next((step.guard for step in noted), None)


def safeguarded_restores(journal: Journal, root: Mapping[str, Any]) -> list[SafeguardedRestore]:
    """All restores of ours whose guards wait, the newest first; expired ones too."""
    restores = []
    for record in reversed(journal.records()):
        if record.state not in ENDED_WELL or not record.result.may_be_undone or record.is_newer:
            continue
        restored = record.verb == Restore.verb and record.is_ours(root)
        if restored and (guard := safety_snapshot_of(record)):
            restores.append(SafeguardedRestore(record, guard, record.result.undo_until))
    return restores


def safety_snapshots_by_set(journal: Journal, root: Mapping[str, Any]) -> dict[int, SafeguardedRestore]:
    """The same by the number of the guard's set; none where the journal cannot be read."""
    try:
        return {restore.guard.set_id: restore for restore in safeguarded_restores(journal, root)}
    except (SnapshotError, OSError):
        return {}
