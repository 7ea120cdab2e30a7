"""What happens after: undo of a restore, its expiry, and what a crash left.

Only what our own journal proves to be ours and dead is ended without being asked; everything else is a
finding, and goes only by a repair.
"""

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, NamedTuple

from backend import files, restore
from backend.engine import Finding, UndoOffer
from backend.errors import BlockedError, ConflictError, IntegrityError, NotFoundError, SnapshotError
from backend.estimate import measure
from backend.export import end_part
from backend.job import Job
from backend.journal import JobRecord, JobState, Journal, OpenRecord
from backend.operation import DAY, Result, Undo
from backend.store import STAGING, Store, is_recorded
from backend.swap import RestoreState
from backend.wire import is_snap_name

FRESH = 3600
_ENDED_WELL = (JobState.DONE, JobState.PARTIAL)
_REVERSIBLE = ("restore", "undo")
_SNAPD_LEFTOVER = re.compile(r"\.snapshot[0-9]+|.+\.~[A-Za-z0-9]{9}~")
_KEPT_JOBS = 100
_LATEST = 1 << 40


# -- undo


def undo_offers(journal: Journal, store: Store) -> list[UndoOffer]:
    """The restores that can be taken back, the newest first, with the bytes they hold."""
    offers = []
    for record in _reversible(journal, store):
        try:
            held = measure([slot.path for slot in _done_by(record, store).state.slots]).allocated
        except SnapshotError:
            continue
        offers.append(UndoOffer(record.id, *_about(record.result), _until(record), held))
    return offers


def _reversible(journal: Journal, store: Store) -> list[JobRecord]:
    now = time.time()
    return [record for record in _held(journal, store) if _until(record) > now]


def _held(journal: Journal, store: Store) -> list[JobRecord]:
    """Ended jobs of ours whose slots still hold what they replaced, the newest first."""
    return [
        record
        for record in reversed(journal.records())
        if record.operation.get("verb") in _REVERSIBLE
        and record.state in _ENDED_WELL
        and _until(record)
        and not record.result.get("undone")
        and not record.result.get("expired")
        and _is_ours(record, store)
    ]


def _until(record: JobRecord) -> float:
    """Until when what a job replaced is kept, in seconds since the epoch; 0 where it is not."""
    until = record.result.get("undo_until")
    return float(until) if isinstance(until, int | float) and 0 < until < _LATEST else 0.0


def _about(document: Mapping[str, Any]) -> tuple[int, tuple[str, ...]]:
    """The set and the snaps that a result, or a step, is about."""
    number, snaps = document.get("set_id"), document.get("snaps")
    named = (name for name in snaps if isinstance(name, str)) if isinstance(snaps, list) else ()
    return number if isinstance(number, int) else 0, tuple(sorted(set(named)))


def _is_ours(record: JobRecord, store: Store) -> bool:
    """Written by us and for this very root: nobody else's journal may make us change data."""
    root, here = record.root, store.root
    return record.is_private and all(root.get(key) == here[key] for key in ("path", "inode"))


class _Done(NamedTuple):
    """What a job did below the root, whether it was complete, and the places outside that it names."""

    state: RestoreState
    committed: bool
    outside: list[str]

    def refuse_outside(self) -> None:
        """BlockedError where there are any: a link leads there now, or the journal lies."""
        if self.outside:
            raise BlockedError(f"{self.outside[0]} leads out of the root: it will not be touched")


def _done_by(record: JobRecord, store: Store) -> _Done:
    state, committed = restore.recovered(record.steps)
    root = os.path.realpath(store.layout.root)

    def is_inside(place: str) -> bool:
        try:
            return os.path.commonpath((root, os.path.realpath(place))) == root
        except ValueError:
            return False  # no path at all

    slots = [slot for slot in state.slots if is_inside(slot.parent)]
    outside = [slot.parent for slot in state.slots if slot not in slots]
    moves = [move for move in state.moves if move.slot in slots]
    made = [place for place in state.made if is_inside(place)]
    return _Done(RestoreState(slots, moves, made, state.done), committed, outside)


def undo(journal: Journal, store: Store, operation: Undo, job: Job) -> Result:
    """Put back what a restore replaced; what is taken away waits a day for an undo of this undo.

    NotFoundError when nothing can be taken back, ConflictError when a later restore, which can still be taken
    back itself, changed the same data.
    """
    record = _chosen(journal, store, operation.job)
    set_id, snaps = _about(record.result)
    with ExitStack() as locks, files.speaking(f"cannot take back job {record.id}"):
        for name in snaps:
            locks.enter_context(store.snap_lock(name, "undo"))
        record = _chosen(journal, store, record.id)
        done = _done_by(record, store)
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
        restores = [record for record in candidates if record.operation.get("verb") == "restore"]
        if not restores:
            raise NotFoundError("there is no restore to take back")
        return restores[0]
    chosen = next((record for record in candidates if record.id == number), None)
    if chosen is None:
        journal.record(number)
        raise NotFoundError(f"job {number} cannot be taken back: it replaced nothing that is still kept")
    touched = _touched(chosen, store)
    for later in candidates:
        if later.id > number >= _undone_by(later) and touched & _touched(later, store):
            raise ConflictError(
                f"cannot undo job {number}: job {later.id} changed the same data later; undo that first"
            )
    return chosen


