"""The trash: what was forgotten waits in a slot beside the snapshots until its undo expires.

Files are moved there, all of them or none. For snapd, which removes them itself, each gets a second name
there first. Either way what comes back are the same files, under their id, with what was verified of them.
"""

import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from itertools import chain

from backend.errors import BlockedError, SnapshotError
from backend.format.names import snapshot_id
from backend.fs import files
from backend.jobs.effects import (
    FORGETTING,
    begun_subject_of,
    effects_of,
    forgotten_sets,
    is_ours,
    window_end,
)
from backend.jobs.journal import Journal
from backend.jobs.record import JobRecord, JobState
from backend.jobs.result import JobResult
from backend.model import Snapshot
from backend.operations import DAY
from backend.progress import Progress
from backend.restore.move import Move
from backend.restore.slots import TRASH, Slot, make_slot
from backend.restore.swap import RestoreState
from backend.restore.transaction import Transaction
from backend.steps import DataCommitted, ForgettingBegun, ForgottenSet, SlotsDiscarded, SlotsMade
from backend.store.store import Store
from backend.store.verifications import VerificationLog

_ACTION = "cannot forget"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class TrashTransaction(Transaction):
    """Files of sets that go into the trash, or come back."""

    MOVED, THINGS = "moved", "snapshots"
    UNBEGUN = "nothing was moved; an empty folder is left"


class Trash:
    """The trash of one store, and the journal that tells what is in it."""

    def __init__(self, store: Store, journal: Journal) -> None:
        self._store = store
        self._journal = journal
        self._ledger = VerificationLog(journal.folder)

    # -- into it

    def throw(self, snapshots: Sequence[Snapshot], progress: Progress) -> RestoreState:
        """Move the files of snapshots there: all of them or, when that fails, none.

        Call it holding the lock of the store.
        """
        snaps = [snapshot.snap for snapshot in snapshots]
        state = RestoreState()
        transaction = TrashTransaction(state, progress, _ACTION, snaps)
        with progress.uncancellable(), files.os_errors_as(_ACTION), transaction.reverting():
            self._prepare(state, snapshots, progress)
            with self.carried(state):
                transaction.commit()
        return state

    def link(self, snapshots: Sequence[Snapshot], progress: Progress) -> RestoreState:
        """Give the files of snapshots second names there, and note that they are to go; snapd removes them.

        Raises:
            SnapshotError: one cannot have another name; nothing was changed.
        """
        state = RestoreState()
        with files.os_errors_as("cannot keep what is forgotten (--now keeps nothing)"):
            try:
                self._prepare(state, snapshots, progress)
                for slot in state.slots:
                    with self.carried(state):
                        self._link_all(slot, state.moves)
                for step in state.steps():
                    progress.record_step(step)
            except BaseException:
                self.discard(state, progress)
                raise
        return state

    def _prepare(self, state: RestoreState, snapshots: Sequence[Snapshot], progress: Progress) -> None:
        """Note what is to go where, and make the slot for it."""
        self._store.note_used(snapshots)
        tag = f"{progress.name}-{files.random_name()}"
        progress.record_step(ForgettingBegun(self._parts(snapshots)))
        progress.record_step(SlotsMade(tag, (self._store.folder,), TRASH))
        with files.opened(self._store.folder, _FOLDER) as fd:
            slot = make_slot(self._store.folder, fd, tag, TRASH)
            state.slots.append(slot)
            for snapshot in snapshots:
                name = os.path.basename(snapshot.path)
                if os.path.isdir(snapshot.path) and not os.path.islink(snapshot.path):
                    raise BlockedError(f"{_ACTION}: {name} is a directory; nothing was changed")
                if identity := files.identity(name, fd):
                    state.moves.append(Move(slot, name, identity, None))

    def _parts(self, snapshots: Sequence[Snapshot]) -> tuple[ForgottenSet, ...]:
        going: dict[int, list[Snapshot]] = defaultdict(list)
        for snapshot in snapshots:
            going[snapshot.set_id].append(snapshot)
        present = self._files_by_set()
        parts = []
        for set_id, some in going.items():
            doomed = {os.path.basename(snapshot.path) for snapshot in some}
            rest = sorted(inode for name, inode in present.get(set_id, {}).items() if name not in doomed)
            parts.append(ForgottenSet(set_id, tuple(snapshot.snap for snapshot in some), tuple(rest)))
        return tuple(parts)

    def _files_by_set(self) -> dict[int, dict[str, int]]:
        """The inodes of all snapshot files by their names, set by set."""
        present: dict[int, dict[str, int]] = defaultdict(dict)
        for set_id, name in self._store.names():
            if identity := files.identity(f"{self._store.folder}/{name}"):
                present[set_id][name] = identity.inode
        return present

    def _link_all(self, slot: Slot, moves: Sequence[Move]) -> None:
        with slot.opened() as (folder, fd):
            for move in moves:
                _link(move.name, folder, move.name, fd)
                if files.identity(move.name, fd) != move.before:
                    raise BlockedError(f"{_ACTION}: {move.name} was replaced meanwhile; nothing was changed")
            files.sync_open_directory(fd)

    # -- what snapd made of it

    def carried(self, state: RestoreState) -> AbstractContextManager[None]:
        """Keep what was verified of files while they go."""
        return self._ledger.carried(_into_slot(state))

    def make_whole(self, state: RestoreState, set_id: int = 0) -> None:
        """Put back what is gone of what was to go, or of one set of it, and drop second names of the rest."""
        with self.carried(state):
            for move in state.moves:
                if set_id and snapshot_id(move.name) != set_id:
                    continue
                move.take_back()
                with move.slot.opened() as (_, fd):
                    if move.live == move.before == files.identity(move.name, fd):
                        os.unlink(move.name, dir_fd=fd)

    def healing(self, state: RestoreState) -> Callable[[int], None]:
        """What makes one set whole again of those that were to go."""
        return partial(self.make_whole, state)

    def discard(self, state: RestoreState, progress: Progress) -> None:
        """Give up the slot, once everything is where it was, as far as that can be."""
        if state.moves:
            progress.record_step(SlotsDiscarded())
        with self.carried(state):
            state.clean_up()

    # -- out of it

    @contextmanager
    def returning(self, record: JobRecord) -> Iterator[tuple[RestoreState, dict[int, int]]]:
        """The state that puts back what a job forgot, and the new ids of sets whose own is another's now.

        What is verified of the files stays so over what is done inside, which removes the slot as well.
        Call it holding the lock of the store.
        """
        done = effects_of(record, self._store)
        done.refuse_outside()
        gone = [move for move in done.state.moves if move.live != move.before]
        ids = self._new_ids(record, gone)
        moves = [_coming_back(move, ids) for move in gone]
        kept = {
            f"{move.slot.path}/{move.name}": _live_path(back) for move, back in zip(gone, moves, strict=True)
        }
        with self._ledger.carried(kept), ExitStack() as stack:
            for old, back in zip(gone, moves, strict=True):
                if old.name != back.name:
                    _, fd = stack.enter_context(old.slot.opened())
                    _link(old.name, fd, back.name, fd)
            yield RestoreState(list(done.state.slots), moves), ids

    def _new_ids(self, record: JobRecord, gone: Sequence[Move]) -> dict[int, int]:
        """New ids for sets whose own one somebody else's files have now, or an import that is under way."""
        coming = {snapshot_id(move.name) for move in gone}
        present, ids = self._files_by_set(), {}
        for part in forgotten_sets(record):
            if part.set_id not in coming:
                continue
            inodes = {m.before.inode for m in gone if m.before and snapshot_id(m.name) == part.set_id}
            kin = self._kin(part.set_id, {*part.rest, *inodes})
            strangers = set(present.get(part.set_id, {}).values()) - kin
            if strangers or os.path.lexists(self._store.marker(part.set_id)):
                ids[part.set_id] = self._store.allocate_id()
        return ids

    def _kin(self, set_id: int, inodes: set[int]) -> set[int]:
        """All inodes of the set that these are of, by what was forgotten of sets of that number.

        Sets that had the number one after the other have no file in common.
        """
        groups: list[set[int]] = []
        for record in self._journal.records():
            if record.verb not in FORGETTING or not is_ours(record, self._store):
                continue
            with suppress(SnapshotError):
                rest = [part.rest for part in forgotten_sets(record) if part.set_id == set_id]
                moves = effects_of(record, self._store).state.moves
                doomed = [m.before.inode for m in moves if m.before and snapshot_id(m.name) == set_id]
                groups.append({*doomed, *chain.from_iterable(rest)})
        kin = set(inodes)
        while near := [group for group in groups if not kin.isdisjoint(group)]:
            kin.update(*near)
            groups = [group for group in groups if group not in near]
        return kin


