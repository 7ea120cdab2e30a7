"""The dialog of a pin."""

import pytest

from tests.support.builders import World
from tests.tui.support.patient import Patient, patiently
from tests.tui.support.places import place_of, reads, world_of_two
from tui.dialogs.pin import AskPin

__all__ = ["world_of_two"]


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_set_is_pinned_with_a_note_which_is_changed_and_removed(world: World, size: tuple[int, int]) -> None:
    async def tell(user: Patient) -> None:
        (part,) = world.engine.sets(1)
        await user.is_asked(AskPin(place_of(user), part))
        await (await user.presses("ctrl+d")).sees("it is not pinned")
        await user.types("before 31")
        await user.presses("enter")
        await user.is_asked(AskPin(place_of(user), part))
        await user.sees("It is pinned: before 31.")
        assert user.answer.text == "Change the note"
        await user.types("")
        await user.presses("enter")
        await user.is_asked(AskPin(place_of(user), part))
        await user.sees("It is pinned.")
        await user.presses("ctrl+d")
        await user.is_asked(AskPin(place_of(user), part))
        await user.presses("escape")

    answers = patiently(str(world.root), tell, size)
    assert answers == ["#1 is pinned: before 31", "#1 is pinned", "#1 is not pinned any more", None]
    assert world.engine.pins.read() == []


def test_damaged_pins_are_told_and_left_as_they_are(world: World) -> None:
    world.engine.pins.pin(world.engine.sets(1)[0], "", 0.0)
    path = world.root / "var/lib/snapstow/pins.json"
    path.write_text("{")

    async def tell(user: Patient) -> None:
        await user.is_asked(AskPin(place_of(user), world.engine.sets(1)[0]))
        await reads(user, "cannot tell what is pinned")
        await user.presses("escape")

    assert patiently(str(world.root), tell) == [None]
    assert path.read_text() == "{"
