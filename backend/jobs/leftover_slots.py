"""Slots that nothing needs any more: looked for beside the data themselves, told apart by the journal."""

import os
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from backend.errors import SnapshotError
from backend.fs.removal import Leftover
from backend.fs.space import size_at
from backend.jobs.effects import REVERSIBLE, effects_of, is_damaged, is_ours, needs_rollback
from backend.jobs.journal import Journal
from backend.jobs.record import JobRecord, JobState
from backend.restore.slots import HOLDER, TRASH, Slot
from backend.results import Finding
from backend.store.store import Store

_OPEN = (JobState.RUNNING, JobState.INTERRUPTED)


class LeftoverSlot(NamedTuple):
    """A slot that no undo needs, and the job that made it; None where the journal tells of none."""

    path: str
    slot: Slot | None = None
    record: JobRecord | None = None

    @property
    def finding(self) -> Finding:
        """What a doctor tells of it; one that no job knows may hold the only copy of something, and stays."""
        if self.record is None:
            text = "no job tells whose it is; it may hold data that a restore replaced: look, then remove it"
            return Finding("leftover", self.path, text, size=size_at(self.path))
        text = f"left over of job {self.record.id} ({self.record.verb})"
        return Finding("leftover", self.path, text, "remove it", size_at(self.path))

    def remove(self, journal: Journal) -> tuple[Leftover, ...]:
        """Remove it and note that in the journal; returns what could not be removed still."""
        if self.slot is None or self.record is None:
            return ()
        left = self.slot.remove()
        others = [path for path in self.record.result.leftovers if path != self.path]
        if self.record.has_ended:
            journal.note_leftovers(self.record, [*others, self.path] if left else others)
        return left


def leftover_slots(jobs: Iterable[JobRecord], store: Store) -> list[LeftoverSlot]:
    """All slots that are there although no undo, no running and no interrupted one of the jobs needs them."""
    records = [record for record in jobs if record.verb in REVERSIBLE]
    is_certain = not any(map(is_damaged, records))  # else one of them may need any slot
    needed: set[str] = set()
    made: dict[str, LeftoverSlot] = {}
    for record in records:
        slots = _slots_of(record, store)
        if _needs_slots(record, store):
            needed.update(slot.path for slot in slots)
        elif is_certain and is_ours(record, store):
            made |= {slot.path: LeftoverSlot(slot.path, slot, record) for slot in slots}
    there = {path: made.get(path, LeftoverSlot(path)) for path in _on_disk(store)}
    there |= {path: leftover for path, leftover in made.items() if os.path.lexists(path)}
    return [there[path] for path in sorted(there) if path not in needed]


def _slots_of(record: JobRecord, store: Store) -> list[Slot]:
    try:
        return effects_of(record, store).state.slots
    except SnapshotError:
        return []


def _needs_slots(record: JobRecord, store: Store) -> bool:
    if record.state in _OPEN or record.result.may_be_undone:
        return True
    return not is_ours(record, store) or needs_rollback(record, store)


def _on_disk(store: Store) -> Iterator[str]:
    holders = (f"{parent}/{HOLDER}" for parent in store.layout.data_parents())
    for holder in (*holders, f"{store.folder}/{TRASH}"):
        try:
            names = os.listdir(holder)
        except OSError:
            continue
        yield from (f"{holder}/{name}" for name in names)
