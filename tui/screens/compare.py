"""What differs between two snapshots of a snap, or between one and the data in place."""

import shlex
import threading
from collections.abc import Hashable
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message

from backend import Advanced, Cancelled, Entered, Event, Extract, Progress, Snapshot, SnapshotError
from backend.browse import Kind
from backend.compare import LIVE, CompareOptions, Difference
from tui.screens.launcher import Launcher
from tui.screens.sub_screen import RestoringScreen
from tui.screens.text_viewer import Document, TextViewer
from tui.session.place import Place
from tui.terminal.clipboard import copied
from tui.text import amount_text, plain
from tui.views import difference_rows as differing
from tui.views import preview
from tui.views.difference_rows import Comparer, ConfigKey, Differences, KeyOf, Pair
from tui.widgets.table import LineTable

EXACT = "comparing by content: both sides are read completely"
BY_SIZE = "comparing by size and time"
_STYLES = {"+": "good", "-": "bad", "@": "dim"}


class ComparisonUpdated(Message):
    """More is known of a comparison, or why nothing is."""

    def __init__(self, progress: Progress, comparison: Differences | None, trouble: str = "") -> None:
        super().__init__()
        self.job = progress
        self.comparison = comparison
        self.trouble = trouble


class ReadingProgressed(Message):
    """How far the reading is."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


class CompareScreen(RestoringScreen):
    """The differences of a pair, at first only what differs; selected files can be restored from here."""

    HELP_TITLE = "Comparison"
    STARTED = "job started: J shows its progress · F5 compares again"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "restore", "Restore"),
        Binding("v", "pivot", "Swap sides"),
        Binding("equals_sign", "same", "Unchanged", key_display="="),
        Binding("c", "check", "By content"),
        Binding("x", "stop", "Stop", show=False),
        Binding("y", "copy", "Copy command", show=False),
        Binding("J", "jobs", "Jobs", show=False),
        Binding("f5,R", "reload", "Refresh", show=False),
        Binding("question_mark,f1", "help", "Help", key_display="?"),
        Binding("escape", "back", "Back", key_display="Esc"),
        Binding("q", "app.quit", "Quit", show=False),
    ]

    def __init__(self, place: Place, pair: Pair, launcher: Launcher) -> None:
        super().__init__(place, launcher)
        self._pair = pair
        self._options = CompareOptions()
        self._comparer = Comparer(place, pair)
        self._progress = Progress()
        self._comparison = Differences()
        self._by_key: dict[Hashable, Difference] = {}
        self._part = ""

    def compose(self) -> ComposeResult:
        """The sides, the sums, the differences, what is known of the row, keys."""
        yield from self.table_parts("Differences", "Comparing…")

    def on_mount(self) -> None:
        """Begin to compare."""
        self.query_one(LineTable).focus()
        self._begin()

    def on_unmount(self) -> None:
        """Compare no more; the files are let go of as soon as nobody reads them."""
        self._progress.stop()
        threading.Thread(target=self._comparer.close).start()

    def refusal_of(self, action: str) -> str:
        """Why an action cannot be had now, or nothing."""
        return "no comparison is running" if action == "stop" and self._comparison.complete else ""

    # -- comparing

    def _begin(self) -> None:
        self._progress.stop()
        self._comparison = Differences()
        self._progress = Progress(self._handle)
        self.fill()
        self._compare(self._comparer, self._options, self._progress)

    def _handle(self, event: Event) -> None:
        match event:
            case Entered(part):
                self._part = part
            case Advanced(done):
                self.post_message(ReadingProgressed(f"reading {self._part}: {amount_text(done)}"))

    @work(thread=True, group="compare")
    def _compare(self, comparer: Comparer, options: CompareOptions, progress: Progress) -> None:
        try:
            comparer.run(options, progress, lambda comparison: self._post_update(progress, comparison))
        except Cancelled:
            return
        except (SnapshotError, OSError) as trouble:
            self.post_message(ComparisonUpdated(progress, None, str(trouble)))

    def _post_update(self, progress: Progress, comparison: Differences) -> None:
        progress.raise_if_cancelled()
        self.post_message(ComparisonUpdated(progress, comparison))

    def on_reading_progressed(self, message: ReadingProgressed) -> None:
        """Say how far it is."""
        if not self._comparison.complete:
            self.say(message.text)

    def on_comparison_updated(self, message: ComparisonUpdated) -> None:
        """Show what differs so far."""
        if message.job is not self._progress:
            return
        if message.comparison is None:
            self._comparison = self._comparison._replace(complete=True)
            self.say(message.trouble)
            return
        self._comparison = message.comparison
        self._by_key = {
            differing.key_of(difference): difference for difference in message.comparison.differences
        }
        self.fill()

    def fill(self) -> None:
        """Show what differs in the columns that fit."""
        comparison, table = self._comparison, self.query_one(LineTable)
        rows = differing.rows(comparison)
        table.show_columns(differing.columns(rows, self.room))
        table.show(rows)
        sides = " → ".join(comparison.labels) if comparison.labels[0] else "Opening…"
        editions = " → ".join(dict.fromkeys(comparison.editions))
        self.head(f"Compare {plain(self._pair.snap)} {sides}", editions)
        self.sum_up(f"{differing.sums(comparison)}{'' if comparison.complete else ' so far'}")
        self.warn(plain("; ".join(comparison.notes)))
        if comparison.complete and table.cursor_key is None:
            self.say("no differences" if not self._options.exact else "no differences, by content either")

    # -- keys

    def on_line_table_moved(self, message: LineTable.Moved) -> None:
        """Show everything about the row."""
        difference = self._by_key.get(message.key)
        selected = len(self.query_one(LineTable).marked)
        facts = [f"{selected} selected"] if selected else []
        if difference is not None:
            facts += [difference.text, difference.kind, difference.change.value, *difference.metadata]
        elif isinstance(message.key, ConfigKey):
            facts += [f"configuration key {message.key.key}", "restore it with snap set"]
        self.say(" · ".join(facts))

    def on_line_table_entered(self, message: LineTable.Entered) -> None:
        """Show how a text differs."""
        self._show_diff(message.key)

    def on_line_table_opened(self, message: LineTable.Opened) -> None:
        """Show how a text differs, or go back."""
        if message.wider:
            self._show_diff(message.key)
        else:
            self.action_back()

    def _show_diff(self, key: Hashable) -> None:
        difference = self._by_key.get(key)
        if isinstance(key, ConfigKey):
            self._show_values(key)
        elif not isinstance(key, KeyOf) or difference is None or difference.kind != Kind.FILE.value:
            kind = difference.kind if difference else "line"
            self.say(f"only files can be compared line by line; this is a {kind}")
        elif not self._place.previews:
            self.say(preview.OFF)
        elif not self._comparison.complete:
            self.say("the comparison is still running: x stops it")
        else:
            comparer = self._comparer
            title = f"{difference.text}: {' → '.join(self._comparison.labels)}"
            self.app.push_screen(TextViewer(title, lambda job: diff_document(comparer, key, job)))

    def _show_values(self, key: ConfigKey) -> None:
        change = next(
            key_change for key_change in self._comparison.configuration if key_change.key == key.key
        )
        lines = []
        for label, value in zip(self._comparison.labels, (change.before, change.after), strict=True):
            lines += [(label, "dim"), (f"  {plain(differing.json_text(value))}", "")]
        document = Document("a configuration key", lines)
        if self._place.previews:
            self.app.push_screen(TextViewer(f"configuration: {key.key}", lambda _job: document))
        else:
            self.say(preview.OFF)

    def action_stop(self) -> None:
        """Stop comparing; results so far stay."""
        if reason := self.refusal_of("stop"):
            self.say(reason)
        else:
            self._progress.stop()
            self._comparison = self._comparison._replace(complete=True)
            self.say("stopped: results so far are shown · F5 compares again")

    def action_reload(self) -> None:
        """Compare again."""
        self._begin()

    def action_same(self) -> None:
        """Show or hide unchanged files."""
        shows = not self._options.same
        self._options = self._options._replace(same=shows)
        self._begin()
        self.say("unchanged files are shown as well" if shows else "only differences are shown")

    def action_check(self) -> None:
        """Compare by content, or by size and time."""
        exact = not self._options.exact
        self._options = self._options._replace(exact=exact)
        self._begin()
        self.say(EXACT if exact else BY_SIZE)

    def action_pivot(self) -> None:
        """Swap the sides."""
        pair = self._pair
        if pair.after is None or pair.before is None:
            self.say("cannot swap sides: only the snapshot can be restored")
            return
        self._pair = pair._replace(before=pair.after, after=pair.before)
        self._progress.stop()
        threading.Thread(target=self._comparer.close).start()
        self._comparer = Comparer(self._place, self._pair)
        self.query_one(LineTable).action_mark_none()
        self._begin()

    # -- restoring

    def extraction(self) -> Extract | None:
        """The extraction that would restore the selection from the first side; None after saying why not."""
        table = self.query_one(LineTable)
        keys = table.marked or {table.cursor_key}
        chosen = [difference for key, difference in self._by_key.items() if key in keys]
        there = [difference for difference in chosen if difference.before is not None]
        if not chosen:
            self.say("nothing here can be restored; use snap set to restore a configuration key")
        elif not there:
            self.say(f"it is not in {self._comparison.labels[0]}: there is nothing to restore")
        elif not self._comparison.complete:
            self.say("the comparison is still running: x stops it")
        else:
            items = self._comparer.marks_of(there)
            source = self._pair.before
            return Extract(0, items, source) if isinstance(source, str) else Extract(source.set_id, items)
        return None

    def action_copy(self) -> None:
        """Copy the command for this comparison."""
        arguments = [
            "snapstow",
            *self._place.location_options,
            "diff",
            _side_argument(self._pair.before),
            _side_argument(self._pair.after),
        ]
        self.say(copied(self.app, shlex.join([*arguments, self._pair.snap])))


def diff_document(comparer: Comparer, key: KeyOf, progress: Progress) -> Document:
    """The unified diff of one file as lines to read. Raises SnapshotError, Cancelled."""
    from backend.browse import harmless

    text_diff = comparer.diff_of(key, progress)
    if text_diff.why_not:
        return Document(f"cannot be compared line by line: {text_diff.why_not}")
    lines = [(harmless(line), _STYLES.get(line[:1], "")) for line in text_diff.lines]
    return Document("a unified diff" if lines else "the contents are identical", lines)


def _side_argument(side: Snapshot | str | None) -> str:
    if side is None:
        return LIVE
    return side if isinstance(side, str) else str(side.set_id)
