"""Every job of the place: what runs, how far it is, how the others ended, and what can be done about it."""

import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Footer, Static

from backend import (
    Follower,
    InvalidInputError,
    Job,
    JobRecord,
    JobState,
    SnapshotError,
    Undo,
    command_line,
    operation_from_json,
)
from tui import jobtext
from tui.dialogs.base import Line as Told
from tui.dialogs.base import counted, said
from tui.dialogs.confirm import Confirm
from tui.follow import Board, JobView
from tui.place import Place
from tui.present import plain
from tui.pulse import standstill
from tui.widgets.table import Column, Line, LineTable, Row

IDLE = 1.0
QUIET = 5.0
STALLED = 30.0
TAIL = 5
_LONGEST_LOG = 20_000


class Log:
    """The log of one job as lines, read further with each look."""

    def __init__(self, record: JobRecord) -> None:
        self.record = record
        self._follower = Follower(record)
        self.lines: deque[str] = deque(maxlen=_LONGEST_LOG)

    def look(self) -> tuple[str, ...]:
        """All lines so far."""
        self.lines.extend(filter(None, map(jobtext.log_line, self._follower.news())))
        return tuple(self.lines)


class Pulse:
    """Notices when a job stands still, and why as far as it can be known."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[int, tuple[object, float]] = {}

    def words(self, view: JobView, records: Sequence[JobRecord]) -> str:
        """Why a job makes no progress, or nothing while it does; `records` are all jobs."""
        sign = (view.progress.title, view.progress.done, view.part, len(view.notes))
        now = self._clock()
        known, since = self._seen.get(view.id, (None, now))
        if known != sign:
            self._seen[view.id] = (sign, now)
            return ""
        quiet = now - since
        if quiet < QUIET:
            return ""
        mine = next((record.pid for record in records if record.id == view.id), 0)
        reason, holder = standstill(mine)
        other = next((record for record in records if record.pid == holder and holder), None)
        if other is not None:
            return f"waiting for job {other.id} ({other.operation.get('verb')}) to end"
        if reason:
            return reason
        return f"stalled? no news for {int(quiet // 10) * 10} s" if quiet >= STALLED else ""


class Seen(Message):
    """Somebody looked: all jobs, and the log of the one the cursor is on."""

    def __init__(self, views: list[JobView], log: Log | None, lines: tuple[str, ...], standing: str) -> None:
        super().__init__()
        self.views = views
        self.log = log
        self.lines = lines
        self.standing = standing


def _row(key: int, line: Line) -> Row:
    return Row(key, lambda: line)


class Lines(LineTable):
    """A table in which nothing is marked: Space opens, as Enter does."""

    def action_mark(self) -> None:
        """Open the row."""
        self.action_open()

    def action_mark_all(self) -> None:
        """There is nothing to mark."""

    def action_mark_none(self) -> None:
        """There is nothing to mark."""


class Panel(VerticalScroll):
    """Everything about one job; Tab leads to it, and then the keys scroll it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", "Down", show=False),
        Binding("k", "scroll_up", "Up", show=False),
    ]


