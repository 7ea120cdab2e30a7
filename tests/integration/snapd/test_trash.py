"""What is forgotten through a real snapd is kept beside its snapshots, where it sees nothing of it."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from backend.engine import plan_prune
from backend.engine.perform import perform_recorded
from backend.engine.select import files_engine
from backend.engine.snapd.responses import BusyError
from backend.jobs.open_record import OpenRecord
from backend.jobs.record import JobState
from backend.operations import Check, Export, Forget, Import, Operation, Prune, Save, Undo
from backend.progress import Progress
from backend.restore.move import Move
from backend.restore.slots import TRASH
from backend.steps import Step
from backend.store import CheckState
from tests.integration.snapd.test_conflicts import restoring
from tests.support.journals import amend
from tests.support.realsnapd import RealSnapd
from tests.support.snapdworld import do, engine, hello_there, install

__all__ = ["hello_there"]

pytestmark = pytest.mark.snapd

STEPS = 6  # that a forget notes: what goes, the slot, the files, that snapd is asked, its change, the end


def files(snapd: RealSnapd) -> dict[str, tuple[int, bytes]]:
    return contents(snapd.snapshots.glob("*.zip"))


def kept(snapd: RealSnapd) -> dict[str, tuple[int, bytes]]:
    return contents(snapd.snapshots.glob(f"{TRASH}/*/*"))


def contents(paths: Iterable[Path]) -> dict[str, tuple[int, bytes]]:
    return {path.name: (path.stat().st_ino, path.read_bytes()) for path in paths}


def listed(snapd: RealSnapd) -> list[int]:
    """The sets that snapd itself lists."""
    answer = snapd.api("GET", "/v2/snapshots")
    return [group["id"] for group in answer["result"]]


def settled(snapd: RealSnapd) -> None:
    """Wait until snapd has ended all its changes."""
    for change in snapd.api("GET", "/v2/changes?select=in-progress")["result"]:
        engine(snapd).daemon.attach(change["id"], Progress())


def test_prune_leaves_what_snapd_does_not_see_to_others(hello: RealSnapd) -> None:
    for _ in range(2):
        do(hello, Save())
    do(hello, Check())
    (hello.snapshots / "8_hello_1.0_x1.zip").write_bytes(b"junk")
    assert [each.id for each in plan_prune(Prune(keep_last=1), engine(hello)).going] == ["1"]
    assert (do(hello, Prune(keep_last=1)).left_out, listed(hello)) == ((), [2])


def test_snapd_works_on_beside_the_trash_and_sees_nothing_of_it(hello: RealSnapd, tmp_path: Path) -> None:
    before = [do(hello, Save()).set_id for _ in range(2)]
    do(hello, Forget(1))
    assert list(kept(hello)) == ["1_hello_1.0_x1.zip"]
    assert (before, listed(hello)) == ([1, 2], [2])
    assert do(hello, Check(2)).exit_code == 0
    do(hello, Export(2, str(tmp_path / "two")))
    assert do(hello, Import(str(tmp_path / "two"))).set_id == 2
    hello.stop()
    hello.start()
    assert listed(hello) == [2]
    assert do(hello, Save()).set_id == 4  # snapd gave 3 to what it did not import
    assert list(kept(hello)) == ["1_hello_1.0_x1.zip"]
    do(hello, Undo())
    assert listed(hello) == [1, 2, 4]
    assert do(hello, Check(1)).exit_code == 0
    assert TRASH not in hello.log.read_text()


def test_undo_brings_back_the_very_files_with_what_was_verified(hello: RealSnapd) -> None:
    do(hello, Save())
    do(hello, Check(1))
    before = files(hello)
    do(hello, Forget(1))
    assert (files(hello), kept(hello)) == ({}, before)
    do(hello, Undo())
    assert (files(hello), kept(hello)) == (before, {})
    snapshots = engine(hello).sets(1)[0].snapshots
    (status,) = engine(hello).check_statuses(snapshots).values()
    assert status.state is CheckState.OK
    assert [os.stat(snapshot.path).st_nlink for snapshot in snapshots] == [1]


def test_either_engine_undoes_what_the_other_forgot(hello: RealSnapd) -> None:
    for _ in range(2):
        do(hello, Save())
    before = files(hello)
    do(hello, Forget(1))
    hello.stop()
    by_files = files_engine(str(hello.base))
    assert [offer.verb for offer in by_files.undo_offers()] == ["forget"]
    perform_recorded(Undo(), by_files, lambda _progress: lambda _event: None)
    assert files(hello) == before
    perform_recorded(Forget(2), by_files, lambda _progress: lambda _event: None)
    hello.start()
    do(hello, Undo())
    assert files(hello) == before


def test_set_whose_number_is_taken_is_listed_by_snapd_under_a_free_one(hello: RealSnapd) -> None:
    do(hello, Save())
    do(hello, Save())
    (content,) = [content for name, (_, content) in files(hello).items() if name.startswith("2_")]
    do(hello, Forget(1))
    (hello.snapshots / "1_hello_2.0_x1.zip").write_bytes(content)
    assert do(hello, Undo()).set_id == 3
    assert listed(hello) == [1, 2, 3]
    assert do(hello, Check(3)).exit_code == 0


def test_forget_that_snapd_refuses_keeps_nothing_and_leaves_the_set(snapd: RealSnapd) -> None:
    with restoring(snapd):
        do(snapd, Check(1))
        before = files(snapd)
        with pytest.raises(BusyError):
            do(snapd, Forget(1))
    assert (files(snapd), kept(snapd)) == (before, {})
    assert not (snapd.snapshots / TRASH).exists()
    (status,) = engine(snapd).check_statuses(engine(snapd).sets(1)[0].snapshots).values()
    assert status.state is CheckState.OK


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("number", range(1, STEPS + 1))
def test_forget_that_dies_at_a_step_leaves_the_set_or_keeps_all_of_it(
    hello: RealSnapd, number: int, after: bool
) -> None:
    do(hello, Save())
    before = files(hello)
    assert dying(hello, Forget(1), number, after=after) == 0
    assert {**files(hello), **kept(hello)} == before, "nobody tidied up yet"
    settled(hello)
    engine(hello).tidy(Progress())
    assert engine(hello).tidy(Progress()) == []
    assert not [record for record in engine(hello).journal.records() if record.state is JobState.INTERRUPTED]
    assert {**files(hello), **kept(hello)} == before
    offers = engine(hello).undo_offers()
    assert files(hello) == before or offers
    if offers:
        do(hello, Undo())
    assert (files(hello), kept(hello), listed(hello)) == (before, {}, [1])


def dying(snapd: RealSnapd, operation: Operation, number: int, *, after: bool) -> int:
    """Do something in a process that dies at its step of that number; returns its exit code, 0 if it did."""
    noted = 0
    note = OpenRecord.record_step

    def counted(record: OpenRecord, step: Step) -> None:
        nonlocal noted
        noted += 1
        if noted == number and not after:
            os._exit(0)
        note(record, step)
        if noted == number:
            os._exit(0)

    def act() -> None:
        pytest.MonkeyPatch().setattr(OpenRecord, "record_step", counted)
        do(snapd, operation)

    return exit_code_of(act)


def exit_code_of(act: Callable[[], object]) -> int:
    """Act in a process of its own, which is to end by itself; 70 where it did not."""
    child = os.fork()
    if not child:
        try:
            act()
        finally:
            os._exit(70)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.parametrize("number", range(1, 4))
def test_undo_that_dies_ends_at_the_next_start_and_loses_nothing(hello: RealSnapd, number: int) -> None:
    do(hello, Save())
    before = files(hello)
    do(hello, Forget(1))
    assert dying(hello, Undo(), number, after=True) == 0
    engine(hello).tidy(Progress())
    if engine(hello).undo_offers():
        do(hello, Undo())
    assert (files(hello), kept(hello)) == (before, {})
    assert not [job for job in engine(hello).journal.records() if job.state is JobState.INTERRUPTED]


def test_files_are_kept_while_the_undo_of_them_waits_for_a_choice(hello: RealSnapd) -> None:
    hello.stop()
    install(hello, "second")
    hello.start()
    do(hello, Save())
    before = files(hello)
    do(hello, Forget(1))
    moves = 0
    carry_out = Move.carry_out

    def second_dies(move: Move, *arguments: Any) -> None:
        nonlocal moves
        moves += 1
        if moves == 2:
            os._exit(0)
        carry_out(move, *arguments)

    def act() -> None:
        pytest.MonkeyPatch().setattr(Move, "carry_out", second_dies)
        do(hello, Undo())

    assert exit_code_of(act) == 0
    (live,) = hello.snapshots.glob("*.zip")
    os.utime(live)  # a backup did: what was put back is not as it was put back
    engine(hello).tidy(Progress())
    (forget,) = (job for job in engine(hello).journal.records() if job.verb == "forget")
    amend(forget, {"undo_until": 1.0})
    engine(hello).tidy(Progress())
    assert {**files(hello), **kept(hello)} == before
