"""Taking a restore, or an undo, back: what can be, and doing it."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import TypeVar

from backend.errors import ConflictError, NotFoundError, SnapshotError, UnrecordedError
from backend.format.names import is_snap_name
from backend.fs import files
from backend.fs.space import measure
from backend.jobs.data_endings import demand_none_waits
from backend.jobs.effects import RESTORING, effects_of, kept_records, subject_of, undone_by
from backend.jobs.journal import Journal
from backend.jobs.record import JobRecord
from backend.operations import DAY, Result, Undo, UndoOffer
from backend.progress import Progress
from backend.restore.transaction import Transaction
from backend.steps import UndoBegun
from backend.store.store import Store

Kept = TypeVar("Kept")


def undo_offers(journal: Journal, store: Store) -> list[UndoOffer]:
    """The restores that can be undone, the newest first, with the bytes they hold."""
    offers = []
    for record in _reversible(journal, store):
        try:
            held = measure([slot.path for slot in effects_of(record, store).state.slots]).allocated
        except SnapshotError:
            continue
        offers.append(UndoOffer(record.id, *subject_of(record), record.result.undo_until, held))
    return offers


def _reversible(journal: Journal, store: Store) -> list[JobRecord]:
    now = journal.clock()
    return [record for record in kept_records(journal, store) if record.result.undo_until > now]


def undo(journal: Journal, store: Store, operation: Undo, progress: Progress) -> Result:
    """Put back what a restore replaced; what is taken away waits a day for an undo of this undo.

    NotFoundError when nothing can be undone, ConflictError when a later restore, which can still be undone
    itself, changed the same data.
    """
    record = _chosen(journal, store, operation.job)
    set_id, snaps = subject_of(record)
    action = f"cannot undo job {record.id}"
    demand_none_waits(journal, store, action, snaps)
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
        with progress.step(f"Taking back job {record.id}"), progress.uncancellable():
            transaction.commit_or_take_back()
        _note_undone(journal, record, int(progress.name))
    return Result(set_id, snaps, undo_job=int(progress.name), undo_until=journal.clock() + DAY)


def _note_undone(journal: Journal, record: JobRecord, by: int) -> None:
    try:
        journal.note_undone(record, by)
    except (OSError, SnapshotError) as failure:
        raise UnrecordedError(Undo.verb, failure) from failure


def choose(candidates: Mapping[int, Kept], number: int, meets: Callable[[Kept, Kept], bool]) -> Kept:
    """Return the one of the jobs that can be undone which has this number (0: there is none to choose).

    Raises:
        NotFoundError: it cannot be undone.
        ConflictError: one that came later changed the same data, so that the two meet.
    """
    if not number:
        raise NotFoundError("there is no restore to undo")
    if number not in candidates:
        raise NotFoundError(f"job {number} cannot be undone: it replaced nothing that is still kept")
    for later in sorted(candidates, reverse=True):
        if later > number and meets(candidates[number], candidates[later]):
            raise ConflictError(
                f"cannot undo job {number}: job {later} changed the same data later; undo that first"
            )
    return candidates[number]


def _chosen(journal: Journal, store: Store, number: int) -> JobRecord:
    candidates = {record.id: record for record in _reversible(journal, store)}
    if number and number not in candidates:
        journal.record(number).demand_known_format()
    newest = max((job for job, record in candidates.items() if record.verb in RESTORING), default=0)

    def meets(record: JobRecord, later: JobRecord) -> bool:
        if undone_by(later) > record.id:
            return False
        touched = _touched(record, store)
        return _meets(touched, touched | _above(touched), _touched(later, store))

    return choose(candidates, number or newest, meets)


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
