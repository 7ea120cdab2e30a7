"""Finding files by name in many snapshots, each with its versions."""

import time
from collections.abc import Sequence
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input, Static

from backend import (
    Cancelled,
    Event,
    Extract,
    PartAdvanced,
    Progress,
    Snapshot,
    SnapshotError,
    command_line,
)
from backend.browse import Hit, PathPattern, format_selector
from tui.phrases import count_phrase
from tui.screens.compare import diff_document
from tui.screens.launcher import Launcher
from tui.screens.sub_screen import Panel, RestoringScreen
from tui.screens.text_viewer import Document, TextViewer
from tui.session.open_file import Start
from tui.session.place import Place
from tui.terminal.clipboard import copied
from tui.text import plain
from tui.views import preview
from tui.views import search_rows as hits
from tui.views.difference_rows import Comparer, KeyOf, Pair
from tui.views.search_rows import FileVersion, Search, SearchProgress
from tui.widgets.key_bar import KeyBar
from tui.widgets.table import UNSETTLED, LineTable

_HOW = "words match anywhere in the path · * and ? match whole names"
_ACTING = "rd"
_OF_A_VERSION = ("restore", "compare", "copy")
_NOTHING = "nothing is selected: type words and press Enter"


class SearchProgressed(Message):
    """What was found so far, and how far the search is."""

    def __init__(self, search: Progress, versions: list[FileVersion], progress: SearchProgress) -> None:
        super().__init__()
        self.search = search
        self.versions = versions
        self.progress = progress


