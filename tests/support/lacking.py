"""Commands of ours on a disk that lacks something: locks, syncs of directories, owners."""

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest

from tests.support import TOP
from tests.support.command import Done


@cache
def _library() -> Path:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no cc to compile the library with (packages gcc, libc6-dev)")
    folder = Path(mkdtemp(prefix="snapstow-lacking-"))
    folder.chmod(0o755)  # tar runs as other users
    library = folder / "lacking.so"
    source = Path(__file__).with_suffix(".c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    return library


def snapstow_lacking(what: str, root: Path, *arguments: str) -> Done:
    """Run our command in a process of its own, on a disk without flock, dirsync, filesync or chown."""
    done = subprocess.run(
        [sys.executable, "-m", "tui.cli.main", f"--root={root}", *arguments],
        cwd=TOP,
        env=os.environ | {"LD_PRELOAD": str(_library()), "LACKING": what},
        capture_output=True,
        text=True,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)
