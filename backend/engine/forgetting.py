"""Forgetting by the files engine: sets go into the trash as one, or at once where nothing is to be kept."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from backend.engine.selection import snapshots_of
from backend.errors import ConflictError, NotFoundError
from backend.jobs.journal import Journal
from backend.jobs.trash import Trash
from backend.model import Snapshot
from backend.operations import Forget, Result
from backend.progress import Progress
from backend.store.room import room_of
from backend.store.store import Store


def forget_sets(store: Store, journal: Journal, forgets: Sequence[Forget], progress: Progress) -> Result:
    """Remove sets, or snaps of them, as one; of several, those that are in use are left out.

    What is removed is kept for the first one's `undo_window`, by a job that has a journal.
    """
    with ExitStack() as stack:
        chosen, left_out = _taken(store, forgets, stack)
        stack.enter_context(store.lock())
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


def _taken(store: Store, forgets: Sequence[Forget], stack: ExitStack) -> tuple[list[Snapshot], list[str]]:
    """The snapshots whose sets nobody uses, each set locked, and why others are left out."""
    chosen: list[Snapshot] = []
    left_out = []
    for forget in forgets:
        try:
            some = snapshots_of(store, forget.set_id, forget.snaps)
            stack.enter_context(store.set_lock(forget.set_id, shared=False))
        except (ConflictError, NotFoundError) as reason:
            if len(forgets) == 1:
                raise
            left_out.append(f"set #{forget.set_id} was left: {reason}")
        else:
            chosen += some
    return chosen, left_out
