"""The first screen, told as stories over the demo's world."""

import os
import shutil
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from backend import Revision, Snapshot, SnapshotError, SnapshotSet, demo_root, open_engine
from backend.archive import Reader
from backend.engine.perform import perform_recorded
from backend.jobs import JobState
from backend.jobs.result import JobResult
from backend.operations import Check, Export, Forget, Import, Restore
from backend.progress import Progress
from backend.store import CheckState, CheckStatus
from tests.support.journals import recorded
from tests.tui.support.settling import tick
from tests.tui.support.user import User, story
from tui.screens.inventory import keys as verbkeys
from tui.screens.inventory.screen import InventoryScreen
from tui.session.inventory import InventoryData, Pivot
from tui.session.job_views import JobBoard
from tui.session.place import Place
from tui.text import size_text
from tui.views.set_rows import GroupKey, SetKey, SnapKey, Sort, View, Wish, covered, owners_of, rows
from tui.widgets.details import folded


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
        return demo_root()


@pytest.fixture
def root(model: str, tmp_path: Path) -> str:
    """A demo of the test's own."""
    return shutil.copytree(model, str(tmp_path / "demo"), symlinks=True)


def row_of(user: User, text: str) -> str:
    return next(line for line in user.screen().splitlines() if f"▸ {text}" in line)


def test_every_set_is_there_and_what_is_broken_stands_out(root: str) -> None:
    async def tell(user: User) -> None:
        await user.sees("#1")
        assert "BROKEN" in row_of(user, "#9")
        assert "BROKEN" in row_of(user, "#8")
        assert "auto" in row_of(user, "#2")
        assert "2 BROKEN" in user.screen().splitlines()[0]
        assert "#10 " not in user.screen()

    story(root, tell)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (60, 15), (40, 10), (3, 2)])
def test_no_size_is_too_small_to_draw(root: str, size: tuple[int, int]) -> None:
    async def tell(user: User) -> None:
        assert user.screen().count("\n") == size[1] - 1
        if size[0] >= 40:
            await user.sees("#9")

    story(root, tell, size)


def test_a_set_opens_to_its_snaps_and_their_archives(root: str) -> None:
    async def tell(user: User) -> None:
        await user.sees("#1")
        await user.presses("end", "enter")
        await user.sees("telegram_work 5.2.3")
        await user.presses("end", "l")
        await user.sees("user/alice.tgz")
        await user.presses("h")
        assert "user/alice.tgz" not in user.screen()

    story(root, tell, (100, 40))


def test_the_filter_works_while_typing_and_escape_takes_it_away(root: str) -> None:
    async def tell(user: User) -> None:
        await user.sees("#1")
        await user.presses("slash", *"postgres")
        assert "#5" in user.screen()
        assert "#9" not in user.screen()
        await user.presses("x")
        await user.sees('nothing matches "postgresx"')
        await user.presses("escape")
        await user.sees("#9")

    story(root, tell)


def test_sets_needing_attention_can_be_sorted_first(root: str) -> None:
    open_engine(root).check(Check(7), Progress())

    async def tell(user: User) -> None:
        await user.sees("FAILED")
        await user.presses("o", "o", "o")
        await user.sees("sorted by needs attention")
        lines = [line for line in user.screen().splitlines() if "▸" in line]
        assert [line.split()[1] for line in lines[:3]] == ["#9", "#8", "#7"]

    story(root, tell)


def test_a_check_is_remembered_with_its_age(root: str) -> None:
    open_engine(root).check(Check(1, structure=True), Progress())

    async def tell(user: User) -> None:
        await user.sees("✓ OK")
        assert "✓ OK" in row_of(user, "#1")
        assert "? NEVER" in row_of(user, "#3")

    story(root, tell)


def test_marks_are_counted_and_verbs_act_on_all_marked(root: str) -> None:
    async def tell(user: User) -> None:
        await user.sees("#1")
        await user.presses("space", "space")
        await user.sees("2 marked")
        await user.presses("r")
        await user.sees("choose one set to restore")
        await user.presses("minus")
        assert "marked" not in user.screen()

    story(root, tell)


