"""Logins that are cut off while a job is under way, and jobs that wait at a moment until they may go on.

The screens and the job are the real ones, on a real terminal and in processes of their own; the job only
stops at its moment, tells its process id, and waits.
"""

import fcntl
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, Self

from backend.jobs.journal import Journal
from backend.jobs.open_record import OpenRecord
from backend.jobs.record import JobRecord
from backend.jobs.runner import Runner
from tests.tui.support.driver import PATIENCE, Terminal

_START = "from backend.engine.worker import run"


class Moment(Enum):
    """Where a job waits."""

    UNBORN = "its process runs, the journal does not know it yet"
    BEGUN = "it is in the journal and has done nothing"
    MIDDLE = "a part of its work is done, another begins"
    END = "all is done, the result is not written yet"


class Cut(Enum):
    """How a connection drops."""

    CLOSED = "the terminal is gone"
    HUNG_UP = "the screens are told so"
    KILLED = "the screens are killed"
    ALL_KILLED = "whatever is in the foreground is killed"


def hold(moment: str, gate: str) -> None:
    """Let this process, which is to be a job, wait at a moment until the gate lets it go."""
    if moment == Moment.UNBORN.name:
        _wait(gate)
    elif moment == Moment.END.name:
        finish = OpenRecord.finish
        OpenRecord.finish = _waiting(finish, gate, lambda *_: True)  # type: ignore[method-assign] # holds the process at this call
    else:
        tell, parts = OpenRecord.tell, list[Any]()

        def is_it(_record: OpenRecord, event: Any) -> bool:
            parts.extend([event["part"]] if event["event"] == "entered" else [])
            return moment == Moment.BEGUN.name or len(set(parts)) == 2

        OpenRecord.tell = _waiting(tell, gate, is_it)  # type: ignore[method-assign] # holds the process at this call


def _waiting(act: Callable[..., Any], gate: str, is_it: Callable[..., bool]) -> Callable[..., Any]:
    waited: list[bool] = []

    def acting(*arguments: Any) -> Any:
        if not waited and is_it(*arguments):
            waited.append(True)
            _wait(gate)
        return act(*arguments)

    return acting


def _wait(gate: str) -> None:
    with open(f"{gate}.arrived", "wb", buffering=0) as arrived:
        arrived.write(b"%20d" % os.getpid())
    with open(f"{gate}.go", "rb", buffering=0) as go:  # ends as well when whoever tests is gone
        go.read(1)


class Gate:
    """Where the job of one test waits; a context manager, after which no process of it is left."""

    def __init__(self, folder: Path) -> None:
        self.path = str(folder / "gate")
        self.pid = 0
        for name in ("arrived", "go"):
            os.mkfifo(f"{self.path}.{name}")
        self._arrived, self._go = (os.open(f"{self.path}.{name}", os.O_RDWR) for name in ("arrived", "go"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        if self.pid:
            self.kill()
        os.close(self._arrived)
        os.close(self._go)

    def reached(self, terminal: "Login") -> int:
        """Read the terminal until a job waits here; its process."""
        terminal.reads_until(self._arrived)
        self.pid = int(os.read(self._arrived, 20))
        return self.pid

    def let_go(self) -> None:
        """Let the job go on."""
        os.write(self._go, b"x")

    def ended(self) -> None:
        """Wait until the process of the job is gone."""
        try:
            process = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return
        try:
            assert select.select([process], [], [], PATIENCE)[0], "the job does not end"
        finally:
            os.close(process)

    def kill(self) -> None:
        """Kill the job with whatever it started."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


class Login(Terminal):
    """The screens on a terminal of their own, as long as the connection lasts."""

    def __init__(
        self, root: Path, arguments: Sequence[str] = (), held: tuple[Moment, Gate] | None = None
    ) -> None:
        command = (
            ["-m", "tui.cli.main"]
            if held is None
            else ["-m", "tests.tui.support.cutting", held[0].name, held[1].path]
        )
        super().__init__([sys.executable, *command, "--root", str(root), *arguments], columns=200)

    def shows(self, *texts: str) -> Self:
        """Read until all these texts are in the dialog, or else on the screen, however they are wrapped."""
        wanted = [_squeezed(text) for text in texts]
        self.until(lambda: all(text in self._wording() for text in wanted))
        return self

    def _wording(self) -> str:
        """The screen without frames and blanks, and without what stands beside a dialog."""
        rows = (row.split("│") for row in self.screen.display)
        return _squeezed("".join(row[1] if len(row) > 2 else "".join(row) for row in rows))

    def reads_until(self, other: int) -> None:
        """Read until something is to be had from another descriptor."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            ready = select.select([other, self._fd], [], [], 1.0)[0]
            if other in ready:
                return
            if ready:
                next(self._reads(), None)
        raise AssertionError(f"no job came so far; there was {self.text}")

    def cut(self, how: Cut) -> int:
        """Cut the connection off; the exit code of the screens, negative where a signal ended them."""
        if how is Cut.CLOSED:
            os.close(self._fd)
            self._fd = os.open(os.devnull, os.O_RDWR)
            return self.process.wait(PATIENCE)
        if how is Cut.ALL_KILLED:
            os.killpg(os.tcgetpgrp(self._fd), signal.SIGKILL)
        else:
            self.process.send_signal(signal.SIGHUP if how is Cut.HUNG_UP else signal.SIGKILL)
        return self.ended()


def _squeezed(text: str) -> str:
    return "".join(text.split())


def ended(journal: Journal, number: int) -> JobRecord:
    """A job once its process has let go of it."""
    with open(os.path.join(journal.record(number).folder, "alive")) as alive:
        fcntl.flock(alive, fcntl.LOCK_SH)
    return journal.record(number)


def main() -> None:
    """Be the command `snapstow`, whose jobs wait at a moment: `MOMENT GATE WORD...`."""
    from tui.cli.main import main as run

    moment, gate, *arguments = sys.argv[1:]
    holding = f"from tests.tui.support.cutting import hold; hold({moment!r}, {gate!r}); {_START}"
    begin = Runner.__init__

    def held(runner: Runner, journal: Journal, command: Sequence[str]) -> None:
        assert any(_START in word for word in command)
        begin(runner, journal, [word.replace(_START, holding) for word in command])

    Runner.__init__ = held  # type: ignore[method-assign, assignment] # `self` goes by another name
    sys.exit(run(arguments))


if __name__ == "__main__":
    main()
