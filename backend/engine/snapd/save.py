"""Saving through snapd: what it cannot do is refused beforehand, what it would leave out is reported."""

import os
from collections.abc import Iterator, Sequence

from backend.engine.selection import users_of
from backend.engine.snapd import services
from backend.engine.snapd.context import SnapdContext, quoted_names
from backend.engine.snapd.follow import SavedBytes, follow
from backend.errors import InvalidInputError, NotFoundError, SnapshotError
from backend.format.excludes import validate_excludes
from backend.fs.space import require_space
from backend.host.state import version_of
from backend.model import User
from backend.operations import Save
from backend.progress import Progress, Started
from backend.results import Estimate, Result
from backend.save.mounted import mounts_of
from backend.save.saver import MEASURING, SAVING
from backend.store.verifications import VerificationLog

EXCLUDES_SINCE = (2, 60)
_MOUNTS_UNSURE_SINCE = (2, 58)  # 2.57 is known to include mounts, newer ones leave them out some day


def save(site: SnapdContext, operation: Save, progress: Progress) -> Result:
    """Save snaps as a set of snapd's: all of them, or, after any failure or a stop, none.

    Snaps without data are left out, because snapd would store a broken snapshot and call it a success.
    """
    if reason := refusal(site, operation):
        raise InvalidInputError(reason)
    if operation.exclude:
        validate_excludes(operation.exclude)
    site.layout.demand_users(operation.users)
    snaps, left_out = _with_data(site, operation, progress)
    rest, end = (services.planned(operation, step) for step in (services.STOPPING, services.STARTING))
    progress.plan(Started(MEASURING, None), *rest, Started(SAVING, None), *end)
    estimates = _estimated(site, snaps, operation, progress)
    exclude = {snap: operation.exclude for snap in snaps} if operation.exclude else None
    for text in _mounts_met(site, snaps, operation):
        progress.note(text)
    if operation.fast:
        progress.note("snapd compresses in its own way: --fast changes nothing here")
    with services.at_rest(site, operation, snaps, progress) as troubles:
        asked = site.ask("save", lambda: site.client.save(snaps, operation.users, exclude), progress)
        observe = SavedBytes(site.layout.snapshots, asked.set_id) if site.reads_files else None
        with progress.step(SAVING, stored_forecast(site, estimates) or None, about=True):
            change = follow(site.client, asked.change, progress, observe)
    lost = (f"{estimate.snap}: {estimate.lost}" for estimate in estimates if estimate.lost)
    return Result(asked.set_id, tuple(sorted(snaps)), (*left_out, *lost, *change.notes, *troubles))


def refusal(site: SnapdContext, operation: Save) -> str:
    """Why snapd cannot save so, or nothing."""
    if operation.accept_changed:
        return (
            "cannot save: snapd gives up on files that change while it reads them; leave out --accept-changed"
        )
    if operation.include_mounts and version_of(site.version) >= _MOUNTS_UNSURE_SINCE:
        return (
            f"cannot save: snapd {site.version} itself decides what becomes of mounts; "
            "leave out --include-mounts, or stop snapd and use --engine files"
        )
    if operation.exclude and version_of(site.version) < EXCLUDES_SINCE:
        return (
            f"cannot save: snapd {site.version} takes no patterns to exclude, 2.60 does; "
            "leave them out, or stop snapd and use --engine files"
        )
    return ""


def _mounts_met(site: SnapdContext, snaps: Sequence[str], operation: Save) -> Iterator[str]:
    """What the snapd that answers will do with what is mounted below the data, as far as that is known."""
    if not site.reads_files:
        return
    users = users_of(site.layout, operation.users)[0]
    includes = version_of(site.version) < _MOUNTS_UNSURE_SINCE
    will = "includes" if includes else "may leave out"
    for snap in filter(None, map(site.layout.installed, snaps)):
        for point in mounts_of(site.layout, snap, users):
            yield f"snapd {site.version} {will} what is mounted at {point}"


def _with_data(site: SnapdContext, operation: Save, progress: Progress) -> tuple[list[str], list[str]]:
    """The snaps to save, and the data that belong to nobody."""
    wanted = _wanted(site, operation)
    if not site.reads_files:
        return wanted, []
    users, unsaved = users_of(site.layout, operation.users)
    empty = [snap for snap in wanted if not _has_data(site, snap, users)]
    for snap in empty:
        progress.note(f'snap "{snap}" has no data: there is nothing to save of it')
    if len(empty) == len(wanted):
        raise NotFoundError(f"cannot save {quoted_names(wanted)}: no data")
    return [snap for snap in wanted if snap not in empty], list(map(str, unsaved))


def _wanted(site: SnapdContext, operation: Save) -> list[str]:
    wanted = list(dict.fromkeys(operation.snaps)) or _active(site)
    if not wanted:
        raise NotFoundError("cannot save: no snaps are installed")
    for snap in wanted:
        if site.layout.revision(snap) is None and snap not in site.client.snaps():
            raise NotFoundError(f'snap "{snap}" is not installed')
    return wanted


def _active(site: SnapdContext) -> list[str]:
    installed = (site.layout.installed(name) for name in site.layout.installed_names())
    active = [snap.name for snap in installed if snap and snap.active]
    return active if active or site.layout.state.readable else site.client.snaps()


def _has_data(site: SnapdContext, snap: str, users: Sequence[User]) -> bool:
    parents = [site.layout.system_parent(snap), *(site.layout.user_place(user, snap) for user in users)]
    names = ("common", str(site.layout.revision(snap)))
    return any(os.path.isdir(f"{parent}/{name}") for parent in filter(None, parents) for name in names)


def _estimated(site: SnapdContext, snaps: list[str], operation: Save, progress: Progress) -> list[Estimate]:
    """What snapd will read, nothing where that is not known; NoSpaceError when it would not fit."""
    try:
        with progress.step(MEASURING):
            estimates = site.files.estimate(snaps, operation.users, progress.quiet(), include_mounts=True)
    except SnapshotError as unknown:
        progress.note(f"it cannot be told beforehand how much there is to save: {unknown}")
        return []
    expected = sum(estimate.size for estimate in estimates)
    demand_space(site, expected if not operation.ignore_space else 0)
    return estimates


def stored_forecast(site: SnapdContext, estimates: Sequence[Estimate]) -> int:
    """The bytes that a save will take, compressed as the newest snapshot of the same snap was."""
    newest = {
        snapshot.snap: snapshot
        for group in site.sets()
        for snapshot in group.snapshots
        if not snapshot.broken
    }
    unpacked = VerificationLog(site.journal.folder).unpacked(newest.values())
    total = 0.0
    for estimate in estimates:
        before = newest.get(estimate.snap)
        read = unpacked.get(before.path, 0) if before else 0
        total += estimate.size * (before.size / read if before and read else 1.0)
    return int(total)


def demand_space(site: SnapdContext, needed: int) -> None:
    """NoSpaceError unless so many bytes, and some to spare, fit next to the snapshots."""
    if needed:
        require_space([(site.layout.snapshots, needed)], "cannot save")
