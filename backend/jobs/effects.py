"""TODO."""

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from backend.errors import BlockedError, SnapshotError
from backend.jobs.journal import JobRecord, JobState, Journal
from backend.operations import DAY
from backend.restore import into_directory as beside
from backend.restore import restoration as restore
from backend.restore.swap import RestoreState
from backend.store.store import Store

ENDED_WELL = (JobState.DONE, JobState.PARTIAL)
LATEST_TIME = 1 << 40


REVERSIBLE = ("restore", "extract", "undo")
RESTORING = ("restore", "extract")


def kept_records(journal: Journal, store: Store) -> list[JobRecord]:
    """Ended jobs of ours whose slots still hold what they replaced, the newest first."""
    return [
        record
        for record in reversed(journal.records())
        if record.operation.get("verb") in REVERSIBLE
        and record.state in ENDED_WELL
        and undo_deadline(record)
        and not record.result.get("undone")
        and not record.result.get("expired")
        and is_ours(record, store)
        and not is_with_snapd(record)
    ]


def undo_deadline(record: JobRecord) -> float:
    """Until when what a job replaced is kept, in seconds since the epoch; 0 where it is not."""
    until = record.result.get("undo_until")
    return float(until) if isinstance(until, int | float) and 0 < until < LATEST_TIME else 0.0


def about(document: Mapping[str, Any]) -> tuple[int, tuple[str, ...]]:
    """The set and the snaps that a result, or a step, is about."""
    number, snaps = document.get("set_id"), document.get("snaps")
    named = (name for name in snaps if isinstance(name, str)) if isinstance(snaps, list) else ()
    return number if isinstance(number, int) else 0, tuple(sorted(set(named)))


def is_ours(record: JobRecord, store: Store) -> bool:
    """Written by us and for this very root: nobody else's journal may make us change data."""
    return record.is_ours(store.root)


class JobEffects(NamedTuple):
    """What a job did below the root, whether it was complete, and the places outside that it names."""

    state: RestoreState
    committed: bool
    outside: list[str]

    def refuse_outside(self) -> None:
        """BlockedError where there are any: a link leads there now, or the journal lies."""
        if self.outside:
            raise BlockedError(f"{self.outside[0]} leads out of the root: it will not be touched")


def effects_of(record: JobRecord, store: Store) -> JobEffects:
    """What a restore or an undo did, from what it noted; SnapshotError where that cannot be understood."""
    state, committed = restore.recovered(record.steps)
    root = os.path.realpath(store.layout.root)
    grounds = target_directories(record)
    is_extract = record.operation.get("verb") == "extract"

    def is_inside(place: str) -> bool:
        if grounds:
            return place in grounds or (is_extract and _is_below(place, grounds[0]))
        try:
            return os.path.commonpath((root, os.path.realpath(place))) == root
        except ValueError:
            return False  # no path at all

    slots = [slot for slot in state.slots if is_inside(slot.parent)]
    outside = [slot.parent for slot in state.slots if slot not in slots]
    moves = [move for move in state.moves if move.slot in slots]
    made = [place for place in state.made if is_inside(place)]
    return JobEffects(RestoreState(slots, moves, made, state.done), committed, outside)


def _is_below(place: str, top: str) -> bool:
    return place.startswith(f"{top.rstrip('/')}/") and os.path.normpath(place) == place


def target_directories(record: JobRecord) -> tuple[str, ...]:
    """The directories that a restore beside may have made things in; none for anything else."""
    to = record.operation.get("to")
    if record.operation.get("verb") not in RESTORING or not isinstance(to, str) or not to:
        return ()
    to = beside.directory(to)
    return (to, os.path.dirname(to))


def undone_by(record: JobRecord) -> int:
    """The job that an undo took back, 0 for a restore. Both together changed nothing."""
    return next((step["of"] for step in record.steps if isinstance(step.get("of"), int)), 0)


def is_with_snapd(record: JobRecord) -> bool:
    """Whether it gave its work to snapd, which goes on with it, or tells how it ended, once it runs."""
    try:
        return bool(record.asked)
    except SnapshotError:
        return False


def needs_rollback(record: JobRecord, store: Store) -> bool:
    """Whether a restore failed and what it had replaced could not be put back either."""
    failed = record.state in (JobState.FAILED, JobState.CANCELLED)
    if not failed or record.operation.get("verb") not in RESTORING:
        return False
    try:
        return any(os.path.lexists(slot.path) for slot in effects_of(record, store).state.slots)
    except SnapshotError:
        return False


def window_end(record: JobRecord) -> float:
    """Until when what a job replaced that died when done is kept (seconds since the epoch; 0: not at all)."""
    nothing_replaced = target_directories(record) and record.operation.get("verb") == "restore"
    window = 0 if nothing_replaced else record.operation.get("undo_window", DAY)
    return record.started + (window if isinstance(window, int) else DAY) if window else 0.0
