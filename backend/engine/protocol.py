"""What any engine can be asked. An engine answers for one place; nobody asks which one it is."""

from collections.abc import Sequence
from typing import Any, Protocol

from backend.engine.daemon import Daemon
from backend.jobs.journal import Journal
from backend.jobs.safety_snapshots import SafeguardedRestore
from backend.model import SnapshotSet
from backend.operations import (
    Check,
    Estimate,
    Export,
    Extract,
    Finding,
    Forget,
    Import,
    Operation,
    Restore,
    Result,
    Save,
    Undo,
    UndoOffer,
)
from backend.progress import Progress
from backend.restore.extraction import ExtractPlan
from backend.restore.plan import RestorePlan


class Engine(Protocol):
    """Snapshots of one place. Methods raise SnapshotError for what cannot be had, Cancelled when stopped."""

    @property
    def name(self) -> str:
        """`files` or `snapd`."""

    @property
    def warning(self) -> str:
        """What is to be known before anything is done here, or nothing."""

    @property
    def root(self) -> dict[str, Any]:
        """How a journal names the root it is about."""

    @property
    def journal(self) -> Journal:
        """The jobs of this place."""

    def refusal(self, action: str) -> str | None:
        """One sentence why `action` cannot be had here, or None."""

    def refusal_of(self, operation: Operation) -> str:
        """Why an operation with these very options cannot be had here, or nothing."""

    @property
    def daemon(self) -> Daemon:
        """The snapd of this place, or what stands where none is asked."""

    def guards(self) -> dict[int, SafeguardedRestore]:
        """The sets by which restores through snapd can be taken back, by number."""

    def about(self) -> list[str]:
        """Why this engine answers here, and what it knows of the place besides, in sentences."""

    def sets(self, set_id: int | None = None, snaps: Sequence[str] = ()) -> list[SnapshotSet]:
        """All sets, or one, by id."""

    def estimate(self, snaps: Sequence[str], users: Sequence[str], progress: Progress) -> list[Estimate]:
        """What a save would read."""

    def plan(
        self, restore: Restore, *, look: bool = True, progress: Progress | None = None
    ) -> list[RestorePlan]:
        """What a restore would do, a plan for each snapshot; with `look`, what is lost and held as well."""

    def plan_extract(self, extract: Extract, progress: Progress) -> ExtractPlan:
        """What an extraction would do with every path; archives are read for it, counted on the job."""

    def undo_offers(self) -> list[UndoOffer]:
        """The restores that can be taken back, the newest first."""

    def findings(self) -> list[Finding]:
        """What an earlier crash left, what is hidden, what undo holds."""

    def repair(self, progress: Progress) -> list[Finding]:
        """Clean up what `findings` offers to repair; returns what was done."""

    def tidy(self, progress: Progress) -> list[str]:
        """End jobs of ours that died and undo data that expired; says what was done."""

    def save(self, operation: Save, progress: Progress) -> Result:
        """Carry out a save."""

    def check(self, operation: Check, progress: Progress) -> Result:
        """Carry out a check."""

    def restore(self, operation: Restore, progress: Progress) -> Result:
        """Carry out a restore."""

    def extract(self, operation: Extract, progress: Progress) -> Result:
        """Put marked files and folders in place, or beside."""

    def undo(self, operation: Undo, progress: Progress) -> Result:
        """Take a restore back."""

    def forget(self, operation: Forget, progress: Progress) -> Result:
        """Remove snapshots."""

    def export(self, operation: Export, progress: Progress, stream: int | None = None) -> Result:
        """Export a set, to `stream` where the file is `-`."""

    def take_in(self, operation: Import, progress: Progress, stream: int | None = None) -> Result:
        """Import a set, from `stream` where the file is `-`."""
