"""Whether a job would die with the login it was started in."""

from pathlib import Path

import pytest

from backend.host.logind import Login, ask_logind, logout_warning
from tests.support.builders import plant

SESSION = "0::/user.slice/user-1000.slice/session-2.scope\n"
OLD_SESSION = "12:pids:/x\n1:name=systemd:/user.slice/user-1000.slice/session-c2.scope\n0::/x\n"
MANAGER = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-terminal.scope\n"
SERVICE = "0::/system.slice/cron.service\n"
ALICE = Login(1000, "alice")
YES = "b true\nas 0\nas 0\n"


@pytest.fixture
def system(tmp_path: Path) -> Path:
    """A machine with systemd, on which alice logged in over SSH."""
    plant(tmp_path, {"run": {"systemd": {"system": {}}}, "proc": {"self": {"cgroup": SESSION}}})
    return tmp_path


def warning(system: Path, properties: str = YES, login: Login = ALICE) -> str:
    return logout_warning(str(system), login, lambda: properties)


def test_where_logind_ends_what_a_session_leaves(system: Path) -> None:
    assert "KillUserProcesses=yes" in warning(system)
    plant(system / "proc/self", {"cgroup": OLD_SESSION})
    assert warning(system)
    plant(system / "proc/self", {"cgroup": SERVICE})
    assert not warning(system)


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ("b false\nas 0\nas 0\n", False),
        ('b true\nas 0\nas 2 "root" "bob"\n', True),
        ('b true\nas 0\nas 2 "root" "alice"\n', False),
        ('b true\nas 1 "bob"\nas 0\n', False),
        ('b true\nas 2 "bob" "alice"\nas 0\n', True),
        ("", False),
        ("b true\n", False),
    ],
)
def test_settings_decide_whether_logout_kills_jobs(system: Path, properties: str, expected: bool) -> None:
    assert bool(warning(system, properties)) == expected


def test_without_a_bus_nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert ask_logind() == ""


def test_on_a_desktop_lingering_counts(system: Path) -> None:
    plant(system / "proc/self", {"cgroup": MANAGER})
    assert "loginctl enable-linger" in warning(system)
    plant(system / "var/lib/systemd/linger", {"alice": ""})
    assert not warning(system)


def test_lingering_does_not_save_what_a_session_started(system: Path) -> None:
    plant(system / "var/lib/systemd/linger", {"alice": ""})
    assert warning(system)


def test_where_nobody_ends_anything(system: Path) -> None:
    (system / "run/systemd/system").rmdir()
    assert not warning(system)
    (system / "run/systemd/system").mkdir()
    assert warning(system)
    assert not warning(system, login=Login(0, "root"))
