"""Forgetting through snapd: it removes the files, which have second names in the trash by then."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from backend.engine.forgetting import demand_unpinned, kept_for, undo_facts
from backend.engine.snapd.conflicts import when_free
from backend.engine.snapd.context import SnapdContext
from backend.errors import (
    BlockedError,
    Cancelled,
    HalfDoneError,
    NotFoundError,
    OpenEndedError,
    SnapshotError,
    UnreachableError,
)
from backend.fs import files
from backend.jobs.trash import Trash
from backend.model import Snapshot, selected_snapshots
from backend.operations import Forget
from backend.progress import Progress
from backend.restore.swap import RestoreState
from backend.results import Result
from backend.steps import DataCommitted
from backend.store.room import room_of


class _Going(NamedTuple):
    """What is asked of snapd for one set: the snapshots that it sees."""

    operation: Forget
    seen: list[Snapshot]


def forget(site: SnapdContext, operations: Sequence[Forget], progress: Progress) -> Result:
    """Remove sets, or the named snaps of them; files that snapd does not see stay, and are reported."""
    progress.raise_if_cancelled()
    going, left_out = _seen(site, operations)
    room = room_of([snapshot for each in going for snapshot in each.seen]).freed
    window = kept_for(operations, progress) if site.reads_files else 0
    with progress.step("Forgetting"):
        if window:
            done, refused = _into_trash(site, going, progress)
        else:
            done, refused = _asked_for(site, going, progress)
    sets = tuple(each.operation.set_id for each in done)
    result = Result(
        set_id=sets[0] if len(sets) == 1 else 0,
        snaps=tuple(dict.fromkeys(snapshot.snap for each in done for snapshot in each.seen)),
        left_out=(*left_out, *refused),
        sets=sets,
    )
    if not window or not done:
        return replace(result, freed=room)
    return replace(result, held=room, **undo_facts(site.journal, window, progress))


def _seen(site: SnapdContext, operations: Sequence[Forget]) -> tuple[list[_Going], list[str]]:
    """What snapd sees of the sets, and what it does not; BlockedError where that is all of the only one."""
    going, left_out = [], []
    for operation in operations:
        try:
            groups = site.sets(operation.set_id)
            chosen = selected_snapshots(groups, operation.snaps)
            demand_unpinned(site.files.pins, operation, groups[0])
            seen = _demand_seen(chosen, operation)
        except (NotFoundError, BlockedError) as reason:
            if len(operations) == 1:
                raise
            left_out.append(f"set #{operation.set_id} was left: {reason}")
        else:
            going.append(_Going(operation, seen))
            hidden = (snapshot.path for snapshot in chosen if snapshot.hidden)
            left_out += [f"{path} was not removed: snapd does not see it" for path in hidden]
    return going, left_out


def _demand_seen(chosen: Sequence[Snapshot], operation: Forget) -> list[Snapshot]:
    """Those of the snapshots that snapd sees; BlockedError without any."""
    if seen := [snapshot for snapshot in chosen if not snapshot.hidden]:
        return seen
    raise BlockedError(
        f"cannot forget: snapd does not see the damaged files of snapshot set #{operation.set_id}; stop "
        "snapd and use --engine files"
    )


def _into_trash(
    site: SnapdContext, going: Sequence[_Going], progress: Progress
) -> tuple[list[_Going], list[str]]:
    """Have snapd remove files that have second names by then; after a failure or a stop all are back.

    Where it is not known whether snapd goes on, the second names stay, for the next start to look.
    """
    trash = Trash(site.store, site.journal)
    state = trash.link([snapshot for each in going for snapshot in each.seen], progress)
    try:
        with trash.carried(state):
            done, refused = _asked_for(site, going, progress, trash.healing(state))
        if done:
            progress.record_step(DataCommitted())
            return done, refused
    except UnreachableError as failure:
        text = f"{failure}; what it removes meanwhile is kept, and the next start looks what became of it"
        raise OpenEndedError(text) from failure
    except (SnapshotError, Cancelled) as failure:
        _all_back(trash, state, progress, failure)
        raise
    _all_back(trash, state, progress, None)
    return done, refused


def _all_back(trash: Trash, state: RestoreState, progress: Progress, failure: BaseException | None) -> None:
    """Put all back that is gone, and give the slot up."""
    try:
        with files.os_errors_as("cannot put back what was forgotten"):
            trash.make_whole(state)
            trash.discard(state, progress)
    except SnapshotError as cause:
        raise HalfDoneError(f"{failure or 'cannot forget'}\n{cause}; the next start tries again") from cause


def _nothing_to_heal(_set_id: int) -> None:
    """Where nothing is kept nothing can be put back."""


def _asked_for(
    site: SnapdContext,
    going: Sequence[_Going],
    progress: Progress,
    heal: Callable[[int], None] = _nothing_to_heal,
) -> tuple[list[_Going], list[str]]:
    """Ask snapd for one set after the other; of several, those that it refuses are healed and left out."""
    done, refused = [], []
    for each in going:
        try:
            when_free(site, each.operation, progress, partial(_ask, site, each, progress))
        except (Cancelled, UnreachableError, OpenEndedError):
            raise
        except SnapshotError as reason:
            if len(going) == 1:
                raise
            heal(each.operation.set_id)
            refused.append(f"set #{each.operation.set_id} was left: {reason}")
        else:
            done.append(each)
    return done, refused


def _ask(site: SnapdContext, going: _Going, progress: Progress) -> None:
    set_id, snaps = going.operation.set_id, going.operation.snaps
    names = [snapshot.snap for snapshot in going.seen] if snaps else []
    site.carry_out("forget", lambda: site.client.act("forget", set_id, names), progress)
