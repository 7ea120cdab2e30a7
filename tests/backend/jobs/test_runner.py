"""Jobs in processes of their own: they come to life, outlive their starter, stop when asked, are followed."""

import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import ConflictError, IntegrityError, SnapshotError
from backend.jobs.record import JobRecord, JobState
from backend.jobs.runner import LONGEST_LOG, Follower, Runner
from backend.operations import Check, Operation, Save, to_json
from backend.progress import Progress
from tests.support import TOP
from tests.support.builders import World

NONE = "/nonexistent"
PROGRAM = """
import json, os, signal, sys
from backend.engine.files import FilesEngine
from backend.errors import Cancelled, SnapshotError
from backend.progress import Started
from backend.host.layout import Layout
from backend.operations import operation_from_json
from backend.engine.perform import perform_recorded

# The job can be stopped as soon as it is in the journal, so nothing may come before there is an answer.
signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGHUP))
root, gate = sys.argv[1:]
gate = os.open(gate, os.O_RDWR)

def watch(job):
    def stop(*_):
        job.stop()
        os.write(gate, b"x")

    def hear(event):
        if isinstance(event, Started) and event.title.startswith(("Saving", "Checking")):
            os.read(gate, 1)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM, signal.SIGHUP))
    return hear

def begun(number):
    os.write(1, b"%d" % number)

engine = FilesEngine(Layout(root), root + "/var/lib/snapstow")
try:
    perform_recorded(operation_from_json(json.load(sys.stdin)), engine, watch, begun=begun)
except Cancelled:
    sys.exit(130)
except SnapshotError as failure:
    sys.exit(f"error: {failure}")
"""
STARTER = """
import json, sys
from backend.jobs.journal import Journal
from backend.operations import operation_from_json
from backend.jobs.runner import Runner

folder, document, *command = sys.argv[1:]
runner = Runner(Journal(folder), command, systemd="/nonexistent")
record = runner.start(operation_from_json(json.loads(document)))
print(record.id, flush=True)
sys.stdin.read()
"""
EVENTS = st.lists(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=3))


