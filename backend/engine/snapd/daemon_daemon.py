"""The snapd that runs, as one may ask it about what it does, remembers and is set to."""

from backend.engine.daemon import Watch
from backend.engine.daemon_change import Change
from backend.engine.snapd import conflicts
from backend.engine.snapd import daemon as attaching
from backend.engine.snapd import info as knowledge
from backend.engine.snapd.context import Site
from backend.job import Job
from backend.operations import Operation


class RunningDaemon:
    """Answers for the snapd of a site."""

    def __init__(self, site: Site) -> None:
        self._site = site

    @property
    def version(self) -> str:
        """Its version."""
        return self._site.version

    def changes(self) -> list[Change]:
        """What it is doing with snapshots, whoever asked for it."""
        return knowledge.running(self._site)

    def in_the_way(self, operation: Operation) -> Change | None:
        """What it is doing that an operation would have to wait for, as far as that can be told before."""
        return conflicts.in_the_way(self._site, operation)

    def watch(self) -> Watch:
        """Follows what it does, look by look."""
        return attaching.ChangeWatch(self._site)

    def attach(self, change: str, job: Job) -> Change:
        """Follow a change to its end, well or not; a stop of the job leaves it running."""
        return attaching.attach(self._site, change, job)

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

    def set_retention(self, text: str, job: Job) -> None:
        """Have automatic snapshots kept so long from now on (`no`: none are made; empty: snapd's default)."""
        knowledge.set_retention(self._site, text, job)
