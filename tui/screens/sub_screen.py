"""What the screens above the inventory have in common: a status line, their help, and restores from here."""

from typing import ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Static

from backend import Action, Extract
from tui.screens.launcher import Launcher
from tui.session.place import Place
from tui.text import cut_middle, plain
from tui.views.header import Count, title_text
from tui.widgets.key_bar import KeyBar
from tui.widgets.panel import Titled, has_room_for_frames
from tui.widgets.table import BESIDE_ROWS, LineTable
from tui.widgets.text import set_text


class Panel(Titled, Vertical):
    """Something in a frame with its name, where there is room for frames."""

    def __init__(self, title: str = "", name: str = "results") -> None:
        super().__init__(id=name, classes="framed")
        self.border_title = title or None
        self._sum = ""

    def sum_up(self, text: str) -> None:
        """Say in the frame what there is, whatever signs are in it."""
        if text != self._sum:
            self._sum = text
            self.entitle(self.border_title or "", Content(f" {text} ") if text else "")


class SubScreen(Screen[None]):
    """Says things on its `#status` line; `HELP_TITLE` heads the help about its keys.

    What is `.framed` has a frame where there is room for frames.
    """

    HELP_TITLE = ""
    TABLE_KEYS: ClassVar[list[BindingType]] = LineTable.BINDINGS

    def table_parts(self, title: str, status: str = "", box: Widget | None = None) -> ComposeResult:
        """Header, sums, faults, a table in its frame, a box below it, the status line, keys."""
        yield Static("", id="header", markup=False)
        yield Static("", id="sums", markup=False)
        faults = Static("", id="faults", markup=False)
        faults.display = False
        yield faults
        with Panel(title):
            yield LineTable([], id="table")
        if box is not None:
            yield box
        yield Static(f" {status}", id="status", markup=False)
        yield KeyBar()

    def say(self, text: str) -> None:
        """Say something on the status line."""
        set_text(
            self.query_one("#status", Static), Text(f" {plain(text)}", no_wrap=True, overflow="ellipsis")
        )

    def head(self, title: str, *facts: str | Count) -> None:
        """Say on top what this is about."""
        set_text(self.query_one("#header", Static), title_text(title, facts, self.size.width))

    def sum_up(self, text: str) -> None:
        """Say for good what there is: in the frame of the table, or on a line where there is no frame."""
        line = self.query_one("#sums", Static)
        line.display = not self.has_frames
        set_text(line, Text(f" {text}", no_wrap=True, overflow="ellipsis"))
        self.query_one("#results", Panel).sum_up(cut_middle(text, max(1, self.size.width - 8)))

    def warn(self, text: str) -> None:
        """Say for good what is wrong; nothing takes no room."""
        line = self.query_one("#faults", Static)
        line.display = bool(text)
        set_text(line, Text(f" {text}", no_wrap=True, overflow="ellipsis"))

    @property
    def has_frames(self) -> bool:
        """Whether there is room for frames."""
        return has_room_for_frames(self.size)

    @property
    def room(self) -> int:
        """The cells for the columns of a table as wide as the screen."""
        return self.size.width - BESIDE_ROWS - 2 * self.has_frames

    def fill(self) -> None:
        """Show everything as it fits."""

    def on_resize(self) -> None:
        """Choose what fits."""
        for widget in self.query(".framed"):
            widget.set_class(self.has_frames, "panel")
        self.fill()

    def action_back(self) -> None:
        """Back to where it was opened from."""
        self.dismiss()

    def action_help(self) -> None:
        """Explain the keys of this screen."""
        from tui.dialogs.base import HelpWanted

        self.post_message(HelpWanted(self.HELP_TITLE, self.BINDINGS + self.TABLE_KEYS))


class RestoringScreen(SubScreen):
    """A screen from which selected files can be restored; `STARTED` is said once that has begun."""

    STARTED = "job started: J shows its progress"

    def __init__(self, place: Place, launcher: Launcher) -> None:
        super().__init__()
        self._place = place
        self._launcher = launcher

    def extraction(self) -> Extract | None:
        """What is selected; says why not, where nothing is."""
        raise NotImplementedError

    def restore_refusal(self) -> str:
        """Why nothing can be restored here, or nothing."""
        return self._place.refusal(Action.RESTORE) if self._place.read_only else ""

    @work
    async def action_restore(self) -> None:
        """Preview the restore, then start it."""
        from tui.dialogs.extract import AskExtract

        if reason := self.restore_refusal():
            self.say(reason)
        elif wanted := self.extraction():
            answer = await self.app.push_screen_wait(AskExtract(self._place, wanted))
            if answer is not None:
                await self._launcher.launch(answer)
                self.say(self.STARTED)

    def action_jobs(self) -> None:
        """Show all jobs."""
        self._launcher.action_jobs()