def test_pivot_gathers_by_snap_and_by_user(root: str) -> None:
    async def tell(user: User) -> None:
        await user.sees("#1")
        await user.presses("v")
        await user.sees("▸ telegram_work")
        assert "#2, #1" in row_of(user, "telegram_work")
        await user.presses("v")
        await user.sees("▸ bob")
        assert "#2, #1" in row_of(user, "bob")

    story(root, tell)


def test_inventory_follows_the_directory_and_keeps_the_cursor(root: str) -> None:
    engine = open_engine(root)

    async def tell(user: User) -> None:
        await user.sees("#9")
        await user.presses("down", "down")
        here = row_of(user, "#7")
        engine.forget(Forget(9), Progress())
        for _ in range(100):
            if "#9 " not in user.screen():
                break
            await user.presses("f5")
        assert "#9 " not in user.screen()
        assert here.split()[1] == "#7"
        await user.presses("space")
        await user.sees("1 marked")
        assert row_of(user, "#7").lstrip().startswith("●")

    story(root, tell)


def test_read_only_refuses_every_change_with_a_word(root: str) -> None:
    async def tell(user: User) -> None:
        await user.sees("read-only")
        for key in "rsifu":
            await user.presses(key)
            await user.sees("this session is read-only")

    story(root, tell, read_only=True)


def test_hostile_names_are_harmless(root: str) -> None:
    engine = open_engine(root)
    (good,) = engine.sets(3)[0].snapshots
    hostile = f"{engine.layout.snapshots}/77_[red]x\x1b]0;T\x07[b].zip"
    os.link(good.path, hostile)
    with Reader.open(hostile) as reader:
        assert not reader.snapshot.broken

    async def tell(user: User) -> None:
        await user.sees("#77")
        assert "\x1b" not in user.screen()
        assert "[red]x" in user.screen()

    story(root, tell, (200, 40))


def test_ten_thousand_snapshots_are_rows_at_once() -> None:
    snapshots = [
        Snapshot(n, "2026-11-22T09:09:36Z", "snap-a", Revision(1), path=f"/s/{n}.zip", sums={})
        for n in range(1, 10_001)
    ]
    sets = tuple(SnapshotSet(one.set_id, (one,)) for one in snapshots)
    standing = {one.path: CheckStatus(CheckState.NEVER) for one in snapshots}
    stock = InventoryData(sets, standing).worked_out()
    drawn = rows(View(stock, time.time(), 120), Wish(filter="#77"))
    assert {row.draw().cells[0] for row in drawn} >= {"#77", "#7777"}
    everything = rows(View(stock, time.time(), 120), Wish())
    assert len(everything) == 10_000
    assert covered(stock, {row.key for row in everything}) == snapshots
    for pivot in Pivot:
        assert rows(View(stock, time.time(), 120), Wish(pivot))


