"""The two ways out of a job that died: what each is said to mean is what it does."""

import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from backend.archive.reader import Reader
from backend.errors import BlockedError, ConflictError, NotFoundError
from backend.fs import files
from backend.fs.removal import Leftover
from backend.jobs.record import JobRecord, JobState
from backend.jobs.resolution import Resolution, Resolutions
from backend.operations import Check, Export, Forget, Import, Operation, Restore, Save, Undo
from backend.progress import Progress
from backend.restore.restoration import Restoration
from backend.restore.swap import RestoreState
from backend.steps import DataCommitted
from backend.store.store import Staged
from tests.support.builders import Tree, World, plant, tree_of
from tests.support.journals import note, recorded

OLD: Tree = {"x1": {"a": "old"}, "common": {"b": "old"}}
NEW: Tree = {"x1": {"a": "new"}, "common": {"b": "new", "c": "1"}}


@pytest.fixture
def world(tmp_path: Path) -> World:
    """NEW is live, set 1 holds OLD."""
    world = World(tmp_path / "root")
    world.install("hello")
    plant(world.data("hello"), NEW)
    world.add(1, "hello", OLD)
    return world


def died(world: World, operation: Operation, *steps: Mapping[str, Any]) -> JobRecord:
    """A job whose process died after these steps."""
    with world.engine.journal.job(operation, world.engine.root) as record:
        for step in steps:
            note(record, step)
    return last(world)


def last(world: World) -> JobRecord:
    return world.engine.journal.records()[-1]


def ways(world: World) -> Resolutions:
    return world.engine.resolutions(last(world).id)


class Died(BaseException):
    """The process ended here."""


class Forgotten(RestoreState):
    """Of a process that died: it takes nothing back."""

    def revert(self, note: Callable[[], None] = lambda: None) -> tuple[Leftover, ...]:
        return ()


def died_restoring(world: World, operation: Restore, *, committed: bool) -> None:
    """A restore that died in the middle of trading places, or just when it had."""
    engine = world.engine
    path = world.snapshots / "1_hello_1.0_x1.zip"
    with (
        engine.journal.job(operation, engine.root) as record,
        Reader.open(str(path)) as reader,
    ):

        def keep(step: Any) -> None:
            record.record_step(step)
            if step == DataCommitted():
                raise Died

        restoration = Restoration([(reader, engine.plan(operation)[0])], engine.layout)
        restoration.state = Forgotten()
        with pytest.raises(Died):
            restoration.run(Progress(record_step=keep, name=str(record.id)))
    steps = Path(last(world).folder) / "steps.jsonl"
    if not committed:
        steps.write_text("".join(f"{line}\n" for line in steps.read_text().splitlines()[:-1]))


# -- a restore


def test_a_restore_that_had_not_replaced_anything(world: World) -> None:
    parent = world.data("hello")
    died(world, Restore(1), {"slot": "1-tag", "parents": [str(parent)]})
    plant(parent, {".snapstow": {"1-tag": {"landing": {"common": {"half": ""}}}}})
    (parent / ".snapstow").chmod(0o700)
    before = tree_of(parent, holder=True)
    finish, take_back = ways(world)
    assert take_back == Resolution(
        "It had replaced nothing yet: what it had unpacked is removed; that is all."
    )
    assert finish.text.endswith("then the same restore starts from its beginning, as a new job.")
    assert finish.again == Restore(1)
    assert tree_of(parent, holder=True) == before, "telling changes nothing"
    ended = world.engine.resolve(1, finish=True)
    assert ended == ("job 1 (restore) had been interrupted; the data are as before it", Restore(1))
    assert tree_of(parent, holder=True) == NEW


@pytest.mark.parametrize("finish", [True, False])
def test_a_restore_in_the_middle(world: World, finish: bool) -> None:
    died_restoring(world, Restore(1), committed=False)
    choices = ways(world)
    assert choices.take_back.text.startswith("The data are put back as they were before it; ")
    assert choices.finish.text.startswith("What is left of it is put in place; ")
    ended = world.engine.resolve(1, finish=finish)
    assert tree_of(world.data("hello")) == (OLD if finish else NEW)
    assert ended.again is None
    assert last(world).state is (JobState.DONE if finish else JobState.ROLLED_BACK)
    assert [offer.job for offer in world.engine.undo_offers()] == ([1] if finish else [])


