"""Units of schedules: as the real systemd reads, checks and rates them."""

import os
import pwd
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from backend.config import Config, RepositoryConfig, ScheduleConfig, default_path
from backend.engine.state_folder import user_state
from backend.errors import InvalidInputError
from backend.host.user_directories import user_directory
from backend.schedule.calendar import Calendar, read_calendar, read_rhythm, runs_in
from backend.schedule.units import Start, UnitFiles, exec_line, needs_network, units_of
from tests.support.units import exposure, started_words, verified, why_no_systemd

pytestmark = pytest.mark.skipif(bool(why_no_systemd()), reason=why_no_systemd() or "-")

PROGRAM = "/usr/bin/env"
SAVING = ("save --stop-services", "check-snapshot --all", "prune")
PUSHING = (*SAVING, "push --new offsite")
COMMAND = (PROGRAM, "--root", "/", "schedule", "run", "nightly")
START = Start(COMMAND, ("/var/lib/snapstow", "/var/lib/snapd/snapshots", "/"))
CONFIG = Config("/etc/snapstow/config.toml")


def made(
    *steps: str, config: Config = CONFIG, start: Start = START, when: str = "daily", **facts: Any
) -> UnitFiles:
    schedule = ScheduleConfig("nightly", when, steps or SAVING, **facts)
    return units_of(schedule, config, read_rhythm(when), start)


def put(units: UnitFiles, folder: Path) -> tuple[Path, Path]:
    """The units as files: the service, the timer."""
    for name, text in units.files.items():
        (folder / name).write_text(text)
    return folder / units.service_name, folder / units.timer_name


@pytest.mark.parametrize("steps", [SAVING, PUSHING])
@pytest.mark.parametrize("is_of_user", [False, True])
@pytest.mark.parametrize(
    "when", ["daily", "Mon..Fri 02:15", "*:0/5", "*-*-01 03:00 Europe/Vienna", "2020-01-01"]
)
def test_systemd_has_nothing_against_any_of_them(
    tmp_path: Path, steps: tuple[str, ...], is_of_user: bool, when: str
) -> None:
    start = START._replace(is_of_user=is_of_user)
    assert verified(*put(made(*steps, start=start, when=when), tmp_path)) == ""


def test_systemd_would_tell_of_a_unit_that_is_wrong(tmp_path: Path) -> None:
    service, timer = put(made(), tmp_path)
    timer.write_text(timer.read_text().replace("Persistent", "Persist"))
    assert "Unknown key 'Persist'" in verified(service, timer)


@pytest.mark.parametrize(("steps", "most"), [(SAVING, 2.3), (PUSHING, 3.2)])
def test_a_schedule_may_do_little_besides_its_work(
    tmp_path: Path, steps: tuple[str, ...], most: float
) -> None:
    service, _ = put(made(*steps), tmp_path)
    assert exposure(service) <= most


def test_directories_that_a_schedule_cannot_do_without_are_open(tmp_path: Path) -> None:
    text = made(*PUSHING).service
    assert "ProtectHome" not in text  # an interrupted restore is ended there
    for capability in ("DAC_READ_SEARCH", "DAC_OVERRIDE", "CHOWN", "FOWNER", "SETUID", "SETGID", "KILL"):
        assert f"CAP_{capability}" in text
    assert "UMask=0077" in text
    assert "KillMode=mixed" in text  # or tar would end before the save that undoes what it wrote


# -- what reaches the program

word = st.text(
    st.characters(exclude_characters="\0", exclude_categories=("Cs", "Cc")) | st.sampled_from("\n\t")
)


