"""What the lines below the table tell: which key is of use, what a key did, what became of a job."""

from dataclasses import replace
from pathlib import Path

import pytest

from backend import Export, Forget, Import, Operation, Restore, Save
from backend.progress import Progress
from tests.support.builders import World
from tests.support.journals import recorded
from tests.tui.support.patient import Patient, patiently


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "root")
    world.install("hello", data={"f": "small"})
    for number in (1, 2, 3):
        world.add(number, "hello", users={"alice": {"x1": {"f": "1"}}}, time=f"2024-01-0{number}T00:00:00Z")
    world.write_state()
    return world


def last_lines(user: Patient, count: int = 3) -> str:
    return "\n".join(user.screen().split("\n")[-count:])


def test_the_end_of_a_job_is_told_although_its_row_is_gone(world: World) -> None:
    async def tell(user: Patient) -> None:
        await (await user.presses("f")).sees("Enter Forget")
        await user.presses("enter")
        await user.sees("Forgot #3 in 0:0")
        await user.sees("2 sets")
        for _ in range(5):
            await user.waits()
        assert "Forgot #3 in 0:0" in last_lines(user)
        await user.presses("j")
        assert "hello 1.0 · revision" in last_lines(user, 9)

    patiently(str(world.root), tell)


def test_a_row_that_takes_the_place_of_another_is_told(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("3_hello")
        user.app.place.engine.forget((Forget(3),), Progress())  # somebody else
        await user.presses("R")
        await user.sees("2_hello")

    patiently(str(world.root), tell)


def test_how_the_rows_are_gathered_is_told(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.presses("v")
        assert "grouped by snap" in last_lines(user)

    patiently(str(world.root), tell)


def test_a_filter_without_a_match_is_told_until_there_is_one(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.presses("slash", *"zz")
        assert 'no match for "zz"' in last_lines(user)
        await user.presses("escape")
        assert "no match for" not in user.screen()
        assert "hello 1.0 · revision" in last_lines(user, 9)

    patiently(str(world.root), tell)


def test_messages_too_long_for_a_line_end_with_an_ellipsis(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.presses("slash")
        await user.types("z" * 200)
        assert "…" in last_lines(user)

    patiently(str(world.root), tell, (80, 24))


def test_the_command_of_several_sets_is_not_that_of_one(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.presses("asterisk", "y")
        assert "select one set" in last_lines(user)
        await user.presses("minus", "y")
        assert "copied: snapstow --demo restore 3" in last_lines(user)

    patiently(str(world.root), tell)


def test_ctrl_c_tells_how_to_leave(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.presses("ctrl+c")
        await user.sees("Ctrl+Q quits, jobs go on")

    patiently(str(world.root), tell, (60, 15))


def test_the_keys_below_the_jobs_are_those_of_the_job(world: World) -> None:
    journal = world.engine.journal
    with journal.job(recorded({"verb": Save.verb}), world.engine.root):
        pass  # as if its process had died

    async def tell(user: Patient) -> None:
        await user.presses("J")
        await user.sees("! interrupted")
        assert "t Finish or roll back" in last_lines(user, 1)
        assert "x Stop" not in last_lines(user, 1)
        assert "u Undo" not in last_lines(user, 1)
        await user.presses("x")
        assert "job 1 is not running: it is interrupted" in last_lines(user)

    patiently(str(world.root), tell)


@pytest.mark.parametrize(
    ("operation", "text"),
    [
        (Import("{file}"), "Nothing was added: one.snapshot is identical to #1"),
        (Restore(1, target_dir="{beside}"), "nothing was replaced"),
    ],
)
def test_an_end_that_changed_nothing_here_says_so(
    world: World, tmp_path: Path, operation: Operation, text: str
) -> None:
    names = {"file": str(tmp_path / "one.snapshot"), "beside": str(tmp_path / "beside")}
    world.do(Export(1, names["file"]))
    fields = {
        name: str(getattr(operation, name)).format(**names)
        for name in ("file", "target_dir")
        if hasattr(operation, name)
    }

    async def tell(user: Patient) -> None:
        await user.sees("3 sets")
        world.do(replace(operation, **fields))  # type: ignore[arg-type] # only what it has
        await user.presses("R")
        await user.sees(text)

    patiently(str(world.root), tell, (160, 30))
