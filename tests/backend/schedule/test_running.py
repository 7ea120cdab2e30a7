"""Runs of schedules: every step a job, whatever became of the one before; kept, stopped, one at a time."""

import errno
import os
from pathlib import Path

import pytest

from backend.engine.files import FilesEngine
from backend.errors import ConflictError
from backend.fs import files
from backend.jobs.record import JobState
from backend.operations import Check, Save
from backend.progress import Event, Started
from backend.schedule import History, RunRecord, Step, StepState, StopWish
from tests.support.builders import World
from tests.support.schedules import FAILS, HARMLESS, SAVES, Heard, Mailbox, run, schedule

DONE, FAILED, NOT_RUN = StepState.DONE.value, StepState.FAILED.value, StepState.NOT_RUN.value


@pytest.fixture
def engine(tmp_path: Path) -> FilesEngine:
    world = World(tmp_path / "root")
    world.install("hello", data={"f": "now"})
    return world.engine


def states(record: RunRecord) -> list[str]:
    return [step.state for step in record.steps]


def test_each_step_is_a_job_in_the_order_of_the_steps(engine: FilesEngine) -> None:
    heard = Heard()
    record = run(engine, schedule(("save", SAVES), ("check-snapshot --all", Check())), heard)
    assert (record.exit, states(record), record.troubles) == (0, [DONE, DONE], ())
    assert heard.began == ["save", "check-snapshot --all"]
    assert [step.job for step in record.steps] == [1, 2]
    assert [job.verb for job in engine.journal.records()] == ["save", "check-snapshot"]
    assert [end.sentence for end in heard.ends] == [
        "1. save: done: set #1 of hello (job 1)",
        "2. check-snapshot --all: done: 1 archive checked (job 2)",
    ]


def test_a_step_that_fails_stops_only_what_would_remove_something(engine: FilesEngine) -> None:
    plan = schedule(("save", FAILS), ("check-snapshot --all", Check()), ("prune", HARMLESS), ("save", SAVES))
    record = run(engine, plan)
    assert states(record) == [FAILED, DONE, NOT_RUN, DONE]
    assert record.steps[0].text == 'snap "ghost" is not installed'
    assert record.steps[2].text == "nothing is removed, as step 1 (save) failed"
    assert record.exit == 3
    assert [job.state for job in engine.journal.records()] == [JobState.REFUSED, JobState.DONE, JobState.DONE]


@pytest.mark.parametrize(
    ("operations", "code"),
    [
        ([SAVES], 0),
        ([SAVES, FAILS], 3),
        ([FAILS, SAVES], 3),
        ([FAILS], 1),
        ([FAILS, FAILS], 1),
    ],
)
def test_the_exit_code_says_whether_all_or_some_or_nothing_was_done(
    engine: FilesEngine, operations: list[Save], code: int
) -> None:
    assert run(engine, schedule(*(("save", operation) for operation in operations))).exit == code


def test_the_last_run_is_kept_with_the_last_that_succeeded(engine: FilesEngine) -> None:
    history = History(engine.state_dir)
    assert history.last("nightly") is None
    good = run(engine, schedule(("save", SAVES)))
    assert history.last("nightly") == good
    assert 0 < good.started <= good.ended == good.succeeded
    bad = run(engine, schedule(("save", FAILS)))
    assert history.last("nightly") == bad
    assert bad.succeeded == good.succeeded < bad.started
    assert [record.name for record in history.all()] == ["nightly"]


def test_a_run_under_way_is_known_and_no_other_begins(engine: FilesEngine) -> None:
    history = History(engine.state_dir)
    met: list[RunRecord | None] = []

    def meet(step: Step, event: Event | None) -> None:
        if event is None:
            assert history.is_running("nightly")
            met.append(history.last("nightly"))
            with pytest.raises(ConflictError, match="schedule nightly is running already"):
                run(engine, schedule(("save", SAVES)))
            assert run(engine, schedule(("save", SAVES), name="other")).exit == 0

    record = run(engine, schedule(("save", SAVES), ("save", SAVES)), Heard(meet))
    assert record.exit == 0
    assert [(about.ended, len(about.steps)) for about in met if about] == [(0.0, 0), (0.0, 1)]
    assert not history.is_running("nightly")


