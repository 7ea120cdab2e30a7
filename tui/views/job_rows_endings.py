"""How a job ended, in one line: what every screen says when one does."""

from collections.abc import Iterable

from backend import JobState
from tui.session.job_views import ENDED, JobView
from tui.session.job_views_verdicts import faults_in
from tui.text import moment_text, plain

_LATEST = 1 << 40


class Endings:
    """Notices jobs that ended since it last looked; what had ended before the first look is old."""

    def __init__(self) -> None:
        self._known: set[int] | None = None

    def news(self, views: Iterable[JobView]) -> list[str]:
        """A line for each job that ended meanwhile, the oldest first."""
        ended = {view.id: view for view in views if view.state in ENDED}
        fresh = sorted(ended.keys() - self._known) if self._known is not None else []
        self._known = ended.keys() | (self._known or set())
        return [ending_text(ended[number]) for number in fresh]


def ending_text(view: JobView) -> str:
    """What became of a job: its command, its result, and what can be done next."""
    told = f"{view.called} {view.state.value}: {plain(view.short)}"
    if view.error:
        return f"{view.called} {view.state.value}: {plain(view.error)}"
    if faults := faults_in(view.result):
        return f"{told} · {len(faults)} bad, J tells more"
    if view.state is JobState.PARTIAL:
        return f"{told} · something was left out, J tells more"
    if view.result.get("duplicate"):
        known = f"the same is here already as set #{view.result.get('set_id')}"
        return f"{view.called} {view.state.value}: nothing was added, {known} · {plain(view.short)}"
    if view.result.get("beside"):
        return f"{view.called} {view.state.value}: nothing was replaced · {plain(view.short)}"
    until = view.result.get("undo_until")
    if isinstance(until, int | float) and 0 < until < _LATEST:
        return f"{told} · until {moment_text(until)} u takes it back"
    return told
