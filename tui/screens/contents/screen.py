"""What is in a snapshot, or in a file of snapshots: looked at, compared, taken out."""

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
from tui.screens.contents.preview_pane import PreviewScreen
from tui.screens.launcher import Launcher
from tui.screens.text_viewer import Document, TextViewer
from tui.session.open_file import SYSTEM, ClosedError, Spot
from tui.session.place import Place
from tui.terminal.clipboard import copied
from tui.text import counted, plain, size_text
from tui.views import file_rows as treerows
from tui.widgets.paged_table import PagedTable

_MOST_AT_ONCE = 5000


class Gathered(Message):
    """All that can be marked in a place."""

    def __init__(self, spots: list[Spot]) -> None:
        super().__init__()
        self.spots = spots


class Checked(Message):
    """How a check went, or how far it is."""

    def __init__(self, summary: str, lines: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.told = summary
        self.lines = lines


class ContentsScreen(PreviewScreen):
    """Browse what was saved; mark it, look at it, put it back."""

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
        Binding("f5,R", "look", "Look again", show=False),
        Binding("question_mark,f1", "help", "Help", key_display="?"),
        Binding("escape", "back", "Back", show=False),
        Binding("q", "app.quit", "Quit", show=False),
    ]

    def __init__(self, place: Place, source: Snapshot | str, launcher: Launcher, entry: str = "") -> None:
        super().__init__(place, source, launcher, entry)
        self._progress = Progress()

    def refusal_of(self, action: str) -> str:
        """Why an action cannot be had here, or nothing."""
        if action == "import" and not self.file:
            return "cannot import: this snapshot is in the store already"
        if action == "import" and self._opened is not None and not self._opened.inside.is_export:
            return "cannot import: it is a single snapshot, and only an export of a set can be imported"
        is_change = action in ("import", "restore") and self._place.read_only
        return f"cannot {action}: this session is read-only" if is_change else ""

    # -- marking

    def on_paged_table_refused(self, message: PagedTable.Refused) -> None:
        """Say why it was not marked."""
        self.say(message.reason)

    def on_paged_table_all_wanted(self) -> None:
        """Mark everything in this place, unless that is too much."""
        if self._folder.entries > _MOST_AT_ONCE:
            self.say(
                f"more than {_MOST_AT_ONCE:,} are too many to mark one by one: mark the folder (h goes up)"
            )
        else:
            self._gather(self._wish.spot, self._wish.order)

    @work(thread=True, group="gather")
    def _gather(self, spot: Spot, order: Order) -> None:
        opened = self._opened
        if opened is None:
            return
        try:
            with opened.using():
                items = opened.listing(spot, order, 0, _MOST_AT_ONCE)
        except SnapshotError:
            return
        self.post_message(Gathered([item.spot for item in items if not treerows.refusal_to_take(item)]))

    def on_gathered(self, message: Gathered) -> None:
        """Mark them."""
        self.table.mark(message.spots)

    def _chosen(self) -> list[Spot]:
        """What a verb acts on: the marks, without what lies in others of them, or else the row."""
        marked = [key for key in self.table.marked if isinstance(key, Spot)]
        item = self.item
        if not marked and item is not None:
            if reason := treerows.refusal_to_take(item):
                self.say(reason.replace("marked", "restored"))
                return []
            return [item.spot]
        return without_inner(marked)

    # -- verbs

    def extraction(self) -> Extract | None:
        """What would take out what is chosen; None after saying why there is nothing."""
        opened, chosen = self._opened, self._chosen()
        if opened is None or not chosen:
            return None
        items = tuple(item_text(spot, opened.snapshot(spot)) for spot in chosen)
        if self.file:
            return Extract(0, items, self.file)
        return Extract(opened.snapshot(chosen[0]).set_id, items)

    @work
    async def action_restore(self) -> None:
        """Show where everything marked would land, then put it there."""
        from tui.dialogs.extract import AskExtract

        if reason := self.refusal_of("restore"):
            self.say(reason)
        elif wanted := self.extraction():
            answer = await self.app.push_screen_wait(AskExtract(self._place, wanted))
            if answer is not None:
                await self._launcher.launch(answer)
                self.say("started: J shows how it goes")

    def action_check(self) -> None:
        """Verify the snapshot, or all of the file, where it lies."""
        if isinstance(self._source, Snapshot):
            self._check_in_store(Check(self._source.set_id, (self._source.snap,)))
        elif self._opened is not None:
            self._progress.stop()
            self._progress = Progress(self._tell_check)
            self._check_file(self._progress)

    @work
    async def _check_in_store(self, operation: Check) -> None:
        await self._launcher.launch(operation)
        self.say("checking, as a job: J shows how it goes")

    def _tell_check(self, event: Event) -> None:
        if isinstance(event, Advanced):
            self.post_message(Checked(f"checking… {size_text(event.done).strip()}"))

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
            self.post_message(Checked(str(trouble)))
            return
        bad = [
            f"{verdict.snap or '(unreadable)'} {verdict.entry}: {verdict.fault}"
            for verdict in verdicts
            if verdict.fault
        ]
        good = f"✓ OK: {counted(len(verdicts), 'archive')} verified, and all as they were saved"
        failure = f"✗ FAILED: {counted(len(bad), 'fault')} in {counted(len(verdicts), 'archive')}"
        self.post_message(Checked(failure if bad else good, tuple(bad)))

    def on_checked(self, message: Checked) -> None:
        """Tell it; every fault on a screen of its own."""
        self.say(message.told)
        if message.lines:
            sheet = Document(message.told, [(plain(line), "bad") for line in message.lines])
            self.app.push_screen(TextViewer(f"Check of {self.file}", lambda _job: sheet))

    @work
    async def action_import(self) -> None:
        """Import the file, or some of its snapshots."""
        from tui.dialogs.import_set import AskImport

        if reason := self.refusal_of("import"):
            self.say(reason)
        elif answer := await self.app.push_screen_wait(AskImport(self._place, self.file)):
            await self._launcher.launch(answer)
            self.say("started: J shows how it goes")

    def action_compare(self) -> None:
        """Compare the snapshot with the data in place."""
        from tui.screens.compare import CompareScreen
        from tui.views.difference_rows import Pair

        opened = self._opened
        spot = self._wish.spot if self._wish.spot.held >= 0 else self.item.spot if self.item else None
        if opened is None or spot is None:
            return
        snapshot = opened.snapshot(spot)
        pair = Pair(snapshot.snap, self.file or snapshot, None)
        self.app.push_screen(CompareScreen(self._place, pair, self._launcher))

    def action_find(self) -> None:
        """Find a file by its name in all snapshots, and in the file that is open."""
        from tui.screens.search import SearchScreen

        where: list[Snapshot | str] = [self._source]
        where += [snapshot for snapshot in self._launcher.everything() if snapshot != self._source]
        self.app.push_screen(SearchScreen(self._place, where, self._launcher))

    def action_jobs(self) -> None:
        """Show all jobs."""
        self._launcher.action_jobs()

    def action_copy(self) -> None:
        """Copy the command that puts back what is chosen."""
        if wanted := self.extraction():
            text = command_line(wanted, self._place.words)
            self.say(copied(self.app, text))

    def action_help(self) -> None:
        """Explain the keys of this screen."""
        from tui.dialogs.base import HelpWanted

        self.post_message(HelpWanted("Contents", self.BINDINGS + PagedTable.BINDINGS))

    def on_unmount(self) -> None:
        """Check no more."""
        self._progress.stop()


def item_text(spot: Spot, snapshot: Snapshot) -> str:
    """How a place is written for an extraction."""
    return format_selector(snapshot.snap, spot.entry or SYSTEM, spot.path) if spot.entry else snapshot.snap


def without_inner(spots: list[Spot]) -> list[Spot]:
    """The places that lie in none of the others, in order."""
    known = set(spots)
    return sorted(spot for spot in known if not any(above in known for above in _above(spot)))


def _above(spot: Spot) -> list[Spot]:
    if not spot.entry:
        return []
    ancestors = [Spot(spot.held)]
    if spot.path:
        ancestors.append(Spot(spot.held, spot.entry))
    path = spot.path
    while path := path.rpartition(b"/")[0]:
        ancestors.append(Spot(spot.held, spot.entry, path))
    return ancestors
