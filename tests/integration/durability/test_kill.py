"""Death at any instant of what changes the store: the next start leaves the old state or the new one."""

from hashlib import sha256
from pathlib import Path

import pytest

from backend.operations import Export, Forget, Import, Save
from tests.support.dying import (
    IN_PIECES,
    KNOWN,
    Fresh,
    added_whole,
    did,
    died,
    leftovers,
    make_fresh,
    make_plain_killer,
    make_template,
    points,
    sets,
    started_again,
    tidied_in_pieces,
)
from tests.support.killing import Killer

plain_killer = pytest.fixture(scope="module")(make_plain_killer)
template = pytest.fixture(scope="module")(make_template)
fresh = pytest.fixture(make_fresh)


@pytest.mark.parametrize("torn", [False, True], ids=["before", "torn"])
@pytest.mark.parametrize("in_pieces", IN_PIECES, ids=["tidied", "tidied in pieces"])
def test_save(plain_killer: Killer, fresh: Fresh, torn: bool, in_pieces: bool) -> None:
    operation = Save(users=("alice",))
    for moment in points(did(plain_killer, fresh(), operation).changes, 19, 1 + 5 * torn + 7 * in_pieces):
        world = fresh()
        died(plain_killer, world, operation, moment, torn=torn)
        if in_pieces:
            tidied_in_pieces(plain_killer, world)
        started_again(plain_killer, world)
        added_whole(plain_killer, world, KNOWN, ["bar", "foo"])


@pytest.mark.parametrize("torn", [False, True], ids=["before", "torn"])
@pytest.mark.parametrize("in_pieces", IN_PIECES, ids=["tidied", "tidied in pieces"])
def test_import(plain_killer: Killer, fresh: Fresh, torn: bool, in_pieces: bool) -> None:
    operation = Import(str(fresh.root / "five.snapshot"))
    for moment in points(
        did(plain_killer, fresh(without=5), operation).changes, 13, 1 + 4 * torn + 7 * in_pieces
    ):
        world = fresh(without=5)
        died(plain_killer, world, operation, moment, torn=torn)
        if in_pieces:
            tidied_in_pieces(plain_killer, world)
        started_again(plain_killer, world)
        added_whole(plain_killer, world, {4}, ["bar", "foo"])


@pytest.mark.parametrize("before", ["", "old"], ids=["new file", "replaced file"])
def test_export(plain_killer: Killer, fresh: Fresh, before: str) -> None:
    target = fresh.root / "out.snapshot"
    operation = Export(5, str(target))
    for moment in points(did(plain_killer, fresh(), operation).changes, 9, 2 + 3 * bool(before)):
        world = fresh()
        if before:
            target.write_text(before)
        died(plain_killer, world, operation, moment)
        tidied_in_pieces(plain_killer, world)
        started_again(plain_killer, world)
        assert leftovers(world) == []
        if target.exists() and target.read_bytes() != before.encode():
            assert did(plain_killer, world, Import(str(target))).answer == 5
        else:
            assert target.exists() == bool(before)


@pytest.mark.slow
@pytest.mark.parametrize("before", ["", "old"], ids=["new file", "replaced file"])
def test_export_with_its_checksum(plain_killer: Killer, fresh: Fresh, before: str) -> None:
    target, sums = fresh.root / "out.snapshot", fresh.root / "out.snapshot.sha256"
    operation = Export(5, str(target), checksum=True)
    for moment in points(did(plain_killer, fresh(), operation).changes, 12, 2 + bool(before)):
        world = fresh()
        for path in (target, sums) if before else ():
            path.write_text(before)
        died(plain_killer, world, operation, moment)
        assert not sums.exists() or is_of(sums, target, before), "nobody tidied up yet"
        tidied_in_pieces(plain_killer, world)
        started_again(plain_killer, world)
        assert leftovers(world) == []
        if target.exists() and target.read_text("latin-1") != before:
            assert sums.read_text() == f"{sha256(target.read_bytes()).hexdigest()}  {target.name}\n"
        else:
            assert target.exists() == bool(before)
            assert not sums.exists() or sums.read_text() == before


def is_of(sums: Path, target: Path, before: str) -> bool:
    """Whether a checksum is that of the file beside it; the older one is its own."""
    content = target.read_bytes()
    line = f"{sha256(content).hexdigest()}  {target.name}\n"
    return sums.read_text() == (before if content == before.encode() else line)


def test_forget_at_once(plain_killer: Killer, fresh: Fresh) -> None:
    """Once begun, the rest of the set goes as well."""
    forget = Forget(5, undo_window=0)
    for moment in points(did(plain_killer, fresh(), forget).changes, 1):
        world = fresh()
        died(plain_killer, world, forget, moment)
        tidied_in_pieces(plain_killer, world)
        started_again(plain_killer, world)
        assert sets(world) in ({4: ["foo"]}, {4: ["foo"], 5: ["bar", "foo"]})
        assert leftovers(world) == []
