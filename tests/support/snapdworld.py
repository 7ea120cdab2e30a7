"""What tests of the snapd engine share: a running snapd with data, and operations as jobs on it."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from backend.engine.perform import perform_recorded
from backend.engine.select import open_engine
from backend.engine.snapd.engine import SnapdEngine
from backend.operations import Operation
from backend.progress import Event, Progress
from backend.results import Result
from tests.support.builders import Tree, plant
from tests.support.journals import note
from tests.support.realsnapd import Gate, RealSnapd

OLD: Tree = {"x1": {"settings": "old"}, "common": {"db": "old"}}
NEW: Tree = {"x1": {"settings": "new"}, "common": {"db": "new", "more": "1"}}


@pytest.fixture(name="hello")
def hello_there(snapd: RealSnapd) -> RealSnapd:
    """A running snapd with one snap, data of the system and of alice."""
    install(snapd, "hello", conf={"a": 1})
    if "alice" in snapd.users:  # without root there is only root
        give_data(snapd, "alice", "hello", OLD)
    return snapd.start()


def install(snapd: RealSnapd, name: str, **facts: Any) -> None:
    plant(snapd.install(name, **facts), OLD)


def give_data(snapd: RealSnapd, user: str, name: str, tree: Tree) -> None:
    """Make `tree` a user's data of a snap."""
    data = snapd.furnish_user(user, name)
    change(data, tree)
    snapd.give(data, user)


def change(data: Path, tree: Tree) -> None:
    """Make `tree` all the data below a directory."""
    for part in ("x1", "common"):
        for path in (data / part).iterdir():
            path.unlink()
    plant(data, tree)


def engine(snapd: RealSnapd) -> SnapdEngine:
    snapd_engine = open_engine(str(snapd.base))
    assert isinstance(snapd_engine, SnapdEngine)
    return snapd_engine


def do(
    snapd: RealSnapd, operation: Operation, hear: Callable[[Progress, Event], None] | None = None
) -> Result:
    """Carry an operation out as a job; `hear` gets its events."""

    def watch(progress: Progress) -> Callable[[Event], None]:
        return lambda event: hear(progress, event) if hear else None

    return perform_recorded(operation, engine(snapd), watch)


def sets(snapd: RealSnapd) -> list[int]:
    return [group.set_id for group in engine(snapd).sets()]


@contextmanager
def saving(snapd: RealSnapd) -> Iterator[Gate]:
    """A running snapd whose saves wait."""
    install(snapd, "hello")
    (snapd.data("hello") / "x1/big").write_bytes(os.urandom(1 << 20))
    with snapd.gate() as await_gzip:
        snapd.start()
        yield await_gzip


def dead_job(snapd: RealSnapd, operation: Operation, *steps: dict[str, Any]) -> int:
    """A job of ours that died after it had noted some steps."""
    here = engine(snapd)
    with here.journal.job(operation, here.root) as record:
        for step in steps:
            note(record, step)
        return record.id
