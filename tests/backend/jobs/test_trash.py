"""What is forgotten waits beside the snapshots, whole, and comes back as it was, or as another set."""

import os
from pathlib import Path

import pytest

from backend.errors import ConflictError, NotFoundError
from backend.jobs.record import JobState
from backend.operations import Check, Forget, Restore, Save, Undo
from backend.progress import Progress
from backend.restore.slots import TRASH
from backend.store import CheckState
from tests.support.builders import World
from tests.support.clocks import HOUR, FakeClock


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "root")
    world.clock = FakeClock()
    world.install("foo", data={"a": "live"})
    world.add(5, "foo")
    world.add(5, "bar")
    world.add(7, "foo")
    return world


def facts(world: World) -> dict[str, tuple[int, int, int, bytes]]:
    """Inode, mode, time of change and content of all snapshot files."""
    known = {}
    for path in world.snapshots.glob("*.zip"):
        status = path.stat()
        known[path.name] = (status.st_ino, status.st_mode, status.st_mtime_ns, path.read_bytes())
    return known


def test_forgotten_set_is_in_one_private_folder_and_comes_back_as_the_same_files(world: World) -> None:
    before = facts(world)
    result = world.do(Forget(5))
    assert sorted(facts(world)) == ["7_foo_1.0_x1.zip"]
    (slot,) = (world.snapshots / TRASH).iterdir()
    assert sorted(path.name for path in slot.iterdir()) == ["5_bar_1.0_x1.zip", "5_foo_1.0_x1.zip"]
    assert [path.stat().st_mode & 0o777 for path in (slot, slot.parent)] == [0o700, 0o700]
    sizes = [len(content) for name, (*_, content) in before.items() if name.startswith("5_")]
    assert (result.held, result.freed, result.undo_until) == (
        sum(sizes),
        0,
        world.engine.clock.wall() + 24 * HOUR,
    )
    world.do(Undo())
    assert facts(world) == before
    assert world.names() == sorted(before)


def test_undone_forget_keeps_what_was_verified_and_what_was_damaged_meanwhile_is_not(world: World) -> None:
    world.do(Check(5))
    world.do(Check(7))
    for number in (5, 7):
        world.do(Forget(number))
    (damaged,) = (world.snapshots / TRASH).glob("*/7_foo_1.0_x1.zip")
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    for _ in range(2):
        world.do(Undo())
    snapshots = [snapshot for group in world.engine.sets() for snapshot in group.snapshots]
    states = world.engine.check_statuses(snapshots)
    assert [states[snapshot.path].state for snapshot in snapshots if snapshot.set_id == 5] == [
        CheckState.OK
    ] * 2
    assert not [snapshot for snapshot in snapshots if states[snapshot.path].state is CheckState.OK][2:]


def test_broken_snapshots_go_there_too(world: World) -> None:
    (world.snapshots / "9_void_1_x1.zip").write_bytes(b"no zip")
    (world.snapshots / "9_link_1_x1.zip").symlink_to("/nowhere")
    before = world.names()
    world.do(Forget(9))
    assert not [name for name in world.names() if name.startswith("9_")]
    world.do(Undo())
    assert world.names() == before
    assert os.readlink(world.snapshots / "9_link_1_x1.zip") == "/nowhere"


def test_parts_of_one_set_come_back_under_its_number_in_any_order(world: World) -> None:
    before = facts(world)
    jobs = [world.do(Forget(5, (snap,))).undo_job for snap in ("foo", "bar")]
    for job in jobs:
        world.do(Undo(job))
    assert facts(world) == before


@pytest.mark.parametrize("stranger", ["5_other_2_x3.zip", "5_foo_1.0_x1.zip", "5_importing"])
def test_set_whose_number_is_taken_comes_back_under_a_free_one_and_that_is_told(
    world: World, stranger: str
) -> None:
    before = facts(world)
    world.do(Check(5))
    world.do(Forget(5))
    (world.snapshots / stranger).write_bytes(b"somebody else's")
    notes: list[str] = []
    (job,) = world.engine.undo_offers()
    result = world.do(Undo(job.job))
    assert (result.set_id, result.sets) == (8, (8,))
    assert (world.snapshots / stranger).read_bytes() == b"somebody else's"
    after = facts(world)
    for snap in ("foo", "bar"):
        assert after[f"8_{snap}_1.0_x1.zip"] == before[f"5_{snap}_1.0_x1.zip"]
    record = world.engine.journal.records()[-1]
    notes = [event["text"] for event in record.events if event.get("event") == "noted"]
    assert notes == ["set #5 is back as #8: its number is another set's now"]
    snapshots = world.engine.sets(8)[0].snapshots
    states = world.engine.check_statuses(snapshots)
    assert [states[snapshot.path].state for snapshot in snapshots] == [CheckState.OK] * 2
    assert [os.stat(snapshot.path).st_nlink for snapshot in snapshots] == [1, 1]
    assert not (world.snapshots / TRASH).exists()


