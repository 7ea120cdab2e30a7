"""Jobs that are stopped at a chosen moment, and an ordinary user: no test needs to sleep or to be lucky."""

import json
import os
import socket
import subprocess
import sys
import sysconfig
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from backend.errors import Cancelled
from backend.fs import space
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


@contextmanager
def telling_version(socket_path: str, version: object) -> Iterator[None]:
    """Somebody listens where snapd would, and tells whoever asks that this is its version."""
    body = json.dumps({"type": "sync", "status-code": 200, "result": {"version": version}}).encode()
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    folder, name = os.path.split(socket_path)
    os.makedirs(folder, exist_ok=True)
    fd = os.open(folder, os.O_PATH)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"/proc/self/fd/{fd}/{name}")  # the path itself may be longer than a socket's
        os.close(fd)
        listener.listen()
        server = threading.Thread(target=_answer, args=(listener, answer))
        server.start()
        yield
        listener.shutdown(socket.SHUT_RDWR)
        server.join()


def _answer(listener: socket.socket, answer: bytes) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:  # it was shut down
            return
        with connection, suppress(OSError):  # nobody has to hear all of it
            connection.recv(4096)
            connection.sendall(answer)


class Disk:
    """What is free on every file system: `free`, or as much as there is; `asked` are the paths."""

    def __init__(self) -> None:
        self.free: int | None = None
        self.asked: list[str] = []
        self._really = space.free_space

    def free_space(self, path: str) -> int:
        """The bytes that are free where a path lies."""
        self.asked.append(path)
        return self._really(path) if self.free is None else self.free
