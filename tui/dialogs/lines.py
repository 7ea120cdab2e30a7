"""Lines of a dialog: what they say, and the list in which one moves among them and chooses."""

from collections.abc import Hashable, Sequence
from typing import ClassVar, NamedTuple, TypeVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.css.styles import RulesMap
from textual.geometry import Size, Spacing
from textual.message import Message
from textual.strip import Strip
from textual.style import Style
from textual.visual import Padding, RenderOptions
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tui.dialogs.answers import HINT, KEY
from tui.text import plain

GOOD = "$text-success"
WARN = "$text-warning"
BAD = "bold $text-error"
DIM = "$text-muted"

NO_HEAD = Content("")

_NARROWEST = 4
_LABEL = 10
_BAR = "▌"


class Line(NamedTuple):
    """A line of a list: what identifies it and what it says.

    `marked` is None where there is nothing to choose; with `is_choice` only one of several lines is marked.
    `depth` indents the line, all of it when it wraps; what is in `head` hangs out to the left of that. A
    `gap` sets it apart from the line above.
    """

    key: Hashable
    text: Content
    marked: bool | None = None
    depth: int = 0
    head: Content = NO_HEAD
    gap: bool = False
    is_choice: bool = False


def styled(text: str, style: str = "") -> Content:
    """Text from anywhere, made harmless, in a style."""
    return Content.styled(plain(text), style) if style else Content(plain(text))


def key_hint(key: str, does: str) -> Content:
    """A key beside what it acts on, with which it stays on one line."""
    return Content.assemble((key, HINT), (f"\N{NO-BREAK SPACE}{does}", DIM))


def label(word: str, style: str = DIM) -> Content:
    """A word before a section."""
    return Content.styled(f"{word:<{_LABEL}}", style)


def choice_content(options: Sequence[tuple[str, bool]], more: Content | str = "") -> Content:
    """What excludes each other on one line, the chosen one marked; what else is to be said there."""
    parts: list[Content] = []
    for number, (text, is_chosen) in enumerate(options):
        sign = Content.styled("(•)", KEY) if is_chosen else Content.styled("( )", DIM)
        option = Content.assemble(sign, (f" {plain(text)}", "" if is_chosen else DIM))
        parts += [option.stylize(Style.from_meta({"choice": number})), Content("  ")]
    return Content.assemble(*parts, *([" ", more] if more else []))


Chosen = TypeVar("Chosen")


def chosen_of(options: Sequence[Chosen], present: Chosen, choice: int | None) -> Chosen:
    """The option of that number, or the one after the present."""
    if choice is not None:
        return options[choice]
    at = options.index(present) if present in options else -1
    return options[(at + 1) % len(options)]


