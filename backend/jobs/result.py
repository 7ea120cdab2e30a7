"""How a job ended, and what became of it since, as a value: read from whatever a journal holds."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, NamedTuple, Self

from backend.model import CheckCount, CheckResult
from backend.results import Result

_LATEST_TIME = 1 << 40
_LARGEST = 1 << 53
SETTLING = 3 * 3600


class Mark(NamedTuple):
    """A moment in seconds by several clocks: since the epoch, and since the start of the boot with that id.

    `ran` is the time that the machine had run for sure by then, as far as our state folder knows, `changed`
    the same for when the clock on the wall was last seen to be changed (None: it was not).
    """

    wall: float
    boot: float
    boot_id: str
    ran: float
    changed: float | None

    @property
    def unsettled(self) -> float:
        """For how long the clock on the wall proves nothing yet, as it was changed lately."""
        return 0.0 if self.changed is None else max(0.0, SETTLING - (self.ran - self.changed))


@dataclass(frozen=True)
class JobResult(Result):
    """A result as a job keeps it, empty while the job has not ended.

    `ended` is in seconds since the epoch; `exit` is the exit code that its command told, None where it told
    none; `error` says why it failed, `snapd_error` what snapd said. `recovered` is true for one that was
    ended after its process had died. `undone` is the job by which it was undone, `expired` is true when
    what it had replaced is not kept any more. `kept_since` is the moment from which `undo_until` counts, None
    where that was not noted.
    """

    ended: float = 0.0
    exit: int | None = None
    error: str = ""
    snapd_error: str = ""
    recovered: bool = False
    undone: int = 0
    expired: bool = False
    kept_since: Mark | None = None

    @property
    def bad_verdicts(self) -> list[CheckResult]:
        """The verdicts that found a fault."""
        return [verdict for verdict in self.verdicts if verdict.fault]

    @property
    def check_count(self) -> CheckCount:
        """How many snapshots a check looked at, and how many of them are bad."""
        return CheckCount.of(self.verdicts)

    @property
    def may_be_undone(self) -> bool:
        """Whether what was replaced was kept, and was neither put back nor removed since."""
        return bool(self.undo_until) and not self.undone and not self.expired

    def to_json(self) -> dict[str, Any]:
        """Return a plain mapping without what is empty, which `parse_result` takes."""
        document = super().to_json()
        if self.snapd_error:
            document["told"] = document.pop("snapd_error")
        return document if self.exit is None else {**document, "exit": self.exit}

    @classmethod
    def of(cls, result: Result, exit_code: int) -> Self:
        """Return the result of an operation that came to its end."""
        return cls(**{field.name: getattr(result, field.name) for field in fields(result)}, exit=exit_code)


def parse_result(document: Mapping[str, Any]) -> JobResult:
    """Return the result that a mapping describes; whatever is no such value counts as missing."""
    exit_code = document.get("exit")
    until = number_in(document.get("undo_until"), 0)
    return JobResult(
        set_id=_integer(document.get("set_id")),
        snaps=_texts(document.get("snaps")),
        left_out=_texts(document.get("left_out")),
        verdicts=_verdicts(document.get("verdicts")),
        freed=_integer(document.get("freed")),
        undo_job=_integer(document.get("undo_job")),
        held=_integer(document.get("held")),
        sets=_integers(document.get("sets")),
        undo_until=until if 0 < until < _LATEST_TIME else 0.0,
        duplicate=bool(document.get("duplicate")),
        skipped=_integer(document.get("skipped")),
        beside=_text(document.get("beside")),
        extracted=_integer(document.get("extracted")),
        kept=_integer(document.get("kept")),
        leftovers=_texts(document.get("leftovers")),
        outcome=_text(document.get("outcome")),
        again=again if isinstance(again := document.get("again"), dict) else {},
        copies=_texts(document.get("copies")),
        ended=number_in(document.get("ended"), 0),
        exit=exit_code if type(exit_code) is int else None,
        error=_text(document.get("error")),
        snapd_error=_text(document.get("told")),
        recovered=bool(document.get("recovered")),
        undone=_integer(document.get("undone")) or int(bool(document.get("undone"))),
        expired=bool(document.get("expired")),
        kept_since=parse_mark(document.get("kept_since")),
    )


def parse_mark(document: object) -> Mark | None:
    """Return the moment that a mapping describes; None where it is not all of one."""
    if not isinstance(document, dict):
        return None
    wall, boot, ran = (number_in(document.get(key), math.nan) for key in ("wall", "boot", "ran"))
    if not min(boot, ran) >= 0 or math.isnan(wall):
        return None
    changed = number_in(document.get("changed"), math.nan)
    return Mark(wall, boot, _text(document.get("boot_id")), ran, None if math.isnan(changed) else changed)


def number_in(value: object, default: float) -> float:
    """Return a number as one of our documents holds it; whatever else is there counts as missing."""
    return value if isinstance(value, int | float) and abs(value) < _LARGEST else default


def _integer(value: object) -> int:
    return value if type(value) is int and abs(value) < _LARGEST else 0


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _texts(values: object) -> tuple[str, ...]:
    return tuple(map(str, values)) if isinstance(values, list) else ()


def _integers(values: object) -> tuple[int, ...]:
    return tuple(map(_integer, values)) if isinstance(values, list) else ()


def _verdicts(values: object) -> tuple[CheckResult, ...]:
    verdicts = values if isinstance(values, list) else []
    return tuple(_verdict(verdict) for verdict in verdicts if isinstance(verdict, dict))


def _verdict(verdict: Mapping[str, Any]) -> CheckResult:
    unpacked = verdict.get("unpacked")
    return CheckResult(
        set_id=_integer(verdict.get("set_id")),
        snap=_text(verdict.get("snap")),
        entry=_text(verdict.get("entry")),
        size=_integer(verdict.get("size")),
        fault=_text(verdict.get("fault")),
        path=_text(verdict.get("path")),
        unpacked=unpacked if type(unpacked) is int else None,
    )
