"""Checks of many snapshots: which are due, what is remembered, what is told of the rest."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.engine.perform import perform_recorded
from backend.errors import Cancelled, InvalidInputError
from backend.model import CheckLevel, CheckResult, Snapshot
from backend.operations import Check
from backend.progress import Entered, Event, Noted, Progress, Started
from backend.results import Result
from backend.store.check import check_all, due
from backend.store.verifications import CheckState, VerificationLog
from tests.support.builders import World

DAY = 24 * 3600


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "root")
    for set_id in (1, 2, 3):
        world.add(set_id, "hello", users={"alice": {"common": {}}})
    return world


@pytest.fixture
def ledger(world: World) -> VerificationLog:
    return VerificationLog(world.engine.journal.folder)


def listed(world: World) -> list[Snapshot]:
    return [snapshot for group in world.engine.sets() for snapshot in group.snapshots]


def states(world: World, ledger: VerificationLog) -> list[str]:
    return [status.state.value for status in ledger.statuses(listed(world)).values()]


def damage(path: str) -> None:
    raw = bytearray(Path(path).read_bytes())
    raw[80] ^= 1
    Path(path).write_bytes(raw)


# -- what is due


@pytest.mark.parametrize(
    ("verified", "asked", "age", "is_due"),
    [
        (CheckLevel.HASH, CheckLevel.HASH, 0, True),
        (CheckLevel.HASH, CheckLevel.HASH, 60, False),
        (CheckLevel.HASH, CheckLevel.QUICK, 60, False),
        (CheckLevel.HASH, CheckLevel.STRUCTURE, 60, True),
        (CheckLevel.STRUCTURE, CheckLevel.HASH, 60, False),
        (CheckLevel.STRUCTURE, CheckLevel.STRUCTURE, 60, False),
        (CheckLevel.QUICK, CheckLevel.QUICK, 60, True),
        (CheckLevel.QUICK, CheckLevel.HASH, 60, True),
    ],
)
def test_snapshots_verified_lately_at_that_level_or_a_stronger_one_are_not_due(
    world: World, verified: CheckLevel, asked: CheckLevel, age: int, is_due: bool
) -> None:
    state_dir = world.root / "own"
    state_dir.mkdir()
    ledger = VerificationLog(str(state_dir))
    (snapshot, *_) = listed(world)
    check_all([snapshot], (), verified, ledger=ledger, progress=Progress())
    assert due([snapshot], asked, age, ledger) == ([snapshot] if is_due else [])


def test_only_so_long(world: World, ledger: VerificationLog) -> None:
    world.do(Check(1))
    snapshots = listed(world)
    at = ledger.statuses(snapshots)[snapshots[0].path].at
    assert due(snapshots, CheckLevel.HASH, 60, ledger, now=at + 60) == snapshots[1:]
    assert due(snapshots, CheckLevel.HASH, 60, ledger, now=at + 61) == snapshots
    assert due(snapshots, CheckLevel.HASH, 60, ledger, now=at - 1) == snapshots, "the clock was set back"


@pytest.mark.parametrize("what", ["some users", "damaged", "broken", "changed"])
def test_snapshots_not_verified_as_a_whole_are_always_due(
    world: World, ledger: VerificationLog, what: str
) -> None:
    (path, *_) = (snapshot.path for snapshot in listed(world))
    if what == "damaged":
        damage(path)
    world.do(Check(1, users=("bob",) if what == "some users" else ()))
    if what == "broken":
        Path(path).write_bytes(b"none")
    if what == "changed":
        Path(path).touch()
    (unverified, *_) = listed(world)
    assert due([unverified], CheckLevel.HASH, DAY, ledger) == [unverified]


# -- through the engine


def started(events: list[Event]) -> list[Started]:
    return [event for event in events if isinstance(event, Started)]


def test_a_check_of_what_is_older_counts_what_it_skips_and_is_not_partial(world: World) -> None:
    world.do(Check(2))
    done = world.do(Check(older_than=DAY))
    assert (done.skipped, len(done.snaps), done.exit_code, done.left_out) == (1, 2, 0, ())
    assert {verdict.set_id for verdict in done.verdicts} == {1, 3}
    assert done.to_json()["skipped"] == 1
    nothing = world.do(Check(older_than=DAY))
    assert (nothing.skipped, nothing.snaps, nothing.verdicts, nothing.exit_code) == (3, (), (), 0)
    assert "skipped" not in world.do(Check()).to_json()


def test_failed_snapshots_are_always_due(world: World) -> None:
    damage(listed(world)[0].path)
    assert world.do(Check()).exit_code == 4
    again = world.do(Check(older_than=DAY))
    assert (again.exit_code, again.skipped) == (4, 2)


def test_a_quick_check_verifies_nothing(world: World, ledger: VerificationLog) -> None:
    damage(listed(world)[0].path)
    done = world.do(Check(quick=True))
    assert (done.exit_code, len(done.verdicts)) == (0, 6)
    assert states(world, ledger) == ["NEVER"] * 3
    world.do(Check())
    assert states(world, ledger) == ["FAILED", "OK", "OK"]
    assert world.do(Check(quick=True)).exit_code == 0
    assert states(world, ledger) == ["FAILED", "OK", "OK"]


def test_a_quick_check_finds_what_is_missing(world: World, ledger: VerificationLog) -> None:
    path = Path(listed(world)[0].path)
    path.write_bytes(path.read_bytes().replace(b"user/alice.tgz", b"user/alicf.tgz"))
    done = world.do(Check(quick=True))
    assert done.exit_code == 4
    assert len(done.faults) == 1
    assert states(world, ledger) == ["FAILED", "NEVER", "NEVER"]


def test_progress_of_the_levels(world: World) -> None:
    events: list[Event] = []
    size = sum(snapshot.size for snapshot in listed(world))
    world.engine.check(Check(), Progress(events.append))
    world.engine.check(Check(quick=True), Progress(events.append))
    assert [event.total for event in started(events)] == [size, None]


def test_a_level_is_one_or_the_other(world: World) -> None:
    with pytest.raises(InvalidInputError, match="a quick check does not walk the archives"):
        world.do(Check(quick=True, structure=True))


def test_verdicts_before_a_cancellation_are_kept(tmp_path: Path) -> None:
    world = World(tmp_path / "many")
    for set_id in range(1, 71):
        world.add(set_id, "hello")

    def stopped(progress: Progress) -> Callable[[Event], None]:
        def hear(event: Event) -> None:
            if getattr(event, "part", "").startswith("#70 "):
                progress.stop()

        return hear

    with pytest.raises(Cancelled):
        perform_recorded(Check(), world.engine, stopped)
    check_states = states(world, VerificationLog(world.engine.journal.folder))
    assert check_states.count("OK") == 64


def test_the_result_of_a_check_without_faults() -> None:
    sound = CheckResult(1, "hello", "archive.tgz", 3, "")
    assert Result(1, verdicts=(sound,), skipped=4).exit_code == 0


def test_a_copy_put_in_place_during_the_check_is_not_verified_by_it(
    world: World, ledger: VerificationLog
) -> None:
    first, *_ = listed(world)

    def swap(event: Event) -> None:
        if isinstance(event, Entered) and not os.path.exists(f"{first.path}~"):
            shutil.copy2(first.path, f"{first.path}~")
            damage(f"{first.path}~")
            os.link(first.path, f"{first.path}.old")
            os.rename(f"{first.path}~", first.path)
            Path(f"{first.path}~").touch()

    events: list[Event] = []

    def tell(event: Event) -> None:
        events.append(event)
        swap(event)

    check_all([first], (), CheckLevel.HASH, ledger=ledger, progress=Progress(tell))
    assert ledger.statuses([first])[first.path].state is CheckState.NEVER
    assert [event.text for event in events if isinstance(event, Noted) and "changed while" in event.text]
