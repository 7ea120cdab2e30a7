"""Finding files in many snapshots, told as stories."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from backend import Progress
from backend.browse import Missed
from tests.support.builders import World
from tests.tui.support.patient import Patient, patiently
from tui.screens.search import SearchScreen
from tui.views import search_rows as hits
from tui.views.search_rows import SearchProgress, pattern_of, progress_text

Tell = Callable[[Patient], Awaitable[object]]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Three sets; the file is the same in the first two."""
    world = World(tmp_path / "root")
    world.install("cloud", common={"config.php": "live"})
    world.remember("cloud")
    for number, text in ((1, "one\n"), (2, "one\n"), (3, "three\n")):
        time = f"2026-0{number}-01T00:00:00Z"
        users = {"alice": {"common": {"config.php": "hers"}}} if number == 3 else {}
        world.add(number, "cloud", {"common": {"config.php": text, "other": "x"}}, time=time, users=users)
    return world


def search(world: World, tell: Tell, what: str = "config", **options: Any) -> None:
    async def play(user: Patient) -> None:
        await user.knows_the_sets()
        await user.presses("F")
        await user.types(what)
        await user.presses("enter")
        await tell(user)

    patiently(str(world.root), play, options.pop("size", (90, 24)), **options)


def finding(user: Patient) -> SearchScreen:
    assert isinstance(user.app.screen, SearchScreen)
    return user.app.screen


def test_hits_are_the_versions_of_a_file_oldest_first(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("2 files found in 3 snapshots")
        lines = user.screen().splitlines()
        at = next(number for number, line in enumerate(lines) if "cloud: common/config.php" in line)
        assert "2 versions" in lines[at]
        assert "oldest" in lines[at + 1]
        assert "#1, #2" in lines[at + 1]
        assert "newest" in lines[at + 2]
        assert "#3" in lines[at + 2]
        assert "cloud, alice: common/config.php" in user.screen()

    search(world, tell)


def test_enter_shows_the_version_and_escape_comes_back(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("2 versions")
        await user.presses("down", "enter")
        await user.sees("one")
        await user.presses("escape")
        assert finding(user)

    search(world, tell)


def test_a_version_is_compared_with_the_one_before_it(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("2 versions")
        await user.presses("down", "down", "d")
        await user.sees("-one")
        await user.sees("+three")

    search(world, tell)


def test_the_oldest_is_compared_with_what_is_in_place(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("2 versions")
        await user.presses("down", "d")
        await user.sees("the live file")
        await user.sees("+live")

    search(world, tell)


def test_a_version_is_put_back_from_the_newest_set_that_has_it(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("2 versions")
        await user.presses("down")
        wanted = finding(user).extraction()
        assert wanted is not None
        assert (wanted.set_id, wanted.items) == (2, ("cloud:common/config.php",))
        await user.presses("r")
        await user.sees("Restore 1 item from #2")

    search(world, tell)


def test_nothing_found_says_how_much_was_searched(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("0 files found in 3 snapshots")
        await user.presses("down", "r")
        await user.sees("nothing is selected")

    search(world, tell, "no-such-file")


def test_unreadable_archives_are_told(world: World) -> None:
    world.add(4, "bad", b"no archive at all")

    async def tell(user: Patient) -> None:
        await user.sees("1 archive not fully searched")

    search(world, tell)


def test_contents_are_not_shown_where_previews_are_off(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("2 versions")
        await user.presses("down", "enter")
        await user.sees("previews are off")

    search(world, tell, previews=False)


def test_a_search_is_stopped_and_keeps_what_it_found(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = Event()

    def endless(_where: object, _pattern: str, _own: str, progress: Progress, **_options: object) -> Any:
        stopped = Event()
        with progress.on_cancel(stopped.set):
            begun.set()
            stopped.wait()
        progress.raise_if_cancelled()
        yield from ()

    monkeypatch.setattr(hits, "searched", endless)

    async def tell(user: Patient) -> None:
        await user.sees("#1")
        await user.presses("F")
        await user.types("config")
        await user.pilot.press("enter")
        while not begun.is_set():
            await user.pilot.pause(0.01)
        await user.pilot.press("x")
        await user.waits()
        await user.sees("0 files found · stopped after 0 of 3 snapshots: the rest was not searched")
        await user.presses("x")
        await user.sees("no search is running")

    patiently(str(world.root), tell, (90, 24))


@pytest.mark.parametrize("size", [(60, 15), (40, 10), (20, 5), (3, 2)])
def test_no_size_is_too_small(world: World, size: tuple[int, int]) -> None:
    async def tell(user: Patient) -> None:
        await user.presses("down", "enter", "escape", "d", "escape")
        assert user.screen().count("\n") == size[1] - 1

    search(world, tell, size=size)


@pytest.mark.parametrize(
    ("typed", "pattern"),
    [("", ""), ("conf", "*conf*"), ("*.php", "*.php"), ("etc/conf", "etc/*conf*"), ("a?", "a?")],
)
def test_words_are_looked_for_anywhere_in_a_name(typed: str, pattern: str) -> None:
    assert pattern_of(typed) == pattern


def test_progress_is_told_in_words() -> None:
    assert progress_text(SearchProgress(2, 41), 3, "").startswith("searching 3 of 41…")
    done = SearchProgress(41, 41, (Missed(None, "f", "e", "why"),), complete=True)
    assert progress_text(done, 1, "") == "1 file found in 41 snapshots · 1 archive not fully searched"
