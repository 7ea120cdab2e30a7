"""The ends of jobs that died while they changed the data of snaps.

One is ended without asking only while what it had put in place is as it was staged; what somebody worked on
since waits for a person to choose. However it is ended, what is taken from its place is kept where it was
changed.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from enum import Enum
from functools import partial

from backend.errors import BlockedError
from backend.format.names import is_snap_name
from backend.fs.removal import Leftover
from backend.jobs.effects import (
    JobEffects,
    begun_subject_of,
    effects_of,
    forgotten_sets,
    is_about_trash,
    is_ours,
    target_directories,
    undone_by,
    window_end,
)
from backend.jobs.journal import Journal
from backend.jobs.open_record import OpenRecord
from backend.jobs.record import JobRecord, JobState
from backend.jobs.result import JobResult
from backend.operations import DAY, Undo
from backend.restore.stamp import is_as_staged
from backend.steps import DataCommitted, SlotsDiscarded, UndoPromised
from backend.store.store import Store


class Ending(Enum):
    """How a job that died is to be ended."""

    SAFE = "as nothing can be lost by, or not at all"
    FINISH = "finish"
    ROLL_BACK = "roll back"


def waiting_jobs(journal: Journal, store: Store) -> list[JobRecord]:
    """The jobs of ours that died amid putting data in place, oldest first."""
    return [record for record in journal.records() if is_ours(record, store) and record.is_amid_moves]


def demand_none_waits(journal: Journal, store: Store, action: str, snaps: Sequence[str]) -> None:
    """Refuse to change the data of snaps (`action`: `cannot …`) that a job which died is amid.

    Raises:
        BlockedError: there is one.
    """
    for record in waiting_jobs(journal, store):
        if is_about_trash(record):
            continue
        if amid := sorted(set(begun_subject_of(record).snaps).intersection(snaps)):
            raise BlockedError(
                f"{action}: job {record.id} ({record.verb}) was interrupted while it replaced the data of "
                f"{', '.join(amid)}; end that first: finish {record.id}, or takeback {record.id}"
            )


@contextmanager
def alone(store: Store, snaps: Sequence[str]) -> Iterator[None]:
    """Held while the data of snaps change; ConflictError when somebody else is at them."""
    with ExitStack() as locks:
        for name in filter(is_snap_name, snaps):
            locks.enter_context(store.snap_lock(name, "tidy up"))
        yield


@contextmanager
def alone_with(store: Store, record: JobRecord, snaps: Sequence[str]) -> Iterator[None]:
    """Held while what a job changed is changed back: snapshots, or the data of these snaps."""
    with store.lock() if is_about_trash(record) else alone(store, snaps):
        yield


def end_data_job(journal: Journal, store: Store, record: JobRecord, how: Ending) -> str:
    """Take a job that died amid changing data or snapshots back, complete it, or let it wait; says which."""
    snaps = () if target_directories(record) else begun_subject_of(record).snaps
    with journal.reopened(record) as reopened, alone_with(store, record, snaps):
        return _DeadJob(journal, store, record, reopened).end(how)


class _DeadJob:
    """One of them, with what it had done."""

    def __init__(self, journal: Journal, store: Store, record: JobRecord, reopened: OpenRecord) -> None:
        self._journal = journal
        self._record = record
        self._reopened = reopened
        self._done: JobEffects = effects_of(record, store)
        self._state = self._done.state
        self._name = f"job {record.id} ({record.verb})"
        self._undone = undone_by(record)
        self._things = "the snapshots" if is_about_trash(record) else "the data"

    def end(self, how: Ending) -> str:
        """End the job that way, or say why it waits."""
        if self._done.committed and not self._was_unwound:
            return self._complete(f"{self._name} had been interrupted when done; it is complete")
        if how is Ending.FINISH and self._state.moves:
            return self._put_in_place()
        if how is Ending.SAFE and self._state.is_begun and not is_as_staged(self._state):
            return waiting_text(self._record)
        return self._take_back()

    @property
    def _was_unwound(self) -> bool:
        """Whether it was rolled back after it was noted as done; its process could note nothing more."""
        would_change = any(move.before != move.after for move in self._state.moves)
        return would_change and self._state.is_as_before

    def _put_in_place(self) -> str:
        self._done.refuse_outside()
        self._state.demand_unmounted()
        self._state.put_in_place()
        # An undo of a forget keeps nothing: another forget does that.
        is_final = self._record.verb == Undo.verb and is_about_trash(self._record)
        for step in (DataCommitted(),) if is_final else (UndoPromised(), DataCommitted()):
            self._reopened.record_step(step)
        return self._complete(f"{self._name} had been interrupted; it is complete now")

    def _complete(self, text: str) -> str:
        for earlier in self._journal.records():
            if earlier.id == self._undone:
                self._journal.note_undone(earlier, self._record.id)
        now = self._journal.clock.wall()
        until = window_end(self._record, now)
        if not until and UndoPromised() in self._record.steps:
            until = now + DAY
        left = self._state.clean_up() if not until else ()
        self._finish(JobState.DONE, until, left)
        return "; ".join((text, *map(str, left)))

    def _take_back(self) -> str:
        self._state.demand_unmounted(back=True)
        self._state.take_back()
        self._done.refuse_outside()
        until = self._journal.clock.wall() + DAY
        is_anything_new = any(move.after is not None for move in self._state.moves)
        is_changed = is_anything_new and not is_as_staged(self._state)
        left: tuple[Leftover, ...] = ()
        if self._undone:
            self._keep_undone(until)
        elif is_changed:
            self._finish(JobState.ROLLED_BACK, until)
            return (
                f"{self._name} had been interrupted; the data are as before it; what it had put in place was "
                f"changed since and is kept for a day: undo {self._record.id}"
            )
        else:
            left = self._state.revert(partial(self._reopened.record_step, SlotsDiscarded()))
        self._finish(JobState.ROLLED_BACK, 0.0, left)
        is_beside = target_directories(self._record)
        ending = "nothing of it is left" if is_beside else f"{self._things} are as before it"
        return "; ".join((f"{self._name} had been interrupted; {ending}", *map(str, left)))

    def _keep_undone(self, until: float) -> None:
        """What an undo had put in place is in the slots again of the job that it was to undo."""
        for earlier in self._journal.records():
            if earlier.id == self._undone and earlier.result.may_be_undone and self._state.moves:
                self._journal.keep_until(earlier, until)

    def _finish(self, state: JobState, until: float, left: Sequence[Leftover] = ()) -> None:
        set_id, snaps = begun_subject_of(self._record)
        beside = next(iter(target_directories(self._record)), "")
        if state is JobState.ROLLED_BACK and not until:
            result = JobResult(recovered=True)
        else:
            sets = tuple(part.set_id for part in forgotten_sets(self._record))
            result = JobResult(set_id, snaps, recovered=True, undo_until=until, sets=sets, beside=beside)
        if left:
            result = replace(result, left_out=tuple(map(str, left)), leftovers=self._state.present)
        self._reopened.finish(state, result)


def waiting_text(record: JobRecord) -> str:
    """One sentence about a job that waits, with the two ways out."""
    snaps = ", ".join(begun_subject_of(record).snaps) or "snaps"
    if is_about_trash(record):
        return (
            f"job {record.id} ({record.verb}) was interrupted while it moved snapshots of {snaps}: finish "
            f"{record.id} completes it, takeback {record.id} rolls it back; nothing is lost by either"
        )
    return (
        f"job {record.id} ({record.verb}) was interrupted while it replaced the data of {snaps}, which may "
        f"have been changed since: finish {record.id} completes it, takeback {record.id} rolls it back; both "
        "keep what is there now"
    )
