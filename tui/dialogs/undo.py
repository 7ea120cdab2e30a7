"""The dialog before an undo: which restores and forgets can be undone, until when, and what that holds."""

import time
from typing import NamedTuple

from textual import work
from textual.content import Content
from textual.message import Message

from backend import SnapshotError, Undo, UndoOffer, command_line
from backend.engine import undo_offers
from tui.dialogs.base import Dialog
from tui.dialogs.lines import BAD, DIM, WARN, Line, LineList, styled
from tui.phrases import offer_phrase, rough_span_phrase
from tui.session.place import Place
from tui.text import amount_text, moment_text, plain

NOTHING = "Nothing can be undone. Restores and forgets are listed here until their undo expires."


class Offer(NamedTuple):
    """A job that can be undone; `newer` is a later one of the same snaps."""

    offer: UndoOffer
    newer: int = 0


class Offered(Message):
    """What can be undone is known, or why it is not."""

    def __init__(self, offers: tuple[Offer, ...], trouble: str = "") -> None:
        super().__init__()
        self.offers = offers
        self.trouble = trouble


def offers_of(place: Place) -> tuple[Offer, ...]:
    """What can be undone at a place, the newest first. Raises SnapshotError."""
    offers = undo_offers(place.engine, place.jobs.records())
    listed = []
    for number, offer in enumerate(offers):
        later = [
            later_offer.job
            for later_offer in offers[:number]
            if not (later_offer.sets or offer.sets) and set(later_offer.snaps) & set(offer.snaps)
        ]
        listed.append(Offer(offer, later[-1] if later else 0))
    return tuple(listed)


def line_of(listed: Offer, now: float) -> Line:
    """An offer in words, at a time in seconds since the epoch."""
    offer = listed.offer
    left = rough_span_phrase(max(0.0, offer.until - now))
    held = "kept in the repository" if offer.copies else f"holds {amount_text(offer.held)}"
    holds = f"until {moment_text(offer.until)} (in {left}) · {held}"
    holds += f"\nstill kept: {offer.doubt}" if offer.doubt else ""
    newer = f"\njob {listed.newer} changed the same snaps later: undo that first" if listed.newer else ""
    what = f"{offer_phrase(offer)}  {', '.join(map(plain, offer.snaps))}"
    text = Content.assemble((what, "bold"), "\n", (holds, DIM), (newer, WARN))
    return Line(offer.job, text, head=Content.styled(f"job {offer.job:<4} ", "bold"))


class AskUndo(Dialog[int | None]):
    """Lists what can be undone; answers with the chosen job, or None."""

    ANSWER = "Undo"

    def __init__(self, place: Place) -> None:
        super().__init__("Undo a restore or a forget")
        self._place = place
        self._offers: tuple[Offer, ...] = ()

    def on_mount(self) -> None:
        """Look for what can be undone."""
        self.lines.focus()
        self.say("")
        self.answer_with(self.ANSWER, "looking for what can be undone…")
        self._look()

    @work(thread=True, group="look")
    def _look(self) -> None:
        try:
            self.post_message(Offered(offers_of(self._place)))
        except (SnapshotError, OSError) as trouble:
            self.post_message(Offered((), str(trouble)))

    def on_offered(self, message: Offered) -> None:
        """Show the offers, or say that there are none; too late when the dialog was left."""
        if not self.is_open:
            return
        self._offers = message.offers
        if not message.offers:
            self.lines.display = False
            self.LEAVES = "Close"
            self.answer_with("")
            self.sum_up(styled(message.trouble or NOTHING, BAD if message.trouble else ""))
            return
        self.sum_up(
            "What a restore replaced, or a forget removed, is put back; what that replaces is kept for a day."
        )
        now = time.time()
        self.show_lines([line_of(listed, now) for listed in message.offers])

    def on_line_list_moved(self, message: LineList.Moved) -> None:
        """Let the edge and the command tell what Enter does."""
        if self.is_open and isinstance(message.key, int):
            self.answer_with(f"Undo job {message.key}")
            self.show_command(command_line(Undo(message.key), self._place.location_options))

    def confirm(self) -> None:
        """Undo the one under the cursor; leave where there is none."""
        if isinstance(key := self.lines.cursor_key, int):
            self.dismiss(key)
        elif not self.lines.display:
            self.leave()
