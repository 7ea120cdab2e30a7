"""What is in a snapshot, or in a file of snapshots: browsed, compared, restored."""

from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.message import Message

from backend import (
    Advanced,
    Cancelled,
    Check,
    Event,
    Extract,
    Progress,
    Snapshot,
    SnapshotError,
    command_line,
)
from backend.browse import Order, format_selector
from tui.phrases import count_phrase
from tui.screens.contents.preview_pane import PreviewScreen
from tui.screens.launcher import Launcher
from tui.screens.text_viewer import Document, TextViewer
from tui.session.open_file import SYSTEM, TOP, ClosedError, Location, Start
from tui.session.place import Place
from tui.terminal.clipboard import copied
from tui.text import amount_text, plain
from tui.views import file_rows as treerows
from tui.widgets.paged_table import PagedTable

_MOST_AT_ONCE = 5000


class SelectableLoaded(Message):
    """All that can be selected in a folder."""

    def __init__(self, locations: list[Location]) -> None:
        super().__init__()
        self.locations = locations


class CheckUpdated(Message):
    """How a check went, or how far it is."""

    def __init__(self, summary: str, lines: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.summary = summary
        self.lines = lines


class ContentsScreen(PreviewScreen):
    """Browse what was saved; select, preview, restore."""

    HELP_TITLE = "Contents"
    TABLE_KEYS = PagedTable.BINDINGS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "restore", "Restore"),
        Binding("c", "check", "Check"),
        Binding("d", "compare", "Compare"),
        Binding("i", "import", "Import"),
        Binding("F,ctrl+f", "find", "Find", key_display="F"),
        Binding("o", "sort", "Sort"),
        Binding("vertical_line", "pager", "Pager", key_display="|"),
        Binding("x", "stop", "Stop reading", show=False),
        Binding("y", "copy", "Copy command", show=False),
        Binding("D", "details", "Preview", show=False),
        Binding("J", "jobs", "Jobs", show=False),
        Binding("f5,R", "reload", "Refresh", show=False),
        Binding("question_mark,f1", "help", "Help", key_display="?"),
        Binding("escape", "back", "Back", show=False),
        Binding("q", "app.quit", "Quit", show=False),
    ]

    def __init__(self, place: Place, source: Snapshot | str, launcher: Launcher, start: Start = TOP) -> None:
        super().__init__(place, source, launcher, start)
        self._progress = Progress()

    def refusal_of(self, action: str) -> str:
        """Why an action cannot be had here, or nothing."""
        if action == "import" and not self.file:
            return "cannot import: this snapshot is already in the store"
        if action == "import" and self._opened is not None and not self._opened.inside.is_export:
            return "cannot import: this is a single snapshot; only an export of a set can be imported"
        is_change = action in ("import", "restore") and self._place.read_only
        return f"cannot {action}: this session is read-only" if is_change else ""

    def restore_refusal(self) -> str:
        """Why nothing can be restored here, or nothing."""
        return self.refusal_of("restore")

    # -- selecting

    def on_paged_table_refused(self, message: PagedTable.Refused) -> None:
        """Say why it was not selected."""
        self.say(message.reason)

    def on_paged_table_all_wanted(self) -> None:
        """Select everything in this folder, unless that is too much."""
        if self._folder.entries > _MOST_AT_ONCE:
            self.say(
                f"more than {_MOST_AT_ONCE:,} cannot be selected one by one: select the folder (h goes up)"
            )
        else:
            self._load_selectable(self._request.location, self._request.order)

    @work(thread=True, group="selectable")
    def _load_selectable(self, location: Location, order: Order) -> None:
        opened = self._opened
        if opened is None:
            return
        try:
            with opened.using():
                items = opened.listing(location, order, 0, _MOST_AT_ONCE)
        except SnapshotError:
            return
        self.post_message(
            SelectableLoaded([item.location for item in items if not treerows.refusal_to_take(item)])
        )

    def on_selectable_loaded(self, message: SelectableLoaded) -> None:
        """Select them."""
        self.table.mark(message.locations)

    def _chosen(self) -> list[Location]:
        """What a verb acts on: the selection, without what lies in other parts of it, or else the row."""
        marked = [key for key in self.table.marked if isinstance(key, Location)]
        item = self.item
        if not marked and item is not None:
            if reason := treerows.refusal_to_take(item):
                self.say(reason.replace("selected", "restored"))
                return []
            return [item.location]
        return without_inner(marked)

    # -- verbs

    def extraction(self) -> Extract | None:
        """The extraction of what is chosen; None after saying why there is none."""
        opened, chosen = self._opened, self._chosen()
        if opened is None or not chosen:
            return None
        items = tuple(item_text(location, opened.snapshot(location)) for location in chosen)
        if self.file:
            return Extract(0, items, self.file)
        return Extract(opened.snapshot(chosen[0]).set_id, items)

    def action_check(self) -> None:
        """Verify the snapshot, or the whole file."""
        if isinstance(self._source, Snapshot):
            self._check_in_store(Check(self._source.set_id, (self._source.snap,)))
        elif self._opened is not None:
            self._progress.stop()
            self._progress = Progress(self._show_check_progress)
            self._check_file(self._progress)

    @work
    async def _check_in_store(self, operation: Check) -> None:
        await self._launcher.launch(operation)
        self.say("check started as a job: J shows its progress")

    def _show_check_progress(self, event: Event) -> None:
        if isinstance(event, Advanced):
            self.post_message(CheckUpdated(f"checking… {amount_text(event.done)}"))

    @work(thread=True, group="check")
    def _check_file(self, progress: Progress) -> None:
        opened = self._opened
        if opened is None:
            return
        try:
            with opened.using():
                verdicts = opened.inside.check(progress)
        except (Cancelled, ClosedError):
            return
        except (SnapshotError, OSError) as trouble:
            self.post_message(CheckUpdated(str(trouble)))
            return
        bad = [
            f"{verdict.snap or '(unreadable)'} {verdict.entry}: {verdict.fault}"
            for verdict in verdicts
            if verdict.fault
        ]
        good = f"✓ OK: {count_phrase(len(verdicts), 'archive')} verified, all hashes match"
        failure = f"✗ FAILED: {count_phrase(len(bad), 'fault')} in {count_phrase(len(verdicts), 'archive')}"
        self.post_message(CheckUpdated(failure if bad else good, tuple(bad)))

    def on_check_updated(self, message: CheckUpdated) -> None:
        """Show it; every fault on a screen of its own."""
        self.say(message.summary)
        if message.lines:
            document = Document(message.summary, [(plain(line), "bad") for line in message.lines])
            self.app.push_screen(TextViewer(f"Check of {self.file}", lambda _job: document))

    @work
    async def action_import(self) -> None:
        """Import the file, or some of its snapshots; where that is being asked already, go back to it."""
        from tui.dialogs.import_set import AskImport

        below = self.app.screen_stack[-2]
        if reason := self.refusal_of("import"):
            self.say(reason)
        elif isinstance(below, AskImport):
            below.choose(self.file)
            self.dismiss()
        elif answer := await self.app.push_screen_wait(AskImport(self._place, self.file)):
            await self._launcher.launch(answer)
            self.say("job started: J shows its progress")

    def action_compare(self) -> None:
        """Compare the snapshot with the live data."""
        from tui.screens.compare import CompareScreen
        from tui.views.difference_rows import Pair

        opened = self._opened
        location = (
            self._request.location
            if self._request.location.held >= 0
            else self.item.location
            if self.item
            else None
        )
        if opened is None or location is None:
            return
        snapshot = opened.snapshot(location)
        pair = Pair(snapshot.snap, self.file or snapshot, None)
        self.app.push_screen(CompareScreen(self._place, pair, self._launcher))

    def action_find(self) -> None:
        """Find files by name in all snapshots."""
        from tui.screens.search import SearchScreen

        where: list[Snapshot | str] = [self._source]
        where += [snapshot for snapshot in self._launcher.everything() if snapshot != self._source]
        self.app.push_screen(SearchScreen(self._place, where, self._launcher))

    def action_copy(self) -> None:
        """Copy the command that restores this."""
        if wanted := self.extraction():
            text = command_line(wanted, self._place.location_options)
            self.say(copied(self.app, text))

    def on_unmount(self) -> None:
        """Check no more."""
        self._progress.stop()


def item_text(location: Location, snapshot: Snapshot) -> str:
    """How a place is written for an extraction."""
    return (
        format_selector(snapshot.snap, location.entry or SYSTEM, location.path)
        if location.entry
        else snapshot.snap
    )


def without_inner(locations: list[Location]) -> list[Location]:
    """The places that lie in none of the others, in order."""
    known = set(locations)
    return sorted(location for location in known if not any(above in known for above in _above(location)))


def _above(location: Location) -> list[Location]:
    if not location.entry:
        return []
    ancestors = [Location(location.held)]
    if location.path:
        ancestors.append(Location(location.held, location.entry))
    path = location.path
    while path := path.rpartition(b"/")[0]:
        ancestors.append(Location(location.held, location.entry, path))
    return ancestors
