"""Operations that died are ended as somebody chose, and those asked to stop end by themselves."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from backend.jobs.record import JobState
from backend.operations import Forget, Restore, Save, Undo
from tests import golden
from tests.support import TOP
from tests.support.builders import World
from tests.support.dying import (
    KNOWN,
    Fresh,
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
    sets,
    started_again,
)
from tests.support.killing import TIDY, Ending, Killer

killer = pytest.fixture(
    scope="module", params=[True, pytest.param(False, marks=pytest.mark.slow)], ids=["exchange", "fallback"]
)(make_killer)
plain_killer = pytest.fixture(scope="module")(make_plain_killer)
template = pytest.fixture(scope="module")(make_template)
fresh = pytest.fixture(make_fresh)
ends = pytest.fixture(make_ends)


def ended_as_chosen(killer: Killer, world: World, verb: str, at: int = 0) -> Ending:
    """`finish` or `takeback` the job that died; killed before its change number `at`."""
    number = world.engine.journal.records()[-1].id
    return killer.command(world.root, [verb, str(number)], at, signal.SIGKILL)


def was_born(world: World) -> bool:
    records = world.engine.journal.records()
    return bool(records) and records[-1].state is JobState.INTERRUPTED


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["finish", "takeback"])
def test_a_restore_ended_as_chosen(
    killer: Killer, fresh: Fresh, ends: tuple[golden.Tree, golden.Tree, int], verb: str
) -> None:
    """Finished, the data are the new ones and can be had back; rolled back, they are the old ones."""
    old, new, changes = ends
    for moment in (*points(changes, 29, 9), changes - 2):
        world = fresh()
        died(killer, world, Restore(5), moment)
        if not was_born(world):
            continue
        ending = ended_as_chosen(killer, world, verb)
        assert (ending.died, ending.error, ending.answer) == (False, "", 0)
        assert leftovers(world, undo=True) == []
        if verb == "takeback":
            assert_same_data(world, old)
        else:
            assert live(world) == new
            did(killer, world, Undo())
            assert_same_data(world, old)
        assert not was_born(world)


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["finish", "takeback"])
def test_an_ending_that_dies_itself(
    killer: Killer, fresh: Fresh, ends: tuple[golden.Tree, golden.Tree, int], verb: str
) -> None:
    """Whichever way was chosen, the data are whole after the next start."""
    old, new, changes = ends
    for moment, at in ((changes // 2, 5), (changes // 2, 60), (changes - 12, 9), (changes - 2, 7)):
        world = fresh()
        died(killer, world, Restore(5), moment)
        ended_as_chosen(killer, world, verb, at)
        started_again(killer, world)
        assert leftovers(world, undo=True) == []
        live_data = live(world)
        if live_data != new:
            assert_same_data(world, old)


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["finish", "takeback"])
def test_a_save_ended_as_chosen(plain_killer: Killer, fresh: Fresh, verb: str) -> None:
    operation = Save(users=("alice",))
    for moment in points(did(plain_killer, fresh(), operation).changes, 23, 20):
        world = fresh()
        died(plain_killer, world, operation, moment)
        if not was_born(world):
            continue
        complete = len(sets(world)) > len(KNOWN)
        ending = ended_as_chosen(plain_killer, world, verb)
        assert (ending.error, ending.answer) == ("", 5 if complete and verb == "takeback" else 0)
        if not ending.answer:
            assert len(sets(world)) == len(KNOWN) + (verb == "finish")
            assert leftovers(world) == []
        did(plain_killer, world, TIDY)
        assert leftovers(world) == []


@pytest.mark.slow
def test_a_forget_that_is_taken_back_keeps_what_is_left(plain_killer: Killer, fresh: Fresh) -> None:
    kept = set()
    for moment in points(did(plain_killer, fresh(), Forget(5, undo_window=0)).changes, 1):
        world = fresh()
        died(plain_killer, world, Forget(5, undo_window=0), moment)
        if not was_born(world):
            continue
        before = sets(world)
        ending = ended_as_chosen(plain_killer, world, "takeback")
        assert ending.answer == (0 if 5 in before else 5)
        assert sets(world) == before
        kept.add(len(before.get(5, ())))
    assert kept == {0, 1, 2}


# -- asked to stop


BORN = 15  # with how many changes a job is there that can be stopped
SIGNALS = [signal.SIGINT, signal.SIGTERM]


@pytest.mark.parametrize("number", SIGNALS, ids=["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("verb", ["save", "import", "export", "restore", "undo"])
def test_signals(plain_killer: Killer, fresh: Fresh, verb: str, number: int) -> None:
    """A stop ends with 130 and nothing done, or comes too late; either way nothing is left to tidy up."""
    out = fresh.root / "out.snapshot"
    arguments = {
        "save": ["save"],
        "import": ["import-snapshot", str(fresh.root / "five.snapshot")],
        "export": ["export-snapshot", "5", str(out)],
        "restore": ["restore", "5"],
        "undo": ["undo"],
    }[verb]

    def prepared() -> World:
        world = fresh(without=5 if verb == "import" else 0)
        if verb == "undo":
            did(plain_killer, world, Restore(5))
        return world

    def state(world: World) -> tuple[golden.Tree, list[str], bool]:
        return live(world), world.names(), out.exists()

    world = prepared()
    old = state(world)
    ending = plain_killer.command(world.root, arguments)
    assert (ending.error, ending.answer) == ("", 0)
    new = state(world)
    for moment in points(ending.changes, 11, 4):
        world = prepared()
        ending = plain_killer.command(world.root, arguments, moment, number)
        jobs = [record for record in world.engine.journal.records() if record.verb == arguments[0]]
        if ending.died or not jobs or jobs[-1].state is JobState.INTERRUPTED:
            assert moment < BORN
            did(plain_killer, world, TIDY)
            assert state(world) == old
            continue
        assert not ending.error
        if ending.answer:
            assert ending.answer == 130
            assert jobs[-1].state is JobState.CANCELLED
            assert state(world) == old
        else:
            assert jobs[-1].state is JobState.DONE
            assert state(world) == new
        assert (
            leftovers(world, undo=verb in ("undo", "restore") and (verb == "undo" or not ending.answer)) == []
        )
        assert did(plain_killer, world, TIDY).answer == []


@pytest.mark.parametrize("arguments", [["import-snapshot", "-"], ["export-snapshot", "5", "-"]], ids=str)
def test_a_stop_while_the_other_end_of_a_pipe_waits(tmp_path: Path, arguments: list[str]) -> None:
    """Whoever sends nothing, or reads nothing, does not keep us from stopping."""
    world = World(tmp_path / "root")
    world.add(5, "foo", {"x1": {"f": os.urandom(4 << 20)}})  # more than any pipe holds
    world.write_state()
    hear, tell = os.pipe()
    command = [sys.executable, "-m", "tui.cli.main", f"--root={world.root}", "--json", *arguments]
    incoming = arguments[0].startswith("import")
    process = subprocess.Popen(
        command, stdin=hear, stdout=tell if not incoming else subprocess.PIPE, stderr=subprocess.PIPE, cwd=TOP
    )
    stream = process.stdout if incoming else process.stderr
    assert stream is not None
    assert b"started" in stream.readline()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 130
    assert world.engine.journal.records()[-1].state is JobState.CANCELLED
    os.close(hear)
    os.close(tell)
