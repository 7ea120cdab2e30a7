"""What needs attention at a place, and what can be done about each of it."""

import time
from collections.abc import Hashable
from typing import ClassVar, Protocol

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content

from backend import Action, Finding, Repair, command_line
from tui.dialogs.lines import DIM, Line, styled
from tui.phrases import count_phrase
from tui.screens.launcher import Launcher
from tui.screens.sub_screen import SubScreen
from tui.session.place import Place
from tui.views import care_rows as views
from tui.views.care_rows import Care, FindingKey, JobKey, OfferKey, RestKey, Section
from tui.views.set_keys import SetKey, SnapKey
from tui.views.table import Column, Row, row_of
from tui.views.table import Line as TableLine
from tui.widgets.table import LineTable


class Carer(Launcher, Protocol):
    """The screen below: it knows the place, and goes to what is chosen here."""

    @property
    def care(self) -> Care:
        """What is known of the place now."""

    @property
    def unknown(self) -> str:
        """Why nothing is known of the sets of the place, or nothing."""

    def go_to(self, set_id: int, action: str = "") -> None:
        """Move the cursor to a set, then run an action on it."""

    def show_job(self, name: str) -> None:
        """Show a job among all others."""

    def action_reload(self) -> None:
        """Reload everything."""

    def action_check(self) -> object:
        """Choose what is checked, and how."""

    def show_worst_first(self) -> None:
        """List all sets, those that need attention most at the top."""


class CareScreen(SubScreen):
    """Everything that needs attention, in sections; Enter leads to each of it, or does what remedies it."""

    HELP_TITLE = "What needs attention"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "check", "Check"),
        Binding("e", "export", "Export"),
        Binding("J", "jobs", "Jobs"),
        Binding("f5,R", "reload", "Refresh"),
        Binding("question_mark,f1", "help", "Help", key_display="?"),
        Binding("escape,q,exclamation_mark", "back", "Back", key_display="Esc"),
    ]

    def __init__(self, place: Place, carer: Carer, section: Section | None = None) -> None:
        super().__init__()
        self._place = place
        self._carer = carer
        self._section = section
        self._rows: list[Row] = []
        self._folded: frozenset[Hashable] = frozenset()

    def compose(self) -> ComposeResult:
        """The list, what happened last, keys."""
        yield from self.table_parts("")

    def on_mount(self) -> None:
        """Begin at the section that was asked for."""
        self._table.focus()
        self.fill()
        if self._section is not None:
            self._table.select(self._section)

    @property
    def _table(self) -> LineTable:
        return self.query_one(LineTable)

    def fill(self) -> None:
        """Show what is known now."""
        sections = views.items_of(self._carer.care, time.time())
        nothing = row_of("nothing", TableLine((self._carer.unknown or views.NOTHING,)))
        self._table.show_columns(views.care_columns(sections, self.room) if sections else [Column("", 0)])
        self._rows = views.care_rows(sections, self._folded) or [nothing]
        self._table.show(self._rows)
        self.head(self.HELP_TITLE)
        self.sum_up(
            count_phrase(sum(listed.total for listed in sections.values()), "row") if sections else ""
        )

    def on_line_table_moved(self) -> None:
        """Tell all of the row."""
        rows = (row for row in self._rows if row.key == self._table.cursor_key)
        line = next(rows).draw() if self._rows else TableLine(())
        self.say("".join(line.cells[3:]) or " · ".join(filter(None, line.cells)))

    # -- where rows lead

    def on_line_table_opened(self, message: LineTable.Opened) -> None:
        """Open or close a section."""
        key = {message.key}
        self._folded = self._folded - key if message.wider else self._folded | key
        self.fill()

    def on_line_table_entered(self, message: LineTable.Entered) -> None:
        """Go to what is in the row, or remedy it."""
        match message.key:
            case Section():
                self.on_line_table_opened(LineTable.Opened(message.key, wider=not message.is_open))
            case SetKey(number) | SnapKey(number):
                self._leave_for(number)
            case JobKey(name):
                self._carer.show_job(name)
            case OfferKey(job):
                self._carer.show_job(str(job))
            case FindingKey():
                self._remedy(message.key)
            case RestKey():
                self.dismiss()
                self._carer.show_worst_first()
            case _:
                pass

    def _leave_for(self, set_id: int, action: str = "") -> None:
        self.dismiss()
        self._carer.go_to(set_id, action)

    def _act(self, action: str) -> None:
        """Go to the set under the cursor, and begin something with it."""
        match self._table.cursor_key:
            case SetKey(number) | SnapKey(number):
                self._leave_for(number, action)
            case _:
                self.say(f"select a snapshot set to {action}")

    def action_check(self) -> None:
        """Check the set under the cursor; from a heading, choose which ones."""
        if isinstance(self._table.cursor_key, Section | RestKey):
            self.dismiss()
            self._carer.action_check()
        else:
            self._act("check")

    def action_export(self) -> None:
        """Export the set under the cursor."""
        self._act("export")

    def action_jobs(self) -> None:
        """Show all jobs."""
        self._carer.action_jobs()

    def action_reload(self) -> None:
        """Reload everything."""
        self._carer.action_reload()

    @work
    async def _remedy(self, key: FindingKey) -> None:
        """Clean up after one question; one repair does all that can be repaired."""
        repairable = [finding for finding in self._carer.care.findings if finding.repair]
        if not any(FindingKey(*finding[:3]) == key for finding in repairable):
            self.say("nothing is to be done here: it is left alone")
            return
        if reason := self._place.refusal(Action.REPAIR):
            self.say(reason)
            return
        from tui.dialogs.confirm import ConfirmFinal

        lines = [Line(number, _told(finding)) for number, finding in enumerate(repairable)]
        command = command_line(Repair(), self._place.location_options)
        if await self.app.push_screen_wait(
            ConfirmFinal("Repair what doctor found", "Repair", lines, command)
        ):
            await self._carer.launch(Repair())
            self.say("repair started: J shows its progress")


def _told(finding: Finding) -> Content:
    """What a repair would do about a finding, and where."""
    sentence = styled(f"{finding.text}. The repair would {finding.repair}.")
    return Content.assemble(sentence, "\n", styled(finding.path, DIM))
