"""A disk without any room left: what frees room, or takes something back, still works."""

import gc
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.operations import Forget, Restore, Save, Undo
from tests.support.builders import World
from tests.support.dying import make_template
from tests.support.faults import Fault, Faults

OLD, NEW = "old", "new"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """On a small file system of its own."""

    class Disk:
        def mktemp(self, _name: str) -> Path:
            return tmp_path

    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", tmp_path], check=True)
    try:
        yield make_template(Disk())  # type: ignore[arg-type] # nothing else of it is asked for
    finally:
        gc.collect()  # what holds the root open goes with what used it
        subprocess.run(["umount", tmp_path], check=True)


def fill(world: World) -> None:
    """Leave no room at all."""
    fd = os.open(world.root / f"full-{os.urandom(4).hex()}", os.O_WRONLY | os.O_CREAT)
    try:
        while True:
            os.write(fd, bytes(4096))
    except OSError:
        os.close(fd)


def content(world: World) -> str:
    return (world.data("foo") / "common/b").read_text()


@pytest.mark.root
def test_undo_is_done_and_recorded(world: World) -> None:
    world.do(Restore(5))
    assert content(world) == NEW
    fill(world)
    world.do(Undo())
    assert content(world) == OLD
    assert world.engine.journal.record(1).result.undone
    assert [offer.job for offer in world.engine.undo_offers()] == [world.engine.journal.records()[-1].id]


@pytest.mark.root
def test_forget_is_done_and_recorded(world: World) -> None:
    world.do(Restore(5))
    fill(world)
    world.do(Forget(4))
    assert [group.set_id for group in world.engine.sets()] == [5]


@pytest.mark.root
@pytest.mark.parametrize("finish", [True, False], ids=["finish", "takeback"])
def test_an_interrupted_restore_is_ended_as_chosen(world: World, finish: bool) -> None:
    world.do(Restore(5))
    world.do(Undo())
    with Faults() as faults:
        for at in range(100, 220, 5):
            faults.run(world.root, ["restore", "5"], at, Fault.DEAD)
            if world.engine.waiting():
                break
            faults.run(world.root, ["doctor", "--repair"])
    number = world.engine.journal.records()[-1].id
    fill(world)
    world.engine.resolve(number, finish=finish)
    assert content(world) == (NEW if finish else OLD)
    assert world.engine.waiting() == []


@pytest.mark.root
def test_no_set_id_is_given_twice_after_a_forget(world: World) -> None:
    """The set came from elsewhere: nothing but its file tells of its number."""
    world.do(Restore(5))
    world.add(40, "foo", {"x1": {}})
    fill(world)
    world.do(Forget(40))
    for path in world.root.glob("full-*"):
        path.unlink()
    assert world.do(Save(("foo",))).set_id == 41
