"""What comes of operations, as plain values: how they ended, what was found, what can be undone."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from backend.model import CheckResult
from backend.operations import Restore


class Estimate(NamedTuple):
    """What a save of one snap would read, in bytes: the sum, and by owner (`system`, or a user's name).

    `lost` says what nothing could restore of it, or nothing.
    """

    snap: str
    size: int
    owners: dict[str, int]
    files: int
    lost: str = ""


class Finding(NamedTuple):
    """Something a crash left, or that is hidden; `repair` says what a repair would do, or nothing.

    `size` are the bytes that it takes, as far as they are known.
    """

    kind: str
    path: str
    text: str
    repair: str = ""
    size: int = 0


class UndoOffer(NamedTuple):
    """A job that can be undone: until when (seconds since the epoch), the bytes it holds, what it was.

    `doubt` says why it is kept for longer than the clock tells, or nothing. `sets` are those that it forgot,
    `copies` the full names of those that it let go in a repository, which hold nothing here.
    """

    job: int
    set_id: int
    snaps: tuple[str, ...]
    until: float
    held: int
    verb: str = Restore.verb
    doubt: str = ""
    sets: tuple[int, ...] = ()
    copies: tuple[str, ...] = ()


@dataclass(frozen=True)
class Result:
    """How an operation ended: `left_out` says what was not done and why, `freed` is in bytes.

    `undo_job` and `undo_until` (seconds since the epoch) say how what a restore replaced, or a forget
    removed, can be had back; `held` are the bytes that a forget frees only then, `sets` all that it forgot.
    `beside` is the directory that one was restored into instead, where nothing was replaced.
    `extracted` counts the files and folders that an extraction put in place, `kept` those that it let be.
    `skipped` counts the snapshots that a check did not look at, as they had been verified lately.
    `leftovers` are directories of ours that could not be removed whole, as `left_out` tells.
    `outcome` says what became of a job that was ended; `again` is the operation, as a journal holds it, that
    is to be carried out then. `repaired` is what a repair removed, or could not. `copies` are
    the full names of the copies in a repository that were made, read, let go or brought back.
    """

    set_id: int = 0
    snaps: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    verdicts: tuple[CheckResult, ...] = ()
    freed: int = 0
    undo_job: int = 0
    undo_until: float = 0.0
    held: int = 0
    sets: tuple[int, ...] = ()
    duplicate: bool = False
    skipped: int = 0
    beside: str = ""
    extracted: int = 0
    kept: int = 0
    leftovers: tuple[str, ...] = ()
    outcome: str = ""
    again: Mapping[str, Any] = field(default_factory=dict)
    repaired: tuple[Finding, ...] = ()
    copies: tuple[str, ...] = ()

    @property
    def faults(self) -> list[str]:
        """Every bad part that a check found."""
        return [verdict.fault for verdict in self.verdicts if verdict.fault]

    @property
    def exit_code(self) -> int:
        """0 done, 3 partial, 4 verification failed."""
        if self.faults:
            return 4
        return 3 if self.left_out else 0

    def to_json(self) -> dict[str, Any]:
        """A plain mapping without what is empty."""
        document = {key: value for key, value in asdict(self).items() if value}
        if self.verdicts:
            document["verdicts"] = [_told(verdict) for verdict in self.verdicts]
        if self.repaired:
            document["repaired"] = [finding._asdict() for finding in self.repaired]
        return document


def _told(verdict: CheckResult) -> dict[str, Any]:
    return {key: value for key, value in verdict._asdict().items() if value is not None}
