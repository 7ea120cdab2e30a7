"""The verbs about jobs: started without waiting, followed again, ended after an interruption."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.jobs import JobState
from backend.jobs.other_users import ForeignJournal
from backend.jobs.result import JobResult
from backend.model import User
from backend.operations import Check, Export, Finish, Operation, Restore, Save, to_json
from tests.support import TOP
from tests.support.builders import World, plant
from tests.tui.support.driver import Snapstow
from tui.session.job_progress import time_of

ME = os.geteuid()


@pytest.fixture
def snapstow(tmp_path: Path) -> Snapstow:
    world = World(tmp_path / "root")
    world.install("hello", data={"f": "now"})
    world.add(1, "hello", {"x1": {"f": "then"}})
    return Snapstow(world)


def died(world: World, operation: Operation) -> None:
    with world.engine.journal.job(operation, world.engine.root):
        pass


def live(world: World) -> str:
    return (world.data("hello") / "x1/f").read_text()


# -- ended as chosen


def test_jobs_tells_both_ways_out(snapstow: Snapstow) -> None:
    died(snapstow.world, Restore(1))
    done = snapstow("jobs")
    assert re.search(r"^1 .* interrupted +restore 1 +its process is gone$", done.out, re.MULTILINE)
    root = snapstow.world.root
    assert done.err.splitlines() == [
        f"snapstow --root {root} finish 1: It had replaced nothing yet; "
        "then the same restore starts from its beginning, as a new job.",
        f"snapstow --root {root} takeback 1: It had replaced nothing yet; that is all.",
        "The next change here ends what was interrupted safely, unless you choose.",
    ]


def test_finish_does_it_again_with_the_words_of_the_verb(snapstow: Snapstow) -> None:
    died(snapstow.world, Restore(1, undo_window=7200))
    done = snapstow("finish", "1")
    assert (done.code, done.out) == (0, "Restored snapshot #1.\n")
    first, second, *_ = done.err.splitlines()
    assert first == "job 1 (restore) had been interrupted; the data are as before it."
    assert second == f"Now: snapstow --root {snapstow.world.root} restore 1 --undo-window=7200s"
    assert live(snapstow.world) == "then"
    states = [(record.id, record.state) for record in snapstow.world.engine.journal.records()]
    assert states == [(1, JobState.ROLLED_BACK), (2, JobState.DONE), (3, JobState.DONE)]
    (finishing,) = [record for record in snapstow.world.engine.journal.records() if record.id == 2]
    assert finishing.operation == Finish(1)
    assert finishing.result.outcome == "job 1 (restore) had been interrupted; the data are as before it"


def test_takeback_leaves_the_data(snapstow: Snapstow) -> None:
    died(snapstow.world, Restore(1))
    done = snapstow("--json", "takeback", "1")
    assert (done.code, done.lines[-1]["event"], done.lines[-1]["job"]) == (0, "ended", 1)
    assert {"event": "started", "title": "Rolling back", "total": None} in done.lines
    assert live(snapstow.world) == "now"


def test_finish_for_programs(snapstow: Snapstow) -> None:
    died(snapstow.world, Check(1))
    done = snapstow("--json", "finish", "1")
    (ended,) = [line for line in done.lines if line["event"] == "ended"]
    assert [ended["job"], done.lines[-1]["event"], done.code] == [1, "result", 0]


def test_the_exit_code_is_that_of_what_was_done_again(snapstow: Snapstow) -> None:
    died(snapstow.world, Export(9, "/no/such/place"))
    assert snapstow("finish", "1").code == 1


@pytest.mark.parametrize("verb", ["finish", "takeback"])
def test_finished_jobs_cannot_be_ended(snapstow: Snapstow, verb: str) -> None:
    snapstow("check-snapshot", "1")
    done = snapstow(verb, "1")
    assert (done.code, done.out) == (5, "")
    assert done.err.endswith("job 1: it was not interrupted: it is done\n")
    assert snapstow(verb, "7").err == "error: no job 7\n"
    odd = snapstow(verb, "x\x1b")
    assert odd.code == 2
    assert 'invalid job "x\\x1b": expected the number of a job' in odd.err


# -- without waiting


@pytest.fixture
def started(snapstow: Snapstow, monkeypatch: pytest.MonkeyPatch) -> Snapstow:
    monkeypatch.setenv("PYTHONPATH", str(TOP))
    return snapstow


@pytest.mark.parametrize(
    "arguments",
    [
        ["save"],
        ["check-snapshot", "1"],
        ["restore", "1"],
        ["export-snapshot", "1", "FILE"],
        ["forget", "1"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_verb_that_is_not_waited_for(started: Snapstow, arguments: list[str]) -> None:
    arguments = [word.replace("FILE", str(started.world.root.parent / "file")) for word in arguments]
    done = started.process(*arguments, "--no-wait")
    assert (done.returncode, done.stdout) == (0, b"1\n")
    assert done.stderr.decode() == f"Follow it with: snapstow --root {started.world.root} attach 1\n"
    assert started("attach", "1").code == 0
    (record,) = started.world.engine.journal.records()
    assert (record.state, record.verb) == (JobState.DONE, arguments[0])


def test_an_undo_and_an_import_that_are_not_waited_for(started: Snapstow) -> None:
    file = str(started.world.root.parent / "file")
    started("export-snapshot", "1", file)
    started("restore", "1")
    done = started.process("--json", "undo", "--no-wait")
    assert json.loads(done.stdout) == {"job": 3}
    assert done.stderr == b""
    assert started("attach", "3").code == 0
    assert live(started.world) == "now"
    started("forget", "1")
    assert started.process("import-snapshot", file, "--no-wait").stdout == b"5\n"
    assert started("attach", "5").code == 0
    assert len(started.world.engine.sets()) == 1


def test_finishing_without_waiting(started: Snapstow) -> None:
    died(started.world, Restore(1))
    done = started.process("finish", "1", "--no-wait")
    assert done.stdout == b"3\n"
    assert started("attach", "3").code == 0
    assert live(started.world) == "then"


def test_a_stream_has_to_be_waited_for(snapstow: Snapstow) -> None:
    for arguments in (["export-snapshot", "1", "-"], ["import-snapshot", "-"]):
        done = snapstow.process(*arguments, "--no-wait", input=b"")
        assert done.returncode == 5
        assert b"with --no-wait: the job has no such stream" in done.stderr
    assert snapstow.world.engine.journal.records() == []


def test_the_end_of_the_login_is_warned_of(
    snapstow: Snapstow, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Started:
        id = 4

    class Starter:
        def start(self, _operation: Operation) -> Started:
            return Started()

    monkeypatch.setattr("tui.cli.run_operation.runner_of", lambda _engine: Starter())
    monkeypatch.setattr("tui.cli.run_operation.logout_warning", lambda: "logging out ends the job")
    done = snapstow("save", "--no-wait")
    assert (done.out, done.err.splitlines()[-1]) == ("4\n", "Warning: logging out ends the job")
    assert snapstow("--json", "save", "--no-wait").document["warning"] == "logging out ends the job"


# -- followed again


def test_attach_says_to_what_and_tells_each_note_once(
    snapstow: Snapstow, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = snapstow.world
    with world.engine.journal.job(Restore(1), world.engine.root) as record:
        for _ in range(2):
            record.tell({"event": "noted", "text": "so far"})
        monkeypatch.setattr(
            "tui.cli.commands.jobs.time.sleep",
            lambda _seconds: record.finish(JobState.DONE, JobResult(exit=0)),
        )
        done = snapstow("attach", "1")
    assert done.code == 0
    greeting, *notes = done.err.splitlines()
    assert re.fullmatch(r"re-attached to restore #1, started \d\d:\d\d by \S+ \(job 1\)", greeting)
    assert notes == ["so far"]
    assert "re-attached" not in snapstow("attach", "1").err, "it has ended: there is nothing to attach to"


def test_attach_tells_why_nothing_moves(snapstow: Snapstow, monkeypatch: pytest.MonkeyPatch) -> None:
    world = snapstow.world
    polls: Iterator[int] = iter(range(100))
    monkeypatch.setattr(
        "tui.cli.commands.jobs.StallDetector.reason",
        lambda *_all: "waiting for job 7 (save) to end" if next(polls) > 2 else "",
    )
    for flags in ([], ["--json"]):
        with world.engine.journal.job(Save(), world.engine.root) as record:

            def wait(_seconds: float, record: Any = record) -> None:
                if next(polls) > 10:
                    record.finish(JobState.DONE)

            monkeypatch.setattr("tui.cli.commands.jobs.time.sleep", wait)
            done = snapstow(*flags, "attach", str(record.id))
        output = done.out if flags else done.err
        assert output.count("waiting for job 7 (save) to end") == 1


@pytest.mark.parametrize("at", [None, "x", -1, float("nan"), float("inf"), 1e300, True])
def test_times_that_are_none(at: object) -> None:
    assert time_of({"at": at}) is None or at is True
    assert time_of({"at": 5.5}) == 5.5


# -- other users'


@pytest.fixture
def theirs(snapstow: Snapstow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a running-to-be job of alice's, which this engine is told of."""
    home = tmp_path / "alice"
    folder = home / "state/jobs/3"
    header = {"operation": to_json(Check(1)), "started": 1000.0, "pid": 1, "uid": 0}
    verdict = {"error": "no [luck]\x1b", "state": "failed"}
    plant(
        folder,
        {
            "operation.json": json.dumps(header),
            "alive": "",
            "result.json": json.dumps(verdict),
            "events.jsonl": '{"event":"noted","text":"[/red]\\u001b hers"}\n',
        },
    )
    journal = ForeignJournal(User("alice", ME, ME, str(home)), "state")
    monkeypatch.setattr("backend.engine.files.FilesEngine.others", lambda _engine: [journal])
    return folder


