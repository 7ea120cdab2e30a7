"""The journal of a place: jobs begun, read, ended and amended."""

import errno
import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import ConflictError, IntegrityError, NotFoundError, SnapshotError
from backend.fs import beneath
from backend.jobs.journal import Journal
from backend.jobs.record import JobRecord, JobState
from backend.jobs.result import JobResult
from backend.operations import Save
from backend.steps import DirectoryMade, FileBegun, Published
from backend.store.root_id import RootId
from tests.support.ended_jobs import ended, make_journal, working
from tests.support.journals import recorded

journal = pytest.fixture(make_journal)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.text().map(lambda text: text + "\udcff"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


MAPPINGS = st.dictionaries(st.text(max_size=5).filter(lambda key: key != "at"), JSON, max_size=3)


def untimed_events(record: JobRecord) -> list[dict[str, Any]]:
    """The events of a job without their times."""
    return [{key: value for key, value in event.items() if key != "at"} for event in record.events]


def test_record_holds_all_that_a_job_tells(journal: Journal) -> None:
    with journal.job(Save(("a",)), {"path": "/", "device": 7}) as record:
        record.tell({"step": "Saving"})
        record.record_step(FileBegun("/a\udcff"))
        record.record_step(Published(12))
        running = journal.record(record.id)
        record.finish(JobState.PARTIAL, JobResult(12))
    read_back = journal.record(record.id)
    assert running.state is JobState.RUNNING
    assert read_back.operation == Save(("a",))
    assert read_back.root == {"path": "/", "device": 7, "id": RootId(journal.folder).read()}
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
        {**root, "id": RootId(journal.folder).read()},
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
        reopened.finish(JobState.ROLLED_BACK, JobResult(recovered=True))
    read_back = journal.record(dead.id)
    assert (read_back.state, read_back.steps) == (JobState.ROLLED_BACK, [DirectoryMade("/a")])


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


def test_jobs_begun_at_once_on_a_new_root_know_it_by_one_id_whoever_sweeps(journal: Journal) -> None:
    def begin() -> None:
        with journal.job(Save(), {"path": "/"}) as record:
            journal.sweep()
            record.finish(JobState.DONE, JobResult())

    with ThreadPoolExecutor(8) as pool:
        for job in [pool.submit(begin) for _ in range(24)]:
            job.result()
    assert {record.root["id"] for record in journal.records()} == {RootId(journal.folder).read()}


def test_a_half_written_id_of_the_root_is_swept(journal: Journal) -> None:
    with journal.job(Save(), {}) as record:
        record.finish(JobState.DONE, JobResult())
    names = set(os.listdir(journal.folder))
    Path(journal.folder, "root-id.BCDFGHJKLMNP~").write_text("half")
    journal.sweep()
    assert set(os.listdir(journal.folder)) == names


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


def test_jobs_that_a_disk_cannot_list_are_not_taken_for_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(str(tmp_path / "state"))
    assert journal.ids() == []

    def refuse(path: str) -> list[str]:
        raise OSError(errno.EIO, "Input/output error", path)

    monkeypatch.setattr(beneath, "listdir", refuse)
    with pytest.raises(SnapshotError, match=r"cannot read the journal: .*Input/output error"):
        journal.records()
