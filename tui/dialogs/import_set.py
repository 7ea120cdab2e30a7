"""The dialog before an import: choose a file, look into it, see what it would add."""

import os
from collections.abc import Hashable, Iterable
from typing import ClassVar

from textual import on, work
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from backend import Advanced, Cancelled, Event, Import, Progress, command_line
from backend.transfer import ImportChoice, ImportPlan, plan_import
from tui.dialogs.answers import Answer, Answers
from tui.dialogs.base import CHOOSE, ContentsWanted
from tui.dialogs.import_preview import inside_lines, summary
from tui.dialogs.lines import LineList
from tui.dialogs.operation import Proposing
from tui.dialogs.path import PathDialog
from tui.session.paths import PathEntry, absolute, file_at, in_folder
from tui.session.place import Place
from tui.text import amount_text, plain
from tui.views.import_plan import obstacle_text
from tui.widgets.path_input import PathInput


class Looking(Message):
    """A file of `size` bytes is being looked into, `done` of them are passed; 0 is what is not told."""

    def __init__(self, typed: str, done: int = 0, size: int = 0) -> None:
        super().__init__()
        self.typed = typed
        self.done = done
        self.size = size


class LookedInto(Message):
    """What is inside a file is known, or `plan` is None where the path is no file."""

    def __init__(self, typed: str, plan: ImportPlan | None) -> None:
        super().__init__()
        self.typed = typed
        self.plan = plan


class Judged(Message):
    """Which set holds the same as what is chosen of a file; 0 for none."""

    def __init__(self, plan: ImportPlan, choice: ImportChoice, duplicate: int) -> None:
        super().__init__()
        self.plan = plan
        self.choice = choice
        self.duplicate = duplicate


