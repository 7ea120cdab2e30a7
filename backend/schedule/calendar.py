"""When a schedule runs, as systemd itself reads it."""

import os
import re
import shutil
import subprocess
import time
from calendar import timegm
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from backend.errors import InvalidInputError, SnapshotError
from backend.fs import files

_PATIENCE = 60.0
_MOMENT = r"\w{3} ([0-9-]{10} [0-9:]{8})[0-9.]*"
# Where the time here is another than UTC, the next line tells it in that.
_ELAPSE = re.compile(rf"(?:Next elapse|Iter\. #[0-9]+): {_MOMENT} \S+(?:\n\s*\(in UTC\): {_MOMENT} UTC)?")
_RUNS = 3
_MANY_RUNS = 100


class Calendar(NamedTuple):
    """Times at which something runs, in order, in seconds since the epoch; none for what is over."""

    runs: tuple[float, ...]

    @property
    def interval(self) -> float:
        """The fewest seconds between two of these runs, 0.0 where there are not two."""
        return min((later - run for run, later in pairwise(self.runs)), default=0.0)


class Answer(NamedTuple):
    """What a program of systemd said."""

    code: int
    out: str
    err: str


def read_calendar(when: str, after: float | None = None) -> Calendar:
    """Return the next three runs by an expression as `OnCalendar=` has it, from now or `after` a moment.

    Raises:
        InvalidInputError: systemd cannot read it, or is not there to do so.
    """
    return _calendar(when, _RUNS, after)


def read_rhythm(when: str) -> Calendar:
    """Return the first hundred runs of all time by such an expression: the same whenever they are asked for.

    Raises:
        InvalidInputError: as for `read_calendar`.
    """
    return _calendar(when, _MANY_RUNS, 0.0)


def _calendar(when: str, count: int, after: float | None) -> Calendar:
    base = [f"--base-time=@{int(after)}"] if after is not None else []
    answer = ask_systemd("systemd-analyze", "calendar", f"--iterations={count}", *base, "--", when)
    if answer.code:
        reason = answer.err.strip().splitlines()[-1:] or ["it gave no reason"]
        raise InvalidInputError(
            f'cannot read "{when}" as a time: {reason[0]}; expected e.g. daily, or Mon 02:00'
        )
    return Calendar(runs_in(answer.out))


def runs_in(text: str) -> tuple[float, ...]:
    """Return the moments that `systemd-analyze calendar` tells, in seconds since the epoch."""
    moments = [in_utc or here for here, in_utc in _ELAPSE.findall(text)]
    return tuple(float(timegm(time.strptime(moment, "%Y-%m-%d %H:%M:%S"))) for moment in moments)


def ask_systemd(program: str, *arguments: str, runtime: str = "") -> Answer:
    """Run a program of systemd, which speaks English and keeps the time of this machine.

    `runtime` stands for the runtime directory of the user, who need not have a session.

    Raises:
        InvalidInputError: it is not there.
        SnapshotError: it cannot be run, or gives no answer.
    """
    if shutil.which(program) is None:
        raise InvalidInputError(
            f"schedules need systemd, and there is no {program} here; without it, have cron run: "
            "snapstow schedule run NAME"
        )
    with files.os_errors_as(f"cannot run {program}"):
        try:
            done = subprocess.run(
                [program, *arguments],
                env=_environment(runtime),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=_PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired as late:
            raise SnapshotError(f"cannot run {program}: no answer in {_PATIENCE:.0f} seconds") from late
    return Answer(done.returncode, done.stdout, done.stderr)


def _environment(runtime: str) -> dict[str, str]:
    """Without the time zone of a shell, which systemd itself knows nothing of."""
    inherited = {key: value for key, value in os.environ.items() if key != "TZ"}
    session = {"XDG_RUNTIME_DIR": runtime} if runtime else {}
    return {**inherited, **session, "LC_ALL": "C", "SYSTEMD_COLORS": "0", "SYSTEMD_PAGER": ""}


def complaints(answer: Answer, names: Sequence[str]) -> list[str]:
    """The lines in which systemd complains of units of these names."""
    return [line for line in answer.err.splitlines() if any(name in line for name in names)]
