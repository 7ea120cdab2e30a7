"""The dialog before an import: choose a file, look into it, see what it would add."""

import os
from collections.abc import Iterable, Iterator
from typing import ClassVar, NamedTuple

from textual import on, work
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Button, Input

from backend import (
    Cancelled,
    Import,
    InstalledSnap,
    Job,
    Peek,
    Snapshot,
    SnapshotError,
    command_line,
    free_space,
    look_into,
)
from tui.dialogs.base import BAD, DIM, GOOD, WARN, Dialog, Line, LineList, counted, said
from tui.paths import PathEntry, PathListing, absolute, is_file, working_directory
from tui.place import Place
from tui.present import local_time_text, plain, size_text
from tui.rows import short_age
from tui.widgets.pathinput import PathInput

MARGIN = 5 << 20  # the engine wants as much to be left over
_UP = ".."


class Inside(NamedTuple):
    """What a file holds, beside what is here: the installed snaps by name, who is unknown, the same set.

    `trouble` says why it cannot be looked into.
    """

    path: str
    peek: Peek | None = None
    installed: dict[str, InstalledSnap | None] = {}  # noqa: RUF012 - never changed
    strangers: tuple[str, ...] = ()
    duplicate: int = 0
    free: int = 0
    trouble: str = ""


def inside_of(place: Place, path: str, job: Job) -> Inside:
    """Look into a file without importing it, and at what is here; reads the disk."""
    try:
        found = look_into(path, job)
        layout = place.engine.layout
        installed = {one.snap: layout.installed(one.snap) for one in found.snapshots if one.snap}
        names = {name for one in found.snapshots for name in one.users}
        strangers = tuple(sorted(name for name in names if not _is_known(place, name)))
        duplicate = found.duplicate_of(place.engine.sets())
        return Inside(path, found, installed, strangers, duplicate, free_space(layout.snapshots))
    except SnapshotError as trouble:
        return Inside(path, trouble=str(trouble))


def _is_known(place: Place, name: str) -> bool:
    try:
        return bool(place.engine.layout.find_users([name]))
    except SnapshotError:
        return False


def obstacle(inside: Inside | None, *, accept_hash: bool) -> str:
    """Why the file cannot be imported as asked for, or nothing."""
    if inside is None:
        return "choose a file first"
    if inside.peek is None:
        return inside.trouble
    if inside.peek.faults:
        return f"it would be refused: {inside.peek.faults[0]}"
    if not inside.peek.hash_fits and not accept_hash:
        return "the content hash of the set does not fit; choose to take it all the same, with Space"
    if inside.free < inside.peek.size + MARGIN:
        missing = size_text(inside.peek.size + MARGIN - inside.free).strip()
        return f"not enough room: {missing} more is needed"
    return ""


class LookedInto(Message):
    """What is inside a file is known, or `inside` is None where the path is no file."""

    def __init__(self, typed: str, inside: Inside | None) -> None:
        super().__init__()
        self.typed = typed
        self.inside = inside


class AskImport(Dialog[Import | None]):
    """Asks for a file and shows what is in it; answers with the import, its path absolute, or None."""

    KEYS = "Tab completes · Enter opens · h up · y copy · Esc leave"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("h,left,backspace", "above", "Up", show=False),
        Binding("f5", "look", "Look again", show=False),
    ]

    def __init__(self, place: Place) -> None:
        super().__init__("Import a set")
        self._place = place
        self._base = working_directory()
        self._listing: PathListing | None = None
        self._inside: Inside | None = None
        self._accept_hash = False
        self._job = Job()

    def fields(self) -> Iterable[Widget]:
        """The path."""
        yield PathInput(self._base, f"{self._base.rstrip('/')}/", id="path")

    def answers(self) -> Iterable[Button]:
        """To import, or not."""
        yield Button("Import", id="yes", compact=True, variant="primary")
        yield Button("Cancel", id="no", compact=True)

    def on_mount(self) -> None:
        """Show what is in the working directory."""
        self.query_one("#yes", Button).display = False
        self._path.focus()
        self.say("")
        self.action_look()

    def on_unmount(self) -> None:
        """Let go of a file that is being looked into."""
        self._job.stop()

    def action_look(self) -> None:
        """Look at everything anew."""
        self._show()
        self._look(self._path.typed)

    @property
    def _path(self) -> PathInput:
        return self.query_one("#path", PathInput)

    # -- looking

    def _look(self, typed: str) -> None:
        self._job.stop()
        self._job = Job()
        self._look_in_thread(typed, self._job)

    @work(thread=True, exclusive=True, group="look")
    def _look_in_thread(self, typed: str, job: Job) -> None:
        path = absolute(typed, self._base)
        try:
            inside = inside_of(self._place, path, job) if is_file(path) else None
        except Cancelled:
            return
        self.post_message(LookedInto(typed, inside))

    @on(Input.Changed, "#path")
    def look_there(self) -> None:
        """Look at what the path is now."""
        self._inside = None
        self._accept_hash = False
        self.say("")
        self._look(self._path.typed)

    def on_looked_into(self, message: LookedInto) -> None:
        """Show what is inside."""
        if message.typed == self._path.typed:
            self._inside = message.inside
            self._show()

    def on_path_input_listed(self, message: PathInput.Listed) -> None:
        """Show what is in the directory."""
        self._listing = message.listing
        self._show()

    # -- showing

    def _show(self) -> None:
        inside = self._inside
        self.sum_up(self._summary())
        lines = self._entries() if inside is None else inside_lines(inside, accept_hash=self._accept_hash)
        self.show_lines(list(lines))
        command = command_line(self._operation(inside.path), self._place.words) if inside else ""
        self.show_command(command)
        self.query_one("#command").display = bool(command)
        button = self.query_one("#yes", Button)
        button.display = inside is not None and not obstacle(inside, accept_hash=True)

    def _summary(self) -> Content:
        inside, found = self._inside, self._listing
        if inside is not None:
            return summary(inside)
        if found is None:
            return Content("Looking…")
        if found.trouble:
            return Content.assemble(f"{plain(found.folder)}: ", (plain(found.trouble), BAD))
        if not found.entries:
            what = f'nothing here begins with "{plain(found.prefix)}"' if found.prefix else "this is empty"
            return Content.assemble(f"{plain(found.folder)}: ", (what, WARN))
        more = "the first " if found.more else ""
        return Content(f"{plain(found.folder)}: {more}{counted(len(found.entries), 'name')}")

    def _entries(self) -> Iterator[Line]:
        import time

        found = self._listing
        if found is None:
            return
        if found.folder != "/":
            yield Line(_UP, said("../", DIM))
        now = time.time()
        for entry in found.entries:
            yield Line(entry, _entry_text(entry, now))

    # -- choosing

    def on_line_list_opened(self, message: LineList.Opened) -> None:
        """Go into a directory, take a file."""
        found = self._listing
        match message.key:
            case "..":
                self.action_above()
            case PathEntry(name=name, is_directory=is_directory) if found is not None:
                self._path.put(os.path.join(found.folder, name) + "/" * is_directory)
            case "hash":
                self._accept_hash = not self._accept_hash
                self._show()

    def on_line_list_marked(self, message: LineList.Marked) -> None:
        """The same as opening."""
        self.on_line_list_opened(LineList.Opened(message.key))

    def action_above(self) -> None:
        """Go to the directory above, or from a file back to its directory."""
        found = self._listing
        if self._inside is not None:
            self._path.put(f"{os.path.dirname(self._inside.path).rstrip('/')}/")
        elif found is not None:
            self._path.put(f"{os.path.dirname(found.folder).rstrip('/')}/")

    # -- answering

    def _operation(self, path: str) -> Import:
        return Import(path, self._accept_hash)

    @on(Input.Submitted)
    @on(Button.Pressed, "#yes")
    def confirm(self) -> None:
        """Answer with what was shown, or say what is missing."""
        if reason := obstacle(self._inside, accept_hash=self._accept_hash):
            self.say(reason)
        elif self._inside is not None:
            self.dismiss(self._operation(self._inside.path))

    @on(Button.Pressed, "#no")
    def refuse(self) -> None:
        """Leave everything as it is."""
        self.dismiss(None)