class AskImport(PathDialog[Import | None], Proposing[Import | None]):
    """Asks for a file and shows what is in it; answers with the import, its path absolute, or None.

    What is shown is what the file says of itself when it is looked into: the import proves it.
    """

    KEYS = (CHOOSE, Answer("h", "h", "back"))
    ANSWER = "Import"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("asterisk", "choose(True)", "All", show=False),
        Binding("minus", "choose(False)", "None", show=False),
        # In the box, where it would move the cursor; `l` is a letter there.
        Binding("right", "look_inside", "Look inside", show=False, priority=True),
    ]

    def __init__(self, place: Place, path: str = "") -> None:
        super().__init__("Import a set")
        self._place = place
        self._path = path
        self._length = self._passed = 0
        self._plan: ImportPlan | None = None
        self._choice = ImportChoice()
        self._duplicate: int | None = None
        self._progress = Progress()

    def fields(self) -> Iterable[Widget]:
        """The path."""
        yield self.new_path("File", self._path or in_folder(self._base, ""))

    def on_mount(self) -> None:
        """Show what is in the working directory."""
        self.set_focus(self.path_input)
        self.redraw()
        self._look_at(self.path_input.typed)

    def on_unmount(self) -> None:
        """Let go of a file that is being looked into."""
        self._progress.stop()

    def action_look(self) -> None:
        """Look at everything anew."""
        self._plan = None
        super().action_look()
        self._look_at(self.path_input.typed)

    # -- looking

    def _look_at(self, typed: str) -> None:
        def tell(event: Event) -> None:
            """Show how far the reading is."""
            if isinstance(event, Advanced):
                self.post_message(Looking(typed, done=event.done))

        self._progress.stop()
        self._length = self._passed = 0
        self._progress = Progress(tell)
        self._look_in_thread(typed, self._progress)

    @work(thread=True, exclusive=True, group="look")
    def _look_in_thread(self, typed: str, progress: Progress) -> None:
        path = absolute(typed, self._base)
        file = None if path.endswith("/") else file_at(path)
        plan = None
        if file is not None and file.special:
            plan = ImportPlan(path, trouble=f"cannot read {path}: it is {file.special}")
        elif file is not None:
            self.post_message(Looking(typed, size=file.size))
            try:
                plan = plan_import(self._place.engine, path, progress)
            except Cancelled:
                return
        self.post_message(LookedInto(typed, plan))

    @work(thread=True, exclusive=True, group="judge")
    def _judge(self, plan: ImportPlan, choice: ImportChoice) -> None:
        self.post_message(Judged(plan, choice, plan.duplicate_of(choice)))

    @on(Input.Changed, "#path")
    def look_there(self) -> None:
        """Look at what the path is now."""
        self._plan = None
        self._choice = ImportChoice()
        self.say("")
        self._look_at(self.path_input.typed)

    def on_looking(self, message: Looking) -> None:
        """Show how far the look is."""
        if self.is_open and message.typed == self.path_input.typed and self._plan is None:
            self._length = message.size or self._length
            self._passed = message.done or self._passed
            self.sum_up(self._summary())

    def on_looked_into(self, message: LookedInto) -> None:
        """Show what is inside; all of it is chosen at first."""
        if not self.is_open or message.typed != self.path_input.typed:
            return
        self._plan = message.plan
        self._length = 0
        if message.plan is not None:
            self.leave_jumps()
            self._draw_up(ImportChoice(message.plan.snaps, self._choice.accept_hash))
        else:
            self.redraw()

    def on_judged(self, message: Judged) -> None:
        """Show whether anything would be added."""
        if self.is_open and message.plan is self._plan and message.choice == self._choice:
            self._duplicate = message.duplicate
            self.redraw()

    # -- walking

    @property
    def is_browsing(self) -> bool:
        """Whether the list shows the directory: as long as nothing was looked into."""
        return self._plan is None

    def begin(self) -> None:
        """Show the directory, whatever was looked into."""
        self._plan = None

    def picked(self, path: str) -> None:
        """Look into a file."""
        self.path_input.put(path)

    def entered(self, key: Hashable) -> None:
        """Look inside the file: the one under the cursor, or the one that is chosen."""
        listing = self._listing
        if not self.is_browsing:
            self.action_look_inside()
        elif isinstance(key, PathEntry) and key.is_regular and listing is not None:
            self._show_contents(in_folder(listing.folder, key.name))
        else:
            self.open_entry(key)

    def action_look_inside(self) -> None:
        """Show what is in the file, and come back to this dialog as it is."""
        self._show_contents(self.path_input.typed)

    def _show_contents(self, path: str) -> None:
        self.post_message(ContentsWanted(absolute(path, self._base)))

    def check_action(self, action: str, _parameters: tuple[object, ...]) -> bool | None:
        """Leave → to the box as long as its cursor has somewhere to go, and to the list."""
        box = self.focused
        is_at_end = isinstance(box, PathInput) and box.cursor_position == len(box.value)
        return action != "look_inside" or (is_at_end and self._plan is not None)

    def choose(self, path: str) -> None:
        """Take a file that was looked into; where it is the one that is chosen, nothing changes."""
        if absolute(self.path_input.typed, self._base) != path:
            self.picked(path)

    def action_above(self) -> None:
        """Go to the directory above, or from a file back to its directory."""
        if self._plan is not None:
            self.action_browse()
        else:
            super().action_above()

    # -- showing

    def redraw(self) -> None:
        """Show everything as it is now."""
        super().redraw()
        plan = self._plan
        self.sum_up(self._summary())
        shown = self.folder_lines() if plan is None else inside_lines(plan, self._choice, self._duplicate)
        self.show_lines(list(shown))
        self.show_command(command_line(self._operation(plan), self._place.location_options) if plan else "")
        if plan is not None:
            self.propose(self._place, self._operation(plan))
        self._renew_answer()

    def show_keys(self) -> None:
        """Show in the edge what keys there are, and by which one one looks inside from here."""
        keys = self.BROWSING_KEYS if self.is_browsing else self.KEYS
        if self.focused is self.lines:
            keys = (*keys, Answer("l", "l", "looks inside"))
        elif not self.is_browsing:
            keys = (*keys, Answer("right", "→", "looks inside"))
        self.query_one(Answers).show_hints(keys)

    def _renew_answer(self) -> None:
        """Say in the edge what Enter does by now, and for what it waits."""
        plan = self._plan
        if plan is None:
            opens = self.focused is self.lines
            self.answer_with("Open" if opens else self.ANSWER, "" if opens else self._missing())
        elif obstacle_text(plan, ImportChoice(self._choice.snaps or plan.snaps, accept_hash=True)):
            self.answer_with("")
        elif not self._choice.snaps:
            self.answer_with(self.ANSWER, "choose a snap")
        else:
            reason = obstacle_text(plan, self._choice)
            self.answer_with(
                self.ANSWER, "accept its hash first" if reason else "refused" if self.refusal else ""
            )

    def _missing(self) -> str:
        """What there has to be before anything can be imported."""
        return "still reading it" if self._length else "choose a file first"

    def on_descendant_focus(self) -> None:
        """In the directory Enter opens, and in the list `l` looks inside."""
        self.show_keys()
        self._renew_answer()

    def _summary(self) -> Content:
        if self._plan is not None:
            return summary(self._plan, self._choice, self._duplicate)
        if not self._length:
            return self.folder_text()
        name = plain(os.path.basename(self.path_input.typed))
        passed, size = (amount_text(count) for count in (self._passed, self._length))
        return Content(f"Reading {name}: {passed} of {size}…")

    # -- choosing

    def _draw_up(self, choice: ImportChoice) -> None:
        """Go on with another choice."""
        self._choice = choice
        self._duplicate = None
        self.say("")
        self.redraw()
        if self._plan is not None and choice.snaps:
            self._judge(self._plan, choice)

    def on_line_list_marked(self, message: LineList.Marked) -> None:
        """Choose a snap, or take the choice back; accept a content hash, or not."""
        plan = self._plan
        match message.key:
            case "hash":
                self._draw_up(self._choice._replace(accept_hash=not self._choice.accept_hash))
            case ("take", str(snap)) if plan is not None and len(plan.snaps) > 1:
                self._draw_up(self._choice.toggled(snap))

    def action_choose(self, everything: bool) -> None:
        """Choose all snaps of the file, or none."""
        if self._plan is None:
            self.say("this key selects snaps: choose a file first")
        else:
            self._draw_up(self._choice._replace(snaps=self._plan.snaps if everything else frozenset()))

    # -- answering

    def _operation(self, plan: ImportPlan) -> Import:
        return plan.operation(self._choice)

    def confirm(self) -> None:
        """Open what the cursor is on in the directory; else answer, or say what is missing."""
        plan = self._plan
        if plan is None and self.focused is self.lines:
            self.open_entry(self.lines.cursor_key)
        elif plan is None:
            self.say(self._missing())
        elif reason := obstacle_text(plan, self._choice) or self.refusal:
            self.say(reason)
        else:
            self.dismiss(self._operation(plan))
