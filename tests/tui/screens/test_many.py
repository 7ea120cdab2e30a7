"""Many snapshots: what a key does must not grow with them, and what is no longer shown must go."""

import weakref
from pathlib import Path

from backend import Revision, Snapshot, SnapshotSet
from tests.support.builders import World
from tests.tui.support.user import User, story
from tui.screens.inventory.screen import InventoryScreen
from tui.session.inventory import InventoryData
from tui.views.set_keys import Choosing, SetKey
from tui.views.table import Line, Row
from tui.widgets.table import LineTable

MANY = 2500


def stock_of(sets: int) -> InventoryData:
    def snapshot(number: int, snap: str) -> Snapshot:
        path = f"/s/{number}_{snap}.zip"
        return Snapshot(number, "2026-11-22T09:09:36Z", snap, Revision(1), path=path, sums={})

    groups = [SnapshotSet(n, tuple(snapshot(n, s) for s in "abcd")) for n in range(1, sets + 1)]
    return InventoryData(tuple(groups)).worked_out()


def test_only_what_is_in_sight_is_drawn(tmp_path: Path) -> None:
    drawn: list[int] = []

    def row(number: int) -> Row:
        def draw() -> Line:
            drawn.append(number)
            return Line((f"#{number}",))

        return Row(SetKey(number), draw)

    async def tell(user: User) -> None:
        table = user.app.screen.query_one(LineTable)
        table.show([row(number) for number in range(MANY)])
        await user.waits()
        height = table.size.height
        assert 0 < len(set(drawn)) < height
        for key, most in (("down", 2), ("end", height), ("up", 2), ("space", 2), ("home", height)):
            drawn.clear()
            await user.presses(key)
            assert 0 < len(set(drawn)) <= most, key
        drawn.clear()
        await user.presses("asterisk")
        assert len(set(drawn)) < height
        assert len(table.marked) == MANY

    story(str(World(tmp_path / "root").root), tell)


def test_a_choice_is_worked_out_once() -> None:
    stock, choosing = stock_of(MANY), Choosing()
    keys = frozenset(SetKey(number) for number in stock.by_id)
    first = choosing.chosen(stock, keys)
    assert len(first) == 4 * MANY
    first.clear()  # what a caller does to its list is its own affair
    del stock.__dict__["by_id"]
    assert len(choosing.chosen(stock, frozenset(keys))) == 4 * MANY
    assert "by_id" not in stock.__dict__, "it was looked for again"
    assert len(choosing.chosen(stock, frozenset([SetKey(7)]))) == 4
    assert choosing.chosen(stock_of(3), frozenset([SetKey(7)])) == []


def test_a_stock_goes_when_there_is_another(tmp_path: Path) -> None:
    world = World(tmp_path / "root")
    world.add(1, "hello")
    seen: list[weakref.ref[InventoryData]] = []

    async def tell(user: User) -> None:
        for number in range(2, 8):
            world.add(number, "hello")
            await user.presses("f5")
            await user.sees(f"#{number} ")
            stock = user.screen_of(InventoryScreen)._inventory
            assert stock is not None
            seen.append(weakref.ref(stock))
            del stock
        assert [ref for ref in seen[:-1] if ref() is not None] == []

    story(str(world.root), tell)
