"""Taking a restore, a forget or an undo back: what can be, and doing it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from typing import TypeVar

from backend.errors import BlockedError, ConflictError, NotFoundError, SnapshotError, UnrecordedError
from backend.format.names import is_snap_name
from backend.fs import files
from backend.fs.space import measure
from backend.jobs.data_endings import demand_none_waits, waiting_jobs
from backend.jobs.effects import (
    FORGETTING,
    RESTORING,
    effects_of,
    forgotten_sets,
    kept_records,
    subject_of,
    undone_by,
)
from backend.jobs.journal import Journal
from backend.jobs.record import JobRecord
from backend.jobs.trash import Trash, TrashTransaction
from backend.operations import DAY, Undo
from backend.progress import Progress
from backend.restore.swap import RestoreState
from backend.restore.transaction import Transaction
from backend.results import Result, UndoOffer
from backend.steps import UndoBegun
from backend.store.pins import Pins
from backend.store.store import Store

Kept = TypeVar("Kept")


def undo_offers(journal: Journal, store: Store) -> list[UndoOffer]:
    """The jobs that can be undone, the newest first, with the bytes they hold."""
    return offers_among(kept_records(journal, store), store)


def offers_among(kept: Iterable[JobRecord], store: Store) -> list[UndoOffer]:
    """The same of the jobs whose slots still hold what they replaced."""
    offers = []
    for record, state in _reversible(kept, store):
        held = measure([slot.path for slot in state.slots]).allocated
        window = record.kept
        offers.append(
            UndoOffer(
                record.id,
                *subject_of(record),
                window.until,
                held,
                record.verb,
                doubt=window.doubt,
                sets=tuple(part.set_id for part in forgotten_sets(record)),
            )
        )
    return offers


def _reversible(kept: Iterable[JobRecord], store: Store) -> Iterator[tuple[JobRecord, RestoreState]]:
    """The jobs that can be undone, the newest first, with what they did."""
    for record in kept:
        if not record.kept.is_over:
            with suppress(SnapshotError):
                yield record, effects_of(record, store).state


def undo(journal: Journal, store: Store, operation: Undo, progress: Progress) -> Result:
    """Put back what a restore replaced, or a forget removed.

    What is taken away for the data of a restore waits a day for an undo of this undo.

    NotFoundError when nothing can be undone, ConflictError when a later restore, which can still be undone
    itself, changed the same data.
    """
    record = _chosen(journal, store, operation.job)
    if record.verb in FORGETTING:
        return bring_back(journal, store, record, progress)
    set_id, snaps = subject_of(record)
    action = f"cannot undo job {record.id}"
    demand_none_waits(journal, store, action, snaps)
    newest = max((other.id for other, _ in _reversible(kept_records(journal, store), store)), default=0)
    if not operation.job and newest > record.id:
        progress.note(f"job {record.id} ({record.verb}) is undone; undo {newest} undoes the undo after it")
    with ExitStack() as locks, files.os_errors_as(action):
        for name in filter(is_snap_name, snaps):
            locks.enter_context(store.snap_lock(name, "undo"))
        record = _chosen(journal, store, record.id)
        done = effects_of(record, store)
        done.refuse_outside()
        if not done.state.moves:
            raise NotFoundError(f"job {record.id} cannot be undone: it replaced nothing")
        state = done.state.turned()
        progress.record_step(UndoBegun(record.id, set_id, snaps))
        transaction = Transaction(state, progress, action, snaps)
        with progress.step("Putting back"), progress.uncancellable():
            transaction.commit_or_take_back()
        _note_undone(journal, record, int(progress.name))
    return Result(set_id, snaps, undo_job=int(progress.name), undo_until=journal.clock.wall() + DAY)


def bring_back(journal: Journal, store: Store, record: JobRecord, progress: Progress) -> Result:
    """Put back what a job forgot, under its id, or under a free one where that is another set's now.

    NotFoundError when it is not kept any more. It is not kept again: another forget does that.
    """
    set_id, snaps = subject_of(record)
    action = f"cannot undo job {record.id}"
    with ExitStack() as locks, files.os_errors_as(action):
        for part in forgotten_sets(record):
            locks.enter_context(store.set_lock(part.set_id, shared=False))
        locks.enter_context(store.lock())
        record = _chosen(journal, store, record.id)
        if amid := [other.id for other in waiting_jobs(journal, store) if undone_by(other) == record.id]:
            raise BlockedError(
                f"{action}: job {amid[0]} (undo) was interrupted while it put that back; end it first: "
                f"finish {amid[0]}, or takeback {amid[0]}"
            )
        progress.record_step(UndoBegun(record.id, set_id, snaps))
        with (
            Trash(store, journal).returning(record) as (state, ids),
            progress.step("Putting back"),
            progress.uncancellable(),
        ):
            TrashTransaction(state, progress, action, snaps).commit_or_take_back()
            _carry_pins(journal, store, ids, progress)
            _note_undone(journal, record, int(progress.name))
            left = state.clean_up()
    for old, new in ids.items():
        progress.note(f"set #{old} is back as #{new}: its number is another set's now")
    sets = tuple(ids.get(part.set_id, part.set_id) for part in forgotten_sets(record))
    return Result(ids.get(set_id, set_id), snaps, tuple(map(str, left)), sets=sets, leftovers=state.present)


def _carry_pins(journal: Journal, store: Store, ids: Mapping[int, int], progress: Progress) -> None:
    pins = Pins(journal.folder, store.lock, store.numbers)
    for old, new in ids.items():
        try:
            for group in store.list_sets(new):
                pins.follow(group, old)
        except SnapshotError as failure:
            progress.note(f"set #{new} may have lost its pin: {failure}")


def _note_undone(journal: Journal, record: JobRecord, by: int) -> None:
    try:
        journal.note_undone(record, by)
    except (OSError, SnapshotError) as failure:
        raise UnrecordedError(Undo.verb, failure) from failure


def newest_undoable(verbs: Mapping[int, str]) -> int:
    """Return the newest restore, extraction or forget among the jobs that can be undone; verbs by number.

    Raises:
        NotFoundError: there is none; an undo is undone only by its number.
    """
    if not verbs:
        raise NotFoundError("there is no restore or forget to undo")
    if candidates := [job for job, verb in verbs.items() if verb in (*RESTORING, *FORGETTING)]:
        return max(candidates)
    newest = max(verbs)
    raise NotFoundError(
        f"there is no restore or forget to undo; job {newest} is an undo, which can be undone itself: "
        f"undo {newest}"
    )


def choose(candidates: Mapping[int, Kept], number: int, meets: Callable[[Kept, Kept], bool]) -> Kept:
    """Return the one of the jobs that can be undone which has this number.

    Raises:
        NotFoundError: it cannot be undone.
        ConflictError: one that came later changed the same data, so that the two meet.
    """
    if number not in candidates:
        raise NotFoundError(f"job {number} cannot be undone: it replaced nothing that is still kept")
    for later in sorted(candidates, reverse=True):
        if later > number and meets(candidates[number], candidates[later]):
            raise ConflictError(
                f"cannot undo job {number}: job {later} changed the same data later; undo that first"
            )
    return candidates[number]


def _chosen(journal: Journal, store: Store, number: int) -> JobRecord:
    candidates = {record.id: record for record, _ in _reversible(kept_records(journal, store), store)}
    if not number:
        number = newest_undoable({job: record.verb for job, record in candidates.items()})
    elif number not in candidates:
        journal.record(number).demand_known_format()

    def meets(record: JobRecord, later: JobRecord) -> bool:
        """Whether a later job touched what undoing this one would move."""
        if undone_by(later) > record.id:
            return False
        touched = _touched(record, store)
        return _meets(touched, touched | _above(touched), _touched(later, store))

    return choose(candidates, number, meets)


def _meets(touched: set[tuple[str, str]], within: set[tuple[str, str]], other: set[tuple[str, str]]) -> bool:
    """Whether two jobs changed the same, or one of them what lies inside of what the other changed."""
    return not within.isdisjoint(other) or not touched.isdisjoint(_above(other))


def _above(touched: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """The directories above paths, below the same parent."""
    places = set()
    for parent, name in touched:
        while name := name.rpartition("/")[0]:
            places.add((parent, name))
    return places


def _touched(record: JobRecord, store: Store) -> set[tuple[str, str]]:
    return {(move.slot.parent, move.name) for move in effects_of(record, store).state.moves}
