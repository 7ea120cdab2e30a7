"""Schedules handed to the systemd of a machine or of a user, from whatever directory and session."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from backend.schedule import Manager, Timers
from tests.support.builders import World
from tests.support.units import why_no_systemd
from tests.tui.support.driver import environment, run_here
from tui.cli.commands import schedule

pytestmark = pytest.mark.skipif(bool(why_no_systemd()), reason=why_no_systemd() or "-")
SCHEDULE = '[schedules.nightly]\nwhen = "daily"\nsteps = ["check-snapshot --all"]\n'


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    file = tmp_path / "home/.config/snapstow/config.toml"
    file.parent.mkdir(parents=True)
    file.write_text(SCHEDULE)
    return file


@pytest.mark.parametrize("folder", ["/etc", "/usr", "/tmp", "/"])
def test_the_units_of_a_machine_do_not_depend_on_the_directory_of_whoever_enables_them(
    tmp_path: Path, configuration: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    timers = Timers(str(tmp_path / "system"), Manager(runs=False, is_absent=True))
    monkeypatch.setattr(schedule, "timers_of", lambda _engine: timers)
    monkeypatch.chdir(folder)
    assert run_here(f"--config={configuration}", "schedule", "enable", "nightly").code == 0
    service = (tmp_path / "system/snapstow-nightly.service").read_text()
    assert "ProtectSystem=full\n" in service
    monkeypatch.chdir(tmp_path)
    (row,) = run_here(f"--config={configuration}", "schedule", "--json").document
    assert (row["enabled"], row["notes"]) == (True, [])


def test_modules_are_not_looked_for_where_somebody_enables_a_schedule(
    tmp_path: Path, configuration: Path
) -> None:
    world = World(tmp_path / "root")
    line = [
        sys.executable,
        "-m",
        "tui.cli.main",
        f"--root={world.root}",
        f"--config={configuration}",
        "schedule",
    ]
    places = [tmp_path / "here", tmp_path / "there"]
    for place in places:
        place.mkdir()

    def run(place: Path, *arguments: str) -> str:
        """What the command says in a place."""
        done = subprocess.run(
            [*line, *arguments], cwd=place, env=environment(), capture_output=True, text=True, check=True
        )
        return done.stdout

    run(places[0], "enable", "nightly")
    assert str(places[0]) not in (world.root / "etc/systemd/system/snapstow-nightly.service").read_text()
    assert json.loads(run(places[1], "--json"))[0]["notes"] == []


def test_a_user_without_a_session_enables_a_schedule_that_systemd_can_start_later(
    tmp_path: Path, configuration: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    for name in ("CONFIG", "STATE", "CACHE"):
        monkeypatch.delenv(f"XDG_{name}_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    done = run_here("schedule", "enable", "nightly")
    timer = configuration.parents[1] / "systemd/user/snapstow-nightly.timer"
    assert (done.code, done.out.splitlines()[0]) == (0, f"Schedule nightly is enabled: {timer}")
    command = "systemctl --user enable snapstow-nightly.timer"
    assert done.err == f"No systemd of yours runs here. Once it does: {command}\n"
