"""Somebody works on in data that a killed job had put in place: no ending of that job loses any of it."""

import json
from pathlib import Path

import pytest

from backend.jobs.record import JobState
from backend.operations import Extract, Operation, Restore, Save, Undo
from backend.progress import Progress
from tests.support.builders import World, plant
from tests.support.command import snapstow
from tests.support.dying import Fresh, did, died, make_fresh, make_plain_killer, make_template, started_again
from tests.support.faults import Fault, Faults
from tests.support.killing import TIDY, Killer
from tests.support.mounting import Mounter, mounter
from tests.tui.support.driver import run_process
from tests.tui.support.patient import Patient, patiently

__all__ = ["mounter"]

pytestmark = pytest.mark.slow

killer = pytest.fixture(scope="module")(make_plain_killer)
template = pytest.fixture(scope="module")(make_template)
fresh = pytest.fixture(make_fresh)

RESTORE, EXTRACT = Restore(5), Extract(5, ("foo:common/b", "foo:rev/more"))
JOBS: dict[str, tuple[Operation, ...]] = {
    "restore": (RESTORE,),
    "restore without undo": (Restore(5, undo_window=0),),
    "extract": (EXTRACT,),
    "undo": (RESTORE, Undo()),
}
ENDINGS = ["finish", "takeback"]


def worked_on(world: World) -> Path:
    """What the job put in place is changed, as the snap that owns it would."""
    path = world.data("foo") / "common/b"
    path.write_text("worked on")
    return path


@pytest.fixture(params=JOBS)
def amid(request: pytest.FixtureRequest, killer: Killer, fresh: Fresh) -> World:
    """A job that died after its last rename, before it noted that."""
    *first, last = JOBS[request.param]
    world = prepared(killer, fresh, first)
    before = (world.data("foo") / "common/b").read_text()
    changes = did(killer, world, last).changes
    for moment in range(changes, 0, -1):
        world = prepared(killer, fresh, first)
        died(killer, world, last, moment)
        record = world.engine.journal.records()[-1]
        if record.is_amid_moves:
            assert (world.data("foo") / "common/b").read_text() != before
            return world
    raise AssertionError("there was no such moment")


def prepared(killer: Killer, fresh: Fresh, first: list[Operation]) -> World:
    world = fresh()
    for operation in first:
        did(killer, world, operation)
    return world


def test_unchanged_data_are_put_back_without_asking(killer: Killer, amid: World) -> None:
    started_again(killer, amid)
    assert amid.engine.journal.records()[-1].state is JobState.ROLLED_BACK
    assert amid.engine.waiting() == []


def test_changed_data_are_left_and_the_job_waits(killer: Killer, amid: World) -> None:
    path = worked_on(amid)
    number = amid.engine.journal.records()[-1].id
    for _ in range(2):
        (sentence,) = did(killer, amid, TIDY).answer
        assert f"finish {number} completes it, takeback {number} rolls it back" in sentence
        assert [sentence] == amid.engine.waiting()
    assert [finding.text for finding in amid.engine.repair(Progress())] == [sentence]
    assert path.read_text() == "worked on"
    assert amid.engine.journal.records()[-1].state is JobState.INTERRUPTED


def test_commands_that_change_no_data_go_on_and_others_are_refused(killer: Killer, amid: World) -> None:
    path = worked_on(amid)
    did(killer, amid, Save(("bar",)))
    for operation in (RESTORE, EXTRACT, Undo()):
        ending = killer.do(amid.root, operation)
        assert "BlockedError" in ending.error or "NotFoundError" in ending.error
        assert "was interrupted while it replaced the data of" in ending.error or operation == Undo()
    assert path.read_text() == "worked on"


@pytest.mark.parametrize("verb", ENDINGS)
def test_either_ending_keeps_both_states(killer: Killer, amid: World, verb: str) -> None:
    path = worked_on(amid)
    number = amid.engine.journal.records()[-1].id
    did(killer, amid, TIDY)
    ending = killer.command(amid.root, [verb, str(number)])
    assert (ending.error, ending.answer) == ("", 0)
    contents = {path.read_text()}
    started_again(killer, amid)
    (offer,) = amid.engine.undo_offers()
    did(killer, amid, Undo(offer.job))
    contents.add(path.read_text())
    assert "worked on" in contents
    assert len(contents) == 2


@pytest.mark.parametrize("verb", ENDINGS)
def test_an_ending_that_dies_loses_nothing(killer: Killer, amid: World, verb: str, tmp_path: Path) -> None:
    path = worked_on(amid)
    number = amid.engine.journal.records()[-1].id
    for at in range(1, 200):
        if not killer.command(amid.root, [verb, str(number)], at, 9).died:
            break
        did(killer, amid, TIDY)
        if amid.engine.journal.record(number).state is not JobState.INTERRUPTED:
            break
    texts = [place.read_text() for place in path.parents[1].rglob("*") if place.is_file()]
    assert "worked on" in texts
    (offer,) = amid.engine.undo_offers()
    before = path.read_text()
    did(killer, amid, Undo(offer.job))
    assert "worked on" in (before, path.read_text())


def test_every_command_tells_of_a_job_that_waits(killer: Killer, fresh: Fresh) -> None:
    with Faults() as faults:
        world = fresh()
        for at in range(240, 0, -1):
            world = fresh()
            faults.run(world.root, ["restore", "5"], at, Fault.DEAD)
            if world.engine.waiting():
                break
        worked_on(world)
        for line in (
            ["saved"],
            ["check-snapshot", "5"],
            ["doctor"],
            ["jobs"],
            ["estimate"],
            ["undo", "--list"],
        ):
            ran = faults.run(world.root, line)
            assert ran.code == 0, ran
            assert "finish 1 completes it, takeback 1 rolls it back" in ran.err, line
        (job, _) = json.loads(faults.run(world.root, ["--json", "jobs"]).out)
        assert job["waiting"] is True
        findings = json.loads(faults.run(world.root, ["--json", "doctor"]).out)
        assert "finish 1 completes it" in next(
            finding["text"] for finding in findings if finding["kind"] == "waiting"
        )


def test_screens_and_plain_mode_tell_of_a_job_that_waits(amid: World) -> None:
    worked_on(amid)
    number = amid.engine.journal.records()[-1].id
    done = run_process("--root", str(amid.root), "--plain", input=b"quit\n")
    assert f"finish {number} completes it, takeback {number} rolls it back".encode() in done.stdout

    async def tell(user: Patient) -> None:
        await user.sees(f"job {number} was interrupted amid replacing data: J, then finish or roll back")
        await user.presses("J")
        await user.sees("! interrupted")

    patiently(str(amid.root), tell)


@pytest.mark.root
def test_rolling_back_over_a_mount_is_refused_and_works_once_it_is_unmounted(
    amid: World, mounter: Mounter, tmp_path: Path
) -> None:
    number = amid.engine.journal.records()[-1].id
    disk = plant(tmp_path / "disk", {"kept": "on it"})
    point = mounter.bind(disk, amid.data("foo") / "x1/more/media")
    refused = snapstow(amid.root, "takeback", str(number))
    assert (refused.code, "mounted" in refused.err) == (5, True), refused
    assert (disk / "kept").read_text() == "on it"
    mounter.unmount(point)
    assert snapstow(amid.root, "takeback", str(number)).code == 0
    assert (disk / "kept").read_text() == "on it"