def test_a_restore_that_was_done_is_finished_and_can_be_undone(world: World) -> None:
    died_restoring(world, Restore(1), committed=True)
    sentence = ways(world).finish.text
    assert sentence.startswith(
        "All its data are in place: it is complete, and what it replaced is kept for an"
    )
    assert world.engine.resolve(1, finish=True).again is None
    assert tree_of(world.data("hello")) == OLD
    assert [offer.job for offer in world.engine.undo_offers()] == [1]


def test_a_restore_that_was_done_is_taken_back_by_an_undo(world: World) -> None:
    died_restoring(world, Restore(1), committed=True)
    assert "taken out again by an undo" in ways(world).take_back.text
    again = world.engine.resolve(1, finish=False).again
    assert again == Undo(1)
    world.do(again)
    assert tree_of(world.data("hello")) == NEW


def test_the_window_of_one_that_was_done_begins_when_it_is_finished(world: World) -> None:
    died_restoring(world, Restore(1, undo_window=3600), committed=True)
    header = Path(last(world).folder) / "operation.json"
    document = json.loads(header.read_text())
    header.write_text(json.dumps(document | {"started": document["started"] - 7200}))
    world.engine.resolve(1, finish=True)
    assert last(world).result.undo_until > time.time() + 3000


def test_one_that_keeps_nothing_cannot_be_taken_back(world: World) -> None:
    reason = "all its data are in place, and it was to keep no undo"
    died_restoring(world, Restore(1, undo_window=0), committed=True)
    header = Path(last(world).folder) / "operation.json"
    document = json.loads(header.read_text())
    header.write_text(json.dumps(document | {"started": document["started"] - 7200}))
    assert reason in ways(world).take_back.refusal
    with pytest.raises(BlockedError, match=f"^cannot roll back job 1: .*{reason}"):
        world.engine.resolve(1, finish=False)
    assert last(world).state is JobState.INTERRUPTED
    world.engine.resolve(1, finish=True)
    assert tree_of(world.data("hello")) == OLD


@pytest.mark.parametrize("committed", [False, True])
def test_a_restore_beside(world: World, tmp_path: Path, committed: bool) -> None:
    target_dir = str(tmp_path / "beside")
    died(world, Restore(1, target_dir=target_dir), *([{"committed": True}] if committed else []))
    choices = ways(world)
    if committed:
        assert (
            choices.finish.text == f"All its data are in {target_dir}: it is complete; nothing was replaced."
        )
        assert choices.take_back.refusal == f"all its data are in {target_dir}: remove that to take it back"
    else:
        assert choices.finish.again == Restore(1, target_dir=target_dir)
        assert choices.take_back.text.startswith("It had replaced nothing")


def test_an_undo_without_a_number_means_the_same_restore_again(world: World) -> None:
    world.do(Restore(1))
    died(world, Undo(), {"of": 1, "set_id": 1, "snaps": ["hello"]})
    assert ways(world).finish.again == Undo(1)
    world.engine.resolve(2, finish=False)
    assert tree_of(world.data("hello")) == OLD
    assert [offer.job for offer in world.engine.undo_offers()] == [1]


# -- files


def test_a_save_that_was_not_published(world: World) -> None:
    path = world.snapshots / f"2_hello_1.0_x1.zip.{files.random_name()}~"
    path.write_text("half")
    died(world, Save(("hello",)), {"temporary": str(path)})
    finish, take_back = ways(world)
    assert (finish.again, take_back.again) == (Save(("hello",)), None)
    assert path.exists()
    assert world.engine.resolve(1, finish=False).text.endswith("nothing of it is left")
    assert not path.exists()


def test_a_save_that_was_published(world: World) -> None:
    path = world.add(2, "hello")
    aside = f"{path}.{files.random_name()}~"
    path.rename(aside)
    engine = world.engine
    with engine.journal.job(Save(), engine.root) as record:
        engine.store.publish(2, [Staged(aside, path.name)], Progress(record_step=record.record_step))
    choices = ways(world)
    assert choices.finish == Resolution("Set #2 is there, whole: it is complete.")
    assert choices.take_back.refusal == "set #2 is there, whole: forget 2 removes it"
    assert engine.resolve(1, finish=True).text.endswith("it was complete")
    assert path.exists()


def test_an_export_that_was_whole(world: World, tmp_path: Path) -> None:
    file = tmp_path / "e"
    file.write_text("whole")
    status = file.stat()
    died(
        world,
        Export(1, str(file)),
        {"part": f"{file}.part", "file": str(file), "identity": [status.st_dev, status.st_ino]},
    )
    assert ways(world).take_back.refusal == f"{file} is there, whole: remove it yourself"
    file.unlink()
    assert ways(world).finish.again == Export(1, str(file))


