"""Machines over ssh: how each is, what was begun there; Enter goes to one."""

import subprocess
import time
from collections.abc import Sequence
from typing import ClassVar

from textual import work
from textual.app import ComposeResult, SuspendNotSupported
from textual.binding import Binding, BindingType
from textual.message import Message

from backend.remote import HostReport, survey_hosts
from tui.screens.sub_screen import SubScreen
from tui.session.own_command import own_command
from tui.text import plain
from tui.views import host_rows as views
from tui.widgets.table import LineTable

_PATIENCE = 30.0
_VERBS = {
    "check": ("check-snapshot", "--all", "--no-wait"),
    "save": ("save", "--no-wait"),
}


class HostAsked(Message):
    """A machine answered, or did not."""

    def __init__(self, report: HostReport) -> None:
        super().__init__()
        self.report = report


class BegunThere(Message):
    """What became of beginning something on a machine."""

    def __init__(self, host: str, note: str) -> None:
        super().__init__()
        self.host = host
        self.note = note


class HostsScreen(SubScreen):
    """A live table of machines; one that fails stays as a row with its reason."""

    HELP_TITLE = "Machines"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "begin('check')", "Check there"),
        Binding("s", "begin('save')", "Save there"),
        Binding("f5,R", "reload", "Ask again"),
        Binding("question_mark,f1", "help", "Help", key_display="?"),
        Binding("escape", "back", "Back", key_display="Esc"),
        Binding("q", "app.quit", "Quit", show=False),
    ]

    def __init__(self, hosts: Sequence[str], parallel: int) -> None:
        super().__init__()
        self._hosts = tuple(hosts)
        self._parallel = parallel
        self._reports: dict[str, HostReport] = {}
        self._notes: dict[str, str] = {}

    def compose(self) -> ComposeResult:
        """The machines, what happened last, keys."""
        yield from self.table_parts("Machines")

    def on_mount(self) -> None:
        """Begin to ask."""
        self.query_one(LineTable).focus()
        self.action_reload()

    @work(exclusive=True, group="ask")
    async def _ask(self) -> None:
        async for report in survey_hosts(self._hosts, self._parallel, _PATIENCE):
            self.post_message(HostAsked(report))

    def on_host_asked(self, message: HostAsked) -> None:
        """Show it."""
        self._reports[message.report.host] = message.report
        self.fill()

    def fill(self) -> None:
        """Show what is known so far."""
        rows = views.host_rows(self._hosts, self._reports, self._notes, time.time())
        table = self.query_one(LineTable)
        table.show_columns(views.host_columns(rows, self.room))
        table.show(rows)
        self.head("Machines")
        self.sum_up(views.sum_text(self._hosts, self._reports))
        self._describe()

    def _describe(self) -> None:
        host = self.query_one(LineTable).cursor_key
        if isinstance(host, str):
            report = self._reports.get(host)
            reason = plain(report.reason) if report and report.reason else "Enter goes there"
            self.say(f"{plain(host)}: {self._notes.get(host) or reason}")

    # -- keys

    def on_line_table_moved(self) -> None:
        """Tell what is known of the machine."""
        self._describe()

    def on_line_table_entered(self, message: LineTable.Entered) -> None:
        """Go there."""
        if isinstance(message.key, str):
            self._go_to(message.key)

    def on_line_table_opened(self, message: LineTable.Opened) -> None:
        """Go there, or back."""
        if message.wider and isinstance(message.key, str):
            self._go_to(message.key)
        elif not message.wider:
            self.action_back()

    def _go_to(self, host: str) -> None:
        """Have the screens of a machine in place of these, until they are left."""
        try:
            with self.app.suspend():
                code = subprocess.run([*own_command(), "-H", host], check=False).returncode
        except SuspendNotSupported:
            self.say(f"for a shell: snapstow -H {plain(host)}")
            return
        self._notes[host] = f"left with {code}" if code else ""
        self.action_reload()

    def action_reload(self) -> None:
        """Ask all of them again."""
        self._reports = {}
        self.fill()
        self._ask()

    def action_begin(self, what: str) -> None:
        """Begin something on the selected machines, or on the one under the cursor."""
        table = self.query_one(LineTable)
        for host in table.marked or {table.cursor_key}:
            if isinstance(host, str):
                self._notes[host] = f"{what}: starting…"
                self._begin(host, what)
        self.fill()

    @work(thread=True, group="begin")
    def _begin(self, host: str, what: str) -> None:
        line = [*own_command(), "-H", host, *_VERBS[what]]
        done = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        lines = (done.stderr if done.returncode else done.stdout).strip().splitlines()
        text = lines[-1] if lines else f"ended with {done.returncode}"
        note = text if done.returncode else f"{what}: job {text}"
        self.post_message(BegunThere(host, plain(note)))

    def on_begun_there(self, message: BegunThere) -> None:
        """Show it in the row."""
        self._notes[message.host] = message.note
        self.fill()
