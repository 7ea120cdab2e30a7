"""A machine without wheels: the tests of archives once more, with nothing compiled but Python itself."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import TOP

MISSING = """
import sys
sys.modules.update(dict.fromkeys(("isal", "deflate", "yaml._yaml")))
"""
FILES = (
    "backend/archive/gzip/test_codec.py",
    "backend/archive/gzip/test_blocks.py",
    "backend/archive/tar/test_program.py",
    "backend/archive/test_container.py",
    "backend/archive/test_reader.py",
    "backend/format/test_excludes.py",
    "backend/host/test_state.py",
    "backend/restore/test_restoration.py",
    "backend/save/test_saver.py",
    "integration/format/test_interchange.py",
)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Where every Python that starts finds neither isal nor deflate nor the compiled part of PyYAML."""
    (tmp_path / "sitecustomize.py").write_text(MISSING)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "CI"))}
    return {**kept, "PYTHONPATH": f"{tmp_path}{os.pathsep}{TOP}"}


def test_the_version_tells_that_it_is_slower(environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "tui.cli.main", "--version"]
    output = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    assert output.splitlines()[1].startswith("compression by zlib ")
    assert output.endswith(" (faster with isal and deflate, not installed)\n")


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES)
def test_all_that_is_said_of_archives_holds(file: str, environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    done = subprocess.run(
        [*command, f"tests/{file}"], cwd=TOP, env=environment, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
