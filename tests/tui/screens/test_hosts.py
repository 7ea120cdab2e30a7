"""The table of machines on the screens, over a real ssh."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.jobs.record import JobState
from tests.support.builders import World
from tests.support.fleet import Fleet, fleet_of
from tests.tui.support.patient import Patient, patiently

pytestmark = pytest.mark.needs("ssh", "sshd", "ssh-keygen")


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    with fleet_of(tmp_path, ("web1", "web2", "refused")) as fleet:
        monkeypatch.setenv("SNAPSTOW_SSH", fleet.ssh)
        for name in ("web1", "web2"):
            world = fleet[name].world
            world.install("hello", data={"f": "now"})
            world.add(1, "hello", time="2026-11-21T09:00:00Z")
            world.write_state()
        yield fleet


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "here")
    world.install("hello")
    world.write_state()
    world.config.parent.mkdir(parents=True)
    world.config.write_text('[hosts]\ngroups.web = ["web1", "web2", "refused"]\n')
    return world


def row(user: Patient, host: str) -> str:
    return next(line for line in user.screen().splitlines() if f" {host} " in line)


def test_machines_have_a_row_each_and_failures_their_reason(fleet: Fleet, world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.presses("H")
        await user.sees("Machines")
        await user.sees("2 of 3 answered · 1 failed")
        assert "never: hello" in row(user, "web1")
        assert "Connection refused" in row(user, "refused")
        await user.presses("escape")
        await user.sees("Snapshot sets")

    patiently(str(world.root), tell, config=str(world.config))
    assert list(Path("/tmp").glob("snapstow-ssh-*")) == []


def test_checks_are_begun_on_the_selected_machines(fleet: Fleet, world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.presses("H")
        await user.sees("2 of 3 answered")
        await user.presses("asterisk", "c")
        await user.sees("check: job 1")
        while "check: job" not in row(user, "web2") or "starting" in row(user, "refused"):
            await user.waits()
        assert "Connection refused" in row(user, "refused")

    patiently(str(world.root), tell, config=str(world.config))
    for name in ("web1", "web2"):
        journal = fleet[name].world.engine.journal
        (record,) = journal.records()
        assert record.verb == "check-snapshot"
        assert record.state in (JobState.RUNNING, JobState.DONE)


def test_screens_say_how_machines_are_configured_where_none_is(world: World) -> None:
    world.config.write_text("")

    async def tell(user: Patient) -> None:
        await user.sees("No snapshots yet")
        await user.presses("H")
        await user.sees("there is no machine: name some, or configure groups in [hosts]")

    patiently(str(world.root), tell, config=str(world.config))
