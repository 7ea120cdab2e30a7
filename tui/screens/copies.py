"""The copies in a repository: listed, read back, pulled, forgotten, looked into."""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from enum import Enum
from types import MappingProxyType
from typing import ClassVar, NamedTuple

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input

from backend import (
    Advanced,
    Cancelled,
    CheckCopies,
    Event,
    ForgetCopies,
    Operation,
    Progress,
    Pull,
    SnapshotError,
    command_line,
)
from backend.compare import Side, side_in_place, side_of_file
from backend.engine import cached_export, known_copies, opened_repository
from backend.repository import Copy, content_hash_of
from tui.dialogs.confirm import Confirm
from tui.dialogs.lines import Line, styled
from tui.phrases import count_phrase
from tui.screens.compare_sets import CompareSetsScreen
from tui.screens.launcher import Launcher
from tui.screens.sub_screen import SubScreen
from tui.screens.text_viewer import Document, TextViewer
from tui.session.place import Place
from tui.terminal.clipboard import copied
from tui.text import amount_text
from tui.views import copy_rows as views
from tui.widgets.filter_box import FilterBox
from tui.widgets.key_bar import KeyBar
from tui.widgets.table import LineTable

_REFRESHED = 1.0  # seconds
_DIGEST = 32


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


class Then(Enum):
    """What a copy is downloaded for."""

    OPEN = "open"
    COMPARE = "compare"


class Downloaded(Message):
    """A copy is here as a file, with its side of a comparison; or why not, or how far it is."""

    def __init__(self, text: str, path: str = "", side: Side | None = None) -> None:
        super().__init__()
        self.text = text
        self.path = path
        self.side = side


