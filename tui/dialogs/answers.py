"""The bottom edge of a dialog: keys on its left, and on its right the verdict and what Enter and Esc do."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import NamedTuple

from textual import events
from textual.content import Content
from textual.widget import Widget

from tui.text import cells

EDGE = "$border"
KEY = "bold $footer-key-foreground"
HINT = "$footer-key-foreground"
QUIET = "$text-muted"
_BETWEEN = "   "
_CORNERS = 4
_LEAST_EDGE = 2


class Piece(NamedTuple):
    """Text of the edge in a style; a click on it is the key."""

    text: str
    style: str = ""
    key: str = ""


class Answer(NamedTuple):
    """What a key does; `waits` is for what it waits until it does that."""

    key: str
    shown: str
    text: str
    waits: str = ""

    @property
    def pieces(self) -> list[Piece]:
        """It as it is drawn: what waits does not look as if it could be pressed."""
        if self.waits:
            return [Piece(f"{self.shown} {self.text}: ", QUIET, self.key), Piece(self.waits, "", self.key)]
        return [Piece(self.shown, KEY, self.key), Piece(f" {self.text}", "", self.key)]


class Answers(Widget, can_focus=False):
    """The edge, drawn as if it were the frame's; a click on an answer presses its key.

    Where there is little room, what is on the left goes first, then all but the main answer.
    """

    ALLOW_SELECT = False

    def __init__(self, hints: Sequence[Answer] = (), answers: Sequence[Answer] = ()) -> None:
        super().__init__()
        self._hints = tuple(hints)
        self._answers = tuple(answers)
        self._verdict = Piece("")

    @property
    def main(self) -> Answer | None:
        """What Enter does, where it does something."""
        return next((answer for answer in self._answers if answer.key == "enter"), None)

    @property
    def verdict(self) -> str:
        """The verdict in words."""
        return self._verdict.text

    def show(self, answers: Iterable[Answer], verdict: Piece = Piece("")) -> None:  # noqa: B008 - it is frozen
        """Show other answers."""
        before = self._answers, self._verdict
        self._answers, self._verdict = tuple(answers), verdict
        if before != (self._answers, self._verdict):
            self.refresh()

    def show_hints(self, hints: Sequence[Answer]) -> None:
        """Show other keys on the left."""
        if self._hints != tuple(hints):
            self._hints = tuple(hints)
            self.refresh()

    def render(self) -> Content:
        """The edge, from corner to corner."""
        return Content.assemble(*((piece.text, piece.style) for piece in self._pieces()))

    def on_click(self, event: events.Click) -> None:
        """Press the key that was clicked."""
        at = 0
        for piece in self._pieces():
            if piece.key and at <= event.x < at + cells(piece.text):
                self.app.simulate_key(piece.key)
            at += cells(piece.text)

    def _pieces(self) -> list[Piece]:
        room = self.size.width - _CORNERS - _LEAST_EDGE
        answers = _joined(answer.pieces for answer in self._answers)
        verdict = [self._verdict] if self._verdict.text else []
        hints = _joined(
            [Piece(hint.shown, HINT, hint.key), Piece(f" {hint.text}", QUIET, hint.key)]
            for hint in self._hints
        )
        main = self.main.pieces if self.main else answers
        fewer: tuple[tuple[list[list[Piece]], list[Piece]], ...]
        fewer = (([verdict, answers], hints), ([verdict, answers], []), ([verdict, main], []), ([main], []))
        for right, left in fewer:
            edge = _Edge(left, _joined(right))
            if edge.width <= room:
                break
        return edge.drawn(self.size.width)


class _Edge(NamedTuple):
    """What stands in an edge."""

    left: list[Piece]
    right: list[Piece]

    @property
    def width(self) -> int:
        """The columns it takes, with a blank on each side of what it holds."""
        return sum(cells(piece.text) for piece in self.left + self.right) + 2 * (
            bool(self.left) + bool(self.right)
        )

    def drawn(self, width: int) -> list[Piece]:
        """The edge in exactly so many columns, what is too long cut off."""
        line = "─" * max(0, width - _CORNERS - self.width)
        left = [Piece(" "), *self.left, Piece(" ")] if self.left else []
        right = [Piece(" "), *self.right, Piece(" ")] if self.right else []
        return [Piece("╰─", EDGE), *left, Piece(line, EDGE), *right, Piece("─╯", EDGE)]


def _joined(groups: Iterable[Sequence[Piece]]) -> list[Piece]:
    """Groups with some blanks between them."""
    pieces = list(chain.from_iterable([Piece(_BETWEEN), *group] for group in groups if group))
    return pieces[1:]
