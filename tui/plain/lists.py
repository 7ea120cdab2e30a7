"""What there is at a place, told in lines: where we are, the sets, one set, the jobs."""

import os
import pwd
import time
from collections.abc import Sequence

from backend import Action, NotFoundError, SnapshotSet
from backend.jobs import JobState
from tui.phrases import count_phrase
from tui.plain.follow import Desk
from tui.plain.words import counts_words, job_words, ordered, set_words, snapshot_lines
from tui.session.inventory import InventoryData
from tui.text import amount_text, plain

PAGE = 20
_PROBLEMS = "problems"


class Lists:
    """Tells lists at a desk, a page at a time. Raises SnapshotError."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._console = desk.console
        self._left: list[str] = []

    def greet(self) -> None:
        """Say where we are, what there is, and what runs."""
        stock = self._desk.place.inventory()
        here = self._desk.place
        root = here.engine.layout.root
        where = "the demo" if "--demo" in here.location_options else "this machine" if root == "/" else root
        stored, free = amount_text(stock.stored), amount_text(stock.free)
        self._console.say(
            f"Snapstow, at {where}, as {_who()}: {count_phrase(len(stock.sets), 'set')}, {stored} stored, "
            f"{free} free; {counts_words(stock)}."
        )
        if reason := here.refusal(Action.SAVE):
            self._console.say(f"Read-only: {reason}.")
        if warning := here.engine.warning:
            self._console.say(f"Note: {warning}.")
        self._tell_sets(stock, ordered(stock, (), problems=False))
        self._tell_news()
        self._console.say("For the list of commands, type: help")

    def _tell_news(self) -> None:
        """Say what runs, perhaps since another login, and what was interrupted."""
        now = time.time()
        views = self._desk.board.views()
        self._console.say(*(job_words(view, now) for view in views if view.is_running))
        self._console.say(
            *(f"{plain(text[0].upper() + text[1:])}." for text in self._desk.place.engine.waiting())
        )
        if count := sum(1 for view in views if view.state is JobState.INTERRUPTED):
            was = "was" if count == 1 else "were"
            self._console.say(f"{count_phrase(count, 'job')} {was} interrupted. To list the jobs, type: jobs")

    def list(self, terms: Sequence[str]) -> None:
        """Tell the sets that words fit, the newest first, or first those that need attention."""
        problems = _PROBLEMS in terms
        stock = self._desk.place.inventory()
        sets = ordered(stock, [word for word in terms if word != _PROBLEMS], problems=problems)
        if terms and not sets:
            self._console.say("No set matches.")
        else:
            self._tell_sets(stock, sets)

    def more(self) -> None:
        """Tell what is left of the last list."""
        if self._left:
            self.tell(self._left)
        else:
            self._console.say("There are no more.")

    def tell(self, lines: Sequence[str]) -> None:
        """Tell the first lines, and keep the others."""
        self._console.say(*lines[:PAGE])
        self._left = list(lines[PAGE:])
        if self._left:
            self._console.say(f"{len(self._left):,} more not shown yet. To continue, type: more")

    def _tell_sets(self, stock: InventoryData, sets: Sequence[SnapshotSet]) -> None:
        now = time.time()
        self.tell([set_words(set_, stock, now) for set_ in sets])
        if not sets:
            self._console.say("There are no sets. To save one, type: save. To read one from a file: import")

    def show(self, part: SnapshotSet) -> None:
        """Tell everything about a set."""
        stock = self._desk.place.inventory()
        now = time.time()
        set_ = stock.by_id.get(part.set_id)
        if set_ is None:
            raise NotFoundError(f"set {part.set_id} is gone")
        self._console.say(set_words(set_, stock, now))
        for snapshot in set_.snapshots:
            self._console.say(*snapshot_lines(snapshot, stock, now))

    def jobs(self) -> None:
        """Tell the jobs, the newest first."""
        now = time.time()
        views = self._desk.board.views()
        self._console.say(*(job_words(view, now) for view in views[:PAGE]))
        if not views:
            self._console.say("There are no jobs yet.")
        elif len(views) > PAGE:
            self._console.say(f"{count_phrase(len(views) - PAGE, 'older job')} not shown.")


def _who() -> str:
    try:
        return plain(pwd.getpwuid(os.geteuid()).pw_name)
    except KeyError:
        return f"user {os.geteuid()}"
