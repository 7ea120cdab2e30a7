"""Keeping an eye on a place: what it holds, its jobs, what can be taken back; looked up on threads."""

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from textual import work
from textual.message import Message
from textual.screen import Screen
from textual.worker import get_current_worker

from backend import Cancelled, Engine, Progress, SnapshotError, UndoOffer
from backend.engine import Availability
from backend.host import logout_warning
from tui.screens.launcher import is_acting
from tui.session.inventory import InventoryData
from tui.session.job_views import JobBoard, JobView
from tui.session.place import Place, Way
from tui.views.job_rows import EndedJobs

_LOOK_AGAIN = 1.0


class Looked(Message):
    """Someone looked at the place: what there is, as of a stamp; `stock` is None where it is the same.

    `availability` tells why actions cannot be done now.
    """

    def __init__(self, stock: InventoryData | None, now: "Now") -> None:
        super().__init__()
        self.stock = stock
        self.jobs, self.stamp, self.availability, self.way = now


class Now(NamedTuple):
    """What may change at any time: the jobs, the stamp of the stock, what can be done.

    `way` is by what changes are made, None where that is the same.
    """

    jobs: list[JobView]
    stamp: tuple[int, ...]
    availability: Availability
    way: Way | None = None


class Switched(Message):
    """Another engine is the right one now."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.engine = engine


class Missed(Message):
    """Someone tried to look at the place, and could not."""

    def __init__(self, trouble: str) -> None:
        super().__init__()
        self.trouble = trouble


class Learned(Message):
    """More is known of a stock."""

    def __init__(self, before: InventoryData, stock: InventoryData) -> None:
        super().__init__()
        self.before = before
        self.stock = stock


class Weighed(Message):
    """What can be taken back, with the bytes that it holds."""

    def __init__(self, offers: list[UndoOffer]) -> None:
        super().__init__()
        self.offers = offers


class PlaceScreen(Screen[None]):
    """A screen that follows a place while it is open.

    What it sees it hands to `show_stock`, `show_jobs`, `show_offers`, `show_refusals` and `say`, in the event
    loop.
    """

    def __init__(self, place: Place) -> None:
        super().__init__()
        self._place = place
        self._endings = EndedJobs()
        self._board = JobBoard(place.jobs, place.words)
        self._stock: InventoryData | None = None
        self._offers: list[UndoOffer] = []
        self._availability = Availability()
        self._way = Way()
        self._mortal = ""
        self._stamp: tuple[int, ...] = ()
        self._reversible: tuple[object, ...] = ()
        self._is_looking = False
        self._look_afterwards = False
        self._learning = Progress()
        self._is_learning = False

    def on_mount(self) -> None:
        """Look now, and again while the screen is open."""
        self._look()
        self._look_at_login()
        self.set_interval(_LOOK_AGAIN, self._look_again)

    # -- what is seen

    def show_stock(self, stock: InventoryData) -> None:
        """There is another stock."""

    def show_jobs(self, jobs: list[JobView]) -> None:
        """This is how the jobs stand."""

    def show_offers(self, offers: list[UndoOffer]) -> None:
        """This can be taken back."""

    def show_refusals(self) -> None:
        """Other actions than before can be done."""

    def say(self, text: str) -> None:
        """Something happened."""

    # -- looking

    def action_look(self) -> None:
        """Look at everything anew; a look that is under way is followed by another."""
        self._look_afterwards = self._is_looking
        self._stamp = ()
        self._look()

    def _look_again(self) -> None:
        if self.is_current:
            self._look()

    def _look(self) -> None:
        if not self._is_looking:
            self._is_looking = True
            self._look_from(self._stamp)

    @work(thread=True, group="look")
    def _look_from(self, known: tuple[int, ...]) -> None:
        worker = get_current_worker()
        availability = self._place.availability()
        if engine := self._place.successor(availability):
            self.post_message(Switched(engine))
            return
        try:
            way = self._place.way() if not known else None
            views = [*self._board.views(), *self._place.changes.views(self._place.engine)]
            now = Now(views, self._place.stamp(), availability, way)
            stocks = self._place.stocks() if now.stamp != known else iter([None])
            with _uncollected():
                for stock in stocks:
                    if worker.is_cancelled:
                        return
                    self.post_message(Looked(stock, now))
        except SnapshotError as trouble:
            self.post_message(Missed(str(trouble)))

    def on_looked(self, message: Looked) -> None:
        """Show what was seen."""
        self.show_jobs(message.jobs)
        way = message.way or self._way
        if (message.availability, way) != (self._availability, self._way):
            self._availability, self._way = message.availability, way
            self.show_refusals()
        if message.stock is not None:
            self._stock = message.stock
            self.show_stock(message.stock)
            if message.stock.complete and not self._is_learning:
                self._is_learning = True
                self._learn()
        for line in self._endings.news(message.jobs):
            self.say(line)
        if message.stock is None or message.stock.complete:
            self._stamp = message.stamp
            self._weigh_if_changed(message.jobs)
            self._end_look()

    def on_switched(self, message: Switched) -> None:
        """Work through the other engine from now on; while a question about this one is open, later."""
        self._is_looking = False
        if self.is_current and not is_acting(self):
            self.say(" · ".join(filter(None, (self.trouble(), self._place.adopt(message.engine)))))
            self.action_look()

    def trouble(self) -> str:
        """What went wrong just before, and is to stay on the screen."""
        return ""

    @property
    def way(self) -> Way:
        """By what changes are made, as of the last look."""
        return self._way

    def on_missed(self, message: Missed) -> None:
        """Say why nothing was seen; what is shown stays."""
        self.say(message.trouble)
        self._end_look()

    def _end_look(self) -> None:
        self._is_looking = False
        if self._look_afterwards:
            self.action_look()

    @work(thread=True, group="login")
    def _look_at_login(self) -> None:
        self._mortal = logout_warning()

    # -- what archives unpack to

    @work(thread=True, group="learn")
    def _learn(self) -> None:
        # Not an argument: Textual keeps those, and their text, for as long as the collector lets it.
        stock = self._stock or InventoryData()
        try:
            with _uncollected():
                if learned := self._place.learned(stock, self._learning):
                    self.post_message(Learned(stock, learned))
        except Cancelled:
            pass
        finally:
            self._is_learning = False

    def on_learned(self, message: Learned) -> None:
        """Show it, unless there is another stock by now."""
        if self._stock is message.before:
            self._stock = message.stock
            self.show_stock(message.stock)

    def on_unmount(self) -> None:
        """Read no more."""
        self._learning.stop()

    # -- what can be taken back

    def _weigh_if_changed(self, jobs: list[JobView]) -> None:
        """Measure what the undos hold when there are others: that reads all of it."""
        reversible = tuple(
            (job.id, job.result.undone, job.result.expired) for job in jobs if job.result.undo_until
        )
        if reversible != self._reversible:
            self._reversible = reversible
            self._weigh()

    @work(thread=True, group="weigh")
    def _weigh(self) -> None:
        try:
            self.post_message(Weighed(self._place.engine.undo_offers()))
        except SnapshotError as trouble:
            self.post_message(Missed(str(trouble)))

    def on_weighed(self, message: Weighed) -> None:
        """Show what can be taken back."""
        now = time.time()
        self._offers = [offer for offer in message.offers if offer.until > now]
        self.show_offers(self._offers)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Make much at once without the collector, which would stop every key while it looks at all of it."""
    gc.disable()
    try:
        yield
    finally:
        gc.collect(1)
        gc.freeze()
        gc.enable()
