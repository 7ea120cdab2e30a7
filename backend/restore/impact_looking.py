"""A closer look at what a plan would take away, and at what its archives hold."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from backend.archive import hashing
from backend.archive.gzip.blocks import inflate
from backend.archive.reader import Reader
from backend.archive.tar.vetting_contents import Contents, contents
from backend.errors import IntegrityError
from backend.fs import files
from backend.host.layout import Layout
from backend.job import Job
from backend.restore.impact import Losses, losses
from backend.restore.plan import EntryPlan, RestorePlan


class Looker:
    """Looks at live data and through archives, and remembers what it saw: take a new one to look again.

    Every method raises Cancelled when its job is stopped, and then remembers what it had seen by then.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._lost: dict[tuple[str, str, tuple[str, ...]], Losses] = {}
        self._held: dict[tuple[str, str], Contents | str] = {}

    def with_losses(self, plan: RestorePlan, job: Job) -> RestorePlan:
        """The plan with what it would take away: the live data are walked."""
        return _with(plan, lambda entry: replace(entry, lost=self._losses(plan, entry, job)))

    def _losses(self, plan: RestorePlan, entry: EntryPlan, job: Job) -> Losses:
        key = (plan.snapshot.path, entry.entry, entry.replaced)
        if key not in self._lost:
            self._lost[key] = losses(plan.snapshot, self._layout, entry.entry, entry.replaced, job)
        return self._lost[key]

    def with_contents(self, plan: RestorePlan, job: Job) -> RestorePlan:
        """The plan with what its archives hold: they are read whole, in parallel, and counted on the job.

        An archive that could not be unpacked is blocked. SnapshotError when the file cannot be read any more.
        """
        if unknown := [entry for entry in plan.entries if entry.is_active and not self._knows(plan, entry)]:
            with files.speaking("cannot look into the snapshot"), Reader.open(plan.snapshot.path) as reader:
                hashing.in_parallel([partial(self._walk, reader, entry, job) for entry in unknown])
        return _with(plan, partial(self._with_held, plan))

    def _knows(self, plan: RestorePlan, entry: EntryPlan) -> bool:
        return (plan.snapshot.path, entry.entry) in self._held

    def _walk(self, reader: Reader, entry: EntryPlan, job: Job) -> None:
        snapshot = reader.snapshot
        try:
            found: Contents | str = contents(inflate(reader.stream(entry.entry)), snapshot.revision, job)
        except IntegrityError as fault:
            found = f'snapshot entry "{entry.entry}": {fault}'
        self._held[snapshot.path, entry.entry] = found

    def _with_held(self, plan: RestorePlan, entry: EntryPlan) -> EntryPlan:
        held = self._held[plan.snapshot.path, entry.entry]
        if isinstance(held, str):
            return replace(entry, blocked=held, is_damaged=True)
        return replace(entry, contents=held)


def _with(plan: RestorePlan, change: Callable[[EntryPlan], EntryPlan]) -> RestorePlan:
    """The plan with every entry changed that would be restored."""
    return replace(plan, entries=tuple(change(entry) if entry.is_active else entry for entry in plan.entries))