def test_sets_that_had_one_number_in_turn_are_never_mixed(world: World) -> None:
    first = world.do(Forget(5)).set_id
    world.add(5, "baz")
    world.do(Forget(5))
    world.do(Undo())
    (job,) = [offer.job for offer in world.engine.undo_offers()]
    assert (first, world.do(Undo(job)).set_id) == (5, 8)
    assert world.names() == [f"{name}_1.0_x1.zip" for name in ("5_baz", "7_foo", "8_bar", "8_foo")]


def test_pin_follows_a_set_that_comes_back_under_another_number(world: World) -> None:
    (group,) = world.engine.sets(5)
    world.engine.pins.pin(group, "keep", world.engine.clock.wall())
    world.do(Forget(5, pinned=True))
    world.add(5, "bar", {"x1": {"a": "another"}})
    number = world.do(Undo()).set_id
    assert number != 5
    assert list(world.engine.pins.by_set(world.engine.sets())) == [number]


def test_trash_that_others_may_read_is_named_as_left_when_it_expires(world: World) -> None:
    world.do(Forget(5))
    (world.snapshots / TRASH).chmod(0o755)
    assert isinstance(world.clock, FakeClock)
    world.clock.run(25 * HOUR)
    assert "cannot be removed" in " ".join(world.engine.tidy(Progress()))
    assert len(list((world.snapshots / TRASH).glob("*/*"))) == 2


def test_undo_that_lacks_a_file_brings_none_back_and_stays_possible(world: World) -> None:
    world.do(Forget(5))
    (file,) = (world.snapshots / TRASH).glob("*/5_foo_1.0_x1.zip")
    file.rename(world.root / "away")
    with pytest.raises(ConflictError, match="what was kept is not in"):
        world.do(Undo())
    assert sorted(facts(world)) == ["7_foo_1.0_x1.zip"]
    (world.root / "away").rename(file)
    world.do(Undo())
    assert len(facts(world)) == 3


def test_undo_without_a_number_takes_the_last_of_restores_and_forgets(world: World) -> None:
    world.add(5, "foo", {"x1": {"a": "saved"}})
    world.do(Restore(5, ("foo",)))
    world.do(Forget(7))
    world.do(Undo())
    assert (world.root / "var/snap/foo/x1/a").read_text() == "saved"
    assert "7_foo_1.0_x1.zip" in world.names()
    world.do(Undo())
    assert (world.root / "var/snap/foo/x1/a").read_text() == "live"


def test_trash_is_kept_for_its_time_and_gone_then_and_the_doctor_names_it(world: World) -> None:
    world.do(Forget(5, undo_window=int(2 * HOUR)))
    (finding,) = world.engine.findings()
    assert finding.kind == "undo"
    assert "can be undone until" in finding.text
    assert finding.size > 0
    assert isinstance(world.clock, FakeClock)
    world.clock.run(HOUR)
    assert world.engine.tidy(Progress()) == []
    world.clock.run(2 * HOUR)
    (text,) = world.engine.tidy(Progress())
    assert "the undo of job 1 expired" in text
    assert world.names() == ["7_foo_1.0_x1.zip"]
    with pytest.raises(NotFoundError):
        world.do(Undo(1))


def test_clock_that_jumps_ahead_lets_nothing_expire(world: World) -> None:
    world.do(Forget(5))
    assert isinstance(world.clock, FakeClock)
    world.clock.jump(365 * 24 * HOUR)
    assert world.engine.tidy(Progress()) == []
    world.do(Undo())
    assert len(facts(world)) == 3


def test_numbers_of_forgotten_sets_are_never_used_again(world: World) -> None:
    world.do(Forget(7))
    assert world.do(Save(("foo",))).set_id == 8


def test_folder_that_no_job_knows_stays_and_is_named(world: World) -> None:
    (world.snapshots / TRASH).mkdir(mode=0o700)
    (world.snapshots / TRASH / "77-x").mkdir(mode=0o700)
    (finding,) = world.engine.findings()
    assert (finding.kind, finding.repair) == ("leftover", "")
    world.do(Forget(5))
    world.do(Undo())
    assert (world.snapshots / TRASH / "77-x").is_dir()


def test_trash_that_is_somebody_elses_is_not_used_and_nothing_is_forgotten(world: World) -> None:
    before = facts(world)
    (world.snapshots / TRASH).mkdir(mode=0o777)
    (world.snapshots / TRASH).chmod(0o777)
    with pytest.raises(Exception, match="not a private directory of ours"):
        world.do(Forget(5))
    assert facts(world) == before
    assert world.engine.journal.records()[-1].state is JobState.FAILED
