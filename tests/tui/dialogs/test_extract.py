"""The dialog before marked things are put back, told as stories over small worlds."""

from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input

from backend import Extract
from tests.support.builders import Link, Tree, World, plant
from tests.tui.support import dialogs
from tests.tui.support.dialogs import Tell, goes_to
from tests.tui.support.patient import Patient
from tui.dialogs.extract import AskExtract
from tui.session.place import Place

DAY = 24 * 3600
ITEMS = ("cloud:common/f", "cloud:common/d")


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "root")
    world.install("cloud", common={"f": "live"}, data={"g": "1"}, users={"alice": {}, "bob": {}})
    world.remember("cloud")
    tree: Tree = {"x1": {"g": "1"}, "common": {"f": "saved", "d": {"x": "1", "y": "2"}}}
    world.add(1, "cloud", tree, users={"alice": {"common": {"mine": "1"}}})
    return world


def ask(world: World, tell: Tell, items: tuple[str, ...] = ITEMS, **facts: Any) -> list[Any]:
    def dialog(place: Place) -> AskExtract:
        return AskExtract(place, Extract(1, items, **facts))

    return dialogs.ask(world, dialog, tell, (90, 34))


def test_every_path_is_told_and_enter_confirms_what_can_be_undone(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("replace  common/f")
        await user.sees("create   common/d")
        await user.sees("2 of them inside a selected directory")
        assert "replacing 1" in user.answer.text
        await user.presses("enter")

    assert ask(world, tell) == [Extract(1, ITEMS)]


def test_content_of_a_folder_is_listed_on_demand(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("create   common/d")
        assert "common/d/x" not in user.screen()
        await goes_to(user, "cloud, system")
        await user.presses("l")
        await user.sees("common/d/x")
        await user.presses("escape")

    assert ask(world, tell) == [None]


def test_without_an_undo_the_number_has_to_be_typed(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("replace  common/f")
        await goes_to(user, "Undo")
        await user.presses("space", "space")
        await user.sees("it cannot be undone")
        await user.sees("Type 1 to restore")
        assert user.answer.waits
        await user.presses("1", "enter")

    assert ask(world, tell) == [Extract(1, ITEMS, undo_window=0)]


def test_a_policy_lets_be_what_is_there(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("replace  common/f")
        await goes_to(user, "Replace")
        await user.presses("space", "space", "space")
        await user.sees("keep     common/f")
        await user.sees("replacing nothing")
        await user.presses("escape")

    assert ask(world, tell) == [None]


def test_beside_it_lands_below_the_directory_that_is_typed(world: World, tmp_path: Path) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("replace  common/f")
        await goes_to(user, "in place")
        await user.presses("space")
        await user.types(str(tmp_path / "out"), "#to")
        await user.sees("replacing nothing")
        await goes_to(user, "Names")
        await user.presses("space")
        await user.sees("create   f")
        await user.presses("enter")
        await user.waits()

    assert ask(world, tell) == [Extract(1, ITEMS, target_dir=str(tmp_path / "out"), strip=True)]


def test_data_of_a_user_can_be_given_to_another(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("cloud, alice")
        await user.types("alice=bob", "#owner")
        await user.sees("cloud, bob")
        await user.presses("enter")
        await user.waits()

    items = ("cloud:user/alice/common/mine",)
    assert ask(world, tell, items) == [Extract(1, items, owners=("alice=bob",))]


def test_an_owner_that_makes_no_sense_blocks_with_the_reason(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("cloud, alice")
        await user.types("alice", "#owner")
        await user.sees("BLOCKED")
        await user.sees("write alice=bob")
        assert user.edge.main is None
        await user.presses("escape")

    ask(world, tell, ("cloud:user/alice/common/mine",))


def test_a_planted_link_is_a_conflict_and_nothing_can_be_confirmed(world: World) -> None:
    plant(world.data("cloud") / "common", {"d": Link("/etc")})

    async def tell(user: Patient) -> None:
        await user.sees("conflict common/d")
        await user.sees("a symbolic link is there")
        assert user.edge.main is None
        await user.presses("escape")

    assert ask(world, tell) == [None]


def test_missing_paths_block_the_extract(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("BLOCKED")
        await user.sees("the snapshot holds no such thing")
        assert isinstance(user.app.screen.query_one("#owner"), Input)
        await user.presses("escape")

    ask(world, tell, ("cloud:common/none",))
