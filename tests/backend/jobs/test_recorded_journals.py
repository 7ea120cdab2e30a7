"""Journals that the version before wrote, of jobs that were killed and of jobs that were done.

They are read, shown, and brought to the end that the version before would have given them.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from backend.engine.files import FilesEngine
from backend.engine.perform import perform_recorded
from backend.host.layout import Layout
from backend.jobs.record import JobState
from backend.operations import Undo, UnknownOperation
from backend.progress import Progress
from backend.steps import parse_step
from tests.golden import journals
from tests.support.builders import World, tree_of
from tests.support.clocks import FakeClock
from tests.support.journals import replay

RECORDINGS = sorted(path.parent.name for path in journals.HERE.glob("*/tree.tar.gz"))
OLD = {"x1": {"a": "old"}, "common": {"b": "old"}}
NEW = {"x1": {"a": "new"}, "common": {"b": "new"}}
ROLLED_BACK, DONE = JobState.ROLLED_BACK, JobState.DONE


class Replayed:
    """A recording put down at another place, at the time when it was made."""

    def __init__(self, name: str, folder: Path) -> None:
        self.root = folder / "root"
        replay(journals.HERE / name, self.root)
        self.world = World.__new__(World)
        self.world.root, self.world.snapshots = self.root, self.root / "var/lib/snapd/snapshots"
        header = json.loads(next(self.root.glob("var/lib/snapstow/jobs/1/operation.json")).read_text())
        self.clock = FakeClock(header["started"] + 60)
        self.engine = FilesEngine(Layout(str(self.root)), f"{self.root}/var/lib/snapstow", self.clock)

    @property
    def data(self) -> object:
        return tree_of(self.world.data("foo"))

    @property
    def sets(self) -> list[int]:
        return [group.set_id for group in self.engine.sets()]

    def undo(self) -> None:
        perform_recorded(Undo(), self.engine, lambda _progress: lambda _event: None)


@pytest.mark.parametrize("name", RECORDINGS)
def test_every_document_is_understood(name: str, tmp_path: Path) -> None:
    replayed = Replayed(name, tmp_path)
    for record in replayed.engine.journal.records():
        assert not isinstance(record.operation, UnknownOperation)
        assert record.is_ours(replayed.engine.root)
        assert record.steps
        assert record.result.ended or record.state is JobState.INTERRUPTED


@pytest.mark.parametrize("name", RECORDINGS)
def test_recorded_documents_are_written_again_as_they_were(name: str) -> None:
    """So that the version before can read what this one writes."""
    for path in (journals.HERE / name).glob("jobs/*/steps.jsonl"):
        steps = [_numbered(json.loads(line)) for line in path.read_text().splitlines()]
        assert [parse_step(step).to_json() for step in steps] == steps


def _numbered(value: Any) -> Any:
    """The same with numbers where a recording has words instead."""
    if isinstance(value, dict):
        return {key: _numbered(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_numbered(member) for member in value]
    is_number = isinstance(value, str) and value.startswith(("@inode ", "@device@"))
    return len(value) if is_number else value


@pytest.mark.parametrize(
    ("name", "state", "data"),
    [
        ("restore-unpacking", ROLLED_BACK, OLD),
        ("restore-committed", DONE, NEW),
        ("restore-beside", ROLLED_BACK, OLD),
        ("extract-moving", ROLLED_BACK, OLD),
        ("undo-moving", ROLLED_BACK, NEW),
    ],
)
def test_a_dead_change_of_data_is_recovered(name: str, state: JobState, data: object, tmp_path: Path) -> None:
    replayed = Replayed(name, tmp_path)
    assert len(replayed.engine.tidy(Progress())) == 1
    record = replayed.engine.journal.records()[-1]
    assert (record.state, record.result.recovered, replayed.data) == (state, True, data)
    assert replayed.engine.tidy(Progress()) == []
    assert not list(replayed.root.rglob("landing"))
    assert not (replayed.root / "beside").exists()


@pytest.mark.parametrize(
    ("name", "state", "sets"),
    [
        ("save-writing", ROLLED_BACK, [5]),
        ("save-publishing", ROLLED_BACK, [5]),
        ("save-published", DONE, [5, 6]),
        ("forget-half", DONE, []),
        ("import-staging", ROLLED_BACK, []),
        ("import-publishing", ROLLED_BACK, []),
    ],
)
def test_a_dead_change_of_sets_is_recovered(
    name: str, state: JobState, sets: list[int], tmp_path: Path
) -> None:
    replayed = Replayed(name, tmp_path)
    assert len(replayed.engine.tidy(Progress())) == 1
    assert (replayed.engine.journal.records()[-1].state, replayed.sets) == (state, sets)
    assert len(replayed.world.names()) == 2 * len(sets)
    assert replayed.engine.findings() == []


@pytest.mark.parametrize(
    ("name", "state", "left"),
    [
        ("export-writing", ROLLED_BACK, []),
        ("export-in-place", DONE, ["out.snapshot", "out.snapshot.sha256"]),
    ],
)
def test_a_dead_export_is_recovered(name: str, state: JobState, left: list[str], tmp_path: Path) -> None:
    replayed = Replayed(name, tmp_path)
    replayed.engine.tidy(Progress())
    assert replayed.engine.journal.records()[-1].state is state
    assert sorted(path.name for path in replayed.root.glob("out.*")) == left


def test_a_dead_restore_that_tells_nothing_of_its_data_waits(tmp_path: Path) -> None:
    """Whether they were changed since cannot be told."""
    replayed = Replayed("restore-moving", tmp_path)
    (sentence,) = replayed.engine.tidy(Progress())
    assert "finish 1 completes it, takeback 1 rolls it back" in sentence
    assert replayed.engine.journal.record(1).state is JobState.INTERRUPTED
    replayed.engine.resolve(1, finish=False)
    assert (replayed.engine.journal.record(1).state, replayed.data) == (ROLLED_BACK, OLD)
    replayed.engine.undo(Undo(1), Progress(name="2"))
    assert replayed.data == NEW


def test_a_restore_is_undone(tmp_path: Path) -> None:
    replayed = Replayed("restore-done", tmp_path)
    (offer,) = replayed.engine.undo_offers()
    assert (offer.job, offer.set_id, offer.snaps, replayed.data) == (1, 5, ("bar", "foo"), NEW)
    replayed.undo()
    assert replayed.data == OLD
    assert replayed.engine.journal.record(1).result.undone == 2


def test_a_restore_that_was_recovered_is_undone(tmp_path: Path) -> None:
    replayed = Replayed("restore-committed", tmp_path)
    replayed.undo()
    assert replayed.data == OLD


def test_an_undo_is_undone(tmp_path: Path) -> None:
    replayed = Replayed("undo-done", tmp_path)
    assert replayed.data == OLD
    (offer,) = replayed.engine.undo_offers()
    assert offer.job == 2
    replayed.engine.undo(Undo(2), Progress(name="3"))
    assert replayed.data == NEW


def test_an_undo_expires(tmp_path: Path) -> None:
    replayed = Replayed("restore-done", tmp_path)
    assert replayed.engine.tidy(Progress()) == []
    replayed.clock.run(24 * 3600)
    assert replayed.engine.tidy(Progress()) == ["the undo of job 1 expired; what it kept was removed"]
    assert (replayed.data, replayed.engine.journal.record(1).result.expired) == (NEW, True)
