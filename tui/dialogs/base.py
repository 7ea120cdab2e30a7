"""What dialogs share: a frame with a list of lines, the command that does the same, and the answers below."""

from collections.abc import Hashable, Iterable, Sequence
from typing import Any, ClassVar, Generic, NamedTuple

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.css.styles import RulesMap
from textual.geometry import Size, Spacing
from textual.message import Message
from textual.screen import ModalScreen, ScreenResultType
from textual.strip import Strip
from textual.style import Style
from textual.visual import Padding, RenderOptions
from textual.widget import Widget
from textual.widgets import Button, OptionList, Static
from textual.widgets.option_list import Option

from tui.terminal.clipboard import copied
from tui.text import plain

GOOD = "$text-success"
WARN = "$text-warning"
BAD = "bold $text-error"
DIM = "$text-muted"

NO_HEAD = Content("")

_FRAME = 2
_FEWEST = 3
_NARROWEST = 4


class Line(NamedTuple):
    """A line of a list: what identifies it and what it says.

    `marked` is None where there is nothing to choose; `depth` indents the line, all of it when it wraps;
    what is in `head` hangs out to the left of that.
    """

    key: Hashable
    text: Content
    marked: bool | None = None
    depth: int = 0
    head: Content = NO_HEAD


def said(text: str, style: str = "") -> Content:
    """Text from anywhere, made harmless, in a style."""
    return Content.styled(plain(text), style) if style else Content(plain(text))


def same_as(command: str) -> Content:
    """The command that does what a dialog does."""
    return Content.assemble(("same as: ", DIM), plain(command))


