"""Forgetting through snapd, and checking with it where the files may not be read."""

import os

from backend.engine.snapd.context import SnapdContext
from backend.engine.snapd.responses import Asked
from backend.errors import BlockedError, IntegrityError, NotAllowedError
from backend.model import CheckResult, Snapshot, saved_users
from backend.operations import Check, Forget, Result
from backend.progress import Progress


def forget(site: SnapdContext, operation: Forget, progress: Progress) -> Result:
    """Remove a set, or the named snaps of it; files that snapd does not see stay, and are reported."""
    progress.raise_if_cancelled()
    chosen = site.selected(operation.set_id, operation.snaps)
    left_out = [
        f"{snapshot.path} was not removed: snapd does not see it" for snapshot in chosen if snapshot.hidden
    ]
    seen = [snapshot for snapshot in chosen if not snapshot.hidden]
    if not seen:
        raise BlockedError(
            f"cannot forget: snapd does not see the damaged files of snapshot set #{operation.set_id}; stop "
            "snapd and use --engine files"
        )
    freed = sum(_size(snapshot) for snapshot in seen)
    snaps = [snapshot.snap for snapshot in seen] if operation.snaps else []
    with progress.step("Forgetting"):
        site.carry_out("forget", lambda: site.client.act("forget", operation.set_id, snaps), progress)
    return Result(operation.set_id, tuple(snapshot.snap for snapshot in seen), tuple(left_out), freed=freed)


def _size(snapshot: Snapshot) -> int:
    try:
        return os.lstat(snapshot.path).st_size
    except OSError:
        return snapshot.size


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
        return site.client.act("check", snapshot.set_id, [snapshot.snap], operation.users)

    try:
        site.carry_out("check", asking, progress)
    except IntegrityError as fault:
        return [CheckResult(*about, "", 0, str(fault))]
    return [CheckResult(*about, entry, 0, "", snapshot.path) for entry in snapshot.entries]
