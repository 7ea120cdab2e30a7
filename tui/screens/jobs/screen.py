"""Every job of the place: what runs, how far it is, how the others ended, and what can be done about it."""

import time
from collections.abc import Sequence
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Static

from backend import (
    Action,
    Engine,
    Finish,
    InvalidInputError,
    Operation,
    SnapshotError,
    TakeBack,
    Undo,
    UnknownOperation,
    command_line,
)
from backend.jobs import JobRecord, JobState
from tui.dialogs.confirm import Confirm, ConfirmFinal, confirm_wait_screen
from tui.dialogs.interrupted_job import FINISH, AskEnding
from tui.dialogs.lines import Line as DialogLine
from tui.dialogs.lines import styled
from tui.phrases import count_phrase
from tui.screens.jobs.log import JobLog
from tui.screens.launcher import is_acting
from tui.screens.sub_screen import SubScreen
from tui.session.job_poller import JobPoller, JobsReport, Log
from tui.session.job_views import JobBoard, JobView
from tui.session.place import Place
from tui.session.snapd_changes import ChangeLog
from tui.terminal.clipboard import copied
from tui.text import cut_path, plain
from tui.views import job_rows as jobtext
from tui.views.header import Count
from tui.views.job_stopping import stopping_lines
from tui.views.table import Line, row_of
from tui.widgets.job_panel import JobPanel
from tui.widgets.key_bar import KeyBar
from tui.widgets.table import UNSETTLED, Lines, LineTable

IDLE = 1.0
PACE = 4  # ticks between two drawings of what runs
ACTING = "xut"  # keys that act on the job under the cursor
NARROW = 60
_FEWEST = 3
NOTHING = "No jobs yet. What you start in the inventory is listed here."


class JobsUpdated(Message):
    """The jobs were polled."""

    def __init__(self, report: JobsReport) -> None:
        super().__init__()
        self.report = report


