"""Jobs that are stopped at a chosen moment, and an ordinary user: no test needs to sleep or to be lucky."""

import os
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backend.errors import Cancelled
from backend.progress import Event, Progress
from tests.support import TOP

NOBODY = 65534


class StopAt(Progress):
    """A job that is asked to stop when it looks for the `moment`-th time whether it should."""

    def __init__(self, moment: int, tell: Callable[[Event], None] = lambda _event: None) -> None:
        super().__init__(tell)
        self._moment = moment
        self._looks = 0

    @property
    def stopping(self) -> bool:
        self._looks += 1
        if self._looks == self._moment:
            self.stop()
        return super().stopping


def stops(work: Callable[[Progress], object]) -> Iterator[int]:
    """Do some work over and over, stopped at its first look, its second, … until it comes through.

    Yields after each stop, for the caller to look at what is left.
    """
    for moment in range(1, 10_000):
        try:
            work(StopAt(moment))
        except Cancelled:
            yield moment
        else:
            return
    raise AssertionError("the work never ends")


def ordinary_uid() -> int:
    """The id that `as_anybody` runs under."""
    return os.geteuid() or NOBODY


def as_anybody(code: str, *arguments: str, **environment: str) -> list[str]:
    """Run Python code as an ordinary user (who runs the tests, or nobody for root); the lines it prints.

    Skips the test where root's Python, or this checkout, is closed to others. The code must not write
    where `open_folder` does not allow it.
    """
    modules = sysconfig.get_paths()["purelib"]
    command = [_everybodys_python(TOP, Path(modules)), "-c", code, *arguments]
    if os.geteuid() == 0:
        command = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *command]
    packages = [str(TOP), *(path for path in sys.path if path.endswith("-packages"))]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": ":".join(packages), **environment}
    done = subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(done.stderr)
    return done.stdout.splitlines()


def _everybodys_python(*needed: Path) -> str:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    for candidate in (sys.executable, f"/usr/bin/python{version}", f"/usr/local/bin/python{version}"):
        places = (Path(candidate).resolve(), *needed)
        if os.geteuid() or (places[0].exists() and all(map(_is_open, places))):
            return candidate
    pytest.skip("the interpreter or the checkout is closed to ordinary users")


def _is_open(path: Path) -> bool:
    return all(place.stat().st_mode & 0o001 for place in path.parents)


@contextmanager
def open_folder() -> Iterator[Path]:
    """A new folder in which everybody may do everything; gone afterwards."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        os.chmod(folder, 0o777)
        yield Path(folder)
