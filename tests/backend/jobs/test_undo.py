"""A restore can be undone as a whole, for a time, by the one who made it, and so can the taking back."""

import json
import os
import shutil
from pathlib import Path

import pytest

from backend.errors import ConflictError, NotFoundError, SnapshotError
from backend.jobs.record import JobRecord, JobState
from backend.operations import DAY, Restore, Save, Undo
from backend.progress import Progress
from tests.support.builders import Tree, World, plant, tree_of, uid_of
from tests.support.journals import amend

ONE: Tree = {"x1": {"a": "one"}, "common": {"b": "one"}}
TWO: Tree = {"x1": {"a": "two", "more": "2"}, "common": {"b": "two"}}
THREE: Tree = {"x1": {"a": "three"}, "common": {}}


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Set 1 holds ONE, set 2 holds TWO, THREE is live; alice has data live that no set has."""
    world = World(tmp_path / "root")
    world.install("hello")
    world.add(1, "hello", ONE, users={"alice": {"common": {"c": "one"}}})
    world.add(2, "hello", TWO)
    plant(world.data("hello"), THREE)
    plant(world.home("alice") / "snap", {"hello": {"common": {"c": "three"}}}, uid_of("alice"))
    return world


def live(world: World) -> object:
    return tree_of(world.data("hello"))


def alices(world: World) -> object:
    return tree_of(world.data("hello", "alice"))


def record(world: World, number: int) -> JobRecord:
    return world.engine.journal.record(number)


def offers(world: World) -> list[int]:
    return [offer.job for offer in world.engine.undo_offers()]


def expire(world: World, number: int) -> None:
    amend(record(world, number), {"undo_until": 1.0})


def test_everything_comes_back(world: World) -> None:
    world.do(Restore(1))
    assert (live(world), alices(world)) == (ONE, {"common": {"c": "one"}})
    done = world.do(Undo())
    assert (live(world), alices(world)) == (THREE, {"common": {"c": "three"}})
    assert (done.set_id, done.snaps) == (1, ("hello",))


def test_undo_removes_data_that_the_restore_made(world: World) -> None:
    world.add(3, "other", ONE)
    world.do(Restore(3))
    world.do(Undo())
    assert not any((world.data("other") / name).exists() for name in ("x1", "common"))


def test_an_undo_can_be_undone_and_so_on(world: World) -> None:
    first = world.do(Restore(1))
    second = world.do(Undo())
    assert (live(world), offers(world)) == (THREE, [second.undo_job])
    third = world.do(Undo(second.undo_job))
    assert (live(world), offers(world)) == (ONE, [third.undo_job])
    with pytest.raises(NotFoundError, match="no restore or forget to undo"):
        world.do(Undo())
    world.do(Undo(third.undo_job))
    assert live(world) == THREE
    assert record(world, first.undo_job).result.undone == second.undo_job


def test_restores_are_taken_back_in_turn(world: World) -> None:
    first, second = world.do(Restore(1)), world.do(Restore(2))
    assert offers(world) == [second.undo_job, first.undo_job]
    with pytest.raises(ConflictError, match=f"job {second.undo_job} changed the same data later"):
        world.do(Undo(first.undo_job))
    assert live(world) == TWO
    world.do(Undo(second.undo_job))
    assert live(world) == ONE
    world.do(Undo(second.undo_job + 2))
    assert live(world) == TWO


def test_other_data_do_not_stand_in_the_way(world: World) -> None:
    world.add(3, "other", ONE)
    plant(world.data("other"), TWO)
    first = world.do(Restore(1))
    world.do(Restore(3))
    world.do(Undo(first.undo_job))
    assert (live(world), tree_of(world.data("other"))) == (THREE, ONE)


def test_offers_tell_the_bytes_held_and_until_when(world: World) -> None:
    (world.data("hello") / "x1/big").write_bytes(os.urandom(1 << 20))
    done = world.do(Restore(2))
    (offer,) = world.engine.undo_offers()
    assert (offer.job, offer.set_id, offer.snaps, offer.until) == (
        done.undo_job,
        2,
        ("hello",),
        done.undo_until,
    )
    assert 1 << 20 <= offer.held < (1 << 20) + 1000


def test_the_window_is_as_long_as_asked_for(world: World) -> None:
    started = world.do(Restore(1, undo_window=100)).undo_until - 100
    assert 0 <= started - record(world, 1).started < 60
    again = world.do(Undo())
    assert 0 <= again.undo_until - DAY - record(world, 2).started < 60


def test_undo_without_a_number_after_an_undo_redoes_nothing_and_names_the_way(world: World) -> None:
    world.do(Restore(1))
    world.do(Undo())
    assert [(offer.job, offer.verb) for offer in world.engine.undo_offers()] == [(2, "undo")]
    with pytest.raises(NotFoundError, match=r"job 2 is an undo, which can be undone itself: undo 2"):
        world.do(Undo())
    assert live(world) == THREE


def test_undo_without_a_number_passes_over_a_later_undo_and_says_so(world: World) -> None:
    world.do(Restore(1))
    world.do(Restore(2))
    world.do(Undo())
    assert offers(world) == [3, 1]
    done = world.do(Undo())
    assert (done.set_id, live(world)) == (1, THREE)
    texts = [event["text"] for event in record(world, 4).events if event["event"] == "noted"]
    assert texts == ["job 1 (restore) is undone; undo 3 undoes the undo after it"]


def test_after_its_time_it_cannot_be_had_and_tidying_removes_it(world: World) -> None:
    done = world.do(Restore(1))
    expire(world, done.undo_job)
    assert offers(world) == []
    with pytest.raises(NotFoundError, match="there is no restore or forget to undo"):
        world.engine.undo(Undo(), Progress(name="9"))
    assert (world.data("hello") / ".snapstow").is_dir()
    assert world.engine.tidy(Progress()) == [
        f"the undo of job {done.undo_job} expired; what it kept was removed"
    ]
    assert tree_of(world.data("hello"), holder=True) == ONE
    assert world.engine.tidy(Progress()) == []


def test_queries_remove_nothing(world: World) -> None:
    done = world.do(Restore(1))
    expire(world, done.undo_job)
    world.engine.undo_offers()
    world.engine.findings()
    world.engine.sets()
    assert (world.data("hello") / ".snapstow").is_dir()


@pytest.mark.parametrize("number", [1, 2])
def test_jobs_that_replaced_nothing(world: World, number: int) -> None:
    world.do(Save())
    message = "job 1 cannot be undone: it replaced nothing that is still kept" if number == 1 else "no job"
    with pytest.raises(NotFoundError, match=message):
        world.engine.undo(Undo(number), Progress(name="9"))


def test_changed_data_are_taken_back_all_the_same(world: World) -> None:
    world.do(Restore(1))
    (world.data("hello") / "x1/later").write_text("written after the restore")
    undone = world.do(Undo())
    assert live(world) == THREE
    world.do(Undo(undone.undo_job))
    assert live(world) == {"x1": {"a": "one", "later": "written after the restore"}, "common": {"b": "one"}}


def test_a_directory_that_someone_else_replaced_is_left_alone(world: World) -> None:
    done = world.do(Restore(1))
    shutil.rmtree(world.data("hello") / "x1")
    plant(world.data("hello") / "x1", {"reinstalled": "1"})
    world.do(Undo())
    assert live(world) == THREE
    assert offers(world) == [done.undo_job + 1]
    world.do(Undo(done.undo_job + 1))
    assert live(world) == {"x1": {"reinstalled": "1"}, "common": {"b": "one"}}


def test_a_snap_that_was_removed_meanwhile(world: World) -> None:
    done = world.do(Restore(2))
    shutil.rmtree(world.data("hello"))
    with pytest.raises(SnapshotError, match=f"cannot undo job {done.undo_job}"):
        world.do(Undo())
    assert not world.data("hello").exists()
    expire(world, done.undo_job)
    assert "was removed" in world.engine.tidy(Progress())[0]


def test_a_change_in_progress(world: World) -> None:
    world.do(Restore(1))
    with (
        world.engine.store.snap_lock("hello", "save"),
        pytest.raises(ConflictError, match='cannot undo: snap "hello" has another change in progress'),
    ):
        world.do(Undo())
    assert live(world) == ONE


# -- whose journal it is


def forge(world: World, number: int, **header: object) -> None:
    path = Path(record(world, number).folder) / "operation.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | header))


@pytest.mark.parametrize(
    "header",
    [{"uid": 4242}, {"root": {"path": "/", "device": 1, "inode": 2}}, {"uid": "0"}, {"root": []}],
)
def test_records_about_others_are_never_acted_on(world: World, header: dict[str, object]) -> None:
    done = world.do(Restore(1))
    forge(world, done.undo_job, **header)
    expire(world, done.undo_job)
    assert world.engine.tidy(Progress()) == []
    assert (world.data("hello") / ".snapstow").is_dir()
    forge(world, done.undo_job, **header)
    amend(record(world, done.undo_job), {"undo_until": 9e9})
    with pytest.raises(NotFoundError):
        world.engine.undo(Undo(), Progress(name="9"))
    assert live(world) == ONE


@pytest.mark.root
def test_root_does_not_act_on_a_journal_that_a_user_can_write(world: World) -> None:
    done = world.do(Restore(1))
    folder = record(world, done.undo_job).folder
    os.chown(folder, uid_of("alice"), uid_of("alice"))
    assert offers(world) == []
    expire(world, done.undo_job)
    assert world.engine.tidy(Progress()) == []
    assert (world.data("hello") / ".snapstow").is_dir()


def test_a_root_that_was_copied_is_another_root(world: World, tmp_path: Path) -> None:
    world.do(Restore(1))
    shutil.copytree(world.root, tmp_path / "copy", symlinks=True)
    copied = World(tmp_path / "copy", users=())
    assert copied.engine.undo_offers() == []
    assert [record.state for record in copied.engine.journal.records()] == [JobState.DONE]


@pytest.mark.parametrize(
    "result",
    [
        {"undo_until": "soon"},
        {"undo_until": [1]},
        {"undo_until": 9e9, "set_id": "x"},
        {"undo_until": 9e9, "snaps": 7},
        {"undo_until": 9e9, "snaps": ["../../x", 3]},
        {"undo_until": float("nan")},
    ],
)
def test_a_damaged_result_harms_nothing_but_itself(world: World, result: dict[str, object]) -> None:
    first, second = world.do(Restore(1)), world.do(Restore(2))
    amend(record(world, second.undo_job), result)
    assert first.undo_job in offers(world)
    world.engine.findings()
    world.engine.tidy(Progress())
    assert live(world) == TWO


@pytest.mark.parametrize(
    "steps", ['{"moves":{}}', '{"moves":7}', '{"slot":1,"parents":2}', "[", '{"moves":{"slots":[[1]]}}']
)
def test_damaged_steps_harm_nothing_but_themselves(world: World, steps: str) -> None:
    first, second = world.do(Restore(1)), world.do(Restore(2))
    (Path(record(world, second.undo_job).folder) / "steps.jsonl").write_text(steps + "\n")
    assert first.undo_job in offers(world)
    world.engine.findings()
    with pytest.raises(SnapshotError):
        world.engine.undo(Undo(second.undo_job), Progress(name="9"))
    expire(world, second.undo_job)
    world.engine.tidy(Progress())
    assert live(world) == TWO


def test_an_earlier_restore_can_be_undone_once_the_later_one_was(world: World) -> None:
    world.do(Restore(1))
    world.do(Restore(2))
    world.do(Undo())
    assert live(world) == ONE
    world.do(Undo(1))
    assert live(world) == THREE
