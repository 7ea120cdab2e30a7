"""Guards: the snapshots by which restores through snapd can be taken back, until they expire.

A restore's own journal names its guard. A guard that somebody forgot is no offer any more.
"""

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from backend.engine import UndoOffer
from backend.errors import ConflictError, NotFoundError
from backend.job import Job
from backend.journal import JobRecord, JobState
from backend.operation import Result, Undo
from backend.recovery import is_ours
from backend.snapd.changes import UnpackedBytes
from backend.snapd.site import Site

_ENDED_WELL = (JobState.DONE, JobState.PARTIAL)
# Names nobody: a restore for it touches the system's archive only (spec §5.2).
_NOBODY = "-"
_LATEST = 1 << 40


class Guard(NamedTuple):
    """The set that holds what a restore replaced; `users` are those whose data it replaced.

    `made` are the paths that were not there before the restore: taking it back leaves them.
    """

    set_id: int
    snaps: tuple[str, ...]
    users: tuple[str, ...]
    made: tuple[str, ...]


class Guarded(NamedTuple):
    """A restore of ours with its guard."""

    record: JobRecord
    guard: Guard
    until: float


def note_guard(guard: Guard, job: Job) -> Guard:
    """Make a guard last in the journal of its restore."""
    job.keep({"guard": guard._asdict()})
    return guard


def guard_of(record: JobRecord) -> Guard | None:
    """The guard that a restore noted, or None."""
    for step in record.steps:
        match step.get("guard"):
            case {"set_id": int(number), "snaps": list(snaps), "users": list(users), "made": list(made)}:
                return Guard(number, _texts(snaps), _texts(users), _texts(made))
    return None


def _texts(items: list[Any]) -> tuple[str, ...]:
    return tuple(item for item in items if isinstance(item, str))


def until_of(result: Mapping[str, Any]) -> float:
    """Until when a restore can be taken back, 0 where it cannot be."""
    until = result.get("undo_until")
    return float(until) if isinstance(until, int | float) and 0 < until < _LATEST else 0.0


def guarded(site: Site) -> list[Guarded]:
    """All restores of ours whose guards wait, the newest first; expired ones too."""
    found = []
    for record in reversed(site.journal.records()):
        over = record.result.get("undone") or record.result.get("expired")
        if record.state not in _ENDED_WELL or over or not until_of(record.result):
            continue
        restored = record.operation.get("verb") == "restore" and is_ours(record, site.store)
        if restored and (guard := guard_of(record)):
            found.append(Guarded(record, guard, until_of(record.result)))
    return found


def offers(site: Site) -> list[UndoOffer]:
    """The restores through snapd that can be taken back, the newest first."""
    sizes = {one.set_id: one.size for one in site.sets()}
    return [
        UndoOffer(one.record.id, _set_id(one.record), one.guard.snaps, one.until, sizes[one.guard.set_id])
        for one in guarded(site)
        if one.until > time.time() and one.guard.set_id in sizes
    ]


def _set_id(record: JobRecord) -> int:
    number = record.operation.get("set_id")
    return number if isinstance(number, int) else 0


def undo(site: Site, operation: Undo, job: Job) -> Result:
    """Take a restore back by its guard, which is forgotten then; what was there anew is left, and told."""
    chosen = _chosen(site, operation.job)
    record, guard = chosen.record, chosen.guard
    job.keep({"of": record.id, "guard": guard._asdict()})
    places = {snap: [site.layout.system_parent(snap)] for snap in guard.snaps}
    with job.step(f"Taking back job {record.id}; bytes unpacked"):
        site.carry_out(
            "undo",
            lambda: site.client.act("restore", guard.set_id, guard.snaps, guard.users or (_NOBODY,)),
            job,
            UnpackedBytes(places) if site.reads_files else None,
        )
        with job.shielded():
            site.journal.amend(record, {"undone": int(job.name) if job.name.isdigit() else 0})
            site.forget(guard.set_id, Job())
    left = tuple(f"{path} was not there before the restore; it is left" for path in guard.made)
    return Result(_set_id(record), guard.snaps, left)


def _chosen(site: Site, number: int) -> Guarded:
    here = {one.set_id for one in site.sets()}
    candidates = [one for one in guarded(site) if one.until > time.time() and one.guard.set_id in here]
    files = [offer.job for offer in site.files.undo_offers()]
    if not number:
        number = max((one.record.id for one in candidates), default=0)
        number = max([number, *files])
        if not number:
            raise NotFoundError("there is no restore to take back")
    chosen = next((one for one in candidates if one.record.id == number), None)
    if chosen is None:
        raise _refusal(site, number, number in files)
    later = [one for one in candidates if one.record.id > number]
    for one in later:
        if set(one.guard.snaps) & set(chosen.guard.snaps):
            raise ConflictError(
                f"cannot undo job {number}: job {one.record.id} changed the same data later; undo that first"
            )
    return chosen


def _refusal(site: Site, number: int, by_files: bool) -> ConflictError | NotFoundError:
    site.journal.record(number)
    if by_files:
        return ConflictError(
            f"cannot undo job {number}: it was done while snapd was not running; "
            "stop snapd and use --engine files"
        )
    return NotFoundError(f"job {number} cannot be taken back: it replaced nothing that is still kept")
