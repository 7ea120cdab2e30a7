"""Finding files in many snapshots, told as stories."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from backend import Export, Progress
from backend.browse import Missed, PathPattern, search_files
from tests.support.builders import World
from tests.tui.support.patient import Patient, patiently
from tui.screens.contents.screen import ContentsScreen
from tui.screens.inventory.screen import InventoryScreen
from tui.screens.search import SearchScreen
from tui.views import search_rows as hits
from tui.views.search_rows import SearchProgress, missed_text, progress_text

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


def row_of(user: Patient, text: str) -> str:
    return next(line for line in user.screen().splitlines() if text in line)


def test_every_version_is_a_row_with_its_sets_the_newest_first(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("2 files in 3 versions · 3 snapshots searched")
        rows = [line for line in user.screen().splitlines() if "common/config.php" in line][:3]
        assert sorted(re.sub(r".*config.php +", "", row).split("  ")[0] for row in rows) == [
            "cloud",
            "cloud",
            "cloud, alice",
        ]
        mine = [row for row in rows if "alice" not in row]
        assert [re.findall(r"#\d", row) for row in mine] == [["#3"], ["#2", "#1"]]

    search(world, tell)


@pytest.mark.parametrize("typed", ["onf", "common/con", "php config", "*.php", "c*/con*"])
def test_words_match_anywhere_and_patterns_whole_names(world: World, typed: str) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("2 files in 3 versions")

    search(world, tell, typed)


def test_words_with_capitals_match_no_other_case(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("nothing found · 3 snapshots searched")

    search(world, tell, "Config")


async def to_the_oldest(user: Patient) -> None:
    """Put the cursor on the version of the sets 1 and 2."""
    await user.sees("3 versions")
    await user.presses("g")
    while "in #2 #1" not in user.screen():
        await user.presses("down")


def test_enter_opens_the_snapshot_on_the_file_and_escape_comes_back(world: World) -> None:
    async def tell(user: Patient) -> None:
        await to_the_oldest(user)
        before = user.table.cursor_key
        await user.presses("enter")
        await user.sees("#2 cloud rev x1 › common data")
        assert isinstance(user.app.screen, ContentsScreen)
        assert user.app.screen.item is not None
        assert user.app.screen.item.location.path == b"common/config.php"
        await user.presses("escape")
        assert finding(user)
        assert user.table.cursor_key == before
        assert "3 versions" in user.screen()

    search(world, tell)


def test_a_hit_in_a_file_is_opened_in_that_file(world: World, tmp_path: Path) -> None:
    world.add(3, "other", {"common": {"f": "1"}}, time="2026-03-01T00:00:00Z")
    world.do(Export(3, str(tmp_path / "three")))
    for path in world.snapshots.glob("*.zip"):
        path.unlink()

    async def tell(user: Patient) -> None:
        await user.waits()
        user.screen_of(InventoryScreen).show_contents(str(tmp_path / "three"))
        await user.sees("cloud 1.0 rev x1")
        await user.presses("F")
        await user.types("config")
        await user.presses("enter")
        await user.sees("2 files")
        while "cloud, alice" not in next(line for line in user.screen().splitlines() if line.startswith("▌")):
            await user.presses("down")
        await user.presses("enter")
        await user.sees("cloud rev x1 › alice's data › common data")
        assert isinstance(user.app.screen, ContentsScreen)
        assert user.app.screen.file == str(tmp_path / "three")

    patiently(str(world.root), tell, (90, 24))


def test_escape_comes_back_only_from_where_the_file_is(world: World) -> None:
    async def tell(user: Patient) -> None:
        await to_the_oldest(user)
        for keys in (("h",), ("h", "l")):
            await user.presses("enter")
            await user.sees("› common data")
            for key in keys:
                await user.presses(key)
            await user.presses("escape")
            await user.sees("3 versions")

    search(world, tell)


def test_a_file_is_restored_with_four_keys_and_its_name(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.knows_the_sets()
        await user.presses("F")
        await user.types("other")
        await user.presses("enter")
        await user.sees("1 file")
        await user.presses("r")
        await user.sees("Restore 1 item from #3")
        await user.presses("enter")
        (job,) = user.app.place.engine.journal.records()
        assert job.verb == "extract"

    patiently(str(world.root), tell, (90, 24))


def test_a_version_is_compared_with_the_version_before_it(world: World) -> None:
    async def tell(user: Patient) -> None:
        await to_the_oldest(user)
        await user.presses("up", "d")
        await user.sees("-one")
        await user.sees("+three")

    search(world, tell)


def test_the_oldest_is_compared_with_what_is_in_place(world: World) -> None:
    async def tell(user: Patient) -> None:
        await to_the_oldest(user)
        await user.presses("d")
        await user.sees("the live file")
        await user.sees("+live")

    search(world, tell)


def test_a_version_is_put_back_from_the_newest_set_that_has_it(world: World) -> None:
    async def tell(user: Patient) -> None:
        await to_the_oldest(user)
        wanted = finding(user).extraction()
        assert wanted is not None
        assert (wanted.set_id, wanted.items) == (2, ("cloud:common/config.php",))
        await user.presses("r")
        await user.sees("Restore 1 item from #2")

    search(world, tell)


def test_nothing_found_says_how_much_was_searched(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("nothing found · 3 snapshots searched")
        await user.presses("down", "r")
        await user.sees("nothing is selected")

    search(world, tell, "no-such-file")


def test_a_line_that_does_not_fit_shows_that_it_goes_on(world: World) -> None:
    world.add(4, "bad", b"no archive at all")
    (world.snapshots / "5_cloud_1.0_x1.zip").write_bytes(b"none")

    async def tell(user: Patient) -> None:
        await user.sees("not searched: #5 cloud; only in part: …")

    search(world, tell, size=(40, 20))


def test_unreadable_sets_are_told_once_and_never_offered(world: World) -> None:
    world.add(4, "bad", b"no archive at all")
    (world.snapshots / "5_cloud_1.0_x1.zip").write_bytes(b"none")

    async def tell(user: Patient) -> None:
        await user.sees("not searched: #5 cloud; only in part: #4 bad")
        await user.sees("4 of 5 snapshots searched")
        assert user.screen().count("#5") == 1
        await user.presses("down", "up")
        await user.sees("not searched: #5 cloud; only in part: #4 bad")

    search(world, tell)


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
def test_the_extent_of_a_search_stays_in_sight(world: World, size: tuple[int, int]) -> None:
    async def tell(user: Patient) -> None:
        await user.presses("down")
        await user.sees("2 files in 3 versions · 3 snapshots searched")

    search(world, tell, size=size)


def test_a_search_is_stopped_and_keeps_what_it_found(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = Event()

    def endless(_where: object, _pattern: object, _state: str, progress: Progress, **_options: object) -> Any:
        stopped = Event()
        with progress.on_cancel(stopped.set):
            begun.set()
            stopped.wait()
        progress.raise_if_cancelled()
        yield from ()

    monkeypatch.setattr(hits, "search_files", endless)

    async def tell(user: Patient) -> None:
        await user.sees("#1")
        await user.presses("F")
        await user.types("config")
        await user.pilot.press("enter")
        while not begun.is_set():
            await user.pilot.pause(0.01)
        await user.pilot.press("x")
        await user.waits()
        await user.sees("stopped: 0 of 3 snapshots searched, 0 files so far")
        await user.presses("x")
        await user.sees("no search is running")
        await user.sees("stopped: 0 of 3 snapshots searched, 0 files so far")

    patiently(str(world.root), tell, (90, 24))


def test_the_cursor_follows_the_newest_and_no_key_acts_on_a_row_that_just_came(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path / "root")
    for number, name in ((1, "config-a"), (2, "config-b")):
        world.add(number, "cloud", {"common": {name: "1"}}, time=f"2026-0{number}-01T00:00:00Z")
    engine, second_may_be = world.engine, Event()
    list(search_files(engine.sets(2)[0].snapshots, PathPattern("x"), engine.state_dir, Progress()))  # indexed

    def slowly(where: Any, *arguments: Any, read_others: bool) -> Any:
        if read_others:
            second_may_be.wait()
        yield from search_files(where, *arguments, read_others=read_others)

    monkeypatch.setattr(hits, "search_files", slowly)

    async def tell(user: Patient) -> None:
        user.app.place.clock = lambda: 0.0
        await user.knows_the_sets()
        await user.presses("F")
        await user.types("config")
        await user.pilot.press("enter")
        while "common/config-b · changed" not in user.screen():
            await user.pilot.pause(0.01)
        second_may_be.set()
        await user.sees("common/config-a · changed")
        await user.presses("r")
        await user.sees("the rows just moved: press again")
        await user.presses("r")
        await user.sees("Restore 1 item from #1")

    patiently(str(world.root), tell, (90, 24))


@pytest.mark.parametrize("size", [(60, 15), (40, 10), (20, 5), (3, 2)])
def test_no_size_is_too_small(world: World, size: tuple[int, int]) -> None:
    async def tell(user: Patient) -> None:
        await user.presses("down", "enter", "escape", "d", "escape")
        assert user.screen().count("\n") == size[1] - 1

    search(world, tell, size=size)


def test_progress_is_told_in_words() -> None:
    assert progress_text(SearchProgress(2, 41), ()) == "searching 3 of 41 · 0 files so far"
    stopped = SearchProgress(1, 5, complete=True, stopped=True)
    assert progress_text(stopped, ()) == "stopped: 1 of 5 snapshots searched, 0 files so far"
    missed = (Missed(None, "f", "", "why"), Missed(None, "g", "archive.tgz", "cut"))
    done = SearchProgress(41, 41, missed, complete=True)
    assert progress_text(done, ()) == "nothing found · 40 of 41 snapshots searched"


def test_missed_places_are_told_in_one_line() -> None:
    missed = [Missed(None, name, "", "why") for name in "abcde"]
    assert missed_text(missed) == "not searched: a, b, c, 2 more"
    assert missed_text(missed[:1], reasons=True) == "not searched: a (why)"
    assert missed_text([Missed(None, "f", "archive.tgz", "cut")]) == "only in part: f"
    assert missed_text(()) == ""


def test_one_long_name_leaves_room_for_the_other_places_not_searched() -> None:
    text = missed_text([Missed(None, name, "", "why") for name in ("a" * 300, "b", "c", "d")])
    assert text.endswith(", b, c, 1 more")
    assert len(text) < 80