def test_one_look_at_a_time_and_f5_is_followed_by_another(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    real = Place.stock
    go_on = threading.Event()

    def slow(place: Place) -> InventoryData:
        looks.append(1)
        assert go_on.wait(10)
        return real(place)

    async def tell(user: User) -> None:
        await user.sees("#9")
        monkeypatch.setattr(Place, "stock", slow)
        screen = user.app.screen
        assert isinstance(screen, InventoryScreen)
        screen.action_look()
        for _ in range(5):
            await tick(screen)
        screen.action_look()
        go_on.set()
        await user.waits()
        assert len(looks) == 2

    story(root, tell)


def test_trouble_leaves_what_is_shown(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = open_engine(root)
    with engine.journal.job(recorded({"verb": "save"}), engine.root) as record:
        record.finish(JobState.FAILED, JobResult(error="no luck"))

    def fails(_board: JobBoard) -> None:
        raise SnapshotError("cannot read the jobs: no luck")

    async def tell(user: User) -> None:
        await user.sees("failed or interrupted")
        monkeypatch.setattr(JobBoard, "views", fails)
        await user.presses("f5")
        await user.sees("cannot read the jobs")
        assert "failed or interrupted" in user.screen()
        assert "#9" in user.screen()

    story(root, tell)


def test_a_part_of_a_set_that_is_gone_names_its_snaps(root: str) -> None:
    engine = open_engine(root)
    stock = Place(engine, ()).stock()
    (part,) = verbkeys.gathered(engine.sets(9)[0].snapshots)
    names = tuple(one.snap for one in part.snapshots)
    assert verbkeys.snaps_of(part, stock) == ()
    left = replace(stock, sets=tuple(one for one in stock.sets if one.set_id != 9))
    assert verbkeys.snaps_of(part, left) == names
    assert verbkeys.snaps_of(part, None) == names


def test_the_end_of_a_job_is_told_with_what_can_be_done_next(root: str) -> None:
    engine = open_engine(root)

    async def tell(user: User) -> None:
        await user.sees("#9")
        perform_recorded(Check(7), engine, lambda _job: lambda _event: None)
        await user.presses("f5")
        await user.sees("check-snapshot 7 · 1 bad, J shows more")
        perform_recorded(Restore(1), engine, lambda _job: lambda _event: None)
        await user.presses("f5")
        await user.sees("u undoes it")

    story(root, tell)


def inventory_of(user: User) -> InventoryScreen:
    screen = user.app.screen
    assert isinstance(screen, InventoryScreen)
    return screen


def test_ages_grow_while_the_screen_is_open(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    open_engine(root).check(Check(1), Progress())
    real = time.time

    async def tell(user: User) -> None:
        await user.sees("✓ OK")
        monkeypatch.setattr(time, "time", lambda: real() + 3 * 3600)
        await user.lets_time_pass()
        await user.sees("✓ OK 3h")

    story(root, tell)


def test_an_import_ends_with_the_new_set_under_the_cursor(root: str, tmp_path: Path) -> None:
    engine, file = open_engine(root), str(tmp_path / "one.snapshot")
    engine.export(Export(1, file), Progress())
    engine.forget(Forget(1), Progress())

    async def tell(user: User) -> None:
        await user.sees("#9")
        await user.presses("slash", *"postgres", "enter")
        inventory_of(user).start(Import(file))
        await user.sees("imported")
        table = user.table
        assert isinstance(table.cursor_key, SetKey)
        assert table.cursor_key == SetKey(max(one.set_id for one in engine.sets()))
        assert engine.sets(table.cursor_key.set_id)[0].snapshots[0].snap == "hello-world"

    story(root, tell)


def test_an_opened_snapshot_tells_the_sizes_and_the_standing_of_its_archives(root: str) -> None:
    engine = open_engine(root)
    engine.check(Check(1, ("nextcloud",)), Progress())
    (snapshot,) = (one for one in engine.sets(1)[0].snapshots if one.snap == "nextcloud")
    with Reader.open(snapshot.path) as reader:
        stored = size_text(reader.stored_size("archive.tgz")).strip()

    async def tell(user: User) -> None:
        await user.sees("#1")
        await user.presses("end", "enter", "down", "down", "l")
        await user.sees(stored)
        line = next(line for line in user.screen().splitlines() if "archive.tgz" in line)
        assert stored in line
        assert "✓ OK" in line

    story(root, tell, (100, 40))


def test_undo_offers_stand_there_with_the_bytes_they_hold(root: str) -> None:
    engine = open_engine(root)
    perform_recorded(Restore(1), engine, lambda _job: lambda _event: None)
    (offer,) = engine.undo_offers()

    async def tell(user: User) -> None:
        await user.sees(f"u takes back #1 (job {offer.job})")
        assert f"holds {size_text(offer.held).strip()}" in user.screen()
        await user.presses("end")
        await user.sees(f"undo     job {offer.job}")

    story(root, tell)


def test_the_newest_sets_are_shown_before_all_are_read(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.session.place._FEW", 2)
    first, last = Place(open_engine(root), ()).stocks()
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
        await user.sees("✓ OK")

    story(root, tell)


def test_a_wide_screen_shows_details_and_a_narrow_one_shows_them_alone(root: str) -> None:
    async def wide(user: User) -> None:
        await user.sees("revision")
        await user.presses("D")
        assert "revision" not in user.screen()

    async def narrow(user: User) -> None:
        await user.sees("#9")
        assert "revision" not in user.screen()
        await user.presses("D")
        await user.sees("revision")
        await user.presses("escape")
        assert "revision" not in user.screen()

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
        screen.order(Sort.SIZE)
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
