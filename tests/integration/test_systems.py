"""The table of other systems: which commands are run there, and what their reports come to."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import TOP
from tests.systems.outcome import Counts, Outcome, commands_in, counts_in, table

README = TOP / "README.md"


def test_the_commands_are_those_of_the_readme() -> None:
    commands = commands_in(README.read_text())
    assert commands.demo.endswith(".venv/bin/snapstow --demo")
    assert commands.tests.endswith(".venv/bin/python -m tests")


@pytest.mark.parametrize("text", ["", "```sh\ndemo\n```\n", "<!-- tests -->\n```sh\ntests\n```\n"])
def test_a_readme_without_both_commands_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="lacks one of its two commands"):
        commands_in(text)


SOME = """
import pytest

@pytest.fixture
def broken():
    yield
    raise ValueError

@pytest.mark.parametrize("number", range(3))
def test_good(number): pass
def test_bad(): assert False
def test_bad_and_broken(broken): assert False
def test_good_but_broken(broken): pass
@pytest.mark.skip(reason='to be counted')
def test_skipped(): pass
"""


def test_a_report_of_pytest_is_counted(tmp_path: Path) -> None:
    (tmp_path / "test_some.py").write_text(SOME)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--junitxml=report.xml",
        "-p",
        "no:cacheprovider",
        "test_some.py",
    ]
    env = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    subprocess.run(command, cwd=tmp_path, env=env, check=False, stdout=subprocess.DEVNULL)
    names = ("test_bad", "test_bad_and_broken", "test_good_but_broken")
    failures = tuple(f"test_some::{name}" for name in names)
    assert counts_in(tmp_path / "report.xml") == Counts(3, 3, 1, failures)


def test_without_a_report_there_are_no_counts(tmp_path: Path) -> None:
    assert counts_in(tmp_path / "none.xml") is None


def test_the_table_has_a_row_for_every_run() -> None:
    good = Outcome("Debian 13", "root", "2.68", "3.13.5", 0, 0, Counts(5, 0, 1))
    bad = good._replace(account="ordinary", tests=1, counts=None)
    assert (good.is_good, bad.is_good, good._replace(demo=2).is_good) == (True, False, False)
    assert table([good, bad]).splitlines()[2:] == [
        "| Debian 13 | root | 2.68 | 3.13.5 | 5 | 0 | 1 |",
        "| Debian 13 | ordinary | 2.68 | 3.13.5 | - | - | - |",
    ]
