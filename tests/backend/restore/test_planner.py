"""A restore is planned in stages, each knowing more than the one before."""

from pathlib import Path

import pytest

from backend.errors import InvalidInputError, NotFoundError
from backend.operations import Restore
from backend.restore.plan import Verdict
from backend.restore.planner import RestorePlanner, RevisionChoice
from tests.support.builders import World, plant

SAVED = {"x1": {"a": "then"}, "common": {"b": "then"}}


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "root")
    world.install("hello", data={"a": "now"}, common={"b": "now"})
    world.add(1, "hello", SAVED, users={"ghost": {"common": {}}})
    world.add(1, "away", SAVED)
    return world


def test_knowledge_grows(world: World) -> None:
    stages = list(RestorePlanner(world.engine).stages(Restore(1)))
    known = [(stage.losses_known, stage.contents_known) for stage in stages]
    assert known == [(False, False), (True, False), (True, False), (True, True)]
    assert stages[0].snaps == ("away", "hello")
    assert stages[0].absent == {"away"}
    assert stages[0].replaced_bytes == 0 < stages[1].replaced_bytes
    assert all(entry.contents for plan in stages[-1].plans for entry in plan.entries if entry.is_active)


def test_a_blocked_plan_is_not_read_through_unless_all_is_asked_for(world: World) -> None:
    common = world.data("hello") / "common"
    common.rename(common.with_name("elsewhere"))
    common.symlink_to("elsewhere")
    planner = RestorePlanner(world.engine)
    *_, last = planner.stages(Restore(1))
    assert (last.verdict, last.contents_known) == (Verdict.BLOCKED, False)
    whole = planner.preview(Restore(1))
    assert (whole.verdict, whole.contents_known) == (Verdict.BLOCKED, True)


def test_whoever_hands_out_engines_may_refuse_as_well(world: World) -> None:
    preview = RestorePlanner(world.engine, lambda _restore: "read-only").preview(Restore(1))
    assert (preview.refusal, preview.verdict) == ("read-only", Verdict.BLOCKED)


def test_no_space_blocks(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.fs.space.free_space", lambda _path: 1)
    preview = RestorePlanner(world.engine).preview(Restore(1))
    assert preview.lacks_space
    assert preview.verdict is Verdict.BLOCKED


def test_the_revisions_of_one_snap(world: World) -> None:
    plant(world.data("hello"), {"7": {}, "x12": {}, "no revision": {}})
    planner = RestorePlanner(world.engine)
    in_place = planner.preview(Restore(1, ("hello",))).revisions
    assert in_place[0] == RevisionChoice("", "x1", is_installed=True, was_saved=True)
    assert [choice.revision for choice in in_place] == ["", "7", "x12"]
    assert planner.preview(Restore(1)).revisions == ()


@pytest.mark.parametrize(
    ("restore", "error", "reason"),
    [
        (Restore(9), NotFoundError, "no snapshot set with the given ID"),
        (Restore(1, ("ghost",)), NotFoundError, "no snapshot for the requested snaps"),
        (Restore(1, revision="x7"), InvalidInputError, "cannot restore 2 snaps onto revision x7"),
    ],
)
def test_blocked_plans_tell_their_reasons(
    world: World, restore: Restore, error: type[Exception], reason: str
) -> None:
    with pytest.raises(error, match=reason):
        RestorePlanner(world.engine).preview(restore)
