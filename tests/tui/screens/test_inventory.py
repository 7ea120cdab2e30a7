"""The first screen, told as stories over the demo's world."""

import os
import re
import threading
import time
from dataclasses import replace

import pytest

from backend import Revision, Snapshot, SnapshotError, SnapshotSet, open_engine
from backend.archive import Reader
from backend.engine.perform import perform_recorded
from backend.jobs import JobState
from backend.jobs.result import JobResult
from backend.operations import Check, Forget, Restore
from backend.progress import Progress
from backend.store import CheckState, CheckStatus
from tests.support.journals import recorded
from tests.tui.support.inventory_world import make_model, make_root
from tests.tui.support.settling import tick
from tests.tui.support.user import User, story
from tui.screens.inventory import keys as verbkeys
from tui.screens.inventory.screen import InventoryScreen
from tui.session.inventory import InventoryData, Pivot
from tui.session.job_views import JobBoard
from tui.session.place import Place
from tui.views.set_keys import covered
from tui.views.set_rows import ListOptions, View, rows

model = pytest.fixture(scope="module")(make_model)
root = pytest.fixture(make_root)


def row_of(user: User, text: str) -> str:
    return next(line for line in user.screen().splitlines() if f"▸ {text} " in line)


def test_every_set_is_there_and_what_is_broken_stands_out(root: str) -> None:
    async def tell(user: User) -> None:
        await user.sees("#1")
        assert "✗ damaged" in row_of(user, "#9")
        assert "✗ damaged" in row_of(user, "#8")
        assert re.search(r" in \d+d ", row_of(user, "#2"))
        assert "2 damaged" in user.screen().splitlines()[0]
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
        await user.sees('no match for "postgresx"')
        await user.presses("escape")
        await user.sees("#9")

    story(root, tell)


def test_sets_needing_attention_can_be_sorted_first(root: str) -> None:
    open_engine(root).check(Check(7), Progress())

    async def tell(user: User) -> None:
        await user.sees("✗ failed")
        await user.presses("o", "o", "o", "o", "o")
        await user.sees("sorted by attention needed: worst first")
        numbers = re.findall(r"▸ (#\d+)", user.screen())
        assert numbers[:3] == ["#9", "#8", "#7"]

    story(root, tell)


def test_a_check_is_remembered_with_its_age(root: str) -> None:
    open_engine(root).check(Check(1, structure=True), Progress())

    async def tell(user: User) -> None:
        await user.sees("✓ verified")
        assert "✓ verified" in row_of(user, "#1")
        assert "? never" in row_of(user, "#3")

    story(root, tell)


def test_marks_are_counted_and_verbs_act_on_all_marked(root: str) -> None:
    async def tell(user: User) -> None:
        await user.sees("#1")
        await user.presses("space", "space")
        await user.sees("2 selected")
        await user.presses("r")
        await user.sees("select one set to restore")
        await user.presses("minus")
        assert "selected" not in user.screen()

    story(root, tell)


def test_pivot_groups_by_snap_and_by_user(root: str) -> None:
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
        engine.forget((Forget(9),), Progress())
        for _ in range(100):
            if "#9 " not in user.screen():
                break
            await user.presses("f5")
        assert "#9 " not in user.screen()
        assert here.split()[1] == "#7"
        await user.presses("space")
        await user.sees("1 selected")
        assert row_of(user, "#7").lstrip("│ ").startswith("●")

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
        details = (line.partition("││")[2].rstrip("│").strip() for line in user.screen().splitlines())
        assert "77_[red]x\\x1b]0;T\\x07[b].zip" in "".join(details)

    story(root, tell, (200, 80))


