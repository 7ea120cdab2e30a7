"""Polling a place on threads: its inventory, its jobs, what can be undone."""

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from textual import work
from textual.message import Message
from textual.screen import Screen
from textual.worker import get_current_worker

from backend import (
    Cancelled,
    Engine,
    Finding,
    Progress,
    Repair,
    SnapshotError,
    UndoOffer,
    command_line,
)
from backend.engine import Availability, undo_offers
from backend.host import logout_warning
from tui.screens.launcher import is_acting
from tui.session.inventory import InventoryData
from tui.session.job_views import JobBoard, JobView
from tui.session.place import EngineSummary, Place
from tui.text import plain
from tui.views.job_endings import EndedJobs, ending_text

_INTERVAL = 1.0
_REPAIR = command_line(Repair()).removeprefix("snapstow ")


class InventoryLoaded(Message):
    """The inventory as of a stamp, with the jobs; `inventory` is None where it is the same.

    `availability` says why actions are not available now.
    """

    def __init__(self, inventory: InventoryData | None, state: "PlaceState") -> None:
        super().__init__()
        self.inventory = inventory
        self.jobs, self.stamp, self.availability, self.engine_summary = state


class PlaceState(NamedTuple):
    """What may change at any time: the jobs, the stamp of the inventory, what can be done.

    `engine_summary` is by what changes are made, None where that is the same.
    """

    jobs: list[JobView]
    stamp: tuple[int, ...]
    availability: Availability
    engine_summary: EngineSummary | None = None


