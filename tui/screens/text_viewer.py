"""A screen of harmless lines to read: a file's beginning, the differences of a text."""

from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar, NamedTuple

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Static

from backend import Cancelled, Progress, SnapshotError
from tui.screens.sub_screen import Panel, SubScreen
from tui.terminal.pager import show_lines
from tui.text import cells, plain
from tui.views.table import Column, Line, Row
from tui.widgets.key_bar import KeyBar
from tui.widgets.table import Lines, LineTable

_MARGIN = 4


class Document(NamedTuple):
    """What there is to read: lines, each with the name of a style or nothing, and what they are."""

    what: str
    lines: Sequence[tuple[str, str]] = ()


class DocumentLoaded(Message):
    """The document is there."""

    def __init__(self, document: Document) -> None:
        super().__init__()
        self.document = document


class TextViewer(SubScreen):
    """Shows a document that `load` makes on a thread; `whole` are all its lines for a pager."""

    HELP_TITLE = "Reading"
    TABLE_KEYS = Lines.BINDINGS
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
        self._load = load
        self._whole = whole
        self._progress = Progress()
        self._document = Document("Reading…")

    def compose(self) -> ComposeResult:
        """What it is, the lines, keys."""
        yield Static("", id="header", markup=False)
        with Panel():
            yield Lines([Column("", 0)], id="table")
        yield Static("", id="status", markup=False)
        yield KeyBar()

    def on_mount(self) -> None:
        """Begin to read."""
        self.query_one(LineTable).focus()
        self.say(self._document.what)
        self._read_document()

    def on_unmount(self) -> None:
        """Read no more."""
        self._progress.stop()

    @work(thread=True, group="document")
    def _read_document(self) -> None:
        try:
            self.post_message(DocumentLoaded(self._load(self._progress)))
        except Cancelled:
            return
        except (SnapshotError, OSError) as trouble:
            self.post_message(DocumentLoaded(Document(str(trouble))))

    def on_document_loaded(self, message: DocumentLoaded) -> None:
        """Show it."""
        self._document = message.document
        self.fill()
        self.say(message.document.what)

    def fill(self) -> None:
        """Break long lines anew."""
        self.head(self._titled)
        width = max(1, self.room - _MARGIN)
        rows = [
            _row((number, piece), text, style)
            for number, (line, style) in enumerate(self._document.lines)
            for piece, text in enumerate(broken(line, width))
        ]
        self.query_one(LineTable).show(rows)

    def on_line_table_moved(self, message: LineTable.Moved) -> None:
        """Say which line it is."""
        if isinstance(message.key, tuple):
            self.say(f"line {message.key[0] + 1} of {len(self._document.lines)} · {self._document.what}")

    def on_line_table_opened(self, message: LineTable.Opened) -> None:
        """h goes back."""
        if not message.wider:
            self.action_back()

    def action_pager(self) -> None:
        """Show all of it in the pager, $PAGER."""
        lines = self._whole() if self._whole is not None else [text for text, _ in self._document.lines]
        if trouble := show_lines(self.app, lines):
            self.say(trouble)


def _row(key: tuple[int, int], text: str, style: str) -> Row:
    line = Line((text,), (style,))
    return Row(key, lambda: line)


def broken(line: str, width: int) -> list[str]:
    """A harmless line in pieces of at most so many columns."""
    if cells(line) <= width:
        return [line]
    pieces, taken = [""], 0
    for letter in line:
        needed = cells(letter)
        if taken + needed > width and pieces[-1]:
            pieces.append("")
            taken = 0
        pieces[-1] += letter
        taken += needed
    return pieces