def end_by_what_is_there(
    journal: Journal, store: Store, record: JobRecord, *, is_given_up: bool = False
) -> str:
    """End a forget through snapd that died: what is gone stays kept, and what snapd gave up is put back."""
    trash, state = Trash(store, journal), effects_of(record, store).state
    name = f"job {record.id} ({record.verb}) had been interrupted"
    with journal.reopened(record) as reopened, store.lock():
        if is_given_up and len(forgotten_sets(record)) == 1:
            trash.make_whole(state)
        staying = [move.name for move in state.moves if move.live == move.before]
        if len(staying) == len(state.moves) and is_given_up:
            reopened.record_step(SlotsDiscarded())
            state.clean_up()
            reopened.finish(JobState.ROLLED_BACK, JobResult(recovered=True))
            return f"{name}; nothing of it is left"
        left_out = tuple(f"{name} is still there: snapd did not remove it" for name in staying)
        reopened.record_step(DataCommitted())
        reopened.finish(JobState.PARTIAL if staying else JobState.DONE, _kept(journal, record, left_out))
        return f"{name}; {'what is gone of it is kept' if staying else 'snapd completed it'}"


def _kept(journal: Journal, record: JobRecord, left_out: tuple[str, ...]) -> JobResult:
    """How a forget ended: what is gone can be had back, for a day at least."""
    now = journal.clock.wall()
    return JobResult(
        *begun_subject_of(record),
        left_out=left_out,
        undo_job=record.id,
        undo_until=window_end(record, now) or now + DAY,
        sets=tuple(part.set_id for part in forgotten_sets(record)),
        recovered=True,
    )


def _into_slot(state: RestoreState) -> dict[str, str]:
    return {_live_path(move): f"{move.slot.path}/{move.name}" for move in state.moves}


def _live_path(move: Move) -> str:
    return f"{move.slot.parent}/{move.name}"


def _coming_back(move: Move, ids: Mapping[int, int]) -> Move:
    """The move that puts a file back, under the new id of its set where it has one."""
    set_id = snapshot_id(move.name)
    new = ids.get(set_id) if set_id is not None else None
    name = move.name if new is None else f"{new}_{move.name.partition('_')[2]}"
    return replace(move, name=name, before=None, after=move.before)


def _link(name: str, directory: int, target: str, target_directory: int) -> None:
    """Give a file one more name; one that it has already is fine."""
    with suppress(FileExistsError):
        os.link(name, target, src_dir_fd=directory, dst_dir_fd=target_directory, follow_symlinks=False)
