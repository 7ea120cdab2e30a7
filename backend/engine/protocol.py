"""What any engine can be asked. An engine answers for one place; nobody asks which one it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from backend.config import Config
    from backend.engine.availability import Availability
    from backend.engine.daemon import Daemon
    from backend.host.layout import Layout
    from backend.jobs.journal import Journal
    from backend.jobs.other_users import ForeignJournal
    from backend.jobs.resolution import Resolutions, Resolved
    from backend.jobs.safety_snapshots import SafeguardedRestore
    from backend.model import Action, Snapshot, SnapshotSet
    from backend.operations import Check, Export, Extract, Forget, Import, Operation, Restore, Save, Undo
    from backend.progress import Progress
    from backend.restore.extraction import ExtractPlan
    from backend.restore.plan import RestorePlan
    from backend.results import Estimate, Finding, Result, UndoOffer
    from backend.store.pins import Pins
    from backend.store.verifications import CheckStatus


class Engine(Protocol):
    """Snapshots of one place. Methods raise SnapshotError for what cannot be had, Cancelled when stopped."""

    @property
    def name(self) -> str:
        """What selects this engine: the value of `--engine`."""

    @property
    def introduction(self) -> str:
        """What to say when it takes over from another engine of its place."""

    @property
    def warning(self) -> str:
        """What is to be known before anything is done here, or nothing."""

    # -- the place

    @property
    def layout(self) -> Layout:
        """Where snapd keeps what belongs to the root."""

    @property
    def state_dir(self) -> str:
        """The directory of our own state about the root: journal, locks, caches."""

    @property
    def config_path(self) -> str:
        """The file that configures repositories, retention, schedules, hosts; empty for the usual one."""

    @property
    def config(self) -> Config:
        """What is configured, as it is now; InvalidInputError where that cannot be understood."""

    @property
    def state_fault(self) -> str:
        """Why our own state cannot be kept now, or nothing."""

    @property
    def root(self) -> dict[str, Any]:
        """How a journal names the root it is about."""

    @property
    def journal(self) -> Journal:
        """The jobs of this place."""

    @property
    def snap_version(self) -> str:
        """The version of the command `snap` of this place, or nothing where that is not known."""

    @property
    def pins(self) -> Pins:
        """The pins of this place."""

    @property
    def daemon(self) -> Daemon:
        """The snapd of this place, or what stands where none is asked."""

    # -- what can be done

    def availability(self) -> Availability:
        """Look at the socket once: what can be done now, and whether another engine is the right one."""

    def refusal(self, action: Action) -> str:
        """Say in one sentence why an action cannot be done here, or nothing; looks at the socket."""

    def refusal_of(self, operation: Operation) -> str:
        """Say why an operation with these very options cannot be had here, or nothing."""

    def about(self) -> list[str]:
        """Say why this engine answers here, and what it knows of the place besides, in sentences."""

    # -- looking

    def sets(self, set_id: int | None = None, snaps: Sequence[str] = ()) -> list[SnapshotSet]:
        """List all sets, or one, by id."""

    def newest_sets(self, limit: int) -> list[SnapshotSet]:
        """List the newest sets, at most `limit` files, to be shown before all are listed.

        Nothing where listing all takes about as long, or where only snapd can list them.
        """

    def check_statuses(self, snapshots: Sequence[Snapshot]) -> dict[str, CheckStatus]:
        """Return what is known of the soundness of each snapshot, by path."""

    def guards(self) -> dict[int, SafeguardedRestore]:
        """Return the sets by which restores through snapd can be undone, by number."""

    def estimate(
        self,
        snaps: Sequence[str],
        users: Sequence[str],
        progress: Progress,
        *,
        include_mounts: bool = False,
    ) -> list[Estimate]:
        """Measure what a save would read."""

    def plan(
        self, restore: Restore, *, look: bool = True, progress: Progress | None = None
    ) -> list[RestorePlan]:
        """Plan a restore: a plan for each snapshot; with `look`, what is lost and held as well."""

    def plan_extract(self, extract: Extract, progress: Progress) -> ExtractPlan:
        """Plan an extraction, path by path; archives are read for it, counted on the job."""

    def export_size(self, export: Export) -> int:
        """Return the bytes that the file of an export would take, whatever is broken left out."""

    def undo_offers(self) -> list[UndoOffer]:
        """List the restores and forgets that can be undone, the newest first."""

    def trash_fault(self) -> str:
        """Say why what is forgotten now cannot be kept for an undo, or nothing.

        An operation that asks for it all the same is carried out so: who makes one decides.
        """

    # -- doing

    def save(self, operation: Save, progress: Progress) -> Result:
        """Carry out a save."""

    def check(self, operation: Check, progress: Progress) -> Result:
        """Carry out a check."""

    def restore(self, operation: Restore, progress: Progress) -> Result:
        """Carry out a restore."""

    def extract(self, operation: Extract, progress: Progress) -> Result:
        """Put selected files and folders in place, or into a directory."""

    def undo(self, operation: Undo, progress: Progress) -> Result:
        """Take a restore, or a forget, back."""

    def forget(self, operations: Sequence[Forget], progress: Progress) -> Result:
        """Remove sets, or snaps of them, as one: one undo brings all of them back.

        Of several, those that are in use are left out. They are kept for the first one's `undo_window`.
        """

    def export(self, operation: Export, progress: Progress, stream: int | None = None) -> Result:
        """Export a set, to `stream` where the file is `-`."""

    def take_in(self, operation: Import, progress: Progress, stream: int | None = None) -> Result:
        """Import a set, from `stream` where the file is `-`."""

    # -- what a crash left

    def findings(self) -> list[Finding]:
        """List what an earlier crash left, what is hidden, what undo holds."""

    def repair(self, progress: Progress) -> list[Finding]:
        """Clean up what `findings` offers to repair; return what was done."""

    def tidy(self, progress: Progress) -> list[str]:
        """End jobs of ours that died and undo data that expired; return what was done, in sentences."""

    def waiting(self) -> list[str]:
        """Say of each job that died amid replacing data, in a sentence, how it can be ended."""

    def resolutions(self, number: int) -> Resolutions:
        """Say what finishing an interrupted job, and taking it back, would mean; changes nothing."""

    def resolve(self, number: int, *, finish: bool) -> Resolved:
        """End an interrupted job one way or the other.

        Raises:
            BlockedError: that way cannot be had.
        """

    def others(self) -> list[ForeignJournal]:
        """List the journals that other users keep for this root: for root, and to look at only."""
