"""What a plan asks of whoever holds snapshots: engines above this package are such places."""

from collections.abc import Sequence
from typing import Protocol

from backend.host.layout import Layout
from backend.model import Snapshot, SnapshotSet
from backend.store.verifications import CheckStatus


class SnapshotPlace(Protocol):
    """A root with its sets. Methods raise SnapshotError for what cannot be had."""

    @property
    def layout(self) -> Layout:
        """Where snapd keeps what belongs to the root."""

    @property
    def state_dir(self) -> str:
        """The directory of our own state about the root."""

    def sets(self, set_id: int | None = None, snaps: Sequence[str] = ()) -> list[SnapshotSet]:
        """All sets, or one, by id."""

    def check_statuses(self, snapshots: Sequence[Snapshot]) -> dict[str, CheckStatus]:
        """What is known of the soundness of each snapshot, by path."""
