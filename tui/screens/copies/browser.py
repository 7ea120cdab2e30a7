"""Which copies there are in a repository: listed, filtered, sorted, followed while they change."""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import NamedTuple

from textual import work
from textual.app import ComposeResult
from textual.message import Message
from textual.widgets import Input

from backend import (
    Cancelled,
    Progress,
    SnapshotError,
)
from backend.engine import known_copies, opened_repository
from backend.repository import Copy, content_hash_of, digest_of
from tui.screens.launcher import Launcher
from tui.screens.sub_screen import SubScreen
from tui.session.place import Place
from tui.views import copy_rows as views
from tui.widgets.filter_box import FilterBox
from tui.widgets.key_bar import KeyBar
from tui.widgets.table import LineTable

_REFRESHED = 1.0  # seconds


class Listing(NamedTuple):
    """The copies in a repository, what this machine is called there, and which sets of it are here."""

    repository: str
    copies: tuple[Copy, ...] = ()
    host: str = ""
    here: Mapping[str, int] = MappingProxyType({})


class CopiesListed(Message):
    """The copies in a repository, as they are known here or, where it `is_fresh`, as it tells them."""

    def __init__(self, listing: Listing, trouble: str = "", *, is_fresh: bool = False) -> None:
        super().__init__()
        self.listing = listing
        self.trouble = trouble
        self.is_fresh = is_fresh


class CopiesBrowser(SubScreen):
    """The copies of this machine, or of all, in a repository."""

    def __init__(self, place: Place, launcher: Launcher, repositories: Sequence[str]) -> None:
        super().__init__()
        self._place = place
        self._launcher = launcher
        self._repositories = tuple(repositories)
        self._listing = Listing(self._repositories[0])
        self._shows_all = False
        self._wish = views.CopyWish()
        self._progress = Progress()
        self._state = "asking…"
        self._stamp: tuple[int, ...] = ()

    def compose(self) -> ComposeResult:
        """Where, the copies, what happened last, keys."""
        yield from self.table_parts(
            "Copies", box=FilterBox("copies, hosts, snaps, #numbers, notes, here:none")
        )

    def on_mount(self) -> None:
        """Show what is known, and ask."""
        self.query_one(LineTable).focus()
        self._begin()
        self.set_interval(_REFRESHED, self._refresh)

    def on_unmount(self) -> None:
        """Ask no more."""
        self._progress.stop()

    # -- what there is

    def _begin(self) -> None:
        self._progress.stop()
        self._progress, self._state = Progress(), "asking…"
        self.fill()
        self._list(self._listing.repository, self._progress)

    @work(thread=True, group="list")
    def _list(self, name: str, progress: Progress) -> None:
        listing = Listing(name)
        try:
            listing = self._known(listing)
            self.post_message(CopiesListed(listing))
            with opened_repository(self._place.engine, name) as repository:
                copies = tuple(repository.copies(progress))
                listing = listing._replace(copies=copies, host=repository.host)
            self.post_message(CopiesListed(listing, is_fresh=True))
        except Cancelled:
            return
        except (SnapshotError, OSError) as trouble:
            self.post_message(CopiesListed(listing, str(trouble), is_fresh=True))

    def _refresh(self) -> None:
        """Show what jobs have made of the copies meanwhile."""
        if self.is_current and not self._state:
            self._read_known(self._listing)

    @work(thread=True, exclusive=True, group="known")
    def _read_known(self, listing: Listing) -> None:
        if (stamp := self._place.stamp()) != self._stamp:
            self._stamp = stamp
            with suppress(SnapshotError):
                self.post_message(CopiesListed(self._known(listing)))

    def _known(self, listing: Listing) -> Listing:
        """What is known without asking: of the copies, and of the sets that are here; for threads."""
        engine = self._place.engine
        copies = known_copies(engine).get(listing.repository, ())
        here = {digest_of(content_hash_of(group)): group.set_id for group in reversed(engine.sets())}
        return listing._replace(copies=tuple(copies), here=here)

    def on_copies_listed(self, message: CopiesListed) -> None:
        """Show them, unless another repository is looked at by now."""
        if message.listing.repository != self._listing.repository:
            return
        self._listing = message.listing
        if message.is_fresh:
            self._state = ""
            self.warn(message.trouble)
        self.fill()

    def on_screen_resume(self) -> None:
        """Look what has become of it."""
        if self._listing.copies:
            self._begin()

    @property
    def _shown(self) -> list[Copy]:
        listing = self._listing
        is_shown = self._shows_all or not listing.host
        copies = (copy for copy in listing.copies if is_shown or copy.name.host == listing.host)
        return views.wanted_copies(copies, self._wish, listing.here)

    @property
    def _others(self) -> int:
        """How many copies of other machines are not shown."""
        listing = self._listing
        if self._shows_all or not listing.host:
            return 0
        return sum(copy.name.host != listing.host for copy in listing.copies)

    def fill(self) -> None:
        """Show the copies in the columns that fit."""
        listing, shown = self._listing, self._shown
        rows = views.copy_rows(shown, listing.here, time.time())
        table = self.query_one(LineTable)
        table.show_columns(views.copy_columns(rows, self.room))
        table.show(rows)
        where = self._place.engine.config.repositories.get(listing.repository)
        facts = filter(None, (where.url if where else "", self._state))
        self.head(f"Repository {listing.repository}", *facts)
        self.sum_up(views.sum_text(shown, self._others))
        self.query_one(KeyBar).renew()
        self._describe()

    def _describe(self) -> None:
        if copy := self._under_cursor:
            self.say(views.sentence_of(copy, self._listing.here))
        elif self._wish.filter:
            self.say(f'no match for "{self._wish.filter}" · Esc clears the filter')
        elif not self._state:
            self.say("there is no copy; P in the inventory makes one")

    @property
    def _under_cursor(self) -> Copy | None:
        key = self.query_one(LineTable).cursor_key
        return next((copy for copy in self._listing.copies if copy.name == key), None)

    @property
    def _chosen(self) -> list[Copy]:
        """The selected copies, or the one under the cursor."""
        table = self.query_one(LineTable)
        keys = table.marked or {table.cursor_key}
        return [copy for copy in self._shown if copy.name in keys]

    # -- filtering and sorting

    def action_filter(self) -> None:
        """Filter the rows."""
        box = self.query_one(FilterBox)
        box.display = True
        box.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while typing."""
        self._wish = self._wish._replace(filter=event.value)
        self.fill()

    def on_input_submitted(self) -> None:
        """Back to the table, the filter stays."""
        self.query_one(LineTable).focus()

    def action_back(self) -> None:
        """Clear the filter, or leave."""
        box = self.query_one(FilterBox)
        if not box.display:
            self.dismiss()
            return
        self.query_one(LineTable).focus()
        box.value = ""
        box.display = False

    def action_sort(self) -> None:
        """Sort by something else."""
        around = list(views.CopySort)
        sort = around[(around.index(self._wish.sort) + 1) % len(around)]
        self._wish = self._wish._replace(sort=sort)
        self.fill()
        self.say(f"sorted by {sort.value}")

    def action_all(self) -> None:
        """Show the copies of all machines, or of this one."""
        self._shows_all = not self._shows_all
        self.fill()
