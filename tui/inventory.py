"""The first screen: every set, its state, nothing hidden."""

import time
from collections.abc import Hashable
from typing import ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Footer, Input, Static
from textual.worker import get_current_worker

from backend import (
    Check,
    CheckState,
    Operation,
    Restore,
    Snapshot,
    SnapshotError,
    SnapshotSet,
    Undo,
    command_line,
)
from tui import verbkeys
from tui.endings import Endings
from tui.follow import Board
from tui.place import Place, Stock
from tui.present import cut_middle, plain, size_text
from tui.rows import Pivot, Sort, View, Wish, columns, rows
from tui.verbkeys import Launched, Looked, Missed
from tui.widgets.details import details_of
from tui.widgets.jobstrip import JobStrip
from tui.widgets.table import LineTable

_ROOM_FOR_DETAILS = 110


class Inventory(Screen[None]):
    """Browse the sets of a place; every verb starts here."""

    BINDINGS: ClassVar[list[BindingType]] = list(verbkeys.KEYS)

    def __init__(self, place: Place, tick: float) -> None:
        super().__init__()
        self._place = place
        self._tick = tick
        self._endings = Endings()
        self._board = Board(place.engine.journal, place.words)
        self._stock: Stock | None = None
        self._stamp: tuple[int, ...] = ()
        self._is_looking = False
        self._look_afterwards = False
        self._wish = Wish()
        self._shown_details = True

    def compose(self) -> ComposeResult:
        """Header, table with details beside it, filter, jobs, keys."""
        yield Static("", id="header", markup=False)
        with Horizontal(id="middle"):
            yield LineTable(columns(80, Pivot.SET), id="table")
            yield Static("", id="details", markup=False)
        box = Input(placeholder="filter: words, names, #numbers, notes", id="filter")
        box.cursor_blink = False
        yield box
        yield Static("", id="status", markup=False)
        yield JobStrip(id="jobs")
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        """Look now, and again while the screen is open."""
        self.query_one("#filter", Input).display = False
        self.query_one("#status", Static).update("Looking…")
        self.query_one(LineTable).focus()
        self._look()
        self.set_interval(1.0, self._look_again)

    # -- looking

    def action_look(self) -> None:
        """Look at everything anew; a look that is under way is followed by another."""
        self._look_afterwards = self._is_looking
        self._stamp = ()
        self._look()

    def _look_again(self) -> None:
        if self.is_current:
            self._look()

    def _look(self) -> None:
        if not self._is_looking:
            self._is_looking = True
            self._look_from(self._stamp)

    @work(thread=True, group="look", exit_on_error=True)
    def _look_from(self, known: tuple[int, ...]) -> None:
        worker = get_current_worker()
        message: Message
        try:
            stamp = self._place.stamp()
            stock = self._place.stock() if stamp != known else None
            message = Looked(stock, self._board.views(), stamp)
        except SnapshotError as trouble:
            message = Missed(str(trouble))
        if not worker.is_cancelled:
            self.post_message(message)

    def on_looked(self, message: Looked) -> None:
        """Show what was seen."""
        self._stamp = message.stamp
        self.query_one(JobStrip).show(message.jobs)
        if message.stock is not None:
            self._stock = message.stock
            self._fill()
        for line in self._endings.news(message.jobs):
            self._say(line)
        self._end_look()

    def on_missed(self, message: Missed) -> None:
        """Say why nothing was seen; what is shown stays."""
        self._say(message.trouble)
        self._end_look()

    def _end_look(self) -> None:
        self._is_looking = False
        if self._look_afterwards:
            self.action_look()

    def on_resize(self) -> None:
        """Choose the columns that fit."""
        self._fill()

    def _fill(self) -> None:
        if self._stock is None:
            return
        table = self.query_one(LineTable)
        wide = self.size.width >= _ROOM_FOR_DETAILS and self._shown_details
        self.query_one("#details", Static).display = wide
        width = self.size.width - (40 if wide else 0)
        table.show_columns(columns(width, self._wish.pivot))
        found = rows(View(self._stock, time.time(), width), self._wish)
        table.show(found)
        self._head()
        self._describe()
        if not found:
            self._say(self._why_empty())

    def _why_empty(self) -> str:
        if self._wish.filter:
            return f'nothing matches "{plain(self._wish.filter)}" · Esc shows everything'
        return "No snapshots here yet. s saves one, i imports a file."

    def _head(self) -> None:
        assert self._stock is not None
        standings = list(self._stock.standing.values())
        counts = {state: sum(1 for one in standings if one.state is state) for state in CheckState}
        care = [
            Text(f" {counts[state]} {state.value}", style="bold red" if bad else "yellow")
            for state, bad in ((CheckState.BROKEN, True), (CheckState.FAILED, True), (CheckState.OLD, False))
            if counts[state]
        ]
        words = [
            cut_middle(plain(self._place.engine.layout.root), 30),
            "read-only" if self._place.read_only or self._place.engine.refusal("save") else _who(),
            f"{len(self._stock.sets)} sets",
            f"{size_text(self._stock.stored).strip()} stored",
            f"{size_text(self._stock.free).strip()} free",
            f"{counts[CheckState.NEVER]} never checked",
        ]
        head = Text.assemble(*care, f" {words[0]}")
        for word in words[1:]:
            if head.cell_len + len(word) + 3 < self.size.width:
                head.append(f" · {word}")
        self.query_one("#header", Static).update(head)

    def _say(self, text: str) -> None:
        self.query_one("#status", Static).update(f" {plain(text)}")

    # -- moving about

    def on_line_table_moved(self, _message: LineTable.Moved) -> None:
        """Tell everything about the row."""
        table = self.query_one(LineTable)
        if table.cursor_key is None:
            return
        told = " · ".join(plain(one.path) for one in self.chosen()[:1])
        self._say(f"{len(table.marked)} marked · {told}" if table.marked else told)
        self._describe()

    def _describe(self) -> None:
        if self._stock is not None:
            details = details_of(self.chosen(), self._stock, time.time())
            self.query_one("#details", Static).update(details)

    def on_line_table_opened(self, message: LineTable.Opened) -> None:
        """Open or close a row."""
        opened = set(self._wish.opened)
        if message.wider:
            opened.add(message.key)
        else:
            opened.discard(message.key)
        self._wish = self._wish._replace(opened=frozenset(opened))
        self._fill()

    def action_filter(self) -> None:
        """Type a filter."""
        box = self.query_one("#filter", Input)
        box.display = True
        box.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while typing."""
        self._wish = self._wish._replace(filter=event.value)
        self._fill()

    def on_input_submitted(self) -> None:
        """Back to the table, the filter stays."""
        self.query_one(LineTable).focus()

    def action_back(self) -> None:
        """Take the filter away."""
        box = self.query_one("#filter", Input)
        box.value = ""
        box.display = False
        self._wish = self._wish._replace(filter="")
        self.query_one(LineTable).focus()
        self._fill()

    def action_pivot(self) -> None:
        """Gather by set, by snap, by user."""
        around = list(Pivot)
        pivot = around[(around.index(self._wish.pivot) + 1) % len(around)]
        self._wish = self._wish._replace(pivot=pivot, opened=frozenset())
        self._fill()
        self._say(f"gathered by {pivot.value}")

    def action_sort(self) -> None:
        """Order by number, age, size, care."""
        around = list(Sort)
        sort = around[(around.index(self._wish.sort) + 1) % len(around)]
        self._wish = self._wish._replace(sort=sort)
        self._fill()
        self._say(f"sorted by {sort.value}")

    def action_details(self) -> None:
        """Show or hide the details beside the table."""
        self._shown_details = not self._shown_details
        self._fill()
        if self.size.width < _ROOM_FOR_DETAILS:
            self._say(f"too narrow for the details: they need {_ROOM_FOR_DETAILS} columns")

    # -- what is chosen

    def chosen(self) -> list[Snapshot]:
        """The snapshots that a verb would act on: the marked rows', or else the row's under the cursor."""
        table = self.query_one(LineTable)
        keys: set[Hashable] = table.marked or {table.cursor_key}
        return verbkeys.chosen(self._stock, keys)

    def _chosen_sets(self) -> list[SnapshotSet]:
        """The sets that are chosen, each with the chosen snapshots only."""
        return verbkeys.gathered(self.chosen())

    def _snaps_of(self, part: SnapshotSet) -> tuple[str, ...]:
        return verbkeys.snaps_of(part, self._stock)

    def _one_set(self, verb: str) -> SnapshotSet | None:
        """The one set that is chosen, or None after saying why the verb cannot be had."""
        if reason := self._place.refusal(verb):
            self._say(reason)
            return None
        sets = self._chosen_sets()
        if len(sets) != 1:
            self._say(f"choose one set to {verb}")
            return None
        return sets[0]

    # -- verbs

    @work(thread=True, group="start")
    def start(self, *operations: Operation) -> None:
        """Start operations one after the other, each as a job of its own."""
        troubles = []
        for operation in operations:
            try:
                self._place.runner.start(operation)
            except SnapshotError as trouble:
                troubles.append(str(trouble))
        self.post_message(Launched(troubles))

    def on_launched(self, message: Launched) -> None:
        """Say what could not be started, and look at what was."""
        if message.troubles:
            self._say("; ".join(message.troubles))
        self._look()

    def action_check(self) -> None:
        """Verify what is chosen."""
        if operations := [Check(part.set_id, self._snaps_of(part)) for part in self._chosen_sets()]:
            self.start(*operations)

    @work
    async def action_restore(self) -> None:
        """Show the plan, then restore by it."""
        from tui.dialogs.restore import AskRestore

        if part := self._one_set("restore"):
            wanted = Restore(part.set_id, self._snaps_of(part))
            if answer := await self.app.push_screen_wait(AskRestore(self._place, wanted)):
                self.start(answer)

    @work
    async def action_save(self) -> None:
        """Choose snaps and users, then save."""
        from tui.dialogs.save import AskSave

        if reason := self._place.refusal("save"):
            self._say(reason)
        elif answer := await self.app.push_screen_wait(AskSave(self._place)):
            self.start(answer)

    @work
    async def action_export(self) -> None:
        """Choose where to, then export."""
        from tui.dialogs.export import AskExport

        sets = self._chosen_sets()
        if len(sets) != 1:
            self._say("choose one set to export")
        elif answer := await self.app.push_screen_wait(AskExport(self._place, sets[0])):
            self.start(answer)

    @work
    async def action_import(self) -> None:
        """Choose a file, look into it, then import."""
        from tui.dialogs.take_in import AskImport

        if reason := self._place.refusal("import-snapshot"):
            self._say(reason)
        elif answer := await self.app.push_screen_wait(AskImport(self._place)):
            self.start(answer)

    @work
    async def action_forget(self) -> None:
        """Ask for the number, then forget what is chosen."""
        from tui.dialogs.forget import AskForget, forgets

        if reason := self._place.refusal("forget"):
            self._say(reason)
            return
        sets = self._chosen_sets()
        if not sets or self._stock is None:
            return
        operations = forgets(sets, self._stock)
        if await self.app.push_screen_wait(AskForget(sets, self._stock, self._place.words)):
            self.start(*operations)

    @work
    async def action_undo(self) -> None:
        """Choose a restore to take back."""
        from tui.dialogs.undo import AskUndo

        if reason := self._place.refusal("undo"):
            self._say(reason)
        elif answer := await self.app.push_screen_wait(AskUndo(self._place)):
            self.start(Undo(answer))

    def action_jobs(self) -> None:
        """Show all jobs."""
        from tui.jobs import Jobs

        self.app.push_screen(Jobs(self._place, self._board, self._tick))

    def action_copy(self) -> None:
        """Copy the command that restores what is chosen."""
        if sets := self._chosen_sets():
            text = command_line(Restore(sets[0].set_id, self._snaps_of(sets[0])), self._place.words)
            self.app.copy_to_clipboard(text)
            self._say(f"copied: {text}")

    def action_help(self) -> None:
        """Explain the keys of this screen."""
        from tui.dialogs.help import Help

        self.app.push_screen(Help("Inventory", self.BINDINGS + LineTable.BINDINGS))


def _who() -> str:
    import os
    import pwd

    try:
        return plain(pwd.getpwuid(os.geteuid()).pw_name)
    except KeyError:
        return str(os.geteuid())
