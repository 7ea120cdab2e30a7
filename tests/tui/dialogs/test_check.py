"""What a check is asked to do: the scope, the level, and the days."""

import time
from pathlib import Path

import pytest

from backend import Check
from backend.store import CheckState, CheckStatus
from tests.support.builders import World
from tests.tui.support.patient import Patient, patiently
from tui.dialogs.check import ALL, CHOSEN, DAY, OLD, STRUCTURE, AskCheck, Wanted, operations_of, scope_of
from tui.session.inventory import InventoryData


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "root")
    for number in (1, 2, 3, 4):
        world.add(number, "hello")
    return world


def stock_of(world: World, **states: tuple[CheckState, float, str]) -> InventoryData:
    """The sets of a world; `n3` says how set 3 stands: its state, days ago, the level."""
    sets = tuple(world.engine.sets())
    now = time.time()
    statuses = {
        snapshot_set.snapshots[0].path: CheckStatus(state, now - days * DAY, level)
        for snapshot_set in sets
        for state, days, level in [states.get(f"n{snapshot_set.set_id}", (CheckState.NEVER, 0, ""))]
    }
    return InventoryData(sets, statuses)


def asked(stock: InventoryData, ids: tuple[int, ...] = ()) -> AskCheck:
    return AskCheck([(stock.by_id[number], ()) for number in ids], stock, ("--demo",))


def test_enter_checks_what_is_chosen_fully(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.is_asked(asked(stock_of(world), (1, 3)))
        await user.sees("2 snapshots")
        await user.sees("snapstow --demo check-snapshot 1; snapstow --demo check-snapshot 3")
        await user.presses("enter")

    assert patiently(str(world.root), tell) == [[Check(1), Check(3)]]


def test_scope_level_and_days_are_chosen_with_space(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.is_asked(asked(stock_of(world), (1,)))
        await user.presses("g", "down", "down", "space", "down", "space")
        await user.sees("not verified for 90 days: 4 snapshots")
        await user.sees("(•) full")
        await user.presses("down", "space")
        await user.sees("(•) structure")
        await user.sees("--older-than=7776000s")
        await user.presses("enter")

    assert patiently(str(world.root), tell) == [[Check(structure=True, older_than=90 * DAY)]]


def test_escape_checks_nothing(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.is_asked(asked(stock_of(world), (1,)))
        await user.presses("escape")

    assert patiently(str(world.root), tell) == [None]


def test_only_what_was_verified_well_and_lately_and_thoroughly_enough_is_left_out(world: World) -> None:
    stock = stock_of(
        world,
        n1=(CheckState.OK, 3, "full"),
        n2=(CheckState.FAILED, 1, "full"),
        n3=(CheckState.OLD, 40, "full"),
    )
    now = time.time()

    def taken(wanted: Wanted) -> list[int]:
        return [group.set_id for group in scope_of(wanted, [stock.by_id[3]], stock, now)]

    assert taken(Wanted(OLD)) == [2, 3, 4]
    assert taken(Wanted(OLD, days=1)) == [1, 2, 3, 4]
    assert taken(Wanted(OLD, days=90)) == [2, 4]
    assert taken(Wanted(OLD, STRUCTURE)) == [1, 2, 3, 4]
    assert taken(Wanted(CHOSEN)) == [3]
    assert taken(Wanted(ALL)) == [1, 2, 3, 4]


def test_one_operation_for_each_chosen_set_or_one_for_all(world: World) -> None:
    stock = stock_of(world)
    parts = [(stock.by_id[1], ()), (stock.by_id[2], ("hello",))]
    assert operations_of(Wanted(CHOSEN, "quick"), parts) == [
        Check(1, quick=True),
        Check(2, ("hello",), quick=True),
    ]
    assert operations_of(Wanted(ALL), parts) == [Check()]