def test_ten_thousand_snapshots_are_rows_at_once() -> None:
    snapshots = [
        Snapshot(n, "2026-11-22T09:09:36Z", "snap-a", Revision(1), path=f"/s/{n}.zip", sums={})
        for n in range(1, 10_001)
    ]
    sets = tuple(SnapshotSet(snapshot.set_id, (snapshot,)) for snapshot in snapshots)
    statuses = {snapshot.path: CheckStatus(CheckState.NEVER) for snapshot in snapshots}
    stock = InventoryData(sets, statuses).worked_out()
    drawn = rows(View(stock, time.time()), ListOptions(filter="#77"))
    assert {row.draw().cells[0] for row in drawn} >= {"#77", "#7777"}
    everything = rows(View(stock, time.time()), ListOptions())
    assert len(everything) == 10_000
    assert covered(stock, {row.key for row in everything}) == snapshots
    for pivot in Pivot:
        assert rows(View(stock, time.time()), ListOptions(pivot))


def test_one_look_at_a_time_and_f5_is_followed_by_another(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    real = Place.inventory
    go_on = threading.Event()

    def slow(place: Place) -> InventoryData:
        looks.append(1)
        assert go_on.wait(10)
        return real(place)

    async def tell(user: User) -> None:
        await user.sees("#9")
        monkeypatch.setattr(Place, "inventory", slow)
        screen = user.app.screen
        assert isinstance(screen, InventoryScreen)
        screen.action_reload()
        for _ in range(5):
            await tick(screen)
        screen.action_reload()
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
    stock = Place(engine, ()).inventory()
    (part,) = verbkeys.grouped_by_set(engine.sets(9)[0].snapshots)
    names = tuple(snapshot.snap for snapshot in part.snapshots)
    assert verbkeys.snaps_of(part, stock) == ()
    left = replace(stock, sets=tuple(snapshot for snapshot in stock.sets if snapshot.set_id != 9))
    assert verbkeys.snaps_of(part, left) == names
    assert verbkeys.snaps_of(part, None) == names


def test_the_end_of_a_job_is_told_with_what_can_be_done_next(root: str) -> None:
    engine = open_engine(root)

    async def tell(user: User) -> None:
        await user.sees("#9")
        perform_recorded(Check(7), engine, lambda _job: lambda _event: None)
        await user.presses("f5")
        await user.sees("· 1 of 1 snapshot bad: J shows more")
        perform_recorded(Restore(1), engine, lambda _job: lambda _event: None)
        await user.presses("f5")
        await user.sees("Restored #1 in 0:0")
        assert "· undo until" in user.screen()

    story(root, tell)


# -- pictures, tree and details


def beside(user: User) -> list[str]:
    """The lines of the details beside the table."""
    lines = [line.partition("││")[2] for line in user.screen().splitlines()]
    return [line.removesuffix("│").strip() for line in lines if line]


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
def test_capital_o_hides_the_pictures_and_shows_them_again(root: str, size: tuple[int, int]) -> None:
    async def tell(user: User) -> None:
        await user.sees("#1")
        await user.sees("never  2 damaged")
        rows_before = user.table.size.height
        await user.presses("O")
        assert "never  2 damaged" not in user.screen()
        assert user.table.size.height > rows_before
        await user.presses("O")
        assert "never  2 damaged" in user.screen()
        assert user.table.size.height == rows_before

    story(root, tell, size)


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
def test_names_below_a_set_are_whole_where_cells_of_their_row_are_empty(
    root: str, size: tuple[int, int]
) -> None:
    async def tell(user: User) -> None:
        await user.sees("#1")
        await user.presses("end", "l")
        await user.sees("├ ▸ nextcloud 31.0.9snap1 · rev 50962")

    story(root, tell, size)


def test_snaps_in_the_details_are_one_line_each_with_their_size_at_the_edge(root: str) -> None:
    async def tell(user: User) -> None:
        await user.sees("#1")
        await user.presses("end")
        await user.sees("? telegram_work")
        shown = beside(user)
        snaps = shown[shown.index("Snaps") + 1 :][:4]
        assert [re.sub(r" +[\d.]+ [kM]?B$", "", line) for line in snaps] == [
            "? hello-world 6.4",
            "? nextcloud 31.0.9snap1",
            "? postgresql 16.4",
            "? telegram_work 5.2.3",
        ]
        assert {len(line) for line in snaps} == {30}

    story(root, tell)