class EngineReplaced(Message):
    """Another engine is the right one now."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.engine = engine


class RefreshFailed(Message):
    """The place could not be read."""

    def __init__(self, trouble: str) -> None:
        super().__init__()
        self.trouble = trouble


class UnpackedSizesLoaded(Message):
    """More is known of an inventory."""

    def __init__(self, before: InventoryData, inventory: InventoryData) -> None:
        super().__init__()
        self.before = before
        self.inventory = inventory


class UndoOffersLoaded(Message):
    """What can be undone, with the space that it uses."""

    def __init__(self, offers: list[UndoOffer]) -> None:
        super().__init__()
        self.offers = offers


class FindingsLoaded(Message):
    """What doctor finds here is known."""

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__()
        self.findings = findings


class PlaceScreen(Screen[None]):
    """A screen that follows a place while it is open.

    What it loads it hands to `show_inventory`, `show_jobs`, `show_offers`, `show_refusals` and `say`, in the
    event loop.
    """

    def __init__(self, place: Place) -> None:
        super().__init__()
        self._place = place
        self._endings = EndedJobs()
        self._board = JobBoard(place.jobs, place.location_options)
        self._inventory: InventoryData | None = None
        self._offers: list[UndoOffer] = []
        self._findings: list[Finding] = []
        self._examined: tuple[object, ...] | None = None
        self._availability = Availability()
        self._engine_summary = EngineSummary()
        self._logout_warning = ""
        self._failure = ""
        self._stamp: tuple[int, ...] = ()
        self._undoable: tuple[object, ...] = ()
        self._is_polling = False
        self._poll_again = False
        self._size_progress = Progress()
        self._is_loading_sizes = False

    def on_mount(self) -> None:
        """Poll now, and again while the screen is open."""
        self._poll()
        self._load_logout_warning()
        self.set_interval(_INTERVAL, self._poll_if_current)

    # -- what is seen

    def show_inventory(self, inventory: InventoryData) -> None:
        """Show another inventory."""

    def show_jobs(self, jobs: list[JobView]) -> None:
        """Show the jobs."""

    def show_offers(self, offers: list[UndoOffer]) -> None:
        """Show what can be undone."""

    def show_findings(self) -> None:
        """Show what doctor found."""

    def show_refusals(self) -> None:
        """Show that other actions are available than before."""

    def say(self, text: str) -> None:
        """Show a message."""

    def tell_end(self, job: JobView) -> None:
        """Say what became of a job."""
        self.say(ending_text(job, time.time()))

    # -- polling

    def action_reload(self) -> None:
        """Reload everything."""
        self._poll_again = self._is_polling  # one that is under way may have missed something
        self._stamp = ()
        self._examined = None
        self._failure = ""
        self._poll()

    def _poll_if_current(self) -> None:
        if self.is_watched:
            self._poll()

    @property
    def is_watched(self) -> bool:
        """Whether somebody sees what is loaded."""
        return self.is_current

    def _poll(self) -> None:
        if not self._is_polling:
            self._is_polling = True
            self._load_from(self._stamp)

    @work(thread=True, group="poll")
    def _load_from(self, known: tuple[int, ...]) -> None:
        worker = get_current_worker()
        availability = self._place.availability()
        if engine := self._place.successor(availability):
            self.post_message(EngineReplaced(engine))
            return
        try:
            engine_summary = self._place.engine_summary() if not known else None
            views = [*self._board.views(), *self._place.changes.views(self._place.engine)]
            state = PlaceState(views, self._place.stamp(), availability, engine_summary)
            inventories = self._place.inventories() if state.stamp != known else iter([None])
            with _uncollected():
                for inventory in inventories:
                    if worker.is_cancelled:
                        return
                    self.post_message(InventoryLoaded(inventory, state))
        except SnapshotError as trouble:
            self.post_message(RefreshFailed(str(trouble)))

    def on_inventory_loaded(self, message: InventoryLoaded) -> None:
        """Show what was loaded."""
        self._failure = ""
        self.show_jobs(message.jobs)
        engine_summary = message.engine_summary or self._engine_summary
        if (message.availability, engine_summary) != (self._availability, self._engine_summary):
            self._availability, self._engine_summary = message.availability, engine_summary
            self.show_refusals()
        if message.inventory is not None:
            self._inventory = message.inventory
            self.show_inventory(message.inventory)
            if message.inventory.complete and not self._is_loading_sizes:
                self._is_loading_sizes = True
                self._load_unpacked_sizes()
        for ended in self._endings.news(message.jobs):
            self.tell_end(ended)
        if message.inventory is None or message.inventory.complete:
            self._stamp = message.stamp
            self._reload_undo_offers(message.jobs)
            self._reload_findings(message.jobs)
            self._end_poll()

    def on_engine_replaced(self, message: EngineReplaced) -> None:
        """Work through the other engine from now on; while a question about this one is open, later."""
        self._is_polling = False
        if self.is_current and not is_acting(self):
            self.say(" · ".join(filter(None, (self.trouble(), self._place.adopt(message.engine)))))
            self.action_reload()

    def trouble(self) -> str:
        """What went wrong just before, and is to stay on the screen."""
        return ""

    @property
    def engine_summary(self) -> EngineSummary:
        """By what changes are made, as of the last poll."""
        return self._engine_summary

    def on_refresh_failed(self, message: RefreshFailed) -> None:
        """Say once why nothing was loaded; what is shown stays."""
        if message.trouble != self._failure:
            self._failure = message.trouble
            self.say(message.trouble)
            self.show_failure()
        self._end_poll()

    @property
    def unknown(self) -> str:
        """Why nothing is known of the sets, or nothing."""
        return "" if self._inventory is not None else plain(self._failure) or "Loading…"

    def show_failure(self) -> None:
        """Show that nothing could be loaded."""

    def _end_poll(self) -> None:
        self._is_polling = False
        if self._poll_again:
            self.action_reload()

    @work(thread=True, group="login")
    def _load_logout_warning(self) -> None:
        self._logout_warning = logout_warning()

    # -- what archives unpack to

    @work(thread=True, group="sizes")
    def _load_unpacked_sizes(self) -> None:
        # Not an argument: Textual keeps those, and their text, for as long as the collector lets it.
        inventory = self._inventory or InventoryData()
        try:
            with _uncollected():
                if enriched := self._place.with_unpacked_sizes(inventory, self._size_progress):
                    self.post_message(UnpackedSizesLoaded(inventory, enriched))
        except Cancelled:
            pass
        finally:
            self._is_loading_sizes = False

    def on_unpacked_sizes_loaded(self, message: UnpackedSizesLoaded) -> None:
        """Show it, unless there is another inventory by now."""
        if self._inventory is message.before:
            self._inventory = message.inventory
            self.show_inventory(message.inventory)

    def on_unmount(self) -> None:
        """Read no more."""
        self._size_progress.stop()

    # -- what can be undone

    def _reload_undo_offers(self, jobs: list[JobView]) -> None:
        """Measure the space of the undos when there are others: that reads all of it."""
        undoable = tuple(
            (job.id, job.result.undone, job.result.expired)
            for job in jobs
            if job.result.undo_until or job.result.copies
        )
        if undoable != self._undoable:
            self._undoable = undoable
            self._load_undo_offers()

    @work(thread=True, group="offers")
    def _load_undo_offers(self) -> None:
        try:
            self.post_message(UndoOffersLoaded(undo_offers(self._place.engine, self._place.jobs.records())))
        except SnapshotError as trouble:
            self.post_message(RefreshFailed(str(trouble)))

    def on_undo_offers_loaded(self, message: UndoOffersLoaded) -> None:
        """Show what can be undone."""
        now = time.time()
        self._offers = [offer for offer in message.offers if offer.until > now]
        self.show_offers(self._offers)

    # -- what doctor finds

    def _reload_findings(self, jobs: list[JobView]) -> None:
        """Examine the place at first, and when a job ended badly or repaired: that reads all of it."""
        examined = tuple(job.id for job in jobs if _examines(job))
        if examined != self._examined:
            self._examined = examined
            self._load_findings()

    @work(thread=True, group="findings")
    def _load_findings(self) -> None:
        self.post_message(FindingsLoaded(self._place.findings()))

    def on_findings_loaded(self, message: FindingsLoaded) -> None:
        """Show what was found."""
        self._findings = message.findings
        self.show_findings()


def _examines(job: JobView) -> bool:
    """Whether other things may be found after a job has come to an end like this."""
    return job.is_bad or (job.short == _REPAIR and not job.is_running)


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