class JobTable(Lines):
    """The jobs; Enter shows the whole log of one."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "open", "Log")]


class JobsScreen(SubScreen):
    """All jobs, the newest first; the one under the cursor in full below."""

    HELP_TITLE = "Jobs"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x", "stop", "Stop"),
        Binding("u", "undo", "Undo"),
        Binding("t", "end", "Finish or roll back"),
        Binding("y", "copy", "Copy command"),
        Binding("question_mark,f1", "help", "Help", key_display="?"),
        Binding("escape,h", "back", "Back", key_display="Esc"),
        Binding("q", "app.quit", "Quit", show=False),
    ]

    def __init__(self, place: Place, board: JobBoard, tick: float, wanted: str = "") -> None:
        """`wanted` is the name of the job that the cursor begins on."""
        super().__init__()
        self._wanted = wanted
        self._place = place
        self._tick = tick
        self._board = board
        self._poller = JobPoller(place, board)
        self._views: list[JobView] = []
        self._rows: list[tuple[str, Line]] = []
        self._log: Log | ChangeLog | None = None
        self._lines: tuple[str, ...] = ()
        self._is_polling = False
        self._polled_at = 0.0
        self._selected = ""  # the newest job that was started here, once the cursor was put on it
        self._shown: tuple[str, bool] = ("", False)  # which job the panel shows, and whether it runs
        self._shown_at = 0.0

    def compose(self) -> ComposeResult:
        """The table of jobs, the one under the cursor, what happened last, keys."""
        yield Static("", id="header", markup=False)
        yield JobTable(
            jobtext.columns(narrow=False), id="jobs-table", acts=ACTING, clock=lambda: self._place.clock()
        )
        yield JobPanel(id="job")
        yield Static("", id="jobs-status", markup=False)
        yield KeyBar()

    def on_mount(self) -> None:
        """Poll now; again at every tick while something runs, else once a second for what changed."""
        self.query_one(JobTable).border_title = "Jobs"
        self.query_one(LineTable).focus()
        self._poll()
        self.set_interval(self._tick, self._poll_if_due)

    # -- polling

    def _poll_if_due(self) -> None:
        due = time.monotonic() - self._polled_at >= IDLE
        if self.is_current and (due or any(view.is_running for view in self._views)):
            self._poll()

    def _poll(self) -> None:
        if self._is_polling:
            self._polled_at = 0.0  # at the next tick, then
            return
        self._is_polling = True
        self._polled_at = time.monotonic()
        self._poll_in_thread(self._chosen_name())

    @work(thread=True, group="poll")
    def _poll_in_thread(self, chosen: str) -> None:
        try:
            if engine := self._place.successor(self._place.availability()):
                self.app.call_later(self._adopt, engine)
            if report := self._poller.look(chosen):
                self._board.saw(report.views)
                self.post_message(JobsUpdated(report))
        except (SnapshotError, OSError) as trouble:
            self.app.call_later(self._say, str(trouble))
        finally:
            self._is_polling = False

    def _adopt(self, engine: Engine) -> None:
        """Work through another engine from now on, unless a question stands above."""
        if self.is_current and not is_acting(self):
            self._say(self._place.adopt(engine))

    def on_jobs_updated(self, message: JobsUpdated) -> None:
        """Show the jobs; only what changed is drawn."""
        views, log, lines = message.report
        self._views = views
        self.query_one(KeyBar).renew()
        rows = [(view.name, jobtext.job_line(view)) for view in views]
        if rows != self._rows:
            self._rows = rows
            self._fill()
        self._select_started()
        view = self._chosen()
        if view is None:
            self.query_one(JobPanel).show_nothing(NOTHING)
        elif log is None or log.name != view.name:
            self._poll()
        else:
            self._log, self._lines = log, lines
            self._show(view)

    def _select_started(self) -> None:
        """Put the cursor on the newest job that was started here, once it is listed."""
        newest = next((view for view in self._views if view.name == self._place.starts.newest), None)
        if newest is not None and newest.result.again:
            newest = _next_of(newest, self._views)
        if newest is not None and newest.name != self._selected:
            self._selected = newest.name
            self.query_one(LineTable).select(newest.name)

    def _show(self, view: JobView) -> None:
        """Show a job in full, one that runs at most so often: every look at it finds other figures."""
        now, shown = self._place.clock(), (view.name, view.is_running)
        if not view.is_running or shown != self._shown or now - self._shown_at >= PACE * self._tick:
            self._shown, self._shown_at = shown, now
            self.query_one(JobPanel).show(view, self._lines)

    def _fill(self) -> None:
        table, narrow = self.query_one(LineTable), self.size.width < NARROW
        table.show_columns(jobtext.columns(self._views, narrow=narrow))
        table.styles.max_height = max(_FEWEST, len(self._rows)) + (3 if table.has_class("panel") else 1)
        table.show([row_of(name, jobtext.fitted(line, narrow=narrow)) for name, line in self._rows])
        if self._rows and self._wanted:
            table.select(self._wanted)
            self._wanted = ""
        self._head()

    def on_resize(self) -> None:
        """Choose the columns that fit, and frames where there is room for them."""
        self.query_one(JobTable).set_class(self.has_frames, "panel")
        self.query_one(JobPanel).set_class(self.has_frames, "panel").set_class(not self.has_frames, "flat")
        self._fill()

    def _head(self) -> None:
        own_jobs = [view for view in self._views if not view.owner and not view.change]
        counts = {state: sum(1 for view in own_jobs if view.state is state) for state in JobState}
        root = cut_path(plain(self._place.engine.layout.root), 30)
        parts = [f"{counts[JobState.RUNNING]} running", count_phrase(len(own_jobs), "job")]
        if changes := sum(1 for view in self._views if view.change and view.is_running):
            parts.append(f"{changes} in snapd")
        if others := sum(1 for view in self._views if view.owner):
            parts.append(f"{others} by other users")
        bad = [
            Count(None, f"{counts[state]} {state.value}", "$text-error")
            for state in (JobState.FAILED, JobState.INTERRUPTED)
            if counts[state]
        ]
        self.head("Jobs", *bad, *parts, root)

    def _say(self, text: str) -> None:
        self.query_one("#jobs-status", Static).update(f" {plain(text)}")

    # -- which job

    def _chosen_name(self) -> str:
        key = self.query_one(LineTable).cursor_key
        return key if isinstance(key, str) else ""

    def _chosen(self) -> JobView | None:
        name = self._chosen_name()
        return next((view for view in self._views if view.name == name), None)

    def refusal_of(self, action: str) -> str:
        """Why an action is not available for the job under the cursor, as of the last poll; or nothing."""
        view = self._chosen()
        if action in jobtext.ACTS and self._place.read_only:
            return f"cannot {jobtext.ACTS[action]} a job: this session is read-only"
        if action in jobtext.ACTS and self._place.starts.is_pending:
            return "a job is being started: press again when it is listed"
        return jobtext.refusal(action, view, time.time()) if view is not None else ""

    def _chosen_own(self, action: str) -> JobView | None:
        """The job under the cursor unless it is another user's; that is said."""
        view = self._chosen()
        if view is None or not view.owner:
            return view
        self._say(f"cannot {action} job {view.name}: only its owner, {view.owner}, can")
        return None

    def on_line_table_moved(self) -> None:
        """Show the other job, and the keys that apply to it."""
        self.query_one(KeyBar).renew()
        name = self._chosen_name()
        if name and (self._log is None or self._log.name != name):
            self._poll()

    def on_line_table_opened(self, message: LineTable.Opened) -> None:
        """Enter shows the whole log, h goes back."""
        if message.wider:
            self.action_log()
        else:
            self.action_back()

    # -- keys

    def action_log(self) -> None:
        """Show the whole log."""
        if self._log is None or self._log.name != self._chosen_name():
            return
        if self._lines:
            self.app.push_screen(JobLog(self._log, self._tick))
        else:
            self._say("the log is empty")

    def action_copy(self) -> None:
        """Copy the command that does the same."""
        view = self._chosen()
        if self._log is None or view is None:
            return
        try:
            text = view.command if view.change else self._command_of(self._log)
        except InvalidInputError as trouble:
            self._say(str(trouble))
            return
        self._say(copied(self.app, text))

    def _command_of(self, log: Log | ChangeLog) -> str:
        record = log.record if isinstance(log, Log) else None
        if record is None:
            raise InvalidInputError("there is no command for this")
        if isinstance(record.operation, UnknownOperation):
            raise InvalidInputError(record.operation.reason)
        return command_line(record.operation, self._place.location_options)

    def on_line_table_unsettled(self) -> None:
        """Say why a key did nothing."""
        self._say(UNSETTLED)

    @work
    async def action_stop(self) -> None:
        """Ask once, then stop the job; it undoes what it did."""
        view = self._chosen_own("stop")
        if view is None:
            return
        if reason := self.refusal_of("stop"):
            self._say(reason)
        elif await self.app.push_screen_wait(self._ask_stop(view)):
            if view.change:
                self._abort(view)
            else:
                self._stop(view.id)

    def _ask_stop(self, view: JobView) -> Confirm:
        lines = [DialogLine("what", styled(f"{view.called}: {view.title}"))]
        lines += [DialogLine(f"how{n}", styled(text)) for n, text in enumerate(stopping_lines(view))]
        command = " ".join(("snapstow", *self._place.location_options, "stop", view.name))
        if view.change:
            return ConfirmFinal(f"Abort change {view.change}", "Abort", lines, command)
        return Confirm(f"Stop job {view.id}", "Stop", lines, command)

    @work(thread=True, group="act")
    def _abort(self, view: JobView) -> None:
        try:
            self._place.changes.abort(self._place.engine, view.change)
            status = f"asked snapd to abort change {view.change} and undo what it did"
        except SnapshotError as trouble:
            status = f"cannot stop change {view.change}: {trouble}"
        self.app.call_later(self._say, status)

    @work(thread=True, group="act")
    def _stop(self, number: int) -> None:
        try:
            self._place.runner.stop(self._place.engine.journal.record(number))
            status = f"asked job {number} to stop: it undoes its changes unless nearly done"
        except (SnapshotError, OSError) as trouble:
            status = f"cannot stop job {number}: {trouble}"
        self.app.call_later(self._say, status)

    @work
    async def action_undo(self) -> None:
        """Undo the job under the cursor."""
        view = self._chosen_own("undo")
        if view is None:
            return
        if reason := self._place.refusal(Action.UNDO) or self.refusal_of("undo"):
            self._say(reason)
        elif await self.app.push_screen_wait(self._ask_undo(view)):
            for operation in await confirm_wait_screen(self, self._place, (Undo(view.id),)):
                self._place.starts.begin()
                self._begin(operation)

    def _ask_undo(self, view: JobView) -> Confirm:
        command = command_line(Undo(view.id), self._place.location_options)
        lines = [
            DialogLine("what", styled(f"job {view.id}: {view.command}")),
            DialogLine("how", styled("The data are restored to what they were before the job.")),
            DialogLine(
                "redo", styled("The data replaced now are kept as long again; undo this job to restore them.")
            ),
        ]
        return Confirm(f"Undo job {view.id}", "Undo", lines, command)

    @work(thread=True, group="act")
    def _begin(self, operation: Operation) -> None:
        jobs = []
        try:
            jobs.append(self._place.runner.start(operation))
            status = f"started job {jobs[0].id}: {command_line(operation).removeprefix('snapstow ')}"
        except SnapshotError as trouble:
            status = str(trouble)
        self.app.call_later(self._begun, jobs, status)

    def _begun(self, jobs: Sequence[JobRecord], status: str) -> None:
        self._place.starts.end(jobs)
        self._say(status)
        self._poll()

    @work
    async def action_end(self) -> None:
        """Finish the interrupted job, or undo it."""
        view = self._chosen_own("end")
        if view is None:
            return
        if reason := self._place.refusal(Action.FINISH):
            self._say(reason)
        elif view.state is not JobState.INTERRUPTED:
            interrupted = [job.name for job in self._views if job.state is JobState.INTERRUPTED]
            others = f"; job {interrupted[0]} was" if interrupted else ""
            self._say(f"job {view.id} was not interrupted: it is {view.state.value}{others}")
        elif answer := await self.app.push_screen_wait(AskEnding(self._place, view)):
            self._place.starts.begin()
            self._begin(Finish(view.id) if answer == FINISH else TakeBack(view.id))


def _next_of(view: JobView, views: Sequence[JobView]) -> JobView:
    """The job that does the rest of another one; that one until it is listed."""
    later = [other for other in views if other.id > view.id and not other.owner and not other.change]
    return later[-1] if later else view
