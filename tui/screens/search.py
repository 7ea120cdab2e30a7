"""Finding files by name in many snapshots, each with its versions over time."""

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
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
from backend.browse import Content, History, Hit, SnapshotFile, Tree, format_selector
from tui.phrases import count_phrase
from tui.screens.compare import diff_document
from tui.screens.launcher import Launcher
from tui.screens.sub_screen import RestoringScreen
from tui.screens.text_viewer import Document, TextViewer
from tui.session.open_file import Item, Location
from tui.session.place import Place
from tui.terminal.clipboard import copied
from tui.text import plain
from tui.views import preview
from tui.views import search_rows as hits
from tui.views.difference_rows import Comparer, KeyOf, Pair
from tui.views.search_rows import FileKey, Search, SearchProgress, VersionKey
from tui.widgets.key_bar import KeyBar
from tui.widgets.table import LineTable
from tui.widgets.text import set_text


class SearchProgressed(Message):
    """What was found so far, and how far the search is."""

    def __init__(self, search: Progress, histories: list[History], progress: SearchProgress) -> None:
        super().__init__()
        self.search = search
        self.histories = histories
        self.progress = progress


class SearchScreen(RestoringScreen):
    """Type a name, see every version of every matching file; preview, compare, restore."""

    HELP_TITLE = "Find"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "restore", "Restore"),
        Binding("d", "compare", "Compare"),
        Binding("slash,F", "filter", "New search", key_display="/"),
        Binding("x", "stop", "Stop"),
        Binding("y", "copy", "Copy command", show=False),
        Binding("J", "jobs", "Jobs", show=False),
        Binding("question_mark,f1", "help", "Help", key_display="?"),
        Binding("escape", "back", "Back", key_display="Esc"),
        Binding("q", "app.quit", "Quit", show=False),
    ]

    def __init__(self, place: Place, where: Sequence[Snapshot | str], launcher: Launcher) -> None:
        super().__init__(place, launcher)
        self._where = list(where)
        self._search_progress = Progress()
        self._histories: list[History] = []
        self._progress = SearchProgress(complete=True)
        self._reading = ""

    def compose(self) -> ComposeResult:
        """What to look for, what was found, how far it is, keys."""
        yield Static("", id="header", markup=False)
        box = Input(placeholder="file name or pattern: config.php, *.conf, common/etc/*", id="filter")
        box.cursor_blink = False
        yield box
        yield LineTable(hits.columns(80), id="table")
        yield Static("", id="status", markup=False)
        yield KeyBar()

    def on_mount(self) -> None:
        """Wait for a name."""
        where = count_phrase(len(self._where), "snapshot") if len(self._where) != 1 else self._only()
        set_text(
            self.query_one("#header", Static), Text(f" Find in {where}", no_wrap=True, overflow="ellipsis")
        )
        self.query_one(Input).focus()
        self.say("Enter searches · Esc leaves")

    def on_unmount(self) -> None:
        """Search no more."""
        self._search_progress.stop()

    def _only(self) -> str:
        source = self._where[0]
        return plain(source if isinstance(source, str) else f"#{source.set_id} {source.snap}")

    # -- searching

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Search."""
        pattern = hits.pattern_of(event.value.strip())
        if not pattern:
            self.say("type a file name, or part of one")
            return
        self._search_progress.stop()
        self._histories, self._reading = [], ""
        self._progress = SearchProgress(0, len(self._where))
        self._search_progress = Progress(self._handle)
        self.query_one(LineTable).focus()
        self._fill()
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
                progress, lambda histories, state: self._tell(SearchProgressed(progress, histories, state))
            )
        except Cancelled:
            return
        except (SnapshotError, OSError) as trouble:
            self.app.call_later(self.say, str(trouble))

    def _tell(self, message: SearchProgressed) -> None:
        self.post_message(message)

    def on_search_progressed(self, message: SearchProgressed) -> None:
        """Show what was found so far; the cursor stays."""
        if message.search is not self._search_progress or self._progress.stopped:
            return
        is_first = not self._histories
        self._histories, self._progress = message.histories, message.progress
        self._fill()
        if is_first and self._histories:
            self.query_one(LineTable).action_first()
        self._show_progress()

    def _show_progress(self) -> None:
        if self.is_attached:
            status = hits.progress_text(self._progress, len(self._histories), self._reading)
            missed = self._progress.missed
            why = f" ({missed[0].reason})" if missed and self._progress.complete else ""
            self.say(status + why)

    def _fill(self) -> None:
        table, width = self.query_one(LineTable), self.size.width
        table.show_columns(hits.columns(width))
        table.show([*hits.rows(self._histories, width)])

    def on_resize(self) -> None:
        """Choose the columns that fit."""
        self._fill()

    # -- what the cursor is on

    def _chosen(self) -> tuple[History, int] | None:
        """The file under the cursor and the number of a version: of a file's own row the newest."""
        key = self.query_one(LineTable).cursor_key
        file = key.file if isinstance(key, VersionKey) else key
        for history in self._histories:
            if file == FileKey(history.snap, history.user, history.path):
                last = len(history.versions) - 1
                return history, min(key.number, last) if isinstance(key, VersionKey) else last
        return None

    def _hit(self) -> Hit | None:
        chosen = self._chosen()
        if chosen is None:
            self.say("nothing is selected: type a name and press Enter")
            return None
        return chosen[0].versions[chosen[1]].hits[-1]

    def on_line_table_moved(self, message: LineTable.Moved) -> None:
        """Show where the version is."""
        chosen = self._chosen()
        if message.by_key and chosen is not None:
            version = chosen[0].versions[chosen[1]]
            path = version.hits[-1].path.decode("utf-8", "surrogateescape")
            self.say(f"{path} · in {hits.sets_text(version)}")

    def on_line_table_entered(self) -> None:
        """Look at the version."""
        self._show()

    def on_line_table_opened(self, message: LineTable.Opened) -> None:
        """Look at the version, or go back."""
        if message.wider:
            self._show()
        else:
            self.action_back()

    def _show(self) -> None:
        hit = self._hit()
        if hit is None:
            return
        if not self._place.previews:
            self.say(preview.OFF)
            return
        state_dir = self._place.engine.state_dir
        title = f"{hit.path.decode('utf-8', 'surrogateescape')} in {self._name_of(hit)}"
        self.app.push_screen(TextViewer(title, lambda job: hit_document(hit, state_dir, job)))

    def _name_of(self, hit: Hit) -> str:
        return f"#{hit.snapshot.set_id}" if hit.snapshot.set_id else hit.file

    # -- keys

    def action_filter(self) -> None:
        """Search for another name."""
        self.query_one(Input).focus()

    def action_stop(self) -> None:
        """Stop searching; results so far stay."""
        if self._progress.complete:
            self.say("no search is running")
            return
        self._search_progress.stop()
        self._progress = self._progress._replace(complete=True, stopped=True)
        self._show_progress()

    def action_compare(self) -> None:
        """Compare with the previous version.

        The oldest one is compared with the live file.
        """
        chosen = self._chosen()
        if chosen is None:
            self.say("nothing is selected: type a name and press Enter")
            return
        if not self._place.previews:
            self.say(preview.OFF)
            return
        history, number = chosen
        after = self._side(history.versions[number].hits[0])
        pair = Pair(history.snap, after, None)
        if number:
            pair = Pair(history.snap, self._side(history.versions[number - 1].hits[0]), after)
        comparer = Comparer(self._place, pair)
        key = KeyOf(history.user, history.path, "file")

        def load(progress: Progress) -> Document:
            try:
                return diff_document(comparer, key, progress)
            finally:
                comparer.close()

        with_what = "the version before it" if number else "the live file"
        shown = plain(history.path.decode("utf-8", "surrogateescape"))
        self.app.push_screen(TextViewer(f"{shown}: compared with {with_what}", load))

    def extraction(self) -> Extract | None:
        """The extraction of the version; None after saying why there is none."""
        hit = self._hit()
        if hit is None:
            return None
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


