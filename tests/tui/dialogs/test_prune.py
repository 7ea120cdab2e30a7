"""The dialog of a prune: the plan, by rules or for room, and the word where nothing is kept."""

from dataclasses import replace
from pathlib import Path

import pytest

from backend import Prune
from backend.engine import FilesEngine
from tests.support.builders import World
from tests.tui.support.patient import Patient, patiently
from tests.tui.support.places import place_of, reads, wording
from tui.dialogs.prune import AskPrune

SIZES = [(80, 24), (120, 40)]


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "world")
    for number in range(1, 5):
        world.add(number, "hello", {"x1": {"f": str(number)}}, time=f"2026-11-2{number}T09:00:00Z")
    world.engine.pins.pin(world.engine.sets(1)[0], "before 31", 0.0)
    return world


@pytest.fixture(name="ruled")
def world_with_rules(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    config = world.root / "c.toml"
    config.write_text("[retention]\nkeep_last = 2\n")
    monkeypatch.setattr("backend.config.reading.default_path", lambda: str(config))
    return world


@pytest.mark.parametrize("size", SIZES)
def test_plan_by_the_rules_is_shown_with_reasons_and_carried_out(ruled: World, size: tuple[int, int]) -> None:
    async def tell(user: Patient) -> None:
        await user.is_asked(AskPrune(place_of(user)))
        await reads(user, "1 of 4 sets: ")
        assert "are free in 24 hours, until then undo brings them back" in wording(user)
        assert "goes #2" in wording(user)
        assert "no rule keeps it" in wording(user)
        assert "pinned: before 31" in wording(user)
        assert " prune" in user.screen()
        assert (user.answer.text, user.answer.waits) == ("Prune", "")
        await user.presses("enter")

    (answer,) = patiently(str(ruled.root), tell, size)
    assert answer == Prune()
    assert answer.confirmed == ("2",)


@pytest.mark.parametrize("size", SIZES)
def test_room_is_freed_by_what_is_missed_least(world: World, size: tuple[int, int]) -> None:
    async def tell(user: Patient) -> None:
        await user.is_asked(AskPrune(place_of(user)))
        await reads(user, "Nothing goes.")
        await user.types("1 kB", "#free")
        await reads(user, "goes #2")
        assert "goes #3" in wording(user)
        await user.types("20 GB", "#free")
        await reads(user, "less than wanted")
        await user.types("much", "#free")
        await reads(user, "type an amount such as 20 GB")
        await user.types("1", "#free")
        await reads(user, "1 of 4 sets: ")
        await user.presses("enter")

    (answer,) = patiently(str(world.root), tell, size)
    assert (answer, answer.confirmed) == (Prune(free=1), ("2",))


def test_word_is_asked_for_where_nothing_is_kept(ruled: World) -> None:
    async def tell(user: Patient) -> None:
        await user.is_asked(AskPrune(place_of(user)))
        await reads(user, "1 of 4 sets: ")
        await (await user.presses("ctrl+n")).sees("Type prune to forget")
        assert "nothing can be undone" in wording(user)
        await (await user.presses("enter")).sees("type prune to forget permanently")
        await user.types("prune", "#proof")
        assert user.answer.text == "Forget permanently"
        await user.presses("enter")

    assert patiently(str(ruled.root), tell) == [replace(Prune(), undo_window=0)]


def test_reason_why_nothing_can_be_kept_is_told(ruled: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FilesEngine, "trash_fault", lambda _engine: "the disk is nearly full")

    async def tell(user: Patient) -> None:
        await user.is_asked(AskPrune(place_of(user)))
        await reads(user, "nothing is kept: the disk is nearly full")
        await user.sees("Type prune to forget")
        await user.presses("escape")

    assert patiently(str(ruled.root), tell) == [None]


def test_without_rules_enter_leaves_and_the_reason_is_told(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.is_asked(AskPrune(place_of(user)))
        await reads(user, "there are no rules: nothing is pruned")
        await user.presses("enter")

    assert patiently(str(world.root), tell) == [None]


def test_damaged_pins_are_told_and_nothing_can_be_pruned(ruled: World) -> None:
    (ruled.root / "var/lib/snapstow/pins.json").write_text("{")

    async def tell(user: Patient) -> None:
        await user.is_asked(AskPrune(place_of(user)))
        await reads(user, "cannot tell what is pinned")
        assert user.answer.waits
        await user.presses("enter")
        assert user.answers == []
        await user.presses("escape")

    assert patiently(str(ruled.root), tell) == [None]
