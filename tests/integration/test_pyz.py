"""The one file: made by its command, and run where there is nothing but Python and a home."""

import os
import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from tests.support import TOP
from tests.tui.support.driver import PATIENCE, Terminal

UNREACHABLE = re.compile("No matching distribution found|Could not find a version|Max retries exceeded")


class Machine:
    """A machine with the file on it, and with a Python that has no packages at all."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "snapstow.pyz"
        self._bare = folder / "bare"
        (folder / "home").mkdir()
        self.environment = {
            "HOME": str(folder / "home"),
            "XDG_DATA_HOME": str(folder / "home/data"),
            "PATH": f"{self._bare}/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "PYTHONPATH": "",
        }

    def prepare(self) -> None:
        """Make the file, and the bare Python."""
        made = subprocess.run(
            [TOP / ".ci/pyz", self.file],
            env={**os.environ, "PYTHON": sys.executable, "PIP_RETRIES": "1"},
            check=False,
            capture_output=True,
            text=True,
        )
        if UNREACHABLE.search(made.stderr) and not os.environ.get("REQUIRE_REAL_SNAPD"):
            pytest.skip("no package index can be reached to make the file from")
        assert made.returncode == 0, made.stderr
        venv.create(self._bare)

    def run(self, *arguments: str, first: tuple[Path | str, ...] = ()) -> str:
        """Run the file, which must succeed and complain of nothing."""
        command = [*first, self.file, *arguments]
        environment = {**self.environment, "LANG": "C.UTF-8"}
        done = subprocess.run(
            command, env=environment, cwd="/", check=False, capture_output=True, text=True, timeout=PATIENCE
        )
        assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
        return done.stdout

    def by_python(self, *arguments: str) -> str:
        """Run the file as an argument of the bare Python, apart from all that the user has."""
        return self.run(*arguments, first=(self._bare / "bin/python", "-I"))


def test_one_file_is_the_whole_program(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.prepare()
    nothing_in_it_is_compiled(machine)
    it_tells_and_lists(machine)
    it_saves_and_restores(machine)
    its_screens_start_jobs(machine)


def nothing_in_it_is_compiled(machine: Machine) -> None:
    with zipfile.ZipFile(machine.file) as opened:
        names = opened.namelist()
    parts = {name.split("/")[1] for name in names if name.startswith(".deps/") and name.count("/") > 1}
    assert {part.split("-")[0] for part in parts} >= {"snapstow", "textual", "pyyaml"}
    assert all(part.endswith("-py3-none-any.whl") for part in parts)
    assert not [name for name in names if re.search(r"\.so(\.|$)", name)]


def it_tells_and_lists(machine: Machine) -> None:
    version = machine.run("--version")
    assert version.startswith("snapstow ")
    assert machine.by_python("--version") == version
    rows = [line.split()[:2] for line in machine.run("--demo", "saved").splitlines()]
    assert ["1", "nextcloud"] in rows
    assert "READY WITH LOSS" in machine.run("--demo", "restore", "1", "nextcloud", "--plan")


def it_saves_and_restores(machine: Machine) -> None:
    assert machine.run("--demo", "save", "hello-world").splitlines()[1].split()[:2] == ["11", "hello-world"]
    assert machine.run("--demo", "check-snapshot", "11")
    job = machine.run("--demo", "restore", "1", "nextcloud", "--no-wait").strip()
    assert machine.run("--demo", "attach", job).startswith(f"Job {job} done: ")


def its_screens_start_jobs(machine: Machine) -> None:
    with Terminal(
        [str(machine.file), "--demo"], columns=120, rows=40, changes=machine.environment
    ) as terminal:

        def sees(text: str) -> None:
            terminal.until(lambda: text in "\n".join(terminal.screen.display))

        sees("#1 ")
        terminal.press(b"s")
        sees(" Save 4 snaps ")
        terminal.press(b"\r")
        sees("Saved as #")
        terminal.press(b"r")
        sees("press again")  # the cursor went to the new set by itself
        terminal.press(b"r")
        sees("✓ READY")
        terminal.press(b"\r")
        sees("Restored #12 ")
        terminal.press(b"q")
        assert terminal.ended() == 0
    assert b"Traceback" not in terminal.seen
