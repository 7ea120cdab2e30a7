"""The whole log of a job."""

from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Static

from tui.screens.sub_screen import SubScreen
from tui.session.job_poller import Log
from tui.session.snapd_changes import ChangeLog
from tui.text import plain
from tui.views.table import Column, Line, row_of
from tui.widgets.key_bar import KeyBar
from tui.widgets.table import Lines, LineTable


class LogUpdated(Message):
    """The lines of a log so far."""

    def __init__(self, lines: tuple[str, ...]) -> None:
        super().__init__()
        self.lines = lines


class JobLog(SubScreen):
    """All that a job said, the newest last; follows while more comes."""

    HELP_TITLE = "Log of a job"
    TABLE_KEYS = Lines.BINDINGS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark,f1", "help", "Help", key_display="?"),
        Binding("escape", "back", "Back", key_display="Esc"),
        Binding("q", "app.quit", "Quit", show=False),
    ]

    def __init__(self, log: Log | ChangeLog, tick: float) -> None:
        super().__init__()
        self._log = log
        self._tick = tick
        self._lines: tuple[str, ...] = ()
        self._is_polling = False

    def compose(self) -> ComposeResult:
        """The lines; the one under the cursor in full below."""
        yield Lines([Column(f"LOG OF JOB {plain(self._log.name)}", 0)], id="log-table")
        yield Static("", id="log-status", markup=False)
        yield KeyBar()

    def on_mount(self) -> None:
        """Show the end of it, then what comes."""
        self.query_one(LineTable).focus()
        self._poll()
        self.set_interval(max(self._tick, 0.5), self._poll)

    def _poll(self) -> None:
        if not self._is_polling:
            self._is_polling = True
            self._poll_in_thread()

    @work(thread=True, group="poll")
    def _poll_in_thread(self) -> None:
        try:
            lines = self._log.look()
            if lines != self._lines:
                self.post_message(LogUpdated(lines))
        finally:
            self._is_polling = False

    def on_log_updated(self, message: LogUpdated) -> None:
        """Show the lines; the cursor stays at the end if it was there."""
        table = self.query_one(LineTable)
        at_end = table.cursor_key in (None, len(self._lines) - 1)
        self._lines = message.lines
        table.show([row_of(number, Line((line,))) for number, line in enumerate(message.lines)])
        if at_end:
            table.action_last()

    def on_line_table_moved(self, message: LineTable.Moved) -> None:
        """Show the whole line."""
        if isinstance(message.key, int) and message.key < len(self._lines):
            self.query_one("#log-status", Static).update(f" {self._lines[message.key].strip()}")

    def on_line_table_opened(self, message: LineTable.Opened) -> None:
        """h goes back."""
        if not message.wider:
            self.action_back()
