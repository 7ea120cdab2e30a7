"""What could be saved at a place, looked up before anything is saved."""

from pathlib import Path

import pytest

from backend.operations import Save
from backend.save import SaveSurveys, place_concerns, preflight_save
from tests.support.builders import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "root")
    world.install("hello", data={"a": "12"}, common={"b": "345"})
    world.install("other", users={"alice": {"c": "6"}})
    world.snapshots.mkdir(parents=True)
    return world


def texts(world: World) -> list[str]:
    return [concern.text for concern in place_concerns(world.engine.layout)]


def test_snaps_and_users_are_listed_with_the_free_space(world: World) -> None:
    preflight = preflight_save(world.engine)
    assert [snap.name for snap in preflight.snaps] == ["hello", "other"]
    assert preflight.active == {"hello", "other"}
    assert "alice" in {user.name for user in preflight.users}
    assert preflight.free > 0
    assert preflight.whole


def test_a_damaged_snap_is_a_concern_and_not_all_can_be_saved(world: World) -> None:
    (world.root / "snap/hello/x1/meta/snap.yaml").write_text("{")
    preflight = preflight_save(world.engine)
    assert [snap.name for snap in preflight.snaps] == ["other"]
    assert not preflight.whole
    assert any(text.startswith("hello cannot be saved") for text in texts(world))


def test_missing_configuration_is_a_concern_of_the_place(world: World) -> None:
    assert any("configuration and snap-ids will not be recorded" in text for text in texts(world))


def test_an_earlier_save_forecasts_the_next(world: World) -> None:
    world.do(Save())
    preflight = preflight_save(world.engine)
    surveys = SaveSurveys(world.engine.layout, preflight)
    surveys.survey_all(surveys.renew(()))
    owners = ("", *(user.name for user in preflight.users))
    (before,) = preflight.past["hello"]
    assert (surveys.done, surveys.is_known("hello")) == (True, True)
    assert surveys.sum_of(["hello"], owners).read == 5
    assert surveys.forecast("hello", owners) == pytest.approx(before.stored, rel=0.5)
