"""Operations that die, or are told to stop, just before a chosen change of anything on disk.

`python -m tests.support.killing` is a process of one thread that has everything loaded and forks for each
operation, so that a death costs some milliseconds. `Killer` talks to it.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

from backend.engine.files import FilesEngine
from backend.engine.perform import perform_recorded
from backend.fs import beneath, files
from backend.host.layout import Layout
from backend.operations import Operation, operation_from_json, to_json
from backend.progress import Progress
from tests.support import TOP

TIDY = "tidy"

_PATIENCE = 60
_CHANGES = (
    *("mkdir", "rmdir", "link", "unlink", "rename", "ftruncate", "chown", "fchown", "chmod"),
    *("copy_file_range", "posix_fallocate"),
)


class Ending(NamedTuple):
    """How an operation ended: by its death, or after so many `changes`, with an `error` or without.

    `answer` is what a TIDY answered, the set id that an operation is about, or the exit code of a command.
    """

    died: bool
    changes: int
    error: str
    answer: Any


class Killer:
    """Carries operations out in processes of their own; use it as a context manager.

    Where `exchange` is False, no file system can swap two names in one step.
    """

    def __init__(self, *, exchange: bool = True) -> None:
        self._exchange = exchange

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.killing"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=TOP,
            text=True,
        )
        return self

    def __exit__(self, *_exception: object) -> None:
        self._process.communicate(timeout=_PATIENCE)

    def do(self, root: Path, what: Operation | str, kill: int = 0, *, torn: bool = False) -> Ending:
        """Carry an operation (or TIDY) out below `root`, to die just before its change number `kill`.

        0 is never. With `torn`, it dies in the middle of that change, where it is a writing of bytes.
        """
        request = what if isinstance(what, str) else to_json(what)
        return self._ask({"root": str(root), "what": request, "kill": kill, "torn": torn})

    def command(self, root: Path, arguments: Sequence[str], at: int = 0, number: int = 0) -> Ending:
        """Run our command on `root`; it gets the signal `number` just before its change number `at`."""
        line = [f"--root={root}", *arguments]
        return self._ask({"root": str(root), "what": line, "kill": at, "torn": False, "signal": number})

    def _ask(self, order: dict[str, Any]) -> Ending:
        order = {"signal": signal.SIGKILL, "exchange": self._exchange, **order}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the process that carries operations out is gone"
        return Ending(*json.loads(answer))


class _Countdown:
    """Stands in front of every change; where the count ends, this process gets a signal."""

    def __init__(self, kill: int, number: int, *, torn: bool) -> None:
        self._kill = kill
        self._signal = number
        self._torn = torn
        self._lock = threading.Lock()
        self.changes = 0

    def step(self) -> bool:
        """Count a change; whether this is the one."""
        with self._lock:
            self.changes += 1
            return self.changes == self._kill

    def before(self, act: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **named: Any) -> Any:
            if self.step():
                self._strike()
            return act(*arguments, **named)

        return counted

    def opening(self, act: Callable[..., int], flags_at: int = 1) -> Callable[..., int]:
        def counted(*arguments: Any, **named: Any) -> int:
            if arguments[flags_at] & os.O_CREAT and self.step():
                self._strike()
            return act(*arguments, **named)

        return counted

    def writing(self, act: Callable[[int, Any], int]) -> Callable[[int, Any], int]:
        def counted(fd: int, data: Any) -> int:
            if self.step():
                if self._torn:
                    act(fd, memoryview(data)[: len(data) // 2])
                self._strike()
            return act(fd, data)

        return counted

    def _strike(self) -> None:
        os.kill(os.getpid(), self._signal)
        if self._signal == signal.SIGKILL:
            threading.Event().wait()

    def install(self, *, exchange: bool) -> None:
        rename = files._rename

        def renaming(*arguments: Any, flags: int) -> bool:
            if not exchange and flags == files._EXCHANGE:
                return False
            if self.step():
                self._strike()
            return rename(*arguments, flags=flags)

        for name in _CHANGES:
            setattr(os, name, self.before(getattr(os, name)))
        # A death loses nothing that was written; and the disk is shared with everybody else's tests.
        os.fsync = lambda fd: None
        files.sync_filesystem = lambda fd: None
        os.open = self.opening(os.open)
        beneath.open_below = self.opening(beneath.open_below, flags_at=2)
        os.write = self.writing(os.write)
        files._rename = renaming  # type: ignore[assignment] # it passes on whatever it is given


def _answer(what: Any, engine: FilesEngine) -> Any:
    if what == TIDY:
        return engine.tidy(Progress())
    if isinstance(what, list):
        return _exit_code(what)
    return perform_recorded(operation_from_json(what), engine, lambda _job: lambda _event: None).set_id


def _exit_code(arguments: list[str]) -> int:
    from tui.cli.main import main as run

    sys.stdin, sys.stdout, sys.stderr = (open(os.devnull, how) for how in ("r", "w", "w"))  # noqa: SIM115 - open as long as the process lives
    return run(arguments)


def _serve(order: dict[str, Any], channel: int) -> None:
    """In a process of its own: carry out, tell how it went, and end."""
    countdown = _Countdown(order["kill"], order["signal"], torn=order["torn"])
    config = f"{order['root']}/etc/snapstow/config.toml"
    engine = FilesEngine(
        Layout(order["root"]),
        f"{order['root']}/var/lib/snapstow",
        config_path=config if os.path.exists(config) else "",
    )
    error, answer = "", None
    write = os.write
    countdown.install(exchange=order["exchange"])
    try:
        answer = _answer(order["what"], engine)
    except Exception as failure:  # noqa: BLE001 - whatever it is, the test is to see it
        error = f"{type(failure).__name__}: {failure}"
    write(channel, json.dumps([countdown.changes, error, answer]).encode())
    os._exit(0)


def _carried_out(order: dict[str, Any]) -> Ending:
    hear, tell = os.pipe()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            _serve(order, tell)
        os._exit(70)
    os.close(tell)
    with open(hear, "rb") as answer:
        if not select.select([answer], [], [], _PATIENCE)[0]:
            os.kill(child, signal.SIGKILL)
        text = answer.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return Ending(True, order["kill"], "", None)
    return Ending(False, *(json.loads(text) if text else (0, f"it ended with status {status}", None)))


def _orders() -> Iterator[dict[str, Any]]:
    while line := sys.stdin.readline():
        yield json.loads(line)


def main() -> None:
    """Serve orders from standard input, one JSON object a line, until it ends."""
    import ctypes
    import subprocess  # noqa: F401 - loaded once instead of in each child

    ctypes.CDLL(None)
    for order in _orders():
        print(json.dumps(_carried_out(order)), flush=True)


if __name__ == "__main__":
    main()
