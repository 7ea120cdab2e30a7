"""Checking many snapshots: those that are due, a few at a time, what is found remembered on the way."""

import time
from collections.abc import Sequence
from contextlib import ExitStack

from backend.archive.reader import Reader, check
from backend.errors import SnapshotError
from backend.model import CheckLevel, CheckResult, Snapshot
from backend.progress import Progress
from backend.store.verifications import CheckStatus, VerificationLog, identity_at, identity_of

_BATCH = 64


def due(
    snapshots: Sequence[Snapshot],
    level: CheckLevel,
    age: int,
    ledger: VerificationLog,
    *,
    now: float | None = None,
) -> list[Snapshot]:
    """Those that no check at `level`, or at a stronger one, found sound in the last `age` seconds.

    All of them where `age` is 0. What is at fault, or was never verified, is always due.
    """
    if not age:
        return list(snapshots)
    now = time.time() if now is None else now
    statuses = ledger.statuses(snapshots, now)
    return [
        snapshot
        for snapshot in snapshots
        if not _is_covered(statuses[snapshot.path], level, (now - age, now))
    ]


def _is_covered(known: CheckStatus, level: CheckLevel, span: tuple[float, float]) -> bool:
    levels = [*CheckLevel]
    if not known.state.is_verified or not span[0] <= known.at <= span[1]:
        return False
    return levels.index(CheckLevel(known.level)) >= levels.index(level)


def check_all(
    snapshots: Sequence[Snapshot],
    users: Sequence[str],
    level: CheckLevel,
    *,
    ledger: VerificationLog,
    progress: Progress,
) -> list[CheckResult]:
    """Check the archives of snapshots, those of `users` and the system's; every one has its verdict.

    A snapshot that cannot be opened gets one without an entry. What is found is kept in the ledger, also
    when the job is stopped later.
    """
    verdicts = []
    for start in range(0, len(snapshots), _BATCH):
        some = snapshots[start : start + _BATCH]
        opened: dict[str, str] = {}
        checked = _check_some(some, users, level, opened=opened, progress=progress)
        ledger.record(some, checked, level, opened)
        for path in (path for path, identity in opened.items() if identity_at(path) != identity):
            progress.note(
                f"{path} changed while it was checked: what was found says nothing of what is there now"
            )
        verdicts += checked
    return verdicts


def _check_some(
    snapshots: Sequence[Snapshot],
    users: Sequence[str],
    level: CheckLevel,
    *,
    opened: dict[str, str],
    progress: Progress,
) -> list[CheckResult]:
    """The verdicts on some; which file was `opened` for each path is put there."""
    verdicts = []
    with ExitStack() as stack:
        readers = []
        for snapshot in snapshots:
            try:
                readers.append(stack.enter_context(Reader.open(snapshot.path)))
                opened[snapshot.path] = identity_of(readers[-1].fileno())
            except (OSError, SnapshotError) as fault:
                reason = snapshot.broken or (fault.strerror if isinstance(fault, OSError) else str(fault))
                text = f"cannot open snapshot: {reason}"
                verdicts.append(
                    CheckResult(set_id=snapshot.set_id, snap=snapshot.snap, entry="", size=0, fault=text)
                )
        return verdicts + check(readers, users, progress, level)