class JobTable(Lines):
    """The jobs; Enter shows the whole log of one."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "open", "Log")]


class Jobs(Screen[None]):
    """All jobs, the newest first; the one under the cursor in full below."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x", "stop", "Stop"),
        Binding("u", "undo", "Undo"),
        Binding("t", "tidy", "Tidy"),
        Binding("y", "copy", "Copy command"),
        Binding("question_mark,f1", "help", "Help", key_display="?"),
        Binding("escape,h", "back", "Back", key_display="Esc"),
        Binding("q", "app.quit", "Quit", show=False),
    ]

    def __init__(self, place: Place, board: Board, tick: float) -> None:
        super().__init__()
        self._place = place
        self._board = board
        self._tick = tick
        self._pulse = Pulse()
        self._views: list[JobView] = []
        self._rows: list[tuple[int, Line]] = []
        self._log: Log | None = None
        self._lines: tuple[str, ...] = ()
        self._stamp: tuple[float, ...] = ()
        self._is_looking = False
        self._looked_at = 0.0

    def compose(self) -> ComposeResult:
        """The table of jobs, the one under the cursor, what happened last, keys."""
        yield Static("", id="jobs-header", markup=False)
        yield JobTable(jobtext.COLUMNS, id="jobs-table")
        with Panel(id="job"):
            yield Static("Looking…", id="job-facts", markup=False)
            yield Static("", id="job-progress", markup=False)
            yield Static("", id="job-now", markup=False)
            yield Static("", id="job-log", markup=False)
        yield Static("", id="jobs-status", markup=False)
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        """Look now; again at every tick while something runs, else once a second for what changed."""
        self.query_one(LineTable).focus()
        self._look()
        self.set_interval(self._tick, self._look_again)

    # -- looking

    def _look_again(self) -> None:
        due = time.monotonic() - self._looked_at >= IDLE
        if self.is_current and (due or any(view.is_running for view in self._views)):
            self._look()

    def _look(self) -> None:
        if not self._is_looking:
            self._is_looking = True
            self._looked_at = time.monotonic()
            self._look_in_thread(self._chosen_id())

    @work(thread=True, group="look")
    def _look_in_thread(self, chosen: int | None) -> None:
        try:
            stamp = self._stamp_now()
            log = self._log if self._log and self._log.record.id == chosen else None
            if stamp == self._stamp and log and not any(view.is_running for view in self._views):
                return
            views = self._board.views()
            if log is None and chosen is not None:
                log = Log(self._place.engine.journal.record(chosen))
            seen = Seen(views, log, log.look() if log else (), self._standing(views, chosen))
            self._stamp = stamp
            self.post_message(seen)
        except SnapshotError as trouble:
            self.app.call_later(self._say, str(trouble))
        finally:
            self._is_looking = False

    def _standing(self, views: list[JobView], chosen: int | None) -> str:
        view = next((view for view in views if view.id == chosen and view.is_running), None)
        return "" if view is None else self._pulse.words(view, self._place.engine.journal.records())

    def _stamp_now(self) -> tuple[float, ...]:
        """Changes when a job appears, ends or is amended."""
        folder = f"{self._place.engine.journal.folder}/jobs"
        try:
            with os.scandir(folder) as found:
                return (os.stat(folder).st_mtime, *(entry.stat().st_mtime for entry in found))
        except OSError:
            return (0.0,)

    def on_seen(self, message: Seen) -> None:
        """Show what was seen; only what changed is drawn."""
        self._views = message.views
        rows = [(view.id, jobtext.job_line(view)) for view in message.views]
        if rows != self._rows:
            self._rows = rows
            self.query_one(LineTable).show([_row(number, line) for number, line in rows])
            self._head()
        if message.log is None or message.log.record.id != self._chosen_id():
            if rows:
                self._look_soon()
            else:
                self.query_one("#job-facts", Static).update(
                    "No jobs yet. Whatever is started in the inventory is listed here, and stays."
                )
            return
        self._log, self._lines = message.log, message.lines
        self._show(message.standing)

    def _look_soon(self) -> None:
        self._is_looking = False
        self._look()

    def _head(self) -> None:
        counts = {state: sum(1 for view in self._views if view.state is state) for state in JobState}
        words = [counted(len(self._views), "job"), f"{counts[JobState.RUNNING]} running"]
        bad = [
            Text(f"  {counts[state]} {state.value}", style="bold red")
            for state in (JobState.FAILED, JobState.INTERRUPTED)
            if counts[state]
        ]
        where = plain(self._place.engine.layout.root)
        self.query_one("#jobs-header", Static).update(Text.assemble(f" {where} · " + " · ".join(words), *bad))

    def _show(self, standing: str) -> None:
        view = self._chosen()
        if view is None:
            return
        width = max(20, self.size.width - 4)
        self._put("#job-facts", jobtext.facts(view, time.time()))
        self._put("#job-progress", jobtext.progress_text(view, width))
        self._put("#job-now", jobtext.now_text(view, width, standing))
        tail = self._lines[-TAIL:]
        more = (
            [f"… {len(self._lines) - TAIL} lines before; Enter shows all"] if len(self._lines) > TAIL else []
        )
        self._put("#job-log", Text("\n".join([*more, *tail]), style="dim"))

    def _put(self, name: str, text: Text) -> None:
        """Change a text where it differs; the layout only where its height may."""
        widget = self.query_one(name, Static)
        before = widget.content if isinstance(widget.content, Text) else Text()
        if before == text:
            return
        same_height = name == "#job-log" or before.plain.count("\n") == text.plain.count("\n")
        if widget.display != bool(text.plain):
            widget.display = bool(text.plain)
        widget.update(text, layout=not same_height)

    def _say(self, text: str) -> None:
        self.query_one("#jobs-status", Static).update(f" {plain(text)}")

    # -- which job

    def _chosen_id(self) -> int | None:
        key = self.query_one(LineTable).cursor_key
        return key if isinstance(key, int) else None

    def _chosen(self) -> JobView | None:
        number = self._chosen_id()
        return next((view for view in self._views if view.id == number), None)

    def on_line_table_moved(self) -> None:
        """Show the other job."""
        number = self._chosen_id()
        if number is not None and (self._log is None or self._log.record.id != number):
            self._look()

    def on_line_table_opened(self, message: LineTable.Opened) -> None:
        """Enter shows the whole log, h goes back."""
        if message.wider:
            self.action_log()
        else:
            self.action_back()

    # -- keys

    def action_back(self) -> None:
        """Back to where it was opened from."""
        self.dismiss()

    def action_log(self) -> None:
        """Show the whole log."""
        if self._log is None or self._log.record.id != self._chosen_id():
            return
        if self._lines:
            self.app.push_screen(JobLog(self._log, self._tick))
        else:
            self._say(f"job {self._log.record.id} has said nothing")

    def action_copy(self) -> None:
        """Copy the command that does the same."""
        if self._log is None:
            return
        try:
            operation = operation_from_json(self._log.record.operation)
        except InvalidInputError as trouble:
            self._say(str(trouble))
            return
        text = plain(command_line(operation, self._place.words))
        self.app.copy_to_clipboard(text)
        self._say(f"copied: {text}")

    def action_stop(self) -> None:
        """Ask the job to stop; it undoes what it did and says so in its journal."""
        view = self._chosen()
        if view is None:
            return
        if self._place.read_only:
            self._say("cannot stop a job: this session is read-only")
        elif not view.is_running:
            self._say(f"job {view.id} is not running: it is {view.state.value}")
        else:
            self._stop(view.id)

    @work(thread=True, group="act")
    def _stop(self, number: int) -> None:
        try:
            self._place.runner.stop(self._place.engine.journal.record(number))
            told = f"asked job {number} to stop: it undoes what it did, unless it is all but done"
        except (SnapshotError, OSError) as trouble:
            told = f"cannot stop job {number}: {trouble}"
        self.app.call_later(self._say, told)

    @work
    async def action_undo(self) -> None:
        """Take the restore back that the cursor is on."""
        view = self._chosen()
        if view is None:
            return
        if reason := self._place.refusal("undo"):
            self._say(reason)
        elif not jobtext.can_be_undone(view, time.time()):
            self._say(f"job {view.id} cannot be taken back: it replaced nothing that is still kept")
        elif await self.app.push_screen_wait(self._ask_undo(view)):
            self._begin(Undo(view.id))

    def _ask_undo(self, view: JobView) -> Confirm:
        command = command_line(Undo(view.id), self._place.words)
        lines = [
            Told("what", said(f"job {view.id}: {view.command}")),
            Told("how", said("The data become again what they were before it.")),
            Told(
                "again", said("What is taken away is kept as long again, and can be had by an undo of this.")
            ),
        ]
        return Confirm(f"Take back job {view.id}", "Take back", lines, command)

    @work(thread=True, group="act")
    def _begin(self, operation: Undo) -> None:
        try:
            record = self._place.runner.start(operation)
            told = f"started job {record.id}: undo of job {operation.job}"
        except SnapshotError as trouble:
            told = str(trouble)
        self.app.call_later(self._say, told)

    def action_tidy(self) -> None:
        """Take back, or complete, what was interrupted."""
        if reason := self._place.refusal("tidy"):
            self._say(reason)
        elif not any(view.state is JobState.INTERRUPTED for view in self._views):
            self._say("nothing was interrupted")
        else:
            self._tidy()

    @work(thread=True, group="act")
    def _tidy(self) -> None:
        try:
            told = "; ".join(self._place.engine.tidy(Job())) or "there was nothing to tidy up"
        except SnapshotError as trouble:
            told = str(trouble)
        self.app.call_later(self._say, told)

    def action_help(self) -> None:
        """Explain the keys of this screen."""
        from tui.dialogs.help import Help

        self.app.push_screen(Help("Jobs", self.BINDINGS + LineTable.BINDINGS))


