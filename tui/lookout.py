"""Looks at the jobs of a place for a screen: outside the event loop, and only where something happened."""

import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from threading import Lock
from typing import NamedTuple

from backend import Follower, JobRecord
from tui.follow import Board, JobView
from tui.jobtext import log_line
from tui.place import Place
from tui.pulse import standstill

QUIET = 5.0
STALLED = 30.0
_LONGEST_LOG = 20_000


class Log:
    """The log of one job as lines, read further with each look."""

    def __init__(self, record: JobRecord) -> None:
        self.record = record
        self._follower = Follower(record)
        self._lock = Lock()
        self._lines: deque[str] = deque(maxlen=_LONGEST_LOG)

    def look(self) -> tuple[str, ...]:
        """All lines so far."""
        with self._lock:
            self._lines.extend(filter(None, map(log_line, self._follower.news())))
            return tuple(self._lines)


class Pulse:
    """Notices when a job stands still, and why as far as it can be known."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[int, tuple[object, float]] = {}

    def words(self, view: JobView, records: Sequence[JobRecord]) -> str:
        """Why a job makes no progress, or nothing while it does; `records` are all jobs."""
        sign = (view.progress.title, view.progress.done, view.part, len(view.notes))
        now = self._clock()
        known, since = self._seen.get(view.id, (None, now))
        if known != sign:
            self._seen[view.id] = (sign, now)
            return ""
        quiet = now - since
        if quiet < QUIET:
            return ""
        mine = next((record.pid for record in records if record.id == view.id), 0)
        reason, holder = standstill(mine)
        other = next((record for record in records if record.pid == holder and holder), None)
        if other is not None:
            return f"waiting for job {other.id} ({other.operation.get('verb')}) to end"
        if reason:
            return reason
        return f"stalled? no news for {int(quiet // 10) * 10} s" if quiet >= STALLED else ""


class Sight(NamedTuple):
    """What was seen: all jobs, the newest first, and the `log` of the chosen one with its lines.

    `standing` says why the chosen one makes no progress, or nothing.
    """

    views: list[JobView]
    log: Log | None
    lines: tuple[str, ...]
    standing: str


class Lookout:
    """Looks again and again, from one thread at a time."""

    def __init__(self, place: Place, board: Board) -> None:
        self._journal = place.engine.journal
        self._board = board
        self._pulse = Pulse()
        self._stamp: tuple[float, ...] = ()
        self._log: Log | None = None
        self._runs = False

    def look(self, chosen: int | None) -> Sight | None:
        """What there is, or None where nothing can have changed. Raises SnapshotError, OSError."""
        stamp = self._stamp_now()
        if self._log is None or self._log.record.id != chosen:
            self._log = None if chosen is None else Log(self._journal.record(chosen))
        elif stamp == self._stamp and not self._runs:
            return None
        views = self._board.views()
        self._stamp, self._runs = stamp, any(view.is_running for view in views)
        lines = self._log.look() if self._log else ()
        return Sight(views, self._log, lines, self._standing(views, chosen))

    def _standing(self, views: list[JobView], chosen: int | None) -> str:
        view = next((view for view in views if view.id == chosen and view.is_running), None)
        return "" if view is None else self._pulse.words(view, self._journal.records())

    def _stamp_now(self) -> tuple[float, ...]:
        """Changes when a job appears, ends or is amended."""
        folder = f"{self._journal.folder}/jobs"
        try:
            with os.scandir(folder) as found:
                return (os.stat(folder).st_mtime, *(entry.stat().st_mtime for entry in found))
        except OSError:
            return (0.0,)
