"""Saving through snapd: what it cannot do is refused beforehand, what it would leave out is told."""

import os
from collections.abc import Sequence

from backend.errors import InvalidInputError, NotFoundError, SnapshotError
from backend.excludes import validate_excludes
from backend.job import Job
from backend.model import User
from backend.operation import Result, Save
from backend.room import demand_room
from backend.snapd.changes import SavedBytes, follow
from backend.snapd.site import Site, quoted_names
from backend.snapdstate import version_of

EXCLUDES_SINCE = (2, 60)


def save(site: Site, operation: Save, job: Job) -> Result:
    """Save snaps as a set of snapd's: all of them, or, after any failure or a stop, none.

    Snaps without data are left out, because snapd would store a broken snapshot and call it a success.
    """
    if reason := refusal(site, operation):
        raise InvalidInputError(reason)
    if operation.exclude:
        validate_excludes(operation.exclude)
    if operation.users:
        site.layout.find_users(operation.users)
    snaps, left_out = _with_data(site, operation, job)
    expected = _expected(site, snaps, operation, job)
    exclude = {snap: operation.exclude for snap in snaps} if operation.exclude else None
    if operation.fast:
        job.note("snapd compresses in its own way: --fast changes nothing here")
    asked = site.ask("save", lambda: site.client.save(snaps, operation.users, exclude), job)
    told = f" ({expected / 1e6:.1f} MB to read)" if expected else ""
    observe = SavedBytes(site.layout.snapshots, asked.set_id) if site.reads_files else None
    with job.step(f"Saving snapshot set #{asked.set_id}{told}; bytes written"):
        change = follow(site.client, asked.change, job, observe)
    return Result(asked.set_id, tuple(sorted(snaps)), (*left_out, *change.notes))


def refusal(site: Site, operation: Save) -> str:
    """Why snapd cannot save so, or nothing."""
    if operation.accept_changed:
        return (
            "cannot save: snapd gives up on files that change while it reads them; leave out --accept-changed"
        )
    if operation.exclude and version_of(site.version) < EXCLUDES_SINCE:
        return (
            f"cannot save: snapd {site.version} takes no patterns to exclude, 2.60 does; "
            "leave them out, or stop snapd and use --engine files"
        )
    return ""


def _with_data(site: Site, operation: Save, job: Job) -> tuple[list[str], list[str]]:
    """The snaps to save, and the data that belong to nobody."""
    wanted = _wanted(site, operation)
    if not site.reads_files:
        return wanted, []
    users, strays = site.layout.users_with_data()
    if operation.users:
        users, strays = site.layout.find_users(operation.users), []
    empty = [snap for snap in wanted if not _has_data(site, snap, users)]
    for snap in empty:
        job.note(f'snap "{snap}" has no data: there is nothing to save of it')
    if len(empty) == len(wanted):
        raise NotFoundError(f"cannot save {quoted_names(wanted)}: no data")
    left_out = [f"data in {path} were not saved: they belong to no known user" for path in strays]
    return [snap for snap in wanted if snap not in empty], left_out


def _wanted(site: Site, operation: Save) -> list[str]:
    wanted = list(dict.fromkeys(operation.snaps)) or _active(site)
    if not wanted:
        raise NotFoundError("cannot save: no snaps are installed")
    for snap in wanted:
        if site.layout.revision(snap) is None and snap not in site.client.snaps():
            raise NotFoundError(f'snap "{snap}" is not installed')
    return wanted


def _active(site: Site) -> list[str]:
    installed = (site.layout.installed(name) for name in site.layout.installed_names())
    found = [snap.name for snap in installed if snap and snap.active]
    return found if found or site.layout.state.readable else site.client.snaps()


def _has_data(site: Site, snap: str, users: Sequence[User]) -> bool:
    parents = [site.layout.system_parent(snap), *(site.layout.user_place(user, snap) for user in users)]
    names = ("common", str(site.layout.revision(snap)))
    return any(os.path.isdir(f"{parent}/{name}") for parent in filter(None, parents) for name in names)


def _expected(site: Site, snaps: list[str], operation: Save, job: Job) -> int:
    """The bytes that snapd will read, 0 where that cannot be told; NoSpaceError when they would not fit."""
    try:
        estimates = site.files.estimate(snaps, operation.users, job.quiet())
    except SnapshotError as unknown:
        job.note(f"it cannot be told beforehand how much there is to save: {unknown}")
        return 0
    expected = sum(one.size for one in estimates)
    demand_space(site, expected if not operation.ignore_space else 0)
    return expected


def demand_space(site: Site, needed: int) -> None:
    """NoSpaceError unless so many bytes, and some to spare, fit beside the snapshots."""
    if needed:
        demand_room([(site.layout.snapshots, needed)], "cannot save")
