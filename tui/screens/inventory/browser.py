"""Browsing an inventory: a table that is filtered, sorted and grouped, with details of what is chosen."""

import os
import pwd
import time
from collections.abc import Hashable, Mapping, Sequence

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Input, Static

from backend import Action, Snapshot, UndoOffer
from tui.phrases import count_phrase
from tui.screens.inventory.keys import ACTING
from tui.screens.inventory.poller import PlaceScreen
from tui.session.inventory import InventoryData, Part, Pivot
from tui.session.job_views import JobView
from tui.session.place import Place
from tui.text import amount_text, plain
from tui.views.care_rows import Care
from tui.views.header import Site, attention
from tui.views.set_columns import columns
from tui.views.set_details import Section, sections_of, sentence_of, title_of
from tui.views.set_keys import Choosing, SetKey, SnapKey
from tui.views.set_rows import ListOptions, Sort, View, rows
from tui.views.table import Column, Line, row_of
from tui.widgets.details import Details, folded
from tui.widgets.filter_box import FilterBox
from tui.widgets.header import Header
from tui.widgets.job_strip import JobStrip
from tui.widgets.key_bar import KeyBar
from tui.widgets.overview import Overview
from tui.widgets.panel import Titled, has_room_for_frames
from tui.widgets.table import BESIDE_ROWS, UNSETTLED, LineTable
from tui.widgets.text import set_text

DETAILS_MIN_WIDTH = 110
_OVERVIEW_MIN_HEIGHT = 16
_DETAILS = 34
_SIGN = 3  # the cells of a row's sign, and the gap after its text
_AGING = 60.0


class ArchivesLoaded(Message):
    """The archives of an opened snapshot are known."""

    def __init__(self, path: str, parts: Mapping[str, Part]) -> None:
        super().__init__()
        self.path = path
        self.parts = parts


class SetsPanel(Titled, Vertical):
    """The table of the sets in its frame."""


