"""A dialog about a path: its directory is a list to walk in, beside the box where the path is typed."""

import os
import time
from collections.abc import Hashable, Iterator
from typing import ClassVar, NamedTuple

from textual import work
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.screen import ScreenResultType

from backend.fs import list_mounts, media_points
from tui.dialogs.answers import Answer, Answers
from tui.dialogs.base import Dialog
from tui.dialogs.field import Field
from tui.dialogs.lines import BAD, DIM, WARN, Line, LineList, styled
from tui.phrases import ago_phrase, count_phrase
from tui.session.paths import PathEntry, PathListing, absolute, in_folder, working_directory
from tui.text import amount_text, plain
from tui.widgets.path_input import PathInput


class Jump(NamedTuple):
    """A place to go to at once."""

    path: str
    what: str


class Jumps(Message):
    """The places to go to at once are known."""

    def __init__(self, places: list[Jump]) -> None:
        super().__init__()
        self.places = places


class PathDialog(Dialog[ScreenResultType]):
    """A dialog with a PathInput of the id `path`, whose directory is shown in the list.

    What is typed narrows the list down. A dialog of this kind shows `folder_lines` while `is_browsing`, says
    what that means by `begin`, and is reported by `picked` which file was taken.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f2", "browse", "Browse", show=False),
        Binding("h,left,backspace", "above", "Up", show=False),
        Binding("full_stop", "hidden", "Hidden names", show=False),
        Binding("slash", "type", "Type a path", show=False),
        Binding("f5", "look", "Refresh", show=False),
    ]

    FIELDS_FIRST = True
    BROWSING_KEYS: ClassVar[tuple[Answer, ...]] = (
        Answer("f2", "F2", "places"),
        Answer("h", "h", "up"),
        Answer("full_stop", ".", "hidden"),
    )

    def __init__(self, title: str) -> None:
        super().__init__(title)
        self._base = working_directory()
        self._listing: PathListing | None = None
        self._jumps: list[Jump] | None = None
        self._came_from = ""

    # -- what each such dialog says for itself

    @property
    def is_browsing(self) -> bool:
        """Whether the list shows the directory."""
        raise NotImplementedError

    def begin(self) -> None:
        """Show the directory, whatever was shown."""
        raise NotImplementedError

    def picked(self, path: str) -> None:
        """Take a file out of the list."""
        raise NotImplementedError

    def redraw(self) -> None:
        """Show everything as it is now; begins with what keys there are."""
        self.show_keys()

    def show_keys(self) -> None:
        """Show in the edge what keys there are."""
        self.query_one(Answers).show_hints(self.BROWSING_KEYS if self.is_browsing else self.KEYS)

    def action_look(self) -> None:
        """Look at everything anew."""
        self.path_input.look()
        self.redraw()

    # -- looking

    def new_path(self, label: str, path: str) -> Field:
        """The field in which the path is typed."""
        return Field(label, PathInput(self._base, path, id="path"))

    @property
    def path_input(self) -> PathInput:
        """Where the path is typed."""
        return self.query_one("#path", PathInput)

    def on_path_input_listed(self, message: PathInput.Listed) -> None:
        """Show what is in the directory."""
        if self.is_open:
            self._listing = message.listing
            self.redraw()
            self._stand_where_left()

    def _stand_where_left(self) -> None:
        """On the way up the cursor comes to stand on the directory that was left."""
        if self._came_from and self.is_browsing:
            for number, line in enumerate(self.folder_lines()):
                if isinstance(line.key, PathEntry) and line.key.name == self._came_from:
                    self.lines.highlighted = number
        self._came_from = ""

    @work(thread=True, exclusive=True, group="jumps")
    def _find_jumps(self) -> None:
        places = [Jump(os.path.expanduser("~"), "home"), Jump(self._base, "working directory")]
        places += [Jump(point, "mounted") for point in media_points(list_mounts())]
        self.post_message(Jumps(places))

    def on_jumps(self, message: Jumps) -> None:
        """Show them instead of the directory."""
        if self.is_open:
            self._jumps = message.places
            self.redraw()
            self.lines.highlighted = 0

    # -- showing

    def folder_text(self) -> Content:
        """What the list shows of the directory."""
        listing = self._listing
        if self._jumps is not None:
            return Content("Places; h goes back")
        if listing is None:
            return Content("Loading…")
        if listing.trouble:
            return styled(listing.trouble, BAD)
        if not listing.fitting:
            what = (
                f'no name starts with "{plain(listing.prefix)}"'
                if listing.prefix
                else "this directory is empty"
            )
            return Content.styled(f"{what}{_hidden_text(listing)}", WARN)
        return Content(f"{_count_text(listing)}{_hidden_text(listing)}")

    def folder_lines(self) -> Iterator[Line]:
        """The directory as lines, or the places to go to."""
        if self._jumps is not None:
            yield from (Line(jump, _jump_text(jump)) for jump in self._jumps)
            return
        listing = self._listing
        if listing is None:
            return
        if listing.folder != "/":
            yield Line("..", styled("../", DIM))
        yield Line("elsewhere", styled("home, mounted disks and other places (F2)", DIM))
        now = time.time()
        for entry in listing.entries:
            yield Line(entry, _entry_text(entry, now))
        if listing.fitting > len(listing.entries):
            text = f"{listing.fitting - len(listing.entries):,} more not shown: type the start of the name"
            yield Line("unseen", styled(text, WARN))

    # -- walking

    def on_line_list_opened(self, message: LineList.Opened) -> None:
        """Go into a directory, or do with a file what `entered` says."""
        self.entered(message.key)

    def entered(self, key: Hashable) -> None:
        """Go into a line by `l`: the same as opening."""
        self.open_entry(key)

    def on_line_list_marked(self, message: LineList.Marked) -> None:
        """The same as opening."""
        self.open_entry(message.key)

    def open_entry(self, key: Hashable) -> None:
        """Go where a line of the directory leads; outside of a directory nothing happens."""
        if not self.is_browsing:
            return
        match key:
            case Jump(path):
                self.go(path)
            case "..":
                self.action_above()
            case "elsewhere":
                self._find_jumps()
            case PathEntry() as entry if self._listing is not None:
                self._enter(entry, in_folder(self._listing.folder, entry.name))

    def _enter(self, entry: PathEntry, path: str) -> None:
        if entry.is_directory:
            self.go(path)
        elif entry.special:
            self.say(f"{entry.name} is {entry.special}")
        else:
            self.picked(path)

    def go(self, folder: str) -> None:
        """Show another directory."""
        self._jumps = None
        self.say("")
        self.begin()
        self.path_input.put(in_folder(folder, ""))
        self.lines.highlighted = None
        self.set_focus(self.lines)
        self.path_input.look()
        self.redraw()

    def action_browse(self) -> None:
        """Show the directory, then with the same key the places to go to."""
        if not self.is_browsing:
            self.go(self._folder())
        elif self.focused is not self.lines:
            self.set_focus(self.lines)
        elif self._jumps is None:
            self._find_jumps()
        else:
            self.leave_jumps()

    def leave_jumps(self) -> None:
        """Show the directory again."""
        self._jumps = None
        self.redraw()

    def _folder(self) -> str:
        """The directory of the path."""
        return os.path.dirname(absolute(self.path_input.typed, self._base))

    def action_above(self) -> None:
        """Go to the directory above."""
        if self._jumps is not None:
            self.leave_jumps()
        elif not self.is_browsing:
            self.say("F2 shows the directory; there h goes up")
        elif self._listing is not None:
            above, came_from = os.path.split(self._listing.folder)
            self.go(above)
            self._came_from = came_from

    def action_hidden(self) -> None:
        """Show hidden names, or leave them out again."""
        if not self.is_browsing:
            self.say("F2 shows the directory; there . shows hidden names")
            return
        self.path_input.shows_hidden = not self.path_input.shows_hidden
        self.say("hidden names are shown" if self.path_input.shows_hidden else "")
        self.path_input.look()

    def action_type(self) -> None:
        """Go to where the path is typed."""
        self.set_focus(self.path_input)


def _count_text(listing: PathListing) -> str:
    if listing.more:
        return f"the first {listing.fitting:,} names of more"
    return count_phrase(listing.fitting, "name")


def _hidden_text(listing: PathListing) -> str:
    return f", {listing.hidden:,} hidden (. shows)" if listing.hidden else ""


def _jump_text(jump: Jump) -> Content:
    return Content.assemble(plain(jump.path), (f"  {jump.what}", DIM))


def _entry_text(entry: PathEntry, now: float) -> Content:
    if entry.is_directory:
        return styled(f"{entry.name}/")
    about = entry.special or f"{amount_text(entry.size)}, {ago_phrase(now - entry.when)}"
    return Content.assemble(plain(entry.name), (f"  {about}", DIM))
