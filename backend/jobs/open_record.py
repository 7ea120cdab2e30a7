"""A job while it is written: its events, its steps, its end."""

import errno
import json
import math
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from backend.fs import beneath, files
from backend.jobs.record import JobState
from backend.jobs.result import JobResult
from backend.jobs.running_time import RunningTime
from backend.steps import DataCommitted, FilesMoved, ServicesStarted, SlotsDiscarded, Step

_LONGEST_LOG = 4 << 20
_COUNTS = ("advanced", "part")
_COUNTS_KEPT = 2000
_EMPTY = JobResult()
_ENDS = (DataCommitted, ServicesStarted, SlotsDiscarded)


def _spend_nothing() -> bool:
    return False


class OpenRecord:
    """A job being written.

    `spend` frees the room that the journal holds. On a full disk its end is written with that, and where it
    `spends`, each step as well.
    """

    def __init__(
        self,
        folder: str,
        running_time: RunningTime,
        spend: Callable[[], bool] = _spend_nothing,
        *,
        spends: bool = False,
    ) -> None:
        self.folder = folder
        self._running_time = running_time
        self._spend = spend
        self._spends = spends
        self._is_torn = False
        self.id = int(os.path.basename(folder))
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        self._events = beneath.open_path(os.path.join(folder, "events.jsonl"), flags)
        self._steps = beneath.open_path(os.path.join(folder, "steps.jsonl"), flags)
        self.has_steps = False
        self.is_locked = True
        self._told = 0
        self._opened_at = time.monotonic()
        self._counted_at: dict[object, float] = {}

    def mend(self) -> None:
        """Remove the line that a crash tore: its step was never taken, and the next must not continue it."""
        end = size = os.fstat(self._steps).st_size
        while end and os.pread(self._steps, 1, end - 1) != b"\n":
            end -= 1
        if end < size:
            os.ftruncate(self._steps, end)
            os.fsync(self._steps)

    def tell(self, event: Mapping[str, Any]) -> None:
        """Append an event with its time (`at`, seconds since the epoch); the log stops growing at 4 MiB.

        The longer a job runs the rarer its counts are kept, so that they last for days. What cannot be
        written is not kept: no work fails for that.
        """
        if event.get("event") in _COUNTS and self._is_too_soon(event, time.monotonic()):
            return
        line = record_line({**event, "at": round(self._running_time.clock.wall(), 2)})
        if self._told + len(line) <= _LONGEST_LOG:
            self._told += len(line)
            try:
                files.write_all(self._events, b"\n" + line if self._is_torn else line)
                self._is_torn = False
            except OSError:
                self._is_torn = True

    def _is_too_soon(self, event: Mapping[str, Any], now: float) -> bool:
        key = event.get("part")
        if event.get("ended") or not event.get("done"):
            self._counted_at.pop(key, None)
            return False
        if now - self._counted_at.get(key, -math.inf) < (now - self._opened_at) / _COUNTS_KEPT:
            return True
        self._counted_at[key] = now
        return False

    def record_step(self, step: Step) -> None:
        """Make a step last before it is taken; one that cannot be made to last leaves no trace.

        A step about single files lasts with the step that comes next.
        """
        self.has_steps = True
        self._with_reserve(partial(self._append, step), spends=self._spends or isinstance(step, _ENDS))

    def _append(self, step: Step) -> None:
        end = os.fstat(self._steps).st_size
        try:
            files.write_all(self._steps, record_line(step.to_json()))
            if not isinstance(step, FilesMoved):
                os.fsync(self._steps)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._steps, end)
            raise

    def _with_reserve(self, write: Callable[[], None], *, spends: bool) -> None:
        """Write; once more, where there was no room, in that which the journal holds."""
        try:
            write()
        except OSError as failure:
            if not spends or failure.errno not in (errno.ENOSPC, errno.EDQUOT) or not self._spend():
                raise
            write()

    def keep_traceback(self, text: str) -> None:
        """Keep where a bug struck, for its owner's eyes only; where there is no room, nothing."""
        try:
            files.write_whole(os.path.join(self.folder, "traceback.txt"), text.encode("utf-8", "replace"))
        except OSError:
            return

    def finish(self, state: JobState, result: JobResult = _EMPTY) -> None:
        """Say how it ended, now; what it keeps is kept from now on."""
        mark = self._running_time.note()
        facts = {"state": state.value, "ended": mark.wall, **result.to_json()}
        document = record_line({**facts, "kept_since": mark._asdict()} if result.undo_until else facts)
        path = os.path.join(self.folder, "result.json")
        self._with_reserve(partial(files.write_whole, path, document), spends=True)

    def close(self) -> None:
        """Let go of the files."""
        os.close(self._events)
        os.close(self._steps)


def record_line(mapping: Mapping[str, Any]) -> bytes:
    """Return a document of a job as a line of JSON."""
    return json.dumps(dict(mapping), separators=(",", ":")).encode("ascii") + b"\n"