class CopiesScreen(SubScreen):
    """The copies of this machine, or of all, in one repository after the other."""

    HELP_TITLE = "Copies in repositories"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "pull", "Pull"),
        Binding("c", "check", "Check"),
        Binding("f", "forget", "Forget"),
        Binding("d", "compare", "Compare"),
        Binding("D", "describe", "Details"),
        Binding("a", "all", "All machines"),
        Binding("slash", "filter", "Filter", key_display="/"),
        Binding("o", "sort", "Sort by", show=False),
        Binding("t", "next", "Next repository"),
        Binding("f5,R", "reload", "Refresh"),
        Binding("x", "stop", "Stop", show=False),
        Binding("y", "copy", "Copy command", show=False),
        Binding("J", "jobs", "Jobs", show=False),
        Binding("question_mark,f1", "help", "Help", key_display="?"),
        Binding("escape", "back", "Back", key_display="Esc"),
        Binding("q", "app.quit", "Quit", show=False),
    ]

    def __init__(self, place: Place, launcher: Launcher, repositories: Sequence[str]) -> None:
        super().__init__()
        self._place = place
        self._launcher = launcher
        self._repositories = tuple(repositories)
        self._listing = Listing(self._repositories[0])
        self._shows_all = False
        self._wish = views.CopyWish()
        self._progress = Progress()
        self._download = Progress()
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
        self._download.stop()

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
        here = {content_hash_of(group)[:_DIGEST]: group.set_id for group in engine.sets()}
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

    def refusal_of(self, action: str) -> str:
        """Why an action cannot be had now, or nothing."""
        if action in ("pull", "forget") and self._place.read_only:
            return f"cannot {action}: this session is read-only"
        if action == "next" and len(self._repositories) < 2:
            return "there is no other repository"
        return ""

    # -- keys

    def on_line_table_moved(self) -> None:
        """Tell what is known of the copy."""
        self._describe()

    def on_line_table_entered(self) -> None:
        """Look inside."""
        self._look_inside()

    def on_line_table_opened(self, message: LineTable.Opened) -> None:
        """Look inside, or go back."""
        if message.wider:
            self._look_inside()
        else:
            self.action_back()

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

    def action_next(self) -> None:
        """Go to the next repository."""
        if reason := self.refusal_of("next"):
            self.say(reason)
            return
        number = self._repositories.index(self._listing.repository)
        self._listing = Listing(self._repositories[(number + 1) % len(self._repositories)])
        self.warn("")
        self._begin()

    def action_reload(self) -> None:
        """Ask again."""
        self._begin()

    def action_stop(self) -> None:
        """Stop asking, or downloading."""
        self._progress.stop()
        self._download.stop()
        self._state = ""
        self.fill()

    def action_compare(self) -> None:
        """Compare the copy under the cursor with the data in place."""
        self._look_inside(Then.COMPARE)

    def action_describe(self) -> None:
        """Show all that the manifest says."""
        if copy := self._under_cursor:
            lines = [*views.description_of(copy, self._listing.here)]
            title = f"Copy {copy.name.short}"
            document = Document("what its manifest says", lines)
            self.app.push_screen(TextViewer(title, lambda _progress: document))

    def action_copy(self) -> None:
        """Copy the command that pulls it."""
        if copy := self._under_cursor:
            self.say(copied(self.app, command_line(self._pull_of(copy), self._place.location_options)))

    def action_jobs(self) -> None:
        """Show all jobs."""
        self._launcher.action_jobs()

    # -- doing

    def _pull_of(self, copy: Copy) -> Pull:
        return Pull(self._listing.repository, str(copy.name))

    @work
    async def action_pull(self) -> None:
        """Import the copy under the cursor."""
        if reason := self.refusal_of("pull"):
            self.say(reason)
        elif copy := self._under_cursor:
            number = self._listing.here.get(copy.name.digest, 0)
            lines = [
                Line("what", styled(views.sentence_of(copy, self._listing.here))),
                Line("how", styled("It is imported as a set of its own; nothing is replaced.")),
            ]
            if number:
                lines.append(Line("same", styled(f"The same is here as #{number}: nothing would be added.")))
            await self._ask("Pull", lines, self._pull_of(copy))

    @work
    async def action_check(self) -> None:
        """Read copies back."""
        if chosen := self._chosen:
            operation = CheckCopies(self._listing.repository, tuple(str(copy.name) for copy in chosen))
            size = amount_text(sum(max(copy.stored, 0) for copy in chosen))
            what = f"{count_phrase(len(chosen), 'copy', 'copies')} to be read back, {size}."
            lines = [Line("what", styled(what)), Line("how", styled("Nothing is changed, here or there."))]
            await self._ask("Check", lines, operation)

    @work
    async def action_forget(self) -> None:
        """Let copies go."""
        if reason := self.refusal_of("forget"):
            self.say(reason)
        elif chosen := self._chosen:
            operation = ForgetCopies(self._listing.repository, tuple(str(copy.name) for copy in chosen))
            lines = [Line(copy.name, styled(views.sentence_of(copy, self._listing.here))) for copy in chosen]
            lines.append(Line("how", styled("What goes is kept there for two days: undo brings it back.")))
            await self._ask("Forget", lines, operation)

    async def _ask(self, does: str, lines: Sequence[Line], operation: Operation) -> None:
        """Tell what would be done, and start it once it is agreed to."""
        count = 1 if isinstance(operation, Pull) else len(self._chosen)
        title = f"{does} {count_phrase(count, 'copy', 'copies')}"
        command = command_line(operation, self._place.location_options)
        if await self.app.push_screen_wait(Confirm(title, does, lines, command)):
            await self._launcher.launch(operation)
            self.say("job started: J shows its progress")

    # -- looking inside

    def _look_inside(self, then: Then = Then.OPEN) -> None:
        """Have the copy under the cursor in the cache, then show what is in it, or how it differs."""
        if (copy := self._under_cursor) is None:
            return
        if copy.trouble or not copy.is_readable:
            self.say("; ".join(views.notes_of(copy)))
        else:
            self._download.stop()
            self._download = Progress(self._follow)
            self.say(f"downloading {amount_text(copy.stored)} to look into it · x stops")
            self._fetch(copy, then, self._download)

    def _follow(self, event: Event) -> None:
        """Say how far the download is; called from its thread."""
        if isinstance(event, Advanced):
            self.post_message(Downloaded(f"downloading: {amount_text(event.done)} · x stops"))

    @work(thread=True, exclusive=True, group="download")
    def _fetch(self, copy: Copy, then: Then, progress: Progress) -> None:
        try:
            with opened_repository(self._place.engine, self._listing.repository) as repository:
                path = cached_export(repository, copy, progress)
            side = None
            if then is Then.COMPARE:
                label = f"{self._listing.repository}:{copy.name.short}"
                side = side_of_file(path, progress)._replace(label=label)
        except Cancelled:
            self.post_message(Downloaded("stopped"))
        except (SnapshotError, OSError) as trouble:
            self.post_message(Downloaded(str(trouble)))
        else:
            self.post_message(Downloaded("", path, side))

    def on_downloaded(self, message: Downloaded) -> None:
        """Show what is in it, or how it differs from what is here, or why nothing is shown."""
        if not message.path:
            self.say(message.text)
        elif self.is_current and message.side is not None:
            live = side_in_place(self._place.engine.layout, message.side.sources)
            self.app.push_screen(CompareSetsScreen(self._place, (message.side, live), self._launcher))
        elif self.is_current:
            self._launcher.show_contents(message.path)
