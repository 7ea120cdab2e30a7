"""Following what snapd does: a change to its end, with its tasks, and the bytes that can be seen of it.

snapd counts steps and not bytes, so bytes are read off the files that it writes.
"""

import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from backend.engine.daemon import SnapdChange, SnapdTask
from backend.engine.snapd.client import Client
from backend.engine.snapd.responses import change_failure
from backend.errors import Cancelled, InvalidInputError, NotFoundError, SnapshotError, UnreachableError
from backend.fs.space import measure
from backend.progress import PartAdvanced, Progress

POLL = 0.1
PATIENCE = 60.0
_UNDER_WAY = ("Doing", "Undoing", "Abort")
_WAITING = ("Do", "Undo", "Hold")
_UNPACKING = re.compile(r"\.snapshot[0-9]+")
_RESTING = 10  # looks at a tree take at most so small a part of the time


# How many bytes of a task can be seen to be done; never fewer than before.
Observe: TypeAlias = Callable[[SnapdTask], int]


class SavedBytes:
    """The files of a set as they grow in the snapshots directory, under whatever name."""

    def __init__(self, folder: str, set_id: int) -> None:
        self._folder = folder
        self._set_id = set_id
        self._seen: dict[str, int] = {}

    def __call__(self, task: SnapdTask) -> int:
        """What is stored of the snap so far."""
        start = f"{self._set_id}_{task.snap}_"
        try:
            names = [name for name in os.listdir(self._folder) if name.startswith(start)]
            sizes = [os.lstat(f"{self._folder}/{name}").st_size for name in names]
        except OSError:
            sizes = []
        self._seen[task.snap] = max(self._seen.get(task.snap, 0), *sizes, 0)
        return self._seen[task.snap]


class UnpackedBytes:
    """The directories in which snapd unpacks a restore; `places` are those beside which they are, by snap."""

    def __init__(self, places: Mapping[str, Sequence[str]]) -> None:
        self._places = places
        self._peaks: dict[str, int] = {}
        self._next_look: dict[str, float] = {}

    def __call__(self, task: SnapdTask) -> int:
        """What was unpacked of the snap so far."""
        for place in self._places.get(task.snap, ()):
            began = time.monotonic()
            if began >= self._next_look.get(place, 0.0):
                self._peaks[place] = max(self._peaks.get(place, 0), _unpacked_beside(place))
                now = time.monotonic()
                self._next_look[place] = now + (now - began) * _RESTING
        return sum(self._peaks.get(place, 0) for place in self._places.get(task.snap, ()))


def _unpacked_beside(place: str) -> int:
    try:
        names = [name for name in os.listdir(place) if _UNPACKING.fullmatch(name)]
        return measure([f"{place}/{name}" for name in names]).apparent
    except (OSError, SnapshotError):
        return 0


def follow(client: Client, number: str, progress: Progress, observe: Observe | None = None) -> SnapdChange:
    """The change once it has ended well; a stop of the job aborts it and waits until all is undone.

    Raises Cancelled then, and the error that fits where it failed. UnreachableError when snapd was away for a
    minute: the change goes on when it is back.
    """
    following = Following(client, number, progress, observe)
    change = following.to_its_end(abort=True)
    if change.done:
        return change
    if following.aborted:
        raise Cancelled
    raise change_failure(change)


def watch(client: Client, number: str, progress: Progress, observe: Observe | None = None) -> SnapdChange:
    """The change once it has ended, well or not; a stop of the job leaves it running and raises Cancelled."""
    return Following(client, number, progress, observe).to_its_end(abort=False)


class Following:
    """One change being followed, and what was reported of it."""

    def __init__(self, client: Client, number: str, progress: Progress, observe: Observe | None) -> None:
        self._client = client
        self._number = number
        self._progress = progress
        self._observe = observe
        self._counted = 0
        self._seen: dict[str, int] = {}
        self._status: dict[str, str] = {}
        self._log: set[str] = set()
        self.aborted = False

    def to_its_end(self, *, abort: bool) -> SnapdChange:
        """The change once it has ended; a stop of the job aborts it, or leaves it and raises Cancelled."""
        while True:
            if abort and self._progress.stopping and not self.aborted:
                self._abort()
            elif not abort:
                self._progress.raise_if_cancelled()
            change = self._look()
            self.hear(change)
            if change.ready:
                return change
            time.sleep(POLL)

    def hear(self, change: SnapdChange) -> None:
        """Tell the job what has happened since."""
        for task in change.tasks:
            self._tell(task)

    def _abort(self) -> None:
        try:
            self._client.abort(self._number)
            self.aborted = True
        except (InvalidInputError, NotFoundError):
            pass  # it has ended meanwhile, as the next look will tell
        except UnreachableError:
            pass  # asked again after the next look

    def _look(self) -> SnapdChange:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return self._client.change(self._number)
            except UnreachableError as away:
                if time.monotonic() > deadline:
                    again = f"attach snapd/{self._number} follows it"
                    text = f"{away}; change {self._number} goes on when it is back: {again}"
                    raise UnreachableError(text) from away
                time.sleep(POLL)
            except SnapshotError as refusal:
                text = f"{refusal}; how change {self._number} ends is not known"
                raise UnreachableError(text) from refusal

    def _tell(self, task: SnapdTask) -> None:
        for line in task.log:
            if line not in self._log and line not in task.errors:
                self._log.add(line)
                self._progress.note(line)
        if not task.snap or (task.status in _WAITING and task.summary not in self._status):
            return
        if self._status.get(task.summary) != task.status and task.status in _UNDER_WAY:
            self._progress.enter(f"{task.snap} ({task.status.lower()})")
        seen = self._seen[task.summary] = self._observe(task) if self._observe else 0
        ended = task.status not in _UNDER_WAY
        if not ended or self._status.get(task.summary) != task.status:
            self._progress.report_part(PartAdvanced(task.snap, seen, None, ended))
        self._status[task.summary] = task.status
        self._count()

    def _count(self) -> None:
        total = sum(self._seen.values())
        if total > self._counted:
            try:
                self._progress.advance(total - self._counted)
            except Cancelled:
                return  # the next look asks snapd to stop
            self._counted = total
