"""The dialog of a pin: why a set is not to go, and whether it may go again."""

import time
from collections.abc import Iterable
from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from backend import SnapshotError, SnapshotSet
from backend.store import Pin
from tui.dialogs.answers import Answer
from tui.dialogs.base import Dialog
from tui.dialogs.field import Field
from tui.dialogs.lines import BAD, Line, styled
from tui.session.place import Place
from tui.text import pin_text, plain

_LONGEST = 200


class Known(Message):
    """Whether the set is pinned, or why nobody can tell."""

    def __init__(self, pin: Pin | None, trouble: str = "") -> None:
        super().__init__()
        self.pin = pin
        self.trouble = trouble


class Kept(Message):
    """What was done, or why it was not."""

    def __init__(self, text: str, trouble: str = "") -> None:
        super().__init__()
        self.text = text
        self.trouble = trouble


class AskPin(Dialog[str | None]):
    """Pins a set with a note, or removes its pin; answers with what was done, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+d", "unpin", "Unpin", show=False, priority=True, tooltip="Let it go again")
    ]
    KEYS = (Answer("ctrl+d", "^D", "unpin"),)
    ANSWER = "Pin"
    FIELDS_FIRST = True

    def __init__(self, place: Place, part: SnapshotSet) -> None:
        super().__init__(f"Pin #{part.set_id}")
        self._place = place
        self._part = part
        self._pin: Pin | None = None

    def fields(self) -> Iterable[Widget]:
        """The note."""
        yield Field(
            "Note", Input(id="note", compact=True, max_length=_LONGEST, placeholder="why it is to stay")
        )

    def on_mount(self) -> None:
        """Look whether it is pinned."""
        self.query_one("#note", Input).focus()
        snaps = ", ".join(plain(snapshot.snap) for snapshot in self._part.snapshots)
        self.show_lines([Line("what", styled(snaps)), Line("means", styled(_MEANING))])
        self.answer_with(self.ANSWER, "looking whether it is pinned…")
        self._look()

    @work(thread=True, group="look")
    def _look(self) -> None:
        try:
            pins = self._place.engine.pins.by_set([self._part])
            self.post_message(Known(pins.get(self._part.set_id)))
        except SnapshotError as trouble:
            self.post_message(Known(None, str(trouble)))

    def on_known(self, message: Known) -> None:
        """Show its pin; let another note be typed."""
        if not self.is_open:
            return
        if message.trouble:
            self.sum_up(styled(message.trouble, BAD))
            self.answer_with("")
            return
        self._pin = message.pin
        if message.pin:
            self.query_one("#note", Input).value = message.pin.note
            self.sum_up(f"It is {pin_text(message.pin.note)}.")
        self.answer_with("Change the note" if message.pin else self.ANSWER)

    def confirm(self) -> None:
        """Pin it, or change the note."""
        self._keep(self.query_one("#note", Input).value)

    def action_unpin(self) -> None:
        """Let it go again."""
        if self._pin is None:
            self.say("it is not pinned")
        else:
            self._keep(None)

    @work(thread=True, exclusive=True, group="keep")
    def _keep(self, note: str | None) -> None:
        pins, name = self._place.engine.pins, f"#{self._part.set_id}"
        try:
            if note is None:
                pins.unpin(self._part)
                text = f"{name} is not pinned any more"
            else:
                text = f"{name} is {pin_text(pins.pin(self._part, note, time.time()).note)}"
            self.post_message(Kept(text))
        except SnapshotError as trouble:
            self.post_message(Kept("", str(trouble)))

    def on_kept(self, message: Kept) -> None:
        """Leave, or say why it was not done."""
        if self.is_open:
            if message.trouble:
                self.say(message.trouble, BAD)
            else:
                self.dismiss(message.text)


_MEANING = "A pinned set is never pruned, and is forgotten only by its number. The note says why."
