"""Restoring through snapd, with a guard: a snapshot of what will be replaced, by which it can be undone.

Every archive is verified before snapd, which unpacks first and looks at hashes later, gets to see it.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

from backend.archive.gzip.blocks import inflate
from backend.archive.hashing import Read
from backend.archive.reader import Reader
from backend.archive.tar.stream import BLOCK
from backend.engine.daemon import SnapdChange
from backend.engine.snapd import services
from backend.engine.snapd.context import SnapdContext
from backend.engine.snapd.follow import SavedBytes, UnpackedBytes, follow
from backend.engine.snapd.save import demand_space, stored_forecast
from backend.engine.snapd.undo import note_guard
from backend.errors import (
    BlockedError,
    IntegrityError,
    NotAllowedError,
    SnapshotError,
    UnreachableError,
)
from backend.host.layout import Layout
from backend.model import ARCHIVE, Revision, Snapshot, saved_users, user_of
from backend.operations import Check, Restore
from backend.progress import Progress, Started
from backend.restore.plan import EntryPlan, RestorePlan, Wanted, plan_restore
from backend.restore.restorer import note_changes
from backend.results import Result
from backend.steps import SafetySnapshot

_BESIDE = "restore it into another directory with --to, or stop snapd and use --engine files"
_NO_UNDO = "no undo: "
_GUARDING, _UNPACKING = "Saving the present data", "Restoring"


def plan(site: SnapdContext, restore: Restore, progress: Progress | None = None) -> list[RestorePlan]:
    """Plan a restore from the places alone; without the right to read the files, from what snapd lists."""
    if not site.reads_files:
        chosen = site.selected(restore.set_id, restore.snaps)
        site.layout.demand_users(restore.users, saved_users(chosen))
        plans = [_plan_unread(site.layout, snapshot, restore) for snapshot in chosen]
    else:
        plans = site.files.plan(restore, look=False, progress=progress)
    return plans if restore.target_dir else [_through_snapd(site, plan, restore) for plan in plans]


def _plan_unread(layout: Layout, snapshot: Snapshot, restore: Restore) -> RestorePlan:
    installed = layout.revision(snapshot.snap) or Revision()
    plan = plan_restore(_Unread(snapshot), layout, installed, Wanted(restore.users, restore.target_dir))
    note = "its archives may not be read: sizes and losses are not known (try with sudo)"
    return replace(plan, notes=(*plan.notes, note))


class _Unread:
    """A snapshot of which only the metadata may be had."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot

    def unpacked_size(self, _entry: str) -> int:
        """Not known."""
        return 0

    stored_size = unpacked_size

    def verified(self, entry: str, _job: Progress) -> AbstractContextManager[Read]:
        """Refuses."""
        raise NotAllowedError(f"cannot read {entry}: the snapshot files may not be read (try with sudo)")


def _through_snapd(site: SnapdContext, plan: RestorePlan, restore: Restore) -> RestorePlan:
    """The plan of the files engine, as it is when snapd carries it out."""
    snapshot = plan.snapshot
    installed = site.layout.revision(snapshot.snap)
    blocked = list(plan.blocked)
    if restore.revision and restore.revision != str(installed or snapshot.revision):
        blocked.append(f'snapd restores snap "{snapshot.snap}" onto the installed revision only: {_BESIDE}')
    if not snapshot.broken and installed and installed != snapshot.revision and site.reads_files:
        blocked += _without_revision(snapshot, installed, plan.active)
    notes = [note for note in plan.notes if "configuration" not in note]
    if not snapshot.conf and site.layout.state.config(snapshot.snap):
        notes.append("the snapshot holds no configuration: snapd deletes the present one")
    if restore.undo_window and (why := _why_no_guard(site, snapshot)):
        notes.append(f'{_NO_UNDO}snap "{snapshot.snap}" {why}')
    entries = tuple(replace(entry, forbidden="") for entry in plan.entries)  # it is snapd that writes
    return replace(
        plan, entries=entries, blocked=tuple(blocked), notes=tuple(notes), devices=True, only_whole=_BESIDE
    )


def _without_revision(snapshot: Snapshot, installed: Revision, entries: Sequence[EntryPlan]) -> list[str]:
    """The archives that hold common/ only, which snapd cannot restore onto another revision."""
    refusals = []
    with Reader.open(snapshot.path) as reader:
        for plan in entries:
            if not _begins_with(reader, plan.entry, f"{snapshot.revision}/"):
                refusals.append(
                    f"{plan.entry} holds common/ only, which snapd cannot restore onto another revision "
                    f"({installed} is installed, {snapshot.revision} was saved): {_BESIDE}"
                )
    return refusals


def _begins_with(reader: Reader, entry: str, folder: str) -> bool:
    """Whether an archive begins with a folder; snapd writes the revision's first."""
    first = next(inflate(reader.stream(entry), 1), b"")
    return first[:BLOCK].startswith(folder.encode())


def _why_no_guard(site: SnapdContext, snapshot: Snapshot) -> str:
    """Why what a restore replaces cannot be saved before it, or nothing."""
    if site.layout.revision(snapshot.snap) is None:
        return "is not installed, so that its present data cannot be saved before"
    if ARCHIVE not in snapshot.entries:
        return (
            "has data of users only in the set, while a snapshot of the present would hold the system's too"
        )
    return ""


