"""Copies on the screens: the column, the overview, the push, and the screen of a repository."""

from pathlib import Path

import pytest

from backend import CheckCopies, Push
from backend.repository.names import PAYLOAD
from tests.support.builders import World
from tests.support.offsite import REPO, configure, copies_of, object_file, repository_of
from tests.tui.support.patient import Patient, patiently


@pytest.fixture(name="folder")
def repository_folder(tmp_path: Path) -> Path:
    return tmp_path / "offsite"


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "root")
    world.install("hello")
    for number in (1, 2, 3):
        world.add(number, "hello", {"x1": {"f": str(number)}}, time=f"2026-11-2{number}T09:00:00Z")
    world.write_state()
    configure(world)
    world.do(Push(REPO, (1, 2)))
    return world


def line(user: Patient, text: str) -> str:
    return next((row for row in user.screen().splitlines() if text in row), "")


async def opens_copies(user: Patient) -> None:
    await user.sees("offsite ")
    await user.presses("t")
    await user.sees("Repository offsite")
    await user.sees("2 copies")


def test_column_tells_where_each_set_has_copies(world: World) -> None:
    world.do(CheckCopies(REPO, ("2",)))

    async def tell(user: Patient) -> None:
        await user.sees("COPIES")
        assert "offsite ✓" in line(user, "#2 ")
        assert "offsite ?" in line(user, "#1 ")
        assert "–" in line(user, "▸ #3 ")
        assert "verified copy elsewhere" in line(user, "Checks")
        await user.presses("slash")
        await user.types("copies:none")
        await user.sees("#3 ")
        assert not line(user, "#1 ")

    patiently(str(world.root), tell, config=str(world.config))