def hit_document(hit: Hit, state_dir: str, progress: Progress) -> Document:
    """The beginning of what was found. Raises SnapshotError, Cancelled."""
    item = Item(Location(0, hit.entry, hit.path), hit.snapshot, hit.node)
    seen = _with_content(
        hit, state_dir, progress, lambda content: preview.item_preview(item, lambda _item: content)
    )
    return Document(seen.what, [(line, "") for line in seen.lines])


def _with_content(
    hit: Hit, state_dir: str, progress: Progress, use: Callable[[Content], preview.ItemPreview]
) -> preview.ItemPreview:
    if not preview.is_readable(Item(Location(), hit.snapshot, hit.node)):
        return preview.item_preview(
            Item(Location(), hit.snapshot, hit.node), lambda _item: Content(0, lambda _a, _b: b"")
        )
    in_store = hit.snapshot.path == hit.file
    with (
        SnapshotFile.of_store(hit.snapshot)
        if in_store
        else SnapshotFile.of_file(hit.file, progress) as inside
    ):
        for archive in inside.of_snap(hit.snapshot.snap).archives:
            if archive.entry == hit.entry:
                with Tree(archive, state_dir) as tree:
                    tree.index(progress)
                    return use(tree.open(tree.node(hit.path)))
    raise SnapshotError(f"{hit.entry} is no longer in {hit.file}")
