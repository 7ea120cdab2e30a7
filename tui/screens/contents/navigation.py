"""Walking about in a file of archives: its folders as a table that grows while they are being read."""

import time
from collections.abc import Hashable, Mapping

from textual import work
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Static

from backend import Progress, Snapshot, SnapshotError
from backend.browse import Order, SnapshotFile
from backend.store import VerificationLog
from tui.screens.contents.messages import (
    ArchiveRead,
    FileOpened,
    FolderLoaded,
    FolderPage,
    FolderRequest,
    PageLoaded,
    ReadFailed,
    load_folder,
    parents_of,
)
from tui.screens.launcher import Launcher
from tui.screens.sub_screen import Panel, RestoringScreen
from tui.session.open_file import TOP, ClosedError, Folder, Item, Location, Opened, Stage, Start
from tui.session.place import Place
from tui.text import plain
from tui.views import file_rows as treerows
from tui.views.table import Row
from tui.widgets.key_bar import KeyBar
from tui.widgets.paged_table import PAGE, PagedTable, Pages
from tui.widgets.text import ScrollPane

PREVIEW_MIN_WIDTH = 110
_PATIENCE = 10.0  # times as long as a look took, until the next


class NavigationScreen(RestoringScreen):
    """Shows the folders of a snapshot, or of a file, from where it is to start; there Esc leaves at once.

    Looking and reading are done by threads, and end when the screen is left.
    """

    def __init__(self, place: Place, source: Snapshot | str, launcher: Launcher, start: Start = TOP) -> None:
        super().__init__(place, launcher)
        self._source = source
        self._start = start
        self._home: Location | None = None
        self._wanted: Location | None = None
        self._opening = Progress()
        self._opened: Opened | None = None
        self._request = FolderRequest(Location(), Order.NAME)
        self._folder = Folder(Location(), 0, 0, 0)
        self._shown: Pages[Item] = Pages(0, self._row_of, self._ask)
        self._measured: list[Row] = []
        self._places: Mapping[str, str] = {}
        self._left: dict[Location, int] = {}
        self._is_loading = False
        self._is_chaining = False
        self._is_stopped = False
        self._was_reading = False
        self._next_reload = 0.0
        self._status_follows_row = True
        self._has_moved = False

    def compose(self) -> ComposeResult:
        """Where it is, the table with the preview beside it, what is known of the row, keys."""
        yield Static("", id="header", markup=False)
        yield Static("", id="faults", markup=False)
        yield Static("", id="sums", markup=False)
        with Horizontal(id="middle"):
            with Panel("Contents"):
                yield PagedTable([], id="table")
            with Panel("Preview", "preview"):
                yield ScrollPane()
        yield Static(" Opening…", id="status", markup=False)
        yield KeyBar()

    def on_mount(self) -> None:
        """Open the file; refresh while it is being read."""
        self.query_one("#faults").display = False
        self.query_one("#preview").display = False
        self.table.focus()
        self.table.refuses = self._refusal_of_mark
        self._open()
        self.set_interval(self._launcher.tick, self._reload_if_reading)

    def on_unmount(self) -> None:
        """Read no more, and let go of the file."""
        self._opening.stop()
        if self._opened is not None:
            self._opened.close()

    @property
    def table(self) -> PagedTable:
        """The table."""
        return self.query_one(PagedTable)

    @property
    def item(self) -> Item | None:
        """What the cursor is on; None where nothing is, or it did not come yet."""
        return self._shown.thing(self.table.at) if len(self._shown) else None

    @property
    def is_home(self) -> bool:
        """Whether this is where looking was to start."""
        return self._request.location == self._home

    @property
    def file(self) -> str:
        """The file that was opened by its name, or nothing."""
        return self._source if isinstance(self._source, str) else ""

    # -- opening

    @work(thread=True, group="open")
    def _open(self) -> None:
        try:
            source = self._source
            if isinstance(source, str):
                inside = SnapshotFile.of_file(source, self._opening)
            else:
                inside = SnapshotFile.of_store(source)
        except (SnapshotError, OSError) as trouble:
            self.post_message(ReadFailed(str(trouble)))
            return
        state_dir = self._place.engine.state_dir
        opened = Opened(inside, state_dir, None if isinstance(source, str) else VerificationLog(state_dir))
        if self._opening.stopping:
            opened.close()
        else:
            self.post_message(FileOpened(opened))

    def on_file_opened(self, message: FileOpened) -> None:
        """Show the top, or the archive that was asked for."""
        if not self.is_attached:
            message.opened.close()
            return
        self._opened = message.opened
        wanted = self._opened.locate(self._start)
        above = self._opened.above(wanted) if wanted.path else None
        if above is None:
            self.go(wanted)
            return
        self.go(above, anchor=wanted)
        self._home, self._wanted = above, wanted

    # -- going about

    def go(self, location: Location, at: int = 0, anchor: Location | None = None) -> None:
        """Show a place, with the cursor at a number or near it on `anchor`; read it if that is due."""
        self._request = FolderRequest(location, self._request.order, at, anchor)
        self._has_moved, self._wanted = anchor is not None, None
        self._load(self._request)
        self._read()

    def enter(self, item: Item) -> None:
        """Go into a folder."""
        self._left[self._request.location] = self.table.at
        self.go(item.location)

    def go_up(self) -> bool:
        """Go to what this is in; False at the top of all."""
        above = self._opened.above(self._request.location) if self._opened else None
        if above is None:
            return False
        self.go(above, self._left.pop(above, 0), self._request.location)
        return True

    def reload(self, order: Order | None = None) -> None:
        """Load the same folder again; in another order if there is one."""
        here, item = self._request, self.item
        anchor = self._wanted or (item.location if item is not None and self._has_moved else None)
        at = self.table.at if order is None else 0
        self._request = FolderRequest(here.location, order or here.order, at, anchor, self.table.at)
        self._load(self._request)

    def _reload_if_reading(self) -> None:
        """Follow what is being read, as often as that costs little."""
        opened = self._opened
        if opened is None or self._is_loading or not self.is_current:
            return
        is_reading = bool(opened.running)
        if (is_reading or self._was_reading) and time.monotonic() >= self._next_reload:
            self._was_reading = is_reading
            self.reload()

    @work(thread=True, group="load")
    def _load(self, request: FolderRequest) -> None:
        opened = self._opened
        if opened is None or request != self._request:
            return
        self._is_loading = True
        began = time.monotonic()
        try:
            with opened.using():
                folder, at, pages = load_folder(opened, request)
                places = parents_of(self._place, opened, request.location)
            took = time.monotonic() - began
            self.post_message(FolderLoaded(request, FolderPage(folder, at, pages, places, took)))
        except ClosedError:
            return
        except (SnapshotError, OSError) as trouble:
            self.post_message(ReadFailed(str(trouble)))
        finally:
            self._is_loading = False

    def on_folder_loaded(self, message: FolderLoaded) -> None:
        """Show it, unless something else was asked for meanwhile."""
        if message.request != self._request or not self.is_attached:
            return
        folder_page = message.page
        self._next_reload = time.monotonic() + _PATIENCE * folder_page.took
        same = self._folder.location == folder_page.folder.location and message.request.was >= 0
        self._folder, self._places = folder_page.folder, folder_page.places
        at = folder_page.at
        if same:
            at = max(0, at + self.table.at - message.request.was)  # the cursor moved while it was looked
        self._measured = [self._row_of(item) for items in folder_page.pages.values() for item in items]
        self._shown = Pages(folder_page.folder.entries, self._row_of, self._ask)
        for page, items in folder_page.pages.items():
            self._shown.put(page, items)
        self.fill()
        self.table.show_pages(self._shown, at, same=same)

    def on_read_failed(self, message: ReadFailed) -> None:
        """Say what could not be read."""
        self.say(message.text)

    def _ask(self, pages: Pages[Item], page: int) -> None:
        if pages is self._shown:
            self._fetch(pages, page, self._request)

    @work(thread=True, group="page")
    def _fetch(self, pages: Pages[Item], page: int, request: FolderRequest) -> None:
        opened = self._opened
        if opened is None or pages is not self._shown:
            return
        items = None
        try:
            with opened.using():
                items = opened.listing(request.location, request.order, page * PAGE, PAGE)
        except ClosedError:
            return
        except SnapshotError as trouble:
            self.post_message(ReadFailed(str(trouble)))
        self.post_message(PageLoaded(pages, page, items))

    def on_page_loaded(self, message: PageLoaded) -> None:
        """Show the page, if it is still wanted."""
        if message.pages is not self._shown:
            return
        if message.items is None:
            message.pages.missed(message.page)
        else:
            message.pages.put(message.page, message.items)
            self.table.page_came()

    # -- reading archives

    def _read(self) -> None:
        if not self._is_stopped and self._opened is not None:
            self._was_reading = True
            self._read_archives(self._opened, self._request.location)

    @work(thread=True, group="read")
    def _read_archives(self, opened: Opened, here: Location) -> None:
        """Read the archive of a place, then the others of its snapshot, one after the other."""
        try:
            with opened.using():
                if here.held >= 0 and opened.reading(here).stage is Stage.UNREAD:
                    opened.read(here)
                    self.post_message(ArchiveRead())
                if self._is_chaining:
                    return
                self._is_chaining = True
                try:
                    while not self._is_stopped and (target := opened.next_unread(self._request.location)):
                        opened.read(target)
                        self.post_message(ArchiveRead())
                finally:
                    self._is_chaining = False
        except ClosedError:
            return
        except SnapshotError as trouble:
            self.post_message(ReadFailed(str(trouble)))

    def on_archive_read(self) -> None:
        """One archive is read: show it at once."""
        self._next_reload = 0.0
        self._was_reading = True
        self._reload_if_reading()

    def action_stop(self) -> None:
        """Stop reading; what was read so far stays."""
        self._is_stopped = self._opened is not None and self._opened.stop()
        if self._is_stopped:
            self.say("reading stopped: what was read so far is shown · F5 reads all of it")
        else:
            self.say("nothing is being read")

    def action_reload(self) -> None:
        """Refresh; restart reading that was stopped."""
        if self._opened is None:
            self._open()
            return
        self._is_stopped = False
        self._opened.begin_again()
        self._read()
        self.reload()

    def action_sort(self) -> None:
        """Sort by name, size or time, in turn."""
        around = list(Order)
        order = around[(around.index(self._request.order) + 1) % len(around)]
        self.reload(order)
        self.say(f"sorted by {order.value}")

    # -- what is seen

    def _refusal_of_mark(self, _key: Hashable) -> str:
        return treerows.refusal_to_take(self.item) if self.item is not None else ""

    def _row_of(self, item: Item) -> Row:
        return treerows.row_of(item, self._folder.size)

    def _room(self) -> int:
        """The cells for the columns of the table, beside which a preview may stand."""
        return (self.table.size.width or self.size.width) - 1

    def fill(self) -> None:
        """Show where this is, what is wrong with it, and the columns that fit."""
        if self._opened is None:
            return
        location = self._request.location
        snapshot = self._opened.snapshot(location) if self._opened.inside.held else None
        self.head(treerows.trail(location, snapshot, plain(self.file)))
        self.sum_up(" · ".join(treerows.facts(self._folder, self._request.order, self._opened.running)))
        self.warn(plain("; ".join(self._folder.faults)))
        self.table.show_columns(treerows.columns(self._measured, self._room()))

    def on_resize(self) -> None:
        """Choose the columns that fit, once the table has its width."""
        self.call_after_refresh(self.fill)

    def say(self, text: str) -> None:
        """Say something on the status line; it stays until a key moves the cursor."""
        self._status_follows_row = False
        super().say(text)
