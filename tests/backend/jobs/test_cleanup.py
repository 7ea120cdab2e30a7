"""After a crash: what is provably ours and dead is ended, everything else is left."""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from backend.archive.reader import Reader
from backend.errors import NotFoundError
from backend.fs import files
from backend.fs.removal import Leftover
from backend.jobs.open_record import OpenRecord
from backend.jobs.record import JobRecord, JobState
from backend.operations import Export, Import, Operation, Restore, Save, Undo, to_json
from backend.progress import Progress
from backend.restore.restoration import Restoration
from backend.restore.swap import RestoreState
from backend.steps import DataCommitted, FileBegun
from backend.store.store import Staged
from tests.support.builders import Tree, World, plant, tree_of
from tests.support.journals import note

OLD: Tree = {"x1": {"a": "old"}, "common": {"b": "old"}}
NEW: Tree = {"x1": {"a": "new"}, "common": {"b": "new", "c": "1"}}
LONG_AGO = time.time() - 2 * 24 * 3600


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "root")
    world.install("hello")
    plant(world.data("hello"), NEW)
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


def last(world: World) -> JobRecord:
    return world.engine.journal.records()[-1]


def kinds(world: World) -> list[tuple[str, str]]:
    return [(finding.kind, os.path.basename(finding.path)) for finding in world.engine.findings()]


def age(path: Path) -> Path:
    os.utime(path, (LONG_AGO, LONG_AGO), follow_symlinks=False)
    return path


# -- our own dead jobs


def test_without_a_crash_there_is_nothing_to_do(world: World) -> None:
    world.do(Save())
    assert (tidy(world), world.engine.findings(), world.engine.repair(Progress())) == ([], [], [])


def test_a_dead_save_leaves_no_temporary_file(world: World) -> None:
    with dying(world, Save()) as record:
        path = world.snapshots / f"1_hello_1.0_x1.zip.{files.random_name()}~"
        note(record, {"temporary": str(path)})
        path.write_text("half")
    assert kinds(world) == [("interrupted", "1"), ("temporary", path.name)]
    assert tidy(world) == ["job 1 (save) had been interrupted; nothing of it is left"]
    assert (world.names(), last(world).state) == ([], JobState.ROLLED_BACK)
    assert tidy(world) == []


def test_a_dead_import_leaves_no_staging(world: World) -> None:
    with dying(world, Import("/e")) as record:
        folder = world.snapshots / ".snapstow-import-1-abc"
        note(record, {"staging": str(folder)})
        plant(folder, {"1_hello_1.0_x1.zip": "half", "deep": {"er": ""}})
    assert tidy(world) == ["job 1 (import-snapshot) had been interrupted; nothing of it is left"]
    assert world.names() == []


def publication(world: World, *snaps: str) -> dict[str, Any]:
    """What is noted before a set of these snaps is published; its files are staged."""
    listed = []
    for snap in snaps:
        path = world.add(5, snap)
        aside = world.snapshots / f"{path.name}.{files.random_name()}~"
        path.rename(aside)
        listed.append([str(aside), path.name, *(files.identity(str(aside)) or ())])
    return {"set": 5, "files": listed}


@pytest.mark.parametrize("placed", [0, 1, 2])
def test_a_half_published_set_is_taken_away(world: World, placed: int) -> None:
    with dying(world, Save()) as record:
        noted = publication(world, "aa", "bb")
        note(record, {"publish": noted})
        (world.snapshots / "5_importing").touch()
        for path, name, *_ in noted["files"][:placed]:
            os.rename(path, world.snapshots / name)
    assert world.engine.sets() == []
    tidy(world)
    assert (world.names(), last(world).state) == ([], JobState.ROLLED_BACK)


def test_a_published_set_stays(world: World) -> None:
    with dying(world, Save()) as record:
        noted = publication(world, "aa", "bb")
        staged = [Staged(path, name) for path, name, *_ in noted["files"]]
        world.engine.store.publish(5, staged, Progress(record_step=record.record_step))
    assert tidy(world) == ["job 1 (save) had been interrupted; it was complete"]
    assert (world.names(), last(world).state) == (["5_aa_1.0_x1.zip", "5_bb_1.0_x1.zip"], JobState.DONE)


def test_a_dead_export_leaves_no_part(world: World, tmp_path: Path) -> None:
    part = tmp_path / "e.part"
    with dying(world, Export(1, str(tmp_path / "e"))) as record:
        part.write_text("half")
        about = part.stat()
        note(
            record, {"part": str(part), "file": str(tmp_path / "e"), "identity": [about.st_dev, about.st_ino]}
        )
    tidy(world)
    assert not part.exists()


def test_a_part_that_somebody_else_made_since_stays(world: World, tmp_path: Path) -> None:
    part = tmp_path / "e.part"
    with dying(world, Export(1, str(tmp_path / "e"))) as record:
        note(record, {"part": str(part), "file": str(tmp_path / "e"), "identity": [1, 2]})
    part.write_text("somebody else's")
    tidy(world)
    assert part.read_text() == "somebody else's"


class Died(BaseException):
    """The process ended here."""


class Forgotten(RestoreState):
    """Of a process that died: it takes nothing back."""

    def revert(self, note: Callable[[], None] = lambda: None) -> tuple[Leftover, ...]:
        return ()