class LineList(OptionList):
    """Lines that wrap and scroll, with a cursor that stays on its line when others come and go."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "cursor_down", "Down", show=False),
        Binding("k", "cursor_up", "Up", show=False),
        Binding("g", "first", "First", show=False),
        Binding("G", "last", "Last", show=False),
        Binding("space", "mark", "Select", show=False),
        Binding("l,right", "select", "Open", show=False),
    ]

    class Marked(Message):
        """A line was chosen, or is not any more."""

        def __init__(self, key: Hashable) -> None:
            super().__init__()
            self.key = key

    class Opened(Message):
        """A line was entered."""

        def __init__(self, key: Hashable) -> None:
            super().__init__()
            self.key = key

    class Moved(Message):
        """The cursor stands on another line."""

        def __init__(self, key: Hashable) -> None:
            super().__init__()
            self.key = key

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, markup=False, compact=True)
        self._shown: list[Line] = []

    def get_visual_style(self, *component_classes: str, partial: bool = False) -> Style:
        """The style of parts; Textual leaves out that a part is reversed."""
        style = super().get_visual_style(*component_classes, partial=partial)
        turned = any(self.get_component_styles(name).text_style.reverse for name in component_classes)
        return style + Style(reverse=True) if turned else style

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """The lines when they are wrapped beside a scrollbar: it may come, and then they have to fit."""
        return super().get_content_height(container, viewport, max(1, width - 1))

    def show(self, lines: Sequence[Line]) -> None:
        """Show other lines."""
        before, self._shown = self._shown, list(lines)
        if [line.key for line in before] == [line.key for line in lines]:
            for number, (old, new) in enumerate(zip(before, lines, strict=True)):
                if old != new:
                    self.replace_option_prompt_at_index(number, _drawn(new))
            self.refresh(layout=before != lines)
            return
        at, top = self.highlighted or 0, self.scroll_offset.y
        key = before[at].key if at < len(before) else None
        self.set_options(_LineOption(line) for line in lines)
        keys = [line.key for line in lines]
        self.highlighted = (keys.index(key) if key in keys else min(at, len(keys) - 1)) if keys else None
        self.scroll_to(y=top, animate=False, force=True)
        self.call_after_refresh(self.scroll_to_highlight)

    @property
    def shown(self) -> tuple[Line, ...]:
        """The lines, those that are scrolled away as well."""
        return tuple(self._shown)

    @property
    def keys(self) -> list[Hashable]:
        """What identifies each line."""
        return [line.key for line in self._shown]

    @property
    def cursor_key(self) -> Hashable | None:
        """What identifies the line under the cursor; None in an empty list."""
        at = self.highlighted
        return self._shown[at].key if at is not None and at < len(self._shown) else None

    def action_mark(self) -> None:
        """Choose the line, or take the choice back."""
        if self._shown:
            self.post_message(self.Marked(self.cursor_key))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Open the line that was chosen, whatever stands in its place by now."""
        event.stop()
        if isinstance(event.option, _LineOption):
            self.post_message(self.Opened(event.option.key))

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Say where the cursor stands."""
        event.stop()
        if isinstance(event.option, _LineOption):
            self.post_message(self.Moved(event.option.key))


class _LineOption(Option):
    """A line as the list draws it, with what identifies it."""

    def __init__(self, line: Line) -> None:
        super().__init__(_drawn(line))
        self.key = line.key


class _Hanging(Padding):
    """Text beside a head: every line of it starts where the head ends."""

    def __init__(self, head: Content, text: Content, indent: int) -> None:
        super().__init__(text, Spacing(0, 0, 0, indent + head.cell_length))
        self._head = Padding(head, Spacing(0, 0, 0, indent))
        self._room = indent + head.cell_length
        self._hangs = bool(head)

    def render_strips(
        self, width: int, height: int | None, style: Style, options: RenderOptions
    ) -> list[Strip]:
        """The lines, the first with the head before it."""
        strips = super().render_strips(self._at_least(width), height, style, options)
        if strips and self._hangs:
            head = self._head.render_strips(self._room, 1, style, options)
            strips[0] = Strip.join([*head, strips[0].crop(self._room)])
        return [strip.crop(0, width) for strip in strips]

    def get_height(self, rules: RulesMap, width: int) -> int:
        """The lines it takes in a width."""
        return super().get_height(rules, self._at_least(width))

    def _at_least(self, width: int) -> int:
        """A width in which there is room for text beside the head; what is too much is cut off."""
        return max(width, self._room + _NARROWEST)


def _drawn(line: Line) -> Padding:
    sign = "" if line.marked is None else "[x] " if line.marked else "[ ] "
    return _Hanging(Content.assemble(sign, line.head), line.text, 2 * line.depth)


class HelpWanted(Message):
    """Somebody asks what the keys of a screen do; the application answers."""

    def __init__(self, title: str, bindings: Sequence[BindingType]) -> None:
        super().__init__()
        self.title = title
        self.bindings = tuple(bindings)


class Dialog(ModalScreen[ScreenResultType], Generic[ScreenResultType]):
    """A question with lines to look at and to choose from. Esc leaves it without an answer.

    `ANSWER` is what its button does, which `WAITS` until that is possible; `NO` is the answer without one.
    Moving about goes to the list wherever the focus is, and takes the focus along.
    """

    # Textual declares these two as belonging to the instance.
    HORIZONTAL_BREAKPOINTS: list[tuple[int, str]] = [(0, "-narrow"), (90, "-wide")]  # noqa: RUF012 - as Textual declares it
    VERTICAL_BREAKPOINTS: list[tuple[int, str]] = [(0, "-low"), (30, "-high")]  # noqa: RUF012 - as Textual declares it
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave", show=False),
        Binding("down,j", "lines('cursor_down')", "Down", show=False, tooltip="Go down in the list"),
        Binding("up,k", "lines('cursor_up')", "Up", show=False, tooltip="Go up in the list"),
        Binding("pagedown", "lines('page_down')", "Page down", show=False, tooltip="Go down by a page"),
        Binding("pageup", "lines('page_up')", "Page up", show=False, tooltip="Go up by a page"),
        Binding("space", "lines('mark')", "Select", show=False, tooltip="Select the line, or clear it"),
        Binding("l", "lines('select')", "Open", show=False, tooltip="Open the line, as Enter does"),
        Binding("y", "copy", "Copy command", show=False),
        Binding("question_mark,f1", "help", "Help", show=False),
    ]
    KEYS = "↑↓ move · Esc leave"
    ANSWER = ""
    WAITS = True
    NO: Any = None

    def __init__(self, title: str) -> None:
        super().__init__(classes="dialog-screen")
        self._heading = title
        self._command = ""

    def on_mount(self) -> None:
        """Fit the lines whenever anything beside them takes another height."""
        self.screen_layout_refresh_signal.subscribe(self, lambda _screen: self._fit())

    def compose(self) -> ComposeResult:
        """What it comes to, the lines, what can be typed, the command, the answers."""
        with Vertical(classes="dialog") as frame:
            frame.border_title = Content(plain(self._heading))
            frame.border_subtitle = Content(self.KEYS)
            yield Static("", id="summary", markup=False)
            yield LineList(id="lines")
            yield from self.fields()
            for name in ("said", "refused", "command"):
                place = Static("", id=name, markup=False)
                place.display = False
                yield place
            with Horizontal(classes="answers"):
                yield from self.answers()

    def fields(self) -> Iterable[Widget]:
        """What can be typed in, below the lines."""
        return ()

    def answers(self) -> Iterable[Button]:
        """The buttons: to do it once that is possible, or not."""
        if self.ANSWER:
            yield Button(Content(self.ANSWER), id="yes", compact=True, variant="primary", disabled=self.WAITS)
            yield Button("Cancel", id="no", compact=True)

    @property
    def is_open(self) -> bool:
        """Whether there is something to draw on: threads and timers may report after the dialog was left."""
        return self.is_attached and self in self.app.screen_stack

    @property
    def lines(self) -> LineList:
        """The list."""
        return self.query_one(LineList)

    def show_lines(self, lines: Sequence[Line]) -> None:
        """Show other lines."""
        self.lines.show(lines)
        self.fit()

    def fit(self) -> None:
        """Give the lines the room that everything else leaves, as soon as that is known."""
        self.call_after_refresh(self._fit)

    def on_resize(self) -> None:
        """Fit the lines anew."""
        self.fit()

    def _fit(self) -> None:
        if not self.is_open:
            return
        frame = self.query_one(".dialog")
        others = sum(
            widget.outer_size.height
            for widget in frame.children
            if widget.display and widget is not self.lines
        )
        whole = self.size.height if self.has_class("-low") else self.size.height * 9 // 10
        self.lines.styles.max_height = max(_FEWEST, whole - others - _FRAME)

    def sum_up(self, text: Content | str) -> None:
        """Say what it comes to, above the lines."""
        self.query_one("#summary", Static).update(text if isinstance(text, Content) else said(text))

    def say(self, text: str, style: str = WARN) -> None:
        """Say something about the last key, or nothing any more."""
        place = self.query_one("#said", Static)
        place.update(said(text, style))
        place.display = bool(text)
        self.fit()

    def show_command(self, command: str) -> None:
        """Show the command that does the same."""
        self._command = command
        place = self.query_one("#command", Static)
        place.update(same_as(command))
        place.display = bool(command)
        self.fit()

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

    def action_leave(self) -> None:
        """Leave without an answer."""
        self.leave()

    @on(Button.Pressed, "#no")
    def leave(self) -> None:
        """Leave without an answer, from wherever."""
        self.dismiss(self.NO)
