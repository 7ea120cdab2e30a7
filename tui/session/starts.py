"""The jobs that somebody has started here: which is the newest, and whether one is just being started."""

from collections.abc import Iterable

from backend.jobs import JobRecord


class Starts:
    """Kept in the event loop: no thread may touch it."""

    def __init__(self) -> None:
        self._pending = 0
        self.newest = ""

    @property
    def is_pending(self) -> bool:
        """Whether a job is being started that is on no list yet."""
        return self._pending > 0

    def begin(self) -> None:
        """Something is being started."""
        self._pending += 1

    def end(self, started: Iterable[JobRecord]) -> None:
        """It was, or could not be; the last of the jobs that came of it is the newest."""
        self._pending -= 1
        for record in started:
            self.newest = record.name
