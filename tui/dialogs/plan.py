"""What the dialogs before a restore and an extraction share: a plan that is made anew with each choice."""

from collections.abc import Iterable
from dataclasses import replace
from typing import ClassVar, TypeVar

from textual import on
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Key
from textual.widget import Widget
from textual.widgets import Input

from backend import Extract, Progress, Restore, command_line
from tui.dialogs.answers import Piece
from tui.dialogs.base import CHOOSE
from tui.dialogs.field import Field
from tui.dialogs.folding import Unfolding
from tui.dialogs.lines import Line, chosen_of
from tui.dialogs.restore_lines import windows
from tui.session.paths import PathListing, absolute, in_folder, working_directory
from tui.session.place import Place
from tui.widgets.path_input import PathInput

DIGITS = tuple("0123456789")

Wanted = TypeVar("Wanted", Restore, Extract)


class Proof(Input):
    """Takes digits only, and leaves the keys of the dialog to it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "screen.step(1)", "Down", show=False, priority=True),
        Binding("k", "screen.step(-1)", "Up", show=False, priority=True),
        Binding("space", "screen.lines('mark')", "Choose", show=False, priority=True),
        Binding("l", "screen.unfold", "List", show=False, priority=True),
        Binding("p", "screen.paths", "Paths", show=False, priority=True),
        Binding("m", "screen.map", "Map", show=False, priority=True),
        Binding("y", "screen.copy", "Copy command", show=False, priority=True),
    ]

    def __init__(self) -> None:
        # The first digit brings the focus: what the focus selects, the second would replace.
        super().__init__(
            id="proof", compact=True, restrict="[0-9]*", max_length=20, select_on_focus=False, classes="short"
        )


class PlanDialog(Unfolding[Wanted | None]):
    """Shows the plan of what is wanted; answers with what was confirmed, or None.

    A plan that is final has a `proof`: a number to type before Enter confirms it.
    """

    KEYS = (CHOOSE,)
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

    def plan(self, wanted: Wanted) -> None:
        """Begin to plan what is wanted, with a new `_progress`."""
        raise NotImplementedError

    @property
    def verdict(self) -> Piece:
        """What it comes to, in a word."""
        raise NotImplementedError

    def summary(self) -> Content:
        """What it comes to."""
        raise NotImplementedError

    def plan_lines(self) -> list[Line]:
        """The plan and its choices, line by line."""
        raise NotImplementedError

    def answer_text(self) -> str:
        """What Enter does."""
        raise NotImplementedError

    # -- showing

    def fields(self) -> Iterable[Widget]:
        """The directory to restore into, and where the number is typed."""
        directory = self._wanted.target_dir or in_folder(self._base, self._directory)
        yield Field("Directory", PathInput(self._base, directory, id="to"))
        yield Field("Type", Proof(), classes="-gap")

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
        self.show_field("to", shown=bool(self._wanted.target_dir))
        proof = self.proof if self.is_planned and not self.is_blocked else ""
        self.show_field("proof", shown=bool(proof), label=f"Type {proof} to restore")
        self._renew_answer()

    def _renew_answer(self) -> None:
        """Say in the edge what Enter does by now."""
        does = self.answer_text() if self.is_planned and not self.is_blocked else self.ANSWER
        self.answer_with("" if self.is_blocked else does, self.waits, self.verdict)

    @property
    def waits(self) -> str:
        """For what the answer waits, or nothing."""
        if not self.is_planned:
            return "measuring…"
        return "" if self.may_confirm else f"type {self.proof} first"

    def focus_answer(self) -> None:
        """Let a number that has to be typed be typed at once; never after the user began to choose."""
        if self._was_planned or not self.is_planned:
            return
        self._was_planned = True
        if not self.is_blocked and self.proof and self.lines.highlighted in (None, 0):
            self.query_one("#proof", Proof).focus()

    # -- choosing

    def want(self, wanted: Wanted) -> None:
        """Plan something else."""
        if wanted != self._wanted:
            self._wanted = wanted
            self.plan_anew()

    def choose_window(self, choice: int | None) -> None:
        """Choose an undo window, or the next; the plan stays the same."""
        around = windows(self._wanted.undo_window)
        window = chosen_of(around, self._wanted.undo_window, choice)
        self._wanted = replace(self._wanted, undo_window=window)
        self.redraw()

    def target_of(self, choice: int | None) -> str:
        """The directory that is typed, or nothing, which is in place: the other one, or what was clicked."""
        beside = not self._wanted.target_dir if choice is None else choice == 1
        return self._typed() if beside else ""

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
        """Whether Enter confirms it."""
        typed = self.query_one("#proof", Proof).value
        return self.is_planned and not self.is_blocked and self.proof in ("", typed)

    def on_key(self, event: Key) -> None:
        """A digit typed anywhere goes to the proof."""
        proof = self.query_one("#proof", Proof)
        if not isinstance(self.focused, Input) and self.is_shown("proof") and event.character in DIGITS:
            proof.focus()
            proof.insert_text_at_cursor(event.character)
            event.stop()

    @on(Input.Changed, "#proof")
    def weigh(self) -> None:
        """Enter confirms once the number is right."""
        self._renew_answer()

    def confirmed(self) -> Wanted:
        """What is wanted, as it was shown."""
        return self._wanted

    def confirm(self) -> None:
        """Answer with what was shown, or say what is missing."""
        if self.may_confirm:
            self.dismiss(self.confirmed())
        elif self.is_planned and not self.is_blocked:
            self.say(f"type {self.proof}, the number of the set, to restore it")
            self.query_one("#proof", Proof).focus()
        elif not self.is_blocked:
            self.say(self.waits)
