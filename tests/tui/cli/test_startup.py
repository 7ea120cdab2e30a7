"""A listing starts at once: what must not be loaded for it. Times are measured elsewhere, not here."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.builders import World
from tests.tui.support.driver import HERE, environment

SLOW = frozenset(
    (
        *("shutil", "bz2", "lzma", "tempfile", "subprocess", "signal", "textwrap"),
        *("dataclasses", "inspect", "ast", "tokenize", "traceback", "logging", "datetime", "pathlib"),
        *("threading", "queue", "concurrent.futures", "asyncio", "socket", "selectors", "http", "urllib"),
        *("sqlite3", "zipfile", "tarfile", "gzip", "random", "uuid", "pwd", "ctypes", "shlex", "difflib"),
        *("textual", "rich", "humanize", "yaml", "isal", "deflate", "pkg_resources", "importlib.metadata"),
        *(
            "backend.progress",
            "backend.jobs.journal",
            "backend.operations",
            "backend.restore.restoration",
            "backend.save.saver",
        ),
        *(
            "backend.archive.tar.program",
            "backend.archive.gzip.blocks",
            "backend.archive.hashing",
            "backend.jobs.cleanup",
            "backend.demo",
        ),
        *(
            "tui.cli.commands.change",
            "tui.cli.commands.query",
            "tui.cli.progress",
            "tui.cli.commands.help",
            "tui.cli.arguments.changes",
            "tui.cli.manual",
            "tui.cli.completion",
            "tui.phrases",
            "tui.cli.errors",
            "tui.app",
        ),
    )
)
SHOW = """
import sys
from tui.cli.main import main
code = main()
print(*sys.modules, file=sys.stderr)
sys.exit(code)
"""
TUPLE = """
import sys
from typing import NamedTuple
class Pair(NamedTuple):
    left: int
    right: int
print(*sys.modules, file=sys.stderr)
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    world = World(tmp_path_factory.mktemp("startup") / "root")
    world.install("hello", data={"f": "system"})
    world.write_state()
    world.add(1, "hello", users={"alice": {"common": {"f": "hers"}}}, conf={"a": 1})
    (world.snapshots / "2_hello_1.0_x1.zip").write_bytes(b"none")
    (world.root / "var/lib/snapstow").mkdir(parents=True)
    return world.root


def modules_after(*arguments: str) -> set[str]:
    """The modules that are there when a command is done."""
    return modules_of(SHOW, *arguments)


def modules_of(program: str, *arguments: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-S", "-c", program, *arguments],
        capture_output=True,
        check=True,
        text=True,
        cwd=HERE,
        env=environment(),
    )
    return set(done.stderr.split())


@pytest.fixture(scope="module")
def slow() -> frozenset[str]:
    """What must not be loaded, without what this very Python loads for a single NamedTuple."""
    return SLOW - modules_of(TUPLE)


@pytest.mark.parametrize(
    "arguments", [[], ["saved"], ["--json", "saved"], ["saved", "--id", "1", "--abs-time"]]
)
def test_a_listing_loads_nothing_slow(arguments: list[str], root: Path, slow: frozenset[str]) -> None:
    assert modules_after("--root", str(root), *arguments) & slow == set()


def test_a_listing_loads_few_modules_of_ours(root: Path) -> None:
    ours = {
        name for name in modules_after("--root", str(root)) if name.partition(".")[0] in ("backend", "tui")
    }
    assert len(ours) <= 54


def test_help_loads_no_engine(slow: frozenset[str]) -> None:
    loaded = modules_after("help")
    assert loaded & (slow - {"tui.cli.commands.help", "tui.cli.manual"}) == set()
