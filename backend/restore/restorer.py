"""Restores as operations: what one would do to the snapshots of a set, and the doing of it."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace

from backend.archive.reader import Reader
from backend.errors import BlockedError, InvalidInputError
from backend.format.names import revision_from_text
from backend.host.clock import Clock
from backend.host.layout import InstalledSnap, Layout
from backend.model import Revision, Snapshot, saved_users
from backend.operations import Restore
from backend.progress import Progress
from backend.restore import into_directory as beside
from backend.restore.confirmation import changes_since
from backend.restore.impact import ImpactScanner
from backend.restore.plan import RestorePlan, Wanted, plan_restore
from backend.restore.restoration import Restoration
from backend.restore.swap import RestoreState
from backend.restore.transaction import remove_replaced
from backend.results import Result
from backend.store.store import Store
from backend.store.verifications import VerificationLog


class Restorer:
    """Plans restores of a store's snapshots, and does them; `folder` is where checks are recorded."""

    def __init__(self, store: Store, folder: str, clock: Clock) -> None:
        self._store = store
        self._layout = store.layout
        self._folder = folder
        self._clock = clock

    def plans(self, chosen: Sequence[Snapshot], operation: Restore, progress: Progress) -> list[RestorePlan]:
        """What a restore would do, a plan for each snapshot, without a look at what would be lost.

        InvalidInputError for an operation that makes no sense.
        """
        wanted = self._wanted(operation, chosen)
        fault = beside.fault(wanted.target_dir, self._layout) if wanted.target_dir else ""
        plans = []
        for snapshot in chosen:
            progress.raise_if_cancelled()
            if snapshot.broken:
                plans.append(RestorePlan(snapshot, (), blocked=(f"cannot open snapshot: {snapshot.broken}",)))
                continue
            with Reader.open(snapshot.path) as reader:
                plans.append(self._plan(reader, wanted, fault))
        return plans

    def _wanted(self, operation: Restore, chosen: Sequence[Snapshot]) -> Wanted:
        """What was asked for, understood; InvalidInputError for what cannot be."""
        self._layout.demand_users(operation.users, saved_users(chosen))
        revision = revision_from_text(operation.revision) if operation.revision else Revision()
        if operation.revision and not revision.number:
            raise InvalidInputError(f"cannot restore onto revision {operation.revision}: it is none")
        demand_one_snap(operation, chosen)
        target_dir = beside.directory(operation.target_dir) if operation.target_dir else ""
        return Wanted(operation.users, target_dir, revision, operation.devices)

    def _plan(self, reader: Reader, wanted: Wanted, fault: str) -> RestorePlan:
        snapshot = reader.snapshot
        installed = self._layout.installed(snapshot.snap)
        current = installed.revision if installed else Revision()
        plan = plan_restore(reader, self._layout, current, wanted)
        if wanted.target_dir:
            refusals, notes = [fault] if fault else [], []
        else:
            refusals = list(mismatches(snapshot, installed))
            notes = [*_revision_notes(current, wanted), *self._configuration_notes(snapshot)]
        if doubt := VerificationLog(self._folder).statuses([snapshot])[snapshot.path].fault:
            notes.append(f"its last check failed: {doubt}")
        return replace(plan, blocked=(*plan.blocked, *refusals), notes=(*plan.notes, *notes))

    def _configuration_notes(self, snapshot: Snapshot) -> Iterator[str]:
        if snapshot.conf:
            yield "configuration is not restored by this engine"
        elif self._layout.state.config(snapshot.snap):
            yield "the snapshot holds no configuration: snapd would delete the present one, we keep it"

    def carry_out(self, chosen: Sequence[Snapshot], operation: Restore, progress: Progress) -> Result:
        """Restore snapshots as one unit: all of it, or, after any failure or a stop, nothing."""
        wanted = self._wanted(operation, chosen)
        if broken := [s for s in chosen if s.broken]:
            raise BlockedError(
                "\n".join(f'snap "{s.snap}": cannot open snapshot: {s.broken}' for s in broken)
            )
        fault = beside.fault(wanted.target_dir, self._layout) if wanted.target_dir else ""
        with ExitStack() as stack:
            for name in sorted({snapshot.snap for snapshot in chosen}) if not wanted.target_dir else ():
                stack.enter_context(self._store.snap_lock(name, "restore"))
            readers = [stack.enter_context(Reader.open(s.path)) for s in chosen]
            parts = [(reader, self._plan(reader, wanted, fault)) for reader in readers]
            left_out = [entry.skipped for _, plan in parts for entry in plan.entries if entry.skipped]
            for text in dict.fromkeys((*left_out, *(note for _, plan in parts for note in plan.notes))):
                progress.note(text)
            note_changes(operation, [plan for _, plan in parts], self._layout, progress)
            restoration = Restoration(
                parts, self._layout, devices=operation.devices, target_dir=wanted.target_dir
            )
            state = restoration.run(progress)
        left_out += restoration.left_out
        until = (
            self._clock.wall() + operation.undo_window
            if operation.undo_window and not wanted.target_dir
            else 0.0
        )
        leftovers = () if until else remove_replaced(state, "restore")
        snaps = tuple(snapshot.snap for snapshot in chosen)
        undo_job = int(progress.name) if until and progress.name.isdigit() else 0
        return Result(
            operation.set_id,
            snaps,
            (*left_out, *map(str, leftovers)),
            leftovers=state.present if leftovers else (),
            undo_job=undo_job,
            undo_until=until,
            beside=wanted.target_dir,
        )


