"""Jobs that run, ended or were interrupted, and their screen."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from backend.jobs import JobState
from backend.jobs.open_record import OpenRecord
from backend.jobs.result import parse_result
from backend.operations import Operation
from tests.support import TOP
from tests.support.builders import World
from tests.support.journals import note
from tests.tui.support.patient import Patient
from tui.screens.jobs.screen import JobsScreen


def make_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("PYTHONPATH", str(TOP))
    world = World(tmp_path / "world")
    world.install("hello", data={"f": "now"})
    world.add(1, "hello", {"x1": {"f": "then"}})
    return world


@contextmanager
def running(world: World, operation: Operation, *events: Mapping[str, Any]) -> Iterator[OpenRecord]:
    """A job of this very process, which has told some events."""
    engine = world.engine
    with engine.journal.job(operation, engine.root) as record:
        for event in events:
            record.tell(event)
        yield record


def ended(world: World, operation: Operation, state: JobState, **result: Any) -> None:
    with running(world, operation) as record:
        record.finish(state, parse_result(result))


async def opens(user: Patient) -> Patient:
    await user.presses("J")
    assert isinstance(user.app.screen, JobsScreen)
    return user


def interrupted(world: World, operation: Operation, *steps: Mapping[str, Any]) -> None:
    """A job whose process died after these steps."""
    with running(world, operation) as record:
        for step in steps:
            note(record, step)