def test_jobs_of_other_users_are_listed(snapstow: Snapstow, theirs: Path) -> None:
    done = snapstow("jobs")
    row = done.out.splitlines()[-1]
    assert re.fullmatch(r"alice/3 .* failed +check-snapshot 1 +by alice, no \[luck\]\\x1b", row)
    (document,) = snapstow("--json", "jobs").document
    assert (document["job"], document["owner"], document["uid"], document["pid"]) == (3, "alice", ME, 0)


def test_jobs_of_others_can_be_followed_and_nothing_else(snapstow: Snapstow, theirs: Path) -> None:
    done = snapstow("attach", "alice/3")
    assert (done.code, done.out) == (1, "Job alice/3 failed: no [luck]\\x1b\n")
    assert done.err == "[/red]\\x1b hers\n"
    stopped = snapstow("stop", "alice/3")
    assert stopped.code == 77
    assert "it is alice's; alice can, with: snapstow stop 3" in stopped.err
    (theirs / "result.json").unlink()
    for verb in ("finish", "takeback"):
        refused = snapstow(verb, "alice/3")
        assert (refused.code, refused.err) == (
            77,
            "error: cannot end job alice/3: only its owner, alice, can\n",
        )
    assert snapstow("attach", "bob/3").err.startswith("error: no job bob/3")
    assert snapstow("attach", "alice/4").err == "error: no job alice/4\n"
