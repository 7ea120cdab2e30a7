"""Death at any instant of a forget, or of its undo: the set is there whole, or it is gone whole and kept."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from backend.jobs.record import JobState
from backend.operations import Finish, Forget, Operation, TakeBack, Undo
from backend.restore.slots import TRASH
from tests.support.builders import World
from tests.support.dying import (
    Fresh,
    did,
    died,
    make_fresh,
    make_plain_killer,
    make_template,
    points,
    sets,
    started_again,
    tidied_in_pieces,
)
from tests.support.journals import amend
from tests.support.killing import Killer

plain_killer = pytest.fixture(scope="module")(make_plain_killer)
template = pytest.fixture(scope="module")(make_template)
fresh = pytest.fixture(make_fresh)

WITH, WITHOUT = {4: ["foo"], 5: ["bar", "foo"]}, {4: ["foo"]}


def contents(paths: Sequence[Path]) -> dict[str, tuple[int, bytes]]:
    return {path.name: (path.stat().st_ino, path.read_bytes()) for path in paths}


def files(world: World) -> dict[str, tuple[int, bytes]]:
    return contents(list(world.snapshots.glob("*.zip")))


def kept(world: World) -> dict[str, tuple[int, bytes]]:
    return contents(list((world.snapshots / TRASH).glob("*/*")))


def there_or_kept(killer: Killer, world: World, before: dict[str, tuple[int, bytes]]) -> bool:
    """All files are there and none is kept (True), or those of the set are kept, and come back."""
    assert {**files(world), **kept(world)} == before
    is_there = sets(world) == WITH
    offers = world.engine.undo_offers()
    if is_there:
        assert (kept(world), offers) == ({}, [])
        assert not (world.snapshots / TRASH).exists()
        return True
    assert sets(world) == WITHOUT
    ((job, sets_of),) = [(offer.job, offer.sets) for offer in offers]
    assert sets_of == (5,)
    did(killer, world, Undo(job))
    assert (files(world), kept(world), world.engine.undo_offers()) == (before, {}, [])
    return False


@pytest.mark.parametrize("torn", [False, True], ids=["before", "torn"])
@pytest.mark.parametrize("in_pieces", [False, True], ids=["tidied", "tidied in pieces"])
def test_forget_that_dies_leaves_the_set_or_keeps_all_of_it(
    plain_killer: Killer, fresh: Fresh, torn: bool, in_pieces: bool
) -> None:
    ends = set()
    for moment in points(did(plain_killer, fresh(), Forget(5)).changes, 1):
        world = fresh()
        before = files(world)
        died(plain_killer, world, Forget(5), moment, torn=torn)
        assert {**files(world), **kept(world)} == before, "nobody tidied up yet"
        if in_pieces:
            tidied_in_pieces(plain_killer, world)
        started_again(plain_killer, world)
        ends.add(there_or_kept(plain_killer, world, before))
    assert ends == {True, False}


@pytest.mark.parametrize("in_pieces", [False, True], ids=["tidied", "tidied in pieces"])
def test_undo_of_a_forget_that_dies_leaves_the_set_or_keeps_all_of_it(
    plain_killer: Killer, fresh: Fresh, in_pieces: bool
) -> None:
    world = fresh()
    did(plain_killer, world, Forget(5))
    ends = set()
    for moment in points(did(plain_killer, world, Undo()).changes, 1):
        world = fresh()
        before = files(world)
        did(plain_killer, world, Forget(5))
        died(plain_killer, world, Undo(), moment)
        assert {**files(world), **kept(world)} == before, "nobody tidied up yet"
        if in_pieces:
            tidied_in_pieces(plain_killer, world)
        started_again(plain_killer, world)
        ends.add(there_or_kept(plain_killer, world, before))
    assert ends == {True, False}


def test_undo_under_a_free_number_that_dies_leaves_the_set_or_keeps_all_of_it(
    plain_killer: Killer, fresh: Fresh
) -> None:
    def forgotten() -> tuple[World, set[tuple[int, bytes]]]:
        world = fresh()
        before = {facts for name, facts in files(world).items() if name.startswith("5_")}
        did(plain_killer, world, Forget(5))
        (world.snapshots / "5_other_1_x1.zip").write_bytes(b"")
        return world, before

    world, _ = forgotten()
    for moment in points(did(plain_killer, world, Undo()).changes, 1):
        world, before = forgotten()
        died(plain_killer, world, Undo(), moment)
        tidied_in_pieces(plain_killer, world)
        started_again(plain_killer, world)
        if world.engine.undo_offers():
            did(plain_killer, world, Undo())
        assert kept(world) == {}
        assert {facts for name, facts in files(world).items() if name[0] not in "45"} == before
        (new,) = {int(name.partition("_")[0]) for name in files(world)} - {4, 5}
        assert new > 5


@pytest.mark.parametrize("ending", [Finish, TakeBack])
def test_forget_that_died_is_ended_as_it_is_chosen(
    plain_killer: Killer, fresh: Fresh, ending: type[Finish | TakeBack]
) -> None:
    ended = 0
    for moment in points(did(plain_killer, fresh(), Forget(5)).changes, 1):
        world = fresh()
        before = files(world)
        died(plain_killer, world, Forget(5), moment)
        records = world.engine.journal.records()
        if not records or records[0].state is not JobState.INTERRUPTED:
            continue
        number = records[0].id
        ways = world.engine.resolutions(number)
        way = ways.finish if ending is Finish else ways.take_back
        assert way.text
        did(plain_killer, world, ending(number))
        if way.again:
            did(plain_killer, world, way.again)
        is_there = there_or_kept(plain_killer, world, before)
        assert is_there == (ending is TakeBack)
        ended += 1
    assert ended > 10


def test_expiry_that_dies_goes_on_at_the_next_start(plain_killer: Killer, fresh: Fresh) -> None:
    world = fresh()
    for moment in range(1, 40):
        world = fresh()
        did(plain_killer, world, Forget(5))
        record = world.engine.journal.records()[-1]
        amend(record, {"undo_until": record.started})
        ending = plain_killer.do(world.root, "tidy", moment)
        started_again(plain_killer, world)
        assert sets(world) == WITHOUT
        assert not (world.snapshots / TRASH).exists()
        if not ending.died:
            return
    raise AssertionError("an expiry without an end")


def test_work_after_a_death_is_done_on_whole_sets(plain_killer: Killer, fresh: Fresh) -> None:
    operation: Operation = Forget(5)
    for moment in points(did(plain_killer, fresh(), operation).changes, 5, 8):
        world = fresh()
        before = files(world)
        died(plain_killer, world, operation, moment)
        did(plain_killer, world, Forget(4))
        did(plain_killer, world, Undo())
        there_or_kept(plain_killer, world, before)
