"""What can be undone, wherever it lies: by the engine of a place, or in a repository."""

from collections.abc import Iterable, Iterator

from backend.engine.protocol import Engine
from backend.jobs.record import JobRecord
from backend.operations import ForgetCopies, PruneCopies
from backend.repository import ORPHANED_AFTER
from backend.results import UndoOffer


def undo_offers(engine: Engine, records: Iterable[JobRecord]) -> list[UndoOffer]:
    """List the jobs that can be undone, the newest first; asks no repository.

    `records` are the jobs of the place, as they were read last.

    Raises:
        SnapshotError: what was done cannot be read.
    """
    return sorted((*engine.undo_offers(), *_copy_offers(engine, records)), key=lambda offer: -offer.job)


def _copy_offers(engine: Engine, records: Iterable[JobRecord]) -> Iterator[UndoOffer]:
    """The jobs that let copies go whose payloads are kept still."""
    now = engine.journal.clock.wall()
    for record in records:
        operation, result = record.operation, record.result
        until = result.ended + ORPHANED_AFTER
        if not isinstance(operation, ForgetCopies | PruneCopies) or operation.now or result.undone:
            continue
        if result.copies and until > now:
            yield UndoOffer(record.id, 0, (), until, 0, record.verb, copies=result.copies)
