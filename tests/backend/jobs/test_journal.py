import fcntl
import json
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TextIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import BlockedError, ConflictError, IntegrityError, NotFoundError
from backend.fs import files
from backend.jobs.journal import Journal
from backend.jobs.record import FORMAT, JobRecord, JobState
from backend.jobs.result import JobResult
from backend.operations import Save
from backend.steps import DirectoryMade, FileBegun, Published
from tests.support.journals import note, recorded

FORK = multiprocessing.get_context("fork")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.text().map(lambda text: text + "\udcff"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
MAPPINGS = st.dictionaries(st.text(max_size=5).filter(lambda key: key != "at"), JSON, max_size=3)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(str(tmp_path / "state/snapstow"))


def ended(journal: Journal, state: JobState = JobState.DONE, **result: Any) -> JobRecord:
    """A job that came to its end."""
    with journal.job(recorded({"verb": "save"}), {"path": "/"}) as record:
        record.finish(state, JobResult(**result))
    return journal.record(record.id)


def untimed_events(record: JobRecord) -> list[dict[str, Any]]:
    """The events of a job without their times."""
    return [{key: value for key, value in event.items() if key != "at"} for event in record.events]


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


def test_record_holds_all_that_a_job_tells(journal: Journal) -> None:
    with journal.job(Save(("a",)), {"path": "/", "device": 7}) as record:
        record.tell({"step": "Saving"})
        record.record_step(FileBegun("/a\udcff"))
        record.record_step(Published(12))
        running = journal.record(record.id)
        record.finish(JobState.PARTIAL, JobResult(12))
    read_back = journal.record(record.id)
    assert running.state is JobState.RUNNING
    assert (read_back.operation, read_back.root) == (Save(("a",)), {"path": "/", "device": 7})
    assert (read_back.pid, read_back.uid) == (os.getpid(), os.geteuid())
    assert untimed_events(read_back) == [{"step": "Saving"}]
    assert abs(read_back.events[0]["at"] - time.time()) < 60
    assert read_back.steps == [FileBegun("/a\udcff"), Published(12)]
    assert (read_back.state, read_back.result.set_id) == (JobState.PARTIAL, 12)
    assert read_back.result.ended >= read_back.started


@given(operation=MAPPINGS, root=MAPPINGS, events=st.lists(MAPPINGS, max_size=3))
def test_any_record_is_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    operation: dict[str, Any],
    root: dict[str, Any],
    events: list[dict[str, Any]],
) -> None:
    journal = Journal(str(tmp_path_factory.mktemp("journal")))
    with journal.job(recorded(operation), root) as record:
        for event in events:
            record.tell(event)
        record.finish(JobState.FAILED)
    read_back = journal.record(record.id)
    assert (read_back.operation, read_back.root, untimed_events(read_back)) == (
        recorded(operation),
        root,
        events,
    )


@pytest.mark.parametrize("state", [state for state in JobState if state is not JobState.RUNNING])
def test_states_of_ended_jobs(journal: Journal, state: JobState) -> None:
    assert ended(journal, state).state is state


def test_a_job_that_ended_without_a_word_was_interrupted(journal: Journal) -> None:
    with pytest.raises(ZeroDivisionError), journal.job(recorded({}), {}):
        raise ZeroDivisionError
    assert [record.state for record in journal.records()] == [JobState.INTERRUPTED]


def test_the_state_of_another_process(journal: Journal) -> None:
    with working(journal) as (number, process, line):
        assert journal.record(number).state is JobState.RUNNING
        assert journal.record(number).pid == process.pid
        line.send("go on")
        assert line.recv() == "ended"
        assert journal.record(number).state is JobState.DONE


def test_a_killed_process_leaves_an_interrupted_job(journal: Journal) -> None:
    with working(journal) as (number, process, _line):
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        read_back = journal.record(number)
        assert (read_back.state, read_back.steps) == (JobState.INTERRUPTED, [DirectoryMade("/a")])


def test_a_living_job_cannot_be_ended_by_others(journal: Journal) -> None:
    with (
        working(journal) as (number, _process, _line),
        pytest.raises(ConflictError, match=f"job {number} is still running"),
        journal.reopened(journal.record(number)),
    ):
        raise AssertionError("it was opened")


def test_a_dead_job_can_be_ended_by_one_only(journal: Journal) -> None:
    with journal.job(recorded({}), {}) as record:
        record.record_step(DirectoryMade("/a"))
    dead = journal.record(record.id)
    with journal.reopened(dead) as reopened:
        with pytest.raises(ConflictError), journal.reopened(dead):
            raise AssertionError("it was opened twice")
        reopened.finish(JobState.TAKEN_BACK, JobResult(recovered=True))
    read_back = journal.record(dead.id)
    assert (read_back.state, read_back.steps) == (JobState.TAKEN_BACK, [DirectoryMade("/a")])


