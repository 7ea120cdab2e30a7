"""Schedules on small worlds: made by hand, run here, and what was heard of them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

from backend.config import ScheduleConfig
from backend.engine.protocol import Engine
from backend.operations import Operation, Repair, Save
from backend.progress import Event, Progress
from backend.schedule import RunRecord, Schedule, Step, StepEnd, StopWish, Watch, run_schedule

SAVES, FAILS = Save(("hello",)), Save(("ghost",))
HARMLESS = Repair()


def schedule(*operations: tuple[str, Operation], name: str = "nightly", **facts: Any) -> Schedule:
    """A schedule of steps, each its text and what that means."""
    config = ScheduleConfig(name, "daily", tuple(text for text, _ in operations), **facts)
    steps = (Step(number, text, operation) for number, (text, operation) in enumerate(operations, 1))
    return Schedule(config, tuple(steps))


class Heard:
    """Listens to a run; `meet` is called as each step begins, and with its events."""

    def __init__(self, meet: Callable[[Step, Event | None], None] = lambda _step, _event: None) -> None:
        self.began: list[str] = []
        self.ends: list[StepEnd] = []
        self._meet = meet

    @contextmanager
    def begins(self, step: Step) -> Iterator[Watch]:
        self.began.append(step.text)
        self._meet(step, None)

        def watch(_progress: Progress) -> Callable[[Event], None]:
            return lambda event: self._meet(step, event)

        yield watch

    def ended(self, end: StepEnd) -> None:
        self.ends.append(end)


def run(
    engine: Engine, plan: Schedule, heard: Heard | None = None, wish: StopWish | None = None
) -> RunRecord:
    """Run a schedule here."""
    return run_schedule(plan, engine, heard or Heard(), wish or StopWish())


class Mailbox:
    """A server that takes notices, or refuses them, and keeps what was sent to it."""

    def __init__(self, *, refuses: bool = False) -> None:
        mailbox = self
        self.letters: list[bytes] = []
        self.headers: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                mailbox.letters.append(self.rfile.read(int(self.headers["Content-Length"])))
                mailbox.headers.append(str(self.headers))
                self.send_response(500 if refuses else 200)
                self.end_headers()

            def log_message(self, *_arguments: object) -> None:
                """Say nothing."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def port(self) -> int:
        return self._server.server_port

    def __enter__(self) -> "Mailbox":
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
