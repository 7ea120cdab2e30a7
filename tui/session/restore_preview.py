"""What a restore would do, looked up step by step outside the event loop."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

from backend import NotFoundError, Progress, Restore, Snapshot, SnapshotError
from backend.fs import SpaceNeed, space_needs
from backend.restore import ImpactScanner, RestorePlan, Verdict
from tui.session.place import Place

WORST = (Verdict.BLOCKED, Verdict.WITH_LOSS, Verdict.READY)
_MOST_REVISIONS = 20


class Target(NamedTuple):
    """A revision to restore onto: as an operation names it (empty: where nothing is said), and in words."""

    revision: str
    words: str


class View(NamedTuple):
    """What a restore would do, as far as it is known.

    Not `complete` while losses are still being looked for, not `counted` while archives are still being read.
    `away` names snaps that are not installed; `refused` is why nothing can be restored here at all.
    """

    snapshots: tuple[Snapshot, ...] = ()
    plans: tuple[RestorePlan, ...] = ()
    rooms: tuple[SpaceNeed, ...] = ()
    away: frozenset[str] = frozenset()
    refused: str = ""
    complete: bool = False
    counted: bool = False
    targets: tuple[Target, ...] = ()

    @property
    def snaps(self) -> tuple[str, ...]:
        """The snaps of the set."""
        return tuple(dict.fromkeys(snapshot.snap for snapshot in self.snapshots))

    @property
    def users(self) -> tuple[str, ...]:
        """The users whose data the set holds."""
        return tuple(dict.fromkeys(name for snapshot in self.snapshots for name in snapshot.users))

    @property
    def verdict(self) -> Verdict:
        """The worst of all parts; blocked as well where there is no room, or no right."""
        if self.refused or any(room.missing for room in self.rooms):
            return Verdict.BLOCKED
        verdicts = {plan.verdict for plan in self.plans} or {Verdict.BLOCKED}
        return next(verdict for verdict in WORST if verdict in verdicts)

    @property
    def lost(self) -> int:
        """How many files would be lost."""
        return sum(entry.lost.files for plan in self.plans for entry in plan.entries)

    @property
    def held(self) -> int:
        """The bytes that would be replaced, and so those that an undo holds."""
        return sum(entry.lost.live_bytes for plan in self.plans for entry in plan.active)

    @property
    def devices_left_out(self) -> int:
        """How many device nodes would not come back, as far as is known."""
        return sum(plan.devices_left_out for plan in self.plans)


class Plans:
    """Makes plans snap by snap and remembers what it saw; to be used outside the event loop."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._looker = ImpactScanner(place.engine.layout)
        self._known: dict[Restore, tuple[RestorePlan, ...]] = {}

    def views(self, wanted: Restore, progress: Progress | None = None) -> Iterator[View]:
        """The plan as it becomes known: the places, then the losses, then what the archives hold.

        Raises SnapshotError, OSError, and Cancelled once the job is stopped.
        """
        progress = progress or Progress()
        view = self._first(wanted)
        plans = [plan for snap in wanted.snaps or view.snaps for plan in self._plan(wanted, snap, progress)]
        view = view._replace(plans=tuple(plans), rooms=_rooms(plans))
        yield view
        for number, plan in enumerate(plans):
            plans[number] = self._looker.with_losses(plan, progress)
        view = view._replace(plans=tuple(plans), complete=True)
        yield view
        for number, plan in enumerate(plans):
            if view.verdict is Verdict.BLOCKED:
                return
            plans[number] = self._counted(plan, progress)
            view = view._replace(plans=tuple(plans), counted=number + 1 == len(plans))
            yield view

    def _first(self, wanted: Restore) -> View:
        """What the set holds, and whether it may be restored here."""
        engine = self._place.engine
        snapshots = tuple(snapshot for one in engine.sets(wanted.set_id) for snapshot in one.snapshots)
        if not snapshots:
            raise NotFoundError(f"there is no set #{wanted.set_id}")
        refused = self._place.refusal_of(wanted)
        view = View(snapshots, refused=refused)
        away = frozenset(s for s in view.snaps if _is_away(self._place, s))
        return view._replace(away=away, targets=targets(self._place, snapshots, wanted))

    def _plan(self, wanted: Restore, snap: str, progress: Progress) -> tuple[RestorePlan, ...]:
        part = replace(wanted, snaps=(snap,), undo_window=0)
        if part not in self._known:
            self._known[part] = tuple(self._place.engine.plan(part, look=False, progress=progress))
        return self._known[part]

    def _counted(self, plan: RestorePlan, progress: Progress) -> RestorePlan:
        try:
            return self._looker.with_contents(plan, progress)
        except SnapshotError as trouble:
            return replace(plan, notes=(*plan.notes, f"what it holds is not known: {trouble}"))


def _is_away(place: Place, snap: str) -> bool:
    return bool(snap) and place.engine.layout.revision(snap) is None


def targets(place: Place, snapshots: Iterable[Snapshot], wanted: Restore) -> tuple[Target, ...]:
    """The revisions that one snap can be restored onto, the usual one first; none for several snaps."""
    taken = [one for one in snapshots if not one.broken and (not wanted.snaps or one.snap in wanted.snaps)]
    if len(taken) != 1:
        return ()
    one = taken[0]
    installed = place.engine.layout.revision(one.snap)
    saved = one.revision if one.revision.number else None
    first = [saved, installed] if wanted.to else [installed, saved]
    there = _revisions_in(place.engine.layout.system_parent(one.snap))
    texts = dict.fromkeys(
        (*(str(known) for known in first if known), *there, *filter(None, [wanted.revision]))
    )
    facts = {str(installed): "installed", str(saved): "as saved"}
    words = [f"{text} {facts.get(text, '')}".strip() for text in texts]
    return tuple(Target(text if number else "", words[number]) for number, text in enumerate(texts))


def _revisions_in(parent: str) -> list[str]:
    """The revisions that a snap has data of; names are data, and only those of revisions are taken."""
    try:
        names = os.listdir(parent)
    except OSError:
        return []
    found = [name for name in names if name.removeprefix("x").isdecimal() and name.isascii()]
    return sorted(found, key=lambda name: (len(name), name))[-_MOST_REVISIONS:]


def _rooms(plans: Iterable[RestorePlan]) -> tuple[SpaceNeed, ...]:
    """What is needed and free on each file system that the plans write to."""
    entries = (entry for plan in plans for entry in plan.active if entry.parent)
    return space_needs((entry.parent, entry.needed) for entry in entries)
