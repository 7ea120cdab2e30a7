"""Finishing a job that died, rolling it back, and repairs, as jobs of their own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from backend.engine.perform import perform_recorded
from backend.errors import BlockedError
from backend.jobs.record import JobState
from backend.operations import (
    Check,
    Finish,
    Operation,
    Repair,
    Restore,
    TakeBack,
    operation_from_json,
    to_json,
)
from backend.progress import Event, Started
from tests.support import TOP
from tests.support.builders import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "root")
    world.install("hello", data={"f": "now"})
    world.add(1, "hello", {"x1": {"f": "then"}})
    return world


def died(world: World, operation: Operation) -> int:
    with world.engine.journal.job(operation, world.engine.root) as record:
        return record.id


def live(world: World) -> str:
    return (world.data("hello") / "x1/f").read_text()


def test_rolling_back_is_a_job_with_its_step_and_outcome(world: World) -> None:
    number, events = died(world, Restore(1)), list[Event]()
    result = perform_recorded(TakeBack(number), world.engine, lambda _progress: events.append)
    assert Started("Rolling back", None) in events
    assert (result.outcome, result.again) == (
        "job 1 (restore) had been interrupted; the data are as before it",
        {},
    )
    states = [record.state for record in world.engine.journal.records()]
    assert states == [JobState.ROLLED_BACK, JobState.DONE]
    assert world.engine.journal.record(2).result.outcome == result.outcome
    assert live(world) == "now"


def test_finishing_names_what_has_to_be_done_again(world: World) -> None:
    result = world.do(Finish(died(world, Restore(1, undo_window=7200))))
    assert operation_from_json(result.again) == Restore(1, undo_window=7200)
    assert operation_from_json(world.engine.journal.record(2).result.again) == Restore(1, undo_window=7200)
    assert live(world) == "now"


def test_the_process_of_the_job_does_the_rest_as_another_job(world: World) -> None:
    number = died(world, Restore(1))
    command = [sys.executable, "-m", "backend.engine.worker", "--root", str(world.root), "--engine", "files"]
    operation = json.dumps(to_json(Finish(number)))
    done = subprocess.run(command, input=operation, cwd=TOP, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "2\n"), done.stderr
    assert [record.verb for record in world.engine.journal.records()] == ["restore", "finish", "restore"]
    assert live(world) == "then"


def test_one_job_that_died_is_ended_and_others_wait_for_their_turn(world: World) -> None:
    first, second = died(world, Check(1)), died(world, Restore(1))
    world.do(TakeBack(second))
    states = {record.id: record.state for record in world.engine.journal.records()}
    assert states[first] is JobState.INTERRUPTED
    assert states[second] is JobState.ROLLED_BACK


@pytest.mark.parametrize("ending", [Finish, TakeBack])
def test_jobs_that_have_ended_cannot_be_ended(world: World, ending: type[Finish] | type[TakeBack]) -> None:
    world.do(Check(1))
    with pytest.raises(BlockedError, match="it was not interrupted"):
        world.do(ending(1))


@pytest.mark.parametrize("operation", [Finish(7), TakeBack(7)])
def test_endings_survive_the_journal(operation: Operation) -> None:
    assert operation_from_json(json.loads(json.dumps(to_json(operation)))) == operation


def test_an_ending_that_died_itself_is_ended_by_the_next_start(world: World) -> None:
    first = died(world, Restore(1))
    second = died(world, Finish(first))
    world.do(Check(1))
    states = {record.id: record.state for record in world.engine.journal.records()}
    assert states[first] is states[second] is JobState.ROLLED_BACK
    assert live(world) == "now"


def test_a_repair_tells_what_it_removed(world: World) -> None:
    marker = world.snapshots / "9_importing"
    marker.touch()
    events: list[Event] = []
    with_progress = perform_recorded(Repair(), world.engine, lambda _progress: events.append)
    assert any(isinstance(event, Started) for event in events)
    assert isinstance(with_progress.repaired, tuple)
    assert world.engine.journal.records()[-1].verb == "repair"
