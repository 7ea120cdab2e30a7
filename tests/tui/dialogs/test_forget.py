"""The dialog before a forget: what would be lost, and the word that has to be typed."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from backend import Forget
from backend.store import CheckState, CheckStatus
from tests.support.builders import World
from tests.tui.support.patient import Patient, patiently
from tests.tui.support.places import place_of, reads, wording, world_of_two
from tui.dialogs.forget import AskForget, forgets, losses
from tui.dialogs.forget_lines import Loss
from tui.session.inventory import InventoryData
from tui.session.place import Place
from tui.text import amount_text

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
    assert forgets([group], stock) == (Forget(1),)
    part = group._replace(snapshots=group.snapshots[:1])
    assert forgets([part], stock, 0) == (Forget(1, ("hello",), undo_window=0),)


def forgetting(user: Patient, *set_ids: int, **states: CheckState) -> AskForget:
    stock = place_of(user).inventory()
    statuses = {path: CheckStatus(states[f"s{s.set_id}"]) for path, s in stock.by_path.items()}
    chosen = [part for part in stock.sets if part.set_id in set_ids]
    return AskForget(chosen, replace(stock, statuses=statuses))


def test_an_unreadable_file_frees_what_it_takes(world: World) -> None:
    path = world.snapshots / "2_hello_1.0_x1.zip"
    path.write_bytes(b"no zip")
    os.truncate(path, 40 * 10**9)

    async def tell(user: Patient) -> None:
        await user.is_asked(forgetting(user, 2, s1=CheckState.OK, s2=CheckState.BROKEN))
        await user.sees("40.0 GB are free then")
        await (await user.presses("ctrl+n")).sees("frees 40.0 GB; this cannot be undone")
        await user.sees("hello 1.0  40.0 GB")

    patiently(str(world.root), tell)


def test_file_that_is_linked_or_read_elsewhere_is_not_free_at_once(world: World, tmp_path: Path) -> None:
    world.add(2, "hello")
    os.link(world.snapshots / "1_hello_1.0_x1.zip", tmp_path / "kept")
    never = dict.fromkeys(("s1", "s2"), CheckState.NEVER)

    async def tell(user: Patient) -> None:
        with open(world.snapshots / "1_other_1.0_x1.zip", "rb"):
            await user.is_asked(forgetting(user, 1, 2, **never))
            await (await user.presses("ctrl+n")).sees("in all at once")
        assert "#1 hello: " in wording(user)
        assert "stay taken: its file has another name (hard link)" in wording(user)
        assert f"are free once process {os.getpid()} no longer reads it" in wording(user)

    patiently(str(world.root), tell)


def test_several_sets_are_summed_up(world: World) -> None:
    world.add(2, "hello")
    size = sum(path.stat().st_size for path in world.snapshots.iterdir())

    async def tell(user: Patient) -> None:
        await user.is_asked(forgetting(user, 1, 2, s1=CheckState.OK, s2=CheckState.OK))
        await user.sees(f"{amount_text(size)} are free then")
        await (await user.presses("ctrl+n")).sees(f"frees {amount_text(size)} in all; ")

    patiently(str(world.root), tell)


@pytest.mark.parametrize(
    ("left", "text"),
    [
        (CheckState.OK, "hello: newest verified copy left is #2 ✓ verified"),
        (CheckState.OLD, "hello: newest verified copy left is #2 ~ old"),
        (CheckState.NEVER, "hello: no verified copy is left"),
    ],
)
def test_the_newest_verified_copy_that_is_left_is_named(world: World, left: CheckState, text: str) -> None:
    world.add(2, "hello", users={"alice": {"common": {"f": "1"}}})

    async def tell(user: Patient) -> None:
        await user.is_asked(forgetting(user, 1, s1=CheckState.NEVER, s2=left))
        await reads(user, text)
        assert "the last usable copy of other" in wording(user)
        assert "other: no" not in wording(user)

    patiently(str(world.root), tell)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_a_set_that_is_kept_for_an_undo_is_forgotten_by_enter(world: World, size: tuple[int, int]) -> None:
    async def tell(user: Patient) -> None:
        stock = place_of(user).inventory()
        await user.is_asked(AskForget(list(stock.sets), stock, ("--demo",)))
        await user.sees("the last usable copy of other (system)")
        await reads(user, "u undoes it until then")
        assert "snapstow --demo forget 1" in user.screen()
        assert "Type 1" not in user.screen()
        assert (user.answer.text, user.answer.waits) == ("Forget", "")
        await user.presses("enter")

    assert patiently(str(world.root), tell, size) == [(Forget(1),)]


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_the_number_of_the_set_has_to_be_typed_where_nothing_is_kept(
    world: World, size: tuple[int, int]
) -> None:
    async def tell(user: Patient) -> None:
        stock = place_of(user).inventory()
        await user.is_asked(AskForget(list(stock.sets), stock, ("--demo",)))
        await user.sees("are free then")
        await (await user.presses("ctrl+n")).sees("this cannot be undone")
        assert "snapstow --demo forget 1 --now" in user.screen()
        await (await user.presses("enter")).sees("type 1 to forget permanently")
        await user.types("2")
        assert user.answer.waits
        await (await user.presses("enter")).sees("type 1 to forget permanently")
        assert user.answers == []
        await user.types("#1")
        assert not user.answer.waits
        await user.presses("enter")

    assert patiently(str(world.root), tell, size) == [(Forget(1, undo_window=0),)]


def test_kept_again_after_all_needs_no_number(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.is_asked(forgetting(user, 1, s1=CheckState.OK))
        await user.sees("are free then")
        await (await user.presses("ctrl+n")).sees("Type 1 to forget")
        await (await user.presses("ctrl+n")).sees("are free then")
        await user.presses("enter")

    assert patiently(str(world.root), tell) == [(Forget(1),)]


def test_reason_why_nothing_can_be_kept_is_told_and_the_number_asked_for(world: World) -> None:
    async def tell(user: Patient) -> None:
        stock = place_of(user).inventory()
        await user.is_asked(AskForget(list(stock.sets), stock, fault_of=lambda: "the disk is nearly full"))
        await reads(user, "this cannot be undone (nothing is kept: the disk is nearly full)")
        await (await user.presses("ctrl+n")).sees("nothing can be kept: the disk is nearly full")
        await user.types("1")
        assert user.answer.text == "Forget permanently"
        await user.presses("enter")

    assert patiently(str(world.root), tell) == [(Forget(1, undo_window=0),)]


def test_pinned_set_is_named_and_its_number_asked_for(world: World) -> None:
    world.engine.pins.pin(world.engine.sets(1)[0], "before 31", 0.0)

    async def tell(user: Patient) -> None:
        await user.is_asked(forgetting(user, 1, s1=CheckState.OK))
        await user.sees("#1 is pinned: before 31")
        await user.sees("Type 1 to forget")
        assert "forget 1 --pinned" in user.screen()
        await (await user.presses("enter")).sees("type 1 to forget what is pinned")
        await user.types("1")
        await user.presses("enter")

    assert patiently(str(world.root), tell) == [(Forget(1, pinned=True),)]


def test_several_sets_are_forgotten_for_good_by_a_word_and_esc_keeps_them(world: World) -> None:
    world.add(2, "hello")

    async def tell(user: Patient) -> None:
        stock = place_of(user).inventory()
        await user.is_asked(AskForget(list(stock.sets), stock))
        await user.sees("Forget 2 sets")
        await user.presses("escape")
        await user.is_asked(AskForget(list(stock.sets), stock))
        await user.sees("are free then")
        await user.presses("ctrl+n")
        await user.types("forget")
        assert user.answer.text == "Forget permanently"
        await user.presses("enter")

    at_once = (Forget(1, undo_window=0), Forget(2, undo_window=0))
    assert patiently(str(world.root), tell) == [(), at_once]
