"""The engine for a root for which snapd runs: what changes data is asked of snapd, the rest is read.

Snapshots that may be read are read from their files, with all that snapd hides; without that right snapd is
asked for what it knows.
"""

import os
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from backend.engine.availability import Availability, state_refusals
from backend.engine.snapd import check as checking
from backend.engine.snapd import save as saving
from backend.engine.snapd import transfer
from backend.errors import InvalidInputError, SnapshotError
from backend.model import Action, Snapshot, SnapshotSet

if TYPE_CHECKING:
    from backend.config import Config
    from backend.engine.daemon import Daemon
    from backend.engine.snapd.context import ReadingEngine, SnapdContext
    from backend.host.layout import Layout
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


_UNREAD = "the snapshot files may not be read (try with sudo)"


class SnapdEngine:
    """Snapshots of the root of `files`, whose snapd changes them.

    `reads_files` False asks snapd for everything, as for somebody without the right to read the files.
    """

    name = "snapd"
    introduction = "snapd answers now: it is asked for every change"

    def __init__(self, files: "ReadingEngine", *, reads_files: bool | None = None) -> None:
        self.layout: Layout = files.layout
        self._files = files
        self._reads_files = reads_files

    @cached_property
    def site(self) -> "SnapdContext":
        """Snapd and the files, as the verbs here use them."""
        from backend.engine.snapd.client import Client
        from backend.engine.snapd.context import SnapdContext

        client = Client(self.layout.socket, self.layout.snapshots)
        return SnapdContext(self._files, client, reads_files=self._may_read)

    @property
    def journal(self) -> "Journal":
        """The jobs of this place."""
        return self._files.journal

    @property
    def pins(self) -> "Pins":
        """The pins of this place."""
        return self._files.pins

    @property
    def config_path(self) -> str:
        """The file that configures it; empty for the usual one."""
        return self._files.config_path

    @property
    def config(self) -> "Config":
        """What is configured, as it is now."""
        return self._files.config

    @property
    def state_dir(self) -> str:
        """The directory of our own state about the root."""
        return self._files.state_dir

    @property
    def state_fault(self) -> str:
        """Why our own state cannot be kept, or nothing."""
        return self._files.state_fault

    @property
    def snap_version(self) -> str:
        """The version of the installed snapd, else of the one that answers."""
        try:
            return self._files.snap_version or self.daemon.version
        except SnapshotError:
            return ""

    @property
    def root(self) -> dict[str, Any]:
        """How a journal names the root it is about."""
        return self._files.root

    @property
    def warning(self) -> str:
        """What is missing, and how to get it, or nothing."""
        if self._may_read:
            return self._files.warning
        from backend.engine.snapd.info import UNREAD

        return "; ".join(filter(None, (self._files.warning, UNREAD)))

    @cached_property
    def _may_read(self) -> bool:
        return _is_readable(self.layout.snapshots) if self._reads_files is None else self._reads_files

    def availability(self) -> Availability:
        """Refuse a repair, as the leftovers may be snapd's own, and an extraction in place, as snapd restores
        whole snapshots only.
        """
        answers = self._files.availability()
        refused = (Action.REPAIR, Action.EXTRACT)
        return Availability(
            {
                **state_refusals(self.state_fault),
                **{action: reason for action, reason in answers.refusals.items() if action in refused},
            },
            is_superseded=not answers.is_superseded,
        )

    def refusal(self, action: Action) -> str:
        """Why an action cannot be done here, or nothing; the socket is looked at only where that decides."""
        return self._files.refusal(action) if action in (Action.REPAIR, Action.EXTRACT) else ""

    def refusal_of(self, operation: "Operation") -> str:
        """Why an operation with these very options cannot be had through snapd, or nothing; asks snapd."""

        from backend.engine.snapd.refusals import refusal_of

        return refusal_of(self.site, operation)

    def about(self) -> list[str]:
        """Why this engine answers here, who reads, and how long automatic snapshots are kept."""
        from backend.engine.snapd import info as knowledge

        return knowledge.about(self.site)

    # -- looking

    def sets(self, set_id: int | None = None, snaps: Sequence[str] = ()) -> list[SnapshotSet]:
        """All sets, or one, by id, holding the named snaps only."""
        return (self._files if self._may_read else self.site).sets(set_id, snaps)

    def newest_sets(self, limit: int) -> list[SnapshotSet]:
        """The newest sets, where the files may be read; snapd lists all of them at once."""
        return self._files.newest_sets(limit) if self._may_read else []

    def check_statuses(self, snapshots: Sequence[Snapshot]) -> "dict[str, CheckStatus]":
        """What is known of the soundness of each snapshot, by path."""
        if self._may_read:
            return self._files.check_statuses(snapshots)
        return checking.checked_statuses(self.journal, snapshots)

    def estimate(
        self,
        snaps: Sequence[str],
        users: Sequence[str],
        progress: "Progress",
        *,
        include_mounts: bool = False,
    ) -> "list[Estimate]":
        """What a save of the snaps (all installed ones without any) would read, by owner."""
        return self._files.estimate(snaps, users, progress, include_mounts=include_mounts)

    def plan(
        self, restore: "Restore", *, look: bool = True, progress: "Progress | None" = None
    ) -> "list[RestorePlan]":
        """What a restore would do, a plan for each snapshot."""
        from backend.engine.snapd import restore as restoring
        from backend.restore.planner import RestorePlanner

        if look:
            return list(RestorePlanner(self).preview(restore, progress).plans)
        return restoring.plan(self.site, restore, progress)

    def plan_extract(self, extract: "Extract", progress: "Progress") -> "ExtractPlan":
        """What an extraction would do with every path, where the files may be read."""
        return self._files.plan_extract(extract, progress)

    def export_size(self, export: "Export") -> int:
        """The bytes that the file of an export would take, whatever is broken left out."""
        return self._files.export_size(export)

    def undo_offers(self) -> "list[UndoOffer]":
        """The restores that can be undone, the newest first; for some snapd must be stopped."""
        from backend.engine.snapd import undo as guards

        offers = [*guards.offers(self.site), *self._files.undo_offers()]
        return sorted(offers, key=lambda offer: -offer.job)

    def findings(self) -> "list[Finding]":
        """What an earlier crash left, what is hidden, what undo holds, what snapd does and remembers."""
        from backend.engine.snapd import info as knowledge

        return knowledge.findings(self.site)

    @cached_property
    def daemon(self) -> "Daemon":
        """The snapd that answers here."""
        from backend.engine.snapd.daemon import RunningDaemon

        return RunningDaemon(self.site)

    def guards(self) -> "dict[int, SafeguardedRestore]":
        """The sets by which restores through snapd can be undone, by number."""
        return self._files.guards()

    # -- doing

    def save(self, operation: "Save", progress: "Progress") -> "Result":
        """Save snaps as a set: all of them, or, after any failure or a stop, none."""
        from backend.engine.snapd.conflicts import when_free

        return when_free(self.site, operation, progress, lambda: saving.save(self.site, operation, progress))

    def check(self, operation: "Check", progress: "Progress") -> "Result":
        """Verify a set, or every set; without the right to read the files only as far as snapd does."""
        if self._may_read:
            return self._files.check(operation, progress)

        return checking.check(self.site, operation, progress)

    def restore(self, operation: "Restore", progress: "Progress") -> "Result":
        """Restore a set as one unit, with a safety snapshot for an undo; into a directory without snapd."""
        from backend.engine.snapd.services import refusal

        if reason := refusal(operation):
            raise InvalidInputError(reason)
        if operation.target_dir:
            return self._files.restore(operation, progress)
        from backend.engine.snapd import restore as restoring
        from backend.engine.snapd.conflicts import when_free

        return when_free(
            self.site, operation, progress, lambda: restoring.restore(self.site, operation, progress)
        )

    def extract(self, operation: "Extract", progress: "Progress") -> "Result":
        """Put selected files into a directory; in place only snapd may put anything while it runs."""
        return self._files.extract(operation, progress)

    def undo(self, operation: "Undo", progress: "Progress") -> "Result":
        """Take a restore through snapd back."""
        from backend.engine.snapd import undo as guards
        from backend.engine.snapd.conflicts import when_free

        return when_free(self.site, operation, progress, lambda: guards.undo(self.site, operation, progress))

    def forget(self, operations: "Sequence[Forget]", progress: "Progress") -> "Result":
        """Remove sets, or the named snaps of them."""
        from backend.engine.snapd.forget import forget

        return forget(self.site, operations, progress)

    def trash_fault(self) -> str:
        """Why what is forgotten now cannot be kept, or nothing."""
        return self._files.trash_fault() if self._may_read else _UNREAD

    def export(self, operation: "Export", progress: "Progress", stream: int | None = None) -> "Result":
        """Write a set to a file, whole or not at all, or to an open stream."""
        if self._may_read:
            return self._files.export(operation, progress, stream)
        from backend.transfer.export_plan import demand_sound

        demand_sound(self, operation)
        return transfer.export(self.site, operation, progress, stream)

    def take_in(self, operation: "Import", progress: "Progress", stream: int | None = None) -> "Result":
        """Import a set; one that is here already is answered with the existing id."""

        return transfer.take_in(self.site, operation, progress, stream)

    # -- what a crash left

    def repair(self, progress: "Progress") -> "list[Finding]":
        """Refuses: while snapd runs, nobody can tell its leftovers from its work."""
        return self._files.repair(progress)

    def waiting(self) -> list[str]:
        """Say of each job of ours that died amid replacing data how it can be ended once snapd is stopped."""
        return self._files.waiting()

    def resolutions(self, number: int) -> "Resolutions":
        """What finishing and taking back would mean for an interrupted job."""
        from backend.engine.snapd import recovery as endings

        return endings.ways(self.site, number)

    def resolve(self, number: int, *, finish: bool) -> "Resolved":
        """End an interrupted job one way or the other; BlockedError where that cannot be had."""
        from backend.engine.snapd import recovery as endings

        return endings.end_as_chosen(self.site, number, finish=finish)

    def others(self) -> "list[ForeignJournal]":
        """The journals that other users keep for this root: for root, and to look at only."""
        return self._files.others()

    def tidy(self, progress: "Progress") -> list[str]:
        """End jobs of ours that died, as snapd ended them, and guards that expired; says what was done."""
        from backend.engine.snapd import recovery as endings

        return endings.tidy(self.site, progress)


def _is_readable(folder: str) -> bool:
    """Whether a folder may be read; where there is none, whether that can be seen."""
    while not os.path.lexists(folder) and folder != "/":
        folder = os.path.dirname(folder)
    return os.access(folder, os.R_OK | os.X_OK)
