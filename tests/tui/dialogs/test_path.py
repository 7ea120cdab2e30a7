"""Stories of directories being walked through for a file to import."""

import os
from pathlib import Path

import pytest

from backend import Import
from backend.fs import list_mounts, media_points
from tests.support.builders import World
from tests.tui.support.patient import Patient, patiently
from tests.tui.support.places import (
    HOSTILE,
    cursor_name,
    exported_set,
    place_of,
    reads,
    stands_on,
    wording,
    working_directory,
    world_of_two,
)
from tui.dialogs.import_set import AskImport
from tui.session.paths import MOST_COUNTED

__all__ = ["exported_set", "working_directory", "world_of_two"]


def test_directories_are_walked_with_enter_and_h(world: World, exported: Path) -> None:
    async def tell(user: Patient) -> None:
        await user.is_asked(AskImport(place_of(user)))
        await reads(user, "e.snapshot")
        await user.sees("F2 places   h up   . hidden")
        await reads(await user.presses("down", "h"), "here/")
        assert cursor_name(user) == "here"
        await reads(await user.presses("l"), "e.snapshot")
        await user.types("/nowhere/", "#path")
        await reads(user, "No such file or directory")
        await reads(await user.presses("enter"), "choose a file first")

    patiently(str(world.root), tell)


def test_from_a_file_back_to_its_directory(world: World, exported: Path) -> None:
    async def tell(user: Patient) -> None:
        await user.is_asked(AskImport(place_of(user)))
        await user.types("e.snapshot", "#path")
        await reads(user, "exported")
        await user.sees("Space choose   h back")
        await reads(await user.presses("f2"), "1 name")
        await user.presses("end", "enter")
        await reads(user, "exported")
        await reads(await user.presses("h"), "1 name")

    patiently(str(world.root), tell)


def test_exports_come_first_and_hidden_names_when_asked_for(world: World, exported: Path, here: Path) -> None:
    (here / "a.txt").write_text("")
    (here / ".hidden").write_text("")
    (here / "zdir").mkdir()

    async def tell(user: Patient) -> None:
        await user.is_asked(AskImport(place_of(user)))
        await reads(user, "3 names, 1 hidden")
        shown = user.screen()
        assert shown.index("zdir/") < shown.index("e.snapshot") < shown.index("a.txt")
        assert ".hidden" not in shown
        await reads(await user.presses("down", "full_stop"), ".hidden")
        await reads(user, "4 names")
        await user.presses("full_stop")
        await reads(user, "1 hidden")

    patiently(str(world.root), tell)


def test_places_are_jumped_to(world: World, exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = exported.parent / "home-of-mine"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))

    async def tell(user: Patient) -> None:
        await user.is_asked(AskImport(place_of(user)))
        await user.presses("down")
        await reads(await user.presses("f2"), "working directory")
        assert all(point in wording(user) for point in media_points(list_mounts())[:3])
        await reads(await user.presses("f2"), "e.snapshot")
        await user.presses("f2")
        await stands_on(user, str(home))
        await reads(await user.presses("enter"), "this directory is empty")

    patiently(str(world.root), tell)


def test_a_directory_that_vanishes_says_so(world: World, here: Path) -> None:
    (here / "sub").mkdir()

    async def tell(user: Patient) -> None:
        await user.is_asked(AskImport(place_of(user)))
        await stands_on(user, "sub/")
        (here / "sub").rmdir()
        await reads(await user.presses("enter"), "No such file or directory")
        await reads(await user.presses("h"), "this directory is empty")
        (here / "new").mkdir()
        await reads(await user.presses("f5"), "new/")

    patiently(str(world.root), tell)


def test_a_huge_directory_is_told_in_words(world: World, here: Path) -> None:
    for number in range(MOST_COUNTED + 1):
        os.mknod(here / f"n{number:05}")

    async def tell(user: Patient) -> None:
        await user.is_asked(AskImport(place_of(user)))
        await reads(user, "the first 10,000 names of more")
        await user.types("n0001", "#path")
        await reads(user, "10 names")

    patiently(str(world.root), tell)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_shown_and_can_be_chosen(
    world: World, exported: Path, here: Path, name: str
) -> None:
    os.rename(exported, here / name)

    async def tell(user: Patient) -> None:
        await user.is_asked(AskImport(place_of(user)))
        await reads(user, "1 name")
        await user.presses("down", "end", "enter")
        await reads(user, "identical to #1")
        assert "\x1b" not in wording(user)
        await user.presses("enter")
        await user.waits()

    assert patiently(str(world.root), tell) == [Import(f"{here}/{name}")]


@pytest.mark.parametrize("size", [(40, 10), (20, 5)])
def test_on_the_smallest_screen_nothing_breaks(world: World, exported: Path, size: tuple[int, int]) -> None:
    async def tell(user: Patient) -> None:
        await user.is_asked(AskImport(place_of(user)))
        await user.presses("down", "f2", "f2", "end", "enter", "down", "space", "h", "escape")

    assert patiently(str(world.root), tell, size) == [None]


def test_help_tells_the_keys_of_walking_as_well(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.is_asked(AskImport(place_of(user)))
        await user.presses("down", "question_mark")
        await reads(user, "F2 Browse")
        await reads(user, "* All")

    patiently(str(world.root), tell, (120, 40))
