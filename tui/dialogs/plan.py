"""What the dialogs before a restore and an extraction share: a plan that is made anew with each choice."""

from collections.abc import Iterable
from dataclasses import replace
from typing import ClassVar, TypeVar

from textual import on
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Key
from textual.widget import Widget
from textual.widgets import Button, Input

from backend import Extract, Progress, Restore, command_line
from tui.dialogs.base import Line
from tui.dialogs.folding import Unfolding
from tui.dialogs.restore_lines import windows
from tui.session.paths import PathListing, absolute, in_folder, working_directory
from tui.session.place import Place
from tui.widgets.path_input import PathInput

DIGITS = tuple("0123456789")

Wanted = TypeVar("Wanted", Restore, Extract)


class Proof(Input):
    """Takes digits only, and leaves the keys of the dialog to it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "screen.lines('cursor_down')", "Down", show=False, priority=True),
        Binding("k", "screen.lines('cursor_up')", "Up", show=False, priority=True),
        Binding("space", "screen.lines('mark')", "Select", show=False, priority=True),
        Binding("l", "screen.unfold", "List", show=False, priority=True),
        Binding("y", "screen.copy", "Copy command", show=False, priority=True),
    ]

    def __init__(self) -> None:
        # The first digit brings the focus: what the focus selects, the second would replace.
        super().__init__(id="proof", compact=True, restrict="[0-9]*", max_length=20, select_on_focus=False)


class PlanDialog(Unfolding[Wanted | None]):
    """Shows the plan of what is wanted; answers with what was confirmed, or None.

    A plan that is final has a `proof`: a number to type before the button can be pressed.
    """

    KEYS = "Space select · l list · y copy · Tab next · Esc leave"
    ANSWER = "Restore"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f5,R", "look", "Refresh", show=False),
    ]

    def __init__(self, title: str, place: Place, wanted: Wanted, directory: str) -> None:
        super().__init__(title)
        self._place = place
        self._wanted: Wanted = wanted
        self._directory = directory
        self._progress = Progress()
        self._base = working_directory()
        self._completions: PathListing | None = None
        self._was_planned = False

    # -- what each plan says for itself

    @property
    def is_planned(self) -> bool:
        """Whether enough is known to confirm it."""
        raise NotImplementedError

    @property
    def is_blocked(self) -> bool:
        """Whether it cannot be had as it is wanted."""
        raise NotImplementedError

    @property
    def proof(self) -> str:
        """The number to type before something is lost for good, or nothing."""
        raise NotImplementedError

    @property
    def loss(self) -> str:
        """What is lost for good, for the line where the number is typed."""
        return "what is replaced cannot be recovered"

    def plan(self, wanted: Wanted) -> None:
        """Begin to plan what is wanted, with a new `_progress`."""
        raise NotImplementedError

    def summary(self) -> Content:
        """What it comes to."""
        raise NotImplementedError

    def plan_lines(self) -> list[Line]:
        """The plan and its choices, line by line."""
        raise NotImplementedError

    def answer_text(self) -> str:
        """What the button says it does."""
        raise NotImplementedError

    # -- showing

    def fields(self) -> Iterable[Widget]:
        """The directory to restore into, and where the number is typed."""
        directory = self._wanted.target_dir or in_folder(self._base, self._directory)
        yield PathInput(self._base, directory, id="to")
        yield Proof()

    def on_mount(self) -> None:
        """Look at what would happen."""
        self.lines.focus()
        self.say("")
        self.plan_anew()

    def on_unmount(self) -> None:
        """Look no more."""
        self._progress.stop()

    def action_look(self) -> None:
        """Look at everything anew."""
        self.plan_anew()

    def plan_anew(self) -> None:
        """Drop what is being planned, and plan what is wanted now."""
        self._progress.stop()
        self._progress = Progress()
        self.query_one("#proof", Proof).value = ""
        self.plan(self._wanted)

    def is_wanted(self, wanted: Wanted) -> bool:
        """Whether a plan of this is still asked for: a thread may report after the dialog was left."""
        return self.is_open and replace(wanted, undo_window=self._wanted.undo_window) == self._wanted

    def redraw(self) -> None:
        """Show everything as it is now."""
        self.sum_up(self.summary())
        self.show_lines(self.plan_lines())
        self.show_command(command_line(self._wanted, self._place.location_options))
        self.query_one("#to", PathInput).display = bool(self._wanted.target_dir)
        is_final = self.is_planned and not self.is_blocked and bool(self.proof)
        proof = self.query_one("#proof", Proof)
        proof.display = is_final
        proof.placeholder = f"{self.loss}: type {self.proof} to restore" if is_final else ""
        button = self.query_one("#yes", Button)
        button.display = not self.is_blocked
        button.label = Content(self.answer_text() if self.is_planned else "Checking…")
        button.refresh(layout=True)
        button.variant = "error" if is_final else "primary"
        button.disabled = not self.may_confirm

    def focus_answer(self) -> None:
        """Enter confirms at once where it can be undone; never after the user began to choose."""
        if self._was_planned or not self.is_planned:
            return
        self._was_planned = True
        if self.may_confirm and self.lines.highlighted in (None, 0):
            self.query_one("#yes", Button).focus()

    # -- choosing

    def want(self, wanted: Wanted) -> None:
        """Plan something else."""
        if wanted != self._wanted:
            self._wanted = wanted
            self.plan_anew()

    def next_window(self) -> None:
        """Choose the next undo window; the plan stays the same."""
        around = windows(self._wanted.undo_window)
        chosen = around[(around.index(self._wanted.undo_window) + 1) % len(around)]
        self._wanted = replace(self._wanted, undo_window=chosen)
        self.redraw()

    @property
    def other_target(self) -> str:
        """The directory that is typed; nothing, which is in place, where that is wanted already."""
        return "" if self._wanted.target_dir else self._typed()

    def _typed(self) -> str:
        path = absolute(self.query_one("#to", PathInput).typed, self._base)
        return path.rstrip("/") or "/"

    @on(Input.Changed, "#to")
    def plan_there(self) -> None:
        """Plan for the directory that is typed now."""
        if self._wanted.target_dir:
            self.say("")
            self.want(replace(self._wanted, target_dir=self._typed()))

    def on_path_input_listed(self, message: PathInput.Listed) -> None:
        """Show how the path can go on."""
        self._completions = message.listing
        if self._wanted.target_dir and self.is_open:
            self.redraw()

    # -- answering

    @property
    def may_confirm(self) -> bool:
        """Whether the button can be pressed."""
        typed = self.query_one("#proof", Proof).value
        return self.is_planned and not self.is_blocked and self.proof in ("", typed)

    def on_key(self, event: Key) -> None:
        """A digit typed anywhere goes to the proof."""
        proof = self.query_one("#proof", Proof)
        if not isinstance(self.focused, Input) and proof.display and event.character in DIGITS:
            proof.focus()
            proof.insert_text_at_cursor(event.character)
            event.stop()

    @on(Input.Changed, "#proof")
    def weigh(self) -> None:
        """The button can be pressed once the number is right."""
        self.query_one("#yes", Button).disabled = not self.may_confirm

    @on(Input.Submitted, "#to")
    def go_on(self) -> None:
        """The path is typed; the button answers."""
        button = self.query_one("#yes", Button)
        (self.lines if button.disabled or not button.display else button).focus()

    def confirmed(self) -> Wanted:
        """What is wanted, as it was shown."""
        return self._wanted

    @on(Input.Submitted, "#proof")
    @on(Button.Pressed, "#yes")
    def confirm(self) -> None:
        """Answer with what was shown, or say what is missing."""
        if self.may_confirm:
            self.dismiss(self.confirmed())
        elif self.is_planned and self.proof:
            self.say(f"type {self.proof}, the number of the set, to restore it")
