"""A journal drops its oldest jobs, counts rarely, and is read across versions."""

import fcntl
import json
import os
import threading
import time
from pathlib import Path
from typing import Any, TextIO

import pytest

from backend.errors import BlockedError, ConflictError
from backend.fs import locks
from backend.jobs.journal import Journal
from backend.jobs.record import FORMAT, JobRecord, JobState
from backend.jobs.result import JobResult
from backend.operations import Save
from tests.support.clocks import FakeClock
from tests.support.ended_jobs import FORK, ended, make_journal, working
from tests.support.journals import note, recorded

journal = pytest.fixture(make_journal)


@pytest.mark.parametrize(
    ("most", "needed", "left"), [(2, set(), [4, 5]), (2, {1, 3}, [1, 3, 4, 5]), (0, {5}, [5])]
)
def test_the_oldest_are_dropped(journal: Journal, most: int, needed: set[int], left: list[int]) -> None:
    for _ in range(5):
        ended(journal)
    journal.drop_oldest(most, needed)
    assert [record.id for record in journal.records()] == left


def test_jobs_that_have_not_ended_are_not_dropped(journal: Journal) -> None:
    with journal.job(recorded({}), {}):
        pass
    with journal.job(recorded({}), {}):
        ended(journal)
        journal.drop_oldest(0, set())
        assert [record.state for record in journal.records()] == [JobState.INTERRUPTED, JobState.RUNNING]


def test_a_result_can_be_amended_once_there_is_one(journal: Journal) -> None:
    record = ended(journal, set_id=4)
    journal.note_undone(record, 9)
    read_back = journal.record(record.id)
    assert (read_back.result.set_id, read_back.result.undone, read_back.state) == (4, 9, JobState.DONE)
    with journal.job(recorded({}), {}) as running, pytest.raises(ConflictError):
        journal.note_undone(journal.record(running.id), 9)


def test_the_log_stops_growing(journal: Journal) -> None:
    event = {"note": "x" * 10_000}
    with journal.job(recorded({}), {}) as record:
        for _ in range(1000):
            record.tell(event)
        record.tell({"short": "but it still fits"})
    assert Path(record.folder, "events.jsonl").stat().st_size <= 4 << 20
    assert len(journal.record(record.id).events) > 400


def _start_jobs(folder: str, start: Any, queue: Any) -> None:
    journal = Journal(folder)
    start.wait()
    for _ in range(10):
        with journal.job(recorded({}), {}) as record:
            journal.records()
            record.finish(JobState.DONE)
        queue.put(record.id)


def test_jobs_of_several_processes_have_numbers_of_their_own(journal: Journal) -> None:
    start, queue = FORK.Barrier(4), FORK.SimpleQueue()
    processes = [FORK.Process(target=_start_jobs, args=(journal.folder, start, queue)) for _ in range(4)]
    for process in processes:
        process.start()
    numbers = [queue.get() for _ in range(40)]
    for process in processes:
        process.join()
    assert sorted(numbers) == list(range(1, 41))
    assert {record.state for record in journal.records()} == {JobState.DONE}


