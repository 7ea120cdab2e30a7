"""What a restore of a set would do, as it becomes known: at once, with its losses, with what archives hold.

The one plan of a restore: the dialog, the command, the plain mode and `Engine.plan` all take it from here.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

from backend.errors import NotFoundError, SnapshotError
from backend.fs.space import SpaceNeed, space_needs
from backend.model import Snapshot
from backend.operations import Restore
from backend.progress import Progress
from backend.restore.confirmation import confirmed
from backend.restore.impact import ImpactScanner
from backend.restore.plan import EntryPlan, RestorePlan, Verdict, worst_verdict
from backend.restore.restorer import demand_one_snap
from backend.store.place import SnapshotPlace

_MOST_REVISIONS = 20


class PlanningPlace(SnapshotPlace, Protocol):
    """A place that plans restores from where things would go, and refuses some."""

    def refusal_of(self, operation: Restore) -> str:
        """Why it cannot be had here, or nothing."""

    def plan(
        self, restore: Restore, *, look: bool = True, progress: Progress | None = None
    ) -> list[RestorePlan]:
        """A plan for each snapshot; without `look`, of the places alone."""


class RevisionChoice(NamedTuple):
    """A revision to restore onto: `revision` as an operation names it, empty for the usual one."""

    revision: str
    number: str
    is_installed: bool = False
    was_saved: bool = False


@dataclass(frozen=True)
class RestorePreview:
    """What a restore would do, as far as it is known.

    `absent` names snaps that are not installed; `refusal` is why nothing can be restored here at all. Before
    `losses_known` and `contents_known`, the plans say nothing of what would be lost and what archives hold.
    """

    snapshots: tuple[Snapshot, ...] = ()
    plans: tuple[RestorePlan, ...] = ()
    space: tuple[SpaceNeed, ...] = ()
    absent: frozenset[str] = frozenset()
    refusal: str = ""
    losses_known: bool = False
    contents_known: bool = False
    revisions: tuple[RevisionChoice, ...] = ()

    @property
    def snaps(self) -> tuple[str, ...]:
        """The snaps of the set."""
        return tuple(dict.fromkeys(snapshot.snap for snapshot in self.snapshots))

    @property
    def users(self) -> tuple[str, ...]:
        """The users whose data the set holds."""
        return tuple(dict.fromkeys(name for snapshot in self.snapshots for name in snapshot.users))

    @property
    def lacks_space(self) -> bool:
        """Whether a file system has not enough free space."""
        return any(need.missing for need in self.space)

    @property
    def verdict(self) -> Verdict:
        """The worst of all parts; blocked as well where there is no space, or no right."""
        return Verdict.BLOCKED if self.refusal or self.lacks_space else worst_verdict(self.plans)

    @property
    def lost_files(self) -> int:
        """How many files would be lost."""
        return sum(entry.lost.files for plan in self.plans for entry in plan.entries)

    @property
    def replaced_bytes(self) -> int:
        """The bytes that would be replaced, and so those that an undo holds."""
        return sum(entry.lost.live_bytes for plan in self.plans for entry in plan.active)

    def verdict_of(self, plan: RestorePlan) -> Verdict:
        """What the plan of one snapshot comes to: all of them are restored, or none."""
        return Verdict.BLOCKED if self.lacks_space else plan.verdict

    def reasons_of(self, plan: RestorePlan) -> list[str]:
        """Why the plan of one snapshot is blocked."""
        short = [need for need in self.space if need.missing]
        return [*plan.reasons, *(need.text("cannot restore") for need in short)]

    def confirm(self, restore: Restore) -> Restore:
        """Return the restore with what was shown of it, so that its job can note what has changed since."""
        return confirmed(restore, self.plans)

    @property
    def devices_left_out(self) -> int:
        """How many device nodes would not come back, as far as is known."""
        return sum(plan.devices_left_out for plan in self.plans)

    @property
    def too_long(self) -> int:
        """How many paths are too long to be restored, as far as is known."""
        return sum(plan.too_long for plan in self.plans)


class RestorePlanner:
    """Plans restores snap by snap and remembers what it saw: take a new one to look again.

    `refusal_of` says why an operation cannot be had, where others than the place have a say in that.
    """

    def __init__(self, place: PlanningPlace, refusal_of: Callable[[Restore], str] | None = None) -> None:
        self._place = place
        self._refusal_of = refusal_of or place.refusal_of
        self._scanner = ImpactScanner(place.layout)
        self._known: dict[Restore, tuple[RestorePlan, ...]] = {}

    def stages(
        self, restore: Restore, progress: Progress | None = None, *, past_blocked: bool = False
    ) -> Iterator[RestorePreview]:
        """Plan a restore in growing knowledge: the places, then the losses, then what each archive holds.

        Ends early where it is blocked, unless `past_blocked`.

        Raises:
            NotFoundError: no such set, or none of the snaps is in it.
            InvalidInputError: the operation makes no sense.
            Cancelled: the job was stopped.
        """
        progress = progress or Progress()
        preview = self._places(restore, progress)
        yield preview
        plans = list(preview.plans)
        with progress.step("Looking for what would be lost"):
            plans = [self._scanner.with_losses(plan, progress) for plan in plans]
        preview = replace(preview, plans=tuple(plans), losses_known=True)
        yield preview
        total = sum(entry.needed for plan in plans for entry in plan.active)
        with progress.step("Counting what it holds", total):
            for number, plan in enumerate(plans):
                if preview.verdict is Verdict.BLOCKED and not past_blocked:
                    return
                plans[number] = self._with_contents(plan, progress)
                preview = replace(preview, plans=tuple(plans), contents_known=number + 1 == len(plans))
                yield preview

    def preview(self, restore: Restore, progress: Progress | None = None) -> RestorePreview:
        """Plan a restore with all that can be known of it.

        Raises:
            NotFoundError: no such set, or none of the snaps is in it.
            InvalidInputError: the operation makes no sense.
            Cancelled: the job was stopped.
        """
        *_, last = self.stages(restore, progress, past_blocked=True)
        return last

    def _places(self, restore: Restore, progress: Progress) -> RestorePreview:
        snapshots = tuple(
            snapshot for group in self._place.sets(restore.set_id) for snapshot in group.snapshots
        )
        if not snapshots:
            raise NotFoundError("no snapshot set with the given ID")
        chosen = [snapshot for snapshot in snapshots if not restore.snaps or snapshot.snap in restore.snaps]
        if not chosen:
            raise NotFoundError("no snapshot for the requested snaps found in the set with the given ID")
        demand_one_snap(restore, chosen)
        snaps = dict.fromkeys(snapshot.snap for snapshot in chosen)
        plans = tuple(plan for snap in snaps for plan in self._plans_of(restore, snap, progress))
        is_absent = {snap: bool(snap) and self._place.layout.revision(snap) is None for snap in snaps}
        return RestorePreview(
            snapshots,
            plans,
            space=space_needs((entry.parent, entry.needed) for entry in _written(plans)),
            absent=frozenset(snap for snap in snaps if is_absent[snap]),
            refusal=self._refusal_of(restore),
            revisions=self._revisions(chosen, restore),
        )

    def _plans_of(self, restore: Restore, snap: str, progress: Progress) -> tuple[RestorePlan, ...]:
        part = replace(restore, snaps=(snap,))
        if part not in self._known:
            self._known[part] = tuple(self._place.plan(part, look=False, progress=progress))
        return self._known[part]

    def _with_contents(self, plan: RestorePlan, progress: Progress) -> RestorePlan:
        try:
            return self._scanner.with_contents(plan, progress)
        except SnapshotError as trouble:
            return replace(plan, notes=(*plan.notes, f"what it holds is not known: {trouble}"))

    def _revisions(self, chosen: Iterable[Snapshot], restore: Restore) -> tuple[RevisionChoice, ...]:
        """The revisions that one snap can be restored onto, the usual one first; none for several snaps."""
        sound = [snapshot for snapshot in chosen if not snapshot.broken]
        if len(sound) != 1:
            return ()
        (snapshot,) = sound
        installed = self._place.layout.revision(snapshot.snap)
        saved = snapshot.revision if snapshot.revision.number else None
        first = [saved, installed] if restore.target_dir else [installed, saved]
        present = _revisions_in(self._place.layout.system_parent(snapshot.snap))
        usual = [str(revision) for revision in first if revision]
        numbers = dict.fromkeys((*usual, *present, *filter(None, [restore.revision])))
        return tuple(
            RevisionChoice(number if place else "", number, number == str(installed), number == str(saved))
            for place, number in enumerate(numbers)
        )


def _written(plans: Iterable[RestorePlan]) -> Iterator[EntryPlan]:
    return (entry for plan in plans for entry in plan.active if entry.parent)


def _revisions_in(parent: str) -> list[str]:
    """The revisions that a snap has data of; names are data, and only those of revisions are taken."""
    try:
        names = os.listdir(parent)
    except OSError:
        return []
    revisions = [name for name in names if name.removeprefix("x").isdecimal() and name.isascii()]
    return sorted(revisions, key=lambda name: (len(name), name))[-_MOST_REVISIONS:]
