"""Checking with snapd where the files may not be read, and what its last checks found."""

import time
from collections.abc import Sequence

from backend.engine.snapd.context import SnapdContext
from backend.engine.snapd.responses import Asked
from backend.errors import IntegrityError, NotAllowedError
from backend.jobs.journal import Journal
from backend.jobs.record import JobRecord
from backend.model import CheckResult, Snapshot, saved_users
from backend.operations import Check
from backend.progress import Progress
from backend.results import Result
from backend.store.verifications import OLD, CheckState, CheckStatus


def check_refusal(operation: Check) -> str:
    """Why snapd cannot check so, or nothing."""
    if not (operation.structure or operation.quick or operation.older_than):
        return ""
    return (
        "cannot check so: snapd verifies hashes only, and the snapshot files may not be read (try with sudo)"
    )


def check(site: SnapdContext, operation: Check, progress: Progress) -> Result:
    """Have snapd verify archives by their hashes; it counts no bytes and gives up at the first bad one."""
    progress.raise_if_cancelled()
    if reason := check_refusal(operation):
        raise NotAllowedError(reason)
    if operation.set_id:
        chosen = site.selected(operation.set_id, operation.snaps)
    else:
        chosen = [snapshot for group in site.sets(snaps=operation.snaps) for snapshot in group.snapshots]
    site.layout.demand_users(operation.users, saved_users(chosen))
    verdicts: list[CheckResult] = []
    with progress.step("Checking"):
        for snapshot in chosen:
            verdicts += _verdicts(site, snapshot, operation, progress)
    return Result(operation.set_id, tuple(snapshot.snap for snapshot in chosen), verdicts=tuple(verdicts))


def _verdicts(
    site: SnapdContext, snapshot: Snapshot, operation: Check, progress: Progress
) -> list[CheckResult]:
    """One for each archive that holds, or one for all of the snapshot."""
    about = (snapshot.set_id, snapshot.snap)
    if snapshot.broken:
        return [CheckResult(*about, "", 0, f"cannot open snapshot: {snapshot.broken}")]

    def asking() -> Asked:
        """Ask snapd to check the snapshot."""
        return site.client.act("check", snapshot.set_id, [snapshot.snap], operation.users)

    try:
        site.carry_out("check", asking, progress)
    except IntegrityError as fault:
        return [CheckResult(*about, "", 0, str(fault))]
    return [CheckResult(*about, entry, 0, "", snapshot.path) for entry in snapshot.entries]


def checked_statuses(journal: Journal, snapshots: Sequence[Snapshot]) -> dict[str, CheckStatus]:
    """What the last checks found, from the journal: nothing else tells of files nobody may read."""
    newest_first = [record for record in reversed(journal.records()) if record.result.verdicts]
    return {snapshot.path: _status(snapshot, newest_first) for snapshot in snapshots}


def _status(snapshot: Snapshot, newest_first: Sequence[JobRecord]) -> CheckStatus:
    """By the newest check that found a fault, or that left no archive out."""
    about = (snapshot.set_id, snapshot.snap)
    for record in newest_first:
        verdicts = [verdict for verdict in record.result.verdicts if (verdict.set_id, verdict.snap) == about]
        if faults := [verdict.fault for verdict in verdicts if verdict.fault]:
            return CheckStatus(CheckState.FAILED, record.started, fault=faults[0])
        if verdicts and {verdict.entry for verdict in verdicts} >= set(snapshot.entries):
            is_old = time.time() - record.started > OLD
            return CheckStatus(CheckState.OLD if is_old else CheckState.OK, record.started)
    return CheckStatus(CheckState.BROKEN if snapshot.broken else CheckState.NEVER)