def _undone_by(record: JobRecord) -> int:
    """The job that an undo took back, 0 for a restore. Both together changed nothing."""
    return next((step["of"] for step in record.steps if isinstance(step.get("of"), int)), 0)


def _touched(record: JobRecord, store: Store) -> set[tuple[str, str]]:
    return {(move.slot.parent, move.name) for move in _done_by(record, store).state.moves}


# -- ending what died


def tidy(journal: Journal, store: Store, job: Job) -> list[str]:
    """End dead jobs of ours and undo data that expired, drop old jobs; says what was done and what failed."""
    with files.speaking("cannot tidy up"):
        journal.sweep()
        store.sweep()
    said = []
    for record in journal.records():
        if _is_ours(record, store) and (record.state is JobState.INTERRUPTED or _is_stuck(record, store)):
            said.append(_safely(record, partial(_end, journal, store, record)))
    now = time.time()
    for record in _held(journal, store):
        if _until(record) <= now:
            said.append(_safely(record, partial(_expire, journal, store, record)))
    journal.drop_oldest(_KEPT_JOBS, {one.id for one in journal.records() if _is_needed(one, store)})
    for text in said:
        job.note(text)
    return said


def _is_needed(record: JobRecord, store: Store) -> bool:
    """Whether its steps are the only word on where replaced data lie."""
    if record.operation.get("verb") not in _REVERSIBLE:
        return False
    if record.result.get("undone") or record.result.get("expired"):
        return False
    return bool(_until(record)) or not _is_ours(record, store) or _is_stuck(record, store)


def _is_stuck(record: JobRecord, store: Store) -> bool:
    """Whether a restore failed and what it had replaced could not be put back either."""
    failed = record.state in (JobState.FAILED, JobState.CANCELLED)
    if not failed or record.operation.get("verb") != "restore":
        return False
    try:
        return any(os.path.lexists(slot.path) for slot in _done_by(record, store).state.slots)
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
    with _alone(store, _about(record.result)[1]):
        if journal.record(record.id).result.get("undone"):
            return f"job {record.id} was taken back meanwhile"
        done = _done_by(record, store)
        done.state.clean_up()
        done.refuse_outside()
        journal.amend(record, {"expired": True})
    return f"the undo of job {record.id} expired; what it kept was removed"


def _end(journal: Journal, store: Store, record: JobRecord) -> str:
    """Take back, or complete, one dead job of ours."""
    with journal.reopened(record) as reopened:
        verb = record.operation.get("verb")
        if verb in _REVERSIBLE:
            return _end_restore(journal, store, record, reopened)
        try:
            complete = _end_files(store, record)
        except (KeyError, TypeError, ValueError, AttributeError) as damage:
            raise IntegrityError("its journal is damaged") from damage
        reopened.finish(JobState.DONE if complete else JobState.TAKEN_BACK, {"recovered": True})
        ending = "it was complete" if complete else "nothing of it is left"
        return f"job {record.id} ({verb}) had been interrupted; {ending}"


def _end_restore(journal: Journal, store: Store, record: JobRecord, reopened: OpenRecord) -> str:
    done = _done_by(record, store)
    state = done.state
    set_id, snaps = _about(next((step for step in record.steps if "snaps" in step), {}))
    of = _undone_by(record)
    verb = record.operation["verb"]
    with _alone(store, snaps):
        if not done.committed:
            if of:
                state.take_back()
            else:
                state.revert()
            done.refuse_outside()
            reopened.finish(JobState.TAKEN_BACK, {"recovered": True})
            return f"job {record.id} ({verb}) had been interrupted; the data are as before it"
        for earlier in journal.records():
            if earlier.id == of:
                journal.amend(earlier, {"undone": record.id})
        window = record.operation.get("undo_window", DAY)
        until = record.started + (window if isinstance(window, int) else DAY) if window else 0.0
        if not until:
            state.clean_up()
        result = {"set_id": set_id, "snaps": snaps, "recovered": True, "undo_until": until}
        reopened.finish(JobState.DONE, result)
        return f"job {record.id} ({verb}) had been interrupted when done; it is complete"


