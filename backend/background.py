"""Work done beside our own: threads that keep why they failed, and the pipes of programs."""

from collections.abc import Callable
from threading import Thread
from typing import IO


class Background(Thread):
    """A thread that keeps why its work failed, so that whoever waits for it can raise that."""

    def __init__(self, name: str, work: Callable[[], object]) -> None:
        super().__init__(name=name)
        self._work = work
        self.failure: BaseException | None = None

    def run(self) -> None:
        """Do the work."""
        try:
            self._work()
        except BaseException as failure:  # noqa: BLE001 - it is raised in the other thread
            self.failure = failure

    def finish(self) -> None:
        """Wait for its end; raises why it failed, if it did."""
        self.join()
        if self.failure is not None:
            raise self.failure


def pipe_of(stream: IO[bytes] | None) -> IO[bytes]:
    """Return a standard stream of a program that was started with a pipe for it."""
    assert stream is not None
    return stream