# -- stopped


def test_a_stop_ends_the_step_that_runs_and_begins_none_after_it(engine: FilesEngine) -> None:
    wish = StopWish()

    def meet(step: Step, event: Event | None) -> None:
        if isinstance(event, Started) and step.number == 2:
            wish.ask()

    plan = schedule(("save", SAVES), ("save", SAVES), ("check-snapshot --all", Check()), ("prune", HARMLESS))
    record = run(engine, plan, Heard(meet), wish)
    assert states(record) == [DONE, StepState.STOPPED.value, NOT_RUN, NOT_RUN]
    assert {step.text for step in record.steps[2:]} == {"the run was stopped before"}
    assert (record.exit, record.succeeded) == (130, 0.0)
    assert [group.set_id for group in engine.sets()] == [1]
    assert engine.journal.records()[-1].state is JobState.CANCELLED


def test_a_stop_before_the_first_step_begins_none(engine: FilesEngine) -> None:
    wish = StopWish()
    wish.ask()
    record = run(engine, schedule(("save", SAVES)), None, wish)
    assert (record.exit, states(record), engine.sets()) == (130, [NOT_RUN], [])


def test_a_stop_that_comes_too_late_for_the_last_step_undoes_nothing(engine: FilesEngine) -> None:
    wish = StopWish()
    heard = Heard()
    heard.ended = lambda end: wish.ask()  # type: ignore[method-assign] # the last moment of a run
    assert run(engine, schedule(("save", SAVES)), heard, wish).exit == 0


def test_a_run_that_was_stopped_is_told_in_a_notice(engine: FilesEngine) -> None:
    wish = StopWish()
    wish.ask()
    with Mailbox() as mailbox:
        run(engine, schedule(("save", SAVES), notify=(f"json://127.0.0.1:{mailbox.port}/",)), None, wish)
    (letter,) = mailbox.letters
    assert b"schedule nightly stopped" in letter


# -- what fails besides


def test_a_disk_that_takes_no_record_stops_no_notice(
    engine: FilesEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_whole = files.write_whole

    def full(path: str, data: bytes, mode: int = 0o600) -> None:
        if "/schedules/" in path:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write_whole(path, data, mode)

    monkeypatch.setattr(files, "write_whole", full)
    with Mailbox() as mailbox:
        record = run(engine, schedule(("save", SAVES), notify=(f"json://127.0.0.1:{mailbox.port}/",)))
    assert record.exit == 3
    assert record.troubles == ("the record of the run cannot be kept: No space left on device",)
    assert states(record) == [DONE]
    (letter,) = mailbox.letters
    assert b"No space left on device" in letter


def test_a_state_folder_that_cannot_be_written_fails_every_step_and_says_so(
    engine: FilesEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "root/var/lib/snapstow").parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "root/var/lib/snapstow").write_text("in the way")
    with Mailbox() as mailbox:
        record = run(engine, schedule(("save", SAVES), notify=(f"json://127.0.0.1:{mailbox.port}/",)))
    assert (record.exit, states(record)) == (1, [FAILED])
    assert "cannot be written down" in record.troubles[0]
    (letter,) = mailbox.letters
    assert b"is not a directory" in letter


def test_a_bug_in_the_metrics_keeps_no_notice_from_being_sent(
    engine: FilesEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: object) -> None:
        raise ZeroDivisionError("json://user:secret@host")

    monkeypatch.setattr("backend.schedule.running.write_metrics", broken)
    with Mailbox() as mailbox:
        record = run(engine, schedule(("save", SAVES), notify=(f"json://127.0.0.1:{mailbox.port}/",)))
    assert (record.exit, record.troubles) == (3, ("a bug in snapstow: ZeroDivisionError",))
    assert len(mailbox.letters) == 1
    assert b"secret" not in mailbox.letters[0]


def test_a_bug_in_a_step_fails_that_step_and_no_other(
    engine: FilesEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(engine, "save", broken)
    record = run(engine, schedule(("save", SAVES), ("check-snapshot --all", Check())))
    assert states(record) == [FAILED, DONE]
    assert "a bug in snapstow" in record.steps[0].text