class LineList(OptionList, inherit_bindings=False):
    """Lines that wrap and scroll, with a cursor that stays on its line when others come and go.

    The cursor is drawn while the list has the focus, or always where it `follows` what is typed elsewhere.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("g,home", "first", "First", show=False),
        Binding("G,end", "last", "Last", show=False),
        Binding("space", "mark", "Choose", show=False),
        Binding("l,right", "select", "Open", show=False),
    ]

    class Marked(Message):
        """A line was chosen, or is not any more; `choice` is which of the things that stand on it."""

        def __init__(self, key: Hashable, choice: int | None = None) -> None:
            super().__init__()
            self.key = key
            self.choice = choice

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

    def __init__(self, *, id: str | None = None, follows: bool = False) -> None:
        super().__init__(id=id, markup=False, compact=True, classes="-follows" if follows else None)
        self._shown: list[Line] = []
        self._follows = follows

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
            self._replace_changed(before)
            return
        at, top = self.highlighted or 0, self.scroll_offset.y
        key = before[at].key if at < len(before) else None
        self.set_options(_LineOption(line) for line in lines)
        keys = [line.key for line in lines]
        self.highlighted = (keys.index(key) if key in keys else min(at, len(keys) - 1)) if keys else None
        self.scroll_to(y=top, animate=False, force=True)
        self.call_after_refresh(self.scroll_to_highlight)

    def _replace_changed(self, before: Sequence[Line]) -> None:
        for number, (old, new) in enumerate(zip(before, self._shown, strict=True)):
            if not _is_drawn_alike(old, new):
                self.replace_option_prompt_at_index(number, _drawn(new))
        self.refresh(layout=before != self._shown)

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

    # -- keys and mouse

    def step(self, by: int) -> bool:
        """Move the cursor to a line beside it; False where there is none."""
        at = 0 if self.highlighted is None else self.highlighted + by
        if not 0 <= at < len(self._shown):
            return False
        self.highlighted = at
        return True

    def action_page_up(self) -> None:
        """Move by a page, where there is room for one."""
        if self._lines:
            super().action_page_up()  # type: ignore[no-untyped-call]  # Textual gives it no types

    def action_page_down(self) -> None:
        """Move by a page, where there is room for one."""
        if self._lines:
            super().action_page_down()  # type: ignore[no-untyped-call]  # Textual gives it no types

    def action_mark(self) -> None:
        """Choose the line, or take the choice back."""
        if self._shown:
            self.post_message(self.Marked(self.cursor_key))

    def on_click(self, event: events.Click) -> None:
        """Go to the line and choose it, or of several things on it the one that was clicked."""
        event.prevent_default()
        number = event.style.meta.get("option")
        if number is not None and number < len(self._shown):
            self.highlighted = number
            self.post_message(self.Marked(self._shown[number].key, event.style.meta.get("choice")))

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

    # -- drawing

    def render_line(self, y: int) -> Strip:
        """One line; a bar stands before the one under the cursor, a gap is part of no line."""
        strip = super().render_line(y)
        number, offset = self._place_of(int(self.scroll_offset.y) + y)
        if number >= len(self._shown):
            return strip
        plain_style = self.get_visual_style("option-list--option").rich_style
        if offset == 0 and self._shown[number].gap:
            return Strip.blank(strip.cell_length, plain_style)
        if number != self.highlighted or not (self.has_focus or self._follows):
            return strip
        style = self.get_visual_style("option-list--option", "option-list--option-highlighted").rich_style
        bar = Segment(_BAR, style + self.get_component_rich_style("lines--bar", partial=True))
        return Strip.join([Strip([bar], 1), strip.crop(1)])

    COMPONENT_CLASSES: ClassVar[set[str]] = {"lines--bar"}

    def _place_of(self, line: int) -> tuple[int, int]:
        """The number of what stands on a line of the whole list, and the how manieth line of it that is."""
        return self._lines[line] if line < len(self._lines) else (len(self._shown), 0)


class _LineOption(Option):
    """A line as the list draws it, with what identifies it."""

    def __init__(self, line: Line) -> None:
        super().__init__(_drawn(line))
        self.key = line.key


class _Hanging(Padding):
    """Text beside a head: every line of it starts where the head ends."""

    def __init__(self, head: Content, line: Line) -> None:
        indent = 2 * line.depth
        super().__init__(line.text, Spacing(int(line.gap), 0, 0, indent + head.cell_length))
        self._gap = int(line.gap)
        self._head = Padding(head, Spacing(0, 0, 0, indent))
        self._room = indent + head.cell_length
        self._hangs = bool(head)

    def render_strips(
        self, width: int, height: int | None, style: Style, options: RenderOptions
    ) -> list[Strip]:
        """The lines, the first with the head before it."""
        strips = super().render_strips(self._at_least(width), height, style, options)
        if len(strips) > self._gap and self._hangs:
            head = self._head.render_strips(self._room, 1, style, options)
            strips[self._gap] = Strip.join([*head, strips[self._gap].crop(self._room)])
        return [strip.crop(0, width) for strip in strips]

    def get_height(self, rules: RulesMap, width: int) -> int:
        """The lines it takes in a width."""
        return super().get_height(rules, self._at_least(width))

    def _at_least(self, width: int) -> int:
        """A width in which there is room for text beside the head; what is too much is cut off."""
        return max(width, self._room + _NARROWEST)


def _drawn(line: Line) -> Padding:
    sign = Content("")
    if line.marked is not None:
        on, off = ("(•) ", "( ) ") if line.is_choice else ("[x] ", "[ ] ")
        sign = Content.styled(on, KEY) if line.marked else Content.styled(off, DIM)
    return _Hanging(Content.assemble(sign, line.head), line)


def _is_drawn_alike(line: Line, other: Line) -> bool:
    """Whether two lines look the same; contents that are equal may differ in their styles."""
    return line == other and line.text.is_same(other.text) and line.head.is_same(other.head)
