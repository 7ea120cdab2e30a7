"""Every file that a restore would lose, as a list of its own: newer ones first, each group by size."""

import time
from collections.abc import Iterable, Sequence
from functools import partial
from typing import ClassVar

from textual import on, work
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from backend import Cancelled, Progress, SnapshotError
from backend.host import Layout
from backend.restore import LossList, LostFile, RestorePlan
from tui.dialogs.answers import Answer
from tui.dialogs.base import Dialog
from tui.dialogs.field import Field
from tui.dialogs.lines import BAD
from tui.phrases import ago_phrase, count_phrase
from tui.text import amount_text, plain
from tui.views.restore_plan import loss_counts
from tui.views.table import GAP, Column, Row
from tui.views.table import Line as TableLine
from tui.widgets.paged_table import PAGE, PagedTable, Pages

_SIZE, _WHY, _CHANGED = 8, 8, 16


class Listed(Message):
    """So many files are listed, of all or of those that hold the text; or why none are."""

    def __init__(self, losses: LossList | None, text: str, count: int = 0, trouble: str = "") -> None:
        super().__init__()
        self.losses = losses
        self.text = text
        self.count = count
        self.trouble = trouble


class PageRead(Message):
    """Here is what stands on a page."""

    def __init__(self, pages: Pages[LostFile], page: int, files: Sequence[LostFile]) -> None:
        super().__init__()
        self.pages = pages
        self.page = page
        self.files = files


class ShowLosses(Dialog[None]):
    """Lists what would be lost, to the end, and finds names in it; nothing is asked."""

    KEYS = (Answer("slash", "/", "find"),)
    LEAVES = "Back"
    FIELDS_FIRST = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "find", "Find", show=False),
        Binding("home,g", "lines('first')", "First", show=False),
        Binding("end,G", "lines('last')", "Last", show=False),
    ]

    def __init__(self, title: str, plans: Sequence[RestorePlan], layout: Layout) -> None:
        super().__init__(title)
        self.add_class("whole")
        self._plans = tuple(plans)
        self._layout = layout
        self._progress = Progress()
        self._losses: LossList | None = None
        self._text = ""

    def list_widget(self) -> Widget:
        """The files."""
        facts = [Column("SIZE", _SIZE, right=True, gap=GAP), Column("CHANGED", _CHANGED), Column("WHY", _WHY)]
        return PagedTable([Column("FILE", 0), *facts], id="lines")

    def fields(self) -> Iterable[Widget]:
        """What is to be found."""
        yield Field("Find", Input(id="find", compact=True, placeholder="part of a path"))

    @property
    def table(self) -> PagedTable:
        """The files."""
        return self.query_one(PagedTable)

    def on_mount(self) -> None:
        """Read them."""
        self.show_field("find", shown=False)
        self.table.focus()
        self.sum_up("reading the live data…")
        self._read(self._progress)

    def on_unmount(self) -> None:
        """Read no more, and let go of the list."""
        self._progress.stop()
        if self._losses is not None:
            self._losses.close()

    def show_lines(self, lines: Sequence[object]) -> None:
        """Its lines are those of the table."""

    # -- reading

    @work(thread=True, group="read")
    def _read(self, progress: Progress) -> None:
        try:
            losses = LossList.read(self._plans, self._layout, progress)
            self.post_message(Listed(losses, "", losses.search("", progress)))
        except Cancelled:
            return
        except SnapshotError as trouble:
            self.post_message(Listed(None, "", trouble=str(trouble)))

    def on_listed(self, message: Listed) -> None:
        """Show the first of them."""
        if not self.is_open:
            if message.losses is not None:
                message.losses.close()
            return
        if message.trouble:
            self.sum_up("")
            self.say(message.trouble, BAD)
        elif message.text == self._text:
            self._losses = message.losses
            self.sum_up(self._summary(message.count))
            self.table.show_pages(Pages(message.count, self._row_of, self._ask), 0)

    def _summary(self, count: int) -> str:
        if self._text:
            return f'{count_phrase(count, "file")} with "{plain(self._text)}" in the path'
        counts = loss_counts([entry.lost for plan in self._plans for entry in plan.active])
        return " · ".join(
            f"{count_phrase(each.files, 'file')} {each.what}, {amount_text(each.size)}" for each in counts
        )

    def _ask(self, pages: Pages[LostFile], page: int) -> None:
        if self._losses is not None:
            self._read_page(self._losses, pages, page)

    @work(thread=True, group="page")
    def _read_page(self, losses: LossList, pages: Pages[LostFile], page: int) -> None:
        try:
            self.post_message(PageRead(pages, page, losses.page(page * PAGE, PAGE)))
        except SnapshotError as trouble:
            self.post_message(Listed(None, "", trouble=str(trouble)))

    def on_page_read(self, message: PageRead) -> None:
        """Show what came."""
        message.pages.put(message.page, message.files)
        if self.is_open:
            self.table.page_came()

    def _row_of(self, file: LostFile) -> Row:
        return Row(file.path, partial(_drawn, file, self._layout.root))

    # -- finding

    def action_find(self) -> None:
        """Find files by a part of their path."""
        self.show_field("find", shown=True)
        self.query_one("#find", Input).focus()

    @on(Input.Changed, "#find")
    def search(self, event: Input.Changed) -> None:
        """Keep to what holds the text."""
        self._text = event.value
        if self._losses is not None:
            self._progress.stop()
            self._progress = Progress()
            self._search(self._losses, event.value, self._progress)

    @work(thread=True, exclusive=True, group="search")
    def _search(self, losses: LossList, text: str, progress: Progress) -> None:
        try:
            self.post_message(Listed(losses, text, losses.search(text, progress)))
        except Cancelled:
            return
        except SnapshotError as trouble:
            self.post_message(Listed(None, text, trouble=str(trouble)))

    # -- keys

    def action_step(self, by: int) -> None:
        """Move in the list; from the field down into it."""
        if self.focused is self.table:
            self.table.action_move(by)
        else:
            self.table.focus()

    def action_lines(self, action: str) -> None:
        """Do something in the list."""
        pages = {"page_down": 1, "page_up": -1}
        if action in pages:
            self.table.action_page(pages[action])

    def confirm(self) -> None:
        """Go from the field to what it keeps; there is no other answer."""
        self.table.focus()

    def action_leave(self) -> None:
        """Show all files again; then go back."""
        if self.is_shown("find"):
            self.query_one("#find", Input).value = ""
            self.show_field("find", shown=False)
            self.table.focus()
        else:
            super().action_leave()


def _drawn(file: LostFile, root: str) -> TableLine:
    """A row; its path is the one below a root."""
    why = "excluded" if file.is_left_out else "newer"
    cells = (
        plain(file.path.removeprefix(root.rstrip("/"))),
        amount_text(file.size),
        ago_phrase(time.time() - file.modified),
        why,
    )
    return TableLine(cells, ("", "", "dim", "dim" if file.is_left_out else "warn"))
