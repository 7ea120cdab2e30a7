"""Units in their place: checked before, whole or not at all, and gone without a rest."""

from pathlib import Path

import pytest

from backend.config import Config, ScheduleConfig
from backend.errors import InvalidInputError, NotFoundError, SnapshotError
from backend.schedule.calendar import Calendar
from backend.schedule.timers import Manager, Timers, timers_of
from backend.schedule.units import Start, UnitFiles, units_of
from tests.golden import tree
from tests.support.builders import World
from tests.support.units import why_no_systemd

pytestmark = pytest.mark.skipif(bool(why_no_systemd()), reason=why_no_systemd() or "-")

START = Start(("/usr/bin/env", "true"))
WANTED = "etc/systemd/system/timers.target.wants/snapstow-nightly.timer"

# Stands for a systemctl whose systemd runs, which it cannot here: keeps what it was asked, fails on wish.
SYSTEMCTL = """#!/bin/sh
echo "$*" >>{log}
case " $* " in *" {failing} "*) echo "Failed to do that." >&2; exit 1 ;; esac
"""


def units(
    name: str = "nightly", program: str = "/usr/bin/env", steps: tuple[str, ...] = ("save",)
) -> UnitFiles:
    return units_of(ScheduleConfig(name, "daily", steps), Config(), Calendar(()), Start((program, "true")))


# The same for one that links as the real one does, and cannot start.
LINKING = """#!/bin/sh
case " $* " in *" daemon-reload "*) exit 0 ;; esac
verb=$1
shift $(($# - 1))
/usr/bin/systemctl --root={machine} "$verb" "$1" || exit
case $verb in enable) echo "Failed to start that." >&2; exit 1 ;; esac
"""


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """The root of a machine on which systemd does not run now."""
    folder = tmp_path / "machine/etc/systemd/system"
    folder.mkdir(parents=True)
    (folder / "other.service").write_text("[Service]\nExecStart=/bin/true\n")
    return tmp_path / "machine"


@pytest.fixture
def timers(machine: Path) -> Timers:
    return Timers(f"{machine}/etc/systemd/system", Manager((f"--root={machine}",), runs=False))


def running(
    machine: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    failing: str = "-",
    systemctl: str = SYSTEMCTL,
) -> tuple[Timers, Path]:
    """The units of a machine on which systemd runs, and what was asked of it."""
    log = tmp_path / "log"
    program = tmp_path / "bin/systemctl"
    program.parent.mkdir()
    program.write_text(systemctl.format(log=log, failing=failing, machine=machine))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    return Timers(f"{machine}/etc/systemd/system", Manager()), log


def test_units_are_put_in_place_and_enabled_by_the_real_systemctl(machine: Path, timers: Timers) -> None:
    timers.enable(units())
    for name, text in units().files.items():
        path = machine / "etc/systemd/system" / name
        assert path.read_text() == text
        assert path.stat().st_mode & 0o777 == 0o644
    assert (machine / WANTED).is_symlink()
    assert timers.names() == ["nightly"]
    assert timers.is_like(units())
    assert not timers.is_like(units(steps=("save", "push --new offsite")))


def test_removal_leaves_nothing_behind(machine: Path, timers: Timers) -> None:
    before = names_below(machine)
    timers.enable(units())
    timers.enable(units("weekly"))
    timers.disable("nightly")
    assert timers.names() == ["weekly"]
    timers.disable("weekly")
    after = names_below(machine)
    assert after - before <= {"etc/systemd/system/timers.target.wants"}  # systemctl's own, empty
    assert before <= after


def names_below(machine: Path) -> set[str]:
    return {str(path.relative_to(machine)) for path in machine.rglob("*")}


def test_a_changed_schedule_takes_the_place_of_the_one_before(timers: Timers) -> None:
    timers.enable(units())
    changed = units(steps=("save", "push --new offsite"))
    timers.enable(changed)
    assert timers.is_like(changed)
    assert timers.names() == ["nightly"]


@pytest.mark.parametrize("name", ["nightly", "never-there"])
def test_a_schedule_that_is_not_enabled_cannot_be_disabled(timers: Timers, name: str) -> None:
    with pytest.raises(NotFoundError, match=f"schedule {name} is not enabled"):
        timers.disable(name)


@pytest.mark.parametrize("name", ["../other", "other.service", "*", "a/../../b"])
def test_nothing_else_can_be_disabled(machine: Path, timers: Timers, name: str) -> None:
    before = tree(machine)
    with pytest.raises(InvalidInputError, match="is no name of a schedule"):
        timers.disable(name)
    assert tree(machine) == before


