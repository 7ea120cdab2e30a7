"""A machine without Snapstow, over a real ssh: what its snapd does by itself, and what it cannot."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.operations import Save
from backend.remote import Link
from tests.support.fleet import fleet_of
from tests.support.realsnapd import RealSnapd
from tests.support.snapdworld import do, hello_there, sets
from tui.cli.main import main

__all__ = ["hello_there"]

pytestmark = [pytest.mark.snapd, pytest.mark.needs("ssh", "sshd", "ssh-keygen")]


@pytest.fixture
def machine(hello: RealSnapd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RealSnapd]:
    """It has a set already; `ssh web1` leads to it."""
    do(hello, Save())
    with fleet_of(tmp_path, ("web1",), without=("web1",)) as fleet:
        monkeypatch.setenv("SNAPSTOW_SSH", fleet.ssh)
        monkeypatch.setattr(Link, "socket", str(hello.socket))
        yield hello


def test_sets_are_listed_checked_exported_and_imported(
    machine: RealSnapd, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["-H", "web1", "saved"]) == 0
    assert "hello" in capfd.readouterr().out
    assert main(["-H", "web1", "check-snapshot", "1"]) == 0
    file = tmp_path / "one.snapshot"
    assert main(["-H", "web1", "export-snapshot", "1", str(file)]) == 0
    assert file.stat().st_size > 0
    machine.api("POST", "/v2/snapshots", {"action": "forget", "set": 1})
    assert main(["-H", "web1", "import-snapshot", str(file)]) == 0
    assert len(sets(machine)) == 1


@pytest.mark.parametrize("line", [["save"], ["restore", "1"], ["forget", "1"], ["browse"]])
def test_verb_that_needs_the_files_there_is_refused_and_changes_nothing(
    machine: RealSnapd, line: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    before = sets(machine)
    assert main(["-H", "web1", *line]) == 5
    refusal = capfd.readouterr().err
    assert (
        f"cannot {line[0]} on web1: snapstow is not installed there, and its snapd alone does saved"
        in refusal
    )
    assert sets(machine) == before
