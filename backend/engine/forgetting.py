"""Forgetting by the files engine: sets go into the trash as one, or at once where nothing is to be kept."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, Protocol

from backend.engine.protocol import Engine
from backend.errors import BlockedError, ConflictError, NotFoundError
from backend.jobs.journal import Journal
from backend.jobs.trash import Trash
from backend.model import Snapshot, SnapshotSet, selected_snapshots
from backend.operations import Forget
from backend.progress import Progress
from backend.results import Result
from backend.store.pins import Pins
from backend.store.room import room_of
from backend.store.store import Store


class StoringEngine(Engine, Protocol):
    """An engine that works on the files themselves."""

    @property
    def store(self) -> Store:
        """The snapshot files."""


def forget_sets(engine: StoringEngine, forgets: Sequence[Forget], progress: Progress) -> Result:
    """Remove sets, or snaps of them, as one; of several, those that are in use are left out.

    What is removed is kept for the first one's `undo_window`, by a job that has a journal.
    """
    store, journal = engine.store, engine.journal
    with ExitStack() as stack:
        stack.enter_context(store.lock())  # nobody pins anything from here on
        chosen, left_out = _taken(engine, forgets, stack)
        stack.enter_context(progress.step("Forgetting"))
        sets = tuple(dict.fromkeys(snapshot.set_id for snapshot in chosen))
        result = Result(
            set_id=sets[0] if len(sets) == 1 else 0,
            snaps=tuple(dict.fromkeys(snapshot.snap for snapshot in chosen)),
            left_out=tuple(left_out),
            sets=sets,
        )
        if not chosen:
            return result
        if not (window := kept_for(forgets, progress)):
            return replace(result, freed=store.forget(chosen, progress))
        held = room_of(chosen).freed
        Trash(store, journal).throw(chosen, progress)
        return replace(result, held=held, **undo_facts(journal, window, progress))


def kept_for(forgets: Sequence[Forget], progress: Progress) -> int:
    """Return for how many seconds what is forgotten is kept; nothing is where no journal tells of it."""
    return forgets[0].undo_window if int(progress.name) else 0


def undo_facts(journal: Journal, window: int, progress: Progress) -> dict[str, Any]:
    """Return how it can be had back, as fields of a result."""
    return {"undo_job": int(progress.name), "undo_until": journal.clock.wall() + window}


def demand_unpinned(pins: Pins, forget: Forget, group: SnapshotSet) -> None:
    """Refuse to forget a set that is pinned, unless that is said.

    Raises:
        BlockedError: it is, with its note.
    """
    if not forget.pinned and (pin := pins.by_set([group]).get(group.set_id)):
        note = f" ({pin.note})" if pin.note else ""
        raise BlockedError(
            f"cannot forget: set #{group.set_id} is pinned{note}; --pinned forgets it all the same"
        )


def _taken(
    engine: StoringEngine, forgets: Sequence[Forget], stack: ExitStack
) -> tuple[list[Snapshot], list[str]]:
    """The snapshots whose sets nobody uses, each set locked, and why others are left out."""
    chosen: list[Snapshot] = []
    left_out = []
    for forget in forgets:
        try:
            groups = engine.store.list_sets(forget.set_id)
            some = selected_snapshots(groups, forget.snaps)
            demand_unpinned(engine.pins, forget, groups[0])
            stack.enter_context(engine.store.set_lock(forget.set_id, shared=False))
        except (BlockedError, ConflictError, NotFoundError) as reason:
            if len(forgets) == 1:
                raise
            left_out.append(f"set #{forget.set_id} was left: {reason}")
        else:
            chosen += some
    return chosen, left_out