class InventoryBrowser(PlaceScreen):
    """The sets of a place as a table, which follows the place while the cursor stays."""

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._wish = ListOptions()
        self._choosing = Choosing()
        self._parts: dict[str, Mapping[str, Part]] = {}
        self._shows_details = True
        self._shows_overview = True
        self._status_follows_row = True
        self._jobs_shown: list[JobView] = []

    def compose(self) -> ComposeResult:
        """Header, pictures, table with details beside it, filter, status, jobs, keys."""
        yield Header()
        yield Overview()
        with Horizontal(id="middle"):
            with SetsPanel(id="sets"):
                yield LineTable([], id="table", acts=ACTING, clock=lambda: self._place.clock())
            yield Details(id="details")
        yield FilterBox()
        yield Static("Loading…", id="status", markup=False)
        yield JobStrip(id="jobs")
        yield KeyBar()

    def on_mount(self) -> None:
        """Begin at the table; ages grow while the screen is open."""
        self._frame()
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
        self._jobs_shown = jobs
        self.query_one(JobStrip).show(jobs)
        self._show_header()

    def show_offers(self, offers: list[UndoOffer]) -> None:  # noqa: ARG002 - they are known
        """Count in the header what can be undone."""
        self._show_header()

    def show_refusals(self) -> None:
        """Let the keys below the table show what is available."""
        self.query_one(KeyBar).renew()
        self._show_header()

    def show_findings(self) -> None:
        """Count in the header what doctor found."""
        self._show_header()

    @property
    def care(self) -> Care:
        """What is known of the place, as far as it may need attention."""
        stock = self._inventory or InventoryData()
        return Care(stock, self._jobs_shown, self._offers, self._findings)

    def _show_header(self) -> None:
        root = self._place.engine.layout.root
        site = Site(
            os.uname().nodename,
            "" if root == "/" else root,
            "read-only" if self._availability.refusal(Action.SAVE) else who(),
            self._engine_summary.text,
        )
        self.query_one(Header).show(site, list(attention(self.care, time.time())))

    def say(self, text: str) -> None:
        """Say something on the status line; it stays until a key moves the cursor or says something else."""
        self._status_follows_row = False
        set_text(self.query_one("#status", Static), Text(f" {plain(text)}"))

    def _describe_row(self, text: str) -> None:
        """The same for what holds of the rows in sight only."""
        self.say(text)
        self._status_follows_row = True

    def _grow_older(self) -> None:
        self._offers = [offer for offer in self._offers if offer.until > time.time()]
        self.fill()

    def on_resize(self) -> None:
        """Choose what fits."""
        self._frame()
        self._arrange()

    def _frame(self) -> None:
        """Put frames around the panels where there is room for them."""
        panels = has_room_for_frames(self.app.size)
        for name in ("#overview", "#sets", "#details", "#jobs"):
            self.query_one(name).set_class(panels, "panel")

    def _arrange(self) -> None:
        """Show what is wished, as far as there is room."""
        width, height = self.size
        self.query_one(Details).display = self._shows_details and width >= DETAILS_MIN_WIDTH
        self.query_one(Overview).display = self._shows_overview and height >= _OVERVIEW_MIN_HEIGHT
        self.fill()

    @property
    def _sets(self) -> SetsPanel:
        return self.query_one(SetsPanel)

    def _room(self) -> int:
        """The cells for the columns of the table."""
        details = _DETAILS if self.query_one(Details).display else 0
        return self.size.width - details - BESIDE_ROWS - (2 if self._sets.has_class("panel") else 0)

    def fill(self) -> None:
        """Show the inventory, filtered, sorted and grouped."""
        inventory = self._inventory
        if inventory is None:
            self._fill_with_failure()
            return
        view = View(inventory, time.time(), self._parts)
        table_rows = rows(view, self._wish)
        self._table.show_columns(columns(table_rows, view, self._wish, self._room()))
        self._table.show(table_rows)
        self.query_one(Overview).show(inventory, view.now)
        self._sets.entitle("Snapshot sets", self._sum_of(inventory))
        self._show_header()
        self._describe(self.chosen())
        if not table_rows and self._status_follows_row:
            self._describe_row(self._why_empty())

    def show_failure(self) -> None:
        """Say where one works, and in the place of the sets why there are none."""
        self._status_follows_row = self._inventory is None
        self._show_header()
        self.fill()

    def _fill_with_failure(self) -> None:
        if self._failure:
            self._sets.entitle("Snapshot sets", "cannot be listed")
            self._table.show_columns([Column("", 0)])
            lines = folded(plain(self._failure), max(1, self._room() - _SIGN))
            self._table.show([row_of(None, Line((line,), ("bad",))) for line in lines])

    def _sum_of(self, inventory: InventoryData) -> str:
        sets = count_phrase(len(inventory.sets), "set")
        if not inventory.complete:
            return f"{sets}, loading more…"
        return f"{sets} · {amount_text(inventory.stored)} · {self._wish.order}"

    def _why_empty(self) -> str:
        if self._wish.filter:
            return f'no match for "{self._wish.filter}" · Esc clears the filter'
        return "No snapshots yet. s saves a set, i imports a file."

    # -- moving about

    def on_line_table_moved(self, message: LineTable.Moved) -> None:
        """Describe the row; a message stays when the cursor moved only because the rows did."""
        chosen = self.chosen()
        if message.by_key:
            self._status_follows_row = True
        self._describe(chosen)

    def _describe(self, chosen: Sequence[Snapshot]) -> None:
        stock, selected = self._inventory or InventoryData(), len(self._table.marked)
        if chosen and self._status_follows_row:
            head = f"{selected} selected · " if selected else ""
            self._describe_row(head + sentence_of(chosen, stock, time.time()))
        pane = self.query_one(Details)
        if pane.display:
            pane.show(title_of(chosen), self._sections_of(chosen))

    def _sections_of(self, chosen: Sequence[Snapshot]) -> list[Section]:
        parts = self._parts.get(chosen[0].path, {}) if chosen else {}
        stock = self._inventory or InventoryData()
        return sections_of(chosen, stock, self._offers, time.time(), parts=parts)

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
        box = self.query_one(FilterBox)
        box.display = True
        box.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while typing."""
        self.change_view(self._wish._replace(filter=event.value))

    def on_input_submitted(self) -> None:
        """Back to the table, the filter stays."""
        self._table.focus()

    def action_back(self) -> None:
        """Clear the filter, or the selection."""
        box = self.query_one(FilterBox)
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
        self._table.settle()
        if status:
            self.say(status)

    def action_pivot(self) -> None:
        """Group by set, snap or user."""
        around = list(Pivot)
        self.group_by(around[(around.index(self._wish.pivot) + 1) % len(around)])

    def group_by(self, pivot: Pivot) -> None:
        """Show the rows grouped by something."""
        self.change_view(self._wish._replace(pivot=pivot, opened=frozenset()), f"grouped by {pivot.value}")

    def action_sort(self) -> None:
        """Sort by the next column."""
        around = list(Sort)
        self.sort_by(around[(around.index(self._wish.sort) + 1) % len(around)])

    def action_reverse(self) -> None:
        """Reverse the order."""
        self.sort_by(self._wish.sort)

    def sort_by(self, sort: Sort) -> None:
        """Sort the rows; by what they are sorted by already, the other way round."""
        is_reversed = sort is self._wish.sort and not self._wish.is_reversed
        wish = self._wish._replace(sort=sort, is_reversed=is_reversed)
        self.change_view(wish, f"sorted by {sort.value}: {wish.order}")

    def show_worst_first(self) -> None:
        """List all sets, those that need attention most at the top."""
        self.change_view(ListOptions(sort=Sort.ATTENTION))
        self._table.action_first()

    def on_line_table_heading_clicked(self, message: LineTable.HeadingClicked) -> None:
        """Sort by the column."""
        if isinstance(message.key, Sort):
            self.sort_by(message.key)

    def on_line_table_unsettled(self) -> None:
        """Say why a key did nothing."""
        self.say(UNSETTLED)

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
            self._arrange()
        elif chosen := self.chosen():
            from tui.dialogs.details import ShowDetails

            self.app.push_screen(ShowDetails(self._sections_of(chosen), title_of(chosen)))

    def action_overview(self) -> None:
        """Show or hide the pictures."""
        self._shows_overview = not self._shows_overview
        self._arrange()


def who() -> str:
    """Who works here."""
    try:
        return plain(pwd.getpwuid(os.geteuid()).pw_name)
    except KeyError:
        return str(os.geteuid())