def restore(site: SnapdContext, operation: Restore, progress: Progress) -> Result:
    """Restore a set as one unit: snapd restores all of it, or, after any failure or a stop, nothing."""
    plans = plan(site, operation)
    if reasons := [f'snap "{plan.snapshot.snap}": {text}' for plan in plans for text in plan.reasons]:
        raise BlockedError("\n".join(reasons))
    skipped = [entry.skipped for plan in plans for entry in plan.entries if entry.skipped]
    for text in [*skipped, *(note for plan in plans for note in plan.notes)]:
        progress.note(text)
    needed = sum(entry.needed for plan in plans for entry in plan.active)
    note_changes(operation, plans, site.layout, progress)
    progress.plan(*_steps(site, operation, plans, needed))
    _verify(site, operation, progress)
    snaps = tuple(plan.snapshot.snap for plan in plans)
    with services.at_rest(site, operation, snaps, progress) as troubles:
        guard, change = _replaced(site, operation, plans, progress)
    left_out = tuple(dict.fromkeys((*skipped, *change.notes, *troubles)))
    until = site.journal.clock.wall() + operation.undo_window if guard else 0.0
    undo_job = int(progress.name) if guard and progress.name.isdigit() else 0
    return Result(operation.set_id, snaps, left_out, undo_job=undo_job, undo_until=until)


def _replaced(
    site: SnapdContext, operation: Restore, plans: Sequence[RestorePlan], progress: Progress
) -> tuple[SafetySnapshot | None, SnapdChange]:
    """Have snapd restore all of a set; what it replaced is in the guard, where there is one."""
    guard = _guarded(site, operation, plans, progress)
    needed = sum(entry.needed for plan in plans for entry in plan.active)
    places = {plan.snapshot.snap: [entry.parent for entry in plan.active] for plan in plans}
    try:
        with progress.step(_UNPACKING, needed or None):
            change = site.carry_out(
                "restore",
                lambda: site.client.act("restore", operation.set_id, operation.snaps, operation.users),
                progress,
                UnpackedBytes(places) if site.reads_files else None,
            )
    except UnreachableError:
        raise  # snapd may go on with it: the guard stays, as a set like any other
    except BaseException:
        if guard:
            _drop(site, guard)
        raise
    return guard, change


def _steps(
    site: SnapdContext, operation: Restore, plans: Sequence[RestorePlan], needed: int
) -> Iterator[Started]:
    """What a restore comes to, with the bytes of each step as far as they are known."""
    if site.reads_files:
        yield Started("Checking", sum(plan.snapshot.size for plan in plans))
    yield from services.planned(operation, services.STOPPING)
    if operation.undo_window:
        yield Started(_GUARDING, None)
    yield Started(_UNPACKING, needed or None)
    yield from services.planned(operation, services.STARTING)


def _verify(site: SnapdContext, operation: Restore, progress: Progress) -> None:
    if site.reads_files:
        result = site.files.check(Check(operation.set_id, operation.snaps, operation.users), progress)
        if result.faults:
            raise IntegrityError("\n".join(result.faults))


def _guarded(
    site: SnapdContext, operation: Restore, plans: Sequence[RestorePlan], progress: Progress
) -> SafetySnapshot | None:
    """Save what will be replaced; None where there is to be no undo, or nothing that could be saved."""
    guarded = [plan for plan in plans if not _why_no_guard(site, plan.snapshot)]
    if not operation.undo_window or not guarded:
        return None
    users = sorted({name for plan in guarded for entry in plan.active if (name := user_of(entry.entry))})
    snaps = [plan.snapshot.snap for plan in guarded if any(entry.replaced for entry in plan.active)]
    made = [path for plan in plans for entry in plan.active for path in entry.made]
    if not snaps:
        progress.note(f"{_NO_UNDO}there is nothing that the restore replaces")
        return None
    forecast = _demand_room(site, snaps, users)
    # Without users snapd would save everybody's: root's is the least that it can be asked for.
    wanted = users or ["root"]
    with progress.step(_GUARDING, forecast or None, about=True):
        asked = site.ask("guard", lambda: site.client.save(snaps, wanted), progress)
        follow(site.client, asked.change, progress, SavedBytes(site.layout.snapshots, asked.set_id))
    return note_guard(SafetySnapshot(asked.set_id, tuple(snaps), tuple(users), tuple(made)), progress)


def _demand_room(site: SnapdContext, snaps: Sequence[str], users: Sequence[str]) -> int:
    """The bytes that the guard will probably take, 0 where nobody knows; NoSpaceError without the room."""
    try:
        estimates = site.files.estimate(snaps, users or ["root"], Progress())
    except SnapshotError:
        return 0
    demand_space(site, sum(estimate.size for estimate in estimates))
    return stored_forecast(site, estimates)


def _drop(site: SnapdContext, guard: SafetySnapshot) -> None:
    """Forget a guard that nobody needs; one that cannot be forgotten now stays an ordinary set."""
    try:
        site.forget(guard.set_id, Progress())
    except SnapshotError:
        return
