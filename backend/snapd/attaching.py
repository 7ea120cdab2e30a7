"""Following what snapd does already: a change that somebody else asked for, or that outlived our job."""

from backend.errors import NotFoundError
from backend.job import Job
from backend.journal import JobState
from backend.snapd.answers import Change
from backend.snapd.changes import Observe, SavedBytes, UnpackedBytes, watch
from backend.snapd.endings import change_behind
from backend.snapd.site import Site


def attach(site: Site, number: str, job: Job) -> Change:
    """Follow a change to its end, well or not, with the bytes that can be seen; a stop leaves it running."""
    change = site.client.change(number)
    with job.step(change.summary):
        return watch(site.client, number, job, _observer(site, change))


def change_of(site: Site, number: int) -> str:
    """The change by which snapd goes on, or went on, with a job of ours that died, or nothing."""
    try:
        record = site.journal.record(number)
    except NotFoundError:
        return ""
    return change_behind(site, record) if record.state is JobState.INTERRUPTED else ""


def _observer(site: Site, change: Change) -> Observe | None:
    if not site.reads_files:
        return None
    if change.kind == "snapshot-snap":
        return SavedBytes(site.layout.snapshots, change.set_id)
    if change.kind != "restore-snapshot":
        return None
    users = site.layout.users_with_data()[0]
    places = {}
    for snap in filter(None, (task.snap for task in change.tasks)):
        parents = [site.layout.user_place(user, snap) for user in users]
        places[snap] = [site.layout.system_parent(snap), *filter(None, parents)]
    return UnpackedBytes(places)
