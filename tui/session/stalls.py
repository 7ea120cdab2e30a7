"""Why a living job makes no progress, as far as the kernel tells: it waits, is suspended, or is stuck."""

import re
import time
from collections.abc import Callable, Sequence

from backend.jobs import JobRecord

QUIET = 5.0
STALLED = 30.0
_COUNTS_TOLD = 500  # fewer than a journal keeps of a job, however long it runs
_LOCKS, _STATUS = "/proc/locks", "/proc/{}/stat"
_LARGEST = 1 << 20
_WAITING = re.compile(r"(\d+): -> FLOCK +\w+ +\w+ +(\d+) ")
_HOLDING = re.compile(r"(\d+): FLOCK +\w+ +\w+ +(\d+) ")


def blocker(locks: str, pid: int) -> int | None:
    """Who holds the lock that a process waits for, by the text of /proc/locks; 0 unknown, None: none."""
    waits = {match[1] for match in _WAITING.finditer(locks) if int(match[2]) == pid}
    if not waits:
        return None
    return next((int(match[2]) for match in _HOLDING.finditer(locks) if match[1] in waits), 0)


def standstill(pid: int) -> tuple[str, int]:
    """Why a process stands still, in words or nothing, and the process it waits for, or 0."""
    holder = blocker(_text(_LOCKS), pid)
    if holder is not None:
        return "waiting for another job", holder
    state = _text(_STATUS.format(pid)).rpartition(")")[2].split()[:1]
    if state in (["T"], ["t"]):
        return "suspended; SIGCONT resumes it", 0
    return ("waiting for the disk" if state == ["D"] else ""), 0


def _text(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return file.read(_LARGEST).decode("ascii", "replace")
    except OSError:
        return ""


class StallDetector:
    """Notices when a job stands still, and why as far as it can be known.

    `clock` returns seconds, `standstill` why a process stands still.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        standstill: Callable[[int], tuple[str, int]] = standstill,
    ) -> None:
        self._clock = clock
        self._standstill = standstill
        self._seen: dict[int, tuple[object, float]] = {}

    def reason(self, record: JobRecord, sign: object, records: Callable[[], Sequence[JobRecord]]) -> str:
        """Why a job makes no progress, or nothing while it does.

        `sign` is another one whenever the job got further; `records` answers with all jobs.
        """
        now = self._clock()
        known, since = self._seen.get(record.id, (None, now))
        if known != sign:
            self._seen[record.id] = (sign, now)
            return ""
        quiet = now - since
        if quiet < QUIET:
            return ""
        reason, holder = self._standstill(record.pid) if record.pid else ("", 0)
        other = next((job for job in records() if job.pid == holder), None) if holder else None
        if other is not None:
            return f"waiting for job {other.id} ({other.verb}) to finish"
        if reason:
            return reason
        longest = max(STALLED, (time.time() - record.started) / _COUNTS_TOLD)
        return f"stalled? no progress for {int(quiet // 10) * 10} s" if quiet >= longest else ""