def test_a_restore_that_died_unpacking_is_taken_back(world: World) -> None:
    with dying(world, Restore(1)) as record:
        parent = world.data("hello")
        note(record, {"slot": "1-tag", "parents": [str(parent)]})
        plant(parent, {".snapstow": {"1-tag": {"landing": {"common": {"half": ""}}}}})
        (parent / ".snapstow").chmod(0o700)
    before = tree_of(parent)
    assert tidy(world) == ["job 1 (restore) had been interrupted; the data are as before it"]
    assert tree_of(parent, holder=True) == before == NEW


@pytest.mark.parametrize("committed", [False, True])
def test_a_restore_that_died_in_the_middle_of_trading_places(world: World, committed: bool) -> None:
    path = world.add(1, "hello", OLD)
    engine = world.engine
    with dying(world, Restore(1)) as record, Reader.open(str(path)) as reader:

        def keep(step: Any) -> None:
            record.record_step(step)
            if step == DataCommitted():
                raise Died

        progress = Progress(record_step=keep, name=str(record.id))
        restoration = Restoration([(reader, engine.plan(Restore(1))[0])], engine.layout)
        restoration.state = Forgotten()
        with pytest.raises(Died):
            restoration.run(progress)
    steps = Path(last(world).folder) / "steps.jsonl"
    if not committed:
        steps.write_text("".join(f"{line}\n" for line in steps.read_text().splitlines()[:-1]))
    tidy(world)
    assert tree_of(world.data("hello")) == (OLD if committed else NEW)
    assert last(world).state is (JobState.DONE if committed else JobState.ROLLED_BACK)
    assert [offer.job for offer in world.engine.undo_offers()] == ([1] if committed else [])
    if committed:
        world.do(Undo())
        assert tree_of(world.data("hello")) == NEW


def test_a_living_job_is_left_alone(world: World) -> None:
    with dying(world, Save()) as record:
        path = world.snapshots / f"1_hello_1.0_x1.zip.{files.random_name()}~"
        note(record, {"temporary": str(path)})
        path.write_text("half")
        age(path)
        assert (tidy(world), world.engine.repair(Progress()), kinds(world)) == ([], [], [])
        assert path.exists()


@pytest.mark.parametrize(
    "step",
    [
        {"temporary": "{victim}"},
        {"staging": "{victim}"},
        {"staging": "{snapshots}/../../../../victim"},
        {"temporary": "{snapshots}/1_good_1.0_x1.zip"},
        {"part": "{victim}", "identity": ["{dev}", "{ino}"]},
        {"publish": {"set": 1, "files": [["{victim}", "../../x", "{dev}", "{ino}"]]}},
        {"publish": {"set": "1/../../../../victim", "files": []}},
        {"publish": {"set": 1, "files": [["{victim}", "1_good_1.0_x1.zip", "{dev}", "{ino}"]]}},
        {"publish": 7},
        {"temporary": 7},
        {"part": None},
    ],
)
def test_a_forged_journal_removes_nothing(world: World, step: dict[str, Any]) -> None:
    good = world.add(1, "good")
    victim = world.root / "victim"
    victim.write_text("precious")
    facts = {
        "{victim}": str(victim),
        "{snapshots}": str(world.snapshots),
        '"{dev}"': str(victim.stat().st_dev),
        '"{ino}"': str(victim.stat().st_ino),
    }
    text = json.dumps(step)
    for old, new in facts.items():
        text = text.replace(old, new)
    with dying(world, Save()) as record:
        note(record, json.loads(text))
    tidy(world)
    assert (victim.read_text(), good.exists()) == ("precious", True)


def test_a_job_of_somebody_else_is_not_ended(world: World) -> None:
    with dying(world, Save()) as record:
        path = world.snapshots / f"1_hello_1.0_x1.zip.{files.random_name()}~"
        note(record, {"temporary": str(path)})
        path.write_text("half")
    header = Path(last(world).folder) / "operation.json"
    header.write_text(json.dumps(json.loads(header.read_text()) | {"uid": 4242}))
    assert tidy(world) == []
    assert path.exists()


# -- old jobs


def test_old_jobs_are_dropped_but_not_those_an_undo_needs(world: World) -> None:
    world.add(1, "hello", OLD)
    world.do(Restore(1))
    needed = Path(last(world).folder)
    header = json.loads((needed / "operation.json").read_text()) | {"operation": to_json(Save())}
    for number in range(2, 110):
        documents = {"operation.json": json.dumps(header), "result.json": '{"state":"done"}', "alive": ""}
        plant(needed.parent / str(number), documents)
    tidy(world)
    left = sorted(int(name) for name in os.listdir(needed.parent))
    assert left[0] == 1
    assert left[1:] == list(range(10, 110))
    assert world.engine.undo_offers()[0].job == 1


def test_jobs_are_numbered_on(world: World) -> None:
    world.do(Save())
    with pytest.raises(NotFoundError, match="no job 2"):
        world.engine.journal.record(2)
    world.do(Save())
    assert [record.id for record in world.engine.journal.records()] == [1, 2]


def test_a_dead_job_of_a_newer_version_is_left_with_a_sentence(world: World) -> None:
    with dying(world, Save()) as record:
        path = world.snapshots / f"1_hello_1.0_x1.zip.{files.random_name()}~"
        record.record_step(FileBegun(str(path)))
        path.write_text("half")
    header = Path(last(world).folder) / "operation.json"
    header.write_text(json.dumps(json.loads(header.read_text()) | {"format": 99}))
    (sentence,) = tidy(world)
    assert sentence.startswith("job 1 (save) was left as it is: a newer version of snapstow wrote it")
    assert (path.exists(), last(world).state) == (True, JobState.INTERRUPTED)
    assert "a newer version" in world.engine.resolutions(1).finish.refusal