@pytest.mark.parametrize("cut", range(1, 30))
def test_a_torn_last_step_was_never_taken(journal: Journal, cut: int) -> None:
    with journal.job(recorded({}), {}) as record:
        for name in ("/a", "/b"):
            record.record_step(DirectoryMade(name))
    path = Path(record.folder, "steps.jsonl")
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    lines = (len(whole) - cut + 1) // (len(whole) // 2)  # a line that lacks nothing but its end is whole
    assert journal.record(record.id).steps == [DirectoryMade("/a"), DirectoryMade("/b")][:lines]


def test_a_zeroed_tail_after_a_power_failure(journal: Journal) -> None:
    with journal.job(recorded({}), {}) as record:
        record.record_step(DirectoryMade("/a"))
    with Path(record.folder, "steps.jsonl").open("ab") as file:
        file.write(bytes(4096))
    assert journal.record(record.id).steps == [DirectoryMade("/a")]


@given(
    name=st.sampled_from(["operation.json", "result.json", "steps.jsonl", "events.jsonl"]), raw=st.binary()
)
def test_damaged_files_never_raise(tmp_path_factory: pytest.TempPathFactory, name: str, raw: bytes) -> None:
    journal = Journal(str(tmp_path_factory.mktemp("journal")))
    record = ended(journal)
    Path(record.folder, name).write_bytes(raw)
    for read_back in journal.records():
        assert isinstance(read_back.events, list)
        assert isinstance(read_back.result, JobResult)
        with suppress(IntegrityError):
            assert isinstance(read_back.steps, list)
    journal.drop_oldest(0, set())


@pytest.mark.parametrize("odd", ["text", None, [], {}, 1e300, float("inf"), float("nan"), -1, True])
def test_odd_values_in_a_header_count_as_missing(journal: Journal, odd: object) -> None:
    record = ended(journal)
    header = {"operation": {"verb": "save"}, "root": odd, "started": odd, "pid": odd, "uid": odd}
    Path(record.folder, "operation.json").write_text(json.dumps(header))
    read_back = journal.record(record.id)
    assert isinstance(read_back.root, dict)
    assert isinstance(read_back.started, int | float)
    assert (type(read_back.pid), type(read_back.uid)) == (int, int)
    Path(record.folder, "result.json").write_text(json.dumps({"state": odd}))
    assert journal.record(record.id).state is JobState.FAILED


def test_deep_nesting_is_no_crash(journal: Journal) -> None:
    record = ended(journal)
    for name in ("operation.json", "steps.jsonl"):
        Path(record.folder, name).write_text('{"a":' * 200_000)
    assert record.steps == []
    assert journal.records() == []


@pytest.mark.parametrize("plant", [os.mkfifo, lambda path: os.symlink("alive", path), os.mkdir])
def test_a_planted_lock_is_no_living_job(journal: Journal, plant: Any) -> None:
    record = ended(journal)
    Path(record.folder, "result.json").unlink()
    alive = Path(record.folder, "alive")
    alive.unlink()
    plant(alive)
    assert journal.record(record.id).state is JobState.INTERRUPTED


def test_strange_things_among_the_jobs(journal: Journal) -> None:
    ended(journal)
    jobs = Path(journal.folder, "jobs")
    for name in ("notes", "١", "1" * 40, "-1"):
        (jobs / name).mkdir()
    (jobs / "8").write_text("a file")
    assert [record.id for record in journal.records()] == [1]
    assert ended(journal).id == 9


def test_no_journal_is_an_empty_one(journal: Journal) -> None:
    assert journal.records() == []
    journal.drop_oldest(5, set())
    with pytest.raises(NotFoundError, match="no job 3"):
        journal.record(3)
    assert not Path(journal.folder).exists()


def test_everything_is_private(journal: Journal) -> None:
    ended(journal)
    for path in (Path(journal.folder), *Path(journal.folder).rglob("*")):
        assert path.stat().st_mode & 0o077 == 0


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
    now, lasted = 1e9, 0.0
    journal.clock = lambda: now
    monkeypatch.setattr(time, "monotonic", lambda: lasted)
    with journal.job(Save(), {}) as record:
        for done in (1, 2, 3):
            record.tell({"event": "advanced", "done": done})
            now, lasted = now + leap, lasted + 10
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
    real = files.is_locked

    def looking(path: str) -> bool:
        """Somebody begins to look just when it was found dead, and looks until the lock is waited for."""
        status = real(path)
        reading = open(path)  # noqa: SIM115 - closed by the thread
        fcntl.flock(reading, fcntl.LOCK_SH)
        asked.append(threading.Thread(target=_let_go_when_waited_for, args=(reading,)))
        asked[-1].start()
        return status

    monkeypatch.setattr(files, "is_locked", looking)
    with journal.reopened(record) as reopened:
        reopened.finish(JobState.TAKEN_BACK)
    asked[-1].join()
    monkeypatch.undo()
    assert journal.record(record.id).state is JobState.TAKEN_BACK


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
