"""A place with its snapd, and what every verb there needs: who reads, what is chosen, how snapd is asked."""

import re
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Protocol

from backend.engine.daemon import SnapdChange
from backend.engine.protocol import Engine
from backend.engine.snapd.client import Client
from backend.engine.snapd.follow import Observe, follow
from backend.engine.snapd.responses import Asked, BusyError
from backend.errors import ConflictError, NotFoundError
from backend.model import Snapshot, SnapshotSet, selected_snapshots
from backend.progress import Progress
from backend.steps import SnapdAsked, SnapdStarted
from backend.store.store import Store


class ReadingEngine(Engine, Protocol):
    """An engine that works on the files themselves: it does all that only reads."""

    @property
    def store(self) -> Store:
        """The snapshot files."""


class SnapdContext:
    """One root, its snapd and its files.

    `reads_files` says whether the snapshot files may be read; else snapd is asked for what it knows.
    """

    def __init__(self, files: ReadingEngine, client: Client, *, reads_files: bool) -> None:
        self.files = files
        self.client = client
        self.layout = files.layout
        self.store = files.store
        self.journal = files.journal
        self.reads_files = reads_files

    @cached_property
    def version(self) -> str:
        """The version of snapd."""
        return self.client.version()

    def sets(self, set_id: int | None = None, snaps: Sequence[str] = ()) -> list[SnapshotSet]:
        """All sets, or one: from the files with what snapd hides, else as snapd lists them."""
        if self.reads_files:
            return self.files.sets(set_id, snaps)
        return self.client.sets(set_id, snaps)

    def selected(self, set_id: int, snaps: Sequence[str]) -> list[Snapshot]:
        """The snapshots of a set; NotFoundError when there is none."""
        return selected_snapshots(self.sets(set_id), snaps)

    def ask(self, action: str, asking: Callable[[], Asked], progress: Progress) -> Asked:
        """Ask snapd to begin something, and note the change, so that its end can be known after a crash."""
        progress.raise_if_cancelled()
        progress.record_step(SnapdAsked(action))
        asked = self.free(asking)
        progress.record_step(SnapdStarted(asked.change, action, asked.set_id))
        return asked

    def free(self, asking: Callable[[], Asked]) -> Asked:
        """Ask snapd; ConflictError names the change that is in the way, where that is known."""
        try:
            return asking()
        except ConflictError as busy:
            raise self._named(busy) from busy

    def _named(self, busy: ConflictError) -> ConflictError:
        """The conflict with the change that is in the way, where that is known."""
        names = set(re.findall('"([^"]+)"', str(busy)))
        for change in self.client.changes():
            if change.id in names or names.intersection(change.snaps):
                return BusyError(f"{busy}; attach snapd/{change.id} waits for it, as --wait does", change.id)
        return busy

    def carry_out(
        self, action: str, asking: Callable[[], Asked], progress: Progress, observe: Observe | None = None
    ) -> SnapdChange:
        """Ask snapd and follow the change until it has ended well; raises as `follow` does."""
        return follow(self.client, self.ask(action, asking, progress).change, progress, observe)

    def forget(self, set_id: int, progress: Progress) -> None:
        """Have a whole set removed; one that is gone already is fine."""
        try:
            self.carry_out("forget", lambda: self.client.act("forget", set_id), progress)
        except NotFoundError:
            return


def quoted_names(snaps: Sequence[str]) -> str:
    """Names as snapd writes them in a sentence."""
    return ", ".join(f'"{snap}"' for snap in snaps)
