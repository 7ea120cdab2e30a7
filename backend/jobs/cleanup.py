"""What happens after: undo of a restore, its expiry, and the end of a job that died.

Only what our own journal proves to be ours and dead is ended, by itself in the safe way, or as was chosen.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import TypeAlias

from backend.errors import IntegrityError, SnapshotError
from backend.format.names import is_snap_name
from backend.fs import files
from backend.fs.removal import Leftover, remove_tree
from backend.jobs.effects import (
    REVERSIBLE,
    begun_subject_of,
    effects_of,
    is_damaged,
    is_ours,
    is_with_snapd,
    kept_records,
    needs_rollback,
    subject_of,
    target_directories,
    undone_by,
    window_end,
)
from backend.jobs.journal import Journal, OpenRecord
from backend.jobs.record import JobRecord, JobState
from backend.jobs.result import JobResult
from backend.progress import Progress
from backend.restore.swap import RestoreState
from backend.steps import ExportBegun, FileBegun, ForgetBegun, PublicationBegun, Published, StagingBegun
from backend.store.store import Store, is_recorded
from backend.transfer.exporter import end_part

_KEPT_JOBS = 100


# -- ending what died


def recover_jobs(journal: Journal, store: Store, progress: Progress) -> list[str]:
    """End dead jobs of ours and undo data that expired, drop old jobs; says what was done and what failed."""
    with files.os_errors_as("cannot tidy up"):
        journal.sweep()
        store.sweep()
    sentences = end_each(_overdue(journal, store))
    drop_old_jobs(journal, partial(_is_needed, store))
    return noted(sentences, progress)


Task: TypeAlias = tuple[JobRecord, Callable[[], str]]


def _overdue(journal: Journal, store: Store) -> Iterator[Task]:
    for record in journal.records():
        dead = record.state is JobState.INTERRUPTED or needs_rollback(record, store)
        if dead and is_ours(record, store) and not is_with_snapd(record):
            yield record, partial(end_job, journal, store, record)
    now = journal.clock()
    for record in kept_records(journal, store):
        if record.result.undo_until <= now:
            yield record, partial(_expire, journal, store, record)


def recover_directory_restores(journal: Journal, store: Store, progress: Progress) -> list[str]:
    """End restores beside of ours that died; snapd may be running: nothing that it looks after is touched."""
    with files.os_errors_as("cannot tidy up"):
        dead = [
            record
            for record in journal.records()
            if is_ours(record, store)
            and target_directories(record)
            and (record.state is JobState.INTERRUPTED or needs_rollback(record, store))
        ]
    return noted(end_each((record, partial(end_job, journal, store, record)) for record in dead), progress)


# -- the same for both engines


def end_each(tasks: Iterable[Task]) -> list[str]:
    """Do for each job what is due, one after the other; says what was done, and what failed."""
    return [sentence for record, act in tasks if (sentence := _safely(record, act))]


def drop_old_jobs(journal: Journal, is_needed: Callable[[JobRecord], bool]) -> None:
    """Forget the oldest jobs that ended; what is needed stays, and what only a newer version understands."""
    kept = {record.id for record in journal.records() if record.is_newer or is_needed(record)}
    journal.drop_oldest(_KEPT_JOBS, kept)


def noted(sentences: list[str], progress: Progress) -> list[str]:
    """The sentences, each of which was noted."""
    for sentence in sentences:
        progress.note(sentence)
    return sentences


def may_hold_data(record: JobRecord) -> bool:
    """Whether it is one that replaces data, which were neither put back nor removed since."""
    return record.verb in REVERSIBLE and not (record.result.undone or record.result.expired)


def _is_needed(store: Store, record: JobRecord) -> bool:
    """Whether its steps are the only word on where replaced data lie."""
    if record.result.leftovers:
        return True  # nothing else tells whose they are
    if not may_hold_data(record):
        return False
    if is_damaged(record):
        return True  # it may be, and nothing else says
    return bool(record.result.undo_until) or not is_ours(record, store) or needs_rollback(record, store)


def _safely(record: JobRecord, act: Callable[[], str]) -> str:
    try:
        with files.os_errors_as(f"cannot tidy up after job {record.id}"):
            return act()
    except SnapshotError as failure:
        return f"job {record.id} ({record.verb}) was left as it is: {failure}"
    except (ArithmeticError, TypeError, ValueError):
        return f"job {record.id} ({record.verb}) was left as it is: its journal is damaged"


# -- ending one


@contextmanager
def _alone(store: Store, snaps: Sequence[str]) -> Iterator[None]:
    """Held while the data of snaps change; ConflictError when somebody else is at them."""
    with ExitStack() as locks:
        for name in filter(is_snap_name, snaps):
            locks.enter_context(store.snap_lock(name, "tidy up"))
        yield


def _expire(journal: Journal, store: Store, record: JobRecord) -> str:
    with _alone(store, subject_of(record).snaps):
        if journal.record(record.id).result.undone:
            return f"job {record.id} was rolled back meanwhile"
        done = effects_of(record, store)
        left = done.state.clean_up()
        done.refuse_outside()
        journal.note_expired(record, done.state.present if left else ())
    return _with_leftovers(f"the undo of job {record.id} expired; what it kept was removed", left)


def _with_leftovers(text: str, left: Sequence[Leftover]) -> str:
    return "; ".join((text, *map(str, left)))


def end_job(journal: Journal, store: Store, record: JobRecord, *, forgetting: bool = True) -> str:
    """Roll back, or complete, one dead job of ours; says which.

    A forget is completed, or, without `forgetting`, the files that it has not removed yet are kept.
    """
    with journal.reopened(record) as reopened:
        if record.verb in REVERSIBLE:
            return _end_restore(journal, store, record, reopened)
        try:
            complete = _end_files(store, record, forgetting=forgetting)
        except (TypeError, ValueError) as damage:
            raise IntegrityError("its journal is damaged") from damage
        reopened.finish(JobState.DONE if complete else JobState.ROLLED_BACK, JobResult(recovered=True))
        ending = "it was complete" if complete else "nothing of it is left"
        if not forgetting:
            ending = "what it had not removed yet is kept"
        return f"job {record.id} ({record.verb}) had been interrupted; {ending}"


def _end_restore(journal: Journal, store: Store, record: JobRecord, reopened: OpenRecord) -> str:
    done = effects_of(record, store)
    state = done.state
    set_id, snaps = begun_subject_of(record)
    of = undone_by(record)
    verb = record.verb
    with _alone(store, () if target_directories(record) else snaps):
        left: tuple[Leftover, ...] = ()
        if not done.committed:
            state.demand_unmounted(back=True)
            if of:
                state.take_back()
            else:
                left = state.revert()
            done.refuse_outside()
            reopened.finish(JobState.ROLLED_BACK, _noting(JobResult(recovered=True), state, left))
            ending = "nothing of it is left" if target_directories(record) else "the data are as before it"
            return _with_leftovers(f"job {record.id} ({verb}) had been interrupted; {ending}", left)
        for earlier in journal.records():
            if earlier.id == of:
                journal.note_undone(earlier, record.id)
        until = window_end(record)
        if not until:
            left = state.clean_up()
        beside = next(iter(target_directories(record)), "")
        result = JobResult(set_id, snaps, recovered=True, undo_until=until, beside=beside)
        reopened.finish(JobState.DONE, _noting(result, state, left))
        return _with_leftovers(
            f"job {record.id} ({verb}) had been interrupted when done; it is complete", left
        )


def _noting(result: JobResult, state: RestoreState, left: Sequence[Leftover]) -> JobResult:
    """The same result, with what could not be removed."""
    return replace(result, left_out=tuple(map(str, left)), leftovers=state.present) if left else result


def _end_files(store: Store, record: JobRecord, *, forgetting: bool) -> bool:
    """Remove what a save, import or export left, end a forget; True where it is complete now."""
    complete = False
    steps = record.steps
    published = any(isinstance(step, Published) for step in steps)
    for step in steps:
        match step:
            case PublicationBegun():
                complete = _end_publication(store, step, published=published)
            case ExportBegun():
                complete = end_part(step)
            case ForgetBegun(doomed) if forgetting:
                store.end_forgetting(doomed)
                complete = True
            case FileBegun(path) | StagingBegun(path) if store.is_unfinished(path):
                remove_tree(path)
    return complete


def _end_publication(store: Store, publication: PublicationBegun, *, published: bool) -> bool:
    """Take a set back that is not whole; True where it is."""
    store.check_publication(publication)
    if published or is_published(store, publication):
        return True
    store.retract(publication)
    return False


def is_published(store: Store, publication: PublicationBegun) -> bool:
    """Whether the set that a save or an import was to publish is there, whole."""
    if files.identity(store.marker(publication.set_id)) is not None:
        return False
    return all(is_recorded(f"{store.folder}/{file.name}", file.identity) for file in publication.files)
