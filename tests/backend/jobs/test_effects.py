"""What a job did, from what it noted in its journal."""

from pathlib import Path

import pytest

from backend.errors import BlockedError, IntegrityError
from backend.fs.files import Identity
from backend.jobs.effects import begun_subject_of, effects_of, target_directories, undone_by, window_end
from backend.jobs.record import JobRecord
from backend.operations import Extract, Operation, Restore, Save, Undo
from backend.restore.slots import Slot
from backend.restore.swap import RestoreState
from backend.steps import RestoreBegun, Step, UndoBegun
from backend.store.store import Store
from tests.support.builders import World

DAY = 24 * 3600
NOWHERE = Identity(0, 0)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "root")


def job(world: World, operation: Operation, *steps: Step) -> JobRecord:
    """A job of ours that noted these steps and died."""
    journal = world.engine.journal
    with journal.job(operation, world.engine.root) as record:
        for step in steps:
            record.record_step(step)
    return journal.record(record.id)


def store(world: World) -> Store:
    return world.engine.store


def test_a_job_that_died_says_at_its_beginning_what_it_is_about(world: World) -> None:
    assert begun_subject_of(job(world, Restore(3), RestoreBegun(3, ("b", "a", "b")))) == (3, ("a", "b"))
    assert begun_subject_of(job(world, Undo(1), UndoBegun(1, 3, ("a",)))) == (3, ("a",))
    assert begun_subject_of(job(world, Save())) == (0, ())


def test_an_undo_names_the_job_that_it_undid(world: World) -> None:
    assert undone_by(job(world, Undo(7), UndoBegun(7, 3, ("a",)))) == 7
    assert undone_by(job(world, Restore(3), RestoreBegun(3, ("a",)))) == 0


def test_effects_outside_the_root_are_refused(world: World, tmp_path: Path) -> None:
    inside, outside = str(world.data("hello")), str(tmp_path / "elsewhere")
    state = RestoreState([Slot(place, NOWHERE, "tag", NOWHERE) for place in (inside, outside)])
    state.made += [inside, outside]
    effects = effects_of(job(world, Restore(3), *state.steps()), store(world))
    assert [slot.parent for slot in effects.state.slots] == [inside]
    assert effects.state.made == [inside]
    assert (effects.committed, effects.outside) == (False, [outside])
    with pytest.raises(BlockedError, match=f"{outside} leads out of the root"):
        effects.refuse_outside()


def test_a_restore_into_a_directory_may_have_made_it_and_nothing_else(world: World, tmp_path: Path) -> None:
    target = tmp_path / "out"
    assert target_directories(job(world, Restore(3))) == ()
    assert target_directories(job(world, Extract(3, target_dir=str(target)))) == (str(target), str(tmp_path))


def test_the_undo_window_of_a_job_that_died_counts_from_its_end(world: World, tmp_path: Path) -> None:
    assert window_end(job(world, Restore(3, undo_window=7 * DAY)), 1e9) == 1e9 + 7 * DAY
    assert window_end(job(world, Restore(3, undo_window=0)), 1e9) == 0
    assert window_end(job(world, Restore(3, target_dir=str(tmp_path / "out"))), 1e9) == 0
    with pytest.raises(IntegrityError, match="an impossible time"):
        window_end(job(world, Restore(3, undo_window=10**12)), 1e9)