class Jobs:
    """A world whose jobs wait at a gate when they have begun."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder / "world")
        for snap in ("hello", "other"):
            self.world.install(snap, data={"f": "1"})
        gate = str(folder / "gate")
        os.mkfifo(gate)
        self._gate = os.open(gate, os.O_RDWR)
        self.command = [sys.executable, "-c", PROGRAM, str(self.world.root), gate]
        self.journal = self.world.engine.journal
        self.runner = Runner(self.journal, self.command, systemd=NONE)

    def start(self, operation: Operation) -> JobRecord:
        """Start a job; it waits at the gate."""
        return self.runner.start(operation)

    def let_go(self, count: int = 1) -> None:
        """Let so many jobs go on."""
        os.write(self._gate, b"x" * count)

    def ended(self, record: JobRecord) -> JobRecord:
        """The job once its process has let go of it."""
        with open(os.path.join(record.folder, "alive")) as alive:
            fcntl.flock(alive, fcntl.LOCK_SH)
        return self.journal.record(record.id)

    def close(self) -> None:
        for child in self.runner._children:
            child.kill()
            child.wait()
        os.close(self._gate)


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Jobs]:
    monkeypatch.setenv("PYTHONPATH", str(TOP))
    jobs = Jobs(tmp_path)
    yield jobs
    jobs.close()


def test_a_job_lives_in_a_session_of_its_own_and_does_what_was_asked(jobs: Jobs) -> None:
    record = jobs.start(Save(("hello",)))
    assert record.state is JobState.RUNNING
    assert record.operation == Save(("hello",))
    assert os.getsid(record.pid) == record.pid
    assert not [name for name in os.listdir(jobs.journal.folder) if name.startswith("start-")]
    jobs.let_go()
    ended = jobs.ended(record)
    assert (ended.state, ended.result.snaps) == (JobState.DONE, ("hello",))
    assert [group.set_id for group in jobs.world.engine.sets()] == [ended.result.set_id]


def test_a_hang_up_does_not_end_it(jobs: Jobs) -> None:
    record = jobs.start(Save(("hello",)))
    os.kill(record.pid, signal.SIGHUP)
    jobs.let_go()
    assert jobs.ended(record).state is JobState.DONE


def test_job_outlives_the_process_that_started_it(jobs: Jobs) -> None:
    arguments = [jobs.journal.folder, json.dumps(to_json(Save(("hello",)))), *jobs.command]
    with subprocess.Popen(
        [sys.executable, "-c", STARTER, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as starter:
        assert starter.stdout is not None
        number = int(starter.stdout.readline())
        os.killpg(starter.pid, signal.SIGKILL)
    record = jobs.journal.record(number)
    assert record.state is JobState.RUNNING
    jobs.let_go()
    assert jobs.ended(record).state is JobState.DONE


def test_a_stop_is_followed_and_everything_undone(jobs: Jobs) -> None:
    record = jobs.start(Save())
    jobs.runner.stop(record)
    assert jobs.ended(record).state is JobState.CANCELLED
    assert jobs.world.names() == []
    with pytest.raises(ConflictError, match=f"job {record.id} is not running: it is cancelled"):
        jobs.runner.stop(record)


@pytest.mark.parametrize("pid", [None, 0, 1, -1, 1.5, True, "12", 10**15])
def test_damaged_pid_never_becomes_a_signal(jobs: Jobs, monkeypatch: pytest.MonkeyPatch, pid: object) -> None:
    record = jobs.start(Save())
    header = Path(record.folder) / "operation.json"
    sound = header.read_text()
    header.write_text(json.dumps(json.loads(sound) | {"pid": pid}))
    signals: list[tuple[int, int]] = []
    with monkeypatch.context() as patch:
        patch.setattr(os, "kill", lambda number, signal_number: signals.append((number, signal_number)))
        with pytest.raises(IntegrityError, match="its journal does not tell its process"):
            jobs.runner.stop(record)
    assert signals == []
    header.write_text(sound)
    jobs.let_go()
    assert jobs.ended(record).state is JobState.DONE


def test_a_killed_one_is_interrupted_until_it_is_tidied(jobs: Jobs) -> None:
    record = jobs.start(Save())
    os.kill(record.pid, signal.SIGKILL)
    assert jobs.ended(record).state is JobState.INTERRUPTED
    assert jobs.world.engine.tidy(Progress())
    assert jobs.journal.record(record.id).state is JobState.ROLLED_BACK
    assert jobs.world.names() == []


def test_two_jobs_run_at_once(jobs: Jobs) -> None:
    records = [jobs.start(Save((snap,))) for snap in ("hello", "other")]
    assert [jobs.journal.record(record.id).state for record in records] == [JobState.RUNNING] * 2
    jobs.let_go(2)
    ended = [jobs.ended(record) for record in records]
    assert [record.state for record in ended] == [JobState.DONE] * 2
    assert len({record.result.set_id for record in ended}) == 2


def test_a_refused_job_says_so_in_its_journal(jobs: Jobs) -> None:
    record = jobs.ended(jobs.start(Check(7)))
    assert record.state is JobState.REFUSED
    assert "no snapshot set" in record.result.error


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("import sys; sys.exit('a warning\\nerror: there is no such root')", "there is no such root"),
        ("import sys; sys.exit(3)", "it gave no reason"),
    ],
)
def test_a_command_that_fails_at_once_is_told_with_its_words(jobs: Jobs, program: str, reason: str) -> None:
    runner = Runner(jobs.journal, [sys.executable, "-c", program], systemd=NONE)
    with pytest.raises(SnapshotError, match=f"^cannot start save: {reason}$"):
        runner.start(Save())
    assert not [name for name in os.listdir(jobs.journal.folder) if name.startswith("start-")]


def test_several_follow_one_job_from_its_beginning(jobs: Jobs) -> None:
    record = jobs.start(Save(("hello",)))
    first = Follower(record)
    before = list(first.news())
    jobs.let_go()
    jobs.ended(record)
    events = [*before, *first.news()]
    assert [event["event"] for event in events].count("started") >= 1
    assert list(Follower(record).news()) == events
    assert list(first.news()) == []


def follower(folder: str) -> Follower:
    return Follower(JobRecord(1, folder, {}, {}, JobState.RUNNING))


def test_nothing_is_told_before_there_is_a_log(tmp_path: Path) -> None:
    assert list(follower(str(tmp_path)).news()) == []


def test_a_log_without_an_end_is_not_read_for_ever(tmp_path: Path) -> None:
    with open(tmp_path / "events.jsonl", "wb") as log:
        log.write(b'{"event":"noted"}\n')
        log.truncate(1 << 40)
    reader = follower(str(tmp_path))
    assert list(reader.news()) == [{"event": "noted"}]
    for _ in range(5):
        assert list(reader.news()) == []
    assert len(reader._rest) < LONGEST_LOG


@given(events=EVENTS, data=st.data())
def test_torn_lines_are_told_once_they_are_whole(
    events: list[dict[str, object]], data: st.DataObject
) -> None:
    raw = b"".join(json.dumps(event).encode() + b"\n" for event in events)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=6)))
    with TemporaryDirectory() as folder:
        reader, events_read = follower(folder), []
        with open(os.path.join(folder, "events.jsonl"), "wb", buffering=0) as log:
            for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True):
                log.write(raw[start:end])
                events_read += list(reader.news())
    assert events_read == events


@given(raw=st.binary(max_size=200))
def test_lines_that_are_no_event_are_passed_over(raw: bytes) -> None:
    with TemporaryDirectory() as folder:
        with open(os.path.join(folder, "events.jsonl"), "wb") as log:
            log.write(raw + b'\n{"event":"noted"}\n')
        assert list(follower(folder).news())[-1] == {"event": "noted"}
