"""What happens after: the expiry of what is kept for an undo, and the end of a job that died.

Only what our own journal proves to be ours and dead is ended, by itself in the safe way, or as was chosen.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TypeAlias

from backend.errors import IntegrityError, SnapshotError
from backend.fs import files
from backend.fs.removal import Leftover, remove_tree
from backend.jobs.data_endings import Ending, alone_with, end_data_job
from backend.jobs.effects import (
    FORGETTING,
    REVERSIBLE,
    effects_of,
    forgotten_copies,
    forgotten_sets,
    is_about_trash,
    is_damaged,
    is_ours,
    is_removal,
    is_with_snapd,
    kept_records,
    needs_rollback,
    subject_of,
    target_directories,
    undone_by,
)
from backend.jobs.journal import Journal
from backend.jobs.record import ENDED_WELL, JobRecord, JobState
from backend.jobs.result import JobResult
from backend.jobs.trash import end_by_what_is_there
from backend.progress import Progress
from backend.steps import ExportBegun, FileBegun, ForgetBegun, PublicationBegun, Published, StagingBegun
from backend.store.store import Store
from backend.transfer.exporter import end_part

_KEPT_JOBS = 100


# -- ending what died


def recover_jobs(journal: Journal, store: Store, progress: Progress) -> list[str]:
    """End dead jobs of ours and undo data that expired, drop old jobs; says what was done and what failed."""
    with files.os_errors_as("cannot tidy up"):
        journal.sweep()
        store.sweep()
    journal.running_time.note()
    sentences = end_each(_overdue(journal, store))
    kin = telling_of_kin(journal, store)
    drop_old_jobs(journal, lambda record: record.id in kin or _is_needed(store, record))
    return noted(sentences, progress)


Task: TypeAlias = tuple[JobRecord, Callable[[], str]]


def _overdue(journal: Journal, store: Store) -> Iterator[Task]:
    for record in journal.records():
        dead = record.state is JobState.INTERRUPTED or needs_rollback(record, store)
        if dead and is_ours(record, store) and (not is_with_snapd(record) or _is_kept_by_us(record)):
            yield record, partial(end_job, journal, store, record)
    for record in expired_records(journal, store):
        yield record, partial(expire, journal, store, record)


def expired_records(journal: Journal, store: Store) -> Iterator[JobRecord]:
    """Yield jobs whose time is over, but for those whose undo was interrupted amid its moves."""
    in_use = {
        undone_by(record)
        for record in journal.records()
        if record.state is JobState.INTERRUPTED and not is_damaged(record)
    }
    for record in kept_records(journal, store):
        if record.kept.is_over and record.id not in in_use:
            yield record


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


def telling_of_kin(journal: Journal, store: Store) -> set[int]:
    """The forgets that tell which files belong to sets of which something is in the trash still."""
    forgets = [r for r in journal.records() if r.verb in FORGETTING and not is_damaged(r)]
    sets = {record.id: {part.set_id for part in forgotten_sets(record)} for record in forgets}
    kept = {number for record in kept_records(journal, store) for number in sets.get(record.id, ())}
    return {number for number, some in sets.items() if not some.isdisjoint(kept)}


def noted(sentences: list[str], progress: Progress) -> list[str]:
    """The sentences, each of which was noted."""
    for sentence in sentences:
        progress.note(sentence)
    return sentences


def may_hold_data(record: JobRecord) -> bool:
    """Whether it is one that replaces data, or forgot some, neither put back nor removed since."""
    if record.verb not in REVERSIBLE or record.result.undone or record.result.expired:
        return False
    ended_well = record.state in (*ENDED_WELL, JobState.REFUSED)
    return record.verb not in FORGETTING or bool(record.result.undo_until) or not ended_well


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


def expire(journal: Journal, store: Store, record: JobRecord) -> str:
    """Remove what an ended job keeps for its undo; says what was done."""
    with alone_with(store, record, subject_of(record).snaps):
        if journal.record(record.id).result.undone:
            return f"job {record.id} was rolled back meanwhile"
        done = effects_of(record, store)
        left = done.state.clean_up()
        done.refuse_outside()
        journal.note_expired(record, done.state.present if left else ())
    return _with_leftovers(f"the undo of job {record.id} expired; what it kept was removed", left)


def _with_leftovers(text: str, left: Sequence[Leftover]) -> str:
    return "; ".join((text, *map(str, left)))


def end_job(journal: Journal, store: Store, record: JobRecord, how: Ending = Ending.SAFE) -> str:
    """Roll back, or complete, one dead job of ours, or let it wait for somebody to choose; says which.

    A forget is completed, or, when it is rolled back, the files that it has not removed yet are kept.
    """
    if is_with_snapd(record) and _is_kept_by_us(record):
        return end_by_what_is_there(journal, store, record)
    forgetting = how is not Ending.ROLL_BACK or record.verb not in FORGETTING
    if record.verb in REVERSIBLE and not is_removal(record):
        return end_data_job(journal, store, record, how)
    if copies := forgotten_copies(record):
        return _end_upkeep(journal, record, copies)
    with journal.reopened(record) as reopened:
        try:
            complete = _end_files(store, record, forgetting=forgetting)
        except (TypeError, ValueError) as damage:
            raise IntegrityError("its journal is damaged") from damage
        reopened.finish(JobState.DONE if complete else JobState.ROLLED_BACK, JobResult(recovered=True))
        ending = "it was complete" if complete else "nothing of it is left"
        if not forgetting:
            ending = "what it had not removed yet is kept"
        return f"job {record.id} ({record.verb}) had been interrupted; {ending}"


def _end_upkeep(journal: Journal, record: JobRecord, copies: tuple[str, ...]) -> str:
    """End a job that let go of copies in a repository; how far it came there is not asked now."""
    with journal.reopened(record) as reopened:
        left_out = ("it was interrupted: of the last copy it may have let go only a part",)
        reopened.finish(JobState.PARTIAL, JobResult(left_out=left_out, copies=copies, recovered=True))
    return (
        f"job {record.id} ({record.verb}) had been interrupted; the copies that it let go can be had back: "
        f"undo {record.id}"
    )


def _is_kept_by_us(record: JobRecord) -> bool:
    """Whether whatever snapd makes of it, everything that it is about has a name in the trash."""
    return record.verb in FORGETTING and not is_damaged(record) and is_about_trash(record)


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
    if published or store.is_published(publication):
        return True
    store.retract(publication)
    return False
