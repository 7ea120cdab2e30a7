"""A dialog in which `l` lists what lines keep folded, and never chooses anything."""

from collections.abc import Hashable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.screen import ScreenResultType

from tui.dialogs.base import Dialog


class Unfolding(Dialog[ScreenResultType]):
    """What is in `unfolded` is shown at length by `redraw`; `fold_of` says what there is to unfold."""

    NOTHING_FOLDED = "nothing to list"
    BINDINGS: ClassVar[list[BindingType]] = [
        # Before the list has it: there it means Enter, and that chooses.
        Binding("l", "unfold", "List", show=False, priority=True),
    ]

    def __init__(self, title: str) -> None:
        super().__init__(title)
        self.unfolded: frozenset[Hashable] = frozenset()

    def fold_of(self, key: Hashable) -> Hashable | None:
        """What a line belongs to that can be listed, or None."""
        raise NotImplementedError

    def redraw(self) -> None:
        """Show everything as it is now."""
        raise NotImplementedError

    def action_unfold(self) -> None:
        """List what the line stands for, elsewhere all that can be listed; again: no more."""
        self.set_focus(self.lines)
        fold = self.fold_of(self.lines.cursor_key)
        folds = {fold} if fold is not None else {self.fold_of(key) for key in self.lines.keys} - {None}
        self.say("" if folds else self.NOTHING_FOLDED)
        self.unfold(folds)

    def unfold(self, folds: set[Hashable]) -> None:
        """List these; where all of them are listed already, fold them."""
        self.unfolded = self.unfolded - folds if folds <= self.unfolded else self.unfolded | folds
        self.redraw()
