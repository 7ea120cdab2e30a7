"""What the first screen does when sets, jobs and ages change under it."""

import time
from pathlib import Path

import pytest

from backend import open_engine
from backend.archive import Reader
from backend.engine.perform import perform_recorded
from backend.operations import Check, Export, Forget, Import, Restore
from backend.progress import Progress
from tests.support.builders import World
from tests.tui.support.inventory_world import make_model, make_root
from tests.tui.support.user import User, story
from tui.screens.inventory.screen import InventoryScreen
from tui.session.inventory import Pivot
from tui.session.place import Place
from tui.text import amount_text
from tui.views.set_keys import GroupKey, SetKey, SnapKey, owners_of
from tui.views.set_rows import Sort
from tui.widgets.details import folded

model = pytest.fixture(scope="module")(make_model)
root = pytest.fixture(make_root)


def inventory_of(user: User) -> InventoryScreen:
    screen = user.app.screen
    assert isinstance(screen, InventoryScreen)
    return screen


def test_ages_grow_while_the_screen_is_open(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    open_engine(root).check(Check(1), Progress())
    real = time.time

    async def tell(user: User) -> None:
        await user.sees("✓ verified")
        monkeypatch.setattr(time, "time", lambda: real() + 3 * 3600)
        await user.lets_time_pass()
        await user.sees("✓ verified 3h")

    story(root, tell)


def test_an_import_ends_with_the_new_set_under_the_cursor(root: str, tmp_path: Path) -> None:
    engine, file = open_engine(root), str(tmp_path / "one.snapshot")
    engine.export(Export(1, file), Progress())
    engine.forget((Forget(1),), Progress())

    async def tell(user: User) -> None:
        await user.sees("#9")
        await user.presses("slash", *"postgres", "enter")
        inventory_of(user).start(Import(file))
        await user.sees("imported")
        table = user.table
        assert isinstance(table.cursor_key, SetKey)
        assert table.cursor_key == SetKey(max(group.set_id for group in engine.sets()))
        assert engine.sets(table.cursor_key.set_id)[0].snapshots[0].snap == "hello-world"

    story(root, tell)


def test_an_opened_snapshot_tells_the_sizes_and_the_standing_of_its_archives(root: str) -> None:
    engine = open_engine(root)
    engine.check(Check(1, ("nextcloud",)), Progress())
    (snapshot,) = (candidate for candidate in engine.sets(1)[0].snapshots if candidate.snap == "nextcloud")
    with Reader.open(snapshot.path) as reader:
        stored = amount_text(reader.stored_size("archive.tgz"))

    async def tell(user: User) -> None:
        await user.sees("#1")
        await user.presses("end", "enter", "down", "down", "l")
        await user.sees(stored)
        line = next(line for line in user.screen().splitlines() if "archive.tgz" in line)
        assert stored in line
        assert "✓ verified" in line

    story(root, tell, (100, 40))


def test_undo_offers_stand_there_with_the_bytes_they_hold(root: str) -> None:
    engine = open_engine(root)
    perform_recorded(Restore(1), engine, lambda _job: lambda _event: None)
    (offer,) = engine.undo_offers()

    async def tell(user: User) -> None:
        await user.sees("undo 1")
        await user.presses("end")
        await user.sees(f"undo      job {offer.job}")
        assert f"holds {amount_text(offer.held)}" in user.screen()

    story(root, tell)


def test_the_newest_sets_are_shown_before_all_are_read(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.session.place._FEW", 2)
    first, last = Place(open_engine(root), ()).inventories()
    assert not first.complete
    assert last.complete
    assert max(first.by_id) == max(last.by_id)
    assert len(first.sets) < len(last.sets)


def test_c_asks_how_and_enter_checks(root: str) -> None:
    async def tell(user: User) -> None:
        await user.sees("#9")
        await user.presses("end", "c")
        await user.sees("Check 4 snapshots")
        await user.presses("enter")
        await user.sees("✓ verified")

    story(root, tell)


def test_a_wide_screen_shows_details_and_a_narrow_one_shows_them_alone(root: str) -> None:
    async def wide(user: User) -> None:
        await user.sees("unpacked")
        await user.presses("D")
        assert "unpacked" not in user.screen()

    async def narrow(user: User) -> None:
        await user.sees("#9")
        assert "unpacked" not in user.screen()
        await user.presses("D")
        await user.sees("unpacked")
        await user.presses("escape")
        assert "unpacked" not in user.screen()

    story(root, wide)
    story(root, narrow, (80, 24))


def test_the_palette_and_an_import_go_to_a_set_whatever_hides_it(root: str) -> None:
    async def tell(user: User) -> None:
        await user.sees("#9")
        screen = inventory_of(user)
        await user.presses("v", "slash", *"postgres", "enter")
        screen.go_to(7)
        await user.waits()
        assert user.table.cursor_key == SetKey(7)
        screen.sort_by(Sort.SIZE)
        await user.sees("sorted by size")

    story(root, tell)


@pytest.mark.parametrize(
    ("text", "room", "lines"),
    [
        ("one two three", 7, ["one two", "three"]),
        ("", 5, [""]),
        ("abcdefgh", 3, ["abc", "def", "gh"]),
        ("a 漢字漢字 b", 5, ["a", "漢字", "漢字", "b"]),
    ],
)
def test_details_are_folded_to_the_pane(text: str, room: int, lines: list[str]) -> None:
    assert folded(text, room) == lines


def test_below_a_user_only_that_users_data_are_meant(root: str) -> None:
    async def tell(user: User) -> None:
        await user.sees("#1")
        await user.presses("v", "v")
        await user.sees("▸ bob")
        screen = inventory_of(user)
        user.table.select(GroupKey(Pivot.USER, "alice"))
        await user.presses("l")
        user.table.select(GroupKey(Pivot.USER, "bob"))
        await user.presses("l", "down")
        await user.sees("▾ bob")
        (snapshot,) = screen.chosen()
        assert user.table.cursor_key == SnapKey(snapshot.set_id, snapshot.path, "bob")
        await user.presses("y")
        await user.sees("copied: snapstow")
        assert user.app.clipboard.endswith("--users=bob")

    story(root, tell)


def test_whose_rows_were_chosen() -> None:
    alice, bob = GroupKey(Pivot.USER, "alice"), SnapKey(1, "/p", "bob")
    assert owners_of({alice, bob}) == ("alice", "bob")
    assert owners_of({alice, SnapKey(1, "/p")}) == ()
    assert owners_of({GroupKey(Pivot.USER, "(system)")}) == ()


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (40, 10), (1, 1)])
def test_a_store_that_cannot_be_listed_is_told_in_its_place_and_once(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    store = World(tmp_path).snapshots
    store.parent.mkdir(parents=True)
    store.write_text("no directory")

    async def tell(user: User) -> None:
        await user.presses("space", "asterisk", "enter", "minus", "r")
        await user.lets_time_pass()
        if size[0] >= 40:
            await user.sees("snapstow")
            text = " ".join(user.screen().replace("│", " ").split())
            assert "cannot open snapshots directory" in text
            assert "there is nothing to restore" in text or size[1] < 24
        await user.presses("exclamation_mark")
        if size[0] >= 80:
            await user.sees("cannot open snapshots directory")
            assert "Nothing needs attention" not in user.screen()
        await user.presses("escape")
        store.unlink()
        store.mkdir()
        await user.presses("R")
        if size[0] >= 80:
            await user.sees("0 sets")

    story(str(tmp_path), tell, size)