def test_units_that_systemd_does_not_take_are_not_put_in_place(machine: Path, timers: Timers) -> None:
    before = tree(machine)
    with pytest.raises(InvalidInputError, match="is not executable") as refused:
        timers.enable(units(program="/nonexistent/snapstow"))
    assert "snapstow-units-" not in str(refused.value)
    with pytest.raises(InvalidInputError, match="systemd does not take the units of schedule nightly"):
        timers.enable(units()._replace(timer="[Timer]\nOnCalendar=daylee\n"))
    assert tree(machine) == before


def test_a_systemd_that_runs_is_told_of_every_change(
    machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    timers, log = running(machine, tmp_path, monkeypatch)
    timers.enable(units())
    assert log.read_text().splitlines() == ["daemon-reload", "enable --now snapstow-nightly.timer"]
    log.unlink()
    timers.disable("nightly")
    assert log.read_text().splitlines() == [
        "disable --now snapstow-nightly.timer",
        "clean --what=state snapstow-nightly.timer",
        "daemon-reload",
    ]
    assert timers.names() == []


@pytest.mark.parametrize("failing", ["daemon-reload", "enable"])
@pytest.mark.parametrize("is_there", [False, True])
def test_units_that_cannot_be_started_leave_all_as_it_was(
    machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, failing: str, is_there: bool
) -> None:
    timers, _ = running(machine, tmp_path, monkeypatch, failing)
    if is_there:
        for name, text in units().files.items():
            (machine / "etc/systemd/system" / name).write_text(text)
    before = {path: path.read_text() for path in machine.rglob("*") if path.is_file()}
    with pytest.raises(SnapshotError, match=f"systemctl cannot {failing}.*: Failed to do that"):
        timers.enable(units(steps=("save", "push --new offsite")))
    assert {path: path.read_text() for path in machine.rglob("*") if path.is_file()} == before


def test_a_timer_that_cannot_be_started_is_not_wanted_by_the_next_start_of_the_machine(
    machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    timers, _ = running(machine, tmp_path, monkeypatch, systemctl=LINKING)
    with pytest.raises(SnapshotError, match="Failed to start that"):
        timers.enable(units())
    assert not (machine / WANTED).is_symlink()
    assert timers.names() == []


def test_a_timer_that_was_wanted_before_a_failed_change_still_is(
    machine: Path, timers: Timers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    timers.enable(units())
    changing, _ = running(machine, tmp_path, monkeypatch, systemctl=LINKING)
    with pytest.raises(SnapshotError, match="Failed to start that"):
        changing.enable(units(steps=("save", "push --new offsite")))
    assert (machine / WANTED).is_symlink()
    assert timers.is_like(units())


@pytest.mark.parametrize("runtime", ["", "/nonexistent"])
def test_a_user_without_a_session_can_have_units_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runtime: str
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    if runtime:  # as `su` keeps it of another user
        monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
    manager = Manager(("--user",), runs=False, is_of_user=True, is_absent=True)
    timers = Timers(f"{tmp_path}/systemd/user", manager)
    timers.enable(units())
    assert timers.is_like(units())
    with pytest.raises(InvalidInputError, match="systemd does not take the units of schedule nightly"):
        timers.verify(units()._replace(timer="[Timer]\nOnCalendar=daylee\n"))


def test_a_timer_that_cannot_be_stopped_keeps_its_units(
    machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    timers, _ = running(machine, tmp_path, monkeypatch, "disable")
    timers.enable(units())
    with pytest.raises(SnapshotError, match="Failed to do that"):
        timers.disable("nightly")
    assert timers.is_like(units())


def test_a_stamp_that_cannot_be_cleaned_keeps_no_units(
    machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    timers, _ = running(machine, tmp_path, monkeypatch, "clean")
    timers.enable(units())
    timers.disable("nightly")
    assert timers.names() == []


def test_half_of_the_units_can_be_removed_too(machine: Path, timers: Timers) -> None:
    timers.enable(units())
    (machine / "etc/systemd/system/snapstow-nightly.timer").unlink()
    timers.disable("nightly")
    assert not (machine / "etc/systemd/system/snapstow-nightly.service").exists()


def test_units_for_another_root_lie_below_it_and_are_told_to_nobody(tmp_path: Path) -> None:
    world = World(tmp_path / "root")
    timers = timers_of(world.engine)
    assert timers.folder == f"{world.root}/etc/systemd/system"
    assert timers.manager == Manager(runs=False, is_absent=True)
    timers.enable(units())
    assert timers.names() == ["nightly"]
    timers.disable("nightly")
    assert timers.names() == []
