"""What differs between two sets, or between one and the data in place: one row for each snap."""

import shlex
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen

from backend import Cancelled, Progress, SnapshotError
from backend.compare import (
    LIVE,
    CompareOptions,
    Presence,
    SetComparison,
    Side,
    SnapSummary,
    side_in_place,
    side_of_set,
)
from tui.screens.compare import CompareScreen
from tui.screens.launcher import Launcher
from tui.screens.sub_screen import SubScreen
from tui.session.place import Place
from tui.terminal.clipboard import copied
from tui.views import set_differences as differing
from tui.views.difference_rows import Pair, SetPair
from tui.widgets.key_bar import KeyBar
from tui.widgets.table import LineTable

_LIVE_TITLE = "live data"


class SnapCompared(Message):
    """One more snap was compared."""

    def __init__(self, progress: Progress, summary: SnapSummary) -> None:
        super().__init__()
        self.progress = progress
        self.summary = summary


class CompareSetsScreen(SubScreen):
    """The snaps of a pair of sets, each with what differs; Enter shows its files."""

    HELP_TITLE = "Comparison of sets"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("v", "pivot", "Swap sides"),
        Binding("c", "check", "By content"),
        Binding("x", "stop", "Stop"),
        Binding("y", "copy", "Copy command"),
        Binding("f5,R", "reload", "Refresh", show=False),
        Binding("question_mark,f1", "help", "Help", key_display="?"),
        Binding("escape", "back", "Back", key_display="Esc"),
        Binding("q", "app.quit", "Quit", show=False),
    ]

    def __init__(self, place: Place, sides: tuple[Side, Side], launcher: Launcher) -> None:
        super().__init__()
        self._place = place
        self._launcher = launcher
        engine = place.engine
        self._comparison = SetComparison(*sides, engine.layout, engine.state_dir)
        self._is_live = sides[1].label == LIVE
        self._options = CompareOptions()
        self._progress = Progress()
        self._summaries: list[SnapSummary] = []
        self._is_stopped = False

    def compose(self) -> ComposeResult:
        """The sides, the sums, the snaps, what is known of the row, keys."""
        yield from self.table_parts("Snaps")

    def on_mount(self) -> None:
        """Begin to compare."""
        self.query_one(LineTable).focus()
        self._begin()

    def on_unmount(self) -> None:
        """Compare no more."""
        self._progress.stop()

    def _begin(self) -> None:
        self._progress.stop()
        self._progress, self._summaries, self._is_stopped = Progress(), [], False
        self.fill()
        self._compare(self._comparison, self._options, self._progress)

    @work(thread=True, group="compare")
    def _compare(self, comparison: SetComparison, options: CompareOptions, progress: Progress) -> None:
        try:
            for summary in comparison.summaries(progress, options):
                self.post_message(SnapCompared(progress, summary))
        except Cancelled:
            return
        except (SnapshotError, OSError) as trouble:
            self.app.call_later(self.say, str(trouble))

    def on_snap_compared(self, message: SnapCompared) -> None:
        """Show what is known so far."""
        if message.progress is self._progress and not self._is_stopped:
            self._summaries.append(message.summary)
            self.fill()

    def refusal_of(self, action: str) -> str:
        """Why an action cannot be had now, or nothing."""
        is_over = self._is_stopped or len(self._summaries) == len(self._comparison.snaps)
        if action == "pivot" and self._is_live:
            return "cannot swap sides: only the snapshots can be restored"
        return "no comparison is running" if action == "stop" and is_over else ""

    @property
    def _labels(self) -> tuple[str, str]:
        sides = (self._comparison.before, self._comparison.after)
        before, after = (
            _LIVE_TITLE if self._is_live and side.label == LIVE else side.label for side in sides
        )
        return before, after

    def fill(self) -> None:
        """Show the snaps in the columns that fit."""
        snaps, table = self._comparison.snaps, self.query_one(LineTable)
        rows = differing.rows(snaps, self._summaries, self._labels)
        table.show_columns(differing.columns(rows, self.room))
        table.show(rows)
        self.head(f"Compare {' → '.join(self._labels)}")
        so_far = differing.sums(self._summaries, len(snaps))
        if self._is_stopped:
            so_far = f"stopped: {len(self._summaries)} of {len(snaps)} compared"
        self.sum_up(so_far)
        unsound = [
            summary.snap for summary in self._summaries if not summary.is_sound or not summary.is_whole
        ]
        self.query_one(KeyBar).renew()
        self.warn(f"not whole: {', '.join(unsound)}" if unsound else "")

    # -- keys

    def on_line_table_moved(self, message: LineTable.Moved) -> None:
        """Tell what is known of the snap."""
        for summary in self._summaries:
            if summary.snap == message.key:
                self.say("; ".join(filter(None, (summary.fault, *summary.notes))) or "Enter shows the files")

    def on_line_table_entered(self) -> None:
        """Show the files of the snap."""
        self._open()

    def on_line_table_opened(self, message: LineTable.Opened) -> None:
        """Show the files of the snap, or go back."""
        if message.wider:
            self._open()
        else:
            self.action_back()

    def _open(self) -> None:
        snap = self.query_one(LineTable).cursor_key
        if not isinstance(snap, str):
            return
        presence = self._comparison.snaps[snap]
        before, after = (side.sources.get(snap) for side in (self._comparison.before, self._comparison.after))
        if presence is Presence.BOTH and before is not None:
            self.app.push_screen(CompareScreen(self._place, Pair(snap, before, after), self._launcher))
        elif only := before or after:
            self._launcher.show_contents(only)

    def action_pivot(self) -> None:
        """Swap the sides."""
        if reason := self.refusal_of("pivot"):
            self.say(reason)
            return
        engine, comparison = self._place.engine, self._comparison
        self._comparison = SetComparison(comparison.after, comparison.before, engine.layout, engine.state_dir)
        self._begin()

    def action_check(self) -> None:
        """Compare by content, or by size and time."""
        exact = not self._options.exact
        self._options = self._options._replace(exact=exact)
        self._begin()
        self.say(
            "comparing by content: both sides are read completely" if exact else "comparing by size and time"
        )

    def action_stop(self) -> None:
        """Stop comparing; results so far stay."""
        if reason := self.refusal_of("stop"):
            self.say(reason)
            return
        self._progress.stop()
        self._is_stopped = True
        self.fill()

    def action_reload(self) -> None:
        """Compare again."""
        self._begin()

    def action_copy(self) -> None:
        """Copy the command for this comparison."""
        sides = (side.label.removeprefix("#") for side in (self._comparison.before, self._comparison.after))
        command = shlex.join(["snapstow", *self._place.location_options, "diff", *sides])
        self.say(copied(self.app, command))


def _sides_of(place: Place, pair: SetPair) -> tuple[Side, Side]:
    before = side_of_set(pair.before[0].set_id, pair.before)
    if pair.after:
        return before, side_of_set(pair.after[0].set_id, pair.after)
    return before, side_in_place(place.engine.layout, before.sources)


def comparison_screen(place: Place, pair: Pair | SetPair, launcher: Launcher) -> Screen[None]:
    """The screen that compares a pair."""
    if isinstance(pair, SetPair):
        return CompareSetsScreen(place, _sides_of(place, pair), launcher)
    return CompareScreen(place, pair, launcher)
