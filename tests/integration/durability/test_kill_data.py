"""Death at any instant of what changes data: the next start leaves the old state or the new one."""

import os
import re
import shutil

import pytest

from backend.operations import Operation, Restore, Save, Undo
from tests import golden
from tests.support.builders import World
from tests.support.dying import (
    IN_PIECES,
    KNOWN,
    Fresh,
    added_whole,
    assert_same_data,
    did,
    died,
    leftovers,
    live,
    make_ends,
    make_fresh,
    make_killer,
    make_plain_killer,
    make_template,
    points,
    started_again,
    tidied_in_pieces,
)
from tests.support.journals import amend
from tests.support.killing import Killer

killer = pytest.fixture(
    scope="module", params=[True, pytest.param(False, marks=pytest.mark.slow)], ids=["exchange", "fallback"]
)(make_killer)
plain_killer = pytest.fixture(scope="module")(make_plain_killer)
template = pytest.fixture(scope="module")(make_template)
fresh = pytest.fixture(make_fresh)
ends = pytest.fixture(make_ends)


def restored_or_not(killer: Killer, world: World, old: golden.Tree, new: golden.Tree) -> None:
    """All data are the old ones and nothing is left, or all are the new ones and can be undone."""
    live_data = live(world)
    offers = world.engine.undo_offers()
    if live_data == old:
        assert offers == []
        assert leftovers(world) == []
        return
    assert live_data == new
    assert leftovers(world, undo=True) == []
    assert [(offer.set_id, offer.snaps) for offer in offers] == [(5, ("bar", "foo"))]
    did(killer, world, Undo())
    assert_same_data(world, old)


@pytest.mark.parametrize("in_pieces", IN_PIECES, ids=["tidied", "tidied in pieces"])
@pytest.mark.parametrize("is_there", [False, True], ids=["missing", "empty"])
def test_restore_beside(plain_killer: Killer, fresh: Fresh, is_there: bool, in_pieces: bool) -> None:
    """All of it is there, or nothing is; what was live stays as it was."""
    target_dir = fresh.root.parent / "beside"

    def prepared() -> World:
        if target_dir.exists():
            shutil.rmtree(target_dir)
        if is_there:
            target_dir.mkdir()
        return fresh()

    def around() -> list[str]:
        return sorted(name for name in os.listdir(fresh.root.parent) if name != "root")

    operation = Restore(5, target_dir=str(target_dir))
    world = prepared()
    old, empty = live(world), around()
    changes = did(plain_killer, world, operation).changes
    whole = golden.tree(target_dir)
    for moment in points(changes, 11, 1 + 3 * is_there + 5 * in_pieces):
        world = prepared()
        died(plain_killer, world, operation, moment)
        if in_pieces:
            tidied_in_pieces(plain_killer, world)
        started_again(plain_killer, world)
        tree = golden.tree(target_dir) if target_dir.exists() else {}
        assert (around(), tree.keys()) in ((empty, set()), (["beside"], whole.keys()))
        assert live(world) == old
        assert leftovers(world) == []
        assert world.engine.undo_offers() == []


@pytest.mark.parametrize("torn", [False, True], ids=["before", "torn"])
def test_restore(
    killer: Killer, fresh: Fresh, ends: tuple[golden.Tree, golden.Tree, int], torn: bool
) -> None:
    old, new, changes = ends
    for moment in points(changes, 13, 1 + 6 * torn):
        world = fresh()
        died(killer, world, Restore(5), moment, torn=torn)
        started_again(killer, world)
        restored_or_not(killer, world, old, new)


@pytest.mark.slow
def test_restore_whose_recovery_dies(
    killer: Killer, fresh: Fresh, ends: tuple[golden.Tree, golden.Tree, int]
) -> None:
    old, new, changes = ends
    for moment in points(changes, 29, 11):
        world = fresh()
        died(killer, world, Restore(5), moment)
        tidied_in_pieces(killer, world)
        started_again(killer, world)
        restored_or_not(killer, world, old, new)


