"""What happens after: undo of a restore, its expiry, and the end of a job that died.

Only what our own journal proves to be ours and dead is ended, by itself in the safe way, or as was chosen.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from backend.errors import IntegrityError, SnapshotError
from backend.format.names import is_snap_name
from backend.fs import files
from backend.jobs.effects import (
    REVERSIBLE,
    about,
    effects_of,
    is_ours,
    is_with_snapd,
    kept_records,
    needs_rollback,
    target_directories,
    undo_deadline,
    undone_by,
    window_end,
)
from backend.jobs.journal import JobRecord, JobState, Journal, OpenRecord
from backend.progress import Progress
from backend.store.store import Store, is_recorded
from backend.transfer.exporter import end_part

_KEPT_JOBS = 100


# -- undo


# -- ending what died


def recover_jobs(journal: Journal, store: Store, progress: Progress) -> list[str]:
    """End dead jobs of ours and undo data that expired, drop old jobs; says what was done and what failed."""
    with files.os_errors_as("cannot tidy up"):
        journal.sweep()
        store.sweep()
    said = []
    for record in journal.records():
        dead = record.state is JobState.INTERRUPTED or needs_rollback(record, store)
        if dead and is_ours(record, store) and not is_with_snapd(record):
            said.append(_safely(record, partial(end_job, journal, store, record)))
    now = time.time()
    for record in kept_records(journal, store):
        if undo_deadline(record) <= now:
            said.append(_safely(record, partial(_expire, journal, store, record)))
    journal.drop_oldest(_KEPT_JOBS, {one.id for one in journal.records() if _is_needed(one, store)})
    for text in said:
        progress.note(text)
    return said


def recover_directory_restores(journal: Journal, store: Store, progress: Progress) -> list[str]:
    """End restores beside of ours that died; snapd may be running: nothing that it looks after is touched."""
    with files.os_errors_as("cannot tidy up"):
        dead = [
            record
            for record in journal.records()
            if is_ours(record, store)
            and record.operation.get("to")
            and (record.state is JobState.INTERRUPTED or needs_rollback(record, store))
        ]
    said = [_safely(record, partial(end_job, journal, store, record)) for record in dead]
    for text in said:
        progress.note(text)
    return said


def _is_needed(record: JobRecord, store: Store) -> bool:
    """Whether its steps are the only word on where replaced data lie."""
    if record.operation.get("verb") not in REVERSIBLE:
        return False
    if record.result.get("undone") or record.result.get("expired"):
        return False
    return bool(undo_deadline(record)) or not is_ours(record, store) or needs_rollback(record, store)


def _safely(record: JobRecord, act: Callable[[], str]) -> str:
    try:
        with files.os_errors_as(f"cannot tidy up after job {record.id}"):
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
        done = effects_of(record, store)
        done.state.clean_up()
        done.refuse_outside()
        journal.amend(record, {"expired": True})
    return f"the undo of job {record.id} expired; what it kept was removed"


def end_job(journal: Journal, store: Store, record: JobRecord, *, forgetting: bool = True) -> str:
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
    done = effects_of(record, store)
    state = done.state
    set_id, snaps = about(next((step for step in record.steps if "snaps" in step), {}))
    of = undone_by(record)
    verb = record.operation["verb"]
    with _alone(store, () if target_directories(record) else snaps):
        if not done.committed:
            if of:
                state.take_back()
            else:
                state.revert()
            done.refuse_outside()
            reopened.finish(JobState.TAKEN_BACK, {"recovered": True})
            ending = "nothing of it is left" if target_directories(record) else "the data are as before it"
            return f"job {record.id} ({verb}) had been interrupted; {ending}"
        for earlier in journal.records():
            if earlier.id == of:
                journal.amend(earlier, {"undone": record.id})
        until = window_end(record)
        if not until:
            state.clean_up()
        result = {"set_id": set_id, "snaps": snaps, "recovered": True, "undo_until": until}
        if grounds := target_directories(record):
            result["beside"] = grounds[0]
        reopened.finish(JobState.DONE, result)
        return f"job {record.id} ({verb}) had been interrupted when done; it is complete"


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
