"""Following what snapd does already: a change that somebody else asked for, or that outlived our job."""

from collections.abc import Sequence

from backend.engine.daemon import Followed, SnapdChange, Watch
from backend.engine.snapd import conflicts
from backend.engine.snapd import daemon as attaching
from backend.engine.snapd import info as knowledge
from backend.engine.snapd.context import SnapdContext
from backend.engine.snapd.follow import Following, Observe, SavedBytes, UnpackedBytes, watch
from backend.engine.snapd.info import running
from backend.engine.snapd.recovery import change_behind
from backend.errors import NotFoundError, SnapshotError
from backend.jobs.record import JobRecord, JobState
from backend.operations import Operation
from backend.progress import Event, Progress, Started
from backend.steps import SnapdAsked, SnapdStarted, SnapdStep


def attach(site: SnapdContext, number: str, progress: Progress) -> SnapdChange:
    """Follow a change to its end, well or not, with the bytes that can be seen; a stop leaves it running."""
    change = site.client.change(number)
    with progress.step(change.summary):
        return watch(site.client, number, progress, _observer(site, change))


def change_of(site: SnapdContext, number: int) -> str:
    """The change by which snapd goes on, or went on, with a job of ours that died, or nothing."""
    try:
        record = site.journal.record(number)
    except NotFoundError:
        return ""
    return change_behind(site, record) if record.state is JobState.INTERRUPTED else ""


class ChangeWatch:
    """Every change about snapshots that no running job of ours asked for, followed look by look."""

    def __init__(self, site: SnapdContext) -> None:
        self._site = site
        self._known: dict[str, _Seen] = {}

    def look(self) -> list[Followed]:
        """Those that run, and once those that have ended since the last look. Raises SnapshotError."""
        steps = [_asked(record) for record in self._site.journal.records() if _runs(record)]
        present = {change.id: change for change in running(self._site)}
        ours = {step.change for asked in steps for step in asked if isinstance(step, SnapdStarted)}
        # Between the question and its note nobody can tell whose a new change is.
        is_certain = not any(isinstance(asked[-1], SnapdAsked) for asked in steps if asked)
        for number, change in present.items():
            if is_certain and number not in ours and number not in self._known:
                self._known[number] = _Seen(self._site, change)
        followed = [seen.look(present.get(number)) for number, seen in list(self._known.items())]
        for change in (follower.change for follower in followed if follower is not None):
            if change.ready:
                del self._known[change.id]
        return [follower for follower in followed if follower is not None]


class _Seen:
    """A change that is being followed, and what there is to report of it."""

    def __init__(self, site: SnapdContext, change: SnapdChange) -> None:
        self._site = site
        self._number = change.id
        self._events: list[Event] = [Started(change.summary, None)]
        progress = Progress(self._events.append)
        self._following = Following(site.client, change.id, progress, _observer(site, change))

    def look(self, change: SnapdChange | None) -> Followed | None:
        """How it stands: as given, or as snapd says once it runs no more; None where snapd forgot it."""
        try:
            change = change or self._site.client.change(self._number)
        except NotFoundError:
            return None
        self._following.hear(change)
        events = tuple(self._events)
        self._events.clear()
        return Followed(change, events)


def _runs(record: JobRecord) -> bool:
    return record.state is JobState.RUNNING


def _asked(record: JobRecord) -> list[SnapdStep]:
    try:
        return record.asked
    except SnapshotError:
        return []


def _observer(site: SnapdContext, change: SnapdChange) -> Observe | None:
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


class RunningDaemon:
    """Answers for the snapd of a site."""

    def __init__(self, site: SnapdContext) -> None:
        self._site = site

    @property
    def version(self) -> str:
        """Its version."""
        return self._site.version

    def changes(self) -> list[SnapdChange]:
        """What it is doing with snapshots, whoever asked for it."""
        return knowledge.running(self._site)

    def running_services(self, snaps: Sequence[str]) -> list[str]:
        """The services of these snaps (of all without any) that a save or restore can stop meanwhile."""
        from backend.engine.snapd.services import running as running_services

        return [service.name for service in running_services(self._site, snaps) if not service.is_of_sessions]

    def in_the_way(self, operation: Operation) -> SnapdChange | None:
        """What it is doing that an operation would have to wait for, as far as that is known before."""
        return conflicts.in_the_way(self._site, operation)

    def watch(self) -> Watch:
        """Follows what it does, look by look."""
        return attaching.ChangeWatch(self._site)

    def attach(self, change: str, progress: Progress) -> SnapdChange:
        """Follow a change to its end, well or not; a stop of the job leaves it running."""
        return attaching.attach(self._site, change, progress)

    def abort(self, change: str) -> None:
        """Ask a change to stop, and to undo what it did; InvalidInputError when nothing is left to stop."""
        self._site.client.abort(change)

    def change_of(self, number: int) -> str:
        """The change by which it goes on, or went on, with a job of ours that died, or nothing."""
        return attaching.change_of(self._site, number)

    def retention(self) -> str:
        """How long automatic snapshots are kept, as snapd spells it; NotAllowedError without the right."""
        return knowledge.retention(self._site)

    def retention_refusal(self) -> str:
        """Nothing: whether one may is snapd's to say."""
        return ""

    def set_retention(self, text: str, progress: Progress) -> None:
        """Have automatic snapshots kept so long from now on (`no`: none are made; empty: snapd's default)."""
        knowledge.set_retention(self._site, text, progress)
