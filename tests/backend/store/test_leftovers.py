"""What interrupted saves and imports left is known by its name, and nothing else is."""

import os
from pathlib import Path

import pytest

from backend.errors import MultiError
from backend.store import leftovers
from tests.support.builders import Link, Tree, World, plant


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "root")


def test_leftovers_of_a_crash_are_found_by_name(world: World) -> None:
    left: Tree = {
        "74_postie_1.0_x1.zip.1846494151~": "",
        "74_postie_1.0_x1.zip.4dkJrwnkg36r~": "",
        "74_postie_1.0_x1.zip.7~": "",
        ".snapstow-import-3-abc": {"1_x_1_x1.zip": ""},
        "5_importing": "",
        "1abc_importing": "",
    }
    innocent = {"notes.txt": "", "x_importing": "", "74_postie_1.0_x1.zip.bak": "", "1_000_f.zip~": ""}
    plant(world.snapshots, left)
    plant(world.snapshots, innocent)
    store = world.engine.store
    assert leftovers.markers(store) == ["1abc_importing", "5_importing"]
    temporaries = [os.path.basename(path) for path in leftovers.temporaries(store)]
    assert temporaries == sorted(left)[:1] + sorted(left)[3:]
    assert leftovers.lookalikes(store) == []


def test_names_like_an_unfinished_save_are_told_apart(world: World) -> None:
    alike: Tree = {
        "1_hello_1.0_x1.zip.4294967295a~": "",
        "1_hello_1.0_x1.zip.42949672951~": "",
        "1_hello_1.0_x1.zip.4dkJrwnkg36~": "",
        "1_hello_1.0_x1.zip.bak~": "",
        "1_hello_1.0_x1.zip.\n~": "",
        "2_hello_1.0_x1.zip.1846494151~": {"a directory": ""},
        "2_hello_1.0_x1.zip.4dkJrwnkg36r~": Link("elsewhere"),
    }
    plant(world.snapshots, alike)
    store = world.engine.store
    assert [os.path.basename(path) for path in leftovers.lookalikes(store)] == sorted(alike)
    assert leftovers.temporaries(store) == []


def test_abandoned_imports_are_cleaned_up_and_all_failures_told(world: World) -> None:
    world.add(5, "hello")
    world.add(6, "hello")
    plant(world.snapshots, {"005_importing": "", "7x_importing": ""})
    with pytest.raises(MultiError, match=r'cannot determine snapshot id from ".*/7x_importing"'):
        leftovers.clean_up_abandoned_imports(world.engine.store)
    assert world.names() == ["6_hello_1.0_x1.zip", "7x_importing"]