def test_nothing_speaks_of_copies_where_no_repository_is_configured(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("#3 ")
        assert "COPIES" not in user.screen()
        assert "elsewhere" not in user.screen()
        await user.presses("P")
        await user.sees("no repository is configured: snapstow help repo says how one is added")
        await user.presses("t")
        await user.sees("no repository is configured")

    patiently(str(world.root), tell)


def test_push_sends_what_is_selected_and_is_told_when_it_ended(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("COPIES")
        await user.presses("P")
        await user.sees("Push #3")
        assert "push 3 offsite" in user.screen()
        await user.sees("Enter Push 1 set")
        await user.presses("enter")
        await user.sees("offsite ?")
        while "–" in line(user, "▸ #3 "):
            await user.waits()

    patiently(str(world.root), tell, config=str(world.config))
    assert sorted(copy.name.set_id for copy in copies_of(world)) == [1, 2, 3]


def test_push_says_what_is_there_already(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("COPIES")
        await user.presses("asterisk", "P")
        await user.sees("Push #1, #2, #3")
        await user.sees("#1, #2 are there already")
        assert "#3, " in line(user, "Sends")
        await user.presses("escape")

    patiently(str(world.root), tell, config=str(world.config))


def test_copy_is_looked_into(world: World) -> None:
    async def tell(user: Patient) -> None:
        await opens_copies(user)
        await user.presses("enter")
        await user.sees("hello saved 2026-11-22 09:00")
        await user.presses("escape")
        await user.sees("Repository offsite")

    patiently(str(world.root), tell, config=str(world.config))


def test_damaged_copy_is_told_and_not_looked_into(world: World, folder: Path) -> None:
    copy = next(copy for copy in copies_of(world) if copy.name.set_id == 2)
    payload = object_file(folder, copy, PAYLOAD)
    payload.write_bytes(payload.read_bytes()[:-1] + b"x")

    async def tell(user: Patient) -> None:
        await opens_copies(user)
        await user.presses("enter")
        await user.sees("is damaged")
        await user.sees("✗ damaged")
        assert "hello saved" not in user.screen()

    patiently(str(world.root), tell, config=str(world.config))


def test_copy_is_compared_with_the_data_in_place(world: World) -> None:
    async def tell(user: Patient) -> None:
        await opens_copies(user)
        await user.presses("d")
        await user.sees("Compare offsite:")
        await user.sees("hello")
        await user.presses("escape")
        await user.sees("Repository offsite")

    patiently(str(world.root), tell, config=str(world.config))


def test_details_are_what_the_manifest_says(world: World) -> None:
    async def tell(user: Patient) -> None:
        await opens_copies(user)
        await user.presses("D")
        await user.sees("where it was saved")
        await user.sees("hello 1.0")
        assert "the same is here as #2" in user.screen()

    patiently(str(world.root), tell, config=str(world.config))


@pytest.mark.parametrize(
    ("key", "title", "state"), [("c", "Check 1 copy", "✓ verified"), ("f", "Forget 1 copy", "1 copy ")]
)
def test_check_and_forget_are_jobs_whose_end_is_seen(world: World, key: str, title: str, state: str) -> None:
    async def tell(user: Patient) -> None:
        await opens_copies(user)
        await user.presses(key)
        await user.sees(title)
        await user.presses("enter")
        await user.sees(state)

    patiently(str(world.root), tell, config=str(world.config))


def test_pull_brings_a_set_that_is_gone_here(world: World) -> None:
    for path in world.snapshots.glob("2_*"):
        path.unlink()

    async def tell(user: Patient) -> None:
        await opens_copies(user)
        await user.sees("nothing like it is here")
        await user.presses("p")
        await user.sees("Pull 1 copy")
        await user.presses("enter")
        await user.sees("the same is here as #4")

    patiently(str(world.root), tell, config=str(world.config))
    assert [group.set_id for group in world.engine.sets()] == [1, 3, 4]


def test_other_machines_are_shown_on_wish(world: World, tmp_path: Path) -> None:
    with repository_of(world) as repository:
        other = repository.as_machine("web1-0badc0de")
        from backend.engine.copies.pushing import push
        from backend.progress import Progress

        push(world.engine, Push(REPO, (3,)), other, Progress())

    async def tell(user: Patient) -> None:
        await opens_copies(user)
        await user.sees("1 more copy of other machines: a")
        assert "web1" not in user.screen()
        await user.presses("a")
        await user.sees("web1")

    patiently(str(world.root), tell, config=str(world.config))


def test_copies_are_filtered_and_sorted(world: World) -> None:
    world.do(CheckCopies(REPO, ("1",)))

    async def tell(user: Patient) -> None:
        await opens_copies(user)
        await user.presses("slash")
        await user.types("never")
        await user.sees("1 copy ")
        await user.presses("escape")
        await user.sees("2 copies")
        await user.presses("o", "o", "o")
        await user.sees("sorted by attention needed")

    patiently(str(world.root), tell, config=str(world.config))


def test_repository_that_does_not_answer_is_told_and_what_is_known_stays(world: World, folder: Path) -> None:
    folder.rename(folder.with_name("unplugged"))

    async def tell(user: Patient) -> None:
        await user.sees("offsite ")
        await user.presses("t")
        await user.sees("2 copies")
        await user.sees("offsite")
        await user.sees("is it mounted?")

    patiently(str(world.root), tell, config=str(world.config))


def test_read_only_session_changes_nothing_there(world: World) -> None:
    async def tell(user: Patient) -> None:
        await opens_copies(user)
        for key in ("p", "f"):
            await user.presses(key)
            await user.sees("this session is read-only")

    patiently(str(world.root), tell, config=str(world.config), read_only=True)


def test_names_from_a_repository_are_no_markup(world: World, folder: Path) -> None:
    for path in folder.rglob("*.json"):
        path.write_text("[red]boo[/red]\x1b[31m")
    for kept in (world.root / "var/lib/snapstow/repositories").glob("*"):
        kept.unlink()

    async def tell(user: Patient) -> None:
        await user.sees("COPIES")
        await user.presses("t")
        await user.sees("✗ damaged")
        await user.sees("the manifest is damaged")
        assert "boo" not in user.screen()

    patiently(str(world.root), tell, config=str(world.config))
