"""What happens after: undo of a restore, its expiry, and the end of a job that died.

Only what our own journal proves to be ours and dead is ended, by itself in the safe way, or as was chosen.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, NamedTuple

from backend.engine.protocol import UndoOffer
from backend.errors import BlockedError, ConflictError, IntegrityError, NotFoundError, SnapshotError
from backend.format.metadata import is_snap_name
from backend.fs import files
from backend.fs.space_estimate import measure
from backend.job import Job
from backend.jobs.journal import JobRecord, JobState, Journal, OpenRecord
from backend.operations import DAY, Result, Undo
from backend.restore import into_directory as beside
from backend.restore import restoration as restore
from backend.restore.swap import RestoreState
from backend.store.store import Store, is_recorded
from backend.transfer.exporter import end_part

_ENDED_WELL = (JobState.DONE, JobState.PARTIAL)
REVERSIBLE = ("restore", "extract", "undo")
_PUTTING = ("restore", "extract")
_KEPT_JOBS = 100
_LATEST = 1 << 40


# -- undo


def undo_offers(journal: Journal, store: Store) -> list[UndoOffer]:
    """The restores that can be taken back, the newest first, with the bytes they hold."""
    offers = []
    for record in _reversible(journal, store):
        try:
            held = measure([slot.path for slot in done_by(record, store).state.slots]).allocated
        except SnapshotError:
            continue
        offers.append(UndoOffer(record.id, *about(record.result), _until(record), held))
    return offers


def _reversible(journal: Journal, store: Store) -> list[JobRecord]:
    now = time.time()
    return [record for record in _held(journal, store) if _until(record) > now]


def _held(journal: Journal, store: Store) -> list[JobRecord]:
    """Ended jobs of ours whose slots still hold what they replaced, the newest first."""
    return [
        record
        for record in reversed(journal.records())
        if record.operation.get("verb") in REVERSIBLE
        and record.state in _ENDED_WELL
        and _until(record)
        and not record.result.get("undone")
        and not record.result.get("expired")
        and is_ours(record, store)
        and not is_with_snapd(record)
    ]


def _until(record: JobRecord) -> float:
    """Until when what a job replaced is kept, in seconds since the epoch; 0 where it is not."""
    until = record.result.get("undo_until")
    return float(until) if isinstance(until, int | float) and 0 < until < _LATEST else 0.0


def about(document: Mapping[str, Any]) -> tuple[int, tuple[str, ...]]:
    """The set and the snaps that a result, or a step, is about."""
    number, snaps = document.get("set_id"), document.get("snaps")
    named = (name for name in snaps if isinstance(name, str)) if isinstance(snaps, list) else ()
    return number if isinstance(number, int) else 0, tuple(sorted(set(named)))


def is_ours(record: JobRecord, store: Store) -> bool:
    """Written by us and for this very root: nobody else's journal may make us change data."""
    return record.is_ours(store.root)


class Deeds(NamedTuple):
    """What a job did below the root, whether it was complete, and the places outside that it names."""

    state: RestoreState
    committed: bool
    outside: list[str]

    def refuse_outside(self) -> None:
        """BlockedError where there are any: a link leads there now, or the journal lies."""
        if self.outside:
            raise BlockedError(f"{self.outside[0]} leads out of the root: it will not be touched")


def done_by(record: JobRecord, store: Store) -> Deeds:
    """What a restore or an undo did, from what it noted; SnapshotError where that cannot be understood."""
    state, committed = restore.recovered(record.steps)
    root = os.path.realpath(store.layout.root)
    grounds = _beside(record)
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
    return Deeds(RestoreState(slots, moves, made, state.done), committed, outside)


def _is_below(place: str, top: str) -> bool:
    return place.startswith(f"{top.rstrip('/')}/") and os.path.normpath(place) == place


def _beside(record: JobRecord) -> tuple[str, ...]:
    """The directories that a restore beside may have made things in; none for anything else."""
    to = record.operation.get("to")
    if record.operation.get("verb") not in _PUTTING or not isinstance(to, str) or not to:
        return ()
    to = beside.directory(to)
    return (to, os.path.dirname(to))


