"""An extraction of very many files: its journal stays small, and all that reads it goes on reading it.

SNAPSTOW_MILLION=1 tries 95,000 files.
"""

import os
from pathlib import Path

import pytest

from backend.operations import Extract, Undo
from backend.progress import Progress
from tests.support.builders import Tree, World

FOLDER = "/".join(letter * 150 for letter in "def")
IN_ONE = 95
MANY = 1000 if os.environ.get("SNAPSTOW_MILLION") else 200


def placed(world: World, number: int) -> Path:
    """The directory of files that has this number."""
    return world.data("foo") / "common" / f"{number:04d}" / FOLDER


def nested(files: Tree) -> Tree:
    for name in reversed(FOLDER.split("/")):
        files = {name: files}
    return files


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "root")
    world.install("foo", data={}, common={})
    return world


def name_of(number: int) -> str:
    return f"{number:03d}-{'n' * 200}"


@pytest.mark.parametrize("folders", [3, pytest.param(MANY, marks=pytest.mark.slow)])
def test_extract_and_its_undo_and_doctor_whatever_the_number(world: World, folders: int) -> None:
    files: Tree = {name_of(number): "new" for number in range(IN_ONE)}
    world.add(5, "foo", {"x1": {}, "common": {f"{number:04d}": nested(files) for number in range(folders)}})
    for number in range(folders):
        placed(world, number).mkdir(parents=True)
        for name in files:
            (placed(world, number) / name).write_text("old")
    assert world.do(Extract(5, ("foo:common",))).extracted == folders * IN_ONE
    steps = os.path.join(world.engine.journal.record(1).folder, "steps.jsonl")
    assert os.path.getsize(steps) < folders * (1000 + IN_ONE * 240)
    last = placed(world, folders - 1) / name_of(7)
    assert last.read_text() == "new"
    assert [finding.kind for finding in world.engine.findings()] == ["undo"]
    assert world.engine.tidy(Progress()) == []
    world.do(Undo())
    assert last.read_text() == "old"
    world.do(Undo(2))
    assert last.read_text() == "new"
