"""What people come for, each told by keys from the first screen, with the keys counted.

A text that is typed (a name, a path, a proof) counts as no key: it is what the user knows.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Self

import pytest

from backend import Export, Forget, Restore, open_engine
from backend.archive import read_export_file
from backend.engine.perform import perform_recorded
from tests.support import TOP
from tests.tui.support.inventory_world import make_model, make_root
from tests.tui.support.patient import Patient
from tests.tui.support.user import at
from tui.screens.contents.screen import ContentsScreen
from tui.screens.inventory.screen import InventoryScreen
from tui.session.place import Place
from tui.views.set_keys import SetKey

model = pytest.fixture(scope="module")(make_model)
root = pytest.fixture(make_root)

SIZES = [(80, 24), (120, 40)]
CONFIG = "var/snap/nextcloud/50962/nextcloud/config/config.php"
NEW = 11


class Counting(Patient):
    """Somebody whose keys are counted."""

    keys = 0

    async def presses(self, *keys: str) -> Self:
        self.keys += len(keys)
        return await super().presses(*keys)


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the user works, an empty directory; jobs find the library."""
    monkeypatch.setenv("PYTHONPATH", str(TOP))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


def story(root: str, tell: Callable[[Counting], Awaitable[None]], size: tuple[int, int]) -> None:
    """Play a story from the first screen of a place."""

    async def play() -> None:
        async with at(Place(open_engine(root), ("--demo",)), Counting, size) as user:
            await user.knows_the_sets()
            await tell(user)

    asyncio.run(play())


@pytest.mark.parametrize("size", SIZES)
def test_a_file_is_found_and_restored_in_four_keys_and_its_name(root: str, size: tuple[int, int]) -> None:
    file = Path(root, CONFIG)
    before = file.read_text()
    file.write_text("broken by an update\n")

    async def tell(user: Counting) -> None:
        await user.presses("F")
        await user.types("config.php")
        await user.presses("enter")
        await user.sees("1 file · 10 of 12 snapshots searched")
        await user.presses("r")
        await user.sees("Enter Restore 1 path")
        await user.presses("enter")
        await user.sees("Extracted")
        assert "(u in the inventory)" in user.screen()
        assert user.keys == 4

    story(root, tell, size)
    assert file.read_text() == before


@pytest.mark.parametrize("size", SIZES)
def test_all_is_saved_and_the_new_set_exported_in_four_keys(
    root: str, workplace: Path, size: tuple[int, int]
) -> None:
    async def tell(user: Counting) -> None:
        await user.presses("s")
        await user.sees("Enter Save 4 snaps")
        await user.presses("enter")
        await user.sees(f"Saved as #{NEW}")
        assert user.table.cursor_key == SetKey(NEW)
        await user.lets_rows_settle()
        await user.presses("e")
        await user.sees("bytes) to write")
        await user.sees(" Enter Export ")
        await user.presses("enter")
        await user.sees(f"Exported #{NEW}")
        assert user.keys == 4

    story(root, tell, size)
    (file,) = workplace.glob("*.snapshot")
    (new,) = open_engine(root).sets(NEW)
    exported = read_export_file(str(file))
    assert [member.sums for member in exported.snapshots] == [member.sums for member in new.snapshots]


@pytest.mark.parametrize("size", SIZES)
def test_a_set_is_looked_into_and_imported(root: str, workplace: Path, size: tuple[int, int]) -> None:
    file = workplace / "other.snapshot"
    carry_out(root, Export(5, str(file)), Forget(5))

    async def tell(user: Counting) -> None:
        await user.presses("i")
        await user.sees(file.name)
        await user.types(str(file), "#path")
        await user.sees("exported as set #5")
        await user.sees("postgresql")
        await user.sees("→ looks inside")
        await user.presses("right")
        await user.sees("hello-world")
        assert isinstance(user.app.screen, ContentsScreen)
        await user.presses("escape")
        await user.sees("exported as set #5")
        await user.presses("enter")
        await user.sees(f"as #{NEW}")
        assert user.table.cursor_key == SetKey(NEW)
        assert user.keys == 4

    story(root, tell, size)
    assert [member.snap for member in open_engine(root).sets(NEW)[0].snapshots] == [
        "hello-world",
        "postgresql",
    ]


@pytest.mark.parametrize("size", SIZES)
def test_a_restore_is_undone_in_two_keys(root: str, size: tuple[int, int]) -> None:
    newer = Path(root, "var/snap/nextcloud/common/data/newer-than-the-snapshots.txt")
    carry_out(root, Restore(1, ("nextcloud",)))
    assert not newer.exists()

    async def tell(user: Counting) -> None:
        await user.sees("undo 1")
        await user.presses("u")
        await user.sees("restore of #1")
        await user.presses("enter")
        await user.sees("Undone: job 2")
        assert user.keys == 2

    story(root, tell, size)
    assert newer.exists()


@pytest.mark.parametrize("size", SIZES)
def test_the_first_that_is_broken_is_shown_with_its_reason_in_three_keys(
    root: str, size: tuple[int, int]
) -> None:
    async def tell(user: Counting) -> None:
        await user.sees("2 damaged")
        await user.presses("exclamation_mark")
        await user.sees("Failed and damaged  2")
        await user.presses("down")
        await user.sees('missing archive member "meta.sha3_384"')
        await user.presses("enter")
        assert isinstance(user.app.screen, InventoryScreen)
        assert user.table.cursor_key == SetKey(9)
        await user.sees("damaged: missing archive member")
        assert user.keys == 3

    story(root, tell, size)


@pytest.mark.parametrize("size", SIZES)
def test_a_leftover_of_a_crash_is_found_and_removed(root: str, size: tuple[int, int]) -> None:
    (marker,) = Path(root).glob("var/lib/snapd/snapshots/*_importing")

    async def tell(user: Counting) -> None:
        await user.sees("doctor ")
        await user.presses("exclamation_mark")
        await user.sees("Enter repairs it")
        await user.presses("end", "up")
        await user.sees("an import is under way, or was interrupted; its set is hidden")
        await user.presses("enter")
        await user.sees("remove the marker and the files of its set.")
        await user.types("yes")
        await user.presses("enter")
        while marker.exists():
            await user.lets_time_pass()
        assert user.keys == 5

    story(root, tell, size)


def carry_out(root: str, *operations: Restore | Export | Forget) -> None:
    """Do things before the story begins."""
    for operation in operations:
        perform_recorded(operation, open_engine(root), lambda _progress: lambda _event: None)