def note_changes(
    operation: Restore, plans: Sequence[RestorePlan], layout: Layout, progress: Progress
) -> None:
    """Note what has changed since the restore was confirmed; the live data are walked only where it was."""
    if not operation.confirmed:
        return
    scanner = ImpactScanner(layout)
    with progress.step("Comparing with the plan"):
        plans = [scanner.with_losses(plan, progress) for plan in plans]
    for text in changes_since(operation, plans):
        progress.note(text)


def restore_snapshot(
    reader: Reader,
    layout: Layout,
    current: Revision,
    *,
    users: Sequence[str] = (),
    progress: Progress | None = None,
) -> RestoreState:
    """Put the data of an open snapshot in place as the revision `current` (0: the snap is not installed).

    Skipped parts are noted to the progress. The state that is returned can be reverted or cleaned up. When it
    fails, nothing has changed.

    Raises:
        IntegrityError: an archive is not what was written.
        BlockedError: something is in the way.
        NoSpaceError: there is too little room.
        Cancelled: the job was stopped.
    """
    progress = progress or Progress()
    plan = plan_restore(reader, layout, current, Wanted(tuple(users)))
    for entry in plan.entries:
        if entry.skipped:
            progress.note(entry.skipped)
    return Restoration([(reader, plan)], layout).run(progress)


def demand_one_snap(operation: Restore, chosen: Sequence[Snapshot]) -> None:
    """Refuse to restore several snaps onto one revision, with InvalidInputError."""
    snaps = {snapshot.snap for snapshot in chosen}
    if operation.revision and len(snaps) > 1:
        raise InvalidInputError(
            f"cannot restore {len(snaps)} snaps onto revision {operation.revision}: name the one whose it is"
        )


def _revision_notes(current: Revision, wanted: Wanted) -> Iterator[str]:
    """What is to be known where another revision gets the data than the one that runs."""
    if current.number and wanted.revision.number and wanted.revision != current:
        yield (
            f"revision {current} is installed: the snap will not see the data of revision {wanted.revision} "
            "until that revision runs; common is replaced either way"
        )


def mismatches(snapshot: Snapshot, installed: InstalledSnap | None) -> Iterator[str]:
    """Why the installed snap must not get these data."""
    if installed is None:
        return
    if installed.described and not installed.epoch.can_read(snapshot.epoch):
        yield (
            f'cannot restore snapshot for "{snapshot.snap}": current snap (epoch {installed.epoch}) '
            f"cannot read snapshot data (epoch {snapshot.epoch})"
        )
    if installed.snap_id and snapshot.snap_id and installed.snap_id != snapshot.snap_id:
        yield (
            f'cannot restore snapshot for "{snapshot.snap}": current snap (ID {installed.snap_id[:7]}…) '
            f"does not match snapshot (ID {snapshot.snap_id[:7]}…)"
        )