@settings(max_examples=5)
@given(st.lists(word, max_size=4))
@example(["a b", "", "%h %% 100%", "$HOME ${HOME} $$", "\\x41 \\", "'q' \"q\"", ";", "-c", "@", "ä€🙂"])
@example(["\xa0", "\u2003 ", "a\x85b"])
@example(["import json\nprint(1)\t", "line\n\nline\\n"])
def test_words_reach_the_program_as_they_are(
    tmp_path_factory: pytest.TempPathFactory, arguments: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("units")
    command = [PROGRAM, *arguments]
    service, timer = put(made(start=START._replace(command=command)), folder)
    assert verified(service, timer) == ""
    assert started_words(service, folder / "scratch") == command


@pytest.mark.parametrize(
    "program", ["relative/snapstow", "/opt/my programs/snapstow", "/opt/%n/x", "/opt/a\nb", ""]
)
def test_a_program_at_an_odd_path_is_refused(program: str) -> None:
    with pytest.raises(InvalidInputError, match="plainer path"):
        exec_line([program, "schedule"])


def test_a_path_that_is_not_utf_8_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="it is not UTF-8"):
        exec_line([PROGRAM, "--config", "/srv/caf\udce9.toml"])


@pytest.mark.parametrize(
    "name", ["", "../x", "a/b", "a b", "a\nb", "A", "-a", "a%i", "a@b", "x" * 41, "é", "a.timer"]
)
def test_an_odd_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidInputError, match="is no name of a schedule"):
        units_of(ScheduleConfig(name, "daily", SAVING), CONFIG, Calendar(()), START)


def test_a_percent_sign_in_a_time_is_no_specifier() -> None:
    schedule = ScheduleConfig("nightly", "daily %n", SAVING)
    assert "OnCalendar=daily %%n\n" in units_of(schedule, CONFIG, Calendar(()), START).timer


# -- what it finds


def environment_of(units: UnitFiles) -> dict[str, str]:
    """The variables that a service sets."""
    lines = re.findall(r'^Environment="(.*)"$', units.service, re.MULTILINE)
    pairs = (re.sub(r"\\(.)|%(%)", r"\1\2", line).partition("=") for line in lines)
    return {name: value for name, _, value in pairs}


@pytest.mark.parametrize("changes", [{}, {"HOME": "/tmp"}, {"HOME": ""}, {"XDG_CONFIG_HOME": "/tmp"}])
def test_the_units_of_the_system_are_the_same_from_whatever_session(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, str]
) -> None:
    for name, value in changes.items():
        monkeypatch.setenv(name, value)
    environment = environment_of(made())
    assert environment.keys() == {"HOME", "PATH"}
    assert environment["HOME"] == pwd.getpwuid(0).pw_dir


@pytest.mark.parametrize("variables", [True, False])
def test_a_user_whom_systemd_serves_is_served_from_the_directories_of_the_shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, variables: bool
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("CONFIG", "STATE", "CACHE"):
        monkeypatch.delenv(f"XDG_{name}_HOME", raising=False)
        if variables:
            monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / f'{name} "50%" \\ here'))
    places = [default_path(), user_state(), user_directory("XDG_CACHE_HOME", ".cache")]
    environment = environment_of(made(start=START._replace(is_of_user=True)))
    assert "HOME" not in environment  # the user's systemd sets it
    for name in ("CONFIG", "STATE", "CACHE"):
        monkeypatch.delenv(f"XDG_{name}_HOME", raising=False)
    monkeypatch.setenv("HOME", "/nonexistent")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert [default_path(), user_state(), user_directory("XDG_CACHE_HOME", ".cache")] == places


# -- what depends on the schedule


@pytest.mark.parametrize(
    ("steps", "notify", "needed"),
    [
        (("save",), (), False),
        (("save", "check-snapshot --all", "prune", "doctor --repair"), (), False),
        (("save",), ("json://x",), True),
        (("push --new offsite",), (), True),
        (("check-snapshot --repo offsite",), (), True),
        (("check-snapshot --repo=offsite",), (), True),
        (("prune --repo offsite",), (), True),
    ],
)
def test_the_network_is_there_where_it_is_needed_and_else_not(
    steps: tuple[str, ...], notify: tuple[str, ...], needed: bool
) -> None:
    schedule = ScheduleConfig("nightly", "daily", steps, notify)
    assert needs_network(schedule) is needed
    text = units_of(schedule, CONFIG, Calendar(()), START).service
    assert ("PrivateNetwork=yes" in text) is not needed
    assert ("network-online.target" in text) is needed
    assert ("AF_INET" in text) is needed
    assert "AF_UNIX" in text  # snapd