class SearchBox(Input):
    """Where words are typed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Search"),
        Binding("down", "screen.results", "Results", show=False),
        Binding("escape", "screen.back", "Back", key_display="Esc"),
    ]


class SearchScreen(RestoringScreen):
    """Type words, see every version of every file they match; open, compare, restore."""

    HELP_TITLE = "Find"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "restore", "Restore"),
        Binding("d", "compare", "Compare"),
        Binding("slash,F", "filter", "New search", key_display="/"),
        Binding("x", "stop", "Stop"),
        Binding("y", "copy", "Copy command"),
        Binding("J", "jobs", "Jobs", show=False),
        Binding("question_mark,f1", "help", "Help", key_display="?"),
        Binding("escape", "back", "Back", key_display="Esc"),
        Binding("q", "app.quit", "Quit", show=False),
    ]

    def __init__(self, place: Place, where: Sequence[Snapshot | str], launcher: Launcher) -> None:
        super().__init__(place, launcher)
        self._where = list(where)
        self._search_progress = Progress()
        self._versions: list[FileVersion] = []
        self._progress = SearchProgress(complete=True)
        self._reading = ""
        self._has_moved = False

    def compose(self) -> ComposeResult:
        """What to look for, what was found, how far it is, keys."""
        yield Static("", id="header", markup=False)
        with Vertical(id="query", classes="framed") as query:
            query.border_title = "Words"
            query.border_subtitle = _HOW
            yield SearchBox(placeholder=_HOW, id="filter")
        yield Static("", id="faults", markup=False)
        yield Static("", id="sums", markup=False)
        with Panel("Files"):
            yield LineTable([], id="table", acts=_ACTING, clock=self._place.clock)
        yield Static("", id="status", markup=False)
        yield KeyBar()

    def on_mount(self) -> None:
        """Wait for words."""
        self.query_one(Input).focus()
        self.say("Enter searches · Esc leaves")

    def on_unmount(self) -> None:
        """Search no more."""
        self._search_progress.stop()

    def _where_text(self) -> str:
        if len(self._where) != 1:
            return f"in {count_phrase(len(self._where), 'snapshot')}"
        source = self._where[0]
        return plain(f"in {source if isinstance(source, str) else f'#{source.set_id} {source.snap}'}")

    def refusal_of(self, action: str) -> str:
        """Why an action cannot be had now, or nothing."""
        if action == "stop":
            return "no search is running" if self._progress.complete else ""
        return _NOTHING if action in _OF_A_VERSION and not self._versions else ""

    # -- searching

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Search."""
        pattern = PathPattern(event.value)
        if not pattern:
            self.say("type a part of the path, or of the name")
            return
        self._search_progress.stop()
        self._versions, self._reading, self._has_moved = [], "", False
        self._progress = SearchProgress(0, len(self._where))
        self._search_progress = Progress(self._handle)
        self.action_results()
        self.fill()
        self._search(Search(self._where, pattern, self._place.engine.state_dir), self._search_progress)

    def _handle(self, event: Event) -> None:
        if isinstance(event, PartAdvanced):
            share = f" {100 * event.done // event.total} %" if event.total else ""
            self._reading = "" if event.ended else f"reading {event.part}{share}"
            self.app.call_later(self._show_progress)

    @work(thread=True, group="search")
    def _search(self, search: Search, progress: Progress) -> None:
        try:
            search.run(
                progress, lambda versions, state: self._tell(SearchProgressed(progress, versions, state))
            )
        except Cancelled:
            return
        except (SnapshotError, OSError) as trouble:
            self.app.call_later(self.say, str(trouble))

    def _tell(self, message: SearchProgressed) -> None:
        self.post_message(message)

    def on_search_progressed(self, message: SearchProgressed) -> None:
        """Show what was found so far; the cursor stays where it was put, else on the newest."""
        if message.search is not self._search_progress or self._progress.stopped:
            return
        self._versions, self._progress = message.versions, message.progress
        self.fill()
        if not self._has_moved and self._versions:
            self._go_to_newest()

    def _go_to_newest(self) -> None:
        """Put the cursor on what came to stand first."""
        first = self._versions[0].key
        if self._table.cursor_key != first:
            self._table.select(first)
            self._table.unsettle()

    def _show_progress(self) -> None:
        if self.is_attached:
            is_asked = self._progress.total > 0
            self.sum_up(hits.progress_text(self._progress, self._versions, self._reading) if is_asked else "")
            self.warn(hits.missed_text(self._progress.missed))
            self.query_one(KeyBar).renew()

    @property
    def _table(self) -> LineTable:
        return self.query_one(LineTable)

    def fill(self) -> None:
        """Show what was found in the columns that fit."""
        rows = hits.rows(self._versions, time.time())
        self._table.show_columns(hits.columns(rows, self.room))
        self._table.show(rows)
        self.head("Find", self._where_text())
        self._show_progress()

    # -- what the cursor is on

    def _chosen(self) -> FileVersion | None:
        """The version under the cursor; None after saying that there is none."""
        key = self._table.cursor_key
        for version in self._versions:
            if version.key == key:
                return version
        self.say(_NOTHING)
        return None

    def on_line_table_moved(self, message: LineTable.Moved) -> None:
        """Show where the version is."""
        self._has_moved = self._has_moved or message.by_key
        if self._versions and (chosen := self._chosen()):
            self.say(hits.about(chosen))

    def on_line_table_unsettled(self) -> None:
        """Say why the key did nothing."""
        self.say(UNSETTLED)

    def on_line_table_entered(self) -> None:
        """Look at the version in its snapshot."""
        self._open()

    def on_line_table_opened(self, message: LineTable.Opened) -> None:
        """Look at the version in its snapshot, or go back."""
        if message.wider:
            self._open()
        else:
            self.action_back()

    def _open(self) -> None:
        if chosen := self._chosen():
            hit = chosen.newest
            start = Start(hit.snapshot.snap, hit.entry, hit.path)
            self._launcher.show_contents(self._side(hit), start)

    # -- keys

    def action_filter(self) -> None:
        """Search for other words."""
        self.query_one(Input).focus()

    def action_results(self) -> None:
        """Go to what was found."""
        self._table.focus()

    def action_stop(self) -> None:
        """Stop searching; results so far stay."""
        if reason := self.refusal_of("stop"):
            self.say(reason)
            return
        self._search_progress.stop()
        self._progress = self._progress._replace(complete=True, stopped=True)
        self._show_progress()

    def action_compare(self) -> None:
        """Compare with the version before it.

        The oldest one is compared with the live file.
        """
        if (chosen := self._chosen()) is None:
            return
        if not self._place.previews:
            self.say(preview.OFF)
            return
        history, after = chosen.history, self._side(chosen.newest)
        pair = Pair(history.snap, after, None)
        if chosen.before is not None:
            pair = Pair(history.snap, self._side(chosen.before.newest), after)
        comparer = Comparer(self._place, pair)
        key = KeyOf(history.user, history.path, "file")

        def load(progress: Progress) -> Document:
            """Compare, and let go of the files."""
            try:
                return diff_document(comparer, key, progress)
            finally:
                comparer.close()

        with_what = "the version before it" if chosen.before else "the live file"
        self.app.push_screen(TextViewer(f"{plain(chosen.path_text)}: compared with {with_what}", load))

    def extraction(self) -> Extract | None:
        """The extraction of the version; None after saying why there is none."""
        if (chosen := self._chosen()) is None:
            return None
        hit = chosen.newest
        items = (format_selector(hit.snapshot.snap, hit.entry, hit.path),)
        in_store = isinstance(self._side(hit), Snapshot)
        return Extract(hit.snapshot.set_id, items) if in_store else Extract(0, items, hit.file)

    def _side(self, hit: Hit) -> Snapshot | str:
        """The snapshot of the store that a hit is in, or the file."""
        return hit.snapshot if hit.snapshot in self._where else hit.file

    def action_copy(self) -> None:
        """Copy the command that restores the version."""
        if wanted := self.extraction():
            self.say(copied(self.app, command_line(wanted, self._place.location_options)))
