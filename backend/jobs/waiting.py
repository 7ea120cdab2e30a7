"""Another job that is in the way of one that begins: which one it is, and waiting for its end."""

import time
from collections.abc import Sequence

from backend.jobs.journal import Journal
from backend.jobs.record import JobRecord, JobState
from backend.operations import Operation, UnknownOperation
from backend.progress import Progress

_POLL = 0.25  # seconds


def job_in_the_way(journal: Journal, operation: Operation, number: int) -> JobRecord | None:
    """Return the newest job that runs besides the one of that `number` on the same set or snaps, or None."""
    running = [
        record
        for record in journal.records()
        if record.state is JobState.RUNNING and record.id != number and _overlap(operation, record.operation)
    ]
    return running[-1] if running else None


def _overlap(operation: Operation, other: Operation | UnknownOperation) -> bool:
    """Whether both may be about the same data: one that names no set or no snaps is about all."""
    sets = [getattr(each, "set_id", 0) for each in (operation, other)]
    if all(sets) and sets[0] == sets[1]:
        return True
    snaps: list[Sequence[str]] = [getattr(each, "snaps", ()) for each in (operation, other)]
    return not all(snaps) or not set(snaps[0]).isdisjoint(snaps[1])


def wait_for(journal: Journal, record: JobRecord, progress: Progress) -> None:
    """Wait until a job has ended.

    Raises:
        Cancelled: the waiting was stopped.
    """
    with progress.step(f"Waiting for job {record.id} ({record.verb})"):
        while journal.record(record.id).state is JobState.RUNNING:
            progress.raise_if_cancelled()
            time.sleep(_POLL)
