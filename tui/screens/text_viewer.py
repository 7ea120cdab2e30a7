"""A screen of harmless lines to read: a file's beginning, the differences of a text."""

from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar, NamedTuple

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Static

from backend import Cancelled, Progress, SnapshotError
from tui.terminal.pager import show_lines
from tui.text import cells, cut_middle, plain
from tui.views.table import Column, Line, Row
from tui.widgets.key_bar import KeyBar
from tui.widgets.table import Lines, LineTable
from tui.widgets.text import put

_BESIDE = 6


class Document(NamedTuple):
    """What there is to read: lines, each with the name of a style or nothing, and what they are."""

    what: str
    lines: Sequence[tuple[str, str]] = ()


class Came(Message):
    """The sheet is there."""

    def __init__(self, sheet: Document) -> None:
        super().__init__()
        self.sheet = sheet


class TextViewer(Screen[None]):
    """Shows a sheet that `load` makes on a thread; `whole` are all its lines for a pager."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("vertical_line", "pager", "Pager", key_display="|"),
        Binding("question_mark,f1", "help", "Help", key_display="?"),
        Binding("escape", "back", "Back", key_display="Esc"),
        Binding("q", "app.quit", "Quit", show=False),
    ]

    def __init__(
        self,
        title: str,
        load: Callable[[Progress], Document],
        whole: Callable[[], Iterable[str]] | None = None,
    ) -> None:
        super().__init__()
        self._titled = plain(title)
        self._load_sheet = load
        self._whole = whole
        self._progress = Progress()
        self._sheet = Document("Reading…")

    def compose(self) -> ComposeResult:
        """What it is, the lines, keys."""
        yield Static("", id="header", markup=False)
        yield Lines([Column("", 0)], id="table")
        yield Static("", id="status", markup=False)
        yield KeyBar()

    def on_mount(self) -> None:
        """Begin to read."""
        self._head()
        self.query_one(LineTable).focus()
        self.say(self._sheet.what)
        self._read_sheet()

    def on_unmount(self) -> None:
        """Read no more."""
        self._progress.stop()

    @work(thread=True, group="sheet")
    def _read_sheet(self) -> None:
        try:
            self.post_message(Came(self._load_sheet(self._progress)))
        except Cancelled:
            return
        except (SnapshotError, OSError) as trouble:
            self.post_message(Came(Document(str(trouble))))

    def on_came(self, message: Came) -> None:
        """Show it."""
        self._sheet = message.sheet
        self._fill()
        self.say(message.sheet.what)

    def on_resize(self) -> None:
        """Break long lines anew."""
        self._head()
        self._fill()

    def _head(self) -> None:
        put(self.query_one("#header", Static), Text(f" {cut_middle(self._titled, self.size.width - 2)}"))

    def _fill(self) -> None:
        room = max(1, self.size.width - _BESIDE)
        rows = [
            _row((number, piece), text, style)
            for number, (line, style) in enumerate(self._sheet.lines)
            for piece, text in enumerate(broken(line, room))
        ]
        self.query_one(LineTable).show(rows)

    def on_line_table_moved(self, message: LineTable.Moved) -> None:
        """Tell which line it is."""
        if isinstance(message.key, tuple):
            self.say(f"line {message.key[0] + 1} of {len(self._sheet.lines)} · {self._sheet.what}")

    def on_line_table_opened(self, message: LineTable.Opened) -> None:
        """h goes back."""
        if not message.wider:
            self.action_back()

    def say(self, text: str) -> None:
        """Say something on the status line."""
        put(self.query_one("#status", Static), Text(f" {plain(text)}", no_wrap=True, overflow="ellipsis"))

    def action_pager(self) -> None:
        """Show all of it in the pager, $PAGER."""
        lines = self._whole() if self._whole is not None else [text for text, _ in self._sheet.lines]
        if trouble := show_lines(self.app, lines):
            self.say(trouble)

    def action_back(self) -> None:
        """Back to where it was opened from."""
        self.dismiss()

    def action_help(self) -> None:
        """Explain the keys of this screen."""
        from tui.dialogs.base import HelpWanted

        self.post_message(HelpWanted("Reading", self.BINDINGS + LineTable.BINDINGS))


def _row(key: tuple[int, int], text: str, style: str) -> Row:
    line = Line((text,), (style,))
    return Row(key, lambda: line)


def broken(line: str, room: int) -> list[str]:
    """A harmless line in pieces of at most so many columns."""
    if cells(line) <= room:
        return [line]
    pieces, width = [""], 0
    for letter in line:
        wide = cells(letter)
        if width + wide > room and pieces[-1]:
            pieces.append("")
            width = 0
        pieces[-1] += letter
        width += wide
    return pieces
