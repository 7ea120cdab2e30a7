"""Roots that lie elsewhere, or are reached by another path, than when a job in them died."""

import gc
import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backend.jobs.record import JobState
from backend.operations import Restore
from tests import golden
from tests.support.builders import World
from tests.support.dying import (
    Fresh,
    did,
    died,
    leftovers,
    live,
    make_fresh,
    make_plain_killer,
    make_template,
    points,
)
from tests.support.killing import Killer

fresh = pytest.fixture(make_fresh)
plain_killer = pytest.fixture(scope="module")(make_plain_killer)
template = pytest.fixture(scope="module")(make_template)


def at(root: Path) -> World:
    world = World.__new__(World)
    world.root, world.snapshots = root, root / "var/lib/snapd/snapshots"
    return world


@contextmanager
def renamed(root: Path) -> Iterator[World]:
    elsewhere = root.rename(root.parent / "elsewhere")
    yield at(elsewhere)
    elsewhere.rename(root)


@contextmanager
def linked(root: Path) -> Iterator[World]:
    link = root.parent / "link"
    link.symlink_to(root)
    yield at(link)
    link.unlink()


@contextmanager
def bound(root: Path) -> Iterator[World]:
    place = root.parent / "bound"
    place.mkdir(exist_ok=True)
    subprocess.run(["mount", "--bind", str(root), str(place)], check=True)
    try:
        yield at(place)
    finally:
        gc.collect()  # layouts hold their roots
        subprocess.run(["umount", str(place)], check=True)


def forget_id(world: World) -> None:
    """Let the journal be one of the version before, in which roots had no id."""
    state = world.root / "var/lib/snapstow"
    (state / "root-id").unlink()
    for header in state.glob("jobs/*/operation.json"):
        document = json.loads(header.read_bytes())
        del document["root"]["id"]
        header.write_text(json.dumps(document))


ELSEWHERE = [renamed, linked, pytest.param(bound, marks=pytest.mark.root)]


@pytest.mark.slow
@pytest.mark.parametrize("moved", ELSEWHERE)
@pytest.mark.parametrize("ending", ["finish", "takeback", "doctor"])
def test_a_restore_that_died_is_ended_wherever_its_root_lies_now(
    plain_killer: Killer, fresh: Fresh, ending: str, moved: Callable[[Path], Iterator[World]]
) -> None:
    old = live(fresh())
    changes = did(plain_killer, world := fresh(), Restore(5)).changes
    new = live(world)
    ended = 0
    for moment in points(changes, 17, 20):
        died(plain_killer, world := fresh(), Restore(5), moment)
        if ended % 2:
            forget_id(world)
        with moved(world.root) as there:  # type: ignore[attr-defined] # a parameter of the test
            record = there.engine.journal.records()[-1]
            if record.state is not JobState.INTERRUPTED:
                continue
            assert there.engine.resolutions(record.id).take_back.refusal == ""
            arguments = ["doctor", "--repair"] if ending == "doctor" else [ending, str(record.id)]
            assert plain_killer.command(there.root, arguments).answer == 0
            now = live(there)
            assert any(now.items() >= data.items() for data in whole(ending, old, new))
            assert leftovers(there, undo=True) == []
            assert there.engine.journal.record(record.id).state is not JobState.INTERRUPTED
        ended += 1
    assert ended > 2


def whole(ending: str, old: golden.Tree, new: golden.Tree) -> list[golden.Tree]:
    """What the data may be after an ending: never half of each. Empty parents that were made may stay."""
    return [new] if ending == "finish" else [old, new]


@pytest.mark.parametrize("moved", ELSEWHERE)
def test_a_restore_is_undone_wherever_its_root_lies_now(
    plain_killer: Killer, fresh: Fresh, moved: Callable[[Path], Iterator[World]]
) -> None:
    old = live(world := fresh())
    did(plain_killer, world, Restore(5))
    with moved(world.root) as there:  # type: ignore[attr-defined] # a parameter of the test
        assert plain_killer.command(there.root, ["undo"]).answer == 0
        assert live(there).items() >= old.items()


def test_a_copy_of_a_root_is_another_root(plain_killer: Killer, fresh: Fresh) -> None:
    did(plain_killer, world := fresh(), Restore(5))
    new = live(world)
    copy = world.root.parent / "copy"
    subprocess.run(["cp", "-a", str(world.root), str(copy)], check=True)
    assert plain_killer.command(copy, ["undo"]).answer == 1
    assert (live(world), live(at(copy))) == (new, new)