class LogSeen(Message):
    """The lines of a log so far."""

    def __init__(self, lines: tuple[str, ...]) -> None:
        super().__init__()
        self.lines = lines


class JobLog(Screen[None]):
    """All that a job said, the newest last; follows while more comes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,h", "back", "Back", key_display="Esc"),
        Binding("q", "app.quit", "Quit", show=False),
    ]

    def __init__(self, log: Log, tick: float) -> None:
        super().__init__()
        self._log = log
        self._tick = tick
        self._lines: tuple[str, ...] = ()
        self._is_looking = False

    def compose(self) -> ComposeResult:
        """The lines; the one under the cursor in full below."""
        yield Lines([Column(f"LOG OF JOB {self._log.record.id}", 0)], id="log-table")
        yield Static("", id="log-status", markup=False)
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        """Show the end of it, then what comes."""
        self.query_one(LineTable).focus()
        self._look()
        self.set_interval(max(self._tick, 0.5), self._look)

    def _look(self) -> None:
        if not self._is_looking:
            self._is_looking = True
            self._look_in_thread()

    @work(thread=True, group="look")
    def _look_in_thread(self) -> None:
        try:
            lines = self._log.look()
            if lines != self._lines:
                self.post_message(LogSeen(lines))
        finally:
            self._is_looking = False

    def on_log_seen(self, message: LogSeen) -> None:
        """Show the lines; the cursor stays at the end if it was there."""
        table = self.query_one(LineTable)
        at_end = table.cursor_key in (None, len(self._lines) - 1)
        self._lines = message.lines
        table.show([_row(number, Line((line,))) for number, line in enumerate(message.lines)])
        if at_end:
            table.action_last()

    def on_line_table_moved(self, message: LineTable.Moved) -> None:
        """Tell the whole line."""
        if isinstance(message.key, int) and message.key < len(self._lines):
            self.query_one("#log-status", Static).update(f" {self._lines[message.key].strip()}")

    def on_line_table_opened(self, message: LineTable.Opened) -> None:
        """h goes back."""
        if not message.wider:
            self.action_back()

    def action_back(self) -> None:
        """Back to the jobs."""
        self.dismiss()
