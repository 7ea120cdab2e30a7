"""What can be done about a job on its screen: stop it, end it, take it back, read its log."""

import os
import signal
from pathlib import Path

import pytest

from backend.jobs import JobState
from backend.operations import Check, Forget, Restore, Save, TakeBack
from tests.support.builders import World, plant
from tests.tui.support.jobs_world import ended, interrupted, make_world, opens, running
from tests.tui.support.patient import Patient, patiently
from tui.screens.jobs.screen import JobsScreen

world = pytest.fixture(make_world)


def test_x_asks_the_job_to_stop(world: World) -> None:
    asked = []
    before = signal.signal(signal.SIGTERM, lambda number, _frame: asked.append(number))
    try:

        async def tell(user: Patient) -> None:
            with running(world, Save()) as record:
                await (await opens(user)).sees("▶ running")
                await (await user.presses("x")).sees("What was written so far is removed: no set is made.")
                await user.presses("escape")
                assert not asked
                await (await user.presses("x")).sees("Stop job 1")
                await (await user.presses("enter")).sees("asked job 1 to stop")
                record.finish(JobState.CANCELLED)
            await user.sees("- cancelled")
            await (await user.presses("x")).sees("job 1 is not running: it is cancelled")

        patiently(str(world.root), tell)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert asked == [signal.SIGTERM]


def test_a_read_only_session_changes_nothing(world: World) -> None:
    ended(world, Save(), JobState.DONE)

    async def tell(user: Patient) -> None:
        await opens(user)
        for key in "xut":
            await (await user.presses(key)).sees("this session is read-only")

    patiently(str(world.root), tell, read_only=True)


def half_restored(world: World) -> Path:
    """A restore that died when it had unpacked and replaced nothing yet; returns what it left."""
    parent = world.data("hello")
    interrupted(world, Restore(1), {"slot": "1-tag", "parents": [str(parent)]})
    plant(parent, {".snapstow": {"1-tag": {"landing": {"x1": {"half": ""}}}}})
    (parent / ".snapstow").chmod(0o700)
    return parent / ".snapstow"


@pytest.mark.parametrize("size", [(80, 24), (60, 15), (40, 10)])
def test_t_tells_both_ways_out_of_an_interrupted_job(world: World, size: tuple[int, int]) -> None:
    left = half_restored(world)

    async def tell(user: Patient) -> None:
        await (await opens(user)).sees("! interrupted")
        await (await user.presses("t")).sees("Job 1 was interrupted")
        await user.sees("Finish: It had replaced nothing")
        assert user.answer.text == "Leave as is"
        await (await user.presses("end")).sees("that is")
        await user.presses("enter")
        assert isinstance(user.app.screen, JobsScreen)
        assert left.exists()

    patiently(str(world.root), tell, size)
    assert world.engine.journal.record(1).state is JobState.INTERRUPTED


def test_taking_back_from_the_screen(world: World) -> None:
    left = half_restored(world)

    async def tell(user: Patient) -> None:
        await (await opens(user)).sees("t shows what it left")
        await (await user.presses("t")).sees("It had replaced nothing yet")
        await (await user.presses("space", "space")).sees("same as  snapstow --demo takeback 1")
        assert user.answer.text == "Roll back"
        await (await user.presses("enter")).sees("the data are as before it")
        await user.sees("Rolled back job 1 in 0:0")
        await (await user.presses("down")).sees("< rolled back")
        await (await user.presses("t")).sees("job 1 was not interrupted: it is rolled back")

    patiently(str(world.root), tell, (100, 24))
    assert not left.exists()
    assert world.engine.journal.record(2).operation == TakeBack(1)


def test_finishing_from_the_screen_does_it_again(world: World) -> None:
    half_restored(world)

    async def tell(user: Patient) -> None:
        await (await opens(user)).sees("! interrupted")
        await (await user.presses("t")).sees("starts from its beginning, as a new job")
        await (await user.presses("space")).sees("same as  snapstow --demo finish 1")
        await user.sees("(•) Finish")
        await (await user.presses("enter")).sees("started job 2: finish 1")
        await user.sees("Restored #1 in 0:0")
        assert user.table.cursor_key == "3", "the job that does the rest is the one to look at"

    patiently(str(world.root), tell, (100, 24))
    assert (world.data("hello") / "x1/f").read_text() == "then"


def test_a_way_that_cannot_be_had_is_not_offered(world: World) -> None:
    """A forget that removed everything before it died can only be complete."""
    path = world.add(2, "hello")
    status = os.stat(path)
    interrupted(world, Forget(2), {"forget": [[path.name, status.st_dev, status.st_ino]]})
    path.unlink()

    async def tell(user: Patient) -> None:
        await (await opens(user)).sees("! interrupted")
        await (await user.presses("t")).sees("Roll back: not available: what it was to remove is gone")
        assert "( ) Roll back" not in user.screen()
        await user.sees("( ) Finish")
        await (await user.presses("escape")).sees("! interrupted")

    patiently(str(world.root), tell, (100, 24))


def test_u_takes_the_restore_back_after_a_question(world: World) -> None:
    world.do(Restore(1))
    file = world.data("hello") / "x1/f"
    assert file.read_text() == "then"

    async def tell(user: Patient) -> None:
        await (await opens(user)).sees("u undoes it")
        await (await user.presses("u")).sees("Undo job 1")
        await user.presses("escape")
        assert file.read_text() == "then"
        await (await user.presses("u")).sees("Undo job 1")
        await (await user.presses("enter")).sees("started job 2")
        await user.sees("< undone")

    patiently(str(world.root), tell)
    assert file.read_text() == "now"


def test_u_explains_itself_where_there_is_nothing_to_take_back(world: World) -> None:
    ended(world, Save(), JobState.DONE, set_id=1)

    async def tell(user: Patient) -> None:
        await (await (await opens(user)).presses("u")).sees("job 1 cannot be undone")

    patiently(str(world.root), tell)


def test_enter_shows_the_whole_log_and_h_goes_back(world: World) -> None:
    with running(world, Save()) as record:
        for number in range(50):
            record.tell({"event": "noted", "text": f"note [{number}]"})
        record.finish(JobState.DONE)

    async def tell(user: Patient) -> None:
        await (await opens(user)).sees("45 earlier lines")
        await (await user.presses("enter")).sees("! note [49]")
        await (await user.presses("home")).sees("! note [0]")
        await user.presses("h")
        assert isinstance(user.app.screen, JobsScreen)
        await user.presses("h")
        assert not isinstance(user.app.screen, JobsScreen)

    patiently(str(world.root), tell, (80, 24))


def test_log_offers_only_keys_that_do_something_and_explains_them(world: World) -> None:
    with running(world, Save()) as record:
        record.tell({"event": "noted", "text": "a note"})
        record.finish(JobState.DONE)

    async def tell(user: Patient) -> None:
        await (await opens(user)).presses("enter")
        await user.sees("LOG OF JOB 1")
        assert "Enter" not in user.screen()
        await (await user.presses("question_mark")).sees("Help: Log of a job")
        assert "Select" not in user.screen()

    patiently(str(world.root), tell, (80, 24))


def test_y_copies_the_command_with_its_place(world: World) -> None:
    ended(world, Check(1), JobState.DONE)

    async def tell(user: Patient) -> None:
        await (await (await opens(user)).presses("y")).sees("copied: snapstow")
        assert user.app.clipboard == "snapstow --demo check-snapshot 1"

    patiently(str(world.root), tell)
