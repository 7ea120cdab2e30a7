"""When each schedule ran last, and what came of it: a small file for each, in the state folder of a place."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from backend.errors import SnapshotError
from backend.fs import files, locks
from backend.fs.directories import make_directories

_FORMAT = 1
_LARGEST = 1 << 20
_LATEST = 1 << 40  # seconds since the epoch
_SUFFIX = ".json"


@dataclass(frozen=True)
class StepRecord:
    """How a step of a run ended, as it is kept."""

    step: str
    state: str
    text: str = ""
    job: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class RunRecord:
    """A run: `ended` is 0.0 as long as it has not, `exit` its exit code then.

    `succeeded` is when the last run ended in which nothing failed, 0.0 for none; `troubles` are what failed
    besides the steps. Times are seconds since the epoch.
    """

    name: str
    started: float
    ended: float = 0.0
    exit: int = 0
    succeeded: float = 0.0
    steps: tuple[StepRecord, ...] = ()
    troubles: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """How long it took, 0.0 as long as it has not ended."""
        return max(0.0, self.ended - self.started) if self.ended else 0.0

    def to_json(self) -> dict[str, Any]:
        """Return a plain mapping of it."""
        steps = [vars(step) for step in self.steps]
        return {**vars(self), "steps": steps, "troubles": list(self.troubles)}


class History:
    """The last runs of the schedules of a place, whose state lies in `state_dir`."""

    def __init__(self, state_dir: str) -> None:
        self._folder = f"{state_dir}/schedules"

    def running(self, name: str) -> AbstractContextManager[bool]:
        """Hold a schedule while it runs.

        Raises:
            ConflictError: it runs already.
            OSError: nothing can be written here.
        """
        make_directories(self._folder, 0o700)
        busy = f"schedule {name} is running already"
        return locks.FileLock(f"{self._folder}/{name}.lock", busy, is_optional=True).held()

    def is_running(self, name: str) -> bool:
        """Whether a schedule runs now."""
        return locks.is_locked(f"{self._folder}/{name}.lock")

    def keep(self, record: RunRecord) -> None:
        """Make the record of a run last, in the place of the one before it.

        Raises:
            OSError: it cannot be written.
        """
        document = {"format": _FORMAT, **record.to_json()}
        files.write_whole(f"{self._folder}/{record.name}{_SUFFIX}", json.dumps(document).encode() + b"\n")

    def last(self, name: str) -> RunRecord | None:
        """Return the last run of a schedule; None where there is none, or none that can be understood."""
        try:
            raw = files.read_whole(f"{self._folder}/{name}{_SUFFIX}", _LARGEST)
            document = json.loads(raw)
            return _record(name, document)
        except (OSError, SnapshotError, ArithmeticError, ValueError, TypeError, KeyError, RecursionError):
            return None

    def all(self) -> list[RunRecord]:
        """Return the last run of every schedule that ever ran, by name."""
        return list(self._all())

    def _all(self) -> Iterator[RunRecord]:
        try:
            names = sorted(os.listdir(self._folder))
        except OSError:
            return
        for name in names:
            if name.endswith(_SUFFIX) and (record := self.last(name.removesuffix(_SUFFIX))):
                yield record


def _record(name: str, document: Mapping[str, Any]) -> RunRecord:
    if document["format"] != _FORMAT or document["name"] != name:
        raise ValueError("of another version, or of another schedule")
    started, ended, succeeded = (_moment(document[key]) for key in ("started", "ended", "succeeded"))
    return RunRecord(
        name=name,
        started=started,
        ended=ended,
        exit=int(document["exit"]),
        succeeded=succeeded,
        steps=tuple(_step(step) for step in document["steps"]),
        troubles=_texts(document["troubles"]),
    )


def _step(document: Mapping[str, Any]) -> StepRecord:
    text, state, outcome = (str(document[key]) for key in ("step", "state", "text"))
    return StepRecord(text, state, outcome, int(document["job"]), float(document["seconds"]))


def _moment(value: object) -> float:
    if not isinstance(value, int | float) or not 0 <= value < _LATEST:
        raise ValueError("no moment")
    return float(value)


def _texts(values: Sequence[object]) -> tuple[str, ...]:
    return tuple(str(value) for value in values)
