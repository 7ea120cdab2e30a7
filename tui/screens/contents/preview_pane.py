"""Looking at what the cursor is on in a file of archives: in words, beside the table, or all of it."""

from textual import work
from textual.message import Message

from backend import Snapshot, SnapshotError
from tui.screens.contents.navigation import PREVIEW_MIN_WIDTH, NavigationScreen
from tui.screens.launcher import Launcher
from tui.screens.text_viewer import Document, TextViewer
from tui.session.open_file import TOP, ClosedError, Item, Start
from tui.session.place import Place
from tui.text import cut_path, plain
from tui.views import file_rows as treerows
from tui.views import preview
from tui.widgets.table import LineTable
from tui.widgets.text import ScrollPane

_PREVIEW_AFTER = 0.15
_LEAST_PATH = 20


class PreviewLoaded(Message):
    """How something looks."""

    def __init__(self, item: Item, seen: preview.ItemPreview | None) -> None:
        super().__init__()
        self.item = item
        self.seen = seen


class PreviewScreen(NavigationScreen):
    """A walk that shows what it comes by."""

    def __init__(self, place: Place, source: Snapshot | str, launcher: Launcher, start: Start = TOP) -> None:
        super().__init__(place, source, launcher, start)
        self._shows_preview = True
        self._previewing: Item | None = None

    # -- moving about

    def on_line_table_entered(self) -> None:
        """Go in, or read it."""
        self._go_in()

    def on_line_table_opened(self, message: LineTable.Opened) -> None:
        """Go in, or back."""
        if message.wider:
            self._go_in()
        elif not self.go_up():
            self.action_back()

    def _go_in(self) -> None:
        item = self.item
        if item is None:
            return
        if item.is_folder:
            self.enter(item)
        elif not self._place.previews:
            self.say(preview.OFF)
        else:
            self.app.push_screen(TextViewer(self._title_of(item), lambda _job: self._document_of(item), None))

    def action_back(self) -> None:
        """Go up, clear the selection, or leave: from where looking was to start at once."""
        if not self.is_home and self.go_up():
            return
        if self.table.marked:
            self.say("selection cleared; once more leaves")
            self.table.marked.clear()
            self.table.refresh()
        else:
            self.dismiss()

    def on_line_table_moved(self, message: LineTable.Moved) -> None:
        """Describe the row, and preview it a moment later."""
        if message.by_key:
            self._has_moved, self._wanted = True, None
        if message.by_key or self._status_follows_row:
            self._describe_row()
        self._show_preview()

    def _describe_row(self) -> None:
        item = self.item
        selected = len(self.table.marked)
        facts = [f"{selected} selected"] if selected else []
        if item is not None:
            others = [*facts, *self._about(item)]
            width = self.size.width - 1 - sum(len(word) + 3 for word in others)
            facts += [cut_path(plain(self._where(item)), max(_LEAST_PATH, width)), *self._about(item)]
        elif not len(self._shown):
            facts.append(self._why_empty())
        self.say(" · ".join(facts))
        self._status_follows_row = True

    def _about(self, item: Item) -> list[str]:
        node = item.node
        if node is None or item.reading is not None:
            return []
        return [treerows.mode_text(node), treerows.owner_text(node), f"{node.size:,} bytes"]

    def _where(self, item: Item) -> str:
        """The real path of something; for snapshots what they are."""
        if item.node is None:
            return f"{item.snapshot.snap} saved {item.snapshot.time[:16].replace('T', ' ')}"
        parent = self._places.get(item.location.entry, item.location.entry)
        path = item.location.path.decode("utf-8", "surrogateescape")
        return f"{parent}/{path}" if path else parent

    def _why_empty(self) -> str:
        opened = self._opened
        if opened is None:
            return "Opening…"
        if opened.running:
            return "nothing found here yet; the archive is still being read"
        if self._folder.faults:
            return "nothing in it can be shown"
        return "empty · h goes back"

    def _title_of(self, item: Item) -> str:
        """The way to something in the snapshot: what is in place there may be another."""
        return treerows.trail(item.location, item.snapshot, plain(self.file))

    # -- looking at things

    def fill(self) -> None:
        """Show the preview where it fits."""
        self.query_one("#preview").display = self._has_pane
        super().fill()

    @property
    def _has_pane(self) -> bool:
        return self._shows_preview and self.size.width >= PREVIEW_MIN_WIDTH

    def _show_preview(self) -> None:
        item = self.item
        pane = self.query_one(ScrollPane)
        if not self._has_pane or item is None or item == self._previewing:
            return
        self._previewing = item
        pane.show(preview.about(item, None, pane.content_size))
        if preview.is_readable(item) and self._place.previews:
            self.set_timer(_PREVIEW_AFTER, lambda: self._load_preview(item) if self.item == item else None)

    @work(thread=True, group="preview")
    def _load_preview(self, item: Item) -> None:
        opened = self._opened
        if opened is None:
            return
        try:
            with opened.using():
                self.post_message(PreviewLoaded(item, preview.item_preview(item, opened.content)))
        except ClosedError:
            return
        except (SnapshotError, OSError) as trouble:
            self.post_message(
                PreviewLoaded(item, preview.ItemPreview(f"cannot be read: {plain(str(trouble))}"))
            )

    def on_preview_loaded(self, message: PreviewLoaded) -> None:
        """Show it, if the cursor is still there."""
        if self.item == message.item:
            pane = self.query_one(ScrollPane)
            pane.show(preview.about(message.item, message.seen, pane.content_size))

    def _document_of(self, item: Item) -> Document:
        assert self._opened is not None
        with self._opened.using() as opened:
            seen = preview.item_preview(item, opened.content)
        return Document(seen.what, [(line, "") for line in seen.lines])

    def action_pager(self) -> None:
        """Read the file in the pager, $PAGER."""
        from tui.terminal.pager import show_lines

        item, opened = self.item, self._opened
        if not self._place.previews:
            self.say(preview.OFF)
        elif item is None or opened is None or not preview.is_readable(item):
            self.say("cannot open the pager: the cursor is not on a file")
        else:
            try:
                seen = preview.item_preview(item, opened.content)
                assert seen.preview is not None
                lines = preview.all_lines(opened.content(item), seen.preview)
                self.say(show_lines(self.app, lines) or seen.what)
            except (SnapshotError, OSError) as trouble:
                self.say(str(trouble))

    def action_details(self) -> None:
        """Show or hide the preview.

        Where it does not fit beside the table, it is shown alone.
        """
        if self.size.width < PREVIEW_MIN_WIDTH:
            self._go_in_alone()
            return
        self._shows_preview = not self._shows_preview
        self._previewing = None
        self.fill()
        self._show_preview()

    def _go_in_alone(self) -> None:
        from tui.dialogs.details import ShowDetails
        from tui.views.set_details import Fact, Section

        if self.item is not None:
            facts = tuple(Fact(*fact) for fact in preview.facts(self.item))
            self.app.push_screen(ShowDetails([Section("File", facts)]))
