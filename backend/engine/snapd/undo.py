"""Guards: the snapshots by which restores through snapd can be undone, until they expire.

A restore's own journal names its guard. A guard that somebody forgot is no offer any more.
"""

from backend.engine.snapd.context import SnapdContext
from backend.engine.snapd.follow import UnpackedBytes
from backend.errors import BlockedError, ConflictError
from backend.jobs.effects import FORGETTING
from backend.jobs.record import JobRecord
from backend.jobs.safety_snapshots import SafeguardedRestore, safeguarded_restores
from backend.jobs.undo import bring_back, choose, newest_undoable
from backend.operations import Undo
from backend.progress import Progress
from backend.restore.obstacles import obstacle
from backend.results import Result, UndoOffer
from backend.steps import SafetySnapshot, SafetySnapshotMade, SnapdUndoBegun

# Names nobody: a restore for it touches the system's archive only.
_NOBODY = "-"


def note_guard(guard: SafetySnapshot, progress: Progress) -> SafetySnapshot:
    """Make a guard last in the journal of its restore."""
    progress.record_step(SafetySnapshotMade(guard))
    return guard


def offers(site: SnapdContext) -> list[UndoOffer]:
    """The restores through snapd that can be undone, the newest first."""
    sizes = {group.set_id: group.size for group in site.sets()}
    return [
        UndoOffer(
            job=restore.record.id,
            set_id=_set_id(restore.record),
            snaps=restore.guard.snaps,
            until=restore.until,
            held=sizes[restore.guard.set_id],
            doubt=restore.record.kept.doubt,
        )
        for restore in safeguarded_restores(site.journal, site.store.root)
        if not restore.record.kept.is_over and restore.guard.set_id in sizes
    ]


def _set_id(record: JobRecord) -> int:
    return getattr(record.operation, "set_id", 0)


def undo(site: SnapdContext, operation: Undo, progress: Progress) -> Result:
    """Undo a restore by its safety snapshot, which is forgotten then, or a forget.

    What was new is left, and reported.
    """
    if forgotten := _forgotten(site, operation.job):
        return bring_back(site.journal, site.store, forgotten, progress)
    chosen = _chosen(site, operation.job)
    record, guard = chosen.record, chosen.guard
    _demand_unobstructed(site, guard)
    progress.record_step(SnapdUndoBegun(record.id, guard))
    places = {snap: [site.layout.system_parent(snap)] for snap in guard.snaps}
    with progress.step("Putting back"):
        site.carry_out(
            "undo",
            lambda: site.client.act("restore", guard.set_id, guard.snaps, guard.users or (_NOBODY,)),
            progress,
            UnpackedBytes(places) if site.reads_files else None,
        )
        with progress.uncancellable():
            site.journal.note_undone(record, int(progress.name) if progress.name.isdigit() else 0)
            site.forget(guard.set_id, Progress())
    left = tuple(f"{path} was not there before the restore; it is left" for path in guard.made)
    return Result(_set_id(record), guard.snaps, left)


def _demand_unobstructed(site: SnapdContext, guard: SafetySnapshot) -> None:
    """Refuse to have snapd replace, and empty, what something is mounted below; with BlockedError."""
    layout = site.layout
    users = [user for user in layout.users_with_data()[0] if user.name in guard.users]
    for snap in guard.snaps:
        names = (str(layout.revision(snap)), "common")
        for parent in (layout.system_parent(snap), *(layout.user_place(user, snap) for user in users)):
            if parent and (reason := obstacle(parent, [f"{parent}/{name}" for name in names])):
                raise BlockedError(reason)


def _chosen(site: SnapdContext, number: int) -> SafeguardedRestore:
    here = {group.set_id for group in site.sets()}
    candidates = {
        restore.record.id: restore
        for restore in safeguarded_restores(site.journal, site.store.root)
        if not restore.record.kept.is_over and restore.guard.set_id in here
    }
    by_files = {offer.job: offer.verb for offer in site.files.undo_offers()}
    number = number or newest_undoable(_verbs(site))
    if number in by_files:
        raise ConflictError(
            f"cannot undo job {number}: it was done while snapd was not running; "
            "stop snapd and use --engine files"
        )
    if number not in candidates:
        site.journal.record(number)
    return choose(candidates, number, _meets)


def _verbs(site: SnapdContext) -> dict[int, str]:
    """The verbs of all jobs that can be undone, by number."""
    return {offer.job: offer.verb for offer in (*site.files.undo_offers(), *offers(site))}


def _forgotten(site: SnapdContext, number: int) -> JobRecord | None:
    """The forget that is to be undone; None for anything else: files may come back while snapd runs."""
    verbs = _verbs(site)
    number = number or newest_undoable(verbs)
    return site.journal.record(number) if verbs.get(number) in FORGETTING else None


def _meets(restore: SafeguardedRestore, later: SafeguardedRestore) -> bool:
    return not set(later.guard.snaps).isdisjoint(restore.guard.snaps)
