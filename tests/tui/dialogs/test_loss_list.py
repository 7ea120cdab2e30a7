"""The list of what a restore would lose, opened from its dialog and searched."""

import pytest

from backend import Restore
from tests.support.builders import World, plant
from tests.tui.support.patient import Patient
from tests.tui.support.restoring import ask_restore
from tui.dialogs.loss_list import ShowLosses
from tui.dialogs.restore import AskRestore
from tui.widgets.paged_table import PagedTable

SIZE = (120, 40)
MANY = 500


@pytest.fixture
def lossy(world: World) -> World:
    """Set 2 is older than all live files, of which there are many; the largest comes first."""
    world.add(2, "chat", {"common": {"f": "1"}}, time="2000-01-01T00:00:00Z")
    files = {f"file-{number:03}": "1" * number for number in range(MANY)}
    plant(world.data("chat") / "common", {**files, "Zebra[red]": "1" * 9000})
    return world


async def lists(user: Patient) -> PagedTable:
    await user.sees("l lists them")
    await user.presses("l")
    assert isinstance(user.app.screen, ShowLosses)
    await user.sees("Zebra[red]")
    return user.app.screen.query_one(PagedTable)


def test_l_lists_all_of_it_from_the_largest_to_the_last(lossy: World) -> None:
    async def tell(user: Patient) -> None:
        table = await lists(user)
        await user.sees("502 files newer than the snapshot")
        rows = [line for line in user.screen().splitlines() if "/common/" in line and "newer" in line]
        assert "Zebra[red]" in rows[0]
        assert "9.0 kB" in rows[0]
        assert "  /var/snap/chat/common/Zebra[red]" in rows[0], "below the root, where nothing is cut"
        assert "file-499" in rows[1]
        await user.presses("G")
        await user.sees("file-000")
        assert table.at == MANY + 1
        await user.presses("escape")
        assert isinstance(user.app.screen, AskRestore)

    assert ask_restore(lossy, tell, Restore(2), SIZE) == []


def test_a_slash_finds_parts_of_paths_and_esc_shows_all_again(lossy: World) -> None:
    async def tell(user: Patient) -> None:
        await lists(user)
        await user.presses("slash", *"ZEB")
        await user.sees('1 file with "ZEB" in the path')
        assert "file-499" not in user.dialog()
        await user.presses("enter", "escape")
        await user.sees("file-499")
        await user.presses("escape")
        await user.sees("Type 2 to restore")

    assert ask_restore(lossy, tell, Restore(2), SIZE) == []


def test_the_list_answers_nothing(lossy: World) -> None:
    async def tell(user: Patient) -> None:
        await lists(user)
        await user.presses("enter", "space", "2", "enter")
        assert isinstance(user.app.screen, ShowLosses)

    assert ask_restore(lossy, tell, Restore(2), SIZE) == []


@pytest.mark.parametrize("size", [(80, 24), (60, 15), (40, 10)])
def test_every_size(lossy: World, size: tuple[int, int]) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("type 2 first")
        await user.presses("l")
        await user.sees("9.0 kB")
        await user.presses("escape", "escape")

    assert ask_restore(lossy, tell, Restore(2), size) == [None]
