"""The dialog before an export: where to, what it takes, what stands there already."""

import os
from collections.abc import Hashable, Iterable, Iterator
from typing import ClassVar, NamedTuple

from textual import on, work
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Button, Input

from backend import Export, Snapshot, SnapshotError, SnapshotExport, SnapshotSet, command_line
from tui.dialogs.base import BAD, DIM, WARN, Dialog, Line, LineList, counted, said
from tui.paths import Landing, PathListing, landing, working_directory
from tui.place import Place
from tui.present import plain, size_text
from tui.rows import short_age
from tui.widgets.pathinput import PathInput

_SHOWN = 30


class Cargo(NamedTuple):
    """What an export would take: `size` is that of the file in bytes, without what is broken.

    `trouble` says why nothing can be exported.
    """

    snapshots: tuple[Snapshot, ...] = ()
    size: int = 0
    trouble: str = ""

    @property
    def broken(self) -> list[Snapshot]:
        """The snapshots that cannot be exported."""
        return [snapshot for snapshot in self.snapshots if snapshot.broken]


def cargo_of(place: Place, set_id: int) -> Cargo:
    """Look at a set as an export would; reads the disk."""
    try:
        snapshots = tuple(snapshot for one in place.engine.sets(set_id) for snapshot in one.snapshots)
        if snapshots and all(snapshot.broken for snapshot in snapshots):
            return Cargo(snapshots, trouble="nothing of this set can be exported: all of it is broken")
        with SnapshotExport(place.engine.store, set_id, skip_broken=True) as export:
            return Cargo(snapshots, export.size)
    except SnapshotError as trouble:
        return Cargo(trouble=str(trouble))


def obstacle(cargo: Cargo | None, where: Landing | None, *, skip_broken: bool) -> str:
    """Why the export cannot be had as it is asked for, or nothing."""
    if cargo is None or where is None:
        return "still looking"
    if cargo.trouble or where.trouble:
        return cargo.trouble or where.trouble
    if cargo.broken and not skip_broken:
        names = ", ".join(snapshot.snap or "(unreadable)" for snapshot in cargo.broken)
        return f"broken: {names}; choose to leave that out, with Space"
    if cargo.size > where.free:
        missing = size_text(cargo.size - where.free).strip()
        return f"not enough room there: {missing} more is needed"
    return ""


class Weighed(Message):
    """What the export would take is known."""

    def __init__(self, cargo: Cargo) -> None:
        super().__init__()
        self.cargo = cargo


class Landed(Message):
    """Where a typed path leads is known."""

    def __init__(self, typed: str, where: Landing) -> None:
        super().__init__()
        self.typed = typed
        self.where = where


