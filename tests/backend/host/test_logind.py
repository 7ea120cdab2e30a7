"""Whether a job would die with the login it was started in."""

from pathlib import Path

import pytest

from backend.host.logind import Login, logout_warning
from tests.support.builders import plant

SESSION = "0::/user.slice/user-1000.slice/session-2.scope\n"
OLD_SESSION = "12:pids:/x\n1:name=systemd:/user.slice/user-1000.slice/session-c2.scope\n0::/x\n"
MANAGER = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-terminal.scope\n"
SERVICE = "0::/system.slice/cron.service\n"
ALICE = Login(1000, "alice")
YES = "[Login]\nKillUserProcesses=yes\n"


@pytest.fixture
def system(tmp_path: Path) -> Path:
    """A machine with systemd, on which alice logged in over SSH."""
    plant(tmp_path, {"run": {"systemd": {"system": {}}}, "proc": {"self": {"cgroup": SESSION}}})
    return tmp_path


def conf(system: Path, text: str, place: str = "etc", name: str = "") -> None:
    folder = system / place / "systemd"
    plant(folder, {"logind.conf.d": {name: text}} if name else {"logind.conf": text})


def warned(system: Path, login: Login = ALICE) -> bool:
    return bool(logout_warning(str(system), login))


def test_where_logind_ends_what_a_session_leaves(system: Path) -> None:
    assert not warned(system)
    conf(system, YES)
    assert "KillUserProcesses=yes" in logout_warning(str(system), ALICE)
    plant(system / "proc/self", {"cgroup": OLD_SESSION})
    assert warned(system)
    plant(system / "proc/self", {"cgroup": SERVICE})
    assert not warned(system)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[Login]\n#KillUserProcesses=yes\n", True),
        ("[Login]\n#KillUserProcesses=yes\nKillUserProcesses=no\n", False),
        ("[Login]\n# KillUserProcesses = no\n  KillUserProcesses =  TRUE \n", True),
        (f"{YES}KillUserProcesses=\n", False),
        (f"{YES}KillExcludeUsers=root bob\n", True),
        (f"{YES}KillExcludeUsers=root\nKillExcludeUsers=alice\n", False),
        (f"{YES}KillExcludeUsers=alice\nKillExcludeUsers=\n", True),
        (f"{YES}KillOnlyUsers=bob\n", False),
        (f"{YES}KillOnlyUsers=bob alice\n", True),
        ("\x00\xff garbage = \n= = =\n", False),
    ],
)
def test_settings_decide_whether_logout_kills_jobs(system: Path, text: str, expected: bool) -> None:
    conf(system, text)
    assert warned(system) == expected


def test_the_weightier_file_counts(system: Path) -> None:
    conf(system, YES, "usr/lib")
    assert warned(system)
    conf(system, "[Login]\n", "etc")
    assert not warned(system)
    conf(system, YES, "usr/lib", "50-kill.conf")
    assert warned(system)
    conf(system, "[Login]\nKillUserProcesses=no\n", "run", "60-not.conf")
    assert not warned(system)
    conf(system, "", "etc", "60-not.conf")
    assert warned(system)
    conf(system, "[Login]\nKillUserProcesses=no\n", "etc", "70-not.txt")
    assert warned(system)


def test_on_a_desktop_lingering_counts(system: Path) -> None:
    plant(system / "proc/self", {"cgroup": MANAGER})
    assert "loginctl enable-linger" in logout_warning(str(system), ALICE)
    plant(system / "var/lib/systemd/linger", {"alice": ""})
    assert not warned(system)


def test_lingering_does_not_save_what_a_session_started(system: Path) -> None:
    conf(system, YES)
    plant(system / "var/lib/systemd/linger", {"alice": ""})
    assert warned(system)


def test_where_nobody_ends_anything(system: Path) -> None:
    conf(system, YES)
    (system / "run/systemd/system").rmdir()
    assert not warned(system)
    (system / "run/systemd/system").mkdir()
    assert warned(system)
    assert not warned(system, Login(0, "root"))
