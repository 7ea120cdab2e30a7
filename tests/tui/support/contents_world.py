"""The screen of what a snapshot holds, opened on a small world."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tests.support import builders
from tests.support.builders import Link, World
from tests.tui.support.patient import Patient, patiently
from tests.tui.support.user import User
from tui.screens.contents.screen import ContentsScreen
from tui.screens.inventory.screen import InventoryScreen

Tell = Callable[[Patient], Awaitable[object]]


def make_world(tmp_path: Path) -> World:
    """Set 1: data of the system, of alice and of bob."""
    world = World(tmp_path / "root")
    world.install("cloud", common={"notes.txt": "now"}, data={"config": "{}"})
    world.remember("cloud")
    system: builders.Tree = {
        "x1": {"config": '{"port": 80}'},
        "common": {
            "big.bin": bytes(range(256)) * 40,
            "notes.txt": "first\nsecond\n",
            "way": Link("/etc/passwd"),
            "folder": {"inner": "1", "other": "2"},
        },
    }
    world.add(1, "cloud", system, users={"alice": {"common": {"mine": "hers"}}, "bob": {"common": {}}})
    return world


def inventory(user: User) -> InventoryScreen:
    return user.screen_of(InventoryScreen)


def contents(user: User) -> ContentsScreen:
    return user.screen_of(ContentsScreen)


def look(world: World, tell: Tell, size: tuple[int, int] = (80, 24), file: str = "", **options: Any) -> None:
    """Open the only snapshot, or a file, and tell."""

    async def play(user: Patient) -> None:
        await user.knows_the_sets()
        if file:
            inventory(user).show_contents(file)
            await user.waits()
        else:
            await user.presses("l", "down", "enter")
        await tell(user)

    patiently(str(world.root), play, size, **options)


def cursor_line(user: User) -> str:
    """The line of the cursor: its place on the screen is that in the table."""
    table = contents(user).table
    return user.screen().splitlines()[table.region.y + 1 + table.at - int(table.scroll_offset.y)]


async def goes_to(user: Patient, name: str) -> None:
    """Put the cursor on the row of that name."""
    await user.presses("g")
    for _ in range(1000):
        if name in cursor_line(user):
            return
        await user.presses("down")
    raise AssertionError(f"{name!r} is not there:\n{user.screen()}")
