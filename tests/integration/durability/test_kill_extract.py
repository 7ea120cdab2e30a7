"""Death while marked files are put in place: afterwards all of them are, or none, and undo still works."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.jobs.record import JobState
from backend.operations import Extract, Undo
from tests import golden
from tests.support.builders import Link, Tree, World
from tests.support.killing import TIDY, Ending, Killer

EVERY = bool(os.environ.get("SNAPSTOW_EVERY_KILL"))
ITEMS = ("foo:common", "foo:rev/deep", "foo:alice/common/n", "foo:bob/x1")


@pytest.fixture(
    scope="module", params=[True, pytest.param(False, marks=pytest.mark.slow)], ids=["exchange", "fallback"]
)
def killer(request: pytest.FixtureRequest) -> Iterator[Killer]:
    with Killer(exchange=request.param) as killer:
        yield killer


@pytest.fixture
def world(tmp_path: Path) -> World:
    """What is replaced, made, and has to be made directories for; one link, one that is twice."""
    world = World(tmp_path / "root")
    world.install(
        "foo", data={"a": "old"}, common={"b": "old", "l": Link("old")}, users={"alice": {"n": "old"}}
    )
    system: Tree = {
        "x1": {"deep": {"er": "new"}},
        "common": {"b": "new", "l": Link("new"), "d": {"f": "new"}},
    }
    person: Tree = {"x1": {"q": "new"}, "common": {"n": "new"}}
    world.add(5, "foo", system, users={"alice": person, "bob": person})
    return world


def data(world: World) -> dict[str, Any]:
    """All that is below the root but for our own records; times of directories do not count."""
    entries = {}
    for place in ("var/snap", "home", "root"):
        for path, about in golden.tree(world.root / place).items():
            entries[f"{place}/{path}"] = about | ({"mtime": 0} if about["type"] == "dir" else {})
    return entries


def live(world: World) -> dict[str, Any]:
    return {path: about for path, about in data(world).items() if ".snapstow" not in path}


def did(killer: Killer, world: World, what: Any) -> Ending:
    ending = killer.do(world.root, what)
    assert (ending.died, ending.error) == (False, "")
    return ending


def struck(killer: Killer, world: World, what: Any, moment: int) -> None:
    """Die before a change; one of the last may not come, as progress is told by the clock."""
    assert killer.do(world.root, what, moment).error == ""


class Again:
    """The same world again and again, at the same place."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._kept = world.root.parent / "kept"
        _copied(world.root, self._kept)

    def __call__(self) -> World:
        shutil.rmtree(self._world.root)
        _copied(self._kept, self._world.root)
        return self._world


def _copied(source: Path, target: Path) -> None:
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)


def moments(last: int, stride: int) -> list[int]:
    """Which changes to die at: all, or some and the last ones."""
    return sorted({*range(1, last + 1, 1 if EVERY else stride), last - 1, last})


def ended(killer: Killer, world: World) -> None:
    did(killer, world, TIDY)
    assert did(killer, world, TIDY).answer == []
    assert not [record for record in world.engine.journal.records() if record.state is JobState.INTERRUPTED]


def test_extract(killer: Killer, world: World) -> None:
    again = Again(world)
    operation = Extract(5, ITEMS)
    old = data(again())
    changes = did(killer, world, operation).changes
    new = live(world)
    assert new["var/snap/foo/common/b"] != old["var/snap/foo/common/b"]
    endings = set()
    for moment in moments(changes, 13):
        world = again()
        struck(killer, world, operation, moment)
        ended(killer, world)
        if data(world) == old:
            assert world.engine.undo_offers() == []
            endings.add("old")
            continue
        assert live(world) == new
        endings.add("new")
        (offer,) = world.engine.undo_offers()
        did(killer, world, Undo(offer.job))
        assert_old(world, old)
    assert endings == {"old", "new"}


def assert_old(world: World, old: dict[str, Any]) -> None:
    """The data are as they were; parents of a snap's data that had to be made may stay, empty."""
    live_data = live(world)
    assert {path: live_data.get(path) for path in old} == old
    assert all(about["type"] == "dir" for path, about in live_data.items() if path not in old)


@pytest.mark.slow
def test_recovery_in_pieces(killer: Killer, world: World) -> None:
    """The recovery dies too, at its first change, its second, and so on."""
    again = Again(world)
    operation = Extract(5, ITEMS)
    old = data(again())
    changes = did(killer, world, operation).changes
    for moment in moments(changes, 47):
        world = again()
        struck(killer, world, operation, moment)
        for step in range(1, 500):
            if not killer.do(world.root, TIDY, step).died:
                break
        ended(killer, world)
        assert data(world) == old or world.engine.undo_offers()


@pytest.mark.slow
def test_undo(killer: Killer, world: World) -> None:
    again = Again(world)
    old = data(again())
    did(killer, world, Extract(5, ITEMS))
    new = live(world)
    changes = did(killer, world, Undo()).changes
    for moment in moments(changes, 17):
        world = again()
        did(killer, world, Extract(5, ITEMS))
        struck(killer, world, Undo(), moment)
        ended(killer, world)
        if live(world) == new:
            did(killer, world, Undo())
        assert_old(world, old)


@pytest.mark.slow
def test_beside(killer: Killer, world: World) -> None:
    """Below a directory that holds something already."""
    again = Again(world)
    target_dir = world.root.parent / "out"
    operation = Extract(5, ITEMS, target_dir=str(target_dir))

    def prepared() -> World:
        shutil.rmtree(target_dir, ignore_errors=True)
        (target_dir / "foo/common").mkdir(parents=True)
        (target_dir / "foo/common/b").write_text("mine")
        return again()

    def around() -> dict[str, Any]:
        tree = golden.tree(target_dir)
        return {path: about | {"mtime": 0} for path, about in tree.items() if ".snapstow" not in path}

    world = prepared()
    old = around()
    changes = did(killer, world, operation).changes
    new = around()
    for moment in moments(changes, 23):
        world = prepared()
        struck(killer, world, operation, moment)
        ended(killer, world)
        tree = around()
        assert tree in (old, new)
        if tree == new:
            did(killer, world, Undo())
            assert around()["foo/common/b"] == old["foo/common/b"]
        else:
            assert [path for path in golden.tree(target_dir) if ".snapstow" in path] == []


@pytest.mark.slow
@pytest.mark.parametrize("finish", [True, False])
def test_ended_as_chosen(killer: Killer, world: World, finish: bool) -> None:
    """Broken off half-way, it is rolled back, and finishing it is doing it again."""
    again = Again(world)
    old = data(again())
    operation = Extract(5, ITEMS)
    changes = did(killer, world, operation).changes
    world = again()
    struck(killer, world, operation, changes // 2)
    (number,) = (record.id for record in world.engine.journal.records())
    ended_now = world.engine.resolve(number, finish=finish)
    assert data(world) == old
    assert ended_now.again == (operation if finish else None)
