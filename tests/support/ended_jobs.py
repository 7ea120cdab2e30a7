"""Jobs that came to their end."""

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from backend.jobs.journal import Journal
from backend.jobs.record import JobRecord, JobState
from backend.jobs.result import JobResult
from backend.steps import DirectoryMade
from tests.support.journals import recorded

FORK = multiprocessing.get_context("fork")


def make_journal(tmp_path: Path) -> Journal:
    return Journal(str(tmp_path / "state/snapstow"))


def ended(journal: Journal, state: JobState = JobState.DONE, **result: Any) -> JobRecord:
    """A job that came to its end."""
    with journal.job(recorded({"verb": "save"}), {"path": "/"}) as record:
        record.finish(state, JobResult(**result))
    return journal.record(record.id)


def _work(folder: str, channel: Connection) -> None:
    with Journal(folder).job(recorded({"verb": "restore"}), {}) as record:
        record.record_step(DirectoryMade("/a"))
        channel.send(record.id)
        channel.recv()
        record.finish(JobState.DONE)
    channel.send("ended")


@contextmanager
def working(journal: Journal) -> Iterator[tuple[int, Any, Connection]]:
    """A process in the middle of a job, with its job's number."""
    here, there = FORK.Pipe()
    process = FORK.Process(target=_work, args=(journal.folder, there))
    process.start()
    there.close()
    try:
        yield here.recv(), process, here
    finally:
        process.kill()
        process.join()
