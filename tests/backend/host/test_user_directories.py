"""The user's own directories, whatever the environment says."""

import os
import pwd
from pathlib import Path

import pytest

from backend.errors import SnapshotError
from backend.host.user_directories import user_directory
from tests.tui.support.driver import run_here


def test_the_variable_wins_over_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    assert user_directory("XDG_STATE_HOME", ".local/state") == str(tmp_path / "home/.local/state")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert user_directory("XDG_STATE_HOME", ".local/state") == str(tmp_path / "state")


@pytest.mark.parametrize("path", ["", "rel", "./rel", "../rel"])
def test_a_relative_path_is_ignored(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", path)
    assert user_directory("XDG_STATE_HOME", ".local/state") == str(tmp_path / ".local/state")
    monkeypatch.setenv("HOME", path)
    home = pwd.getpwuid(os.geteuid()).pw_dir
    assert user_directory("XDG_STATE_HOME", ".local/state") == f"{home}/.local/state"


@pytest.mark.root
def test_another_users_home_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hers = tmp_path / "alice"
    hers.mkdir()
    os.chown(hers, 1234, 1234)
    monkeypatch.setenv("HOME", str(hers))
    monkeypatch.setenv("XDG_DATA_HOME", str(hers / ".local/share"))
    home = pwd.getpwuid(0).pw_dir
    assert user_directory("XDG_DATA_HOME", ".local/share") == f"{home}/.local/share"


def test_a_user_without_a_home_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 987654)
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    with pytest.raises(SnapshotError, match="user 987654 has no home directory: set HOME to one"):
        user_directory("XDG_DATA_HOME", ".local/share")


@pytest.mark.parametrize(
    "arguments", [("--demo", "saved"), ("--demo", "restore", "1"), ("saved",), ("restore", "1"), ("jobs",)]
)
@pytest.mark.parametrize("home", ["", "rel"])
def test_every_verb_ends_without_a_home(
    arguments: tuple[str, ...], home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 987654)
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    for name in ("HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, home)
    done = run_here(*arguments)
    assert (done.code, done.out) == (1, "")
    assert done.err == "error: user 987654 has no home directory: set HOME to one\n"
