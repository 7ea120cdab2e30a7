"""What is kept for an undo is kept for its time while the machine runs, whatever becomes of its clock."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from backend.host.clock import Clock
from backend.jobs.running_time import CLOCK_CHANGED, NOT_SURE, RunningTime
from backend.operations import DAY, Restore, Undo
from backend.progress import Progress
from tests.support.builders import Tree, World, plant, tree_of
from tests.support.clocks import HOUR, FakeClock
from tests.support.journals import amend

OLD: Tree = {"x1": {"a": "old"}, "common": {}}
NEW: Tree = {"x1": {"a": "new"}, "common": {}}
YEAR = 365 * DAY


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "root")
    world.install("hello")
    world.add(1, "hello", NEW)
    plant(world.data("hello"), OLD)
    return world


def restored(world: World, clock: FakeClock, window: int = DAY) -> FakeClock:
    """Set 1 was restored by that clock, with the undo of job 1 kept."""
    world.clock = clock
    world.do(Restore(1, undo_window=window))
    return clock


def is_kept(world: World) -> bool:
    """Whether the undo is still there after what a next command does first."""
    world.engine.tidy(Progress())
    return [offer.job for offer in world.engine.undo_offers()] == [1]


def doubt(world: World) -> str:
    (offer,) = world.engine.undo_offers()
    assert world.clock is not None
    assert offer.until > world.clock.wall()
    return offer.doubt


def test_undo_expires_after_its_time(world: World) -> None:
    clock = restored(world, FakeClock())
    clock.run(DAY - 60)
    assert is_kept(world)
    assert doubt(world) == ""
    clock.run(120)
    assert not is_kept(world)
    assert world.engine.journal.record(1).result.expired


def test_board_without_a_clock_that_is_set_right_keeps_it(world: World) -> None:
    clock = restored(world, FakeClock(wall=30.0, boot=30.0))
    clock.run(200)
    clock.jump(56 * YEAR)
    assert is_kept(world)
    assert doubt(world) == CLOCK_CHANGED
    (offer,) = world.engine.undo_offers()
    assert offer.until == pytest.approx(clock.wall() + DAY - 200, abs=1)
    clock.run(DAY - 300)
    assert is_kept(world)
    clock.run(200)
    assert not is_kept(world)


@pytest.mark.parametrize("leap", [-50 * YEAR, -2 * DAY, 2 * DAY, 50 * YEAR])
def test_clock_that_leaps_neither_shortens_nor_prolongs_it(world: World, leap: float) -> None:
    clock = restored(world, FakeClock())
    clock.run(HOUR)
    clock.jump(leap)
    assert is_kept(world)
    clock.run(22 * HOUR)
    assert is_kept(world)
    clock.run(2 * HOUR)
    assert not is_kept(world)


@pytest.mark.parametrize("leap", [-2 * DAY, 2 * DAY])
def test_nothing_expires_in_the_first_hours_after_a_leap(world: World, leap: float) -> None:
    clock = restored(world, FakeClock(), window=3600)
    clock.run(30 * 60)
    clock.jump(leap)
    assert is_kept(world)
    clock.run(2 * HOUR)
    assert is_kept(world)
    clock.run(2 * HOUR)
    assert not is_kept(world)


def test_a_clock_that_is_put_right_by_minutes_changes_nothing(world: World) -> None:
    clock = restored(world, FakeClock())
    clock.run(HOUR)
    clock.jump(-120)
    clock.run(23 * HOUR + 60)
    assert not is_kept(world)


def test_time_over_boots_is_what_was_seen_to_run(world: World) -> None:
    clock = restored(world, FakeClock())
    clock.run(HOUR)
    for _ in range(3):
        clock.reboot(off=8 * HOUR)
        clock.run(7 * HOUR)
        assert is_kept(world)
    assert doubt(world) == NOT_SURE
    clock.run(3 * HOUR)
    assert not is_kept(world)


def test_board_whose_clock_begins_anew_at_each_boot_lets_it_go_in_the_end(
    world: World,
) -> None:
    clock = restored(world, FakeClock(wall=0.0, boot=0.0))
    for hours in (10, 10, 3):
        clock.reboot(wall=0.0)
        clock.run(hours * HOUR)
        assert is_kept(world)
    clock.run(5 * HOUR)
    assert not is_kept(world)


def test_years_between_two_boots_are_a_changed_clock(world: World) -> None:
    clock = restored(world, FakeClock(wall=0.0))
    clock.reboot(wall=1.8e9)
    clock.run(60)
    assert is_kept(world)
    assert doubt(world) == CLOCK_CHANGED


@pytest.mark.parametrize("note", [b"", b"{", b"[1]", b'{"wall": "x"}', b'{"wall":1,"boot":-5,"ran":NaN}'])
def test_lost_or_damaged_note_makes_nothing_expire(world: World, note: bytes) -> None:
    clock = restored(world, FakeClock())
    clock.run(12 * HOUR)
    (world.root / "var/lib/snapstow/clock").write_bytes(note)
    clock.reboot(off=YEAR)
    assert is_kept(world)
    clock.run(20 * HOUR)
    assert is_kept(world)


def test_journal_without_the_running_time_goes_by_the_clock_that_was_watched_for_hours(world: World) -> None:
    clock = restored(world, FakeClock())
    amend(world.engine.journal.record(1), {"kept_since": None})
    (world.root / "var/lib/snapstow/clock").unlink()
    clock.run(2 * DAY)
    assert is_kept(world)
    assert doubt(world) == NOT_SURE
    clock.run(2 * HOUR)
    clock.jump(YEAR)
    assert is_kept(world)
    clock.run(2 * HOUR)
    assert is_kept(world)
    assert doubt(world) == CLOCK_CHANGED
    clock.run(2 * HOUR)
    assert not is_kept(world)


def test_undo_keeps_what_it_took_away_as_long(world: World) -> None:
    clock = restored(world, FakeClock(wall=30.0, boot=30.0))
    world.do(Undo())
    clock.jump(56 * YEAR)
    world.engine.tidy(Progress())
    assert [offer.job for offer in world.engine.undo_offers()] == [2]
    world.do(Undo(2))
    assert tree_of(world.data("hello")) == NEW


def test_all_that_tells_until_when_tells_it_by_the_present_clock(world: World) -> None:
    clock = restored(world, FakeClock(wall=30.0, boot=30.0))
    clock.jump(56 * YEAR)
    record = world.engine.journal.record(1)
    expected = pytest.approx(56 * YEAR + DAY + 30, abs=1)
    assert record.result.undo_until == record.to_json()["result"]["undo_until"] == expected
    assert [offer.until for offer in world.engine.undo_offers()] == [expected]
    (finding,) = [finding for finding in world.engine.findings() if finding.kind == "undo"]
    assert finding.text.endswith(f"; kept: {CLOCK_CHANGED}")


@pytest.mark.parametrize("leap", [-YEAR, YEAR])
def test_marker_of_an_import_is_left_alone_after_a_leap(world: World, leap: float) -> None:
    world.clock = clock = FakeClock()
    world.engine.tidy(Progress())
    world.do(Restore(1))
    (world.snapshots / "7_importing").touch()
    clock.jump(leap)
    (finding,) = [finding for finding in world.engine.findings() if finding.kind == "import"]
    assert finding.repair == ""


def test_the_clocks_of_this_machine() -> None:
    first, second = Clock().now(), Clock().now()
    assert first.boot_id == second.boot_id != ""
    assert first.wall <= second.wall
    assert 0 < first.boot <= second.boot


def test_running_time_grows_over_processes(tmp_path: Path) -> None:
    code = (
        "import sys; from backend.host.clock import Clock; from backend.jobs.running_time import RunningTime;"
        "RunningTime(sys.argv[1], Clock()).note()"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    first = json.loads((tmp_path / "clock").read_text())
    earlier = {"wall": first["wall"] - 100, "boot": first["boot"] - 100}
    (tmp_path / "clock").write_text(json.dumps({**first, **earlier}))
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    noted = json.loads((tmp_path / "clock").read_text())
    assert noted["ran"] >= 100
    assert noted["changed"] is None
    assert RunningTime(str(tmp_path), Clock()).now().ran >= noted["ran"]