@pytest.mark.parametrize("place", ["/tmp/repo", "/var/tmp/repo", "/tmp/../tmp/repo"])
def test_places_below_tmp_are_not_in_a_tmp_that_vanishes(place: str) -> None:
    assert "PrivateTmp=yes" in made(config=CONFIG).service
    repository = RepositoryConfig("offsite", f"file://{place}")
    assert "PrivateTmp" not in made(config=Config("", {"offsite": repository})).service
    assert "PrivateTmp" not in made(metrics=f"{place}/x.prom").service
    assert "PrivateTmp" not in made(start=START._replace(writes=(place,))).service
    assert "PrivateTmp" not in made(config=Config(f"{place}/config.toml")).service


@pytest.mark.parametrize("place", ["/usr/local/backup", "/etc/x", "/boot/y"])
def test_places_below_the_system_that_are_written_are_not_read_only(place: str) -> None:
    assert "ProtectSystem=full" in made().service
    assert "ProtectSystem" not in made(metrics=f"{place}/x.prom").service


def test_no_secret_stands_in_a_unit() -> None:
    units = made(*PUSHING, notify=("mailtos://user:s3cr3t@example.org",))
    assert "s3cr3t" not in "".join(units.files.values())
    assert "EnvironmentFile=-/etc/snapstow/environment\n" in units.service


@pytest.mark.parametrize(
    ("when", "delay"),
    [
        ("daily", 600),
        ("hourly", 360),
        ("*:0/5", 30),
        ("*:0,5", 30),
        ("*:10,30,50,51", 6),
        ("*-*-* 12,13:00", 360),
        ("2020-01-01", 0),
    ],
)
def test_the_random_delay_is_a_small_part_of_the_time_between_any_two_runs(when: str, delay: int) -> None:
    assert f"RandomizedDelaySec={delay}\n" in made(when=when).timer


def test_a_run_that_was_missed_is_made_up_for() -> None:
    assert "Persistent=true\n" in made().timer


# -- times


def test_the_next_runs_are_those_that_systemd_counts() -> None:
    runs = read_calendar("*-*-* 00:00:00 UTC", after=1_700_000_000).runs
    assert runs == (1_700_006_400, 1_700_092_800, 1_700_179_200)
    assert read_calendar("*-*-* 00:00:00 UTC").interval == 86400
    assert read_calendar("2020-01-01") == Calendar(())


def test_moments_are_understood_where_the_time_is_another_than_utc() -> None:
    text = """\
  Original form: daily
    Next elapse: Wed 2026-12-02 00:00:00 EST
       (in UTC): Wed 2026-12-02 05:00:00 UTC
       From now: 19h left
       Iter. #2: Thu 2026-12-03 00:00:00.500000 UTC
       From now: 1 day 19h left
"""
    assert runs_in(text) == (1_796_187_600.0, 1_796_256_000.0)


def test_the_time_zone_of_a_shell_does_not_move_a_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    here = read_calendar("daily", after=1_700_000_000)
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    assert read_calendar("daily", after=1_700_000_000) == here


@pytest.mark.parametrize("when", ["daylee", "", "25:00", "--help", "-x"])
def test_a_time_that_systemd_cannot_read_is_refused_with_its_words(when: str) -> None:
    with pytest.raises(InvalidInputError, match=f'cannot read "{when}" as a time: .+; expected e.g. daily'):
        read_calendar(when)


def test_without_systemd_it_is_said_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(InvalidInputError, match="no systemd-analyze here; without it, have cron run"):
        read_calendar("daily")
