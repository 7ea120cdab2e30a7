"""A prune lets go what its plan says, as one, and nothing that was not shown."""

from dataclasses import replace
from pathlib import Path

import pytest

from backend.engine.files import FilesEngine
from backend.engine.pruning import plan_prune
from backend.host.layout import Layout
from backend.jobs.record import JobState
from backend.operations import Check, Forget, Prune, Undo
from backend.restore.slots import TRASH
from tests.support.builders import World
from tests.support.clocks import FakeClock

NOW = 1796126400.0  # 2026-12-01 12:00 UTC


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "root")
    world.clock = FakeClock(NOW)
    for number in range(1, 6):
        world.add(number, "foo", {"x1": {"f": str(number)}}, time=f"2026-11-{20 + number}T09:00:00Z")
    world.add(5, "bar", time="2026-11-25T09:00:00Z")
    return world


def sets(world: World) -> list[int]:
    return [group.set_id for group in world.engine.sets()]


def going(world: World, prune: Prune) -> list[str]:
    return [candidate.id for candidate in plan_prune(prune, world.engine).going]


def test_plan_tells_what_goes_what_it_frees_and_what_is_the_newest_good_one_then(world: World) -> None:
    world.do(Check(2))
    plan = plan_prune(Prune(keep_last=1), world.engine)
    assert [(each.candidate.id, each.kept) for each in plan.decisions] == [
        ("1", False),
        ("3", False),
        ("4", False),
        ("2", True),
        ("5", True),
    ]
    sizes = [(world.snapshots / f"{number}_foo_1.0_x1.zip").stat().st_size for number in (1, 3, 4)]
    assert plan.freed == sum(sizes)
    assert plan.newest_good == {"foo": "2"}
    assert sets(world) == [1, 2, 3, 4, 5]


def test_prune_is_one_job_that_one_undo_takes_back(world: World) -> None:
    before = {path.name: path.stat().st_ino for path in world.snapshots.iterdir()}
    result = world.do(Prune(keep_last=2))
    assert (sets(world), result.sets, result.set_id) == ([4, 5], (1, 2, 3), 0)
    (offer,) = world.engine.undo_offers()
    assert (offer.verb, offer.sets) == ("prune", (1, 2, 3))
    assert world.do(Undo()).sets == (1, 2, 3)
    assert {path.name: path.stat().st_ino for path in world.snapshots.iterdir()} == before


def test_prune_at_once_keeps_nothing(world: World) -> None:
    result = world.do(Prune(keep_last=2, undo_window=0))
    assert result.freed > 0
    assert (sets(world), world.engine.undo_offers()) == ([4, 5], [])
    assert not (world.snapshots / TRASH).exists()


def test_rules_are_those_configured_where_none_are_given(world: World) -> None:
    config = world.root / "config.toml"
    config.write_text("[retention]\nkeep_last = 3\n[retention.snaps.bar]\nkeep_last = 1\n")
    engine = FilesEngine(
        Layout(str(world.root)), world.engine.state_dir, world.clock, config_path=str(config)
    )
    assert [each.id for each in plan_prune(Prune(), engine).going] == ["1", "2"]
    assert [each.id for each in plan_prune(Prune(keep_last=4), engine).going] == ["1"]


def test_without_any_rule_nothing_goes_and_that_is_told(world: World) -> None:
    config = world.root / "none.toml"
    config.write_text("")
    engine = FilesEngine(
        Layout(str(world.root)), world.engine.state_dir, world.clock, config_path=str(config)
    )
    plan = plan_prune(Prune(), engine)
    assert plan.going == ()
    assert {each.reasons for each in plan.decisions} == {("there are no rules: nothing is pruned",)}


def test_pinned_and_automatic_sets_stay(world: World) -> None:
    world.write_state(snapshots={"2": {"expiry-time": "2027-01-01T00:00:00Z"}})
    world.engine.pins.pin(world.engine.sets(1)[0], "before 31", NOW)
    plan = plan_prune(Prune(keep_last=1), world.engine)
    reasons = {each.candidate.id: each.reasons for each in plan.decisions if each.kept}
    assert reasons["1"] == ("pinned: before 31",)
    assert reasons["2"] == ("automatic: snapd's own rules",)


def test_sets_that_the_plan_did_not_show_stay_and_that_is_noted(world: World) -> None:
    result = world.do(replace(Prune(keep_last=2), confirmed=("1", "3", "5")))
    assert (result.sets, sets(world)) == ((1, 3), [2, 4, 5])
    record = world.engine.journal.records()[-1]
    notes = [event["text"] for event in record.events if event.get("event") == "noted"]
    assert notes == [
        "set #2 stays: the plan did not show it",
        "set #5 stays, other than the plan showed: last 1 of 2, the only copy of bar, newest of foo",
    ]


def test_set_in_use_is_left_out_and_the_others_go(world: World) -> None:
    with world.engine.store.set_lock(2, shared=True):
        result = world.do(Prune(keep_last=2))
    assert (result.sets, sets(world), result.exit_code) == ((1, 3), [2, 4, 5], 3)
    assert "set #2 was left: cannot operate on snapshot set #2" in result.left_out[0]
    assert world.engine.journal.records()[-1].state is JobState.PARTIAL


def test_freeing_takes_the_oldest_first_and_says_when_it_falls_short(world: World) -> None:
    size = sum((world.snapshots / f"{number}_foo_1.0_x1.zip").stat().st_size for number in (1, 2))
    assert going(world, Prune(free=size)) == ["1", "2"]
    result = world.do(Prune(free=1 << 40))
    assert result.sets == (1, 2, 3, 4)
    assert result.left_out == (
        f"{(1 << 40) - result.held} bytes less than wanted are freed: nothing else may go",
    )


def test_second_names_of_files_free_nothing(world: World) -> None:
    (world.root / "elsewhere").hardlink_to(world.snapshots / "1_foo_1.0_x1.zip")
    assert plan_prune(Prune(keep_last=4), world.engine).freed == 0


def test_prune_that_lets_nothing_go_is_done(world: World) -> None:
    result = world.do(Prune(keep_last=9))
    assert (result.sets, result.exit_code, world.engine.undo_offers()) == ((), 0, [])


def test_second_prune_after_an_undone_forget_finds_everything(world: World) -> None:
    world.do(Forget(1))
    world.do(Undo())
    assert going(world, Prune(keep_last=3)) == ["1", "2"]