def _end_files(store: Store, record: JobRecord) -> bool:
    """Remove what a save, import or export left, end a forget; True where it is complete now."""
    complete = False
    steps = record.steps
    published = any("published" in step for step in steps)
    for step in steps:
        if "publish" in step:
            store.check_publication(step["publish"])
            complete = published or _is_published(store, step["publish"])
            if not complete:
                store.retract(step["publish"])
        if "part" in step:
            complete = end_part(step)
        if "forget" in step:
            store.end_forgetting(step["forget"])
            complete = True
        for key in ("temporary", "staging"):
            if key in step and store.is_unfinished(step[key]):
                files.remove_tree(step[key])
    return complete


def _is_published(store: Store, publication: dict[str, Any]) -> bool:
    if files.identity(store.marker(publication["set"])) is not None:
        return False
    return all(is_recorded(f"{store.folder}/{name}", found) for _, name, *found in publication["files"])


# -- findings and repair


def findings(journal: Journal, store: Store) -> list[Finding]:
    """What an earlier crash left, what snapd hides, what is odd, what undo holds."""
    found = []
    for record in journal.records():
        if record.state is JobState.INTERRUPTED:
            verb = record.operation.get("verb")
            text = f"job {record.id} ({verb}) was interrupted"
            found.append(Finding("interrupted", record.folder, text, "take it back, or complete it"))
    found += _marker_findings(store)
    found += _temporary_findings(journal, store)
    for snapshot in store.iter_snapshots():
        if snapshot.broken:
            kind = "hidden" if snapshot.hidden else "broken"
            found.append(Finding(kind, snapshot.path, snapshot.broken))
        elif snapshot.warning:
            found.append(Finding("renamed", snapshot.path, snapshot.warning))
    for path in _snapd_leftovers(store):
        found.append(Finding("leftover", path, "left by an interrupted restore of snapd"))
    for offer in undo_offers(journal, store):
        until = time.strftime("%Y-%m-%d %H:%M", time.localtime(offer.until))
        text = f"job {offer.job} can be taken back until {until}; it holds {offer.held} bytes"
        found.append(Finding("undo", "", text))
    return found


def _marker_findings(store: Store) -> Iterator[Finding]:
    for name in store.markers():
        path = f"{store.folder}/{name}"
        if not re.fullmatch("[0-9]+_importing", name):
            yield Finding("marker", path, "not a marker of any set; it is ignored")
            continue
        fresh = time.time() - _age_mark(path) < FRESH
        text = "an import is under way, or was interrupted; its set is hidden"
        yield Finding("import", path, text, "" if fresh else "remove the marker and the files of its set")


def _temporary_findings(journal: Journal, store: Store) -> Iterator[Finding]:
    temporaries = store.temporaries()  # before the living are asked: what they make later is not in it
    living = {
        step[key]
        for record in journal.records()
        if record.state is JobState.RUNNING
        for step in record.steps
        for key in ("temporary", "staging")
        if key in step
    }
    for path in temporaries:
        if path in living:
            continue
        ours = os.path.basename(path).startswith(STAGING)
        fresh = not ours and time.time() - _age_mark(path) < FRESH
        text = (
            "left by an interrupted import" if ours else "left by an interrupted save, or still being written"
        )
        yield Finding("temporary", path, text, "" if fresh else "remove it")


def _age_mark(path: str) -> float:
    try:
        return os.lstat(path).st_mtime
    except FileNotFoundError:
        return time.time()


def _snapd_leftovers(store: Store) -> Iterator[str]:
    layout = store.layout
    for snap in layout.installed_names():
        parents = [layout.system_parent(snap)]
        parents += [layout.user_place(user, snap) for user in layout.users_with_data()[0]]
        for parent in filter(None, parents):
            try:
                names = os.listdir(parent)
            except OSError:
                continue
            yield from (f"{parent}/{name}" for name in sorted(names) if _SNAPD_LEFTOVER.fullmatch(name))


def repair(journal: Journal, store: Store, job: Job) -> list[Finding]:
    """Do what the findings offer; returns them, each with what became of it."""
    tidied = tidy(journal, store, job)
    done = [Finding("tidied", "", text) for text in tidied]
    with store.lock():
        for finding in [*_marker_findings(store), *_temporary_findings(journal, store)]:
            if not finding.repair:
                continue
            try:
                with files.speaking(f"cannot remove {finding.path}"):
                    if finding.kind == "import":
                        store.abandon_import(os.path.basename(finding.path))
                    else:
                        files.remove_tree(finding.path)
                done.append(finding._replace(text="removed"))
            except SnapshotError as failure:
                done.append(finding._replace(text=str(failure)))
    return done
