"""What snapd does: a change and its tasks, as plain values (spec §5.3)."""

import re
from typing import NamedTuple

DONE = "Done"

_STOPPED = ("Undone", "Hold")
_SNAP = re.compile(r'(?:data of snap) "([^"]+)"')
_SET = re.compile(r"snapshot set #([0-9]{1,19})\b")
_QUOTED = re.compile(r'"([^"]+)"')


class Task(NamedTuple):
    """A step of a change. `log` are its lines without their times, `errors` those that made it fail."""

    summary: str
    status: str
    log: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()

    @property
    def snap(self) -> str:
        """The snap whose data it is about, or nothing."""
        found = _SNAP.search(self.summary)
        return found[1] if found else ""


class Change(NamedTuple):
    """Something that snapd does, or did once it is `ready`; `error` is why it failed, or nothing.

    `started` is in seconds since the epoch, 0 where snapd does not say.
    """

    id: str
    kind: str
    summary: str
    status: str
    ready: bool
    error: str = ""
    tasks: tuple[Task, ...] = ()
    snaps: tuple[str, ...] = ()
    started: float = 0.0

    @property
    def title(self) -> str:
        """What it is called in a sentence: `change 311 (Auto-refresh snap "firefox")`."""
        return f"change {self.id} ({self.summary})" if self.summary else f"change {self.id}"

    @property
    def done(self) -> bool:
        """Whether it ended well."""
        return self.ready and self.status == DONE

    @property
    def set_id(self) -> int:
        """The snapshot set it is about, 0 where it says none."""
        texts = (self.summary, *(task.summary for task in self.tasks))
        return next((int(found[1]) for text in texts if (found := _SET.search(text))), 0)

    @property
    def was_stopped(self) -> bool:
        """Whether it ended because somebody stopped it."""
        return self.ready and self.status in _STOPPED

    @property
    def names(self) -> frozenset[str]:
        """The snaps that it says it is about, and whatever else its tasks name."""
        named = (name for task in self.tasks for name in _QUOTED.findall(task.summary))
        return frozenset((*self.snaps, *named))

    @property
    def notes(self) -> list[str]:
        """What its tasks logged that is no failure."""
        return [line for task in self.tasks for line in task.log if line not in task.errors]
