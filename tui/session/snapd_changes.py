"""What snapd does with snapshots besides our jobs, as views like theirs: `snap save` typed by somebody."""

from threading import Lock

from backend import Engine, SnapshotError, event_json
from backend.engine import Followed, Watch
from backend.jobs import JobState
from tui.session.job_progress import LONGEST, ProgressFold
from tui.session.job_views import JobView
from tui.session.log_line import log_line

_KEPT = 50
_LONGEST_LOG = 2000


class ChangeLog:
    """The log of one change as lines."""

    def __init__(self, name: str, board: "Changes") -> None:
        self.name = name
        self._board = board

    def look(self) -> tuple[str, ...]:
        """All lines so far."""
        return self._board.lines(self.name)


class Changes:
    """The changes that nobody here asked for, the newest first: those that run, and how others ended.

    Asked as often as you like, from any thread; the event loop must not, as snapd is asked.
    """

    def __init__(self, location_options: tuple[str, ...] = ()) -> None:
        self._location_options = location_options
        self._engine: Engine | None = None
        self._watch: Watch | None = None
        self._changes: dict[str, _ChangeView] = {}
        self._aborted: set[str] = set()
        self._lock = Lock()

    def views(self, engine: Engine) -> list[JobView]:
        """How they stand at the place of an engine; as they were, where snapd does not answer."""
        with self._lock:
            if engine is not self._engine or self._watch is None:
                self._engine, self._watch = engine, engine.daemon.watch()
                self._changes.clear()
            try:
                for followed in self._watch.look():
                    self._update(followed)
            except SnapshotError:
                pass  # whoever asks snapd for more will tell of it
            while len(self._changes) > _KEPT:
                del self._changes[next(iter(self._changes))]
            views = [change_view.view() for change_view in reversed(self._changes.values())]
        return sorted(views, key=lambda view: not view.is_running)

    def lines(self, name: str) -> tuple[str, ...]:
        """All that a change said."""
        with self._lock:
            change_view = self._changes.get(name.removeprefix("snapd/"))
            return tuple(change_view.lines) if change_view else ()

    def abort(self, engine: Engine, change: str) -> None:
        """Ask snapd to stop a change and to undo what it did. Raises SnapshotError."""
        engine.daemon.abort(change)
        with self._lock:
            self._aborted.add(change)

    def _update(self, followed: Followed) -> None:
        change_view = self._changes.setdefault(
            followed.change.id, _ChangeView(followed, self._location_options)
        )
        change_view.update(followed, aborted=followed.change.id in self._aborted)


class _ChangeView:
    """A change, and what was reported of it."""

    def __init__(self, followed: Followed, location_options: tuple[str, ...]) -> None:
        self.lines: list[str] = []
        self._location_options = location_options
        self._fold = ProgressFold()
        self._view = self._view_of(followed, aborted=False)

    def update(self, followed: Followed, *, aborted: bool) -> None:
        """Take in what snapd says of it now."""
        for event in followed.events:
            self._fold.handle(event, None)
            if line := log_line(event_json(event)):
                self.lines = [*self.lines[1 - _LONGEST_LOG :], line]
        self._view = self._view_of(followed, aborted=aborted)

    def view(self) -> JobView:
        """Return it as a job."""
        return self._view._replace(progress=self._fold.view())

    def _view_of(self, followed: Followed, *, aborted: bool) -> JobView:
        change = followed.change
        return JobView(
            id=-int(change.id) if change.id.isdecimal() and len(change.id) < 16 else 0,
            command=" ".join(("snapstow", *self._location_options, "attach", f"snapd/{change.id}")),
            short=change.summary[:LONGEST],
            state=_state(followed, aborted=aborted),
            started=change.started,
            title=change.summary[:LONGEST],
            error="" if aborted else change.error[:LONGEST],
            change=change.id,
            seen=True,
        )


def _state(followed: Followed, *, aborted: bool) -> JobState:
    if not followed.change.ready:
        return JobState.RUNNING
    if followed.change.done:
        return JobState.DONE
    return JobState.CANCELLED if aborted or followed.change.was_stopped else JobState.FAILED
