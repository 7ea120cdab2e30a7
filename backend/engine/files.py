"""The engine that works on the files below a root directory.

Where a snapd answers for that root it only reads: two owners of the same data would corrupt them.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

from backend.engine.availability import files_availability, services_refusal, state_refusals
from backend.engine.selection import (
    installed_snaps,
    marked_snapshots,
    snapshots_of,
    users_of,
)
from backend.engine.state_folder import other_state, state_fault
from backend.errors import ConflictError, InvalidInputError, SnapshotError
from backend.host.layout import Layout
from backend.host.socket import daemon_answers
from backend.host.state import installed_version
from backend.model import Action, Snapshot, SnapshotSet
from backend.store.store import Store

if TYPE_CHECKING:
    from backend.config import Config
    from backend.engine.availability import Availability
    from backend.engine.daemon import Daemon
    from backend.host.clock import Clock
    from backend.jobs.journal import Journal
    from backend.jobs.other_users import ForeignJournal
    from backend.jobs.resolution import Resolutions, Resolved
    from backend.jobs.safety_snapshots import SafeguardedRestore
    from backend.operations import Check, Export, Extract, Forget, Import, Operation, Restore, Save, Undo
    from backend.progress import Progress
    from backend.restore.extraction import ExtractPlan
    from backend.restore.plan import RestorePlan
    from backend.results import Estimate, Finding, Result, UndoOffer
    from backend.store.pins import Pins
    from backend.store.verifications import CheckStatus


class FilesEngine:
    """Snapshots of the root that `layout` describes; `state_dir` is where our own state about it lies.

    `clock` are the clocks of the machine, `snapd_answers` whether a snapd answers at a socket.
    """

    name = "files"
    introduction = "snapd does not answer any more: changes are made to the files themselves"

    def __init__(
        self,
        layout: Layout,
        state_dir: str,
        clock: "Clock | None" = None,
        snapd_answers: Callable[[str], bool] = daemon_answers,
        *,
        config_path: str = "",
    ) -> None:
        self.layout = layout
        self.config_path = config_path
        self._clock = clock
        self._snapd_answers = snapd_answers
        self.store = Store(layout, state_dir)
        self.state_dir = state_dir

    @cached_property
    def clock(self) -> "Clock":
        """What tells the time of jobs."""
        from backend.host.clock import Clock

        return self._clock or Clock()

    @property
    def config(self) -> "Config":
        """What is configured, as it is now; InvalidInputError where that cannot be understood."""
        from backend.config import load_config

        return load_config(self.config_path)

    @property
    def state_fault(self) -> str:
        """Why our state cannot be kept now, or nothing."""
        return state_fault(self.state_dir)

    @property
    def warning(self) -> str:
        """What is to be known of where our state is kept, or nothing."""
        is_away = self.state_dir != self.layout.own_state
        away = f"the journal of this root is kept in {self.state_dir}" if is_away else ""
        return self.state_fault or away

    @cached_property
    def journal(self) -> "Journal":
        """The jobs of this place."""
        from backend.jobs.journal import Journal

        return Journal(self.state_dir, self.clock, lambda: self.root)

    @property
    def pins(self) -> "Pins":
        """The pins of this place."""
        from backend.store.pins import Pins

        return Pins(self.state_dir, self.store.lock, self.store.numbers)

    @property
    def snap_version(self) -> str:
        """The version of the installed snapd."""
        return installed_version(self.layout.below)

    @property
    def root(self) -> dict[str, Any]:
        """How a journal names the root it is about."""
        return self.store.root

    # -- what can be had

    def availability(self) -> "Availability":
        """Refuse whatever changes data while snapd runs for this root, or our state cannot be kept."""
        there = files_availability(self.layout, self._snapd_answers)
        return there._replace(refusals={**state_refusals(self.state_fault), **there.refusals})

    def refusal(self, action: Action) -> str:
        """Say why an action cannot be done here, or nothing; looks at the socket only where that decides."""
        is_free = action.only_reads or action.writes_elsewhere
        return "" if is_free else self.availability().refusal(action)

    def refusal_of(self, operation: "Operation") -> str:
        """Say why an operation with these very options cannot be had here, or nothing."""
        if getattr(operation, "stop_services", False):
            return services_refusal(operation.verb, daemon_runs=self._snapd_answers(self.layout.socket))
        return self.refusal(operation.action)

    def about(self) -> list[str]:
        """Say why this engine answers here."""
        if self.refusal(Action.SAVE):
            return ["snapd is running, so it only reads"]
        return ["ready, as no snapd answers for this root"]

    @cached_property
    def daemon(self) -> "Daemon":
        """Nobody: snapd is not asked here, whether it runs or not."""
        from backend.engine.daemon import NoDaemon

        return NoDaemon(self.layout)

    def guards(self) -> "dict[int, SafeguardedRestore]":
        """Return the sets by which restores through snapd can be undone, by number."""
        from backend.jobs.glance import may_name_guards

        if not may_name_guards(self.state_dir):
            return {}
        from backend.jobs.safety_snapshots import safety_snapshots_by_set

        return safety_snapshots_by_set(self.journal, self.root)

    def _demand(self, action: Action) -> None:
        if reason := self.refusal(action):
            raise ConflictError(reason)

    def _demand_all_of(self, operation: "Save | Restore") -> None:
        self._demand(operation.action)
        if operation.stop_services:
            raise InvalidInputError(self.refusal_of(operation))

    # -- looking

    def sets(self, set_id: int | None = None, snaps: Sequence[str] = ()) -> list[SnapshotSet]:
        """List all sets, or one, by id, holding the named snaps only."""
        return self.store.list_sets(set_id, snaps)

    def newest_sets(self, limit: int) -> list[SnapshotSet]:
        """List the newest sets where there are over twice as many files; nothing where there are fewer."""
        with suppress(SnapshotError):
            if len(self.store.names()) > 2 * limit:
                return self.store.newest_sets(limit)
        return []

    def check_statuses(self, snapshots: Sequence[Snapshot]) -> "dict[str, CheckStatus]":
        """Say what is known of the soundness of each snapshot, by path."""
        from backend.store.verifications import VerificationLog

        return VerificationLog(self.state_dir).statuses(snapshots)

    def estimate(
        self,
        snaps: Sequence[str],
        users: Sequence[str],
        progress: "Progress",
        *,
        include_mounts: bool = False,
    ) -> "list[Estimate]":
        """Measure what a save of the snaps (all installed ones without any) would read, by owner."""
        from backend.save.estimate import estimate_snap

        people = users_of(self.layout, users)[0]
        return [
            estimate_snap(self.layout, snap, people, progress, include_mounts=include_mounts)
            for snap in installed_snaps(self.layout, snaps)
        ]

    def plan(
        self, restore: "Restore", *, look: bool = True, progress: "Progress | None" = None
    ) -> "list[RestorePlan]":
        """Plan a restore: a plan for each snapshot; Cancelled when the job is stopped.

        With `look`, live data are walked for what would be lost, and archives for what they hold.
        """
        from backend.progress import Progress
        from backend.restore.planner import RestorePlanner
        from backend.restore.restorer import Restorer

        if look:
            return list(RestorePlanner(self).preview(restore, progress).plans)
        chosen = snapshots_of(self.store, restore.set_id, restore.snaps)
        restorer = Restorer(self.store, self.journal.folder, self.clock)
        return restorer.plans(chosen, restore, progress or Progress())

    def plan_extract(self, extract: "Extract", progress: "Progress") -> "ExtractPlan":
        """Plan an extraction, path by path; archives are read for it, counted on the job."""
        from backend.restore.extractor import Extractor

        return Extractor(self.store, self.journal.folder, self.clock).plan(
            marked_snapshots(self.store, extract), extract, progress
        )

    def export_size(self, export: "Export") -> int:
        """Return the bytes that the file of an export would take, whatever is broken left out."""
        from backend.transfer.exporter import SnapshotExport

        with SnapshotExport(self.store, export.set_id, skip_broken=True, snaps=export.snaps) as measured:
            return measured.size

    # -- doing

    def save(self, operation: "Save", progress: "Progress") -> "Result":
        """Save each snap; those that succeed are published together, the others are named in `left_out`.

        When none succeeds, the error of the first is raised. A stop leaves nothing behind.
        """
        from backend.engine.new_sets import save

        self._demand_all_of(operation)
        return save(self.store, operation, progress)

    def check(self, operation: "Check", progress: "Progress") -> "Result":
        """Verify a set, or every set, or what is due of it; every bad part is in the result."""
        from backend.engine.reading import check

        with self._reading(operation.set_id) if operation.set_id else nullcontext():
            return check(self.store, self.journal.folder, operation, progress)

    def _reading(self, set_id: int) -> AbstractContextManager[bool | None]:
        """Keep a set from being forgotten while it is read, where we may keep locks at all."""
        may_lock = os.access(self.journal.folder, os.W_OK)
        return self.store.set_lock(set_id, shared=True) if may_lock else nullcontext()

    def restore(self, operation: "Restore", progress: "Progress") -> "Result":
        """Restore a set as one unit: all of it, or, after any failure or a stop, nothing.

        Into another directory may be restored while snapd runs: nothing of what it looks after is touched.
        """
        from backend.restore.restorer import Restorer

        self._demand_all_of(operation)
        chosen = snapshots_of(self.store, operation.set_id, operation.snaps)
        self._demand_none_waits(operation, chosen)
        restorer = Restorer(self.store, self.journal.folder, self.clock)
        with self._reading(operation.set_id):
            return restorer.carry_out(chosen, operation, progress)

    def extract(self, operation: "Extract", progress: "Progress") -> "Result":
        """Put all selected files in place, or into a directory, where snapd may run, or nothing."""
        from backend.restore.extractor import Extractor

        self._demand(operation.action)
        chosen = marked_snapshots(self.store, operation)
        self._demand_none_waits(operation, chosen)
        extractor = Extractor(self.store, self.journal.folder, self.clock)
        with nullcontext() if operation.file else self._reading(operation.set_id):
            return extractor.carry_out(chosen, operation, progress)

    def _demand_none_waits(self, operation: "Restore | Extract", chosen: Sequence[Snapshot]) -> None:
        from backend.jobs.data_endings import demand_none_waits

        snaps = [] if operation.target_dir else [snapshot.snap for snapshot in chosen]
        demand_none_waits(self.journal, self.store, f"cannot {operation.verb}", snaps)

    def undo_offers(self) -> "list[UndoOffer]":
        """List the restores that can be undone, the newest first."""
        from backend.jobs.undo import undo_offers

        return undo_offers(self.journal, self.store)

    def undo(self, operation: "Undo", progress: "Progress") -> "Result":
        """Take a restore back, whole; what it takes away can be had again by undoing the undo."""
        from backend.jobs import undo

        self._demand(operation.action)
        return undo.undo(self.journal, self.store, operation, progress)

    def forget(self, operations: "Sequence[Forget]", progress: "Progress") -> "Result":
        """Remove sets, or the named snaps of them, as one; broken snapshots as well."""
        from backend.browse.toc_cache import TocCache
        from backend.engine.forgetting import forget_sets

        self._demand(Action.FORGET)
        result = forget_sets(self, operations, progress)
        TocCache(self.state_dir).sweep()
        return result

    def trash_fault(self) -> str:
        """Say why what is forgotten now cannot be kept, or nothing."""
        from backend.store.room import nearly_full

        return nearly_full(self.store.folder)

    def export(self, operation: "Export", progress: "Progress", stream: int | None = None) -> "Result":
        """Write a set to a file, whole or not at all, or to an open stream."""
        from backend.engine.reading import export
        from backend.transfer.export_plan import demand_sound

        demand_sound(self, operation)
        with self._reading(operation.set_id):
            return export(self.store, operation, progress, stream)

    def take_in(self, operation: "Import", progress: "Progress", stream: int | None = None) -> "Result":
        """Import a set; one that is here already is answered with the existing id."""
        from backend.engine.new_sets import take_in

        self._demand(operation.action)
        return take_in(self.store, operation, progress, stream)

    # -- what a crash left

    def findings(self) -> "list[Finding]":
        """List what an earlier crash left, what is hidden, what undo holds."""
        from backend.jobs import doctor

        return doctor.findings(self.journal, self.store, other_state(self.layout, self.state_dir))

    def repair(self, progress: "Progress") -> "list[Finding]":
        """Clean up what `findings` offers to repair; refuses while snapd runs."""
        from backend.jobs import doctor

        self._demand(Action.REPAIR)
        return doctor.repair(self.journal, self.store, progress)

    def waiting(self) -> list[str]:
        """Say of each job of ours that died amid replacing data how it can be ended; mostly there is none."""
        from backend.jobs.glance import waiting_texts

        return waiting_texts(self.state_dir, lambda: self.journal, self.store)

    def resolutions(self, number: int) -> "Resolutions":
        """Say what can be made of an interrupted job, and what each way would mean; changes nothing."""
        from backend.jobs.resolution import resolutions_of

        return resolutions_of(self.journal.record(number), self.store, self.clock)

    def resolve(self, number: int, *, finish: bool) -> "Resolved":
        """End an interrupted job one way or the other; BlockedError where that cannot be had."""
        from backend.jobs.resolution import resolve

        self._demand(Action.FINISH if finish else Action.TAKE_BACK)
        return resolve(self.journal, self.store, number, finish=finish)

    def others(self) -> "list[ForeignJournal]":
        """List the journals that other users keep for this root: for root, and to look at only."""
        from backend.jobs.other_users import journals

        return journals(self.layout) if os.geteuid() == 0 else []

    def tidy(self, progress: "Progress") -> list[str]:
        """End jobs of ours that died, undo data that expired, memory of what is gone; says what was done."""
        from backend.browse.toc_cache import TocCache
        from backend.jobs import cleanup as recovery

        TocCache(self.state_dir).sweep()
        if self._snapd_answers(self.layout.socket):
            return recovery.recover_directory_restores(self.journal, self.store, progress)
        return recovery.recover_jobs(self.journal, self.store, progress)
