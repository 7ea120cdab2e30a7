"""Keys that come at once, as they do over a slow link."""

from pathlib import Path

import pytest
from textual.events import Key
from textual.widgets import Input

from tests.support.builders import World
from tests.tui.support.patient import Patient, patiently


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "root")
    world.install("hello", data={"f": "small"})
    for number in (1, 12):
        world.add(number, "hello", users={"alice": {"x1": {"f": "1"}}}, time="2024-01-01T00:00:00Z")
    world.write_state()
    return world


async def gets(user: Patient, *keys: str) -> None:
    """Have keys arrive before the first of them could do anything."""
    for key in keys:
        user.app.post_message(Key(key, key if len(key) == 1 else None))
    for _ in range(20):
        await user.waits()


@pytest.mark.parametrize(
    ("keys", "typed"),
    [
        (["slash", "f", "s"], "fs"),
        (["slash", *"x12"], "x12"),
        (["slash", "a", "b", "backspace", "c"], "ac"),
        (["slash", "a", "home", "b"], "ba"),
        (["slash", "a", "enter", "j", "slash", "d"], "d"),
    ],
)
def test_letters_do_not_overtake_the_key_before(world: World, keys: list[str], typed: str) -> None:
    async def tell(user: Patient) -> None:
        await gets(user, *keys)
        assert len(user.app.screen_stack) == 2
        assert user.app.screen.query_one("#filter", Input).value == typed

    patiently(str(world.root), tell)


def test_a_dialog_that_closes_holds_no_key_back(world: World) -> None:
    async def tell(user: Patient) -> None:
        for _ in range(3):
            await user.presses("f")
            await user.sees("Forget #12")
            await gets(user, "1", "escape", "slash", "a")
            assert user.app.screen.query_one("#filter", Input).value == "a"
            await gets(user, "escape")

    patiently(str(world.root), tell)
