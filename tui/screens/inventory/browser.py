"""Browsing an inventory: a table that is filtered, sorted and grouped, with details of what is chosen."""

import os
import pwd
import time
from collections.abc import Hashable, Iterator, Mapping, Sequence

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static

from backend import Action, Snapshot, UndoOffer
from backend.store import CheckState
from tui.screens.inventory.poller import PlaceScreen
from tui.session.inventory import InventoryData, Part, Pivot
from tui.session.job_views import JobView
from tui.session.place import Place
from tui.text import cut_path, moment_text, plain, size_text
from tui.views.set_rows import Choosing, ListOptions, SetKey, SnapKey, Sort, View, columns, rows
from tui.widgets.details import Details, Fact, details_of
from tui.widgets.job_strip import JobStrip
from tui.widgets.key_bar import KeyBar
from tui.widgets.table import LineTable
from tui.widgets.text import set_text

DETAILS_MIN_WIDTH = 110
_DETAILS = 40
_AGING = 60.0


class ArchivesLoaded(Message):
    """The archives of an opened snapshot are known."""

    def __init__(self, path: str, parts: Mapping[str, Part]) -> None:
        super().__init__()
        self.path = path
        self.parts = parts


class InventoryBrowser(PlaceScreen):
    """The sets of a place as a table, which follows the place while the cursor stays."""

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._wish = ListOptions()
        self._choosing = Choosing()
        self._parts: dict[str, Mapping[str, Part]] = {}
        self._shows_details = True
        self._status_follows_row = True

    def compose(self) -> ComposeResult:
        """Header, table with details beside it, filter, what can be undone, jobs, keys."""
        yield Static("", id="header", markup=False)
        with Horizontal(id="middle"):
            yield LineTable(columns(80, Pivot.SET), id="table")
            yield Details(id="details")
        box = Input(placeholder="filter: snaps, users, #numbers, notes, states", id="filter")
        box.cursor_blink = False
        box.display = False
        yield box
        yield Static("Loading…", id="status", markup=False)
        offers = Static("", id="offers", markup=False)
        offers.display = False
        yield offers
        yield JobStrip(id="jobs")
        yield KeyBar()

    def on_mount(self) -> None:
        """Begin at the table; ages grow while the screen is open."""
        self._table.focus()
        self.set_interval(_AGING, self._grow_older)
        if warning := self._place.engine.warning:
            self.say(warning)

    @property
    def _table(self) -> LineTable:
        return self.query_one(LineTable)

    # -- what is seen

    def show_inventory(self, inventory: InventoryData) -> None:
        """Show it; the archives of expanded snapshots are read again."""
        opened = {key.path for key in self._wish.opened if isinstance(key, SnapKey)}
        self._parts = {path: parts for path, parts in self._parts.items() if path in opened}
        for path in opened & inventory.by_path.keys():
            self._load_archives(inventory.by_path[path])
        self.fill()

    def show_jobs(self, jobs: list[JobView]) -> None:
        """Show them on one line."""
        self.query_one(JobStrip).show(jobs)

    def show_offers(self, offers: list[UndoOffer]) -> None:
        """Show on one line what u would undo, as long as it can."""
        line = self.query_one("#offers", Static)
        line.display = bool(offers)
        if offers:
            set_text(line, Text(f" {_offer_text(offers, self.size.width - 2)}"))

    def show_refusals(self) -> None:
        """Let the keys below the table show what is available."""
        self.query_one(KeyBar).renew()
        if self._inventory is not None:
            set_text(self.query_one("#header", Static), self._head(self._inventory))

    def say(self, text: str) -> None:
        """Say something on the status line; it stays until a key moves the cursor or says something else."""
        self._status_follows_row = False
        set_text(self.query_one("#status", Static), Text(f" {plain(text)}"))

    def _describe_row(self, text: str) -> None:
        """The same for what holds of the rows in sight only."""
        self.say(text)
        self._status_follows_row = True

    def _grow_older(self) -> None:
        self.fill()
        self.show_offers([offer for offer in self._offers if offer.until > time.time()])

    def on_resize(self) -> None:
        """Choose the columns that fit."""
        self.fill()

    def fill(self) -> None:
        """Show the inventory, filtered, sorted and grouped."""
        inventory = self._inventory
        if inventory is None:
            return
        wide = self.size.width >= DETAILS_MIN_WIDTH and self._shows_details
        self.query_one(Details).display = wide
        width = self.size.width - (_DETAILS if wide else 0)
        self._table.show_columns(columns(width, self._wish.pivot))
        table_rows = rows(View(inventory, time.time(), width, self._parts), self._wish)
        self._table.show(table_rows)
        set_text(self.query_one("#header", Static), self._head(inventory))
        self._describe(self.chosen())
        if not table_rows and self._status_follows_row:
            self._describe_row(self._why_empty())

    def _why_empty(self) -> str:
        if self._wish.filter:
            return f'no match for "{self._wish.filter}" · Esc clears the filter'
        return "No snapshots yet. s saves a set, i imports a file."

    def _head(self, inventory: InventoryData) -> Text:
        care = [
            Text(f" {inventory.counts[state]} {state.value}", style="bold red" if bad else "yellow")
            for state, bad in ((CheckState.BROKEN, True), (CheckState.FAILED, True), (CheckState.OLD, False))
            if inventory.counts[state]
        ]
        head = Text.assemble(*care, f" {cut_path(plain(self._place.engine.layout.root), 30)}")
        for word in self._facts(inventory):
            if head.cell_len + len(word) + 3 < self.size.width:
                head.append(f" · {word}")
        return head

    def _facts(self, inventory: InventoryData) -> Iterator[str]:
        """What the header shows, the most important first."""
        yield "read-only" if self._availability.refusal(Action.SAVE) else who()
        if self._engine_summary.text:
            yield plain(self._engine_summary.text)
        yield (
            f"{len(inventory.sets)} sets"
            if inventory.complete
            else f"{len(inventory.sets)} sets, loading more…"
        )
        yield f"{size_text(inventory.stored).strip()} stored"
        yield f"{size_text(inventory.free).strip()} free"
        yield f"{inventory.counts[CheckState.NEVER]} never checked"

    # -- moving about

    def on_line_table_moved(self, message: LineTable.Moved) -> None:
        """Describe the row; a message stays when the cursor moved only because the rows did."""
        selected, chosen = len(self._table.marked), self.chosen()
        if chosen and (message.by_key or self._status_follows_row):
            head = f"{selected} selected · " if selected else ""
            self._describe_row(head + cut_path(plain(chosen[0].path), self.size.width - 2 - len(head)))
        self._describe(chosen)

    def _describe(self, chosen: Sequence[Snapshot]) -> None:
        pane = self.query_one(Details)
        if pane.display:
            pane.show(self._details_of(chosen))

    def _details_of(self, chosen: Sequence[Snapshot]) -> list[Fact]:
        return details_of(chosen, self._inventory or InventoryData(), self._offers, time.time())

    def on_line_table_entered(self, message: LineTable.Entered) -> None:
        """Look inside a snapshot; open or close any other row."""
        if not self.look_inside(message.key):
            self.on_line_table_opened(LineTable.Opened(message.key, wider=not message.is_open))

    def look_inside(self, key: Hashable) -> bool:  # noqa: ARG002 - the inventory looks at it
        """Show what is in a row; False where it is none that can be looked into."""
        return False

    def on_line_table_opened(self, message: LineTable.Opened) -> None:
        """Open or close a row."""
        opened = self._wish.opened
        self._wish = self._wish._replace(
            opened=opened | {message.key} if message.wider else opened - {message.key}
        )
        inventory, key = self._inventory or InventoryData(), message.key
        if message.wider and isinstance(key, SnapKey) and key.path in inventory.by_path:
            self._load_archives(inventory.by_path[key.path])
        self.fill()

    @work(thread=True, group="archives")
    def _load_archives(self, snapshot: Snapshot) -> None:
        self.post_message(ArchivesLoaded(snapshot.path, self._place.parts(snapshot)))

    def on_archives_loaded(self, message: ArchivesLoaded) -> None:
        """Show the archives with what is known of them."""
        self._parts[message.path] = message.parts
        self.fill()

    def chosen(self) -> list[Snapshot]:
        """The snapshots that a verb would act on: the selected rows', or else the row's under the cursor."""
        if self._inventory is None:
            return []
        keys = frozenset(self._table.marked or {self._table.cursor_key})
        return self._choosing.chosen(self._inventory, keys)

    # -- filtering and sorting

    def action_filter(self) -> None:
        """Filter the rows."""
        box = self.query_one("#filter", Input)
        box.display = True
        box.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while typing."""
        self.change_view(self._wish._replace(filter=event.value))

    def on_input_submitted(self) -> None:
        """Back to the table, the filter stays."""
        self._table.focus()

    def action_back(self) -> None:
        """Clear the filter, or else the selection."""
        box = self.query_one("#filter", Input)
        self._table.focus()
        if not box.display:
            self._table.action_mark_none()
            return
        box.value = ""
        box.display = False
        self.change_view(self._wish._replace(filter=""))

    def change_view(self, wish: ListOptions, status: str = "") -> None:
        """Show something else, and say what."""
        self._wish = wish
        self._status_follows_row = True
        self.fill()
        if status:
            self.say(status)

    def action_pivot(self) -> None:
        """Group by set, snap or user, in turn."""
        around = list(Pivot)
        self.group_by(around[(around.index(self._wish.pivot) + 1) % len(around)])

    def group_by(self, pivot: Pivot) -> None:
        """Show the rows grouped by something."""
        self.change_view(self._wish._replace(pivot=pivot, opened=frozenset()), f"grouped by {pivot.value}")

    def action_sort(self) -> None:
        """Sort by age, size and so on, in turn."""
        around = list(Sort)
        self.sort_by(around[(around.index(self._wish.sort) + 1) % len(around)])

    def sort_by(self, sort: Sort) -> None:
        """Sort the rows."""
        self.change_view(self._wish._replace(sort=sort), f"sorted by {sort.value}")

    def show_set(self, set_id: int) -> None:
        """Put the cursor on a set, and clear what hides it."""
        key = SetKey(set_id)
        self._table.select(key)
        if self._table.cursor_key != key:
            if self._wish.filter:
                self.action_back()
            if self._wish.pivot is not Pivot.SET:
                self.group_by(Pivot.SET)
            self._table.select(key)

    def action_details(self) -> None:
        """Show or hide the details.

        Where they do not fit beside the table, they are shown alone.
        """
        if self.size.width >= DETAILS_MIN_WIDTH:
            self._shows_details = not self._shows_details
            self.fill()
        else:
            from tui.dialogs.details import ShowDetails

            self.app.push_screen(ShowDetails(self._details_of(self.chosen())))


def who() -> str:
    """Who works here."""
    try:
        return plain(pwd.getpwuid(os.geteuid()).pw_name)
    except KeyError:
        return str(os.geteuid())


def _offer_text(offers: list[UndoOffer], width: int) -> str:
    """What can be undone until when, and the space it uses; shorter where it does not fit."""
    newest = offers[0]
    until = moment_text(newest.until)
    uses = f"uses {size_text(sum(offer.held for offer in offers)).strip()}"
    more = f" and {len(offers) - 1} more" if offers[1:] else ""
    long = f"u undoes job {newest.job} (#{newest.set_id}){more} until {until} · {uses}"
    return long if len(long) <= width else f"u undoes #{newest.set_id} until {until} · {uses}"