def test_a_restore_that_failed_half_way(
    killer: Killer, fresh: Fresh, ends: tuple[golden.Tree, golden.Tree, int]
) -> None:
    """Where a failed restore could not take all back itself, the next start tries again."""
    old, _, changes = ends
    world = fresh()
    died(killer, world, Restore(5), changes - 12)
    (folder,) = (world.root / "var/lib/snapstow/jobs").iterdir()
    (folder / "result.json").write_text('{"state":"failed","error":"it was replaced by someone else"}')
    assert live(world) != old
    started_again(killer, world)
    assert live(world) == old
    assert leftovers(world) == []


@pytest.mark.slow
@pytest.mark.parametrize("what", [Save(users=("alice",)), Restore(5)], ids=["save", "restore"])
def test_after_a_start_of_the_machine_devices_have_other_numbers(
    killer: Killer, fresh: Fresh, what: Operation
) -> None:
    world = fresh()
    old = live(world)
    changes = did(killer, world, what).changes
    new = live(world)
    for moment in points(changes, 9, 12):
        world = fresh()
        died(killer, world, what, moment)
        device = str(world.root.stat().st_dev)
        for path in (world.root / "var/lib/snapstow/jobs").glob("*/*.json*"):
            path.write_text(re.sub(rf"\b{device}\b", "9999", path.read_text()))
        started_again(killer, world)
        if isinstance(what, Restore):
            restored_or_not(killer, world, old, new)
        else:
            added_whole(killer, world, KNOWN, ["bar", "foo"])


@pytest.mark.slow
def test_restore_without_undo(killer: Killer, fresh: Fresh) -> None:
    operation = Restore(5, undo_window=0)
    world = fresh()
    old = live(world)
    changes = did(killer, world, operation).changes
    new = live(world)
    assert leftovers(world) == []
    for moment in points(changes, 23, 80):
        world = fresh()
        died(killer, world, operation, moment)
        tidied_in_pieces(killer, world)
        started_again(killer, world)
        assert live(world) in (old, new)
        assert leftovers(world) == []
        assert world.engine.undo_offers() == []


def latest(world: World) -> Undo:
    """Taking back whatever was done last, an undo included."""
    return Undo(world.engine.undo_offers()[0].job)


@pytest.mark.parametrize(
    "times",
    [1, *(pytest.param(times, marks=pytest.mark.slow) for times in (2, 3))],
    ids=["undo", "undo of undo", "undo of undo of undo"],
)
def test_undo(killer: Killer, fresh: Fresh, times: int) -> None:
    def prepared() -> World:
        world = fresh()
        did(killer, world, Restore(5))
        for _ in range(times - 1):
            did(killer, world, latest(world))
        return world

    world = prepared()
    before = live(world)
    changes = did(killer, world, latest(world)).changes
    after = live(world)
    assert before != after
    for moment in points(changes, 4, times):
        world = prepared()
        died(killer, world, latest(world), moment)
        if moment % 2:
            tidied_in_pieces(killer, world)
        started_again(killer, world)
        live_data = live(world)
        assert live_data in (before, after)
        assert leftovers(world, undo=True) == []
        assert [(offer.set_id, offer.snaps) for offer in world.engine.undo_offers()] == [(5, ("bar", "foo"))]
        did(killer, world, latest(world))
        assert live(world) == (after if live_data == before else before)


@pytest.mark.slow
def test_expiry(killer: Killer, fresh: Fresh) -> None:
    """Undo data that expired go as a whole, however often that is interrupted."""
    world = fresh()
    did(killer, world, Restore(5, undo_window=1))
    new = live(world)
    (record,) = world.engine.journal.records()
    amend(record, {"undo_until": 1.0})
    tidied_in_pieces(killer, world)
    started_again(killer, world)
    assert leftovers(world) == []
    assert live(world) == new
