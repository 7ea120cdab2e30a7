"""Where the result of a job is, there the screen goes; no key acts on a row that nobody can have chosen."""

import time
from pathlib import Path

import pytest

from backend import Export, Forget, Import, Restore, Save
from backend.jobs import JobState
from backend.jobs.result import JobResult
from backend.progress import Progress
from tests.support import TOP
from tests.support.builders import World
from tests.tui.support.jobs_world import ended, running
from tests.tui.support.patient import Patient, patiently
from tui.screens.inventory.screen import InventoryScreen
from tui.screens.jobs.screen import JobsScreen
from tui.views.set_keys import SetKey
from tui.widgets.table import UNSETTLED


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("PYTHONPATH", str(TOP))
    world = World(tmp_path / "root")
    world.install("hello", data={"f": "small"})
    for number in (1, 2, 3):
        world.add(number, "hello", {"x1": {"f": "1"}}, time=f"2024-01-0{number}T00:00:00Z")
    world.write_state()
    return world


def inventory_of(user: Patient) -> InventoryScreen:
    return user.screen_of(InventoryScreen)


# -- the cursor goes to the set that was made


def test_a_save_ends_with_the_new_set_under_the_cursor(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("3 sets")
        assert user.table.cursor_key == SetKey(3)
        clock = user.app.place.clock = Clock()
        inventory_of(user).start(Save())
        await user.sees("Saved as #4: all snaps in 0:0")
        assert user.table.cursor_key == SetKey(4)
        clock.now += 1
        await (await user.presses("e")).sees("Export #4")

    patiently(str(world.root), tell)


def test_the_first_key_after_a_save_does_not_act_on_a_row_that_came_by_itself(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("3 sets")
        clock = user.app.place.clock = Clock()
        inventory_of(user).start(Save())
        await user.sees("Saved as #4: all snaps in 0:0")
        await (await user.presses("e")).sees(UNSETTLED)
        assert isinstance(user.app.screen, InventoryScreen)
        await (await user.presses("e")).sees("Export #4")
        assert clock.now == 1000.0

    patiently(str(world.root), tell)


def test_the_cursor_stays_where_a_key_has_put_it_meanwhile(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("3 sets")
        inventory_of(user).start(Save())
        await user.presses("down")
        await user.sees("Saved as #4: all snaps in 0:0")
        assert user.table.cursor_key == SetKey(2)

    patiently(str(world.root), tell)


def test_the_cursor_goes_to_the_new_set_once_a_dialog_is_closed(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("3 sets")
        await user.presses("e")
        await user.sees("Export #3")
        inventory_of(user).start(Save())
        while len(world.engine.sets()) < 4:
            await user.waits()
        assert "Export #3" in user.screen()
        await user.presses("escape")
        await user.sees("Saved as #4: all snaps in 0:0")
        assert user.table.cursor_key == SetKey(4)

    patiently(str(world.root), tell)


def test_an_export_and_an_undo_tell_where_and_what(world: World, tmp_path: Path) -> None:
    file = str(tmp_path / "hello.snapshot")

    async def tell(user: Patient) -> None:
        await user.sees("3 sets")
        inventory_of(user).start(Export(3, file))
        await user.sees(f"Exported #3 to {file} in 0:0")
        inventory_of(user).start(Restore(3))
        await user.sees("Restored #3 in 0:0")
        await user.sees("· undo until")
        await (await user.presses("u")).sees("Undo job 2")
        await (await user.presses("enter")).sees("Undone: job 2 (#3 hello) in 0:0")

    patiently(str(world.root), tell, (160, 40))


# -- keys and rows that move


def test_rows_that_move_under_the_cursor_take_no_key_for_half_a_second(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("3 sets")
        clock = user.app.place.clock = Clock()
        user.app.place.engine.forget((Forget(3),), Progress())  # somebody else
        await (await user.presses("R")).sees("2 sets")
        clock.now += 0.4
        await (await user.presses("r")).sees(UNSETTLED)
        assert isinstance(user.app.screen, InventoryScreen)
        user.app.place.engine.forget((Forget(2),), Progress())
        await (await user.presses("R")).sees("1 set")
        clock.now += 0.6
        await (await user.presses("r")).sees("Restore #1")

    patiently(str(world.root), tell)


def test_rows_that_a_key_has_moved_take_the_next_key(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("3 sets")
        user.app.place.clock = Clock()
        await (await user.presses("down", "e")).sees("Export #2")
        await user.presses("escape")
        await (await user.presses("o", "home", "e")).sees("Export #")

    patiently(str(world.root), tell)


def test_a_job_that_comes_above_is_not_the_one_that_x_aims_at(world: World) -> None:
    async def tell(user: Patient) -> None:
        with running(world, Save()) as first:
            await (await user.presses("J")).sees("job 1")
            with running(world, Save()) as second:
                await user.sees("2 running")
                assert user.table.cursor_key == "1", "the cursor stays on its job"
                await (await user.presses("x")).sees("Stop job 1")
                await user.presses("escape")
                second.finish(JobState.DONE, JobResult(4))
            first.finish(JobState.DONE, JobResult(5))

    patiently(str(world.root), tell)


# -- the job that was started


def test_a_started_job_is_the_one_that_j_shows(world: World) -> None:
    ended(world, Save(), JobState.DONE, set_id=3, ended=time.time())

    async def tell(user: Patient) -> None:
        await user.sees("3 sets")
        with running(world, Save()) as other:
            await user.sees("job 2")
            inventory_of(user).start(Import("/no/such/file"))
            await user.presses("J")
            await user.sees("import file")
            assert isinstance(user.app.screen, JobsScreen)
            await user.sees("no such file")
            assert user.table.cursor_key == "3"
            other.finish(JobState.DONE, JobResult(4))

    patiently(str(world.root), tell)


def test_keys_wait_for_a_job_that_is_being_started(world: World) -> None:
    async def tell(user: Patient) -> None:
        with running(world, Save()) as record:
            await (await user.presses("J")).sees("job 1")
            user.app.place.starts.begin()
            await (await user.presses("x")).sees("a job is being started: press again when it is listed")
            user.app.place.starts.end([])
            await (await user.presses("x")).sees("Stop job 1")
            await user.presses("escape")
            record.finish(JobState.DONE, JobResult(4))

    patiently(str(world.root), tell)


# -- what cannot be undone yet


def test_u_while_a_restore_runs_tells_that_it_runs(world: World) -> None:
    async def tell(user: Patient) -> None:
        with running(world, Restore(3)) as record:
            await user.sees("job 1")
            await (await user.presses("u")).sees("restore #3 is running; it can be undone when it has ended")
            await (await user.presses("J")).sees("job 1")
            await (await user.presses("u")).sees("restore #3 is running; it can be undone when it has ended")
            record.finish(JobState.CANCELLED)

    patiently(str(world.root), tell)
