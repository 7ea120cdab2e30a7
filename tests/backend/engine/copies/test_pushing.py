"""Sets copied into a repository: what goes, what does not, and what a failure leaves."""

from pathlib import Path
from typing import Any

import pytest

from backend.engine.copies import pushing
from backend.errors import BlockedError, Cancelled, InvalidInputError, NotFoundError
from backend.jobs.record import JobState
from backend.operations import Check, Push
from backend.progress import Progress
from backend.repository import content_hash_of, send
from tests.support.builders import World
from tests.support.offsite import REPO, configure, copies_of, repository_of


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "root")
    for snap in ("hello", "other"):
        world.install(snap)
    world.add(1, "hello", {"x1": {"f": "one"}}, time="2026-11-21T09:00:00Z")
    world.add(1, "other", {"x1": {"g": "one"}}, time="2026-11-21T09:00:00Z")
    world.add(2, "hello", {"x1": {"f": "two"}}, time="2026-11-22T09:00:00Z")
    world.write_state()
    configure(world)
    return world


def test_a_copy_is_known_by_the_content_of_its_set(world: World) -> None:
    result = world.do(Push(REPO, (1,)))
    (copy,) = copies_of(world)
    (group,) = world.engine.sets(1)
    assert result.copies == (str(copy.name),)
    assert copy.name.matches(content_hash_of(group))
    assert (copy.name.set_id, copy.snaps, copy.trouble) == (1, ("hello", "other"), "")
    described = [snapshot._replace(path="") for snapshot in copy.manifest.set.snapshots]
    assert described == [snapshot._replace(path="") for snapshot in group.snapshots]


def test_a_set_that_is_there_already_is_not_sent_again(world: World) -> None:
    world.do(Push(REPO, (1,)))
    result = world.do(Push(REPO))
    assert ([name.split("set")[1][0] for name in result.copies], result.skipped) == (["2"], 1)
    assert len(copies_of(world)) == 2


def test_sets_of_one_content_are_sent_once(world: World) -> None:
    world.add(3, "hello", {"x1": {"f": "two"}}, time="2026-11-22T09:00:00Z")
    assert len(world.do(Push(REPO, (2, 3))).copies) == 1


def test_new_leaves_out_what_snapd_saved_by_itself(world: World) -> None:
    world.add(4, "hello", {"x1": {"f": "auto"}}, auto=True)
    world.do(Push(REPO, new=True))
    assert sorted(copy.name.set_id for copy in copies_of(world)) == [1, 2]


def test_a_missing_set_is_told_before_anything_is_sent(world: World) -> None:
    with pytest.raises(NotFoundError, match="there is no snapshot set #9; nothing was sent"):
        world.do(Push(REPO, (1, 9)))
    assert copies_of(world) == []


def test_a_repository_that_is_not_configured_is_told_with_those_that_are(world: World) -> None:
    with pytest.raises(InvalidInputError, match=r'no repository "nas" is configured \(there are: offsite\)'):
        world.do(Push("nas", (1,)))


def test_a_set_that_failed_its_check_goes_only_when_forced(world: World) -> None:
    path = world.snapshots / "2_hello_1.0_x1.zip"
    raw = bytearray(path.read_bytes())
    raw[80] ^= 1
    path.write_bytes(raw)
    assert world.do(Check(2)).faults
    with pytest.raises(BlockedError, match="set #2 was not copied"):
        world.do(Push(REPO, (2,)))
    result = world.do(Push(REPO))
    assert (len(result.copies), result.exit_code) == (1, 3)
    assert world.do(Push(REPO, (2,), force=True)).copies


def test_a_stop_leaves_no_copy_and_nothing_of_the_upload(world: World, tmp_path: Path) -> None:
    def stop(job: Progress) -> None:
        job.stop()

    with pytest.raises(Cancelled):
        world.do(Push(REPO, (1,)), stop)
    assert world.engine.journal.records()[-1].state is JobState.CANCELLED
    assert copies_of(world) == []
    assert [path for path in (tmp_path / "offsite").rglob("*") if path.is_file()] == []


def test_a_pinned_set_is_pinned_in_its_manifest(world: World) -> None:
    (group,) = world.engine.sets(1)
    world.engine.pins.pin(group, "before 31", 1.0)
    world.do(Push(REPO, (1, 2)))
    assert {copy.name.set_id: copy.manifest.pin for copy in copies_of(world)} == {1: "before 31", 2: None}


def test_a_set_forgotten_while_it_waits_is_left_out(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def sending(*arguments: Any) -> object:
        for path in world.snapshots.glob("2_*"):
            path.unlink()
        return send(*arguments)

    monkeypatch.setattr(pushing, "send", sending)
    result = world.do(Push(REPO, (1, 2)))
    assert (len(result.copies), len(result.left_out)) == (1, 1)
    assert "set #2 was not copied" in result.left_out[0]


def test_a_machine_sees_the_copies_of_others_and_takes_none_for_its_own(world: World, tmp_path: Path) -> None:
    world.do(Push(REPO, (1,)))
    other = World(tmp_path / "other" / "root")
    other.install("hello")
    other.add(1, "hello", {"x1": {"f": "elsewhere"}})
    configure(other, url=f"file://{tmp_path}/offsite")
    other.do(Push(REPO))
    with repository_of(other) as repository:
        copies = repository.copies(Progress())
        assert len({copy.name.host for copy in copies}) == 2
        assert repository.find("1", copies).snaps == ("hello",)
