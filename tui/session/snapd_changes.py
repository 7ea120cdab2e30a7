"""What snapd does with snapshots besides our jobs, as views like theirs: `snap save` typed by somebody."""

from threading import Lock

from backend import Engine, SnapshotError, event_json
from backend.engine import Followed, Watch
from backend.jobs import JobResult, JobState
from tui.session.job_views import NOTHING_YET, JobEventFold, JobView
from tui.session.log_line import log_line

_KEPT = 50
_LONGEST = 4000
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
        self._words = location_options
        self._engine: Engine | None = None
        self._watch: Watch | None = None
        self._heard: dict[str, _Heard] = {}
        self._aborted: set[str] = set()
        self._lock = Lock()

    def views(self, engine: Engine) -> list[JobView]:
        """How they stand at the place of an engine; as they were, where snapd does not answer."""
        with self._lock:
            if engine is not self._engine or self._watch is None:
                self._engine, self._watch = engine, engine.daemon.watch()
                self._heard.clear()
            try:
                for followed in self._watch.look():
                    self._hear(followed)
            except SnapshotError:
                pass  # whoever asks snapd for more will tell of it
            while len(self._heard) > _KEPT:
                del self._heard[next(iter(self._heard))]
            views = [heard.view() for heard in reversed(self._heard.values())]
        return sorted(views, key=lambda view: not view.is_running)

    def lines(self, name: str) -> tuple[str, ...]:
        """All that a change said."""
        with self._lock:
            heard = self._heard.get(name.removeprefix("snapd/"))
            return tuple(heard.lines) if heard else ()

    def abort(self, engine: Engine, change: str) -> None:
        """Ask snapd to stop a change and to undo what it did. Raises SnapshotError."""
        engine.daemon.abort(change)
        with self._lock:
            self._aborted.add(change)

    def _hear(self, followed: Followed) -> None:
        heard = self._heard.setdefault(followed.change.id, _Heard(followed, self._words))
        heard.hear(followed, aborted=followed.change.id in self._aborted)


class _Heard:
    """A change, and what was heard of it."""

    def __init__(self, followed: Followed, location_options: tuple[str, ...]) -> None:
        self.lines: list[str] = []
        self._words = location_options
        self._hearing = JobEventFold()
        self._view = self._seen(followed, aborted=False)

    def hear(self, followed: Followed, *, aborted: bool) -> None:
        for event in followed.events:
            self._hearing.hear(event, None)
            if line := log_line(event_json(event)):
                self.lines = [*self.lines[1 - _LONGEST_LOG :], line]
        self._view = self._seen(followed, aborted=aborted)

    def view(self) -> JobView:
        return self._hearing.told(self._view)

    def _seen(self, followed: Followed, *, aborted: bool) -> JobView:
        change = followed.change
        return JobView(
            -int(change.id) if change.id.isdecimal() and len(change.id) < 16 else 0,
            " ".join(("snapstow", *self._words, "attach", f"snapd/{change.id}")),
            change.summary[:_LONGEST],
            _state(followed, aborted=aborted),
            change.started,
            NOTHING_YET,
            "",
            (),
            "" if aborted else change.error[:_LONGEST],
            JobResult(),
            change=change.id,
            seen=True,
        )


def _state(followed: Followed, *, aborted: bool) -> JobState:
    if not followed.change.ready:
        return JobState.RUNNING
    if followed.change.done:
        return JobState.DONE
    return JobState.CANCELLED if aborted or followed.change.was_stopped else JobState.FAILED
