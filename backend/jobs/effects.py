"""What a job that changed the data of snaps did, and until when that is kept."""

import os
from collections.abc import Sequence
from typing import NamedTuple

from backend.errors import BlockedError, IntegrityError, SnapshotError
from backend.jobs.journal import Journal
from backend.jobs.record import ENDED_WELL, JobRecord, JobState
from backend.operations import DAY, Extract, Forget, Prune, Restore, Undo
from backend.restore import into_directory as beside
from backend.restore.recovery import recovered
from backend.restore.slots import TRASH
from backend.restore.swap import RestoreState
from backend.steps import (
    CopyForgotten,
    DataCommitted,
    DataMoved,
    ForgetBegun,
    ForgettingBegun,
    ForgottenSet,
    RestoreBegun,
    SlotsMade,
    SnapdUndoBegun,
    UndoBegun,
)
from backend.store.store import Store

RESTORING = (Restore.verb, Extract.verb)
FORGETTING = (Forget.verb, Prune.verb)
REVERSIBLE = (*RESTORING, *FORGETTING, Undo.verb)


def kept_records(journal: Journal, store: Store) -> list[JobRecord]:
    """Ended jobs of ours whose slots still hold what they replaced or forgot, the newest first."""
    journal.demand_readable()
    return kept_among(journal.records(), store)


def kept_among(records: Sequence[JobRecord], store: Store) -> list[JobRecord]:
    """Those of all records, oldest first, whose slots still hold what they replaced, the newest first."""
    taken_back = {undone_by(record) for record in records if is_undone_unrecorded(record)}
    return [
        record
        for record in reversed(records)
        if record.verb in REVERSIBLE
        and record.state in (*ENDED_WELL, JobState.ROLLED_BACK)
        and record.result.may_be_undone
        and record.id not in taken_back
        and is_ours(record, store)
        and not record.is_newer
        and (record.verb in FORGETTING or not is_with_snapd(record))
    ]


def is_undone_unrecorded(record: JobRecord) -> bool:
    """Whether it is an undo that was done, which the journal of what it undid was not told yet."""
    if record.verb != Undo.verb or record.has_ended or is_damaged(record):
        return False
    return DataCommitted() in record.steps


_LONGEST_WINDOW = 100 * 366 * DAY


class Subject(NamedTuple):
    """The set and the snaps, sorted, that a job is about."""

    set_id: int
    snaps: tuple[str, ...]


def subject_of(record: JobRecord) -> Subject:
    """The set and the snaps that an ended job says it was about."""
    return Subject(record.result.set_id, tuple(sorted(set(record.result.snaps))))


def begun_subject_of(record: JobRecord) -> Subject:
    """The set and the snaps that a job was about when it began, which may have died since."""
    for step in record.steps:
        match step:
            case RestoreBegun(set_id, snaps) | UndoBegun(_, set_id, snaps):
                return Subject(set_id, tuple(sorted(set(snaps))))
            case ForgettingBegun(sets):
                return Subject(
                    sets[0].set_id if len(sets) == 1 else 0,
                    tuple(sorted({s for each in sets for s in each.snaps})),
                )
    return Subject(0, ())


def forgotten_sets(record: JobRecord) -> tuple[ForgottenSet, ...]:
    """What a job has put into the trash, or was to, set by set; nothing for any other."""
    return next((step.sets for step in record.steps if isinstance(step, ForgettingBegun)), ())


def is_removal(record: JobRecord) -> bool:
    """Whether it is a forget that keeps nothing: its steps name the files that it removes."""
    return record.verb in FORGETTING and any(isinstance(step, ForgetBegun) for step in record.steps)


def is_about_trash(record: JobRecord) -> bool:
    """Whether it moves files between the snapshots and the trash; SnapshotError where nobody can tell."""
    return any(
        isinstance(step, ForgettingBegun)
        or (isinstance(step, SlotsMade) and step.holder == TRASH)
        or (isinstance(step, DataMoved) and any(slot.holder == TRASH for slot in step.slots))
        for step in record.steps
    )


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
    state, committed = recovered(record.every_step)
    if record.state is JobState.ROLLED_BACK:
        state = state.reversed()
    root = os.path.realpath(store.layout.root)
    grounds = target_directories(record)
    is_extract = record.verb == Extract.verb

    def is_inside(place: str) -> bool:
        """Whether a place is one that the job may have touched."""
        if record.verb in FORGETTING:
            return os.path.realpath(place) == os.path.realpath(store.folder)
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
    return JobEffects(RestoreState(slots, moves, made, state.done, state.stamp), committed, outside)


def _is_below(place: str, top: str) -> bool:
    return place.startswith(f"{top.rstrip('/')}/") and os.path.normpath(place) == place


def target_directories(record: JobRecord) -> tuple[str, ...]:
    """The directories that a restore beside may have made things in; none for anything else."""
    match record.operation:
        case Restore(target_dir=target) | Extract(target_dir=target) if target:
            directory = beside.directory(target)
            return (directory, os.path.dirname(directory))
    return ()


def undone_by(record: JobRecord) -> int:
    """The job that an undo undid, 0 for a restore. Both together changed nothing."""
    return next((step.job for step in record.steps if isinstance(step, UndoBegun | SnapdUndoBegun)), 0)


def is_damaged(record: JobRecord) -> bool:
    """Whether its steps cannot be understood, by damage or because a newer version wrote them."""
    try:
        return not isinstance(record.steps, list)
    except SnapshotError:
        return True


def is_with_snapd(record: JobRecord) -> bool:
    """Whether it gave its work to snapd, which goes on with it, or tells how it ended, once it runs."""
    try:
        return bool(record.asked or record.services_down)
    except SnapshotError:
        return False


def services_down(record: JobRecord) -> tuple[str, ...]:
    """The services that it stopped and has not started again yet, as far as its steps can be understood."""
    try:
        return record.services_down
    except SnapshotError:
        return ()


def forgotten_copies(record: JobRecord) -> tuple[str, ...]:
    """The full names of the copies in a repository that a job let go, or was about to when it died.

    Raises:
        SnapshotError: its steps cannot be read or understood.
    """
    return tuple(step.name for step in record.steps if isinstance(step, CopyForgotten))


def needs_rollback(record: JobRecord, store: Store) -> bool:
    """Whether a restore failed and what it had replaced could not be put back either."""
    failed = record.state in (JobState.FAILED, JobState.CANCELLED)
    if not failed or record.verb not in (*RESTORING, *FORGETTING):
        return False
    try:
        return any(os.path.lexists(slot.path) for slot in effects_of(record, store).state.slots)
    except SnapshotError:
        return False


def window_end(record: JobRecord, now: float) -> float:
    """Until when what a job replaced is kept that is ended now (seconds since the epoch; 0: not at all)."""
    nothing_replaced = target_directories(record) and record.verb == Restore.verb
    nothing_replaced = nothing_replaced or (record.verb == Undo.verb and is_about_trash(record))
    window = 0 if nothing_replaced else getattr(record.operation, "undo_window", DAY)
    if not 0 <= window <= _LONGEST_WINDOW:
        raise IntegrityError("its journal tells an impossible time")
    return now + window if window else 0.0