# -- in words


def summary(inside: Inside) -> Content:
    """What a file comes to, on a line or two."""
    found = inside.peek
    if found is None:
        return said(inside.trouble, BAD)
    of = f"set #{found.set_id} of where it was exported" if found.set_id else "snapshots of several sets"
    when = f", {local_time_text(found.date)[:16].replace('T', ' ')}" if found.date else ""
    words = f"{of}{when} · {size_text(found.size).strip()}"
    if inside.duplicate:
        return Content.assemble(plain(words), (f" · the same is here as #{inside.duplicate}", WARN))
    if found.faults:
        return Content.assemble(plain(words), (" · it would be refused", BAD))
    after = size_text(max(0, inside.free - found.size)).strip()
    return Content(plain(f"{words} · leaves {after} free"))


def inside_lines(inside: Inside, *, accept_hash: bool) -> Iterator[Line]:
    """What is in a file, snap by snap, beside what is here; then what is wrong with it."""
    found = inside.peek
    if found is None:
        return
    yield from (Line(("fault", fault), said(f"✗ {fault}", BAD)) for fault in found.faults)
    if not found.hash_fits:
        text = "take it although the content hash of the set does not fit"
        yield Line("hash", said(text, WARN), accept_hash)
    for snapshot in found.snapshots:
        yield Line(("snap", snapshot.path), _snapshot_text(snapshot))
        if not snapshot.broken:
            yield Line(("here", snapshot.path), _here_text(snapshot, inside), depth=2)
    if inside.strangers:
        names = ", ".join(inside.strangers)
        yield Line("strangers", said(f"no such user here: {names}; a restore will skip their data", WARN))
    if inside.duplicate:
        text = f"Nothing would be added: #{inside.duplicate} holds the same."
        yield Line("duplicate", said(text, WARN))
    elif not found.faults:
        yield Line("stays", said("It stays until it is forgotten, and gets a number of its own.", DIM))


def _snapshot_text(snapshot: Snapshot) -> Content:
    name = plain(snapshot.snap) or "(unreadable)"
    if snapshot.broken:
        return Content.assemble((name, "bold"), (f"  ✗ {plain(snapshot.broken)}", BAD))
    users = ", ".join(map(plain, snapshot.users)) or "no users"
    about = (
        f"  {plain(snapshot.version)} rev {snapshot.revision}  {size_text(snapshot.size).strip()}  {users}"
    )
    return Content.assemble((name, "bold"), about)


def _here_text(snapshot: Snapshot, inside: Inside) -> Content:
    here = inside.installed.get(snapshot.snap)
    if here is None:
        return said("not installed here", DIM)
    if here.described and not here.epoch.can_read(snapshot.epoch):
        return said(f"here {here.version} rev {here.revision}, which cannot read these data", BAD)
    same = here.revision == snapshot.revision
    text = "the same revision is installed here" if same else f"here {here.version} rev {here.revision}"
    return said(text, GOOD if same else WARN)


def _entry_text(entry: PathEntry, now: float) -> Content:
    if entry.is_directory:
        return said(f"{entry.name}/")
    about = f"  {size_text(entry.size).strip()}, {short_age(now - entry.when)} old"
    return Content.assemble(plain(entry.name), (about, DIM))
