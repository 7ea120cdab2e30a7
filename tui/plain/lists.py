"""What there is at a place, told in lines: where we are, the sets, one set, the jobs."""

import os
import pwd
import time
from collections.abc import Sequence

from backend import Action, NotFoundError, SnapshotSet
from backend.jobs import JobState
from tui.plain.follow import Desk
from tui.plain.words import counts_words, job_words, ordered, set_words, size_words, snapshot_lines
from tui.session.inventory import InventoryData
from tui.text import counted, plain

PAGE = 20
_PROBLEMS = "problems"


class Lists:
    """Tells lists at a desk, a page at a time. Raises SnapshotError."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._console = desk.console
        self._left: list[SnapshotSet] = []

    def greet(self) -> None:
        """Tell where we are, what there is, and what runs."""
        stock = self._desk.place.inventory()
        here = self._desk.place
        root = here.engine.layout.root
        where = "the demo" if "--demo" in here.words else "this machine" if root == "/" else root
        stored, free = size_words(stock.stored), size_words(stock.free)
        self._console.say(
            f"Snapstow, at {where}, as {_who()}: {counted(len(stock.sets), 'set')}, {stored} stored, "
            f"{free} free; {counts_words(stock)}."
        )
        if reason := here.refusal(Action.SAVE):
            self._console.say(f"Only looking is possible: {reason}.")
        if warning := here.engine.warning:
            self._console.say(f"To be known: {warning}.")
        self._tell_sets(stock, ordered(stock, (), problems=False))
        self._tell_news()
        self._console.say("To hear what can be typed, type: help")

    def _tell_news(self) -> None:
        """Tell what runs, perhaps since another login, and what was interrupted."""
        now = time.time()
        views = self._desk.board.views()
        self._console.say(*(job_words(view, now) for view in views if view.is_running))
        if count := sum(1 for view in views if view.state is JobState.INTERRUPTED):
            was = "was" if count == 1 else "were"
            self._console.say(f"{counted(count, 'job')} {was} interrupted. To hear which, type: jobs")

    def list(self, words: Sequence[str]) -> None:
        """Tell the sets that words fit, the newest first, or first those that need care."""
        problems = _PROBLEMS in words
        stock = self._desk.place.inventory()
        found = ordered(stock, [word for word in words if word != _PROBLEMS], problems=problems)
        if words and not found:
            self._console.say("No set fits.")
        else:
            self._tell_sets(stock, found)

    def more(self) -> None:
        """Tell the next sets of the last list."""
        if self._left:
            self._tell_sets(self._desk.place.inventory(), self._left)
        else:
            self._console.say("That was all.")

    def _tell_sets(self, stock: InventoryData, sets: Sequence[SnapshotSet]) -> None:
        now = time.time()
        known = [stock.by_id[one.set_id] for one in sets if one.set_id in stock.by_id]
        self._console.say(*(set_words(one, stock, now) for one in known[:PAGE]))
        self._left = known[PAGE:]
        if not known:
            self._console.say("There are no sets. To save one, type: save. To read one from a file: import")
        if self._left:
            self._console.say(f"{counted(len(self._left), 'other set')} not told yet. To go on, type: more")

    def show(self, part: SnapshotSet) -> None:
        """Tell everything about a set."""
        stock = self._desk.place.inventory()
        now = time.time()
        one = stock.by_id.get(part.set_id)
        if one is None:
            raise NotFoundError(f"set {part.set_id} is gone")
        self._console.say(set_words(one, stock, now))
        for snapshot in one.snapshots:
            self._console.say(*snapshot_lines(snapshot, stock, now))

    def jobs(self) -> None:
        """Tell the jobs, the newest first."""
        now = time.time()
        views = self._desk.board.views()
        self._console.say(*(job_words(view, now) for view in views[:PAGE]))
        if not views:
            self._console.say("There are no jobs yet.")
        elif len(views) > PAGE:
            self._console.say(f"{counted(len(views) - PAGE, 'older job')} not told.")


def _who() -> str:
    try:
        return plain(pwd.getpwuid(os.geteuid()).pw_name)
    except KeyError:
        return f"user {os.geteuid()}"