def undo(journal: Journal, store: Store, operation: Undo, job: Job) -> Result:
    """Put back what a restore replaced; what is taken away waits a day for an undo of this undo.

    NotFoundError when nothing can be taken back, ConflictError when a later restore, which can still be taken
    back itself, changed the same data.
    """
    record = _chosen(journal, store, operation.job)
    set_id, snaps = about(record.result)
    with ExitStack() as locks, files.speaking(f"cannot take back job {record.id}"):
        for name in snaps:
            locks.enter_context(store.snap_lock(name, "undo"))
        record = _chosen(journal, store, record.id)
        done = done_by(record, store)
        done.refuse_outside()
        if not done.state.moves:
            raise NotFoundError(f"job {record.id} cannot be taken back: it replaced nothing")
        state = done.state.turned()
        job.keep({"of": record.id, "set_id": set_id, "snaps": snaps})
        with job.step(f"Taking back job {record.id}"), job.shielded():
            job.keep({"moves": state.to_json()})
            state.commit()
            job.keep({"committed": True})
        journal.amend(record, {"undone": int(job.name)})
    return Result(set_id, snaps, undo_job=int(job.name), undo_until=time.time() + DAY)


def _chosen(journal: Journal, store: Store, number: int) -> JobRecord:
    candidates = _reversible(journal, store)
    if not number:
        restores = [record for record in candidates if record.operation.get("verb") in _PUTTING]
        if not restores:
            raise NotFoundError("there is no restore to take back")
        return restores[0]
    chosen = next((record for record in candidates if record.id == number), None)
    if chosen is None:
        journal.record(number)
        raise NotFoundError(f"job {number} cannot be taken back: it replaced nothing that is still kept")
    touched = _touched(chosen, store)
    within = touched | _above(touched)
    for later in candidates:
        if later.id > number >= undone_by(later) and _meets(touched, within, _touched(later, store)):
            raise ConflictError(
                f"cannot undo job {number}: job {later.id} changed the same data later; undo that first"
            )
    return chosen


def undone_by(record: JobRecord) -> int:
    """The job that an undo took back, 0 for a restore. Both together changed nothing."""
    return next((step["of"] for step in record.steps if isinstance(step.get("of"), int)), 0)


def _meets(touched: set[tuple[str, str]], within: set[tuple[str, str]], other: set[tuple[str, str]]) -> bool:
    """Whether two jobs changed the same, or one of them what lies inside of what the other changed."""
    return not within.isdisjoint(other) or not touched.isdisjoint(_above(other))


