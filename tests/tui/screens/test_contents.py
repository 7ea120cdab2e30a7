"""Looking inside snapshots and files, told as stories; archives of both makers, damaged and hostile ones."""

import pytest

from tests.support.builders import World
from tests.tui.support.contents_world import contents, cursor_line, goes_to, inventory, look, make_world
from tests.tui.support.patient import Patient, patiently

world = pytest.fixture(make_world)


def test_the_tops_are_told_in_words_with_their_real_paths(world: World) -> None:
    async def tell(user: Patient) -> None:
        for text in ("data of this revision", "common data", "alice's data", "bob's data"):
            await user.sees(text)
        await goes_to(user, "alice's data")
        await user.sees("/home/alice/snap/cloud")
        await goes_to(user, "common data")
        await user.sees("/var/snap/cloud/common")

    look(world, tell)


def test_enter_goes_in_and_escape_comes_back_to_where_one_was(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("common data")
        await goes_to(user, "common data")
        await user.presses("enter")
        await user.sees("notes.txt")
        await goes_to(user, "folder")
        await user.presses("l")
        await user.sees("inner")
        await user.presses("escape")
        await user.sees("notes.txt")
        assert "folder" in cursor_line(user)
        await user.presses("backspace")
        assert "common data" in cursor_line(user)
        await user.presses("h")
        assert user.app.screen is inventory(user)

    look(world, tell)


def test_a_file_is_read_under_its_name_in_the_snapshot(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("common data")
        await goes_to(user, "common data")
        await user.presses("enter")
        await user.sees("folder")
        await goes_to(user, "folder")
        await user.presses("enter")
        await goes_to(user, "inner")
        await user.presses("enter")
        await user.sees("line 1 of 1")
        assert (
            user.screen().splitlines()[0].strip() == "snapstow   #1 cloud rev x1 › common data › folder/inner"
        )
        await user.pilot.resize_terminal(30, 10)
        await user.waits()
        head = user.screen().splitlines()[0].strip()
        assert "…" in head
        assert head.endswith("inner")

    look(world, tell)


def test_the_archive_of_a_row_is_opened_itself(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("#1")
        await user.presses("l", "down", "l", "down", "down", "enter")
        await user.sees("alice's data")
        await user.sees("common data")
        await user.presses("h")
        await user.sees("bob's data")

    patiently(str(world.root), tell, (80, 24))


def test_rows_tell_size_time_mode_owner_and_where_links_lead(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("common data")
        await goes_to(user, "common data")
        await user.presses("enter")
        await goes_to(user, "big.bin")
        line = cursor_line(user)
        assert "10.2 kB" in line
        assert "-rw-r--r--" in line
        assert "█" in line
        await goes_to(user, "way")
        assert "→ /etc/passwd" in cursor_line(user)

    look(world, tell, (200, 40))


def test_another_order_keeps_the_cursor_on_its_row(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("common data")
        await goes_to(user, "common data")
        await user.presses("enter")
        await user.sees("notes.txt")
        await goes_to(user, "notes.txt")
        await user.presses("o")
        await user.sees("sorted by size")
        head = next(number for number, line in enumerate(user.screen().splitlines()) if "NAME" in line)
        assert "big.bin" in user.screen().splitlines()[head + 1]
        assert "notes.txt" in cursor_line(user)

    look(world, tell)


def test_marks_stay_over_folders_and_archives_and_become_one_extraction(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("common data")
        await goes_to(user, "common data")
        await user.presses("enter")
        await goes_to(user, "notes.txt")
        await user.presses("space", "h")
        await goes_to(user, "alice's data")
        await user.presses("enter")
        await user.sees("common data")
        await user.presses("space")
        await user.sees("2 selected")
        wanted = contents(user).extraction()
        assert wanted is not None
        assert wanted.items == ("cloud:common/notes.txt", "cloud:user/alice/common")
        await user.presses("r")
        await user.sees("Restore 2 items from #1")
        await user.sees("replace  common/notes.txt")

    look(world, tell, (100, 30))


def test_leaving_with_marks_takes_a_second_key(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("common data")
        await user.presses("space", "escape")
        await user.sees("selection cleared")
        await user.presses("escape")
        assert user.app.screen is inventory(user)

    look(world, tell)


def test_all_of_a_folder_is_marked_at_once(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("common data")
        await goes_to(user, "common data")
        await user.presses("enter")
        await user.sees("notes.txt")
        await user.presses("asterisk")
        await user.sees("4 selected")
        await user.presses("minus")
        assert not contents(user).table.marked

    look(world, tell)
