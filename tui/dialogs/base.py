"""What dialogs share: a frame with a list of lines, the command that does the same, answers in its edge."""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.events import Resize
from textual.message import Message
from textual.screen import ScreenResultType
from textual.widget import Widget
from textual.widgets import Static

from tui.dialogs.answers import Answer, Answers, Piece
from tui.dialogs.backdrop import HIGH, OverStill
from tui.dialogs.field import Field
from tui.dialogs.lines import DIM, WARN, Line, LineList, key_hint, styled
from tui.terminal.clipboard import copied
from tui.text import plain

NO_VERDICT = Piece("")
CHOOSE = Answer("space", "Space", "choose")

_EDGES = 2
_OTHERS = 8
_FEWEST = 3


def same_as(command: str) -> Content:
    """The command that does what a dialog does."""
    return Content.assemble((f"same as  {plain(command)}   ", DIM), key_hint("y", "copies"))


class HelpWanted(Message):
    """Somebody asks what the keys of a screen do; the application answers."""

    def __init__(self, title: str, bindings: Sequence[BindingType]) -> None:
        super().__init__()
        self.title = title
        self.bindings = tuple(bindings)


class ContentsWanted(Message):
    """Somebody wants to see what is in a file without leaving a dialog; the application shows it."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path


class Dialog(OverStill[ScreenResultType]):
    """A question with lines to look at and to choose from, over a still picture of the screen below.

    Enter is its main answer wherever the cursor is, which `confirm` carries out; Esc leaves it with `NO`.
    Up and down go through the list and the fields as they stand below each other.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        # Before lists and fields have it: it is the main answer everywhere.
        Binding("enter", "answer", "Answer", show=False, priority=True),
        Binding("escape", "leave", "Leave", show=False),
        Binding("down,j", "step(1)", "Down", show=False, tooltip="Go down, from the list on to the fields"),
        Binding("up,k", "step(-1)", "Up", show=False, tooltip="Go up, from the fields back to the list"),
        Binding("pagedown", "lines('page_down')", "Page down", show=False, tooltip="Go down by a page"),
        Binding("pageup", "lines('page_up')", "Page up", show=False, tooltip="Go up by a page"),
        Binding("space", "lines('mark')", "Choose", show=False, tooltip="Choose the line, or clear it"),
        Binding("l", "lines('select')", "Open", show=False, tooltip="Open the line"),
        Binding("y", "copy", "Copy command", show=False),
        Binding("question_mark,f1", "help", "Help", show=False),
    ]
    KEYS: ClassVar[tuple[Answer, ...]] = ()
    ANSWER = ""
    LEAVES = "Cancel"
    NO: Any = None
    FIELDS_FIRST = False

    def __init__(self, title: str) -> None:
        super().__init__()
        self._heading = title
        self._command = ""
        self._wanted_lines: tuple[Line, ...] = ()

    def compose(self) -> ComposeResult:
        """What it comes to, the lines, what can be typed, the command, the answers."""
        self.foresee()
        with Vertical(classes="dialog"):
            with Vertical(classes="frame") as frame:
                frame.border_title = Content(plain(self._heading))
                above: Iterable[Widget] = self.fields()
                below: Iterable[Widget] = ()
                if not self.FIELDS_FIRST:
                    above, below = below, above
                yield from above
                yield _hidden("summary")
                yield self.list_widget()
                yield from below
                yield from map(_hidden, ("remark", "refused", "command"))
            yield Answers(self.KEYS, self._answers(self.ANSWER))

    def list_widget(self) -> Widget:
        """The list."""
        lines = LineList(id="lines")
        lines.styles.max_height = max(_FEWEST, self.app.size.height - _OTHERS)
        return lines

    def fields(self) -> Iterable[Widget]:
        """What can be typed in."""
        return ()

    def on_mount(self) -> None:
        """Fit the lines whenever anything beside them changes."""
        self.screen_layout_refresh_signal.subscribe(self, lambda _screen: self._fit())

    @on(Resize)
    def refit(self) -> None:
        """Fit the lines anew."""
        self.show_lines(self._wanted_lines)

    # -- showing

    @property
    def lines(self) -> LineList:
        """The list."""
        return self.query_one(LineList)

    def show_lines(self, lines: Sequence[Line]) -> None:
        """Show other lines; where there is little room, without gaps."""
        self._wanted_lines = tuple(lines)
        if self.app.size.height < HIGH:
            lines = [line._replace(gap=False) for line in lines]
        self.lines.show(lines)
        self.fit()

    def fit(self) -> None:
        """Give the lines the room that everything else leaves, as soon as that is known."""
        self.call_after_refresh(self._fit)

    def _fit(self) -> None:
        if not self.is_open:
            return
        frame, lines = self.query_one(".frame"), self.query_one("#lines")
        self.query_one("#command").styles.max_height = max(_FEWEST, self.size.height // 4)
        others = sum(
            widget.outer_size.height for widget in frame.children if widget.display and widget is not lines
        )
        whole = self.size.height if self.has_class("-low") else self.size.height * 9 // 10
        lines.styles.max_height = max(_FEWEST, whole - others - _EDGES - frame.styles.padding.height)

    def entitle(self, title: str) -> None:
        """Show another title."""
        self._heading = title
        self.query_one(".frame").border_title = Content(plain(title))

    def sum_up(self, text: Content | str) -> None:
        """Say what it comes to, above the lines; nothing takes no room."""
        place = self.query_one("#summary", Static)
        place.update(text if isinstance(text, Content) else styled(text))
        place.display = bool(text)
        self.fit()

    def say(self, text: str, style: str = WARN) -> None:
        """Say something about the last key, or nothing any more."""
        place = self.query_one("#remark", Static)
        place.update(styled(text, style))
        place.display = bool(text)
        self.fit()

    def show_command(self, command: str) -> None:
        """Show the command that does the same."""
        self._command = command
        place = self.query_one("#command", Static)
        place.update(same_as(command))
        place.display = bool(command)
        self.fit()

    def show_field(self, name: str, *, shown: bool, label: str = "") -> None:
        """Show the field of a box, or none; under another label."""
        field = self.query_one(f"#{name}-field", Field)
        field.display = shown
        if label:
            field.rename(label)
        if not shown and self.focused is self.query_one(f"#{name}"):
            self.set_focus(self.query_one("#lines"))

    def is_shown(self, name: str) -> bool:
        """Whether the field of a box is shown."""
        return self.query_one(f"#{name}-field").display

    # -- answering

    def answer_with(self, does: str, waits: str = "", verdict: Piece = NO_VERDICT) -> None:
        """Say in the edge what Enter does, and for what it waits; nothing where it only leaves."""
        self.query_one(Answers).show(self._answers(does, waits), verdict)

    def _answers(self, does: str, waits: str = "") -> list[Answer]:
        main = [Answer("enter", "Enter", does, waits)] if does else []
        return [*main, Answer("escape", "Esc", self.LEAVES)]

    def action_answer(self) -> None:
        """Give the main answer."""
        self.confirm()

    def confirm(self) -> None:
        """Carry the main answer out, or say what it waits for; leave where there is none."""
        self.leave()

    def action_leave(self) -> None:
        """Leave without an answer."""
        self.leave()

    def leave(self) -> None:
        """Leave without an answer, from wherever."""
        self.dismiss(self.NO)

    # -- keys

    def action_step(self, by: int) -> None:
        """Go on in the list, and at its end to what stands beside it."""
        if self.focused is self.lines and self.lines.step(by):
            return
        chain = self.focus_chain
        at = chain.index(self.focused) + by if self.focused in chain else 0
        if 0 <= at < len(chain):
            self.set_focus(chain[at])
            if self.focused is self.lines and self.lines.highlighted is None:
                self.lines.step(0)

    def action_lines(self, action: str) -> None:
        """Do something in the list, wherever the focus was."""
        self.set_focus(self.lines)  # at once: the next key may have been pressed already
        getattr(self.lines, f"action_{action}")()

    def action_copy(self) -> None:
        """Copy the command that does the same."""
        if self._command:
            self.say(copied(self.app, self._command), DIM)

    def action_help(self) -> None:
        """Explain the keys of this dialog."""
        self.post_message(HelpWanted(self._heading, self._own_bindings()))

    def _own_bindings(self) -> list[BindingType]:
        """The keys of the dialog and of what it is derived from; the nearest has its say."""
        bindings: dict[str, BindingType] = {}
        for class_ in type(self).__mro__:
            if issubclass(class_, Dialog):
                for binding in Binding.make_bindings(class_.__dict__.get("BINDINGS", ())):
                    bindings.setdefault(binding.key, binding)
        return list(bindings.values())


def _hidden(name: str) -> Static:
    """A place for text, of which there is none so far."""
    place = Static("", id=name, markup=False)
    place.display = False
    return place
