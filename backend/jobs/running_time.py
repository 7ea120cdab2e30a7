"""How long a machine has run for sure, whatever was done to its clock: what is kept for a time needs that.

It is noted in the file `clock` of the state folder at each start, and beside all that is kept for a time.
"""

import json
import os
from typing import NamedTuple

from backend.fs import files
from backend.host.clock import Clock, Moment
from backend.jobs.result import SETTLING, JobResult, Mark, parse_mark

_TOLERANCE = 300
_LONGEST_PAUSE = 30 * 24 * 3600
_OFTEN = 60
_LARGEST = 4096

CLOCK_CHANGED = "the clock was changed"
NOT_SURE = "the machine was off in between, or its clock was changed"


class RunningTime:
    """The running time that a state folder knows of; what cannot be sure is not counted."""

    def __init__(self, folder: str, clock: Clock) -> None:
        self._folder = folder
        self._path = f"{folder}/clock"
        self.clock = clock

    def now(self) -> Mark:
        """Return the present moment with the running time so far."""
        return advanced(self._noted(), self.clock.now())

    def note(self) -> Mark:
        """Return the same; it is kept for the next start where there is a folder that can be written.

        What the clock since boot tells anyway is not written again within a minute.
        """
        noted, mark = self._noted(), self.now()
        is_news = noted is None or mark.changed != noted.changed or not is_same_boot(noted, mark)
        if noted and not is_news and mark.boot - noted.boot < _OFTEN:
            return mark
        try:
            if os.path.isdir(self._folder):
                files.write_whole(self._path, json.dumps(mark._asdict()).encode() + b"\n")
        except OSError:
            pass  # less is sure then
        return mark

    def _noted(self) -> Mark | None:
        try:
            document = json.loads(files.read_whole(self._path, _LARGEST))
        except (OSError, ValueError, RecursionError):
            return None
        return parse_mark(document)


def advanced(before: Mark | None, now: Moment) -> Mark:
    """Return the mark of a moment that came after another one, of which nothing may be known."""
    if before is None:
        return Mark(*now, ran=0.0, changed=None)
    if is_same_boot(before, now):
        passed = now.boot - before.boot
        is_changed = abs(now.wall - before.wall - passed) > _TOLERANCE
    else:
        passed = now.boot if now.boot_id else 0.0
        is_changed = not -_TOLERANCE < now.wall - before.wall - passed < _LONGEST_PAUSE
    ran = before.ran + passed
    return Mark(*now, ran=ran, changed=ran if is_changed else before.changed)


def is_same_boot(before: Mark, now: Moment | Mark) -> bool:
    """Whether the clock that counts since boot tells what passed between two moments."""
    return bool(now.boot_id) and now.boot_id == before.boot_id and now.boot >= before.boot


class Kept(NamedTuple):
    """Until when something is kept, by the present clock on the wall (0: not at all), and whether it is over.

    `doubt` says why it is kept for longer than that clock tells, or nothing.
    """

    until: float = 0.0
    is_over: bool = False
    doubt: str = ""


def kept(result: JobResult, now: Mark) -> Kept:
    """Return how long what a job replaced is still kept: never less than its time while the machine runs.

    Nothing is over in the first hours after the clock on the wall was changed. What was noted without the
    running time is over by that clock, once that was watched for some hours.
    """
    if not result.undo_until:
        return Kept()
    since = result.kept_since
    left = (result.undo_until - since.wall - _passed(since, now)) if since else result.undo_until - now.wall
    unsettled = now.unsettled if since else max(now.unsettled, SETTLING - now.ran)
    is_over = left <= 0 and unsettled <= 0
    until = now.wall + (left if is_over else max(left, unsettled))
    if is_over or result.undo_until > now.wall:
        is_as_told = abs(until - result.undo_until) < _TOLERANCE
        return Kept(result.undo_until if is_as_told else until, is_over)
    return Kept(until, is_over, CLOCK_CHANGED if _is_changed_since(since, now) else NOT_SURE)


def _passed(since: Mark, now: Mark) -> float:
    if is_same_boot(since, now):
        return now.boot - since.boot
    return max(0.0, now.ran - since.ran)


def _is_changed_since(since: Mark | None, now: Mark) -> bool:
    if since is None:
        return now.changed is not None
    if is_same_boot(since, now):
        return True  # nothing else makes the two clocks tell different times
    return now.changed is not None and now.changed >= since.ran
