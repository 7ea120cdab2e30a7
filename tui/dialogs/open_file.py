"""The dialog before looking into a file of snapshots: which one."""

import os
from collections.abc import Iterable

from textual import on
from textual.widget import Widget
from textual.widgets import Input

from tui.dialogs.path import PathDialog
from tui.session.paths import absolute, in_folder
from tui.session.place import Place
from tui.text import plain


class AskFile(PathDialog[str | None]):
    """Asks for an export or a snapshot file; answers with its absolute path, or None."""

    ANSWER = "Open"

    def __init__(self, place: Place) -> None:
        super().__init__("Look into a file")
        self._place = place

    def fields(self) -> Iterable[Widget]:
        """The path."""
        yield self.new_path("File", in_folder(self._base, ""))

    def on_mount(self) -> None:
        """Show what is in the working directory."""
        self.set_focus(self.path_input)
        self.redraw()

    @property
    def is_browsing(self) -> bool:
        """Whether the list shows the directory: always."""
        return True

    def begin(self) -> None:
        """There is nothing else to show."""

    def picked(self, path: str) -> None:
        """Open a file of the list."""
        self.dismiss(absolute(path, self._base))

    def redraw(self) -> None:
        """Show everything as it is now."""
        super().redraw()
        self.sum_up(self.folder_text())
        self.show_lines(list(self.folder_lines()))
        path = absolute(self.path_input.typed, self._base)
        command = " ".join(("snapstow", *self._place.location_options, "open", plain(path)))
        self.show_command("" if path.endswith("/") else command)

    @on(Input.Changed, "#path")
    def follow(self) -> None:
        """Show what is typed."""
        self.redraw()

    def confirm(self) -> None:
        """Open what the cursor is on in the directory, or what is typed."""
        path = absolute(self.path_input.typed, self._base)
        if self.focused is self.lines:
            self.open_entry(self.lines.cursor_key)
        elif os.path.basename(path):
            self.dismiss(path)
        else:
            self.say("choose a file first")
