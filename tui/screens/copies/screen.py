"""The copies in a repository: read back, pulled, forgotten, looked into, compared."""

from collections.abc import Sequence
from enum import Enum
from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.message import Message

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
from backend.engine import cached_export, opened_repository
from backend.repository import Copy
from tui.dialogs.confirm import Confirm
from tui.dialogs.lines import Line, styled
from tui.phrases import count_phrase
from tui.screens.compare_sets import CompareSetsScreen
from tui.screens.copies.browser import CopiesBrowser, Listing
from tui.screens.launcher import Launcher
from tui.screens.text_viewer import Document, TextViewer
from tui.session.place import Place
from tui.terminal.clipboard import copied
from tui.text import amount_text
from tui.views import copy_rows as views
from tui.widgets.table import LineTable


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


class CopiesScreen(CopiesBrowser):
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
        super().__init__(place, launcher, repositories)
        self._download = Progress()

    def on_unmount(self) -> None:
        """Ask no more, and download no more."""
        self._download.stop()

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
