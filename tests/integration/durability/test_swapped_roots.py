"""The owner of a root puts links in the place of its directories while root works: none leads outside."""

import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from backend.errors import SnapshotError
from backend.fs import beneath
from backend.jobs.open_record import OpenRecord
from backend.operations import Check, Export, Extract, Forget, Import, Operation, Restore, Save, Undo
from tests import golden
from tests.support.builders import World
from tests.support.dying import EVERY, Fresh, did, make_fresh, make_plain_killer, make_template
from tests.support.killing import Killer
from tests.support.swapped import make_outside, swap, swap_back, swapping

fresh = pytest.fixture(make_fresh)
plain_killer = pytest.fixture(scope="module")(make_plain_killer)
template = pytest.fixture(scope="module")(make_template)

COMMANDS = [
    ["save"],
    ["restore", "5"],
    ["undo"],
    ["restore", "5", "--no-undo"],
    ["extract", "5", "foo:common/b"],
    ["check-snapshot", "5"],
    ["export-snapshot", "5", "{root}/var/lib/out"],
    ["import-snapshot", "{root}/five.snapshot"],
    ["forget", "4"],
    ["doctor", "--repair"],
    ["jobs"],
    ["saved"],
]


@pytest.fixture
def world(fresh: Fresh, plain_killer: Killer) -> World:
    """A world in which an undo is kept."""
    world = fresh()
    did(plain_killer, world, Restore(5))
    return world


@pytest.fixture
def outside(world: World, tmp_path: Path) -> Path:
    make_outside(world.root, tmp_path / "outside")
    return tmp_path / "outside"


@pytest.mark.root
@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_swapper_beside_a_command_makes_it_write_nothing_outside(
    plain_killer: Killer, world: World, outside: Path, command: list[str]
) -> None:
    before = golden.tree(outside)
    arguments = [argument.format(root=world.root) for argument in command]
    for _ in range(15):
        with swapping(world.root, outside):
            ending = plain_killer.command(world.root, arguments)
        assert "bug" not in ending.error
        assert ending.answer != 70
        assert golden.tree(outside) == before


NAMES = [
    "var",
    *(
        pytest.param(name, marks=pytest.mark.slow)
        for name in ("var/snap", "var/lib/snapd/snapshots", "home/alice/snap", "var/lib/snapstow")
    ),
]
OPERATIONS: list[Callable[[Path], Operation]] = [
    lambda _root: Save(),
    lambda _root: Restore(5),
    lambda _root: Restore(5, undo_window=0),
    lambda _root: Extract(5, ("foo:common/b", "foo:user/alice/common/n")),
    lambda _root: Undo(),
    lambda _root: Forget(5),
    lambda _root: Check(5),
    lambda root: Import(str(root / "five.snapshot")),
    lambda root: Export(5, str(root / "var/lib/out")),
]


@pytest.mark.root
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("made", OPERATIONS, ids=lambda made: made(Path()).verb)
def test_a_directory_swapped_at_any_step_of_an_operation_leads_nowhere(
    world: World,
    outside: Path,
    monkeypatch: pytest.MonkeyPatch,
    made: Callable[[Path], Operation],
    name: str,
) -> None:
    before = golden.tree(outside)
    at = Swap(world.root, outside, name)
    for method in ("tell", "record_step"):
        monkeypatch.setattr(OpenRecord, method, at.after(getattr(OpenRecord, method)))
    while at.happened:
        at.begin()
        with suppress(SnapshotError):
            world.do(made(world.root))
        at.end()
        assert golden.tree(outside) == before
    assert at.moment > 1


class Swap:
    """A swap of one directory, at a later moment of an operation each time."""

    def __init__(self, root: Path, outside: Path, name: str) -> None:
        self._swap = partial(swap, root, outside, name)
        self._swap_back = partial(swap_back, root, name)
        self.moment = 0 if EVERY else -3
        self.happened = True

    def begin(self) -> None:
        self.moment += 1 if EVERY else 4
        self._left = self.moment
        self.happened = False

    def after(self, act: Callable[..., None]) -> Callable[..., None]:
        """What is noted or told, at the chosen moment with a swap right behind."""

        def noted(*arguments: object) -> None:
            act(*arguments)
            self._left -= 1
            if self._left == 0:
                self._swap()
                self.happened = True

        return noted

    def end(self) -> None:
        if self.happened:
            self._swap_back()


@pytest.mark.root
def test_a_journal_swapped_for_a_forged_one_is_not_read(world: World, outside: Path) -> None:
    journal = world.engine.journal
    real = journal.records()
    steps = [record.steps for record in real]
    forged = outside / "var/lib/snapstow/jobs"
    for folder in forged.iterdir():
        (folder / "steps.jsonl").write_text("{}\n")
    (forged / "9").mkdir()
    swap(world.root, outside, "var/lib")
    assert [record.id for record in journal.records()] == [record.id for record in real]
    assert [record.steps for record in journal.records()] == steps
    swap_back(world.root, "var/lib")


@pytest.mark.root
def test_a_journal_that_is_swapped_before_it_is_swept_loses_no_job(world: World) -> None:
    journal = world.engine.journal
    before = golden.tree(world.root / "var/lib/snapstow/jobs")
    (world.root / "var/lib/snapstow").rename(world.root / "var/lib/aside")
    (world.root / "var/lib/snapstow/jobs/1").mkdir(parents=True)
    journal.sweep()
    assert golden.tree(world.root / "var/lib/aside/jobs") == before


@pytest.mark.root
def test_a_journal_that_is_held_is_not_ours_alone_where_the_root_is_somebodys(world: World) -> None:
    journal = world.engine.journal
    assert beneath.is_ours_alone(journal.folder)
    os.chown(world.root / "var", 1234, 1234)
    assert not beneath.is_ours_alone(journal.folder)
