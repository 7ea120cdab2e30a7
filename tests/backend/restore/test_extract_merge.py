"""An extraction is a merge, and a command."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.commands import command_line
from backend.errors import (
    BlockedError,
    NotFoundError,
)
from backend.operations import Extract, Undo
from tests.support.builders import World, plant, tree_of


def test_as_a_command() -> None:
    operation = Extract(
        3, ("hello:common/a b",), target_dir="/out", policy="newer", owners=("alice=bob",), strip=True
    )
    assert command_line(operation) == (
        "snapstow extract 3 'hello:common/a b' --strip --to=/out --owner=alice=bob --policy=newer"
    )
    assert command_line(Extract(file="/f", items=("a",))) == "snapstow extract --file=/f a"


PATHS = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=3).map("/".join)


@given(st.sets(PATHS, min_size=1, max_size=6), st.sets(PATHS, max_size=6), st.data())
def test_a_merge_is_what_a_merge_should_be(
    tmp_path_factory: pytest.TempPathFactory, held: set[str], present: set[str], data: st.DataObject
) -> None:
    """Whatever is where: all that was marked is in place and the rest as it was, or nothing was done."""
    world = World(tmp_path_factory.mktemp("w") / "root", users=())
    world.install("hello", common={})
    saved, there = _tree(held, "old"), _tree(present, "new")
    plant(world.data("hello") / "common", there)
    world.add(1, "hello", {"common": saved})
    mark = data.draw(st.sampled_from(sorted(held)))
    try:
        world.do(Extract(1, (f"hello:common/{mark}",)))
    except (BlockedError, NotFoundError):
        assert tree_of(world.data("hello"), holder=True)["common"] == there
        return
    files = _files(tree_of(world.data("hello") / "common"))
    taken = {
        path: text for path, text in _files(saved).items() if path == mark or path.startswith(f"{mark}/")
    }
    kept = {path: text for path, text in _files(there).items() if path not in taken}
    assert {path: text for path, text in files.items() if path in taken} == taken
    replaced = set(kept) - set(files)
    assert all(any(path.startswith(f"{gone}/") for path in taken) for gone in replaced)
    world.do(Undo())
    assert tree_of(world.data("hello") / "common") == there


def _tree(paths: set[str], text: str) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path in sorted(paths, key=len, reverse=True):
        folder = tree
        *above, name = path.split("/")
        for part in above:
            folder = folder.setdefault(part, {})
        folder.setdefault(name, text)
    return tree


def _files(tree: Mapping[str, Any], above: str = "") -> dict[str, str]:
    files: dict[str, str] = {}
    for name, content in tree.items():
        if isinstance(content, Mapping):
            files |= _files(content, f"{above}{name}/")
        else:
            files[f"{above}{name}"] = content
    return files
