"""Worlds in which operations die, and what must be left of them."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.jobs.record import JobState
from backend.operations import Operation, Restore, Save
from backend.progress import Progress
from backend.restore.slots import HOLDER
from backend.transfer.exporter import SnapshotExport, export_to_file
from tests import golden
from tests.support.builders import Tree, World
from tests.support.killing import TIDY, Ending, Killer

EVERY = bool(os.environ.get("SNAPSTOW_EVERY_KILL"))
SAVED = ("foo", "bar")
KNOWN = {4, 5}
LEFTOVER = re.compile(r".*~|.*\.part|.*_importing|\.snapstow-import-.*|\.deep-.*|landing|\.snapstow-\w{24}")
IN_PIECES = [False, pytest.param(True, marks=pytest.mark.slow)]


def points(last: int, stride: int, start: int = 1) -> Iterator[int]:
    """The changes to die at: all of them, or a few."""
    return iter(range(start, last + 1, 1 if EVERY else stride))


def make_killer(request: pytest.FixtureRequest) -> Iterator[Killer]:
    with Killer(exchange=request.param) as killer:
        yield killer


def make_plain_killer() -> Iterator[Killer]:
    with Killer() as killer:
        yield killer


def make_template(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Two snaps, root, two users; what a restore of set 5 replaces, makes, and has to make parents for."""
    world = World(tmp_path_factory.mktemp("template") / "root")
    world.install("foo", data={"a": "old"}, common={"b": "old"}, users={"alice": {"n": "old"}})
    world.install("bar", data={"a": "old", "deep": {"er": "old"}})
    for snap in SAVED:
        system: Tree = {"x1": {"a": "new", "more": {"f": "new"}}, "common": {"b": "new"}}
        person: Tree = {"x1": {"q": "new"}, "common": {"n": "new"}}
        world.add(5, snap, system, users={"alice": person, "bob": person})
    with SnapshotExport(world.engine.store, 5) as export:
        export_to_file(export, str(world.root / "five.snapshot"), Progress())
    world.add(4, "foo")
    return world


def make_fresh(template: World, tmp_path: Path) -> "Fresh":
    return Fresh(template, tmp_path / "root")


class Fresh:
    """Copies of the template, always at the same place."""

    def __init__(self, template: World, root: Path) -> None:
        self._template = template
        self.root = root

    def __call__(self, *, without: int = 0) -> World:
        if self.root.exists():
            shutil.rmtree(self.root)
        subprocess.run(["cp", "-a", str(self._template.root), str(self.root)], check=True)
        world = World.__new__(World)
        world.root, world.snapshots = self.root, self.root / "var/lib/snapd/snapshots"
        for name in world.names():
            if without and name.startswith(f"{without}_"):
                (world.snapshots / name).unlink()
        return world


def live(world: World) -> golden.Tree:
    """Everybody's data: names, types, contents, owners, modes; times too, but for those of directories."""
    entries = {}
    for place in ("var/snap", "home", "root"):
        for path, about in golden.tree(world.root / place).items():
            if HOLDER not in path.split("/"):
                entries[f"{place}/{path}"] = about | ({"mtime": 0} if about["type"] == "dir" else {})
    return entries


def everything(world: World) -> dict[str, Any]:
    return golden.tree(world.root)


def leftovers(world: World, *, undo: bool = False) -> list[str]:
    """What nobody needs: temporary files, markers, staged files, and slots unless there is an undo."""
    paths = []
    for path in everything(world):
        name = path.rpartition("/")[2]
        if LEFTOVER.fullmatch(name) or (name == HOLDER and not undo):
            paths.append(path)
    return paths


def sets(world: World) -> dict[int, list[str]]:
    listed = world.engine.sets()
    assert not any(snapshot.broken for group in listed for snapshot in group.snapshots)
    return {group.set_id: sorted(snapshot.snap for snapshot in group.snapshots) for group in listed}


def started_again(killer: Killer, world: World) -> None:
    """The next start; another one finds nothing to do."""
    did(killer, world, TIDY)
    before = everything(world)
    assert did(killer, world, TIDY).answer == []
    assert everything(world) == before
    assert not [record for record in world.engine.journal.records() if record.state is JobState.INTERRUPTED]


def tidied_in_pieces(killer: Killer, world: World) -> None:
    """A recovery that dies at its first change, is begun anew, dies at its second, and so on."""
    for moment in range(1, 500):
        ending = killer.do(world.root, TIDY, moment)
        if not ending.died:
            assert not ending.error
            return
    raise AssertionError("a recovery without an end")


def died(killer: Killer, world: World, what: Operation, moment: int, *, torn: bool = False) -> Ending:
    ending = killer.do(world.root, what, moment, torn=torn)
    assert not ending.error
    return ending


def did(killer: Killer, world: World, what: Operation | str) -> Ending:
    ending = killer.do(world.root, what)
    assert not ending.died
    assert not ending.error
    return ending


# -- the store


def added_whole(killer: Killer, world: World, known: set[int], snaps: list[str]) -> None:
    """No new set, or just one that is whole; and what comes next gets an id that nobody had."""
    after = sets(world)
    new = set(after) - known
    assert all(after[number] == snaps for number in new)
    assert len(new) <= 1
    assert leftovers(world) == []
    used = max(ids_given_out(world) | set(after))
    assert did(killer, world, Save(("bar",))).answer == used + 1
    assert world.engine.journal.records()[-1].state is JobState.DONE


def ids_given_out(world: World) -> set[int]:
    mark = world.root / "var/lib/snapstow/last-set-id"
    return {int(mark.read_text())} if mark.exists() else {0}


# -- the data
def make_ends(killer: Killer, fresh: Fresh) -> tuple[golden.Tree, golden.Tree, int]:
    """The data before and after a restore, and how many changes lie between."""
    world = fresh()
    old = live(world)
    changes = did(killer, world, Restore(5)).changes
    new = live(world)
    assert leftovers(world, undo=True) == []
    assert old != new
    return old, new, changes


def assert_same_data(world: World, wanted: golden.Tree) -> None:
    """The data are these; parents that a restore had to make may stay, empty."""
    live_data = live(world)
    extra = {path: about for path, about in live_data.items() if path not in wanted}
    assert {path: live_data.get(path) for path in wanted} == wanted
    assert [path for path, about in extra.items() if about["type"] != "dir"] == []