class AskExport(Dialog[Export | None]):
    """Asks where to export a set; answers with the export, its path absolute, or None."""

    KEYS = "Tab completes · Space choose · y copy · Esc leave"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("f5", "look", "Look again", show=False)]

    def __init__(self, place: Place, part: SnapshotSet) -> None:
        super().__init__(f"Export #{part.set_id}")
        self._place = place
        self._part = part
        self._file_name = f"{part.set_id}.snapshot"
        self._base = working_directory()
        self._cargo: Cargo | None = None
        self._where: Landing | None = None
        self._listing: PathListing | None = None
        self._skip_broken = False

    def fields(self) -> Iterable[Widget]:
        """The path; below it the question whether to replace what stands there."""
        yield PathInput(self._base, f"{self._base.rstrip('/')}/{self._file_name}", id="path")
        yield Input(placeholder="type yes to replace it", id="sure", compact=True, max_length=3)

    def answers(self) -> Iterable[Button]:
        """To export, or not."""
        yield Button("Export", id="yes", compact=True, variant="primary")
        yield Button("Cancel", id="no", compact=True)

    def on_mount(self) -> None:
        """Look at the set, and at where it would go."""
        self._sure.display = False
        self._sure.cursor_blink = False
        self._path.focus()
        self.say("")
        self.action_look()

    def action_look(self) -> None:
        """Look at everything anew."""
        self._show()
        self._weigh()
        self._land(self._path.typed)

    @property
    def _path(self) -> PathInput:
        return self.query_one("#path", PathInput)

    @property
    def _sure(self) -> Input:
        return self.query_one("#sure", Input)

    # -- looking

    @work(thread=True, exclusive=True, group="weigh")
    def _weigh(self) -> None:
        self.post_message(Weighed(cargo_of(self._place, self._part.set_id)))

    @work(thread=True, exclusive=True, group="land")
    def _land(self, typed: str) -> None:
        self.post_message(Landed(typed, landing(typed, self._base, self._file_name)))

    def on_weighed(self, message: Weighed) -> None:
        """Show what it takes."""
        self._cargo = message.cargo
        self._show()

    def on_landed(self, message: Landed) -> None:
        """Show what is there."""
        if message.typed == self._path.typed:
            self._where = message.where
            self._show()

    def on_path_input_listed(self, message: PathInput.Listed) -> None:
        """Show how the path can go on."""
        self._listing = message.listing
        self._show()

    @on(Input.Changed, "#path")
    def look_there(self) -> None:
        """Look where the path leads now."""
        self._where = None
        self._sure.value = ""
        self.say("")
        self._land(self._path.typed)

    # -- showing

    def _show(self) -> None:
        self.sum_up(self._summary())
        self.show_lines(list(self._lines()))
        self._sure.display = self._where is not None and self._where.stands is not None
        if self._where is not None:
            self.show_command(command_line(self._operation(self._where.path), self._place.words))

    def _summary(self) -> Content:
        cargo, where = self._cargo, self._where
        if cargo is None:
            return Content("Looking at the set…")
        if cargo.trouble:
            return said(cargo.trouble, BAD)
        words = f"{size_text(cargo.size).strip()} ({cargo.size} bytes) to write"
        if where is None:
            return Content(words)
        if where.trouble:
            return Content.assemble(words, " · ", said(where.trouble, BAD))
        room = f"{size_text(where.free).strip()} free there"
        return Content.assemble(words, " · ", said(room, BAD if where.free < cargo.size else ""))

    def _lines(self) -> Iterator[Line]:
        cargo = self._cargo or Cargo()
        if len(cargo.snapshots) > len(self._part.snapshots):
            yield Line("whole", said("a set is exported as a whole, not only what was chosen", WARN))
        for snapshot in cargo.snapshots:
            yield Line(("snap", snapshot.path), _snapshot_text(snapshot))
        if cargo.broken and not cargo.trouble:
            yield Line("skip", Content("leave out what is broken"), self._skip_broken)
        where = self._where
        if where is not None and where.stands is not None:
            yield Line("stands", _standing_text(where))
        yield from self._completions()

    def _completions(self) -> Iterator[Line]:
        found = self._listing
        if found is None or not found.entries or [one.name for one in found.entries] == [found.prefix]:
            return
        yield Line("fit", said("How the path can go on:", DIM))
        for entry in found.entries[:_SHOWN]:
            name = f"{entry.name}/" if entry.is_directory else entry.name
            yield Line(("fits", entry.name, entry.is_directory), said(name), depth=1)
        if len(found.entries) > _SHOWN:
            yield Line("more", said(f"and {counted(len(found.entries) - _SHOWN, 'other')}", DIM), depth=1)

    # -- choosing

    def on_line_list_marked(self, message: LineList.Marked) -> None:
        """Leave out what is broken, or not; take a completion."""
        match message.key:
            case "skip":
                self._skip_broken = not self._skip_broken
                self.say("")
                self._show()
            case ("fits", str(name), bool(is_directory)):
                self._take(name, is_directory)

    def on_line_list_opened(self, message: LineList.Opened) -> None:
        """The same as choosing."""
        self.on_line_list_marked(LineList.Marked(message.key))

    def _take(self, name: str, is_directory: Hashable) -> None:
        if self._listing is not None:
            self._path.put(os.path.join(self._listing.folder, name) + "/" * bool(is_directory))
            self._path.focus()

    # -- answering

    def _operation(self, path: str) -> Export:
        return Export(self._part.set_id, path, self._skip_broken)

    @on(Input.Submitted)
    @on(Button.Pressed, "#yes")
    def confirm(self) -> None:
        """Answer with what was shown, or say what is missing."""
        where = self._where
        if reason := obstacle(self._cargo, where, skip_broken=self._skip_broken):
            self.say(reason)
        elif where is not None and where.stands is not None and self._sure.value.lower() != "yes":
            self.say("that file would be replaced: type yes, or another path")
            self._sure.focus()
        elif where is not None:
            self.dismiss(self._operation(where.path))

    @on(Button.Pressed, "#no")
    def refuse(self) -> None:
        """Leave everything as it is."""
        self.dismiss(None)


def _snapshot_text(snapshot: Snapshot) -> Content:
    name = f"{plain(snapshot.snap) or '(unreadable)'} {plain(snapshot.version)} rev {snapshot.revision}"
    size = f"  {size_text(snapshot.size).strip()}"
    if snapshot.broken:
        return Content.assemble(name, (f"  ✗ broken: {plain(snapshot.broken)}", BAD))
    return Content.assemble(name, (size, DIM))


def _standing_text(where: Landing) -> Content:
    import time

    assert where.stands is not None
    age = short_age(time.time() - where.stands.when)
    text = f"{where.path} is there already: {size_text(where.stands.size).strip()}, {age} old"
    return said(text, WARN)