@pytest.mark.parametrize("operation", [Import("-"), Export(1, "-")], ids=["import", "export"])
def test_a_stream_that_is_gone(world: World, operation: Operation) -> None:
    died(world, operation)
    assert "it had is gone: start it anew" in ways(world).finish.refusal
    assert ways(world).take_back.refusal == ""


def test_a_check_changed_nothing(world: World) -> None:
    died(world, Check(1))
    assert ways(world).take_back.text == "It had changed nothing; that is all."
    assert world.engine.resolve(1, finish=True).again == Check(1)


# -- a forget


def doomed(*paths: Path) -> dict[str, Any]:
    return {"forget": [[path.name, *(files.identity(str(path)) or ())] for path in paths]}


def test_a_forget_half_done(world: World) -> None:
    paths = [world.add(2, snap) for snap in ("aa", "bb", "cc")]
    died(world, Forget(2), doomed(*paths))
    paths[0].unlink()
    finish, take_back = ways(world)
    assert finish.text == "2 files left of set #2: they are removed as well."
    assert take_back.text == "2 files left of set #2: kept. 1 file gone for good."
    text = world.engine.resolve(1, finish=False).text
    assert text == "job 1 (forget) had been interrupted; what it had not removed yet is kept"
    assert [path.exists() for path in paths] == [False, True, True]
    assert last(world).state is JobState.ROLLED_BACK
    assert world.engine.tidy(Progress()) == []


def test_a_forget_is_finished(world: World) -> None:
    paths = [world.add(2, snap) for snap in ("aa", "bb")]
    died(world, Forget(2), doomed(*paths))
    paths[0].unlink()
    world.engine.resolve(1, finish=True)
    assert not any(path.exists() for path in paths)


def test_a_forget_that_had_not_begun(world: World) -> None:
    died(world, Forget(1))
    assert ways(world).take_back.text == "It had removed nothing; that is all."
    assert ways(world).finish.again == Forget(1)


# -- what cannot be ended


def test_finished_jobs_cannot_be_ended_again(world: World) -> None:
    world.do(Save())
    assert "it was not interrupted: it is done" in ways(world).finish.refusal
    with pytest.raises(BlockedError, match="cannot finish job 1: it was not interrupted"):
        world.engine.resolve(1, finish=True)
    with pytest.raises(NotFoundError, match="no job 9"):
        world.engine.resolve(9, finish=True)


def test_running_jobs_cannot_be_ended(world: World) -> None:
    engine = world.engine
    with engine.journal.job(Save(), engine.root):
        assert "it is running" in ways(world).take_back.refusal


def test_jobs_written_by_others_cannot_be_ended(world: World) -> None:
    record = died(world, Save())
    header = Path(record.folder) / "operation.json"
    header.write_text(json.dumps(json.loads(header.read_text()) | {"uid": 4242}))
    assert ways(world).finish.refusal == "it is another user's, or about another root"


@pytest.mark.parametrize(
    ("operation", "step"),
    [
        (Forget(1), {"forget": 7}),
        (Forget(1), {"forget": [[1]]}),
        (Save(), {"publish": {"set": 1}}),
        (Save(), {"publish": {"set": 1, "files": [["/etc/passwd", "../../x", 1, 1]]}}),
        (Restore(1), {"moves": {"slots": 7}}),
        (Restore(1), {"slot": 7}),
    ],
)
def test_a_damaged_journal_is_refused(world: World, operation: Operation, step: Mapping[str, Any]) -> None:
    died(world, operation, step)
    assert ways(world).finish.refusal
    assert ways(world).take_back.refusal
    assert tree_of(world.data("hello")) == NEW


def test_an_operation_that_nobody_knows(world: World) -> None:
    engine = world.engine
    with engine.journal.job(recorded({"verb": "dance"}), engine.root):
        pass
    assert "there is no operation 'dance'" in ways(world).finish.refusal


def test_one_that_was_ended_meanwhile(world: World) -> None:
    record = died(world, Save())
    world.engine.tidy(Progress())
    with (
        pytest.raises(ConflictError, match="job 1 was ended meanwhile"),
        world.engine.journal.reopened(record),
    ):
        pass


def test_impossible_times_are_damage(world: World) -> None:
    record = died(world, Restore(1, undo_window=10**17), {"committed": True})
    assert ways(world).finish.refusal == "its journal tells an impossible time"
    assert record.started < time.time()
    assert os.path.isdir(record.folder)