def test_counts_become_rare_as_a_job_grows_old(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1e9
    monkeypatch.setattr(time, "monotonic", lambda: now)
    with journal.job(recorded({"verb": "save"}), {}) as record:
        for second in range(1, 7200):
            now = 1e9 + second
            for tenth in range(10):
                record.tell({"event": "advanced", "done": second * 10 + tenth})
        record.tell({"event": "part", "part": "a", "done": 1, "total": 2, "ended": True})
        record.finish(JobState.DONE)
    events = journal.record(record.id).events
    assert len(events) < 8000
    assert events[-1]["ended"]


@pytest.mark.parametrize("leap", [-10 * 365 * 86400, 50 * 365 * 86400])
def test_a_clock_that_leaps_takes_no_count_away(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, leap: int
) -> None:
    clock, lasted = FakeClock(1e9), 0.0
    journal = Journal(journal.folder, clock)
    monkeypatch.setattr(time, "monotonic", lambda: lasted)
    with journal.job(Save(), {}) as record:
        for done in (1, 2, 3):
            record.tell({"event": "advanced", "done": done})
            clock.jump(leap)
            lasted += 10
        record.finish(JobState.DONE)
    assert [event["done"] for event in journal.record(record.id).events] == [1, 2, 3]


def test_a_folder_of_jobs_that_leads_in_a_circle_holds_none(journal: Journal) -> None:
    os.makedirs(journal.folder)
    os.symlink("jobs", f"{journal.folder}/jobs")
    assert journal.records() == []


def test_one_who_only_looks_does_not_keep_a_dead_job_from_being_ended(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    with journal.job(recorded({"verb": "save"}), {}):
        pass
    (record,) = journal.records()
    asked = []
    real = locks.is_locked

    def looking(path: str) -> bool:
        """Somebody begins to look just when it was found dead, and looks until the lock is waited for."""
        status = real(path)
        reading = open(path)  # noqa: SIM115 - closed by the thread
        fcntl.flock(reading, fcntl.LOCK_SH)
        asked.append(threading.Thread(target=_let_go_when_waited_for, args=(reading,)))
        asked[-1].start()
        return status

    monkeypatch.setattr(locks, "is_locked", looking)
    with journal.reopened(record) as reopened:
        reopened.finish(JobState.ROLLED_BACK)
    asked[-1].join()
    monkeypatch.undo()
    assert journal.record(record.id).state is JobState.ROLLED_BACK


def _let_go_when_waited_for(reading: TextIO) -> None:
    waiting = f"-> FLOCK  ADVISORY  WRITE {os.getpid()} "
    while waiting not in Path("/proc/locks").read_text():
        pass
    reading.close()


def test_a_living_job_cannot_be_reopened(journal: Journal) -> None:
    with (
        working(journal) as (number, *_),
        pytest.raises(ConflictError, match="is still running"),
        journal.reopened(journal.record(number)),
    ):
        pass


def of_a_newer_version(journal: Journal, *, is_over: bool = True) -> JobRecord:
    """A job in a format that nobody knows yet."""
    with journal.job(Save(), {"path": "/"}) as record:
        note(record, {"tomorrow": 1})
        if is_over:
            record.finish(JobState.DONE, JobResult(7))
    header = Path(record.folder, "operation.json")
    header.write_text(json.dumps({**json.loads(header.read_text()), "format": FORMAT + 1}))
    return journal.record(record.id)


class TestNewerFormat:
    def test_the_job_is_shown(self, journal: Journal) -> None:
        record = of_a_newer_version(journal)
        assert (record.is_newer, record.verb, record.state) == (True, "save", JobState.DONE)
        assert record.result.set_id == 7

    @pytest.mark.parametrize(
        "use",
        [
            lambda _journal, record: record.steps,
            lambda journal, record: journal.note_undone(record, 9),
            lambda journal, record: journal.note_expired(record),
            lambda journal, record: journal.reopened(record).__enter__(),
        ],
    )
    def test_nothing_is_made_of_it(self, journal: Journal, use: Any) -> None:
        record = of_a_newer_version(journal)
        before = {path.name: path.read_bytes() for path in Path(record.folder).iterdir()}
        with pytest.raises(BlockedError, match="a newer version of snapstow wrote it"):
            use(journal, record)
        assert {path.name: path.read_bytes() for path in Path(record.folder).iterdir()} == before

    def test_a_format_that_is_no_number_is_none_of_ours(self, journal: Journal) -> None:
        record = of_a_newer_version(journal)
        header = Path(record.folder, "operation.json")
        header.write_text(json.dumps({**json.loads(header.read_text()), "format": "two"}))
        assert journal.record(record.id).is_newer


def test_the_version_before_gave_no_format(journal: Journal) -> None:
    record = ended(journal)
    header = Path(record.folder, "operation.json")
    document = json.loads(header.read_text())
    assert document.pop("format") == FORMAT
    header.write_text(json.dumps(document))
    assert not journal.record(record.id).is_newer