def _above(touched: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """The directories above paths, below the same parent."""
    found = set()
    for parent, name in touched:
        while name := name.rpartition("/")[0]:
            found.add((parent, name))
    return found


def _touched(record: JobRecord, store: Store) -> set[tuple[str, str]]:
    return {(move.slot.parent, move.name) for move in done_by(record, store).state.moves}


# -- ending what died


def tidy(journal: Journal, store: Store, job: Job) -> list[str]:
    """End dead jobs of ours and undo data that expired, drop old jobs; says what was done and what failed."""
    with files.speaking("cannot tidy up"):
        journal.sweep()
        store.sweep()
    said = []
    for record in journal.records():
        dead = record.state is JobState.INTERRUPTED or is_stuck(record, store)
        if dead and is_ours(record, store) and not is_with_snapd(record):
            said.append(_safely(record, partial(end, journal, store, record)))
    now = time.time()
    for record in _held(journal, store):
        if _until(record) <= now:
            said.append(_safely(record, partial(_expire, journal, store, record)))
    journal.drop_oldest(_KEPT_JOBS, {one.id for one in journal.records() if _is_needed(one, store)})
    for text in said:
        job.note(text)
    return said


def tidy_beside(journal: Journal, store: Store, job: Job) -> list[str]:
    """End restores beside of ours that died; snapd may be running: nothing that it looks after is touched."""
    with files.speaking("cannot tidy up"):
        dead = [
            record
            for record in journal.records()
            if is_ours(record, store)
            and record.operation.get("to")
            and (record.state is JobState.INTERRUPTED or is_stuck(record, store))
        ]
    said = [_safely(record, partial(end, journal, store, record)) for record in dead]
    for text in said:
        job.note(text)
    return said


def _is_needed(record: JobRecord, store: Store) -> bool:
    """Whether its steps are the only word on where replaced data lie."""
    if record.operation.get("verb") not in REVERSIBLE:
        return False
    if record.result.get("undone") or record.result.get("expired"):
        return False
    return bool(_until(record)) or not is_ours(record, store) or is_stuck(record, store)


def is_with_snapd(record: JobRecord) -> bool:
    """Whether it gave its work to snapd, which goes on with it, or tells how it ended, once it runs."""
    try:
        return bool(record.asked)
    except SnapshotError:
        return False


def is_stuck(record: JobRecord, store: Store) -> bool:
    """Whether a restore failed and what it had replaced could not be put back either."""
    failed = record.state in (JobState.FAILED, JobState.CANCELLED)
    if not failed or record.operation.get("verb") not in _PUTTING:
        return False
    try:
        return any(os.path.lexists(slot.path) for slot in done_by(record, store).state.slots)
    except SnapshotError:
        return False


def _safely(record: JobRecord, act: Callable[[], str]) -> str:
    try:
        with files.speaking(f"cannot tidy up after job {record.id}"):
            return act()
    except SnapshotError as failure:
        return f"job {record.id} ({record.operation.get('verb')}) was left as it is: {failure}"


@contextmanager
def _alone(store: Store, snaps: Sequence[str]) -> Iterator[None]:
    """Held while the data of snaps change; ConflictError when somebody else is at them."""
    with ExitStack() as locks:
        for name in filter(is_snap_name, snaps):
            locks.enter_context(store.snap_lock(name, "tidy up"))
        yield


def _expire(journal: Journal, store: Store, record: JobRecord) -> str:
    with _alone(store, about(record.result)[1]):
        if journal.record(record.id).result.get("undone"):
            return f"job {record.id} was taken back meanwhile"
        done = done_by(record, store)
        done.state.clean_up()
        done.refuse_outside()
        journal.amend(record, {"expired": True})
    return f"the undo of job {record.id} expired; what it kept was removed"


def end(journal: Journal, store: Store, record: JobRecord, *, forgetting: bool = True) -> str:
    """Take back, or complete, one dead job of ours; says which.

    A forget is completed, or, without `forgetting`, the files that it has not removed yet are kept.
    """
    with journal.reopened(record) as reopened:
        verb = record.operation.get("verb")
        if verb in REVERSIBLE:
            return _end_restore(journal, store, record, reopened)
        try:
            complete = _end_files(store, record, forgetting=forgetting)
        except (KeyError, TypeError, ValueError, AttributeError) as damage:
            raise IntegrityError("its journal is damaged") from damage
        reopened.finish(JobState.DONE if complete else JobState.TAKEN_BACK, {"recovered": True})
        ending = "it was complete" if complete else "nothing of it is left"
        if not forgetting:
            ending = "what it had not removed yet is kept"
        return f"job {record.id} ({verb}) had been interrupted; {ending}"


def _end_restore(journal: Journal, store: Store, record: JobRecord, reopened: OpenRecord) -> str:
    done = done_by(record, store)
    state = done.state
    set_id, snaps = about(next((step for step in record.steps if "snaps" in step), {}))
    of = undone_by(record)
    verb = record.operation["verb"]
    with _alone(store, () if _beside(record) else snaps):
        if not done.committed:
            if of:
                state.take_back()
            else:
                state.revert()
            done.refuse_outside()
            reopened.finish(JobState.TAKEN_BACK, {"recovered": True})
            ending = "nothing of it is left" if _beside(record) else "the data are as before it"
            return f"job {record.id} ({verb}) had been interrupted; {ending}"
        for earlier in journal.records():
            if earlier.id == of:
                journal.amend(earlier, {"undone": record.id})
        until = window_end(record)
        if not until:
            state.clean_up()
        result = {"set_id": set_id, "snaps": snaps, "recovered": True, "undo_until": until}
        if grounds := _beside(record):
            result["beside"] = grounds[0]
        reopened.finish(JobState.DONE, result)
        return f"job {record.id} ({verb}) had been interrupted when done; it is complete"


def window_end(record: JobRecord) -> float:
    """Until when what a job replaced that died when done is kept (seconds since the epoch; 0: not at all)."""
    nothing_replaced = _beside(record) and record.operation.get("verb") == "restore"
    window = 0 if nothing_replaced else record.operation.get("undo_window", DAY)
    return record.started + (window if isinstance(window, int) else DAY) if window else 0.0


def _end_files(store: Store, record: JobRecord, *, forgetting: bool) -> bool:
    """Remove what a save, import or export left, end a forget; True where it is complete now."""
    complete = False
    steps = record.steps
    published = any("published" in step for step in steps)
    for step in steps:
        if "publish" in step:
            store.check_publication(step["publish"])
            complete = published or is_published(store, step["publish"])
            if not complete:
                store.retract(step["publish"])
        if "part" in step:
            complete = end_part(step)
        if "forget" in step and forgetting:
            store.end_forgetting(step["forget"])
            complete = True
        for key in ("temporary", "staging"):
            if key in step and store.is_unfinished(step[key]):
                files.remove_tree(step[key])
    return complete


def is_published(store: Store, publication: Mapping[str, Any]) -> bool:
    """Whether the set that a save or an import was to publish is there, whole."""
    if files.identity(store.marker(publication["set"])) is not None:
        return False
    return all(is_recorded(f"{store.folder}/{name}", found) for _, name, *found in publication["files"])
