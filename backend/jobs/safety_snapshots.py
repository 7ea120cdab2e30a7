"""Guards: the snapshots by which restores through snapd can be taken back, as the journal names them."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from backend.errors import SnapshotError
from backend.jobs.journal import JobRecord, JobState, Journal

_ENDED_WELL = (JobState.DONE, JobState.PARTIAL)
_LATEST = 1 << 40


class SafetySnapshot(NamedTuple):
    """The set that holds what a restore replaced; `users` are those whose data it replaced.

    `made` are the paths that were not there before the restore: taking it back leaves them.
    """

    set_id: int
    snaps: tuple[str, ...]
    users: tuple[str, ...]
    made: tuple[str, ...]


class SafeguardedRestore(NamedTuple):
    """A restore of ours with its guard."""

    record: JobRecord
    guard: SafetySnapshot
    until: float


def safety_snapshot_of(record: JobRecord) -> SafetySnapshot | None:
    """The guard that a restore noted, or None."""
    for step in record.steps:
        match step.get("guard"):
            case {"set_id": int(number), "snaps": list(snaps), "users": list(users), "made": list(made)}:
                return SafetySnapshot(number, _texts(snaps), _texts(users), _texts(made))
    return None


def _texts(items: list[Any]) -> tuple[str, ...]:
    return tuple(item for item in items if isinstance(item, str))


def until_of(result: Mapping[str, Any]) -> float:
    """Until when a restore can be taken back, 0 where it cannot be."""
    until = result.get("undo_until")
    return float(until) if isinstance(until, int | float) and 0 < until < _LATEST else 0.0


def safeguarded_restores(journal: Journal, root: Mapping[str, Any]) -> list[SafeguardedRestore]:
    """All restores of ours whose guards wait, the newest first; expired ones too."""
    found = []
    for record in reversed(journal.records()):
        over = record.result.get("undone") or record.result.get("expired")
        if record.state not in _ENDED_WELL or over or not until_of(record.result):
            continue
        restored = record.operation.get("verb") == "restore" and record.is_ours(root)
        if restored and (guard := safety_snapshot_of(record)):
            found.append(SafeguardedRestore(record, guard, until_of(record.result)))
    return found


def safety_snapshots_by_set(journal: Journal, root: Mapping[str, Any]) -> dict[int, SafeguardedRestore]:
    """The same by the number of the guard's set; none where the journal cannot be read."""
    try:
        return {one.guard.set_id: one for one in safeguarded_restores(journal, root)}
    except (SnapshotError, OSError):
        return {}
