"""Fixtures of the stories about files outside of the root: a working directory, a world, an export of it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend import Export, Progress
from tests.support.builders import World
from tests.tui.support.dialogs import line_list, stands_at
from tests.tui.support.patient import Patient
from tui.dialogs.path import PathDialog
from tui.session.place import Place

HOSTILE = ["[red]x", "a\x1b]0;T\x07", "n\u202egpj", "caf\udce9"]


@pytest.fixture(name="here")
def working_directory(tmp_path: Path) -> Iterator[Path]:
    """The working directory."""
    before = os.getcwd()
    here = tmp_path / "here"
    here.mkdir()
    os.chdir(here)
    yield here
    os.chdir(before)


@pytest.fixture(name="world")
def world_of_two(tmp_path: Path) -> World:
    """A root with set #1 of two snaps, one of which is installed."""
    world = World(tmp_path / "world")
    world.install("hello", version="2.0", rev="x2")
    world.add(1, "hello", users={"alice": {"common": {"f": "1"}}})
    world.add(1, "other")
    return world


@pytest.fixture(name="exported")
def exported_set(world: World, here: Path) -> Path:
    """An export of set #1 in the working directory."""
    world.engine.export(Export(1, str(here / "e.snapshot")), Progress())
    return here / "e.snapshot"


def place_of(user: Patient) -> Place:
    return user.app.place


def dialog(user: Patient) -> PathDialog[object]:
    """The dialog that is open."""
    screen = user.app.screen
    assert isinstance(screen, PathDialog)
    return screen


def cursor_name(user: Patient) -> str:
    """The name of the file or folder under the cursor."""
    return str(getattr(line_list(user).cursor_key, "name", ""))


async def stands_on(user: Patient, text: str) -> None:
    """Go down in the list until the line under the cursor says a text."""
    for number, line in enumerate(line_list(user).shown):
        if text in line.text.plain:
            return await stands_at(user, number)
    raise AssertionError(f"{text!r} is not in the list:\n{user.screen()}")


def wording(user: Patient) -> str:
    """What is on the screen as running text, however it wraps."""
    return " ".join(user.screen().replace("│", " ").split())


async def reads(user: Patient, text: str) -> Patient:
    """Until a text is on the screen, wrapped as it may be."""
    await user.finds(text, lambda: wording(user))
    return user
