"""The process of a job, started as a script would start it, wherever the package lies."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from backend.engine import runner_of
from backend.engine.select import open_engine
from backend.jobs.record import JobState
from backend.operations import Check, Operation, Save, to_json
from tests.support import TOP
from tests.support.builders import World
from tests.tui.support.cutting import ended


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "root")
    world.install("hello", data={"f": "1"})
    world.write_state()
    return world


def run(
    world: World, document: object, *arguments: str, fds: tuple[int, ...] = ()
) -> "subprocess.CompletedProcess[str]":
    """Run the worker with a document on its standard input."""
    command = [
        sys.executable,
        "-m",
        "backend.engine.worker",
        f"--root={world.root}",
        "--engine=files",
        *arguments,
    ]
    return subprocess.run(
        command,
        input=json.dumps(document),
        cwd=TOP,
        check=False,
        capture_output=True,
        text=True,
        pass_fds=fds,
    )


def test_the_number_of_the_job_is_told_on_standard_output(world: World) -> None:
    done = run(world, to_json(Save()))
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")
    assert world.engine.journal.record(1).state is JobState.DONE


def test_the_number_is_told_where_it_is_wanted(world: World) -> None:
    hear, tell = os.pipe()
    done = run(world, to_json(Save()), f"--id-fd={tell}", fds=(tell,))
    os.close(tell)
    with open(hear) as number:
        assert (number.read(), done.stdout) == ("1\n", "")


def test_a_failure_has_its_exit_code_and_its_words(world: World) -> None:
    done = run(world, to_json(Check(7)))
    assert (done.returncode, done.stdout) == (1, "1\n")
    assert done.stderr == "error: no snapshot set with the given ID\n"


@pytest.mark.parametrize("document", [{}, [], 5, {"verb": "dance"}, {"verb": "save", "snaps": 5}])
def test_input_without_an_operation_makes_no_job(world: World, document: object) -> None:
    done = run(world, document)
    assert done.returncode != 0
    assert done.stderr.startswith("error: ")
    assert (done.stdout, world.engine.journal.records()) == ("", [])


START = """
import sys
from backend.engine import runner_of
from backend.engine.select import open_engine
from backend.operations import Save
print(runner_of(open_engine(sys.argv[1], "files")).start(Save()).id)
"""


@pytest.mark.parametrize("how", ["installed", "by path", "by directory"])
def test_a_script_starts_jobs_from_wherever_the_package_is(world: World, tmp_path: Path, how: str) -> None:
    """Installed, by PYTHONPATH, or where the script starts; the job itself starts in another directory."""
    checkout = tmp_path / "a checkout: of mine"
    checkout.mkdir()
    os.symlink(TOP / "backend", checkout / "backend")
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [sys.executable, *(("-S",) if how != "installed" else ()), "-c", START, str(world.root)]
    place = checkout if how == "by directory" else tmp_path
    if how == "by path":
        os.symlink(checkout, tmp_path / "linked")  # PYTHONPATH holds no colon
        environment["PYTHONPATH"] = str(tmp_path / "linked")
    done = subprocess.run(command, cwd=place, env=environment, check=False, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("1\n", "")
    assert ended(world.engine.journal, 1).state in (JobState.DONE, JobState.PARTIAL)


@pytest.mark.parametrize("operation", [Save(), Check(7)])
def test_a_runner_waits_for_the_very_job_it_started(world: World, operation: Operation) -> None:
    world.do(Save())
    runner = runner_of(open_engine(str(world.root), "files"))
    record = runner.start(operation)
    assert (record.id, record.operation) == (2, operation)
    assert ended(world.engine.journal, 2).has_ended
    for child in runner._children:
        child.wait()
