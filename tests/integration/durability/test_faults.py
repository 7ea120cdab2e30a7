"""A disk that fails at any call that changes it: what is said is true, and a repair makes the data whole."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from backend.jobs.record import JobState
from tests import golden
from tests.support.builders import World
from tests.support.dying import KNOWN, Fresh, leftovers, live, make_fresh, make_template
from tests.support.faults import Fault, Faults, Ran

EVERY = int(os.environ.get("SNAPSTOW_EVERY_FAULT", "0"))  # 1: every change, 7: every seventh
SAMPLES = 3
PARTLY = "are partly replaced"
UNRECORDED = "are replaced, but that is not recorded"

pytestmark = pytest.mark.slow

template = pytest.fixture(scope="module")(make_template)
fresh = pytest.fixture(make_fresh)


@pytest.fixture(scope="module")
def faults() -> Iterator[Faults]:
    with Faults() as faults:
        yield faults


class State(NamedTuple):
    """What users have: their data, the snapshots, and what was exported."""

    data: golden.Tree
    snapshots: dict[str, bytes]
    is_exported: bool


def state_of(world: World) -> State:
    data = {path: about for path, about in live(world).items() if about["type"] != "dir"}
    listed = [snapshot for group in world.engine.sets() for snapshot in group.snapshots]
    assert not any(snapshot.broken for snapshot in listed)
    names = sorted(os.path.basename(snapshot.path) for snapshot in listed)
    return State(data, {name: content_of(world, name) for name in names}, (world.root / "out").exists())


def content_of(world: World, name: str) -> bytes:
    """What a snapshot holds, where that does not tell when it was made."""
    return (world.snapshots / name).read_bytes() if int(name.partition("_")[0]) in KNOWN else b""


class Scene(NamedTuple):
    """A command in a world that was prepared for it; `is_reversible` where an undo takes it back."""

    line: Callable[[Path], list[str]]
    before: Callable[[Faults, World], object] = lambda _faults, _world: None
    without: int = 0
    is_reversible: bool = False


def restored(faults: Faults, world: World) -> Ran:
    return faults.run(world.root, ["restore", "5"])


def died_restoring(faults: Faults, world: World) -> Ran:
    return faults.run(world.root, ["restore", "5"], 165, Fault.DEAD)


SCENES = {
    "save": Scene(lambda _root: ["save"]),
    "restore": Scene(lambda _root: ["restore", "5"], is_reversible=True),
    "restore without undo": Scene(lambda _root: ["restore", "--no-undo", "5"]),
    "extract": Scene(
        lambda _root: ["extract", "5", "foo:common/b", "foo:rev/more", "bar:rev/a"], is_reversible=True
    ),
    "undo": Scene(lambda _root: ["undo"], restored, is_reversible=True),
    "forget": Scene(lambda _root: ["forget", "5"]),
    "export": Scene(lambda root: ["export-snapshot", "5", f"{root}/out"]),
    "import": Scene(lambda root: ["import-snapshot", f"{root}/five.snapshot"], without=5),
    "repair": Scene(lambda _root: ["doctor", "--repair"], died_restoring),
}


class Stage:
    """A scene with what it comes to where nothing fails."""

    def __init__(self, faults: Faults, fresh: Fresh, scene: Scene) -> None:
        self.scene = scene
        self._faults = faults
        self._fresh = fresh
        world = self.world()
        self.old = state_of(world)
        ran = self.run(world)
        assert ran.code == 0, ran
        self.new = state_of(world)
        self.changes = ran.changes

    def world(self) -> World:
        world = self._fresh(without=self.scene.without)
        self.scene.before(self._faults, world)
        return world

    def run(self, world: World, at: int = 0, fault: Fault = Fault.IO) -> Ran:
        return self._faults.run(world.root, self.scene.line(world.root), at, fault)

    def check(self, at: int, fault: Fault) -> list[str]:
        """Run it with a fault; what was wrong then, in words."""
        world = self.world()
        ran = self.run(world, at, fault)
        wrong = list(self._faults_of_words(ran, state_of(world)))
        repaired = self._faults.run(world.root, ["doctor", "--repair"])
        wrong += list(self._faults_of_repair(ran, repaired, world))
        return [f"{text} (change {at}, {fault.name}): {ran} {repaired}" for text in wrong]

    def _faults_of_words(self, ran: Ran, state: State) -> Iterator[str]:
        if "Traceback" in ran.err or "a bug in snapstow" in ran.err:
            yield "a bug"
        if not 0 <= ran.code < 128 or (ran.code and not ran.err):
            yield "no sentence"
        if "doctor" in self.scene.line(Path("/")) or PARTLY in ran.err or UNRECORDED in ran.err:
            return
        if state != (self.new if ran.said_done else self.old) and not is_partial(ran, state, self):
            yield "said done, is not" if ran.said_done else "said not done, is"

    def _faults_of_repair(self, ran: Ran, repaired: Ran, world: World) -> Iterator[str]:
        state = state_of(world)
        if repaired.code:
            yield "not repaired"
        if [record for record in world.engine.journal.records() if record.state is JobState.INTERRUPTED]:
            yield "a job that was not ended"
        if state not in (self.old, self.new) and not is_partial(ran, state, self):
            yield "neither before nor after"
        if ran.said_done and state != self.new and not is_partial(ran, state, self):
            yield "done, and rolled back by the repair"
        if leftovers(world, undo=True):
            yield f"left over: {leftovers(world, undo=True)}"
        if self.scene.is_reversible and state == self.new:
            undo = self._faults.run(world.root, ["undo", str(world.engine.undo_offers()[0].job)])
            if undo.code or state_of(world).data != self.old.data:
                yield f"cannot be undone: {undo}"


def is_partial(ran: Ran, state: State, stage: Stage) -> bool:
    """Whether one of several snaps was saved, or forgotten, and the answer says so."""
    verb = stage.scene.line(Path("/"))[0]
    between = sorted((stage.old.snapshots.keys(), stage.new.snapshots.keys()), key=len)
    is_between = between[0] < state.snapshots.keys() < between[1] and state.data == stage.old.data
    return is_between and ((verb == "save" and ran.code == 3) or (verb == "forget" and ran.code == 1))


RARE = [Fault.NO_SPACE, Fault.READ_ONLY, Fault.FULL, Fault.READ_ONLY_FROM_HERE]


@pytest.mark.parametrize(
    "fault",
    [Fault.IO, Fault.DEAD, *RARE],
    ids=lambda fault: fault.name,
)
@pytest.mark.parametrize("name", SCENES)
def test_a_fault_leaves_the_truth_told_and_the_data_whole(
    faults: Faults, fresh: Fresh, name: str, fault: Fault, record_property: Callable[[str, object], None]
) -> None:
    stage = Stage(faults, fresh, SCENES[name])
    changes = range(1, stage.changes + 1, EVERY or max(1, stage.changes // SAMPLES))
    wrong = [text for at in changes for text in stage.check(at, fault)]
    record_property("faults injected", len(changes))
    assert wrong == [], "\n".join([f"{len(wrong)} wrong of {len(changes)}", *wrong])


def test_half_done_restore_says_so_and_is_mended_once_the_disk_can_be_written(
    faults: Faults, fresh: Fresh
) -> None:
    """Also where the file system turned read-only amid the renames."""
    stage = Stage(faults, fresh, SCENES["restore"])
    for fault in (Fault.READ_ONLY_FROM_HERE, Fault.DEAD):
        for at in range(stage.changes, 0, -1):
            world = stage.world()
            ran = stage.run(world, at, fault)
            if PARTLY in ran.err:
                break
        assert ran.code == 1
        assert (
            "the data of bar, foo are partly replaced: once the disk can be written, doctor --repair"
            in ran.err
        )
        assert state_of(world) != stage.old
        assert faults.run(world.root, ["doctor", "--repair"]).code == 0
        assert state_of(world) == stage.old


def test_undo_after_an_undo_that_could_not_write_its_journal_loses_no_later_work(
    faults: Faults, fresh: Fresh
) -> None:
    stage = Stage(faults, fresh, SCENES["undo"])
    for at in range(1, stage.changes + 1, EVERY or 6):
        world = stage.world()
        ran = stage.run(world, at)
        live_file = world.data("foo") / "common/b"
        live_file.write_text("later work")
        again = faults.run(world.root, ["undo"])
        if ran.said_done:
            assert again.code, (at, ran, again)
            assert live_file.read_text() == "later work", at
        elif live_file.read_text() != "later work":
            faults.run(world.root, ["undo", str(world.engine.undo_offers()[0].job)])
            assert live_file.read_text() == "later work", (at, ran, again)


def test_undo_and_its_end_are_recorded_in_the_reserve_of_a_full_disk(faults: Faults, fresh: Fresh) -> None:
    stage = Stage(faults, fresh, SCENES["undo"])
    for at in range(1, stage.changes + 1, EVERY or 6):
        world = stage.world()
        ran = stage.run(world, at, Fault.NO_SPACE)
        assert ran.said_done or "insufficient space" in ran.err, (at, ran)
        assert (world.root / "var/lib/snapstow/reserve").exists() or ran.said_done
