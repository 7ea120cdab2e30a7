"""The dialog before a forget: what would be lost, and the word that has to be typed."""

from dataclasses import replace

import pytest

from backend import Forget
from backend.store import CheckState, CheckStatus
from tests.support.builders import World
from tests.tui.support.patient import Patient, patiently
from tests.tui.support.places import place_of, world_of_two
from tui.dialogs.forget import AskForget, Loss, forgets, losses
from tui.session.inventory import InventoryData
from tui.session.place import Place

__all__ = ["world_of_two"]


def stock_of(world: World, **states: CheckState) -> InventoryData:
    stock = Place(world.engine, ()).inventory()
    statuses = {
        snapshot.path: CheckStatus(states.get(f"s{snapshot.set_id}", CheckState.NEVER))
        for part in stock.sets
        for snapshot in part.snapshots
    }
    return replace(stock, statuses=statuses)


def test_the_last_copy_is_counted_by_owner(world: World) -> None:
    world.add(2, "hello")
    stock = stock_of(world)
    assert losses([stock.sets[0]], stock) == [Loss("hello", ("alice",)), Loss("other", ("system",))]
    assert losses([stock.sets[1]], stock) == []
    assert losses(list(stock.sets), stock)[0] == Loss("hello", ("system", "alice"))


def test_a_failed_copy_is_no_copy(world: World) -> None:
    world.add(2, "other")
    stock = stock_of(world, s1=CheckState.FAILED)
    assert losses([stock.sets[1]], stock) == [Loss("other", ("system",))]
    assert losses([stock.sets[0]], stock) == []


def test_the_last_verified_copy_is_told(world: World) -> None:
    world.add(2, "other")
    world.add(3, "other")
    stock = stock_of(world, s2=CheckState.OK)
    assert losses([stock.sets[1]], stock) == [Loss("other", ("system",), (1, 3))]
    assert losses([stock.sets[1]], stock_of(world, s2=CheckState.OK, s3=CheckState.OLD)) == []


def test_a_part_of_a_set_is_named_by_its_snaps(world: World) -> None:
    stock = stock_of(world)
    (group,) = stock.sets
    assert forgets([group], stock) == [Forget(1)]
    part = group._replace(snapshots=group.snapshots[:1])
    assert forgets([part], stock) == [Forget(1, ("hello",))]


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_the_number_of_the_set_has_to_be_typed(world: World, size: tuple[int, int]) -> None:
    async def tell(user: Patient) -> None:
        stock = place_of(user).inventory()
        await user.is_asked(AskForget(list(stock.sets), stock, ("--demo",)))
        await user.sees("the last usable copy of other (system)")
        assert "snapstow --demo forget 1" in user.screen()
        await (await user.presses("enter")).sees("type 1 to forget permanently")
        await user.types("2")
        assert user.answer.waits
        await (await user.presses("enter")).sees("type 1 to forget permanently")
        assert user.answers == []
        await user.types("#1")
        assert not user.answer.waits
        await user.presses("enter")

    assert patiently(str(world.root), tell, size) == [True]


def test_several_sets_are_forgotten_by_a_word_and_esc_keeps_them(world: World) -> None:
    world.add(2, "hello")

    async def tell(user: Patient) -> None:
        stock = place_of(user).inventory()
        await user.is_asked(AskForget(list(stock.sets), stock))
        await user.sees("Forget 2 sets")
        await user.presses("escape")
        await user.is_asked(AskForget(list(stock.sets), stock))
        await user.types("forget")
        assert user.answer.text == "Forget permanently"
        await user.presses("enter")

    assert patiently(str(world.root), tell) == [False, True]
