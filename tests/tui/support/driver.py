"""Runs the command `snapstow` as a user would: in a root of its own, through pipes or on a real terminal."""

import contextlib
import fcntl
import io
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Self

import pyte

from tests.support import TOP
from tests.support.builders import World
from tui.cli.main import main

HERE = TOP
PATIENCE = 60.0
_OURS = (
    "XDG_",
    "COLUMNS",
    "LINES",
    "LC_",
    "LANG",
    "NO_COLOR",
    "COLORTERM",
    "SSH_",
    "SNAPSTOW_",
    "TEXTUAL",
    "PYTHON",
)


class Done(NamedTuple):
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on standard output."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The JSON objects on standard output, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]


class Snapstow:
    """The command below the root of `world`."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.state = world.root / "var/lib/snapstow"

    def __call__(self, *arguments: str) -> Done:
        """Run it in this process."""
        return run_here(f"--root={self.world.root}", *arguments)

    def process(self, *arguments: str, **options: Any) -> "subprocess.CompletedProcess[Any]":
        """Run it in a process of its own, with bytes in and out."""
        return run_process("--root", str(self.world.root), *arguments, **options)

    def terminal(
        self, *arguments: str, columns: int = 80, rows: int = 24, wrap: str = "", **changes: str
    ) -> "Terminal":
        """Start it on a terminal, by itself or as `$@` of a shell script `wrap`, in a changed environment."""
        command = [sys.executable, "-m", "tui.cli.main", "--root", str(self.world.root), *arguments]
        wrapped = ["sh", "-c", wrap, "sh", *command] if wrap else command
        return Terminal(wrapped, columns, rows, changes=changes)


def run_here(*arguments: str) -> Done:
    """Run the command in this process, with streams that behave as those of a program."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(list(arguments))
    outputs = []
    for stream in (out, err):
        stream.flush()
        outputs.append(stream.buffer.getvalue().decode())
    return Done(code, *outputs)


def run_process(*arguments: str, **options: Any) -> "subprocess.CompletedProcess[Any]":
    """Run the command in a process of its own; `python` are flags of the interpreter."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL} | options
    if "input" in options:
        del options["stdin"]
    command = [sys.executable, *options.pop("python", ()), "-m", "tui.cli.main", *arguments]
    options["env"] = environment(options.pop("env", {}))
    return subprocess.run(command, check=False, cwd=HERE, timeout=PATIENCE, **options)


def environment(changes: Mapping[str, str] = {}) -> dict[str, str]:
    """The environment of a command: as it is, the program found, no state of the user's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    caches = os.environ["XDG_CACHE_HOME"]
    return {**kept, "PYTHONPATH": str(HERE), "TERM": "xterm-256color", "XDG_CACHE_HOME": caches, **changes}


class Terminal:
    """A program on a real terminal. `screen` shows what it shows; `seen` is every byte it ever wrote."""

    def __init__(
        self, command: list[str], columns: int = 80, rows: int = 24, changes: Mapping[str, str] = {}
    ) -> None:
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.seen = b""
        self._mark = 0
        self._fd, slave = pty.openpty()
        self._resize(columns, rows)
        try:
            self.process = subprocess.Popen(
                command,
                stdin=slave,
                stdout=slave,
                stderr=slave,
                cwd=HERE,
                env=environment(changes),
                start_new_session=True,
                preexec_fn=_log_in,
            )
        finally:
            os.close(slave)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.hang_up()

    @property
    def text(self) -> list[str]:
        """The lines that are not blank."""
        return [line.rstrip() for line in self.screen.display if line.strip()]

    def until(self, shows: Callable[[], bool]) -> None:
        """Read until it shows what is wanted; fails when it ends, or does not in time."""
        if shows():
            return
        for _ in self._reads():
            if shows():
                return
        raise AssertionError(f"never shown; there was {self.text}")

    def press(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._fd, keys)

    def resize(self, columns: int, rows: int) -> None:
        """Give the terminal another size, and tell the program."""
        self.screen.resize(rows, columns)
        self._resize(columns, rows)

    def _resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def hang_up(self) -> None:
        """Take the terminal away from the program."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def rest(self, seconds: float) -> int:
        """Read until nothing more came for so long; how many bytes came since `mark`."""
        deadline = time.monotonic() + PATIENCE
        while select.select([self._fd], [], [], seconds)[0] and self._read():
            assert time.monotonic() < deadline, f"it never rests: {self.seen[-200:]!r}"
        return len(self.seen) - self._mark

    def listen(self, seconds: float) -> int:
        """Read for so long; how many bytes came."""
        before, end = len(self.seen), time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and select.select([self._fd], [], [], left)[0]:
            self._read()
        return len(self.seen) - before

    def mark(self) -> None:
        """Count from here."""
        self._mark = len(self.seen)

    def ended(self) -> int:
        """Read to the end; the exit code."""
        for _ in self._reads():
            pass
        return self.process.wait(PATIENCE)

    def _reads(self) -> Iterator[None]:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if not select.select([self._fd], [], [], deadline - time.monotonic())[0]:
                break
            if not self._read():
                return
            yield
        raise AssertionError(f"nothing happens any more; there was {self.text}")

    def _read(self) -> bytes:
        try:
            raw = os.read(self._fd, 65536)
        except OSError:  # the other side is closed
            return b""
        self.seen += raw
        self._stream.feed(raw)
        return raw


def _log_in() -> None:
    """Own the terminal, and heed Ctrl-C even where the tests themselves run in the background of a shell."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
