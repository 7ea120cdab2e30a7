"""The sets that jobs of this session have made, for the cursor to go to."""

from collections.abc import Iterable

from backend import Import, Save
from backend.jobs import JobRecord
from tui.session.job_views import JobView


class MadeSets:
    """Which set somebody waits for who started a save or an import and has touched no row since."""

    def __init__(self) -> None:
        self._awaited: set[int] = set()
        self._is_left = False
        self.wanted = 0

    def begin(self) -> None:
        """Jobs are being started."""
        self._is_left = False

    def await_those_of(self, jobs: Iterable[JobRecord]) -> None:
        """These jobs were started here."""
        if not self._is_left:
            self._awaited.update(job.id for job in jobs if job.verb in (Save.verb, Import.verb))

    def forget(self) -> None:
        """Somebody has chosen a row: the cursor stays there."""
        self._awaited.clear()
        self._is_left = True
        self.wanted = 0

    def update(self, views: Iterable[JobView]) -> None:
        """Take in how the jobs stand; `wanted` is the newest set that was made, 0 without any."""
        for view in views:
            if view.id in self._awaited and not view.is_running and not view.owner and not view.change:
                self._awaited.discard(view.id)
                self.wanted = view.result.set_id or self.wanted
