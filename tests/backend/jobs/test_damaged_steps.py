"""Jobs whose journal is damaged: they are left as they are, told and kept."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backend.fs import files
from backend.jobs.open_record import OpenRecord
from backend.jobs.record import JobState
from backend.operations import Check, Operation, Restore, Save
from backend.progress import Progress
from tests.support.builders import World, plant, tree_of


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "root")
    world.install("hello")
    plant(world.data("hello"), {"x1": {"a": "new"}, "common": {"b": "new", "c": "1"}})
    world.snapshots.mkdir(parents=True)
    return world


@contextmanager
def dying(world: World, operation: Operation) -> Iterator[OpenRecord]:
    """A job whose process ends without a word when the block is left."""
    engine = world.engine
    with engine.journal.job(operation, engine.root) as record:
        yield record


def tidy(world: World) -> list[str]:
    return world.engine.tidy(Progress())


def kinds(world: World) -> list[tuple[str, str]]:
    return [(finding.kind, os.path.basename(finding.path)) for finding in world.engine.findings()]


class TestDamagedLines:
    """A line of the steps that is no step may be the one that tells where the old data lie."""

    @pytest.mark.parametrize("line", [b"\0garbage", b"[1]", b"null", b'"x"', b"{"])
    def test_damaged_line_in_the_middle_leaves_job_and_data_as_they_are(
        self, world: World, line: bytes
    ) -> None:
        world.add(1, "hello", {"x1": {"new": "1"}, "common": {}})
        world.do(Restore(1))
        folder = world.root / "var/lib/snapstow/jobs/1"
        (folder / "result.json").unlink()
        steps = (folder / "steps.jsonl").read_bytes().splitlines()
        damaged = [line if b'"moves"' in step else step for step in steps if b"committed" not in step]
        (folder / "steps.jsonl").write_bytes(b"\n".join(damaged) + b"\n")
        before = tree_of(world.root / "var/snap", holder=True)
        (sentence,) = tidy(world)
        assert sentence.startswith("job 1 (restore) was left as it is: cannot understand what job 1 did")
        assert tree_of(world.root / "var/snap", holder=True) == before
        assert ("damaged", "1") in kinds(world)

    def test_torn_last_line_was_never_taken(self, world: World) -> None:
        with dying(world, Save()):
            pass
        folder = world.root / "var/lib/snapstow/jobs/1"
        (folder / "steps.jsonl").write_bytes(b'{"temporary": "/some')
        assert tidy(world) == ["job 1 (save) had been interrupted; nothing of it is left"]
        assert (folder / "steps.jsonl").read_bytes() == b""

    def test_impossible_window_stops_no_other_job(self, world: World) -> None:
        world.add(1, "hello", {"x1": {"new": "1"}, "common": {}})
        world.do(Restore(1))
        folder = world.root / "var/lib/snapstow/jobs/1"
        (folder / "result.json").unlink()
        header = json.loads((folder / "operation.json").read_text())
        header["operation"]["undo_window"] = 10**400
        (folder / "operation.json").write_text(json.dumps(header))
        assert tidy(world) == ["job 1 (restore) was left as it is: its journal tells an impossible time"]
        assert world.do(Check(1)).exit_code == 0


def test_steps_without_an_end_are_damage_and_are_not_read_into_memory(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_LONGEST_LINE", 1 << 16)
    with dying(world, Restore(1)) as record:
        os.truncate(os.path.join(record.folder, "steps.jsonl"), 1 << 40)
    assert all("was left as it is" in sentence for sentence in tidy(world))
    assert world.engine.journal.records()[0].state is JobState.INTERRUPTED
