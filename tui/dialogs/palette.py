"""The palette: every verb that works here and now, and whatever the screen adds, found by typing."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any, Protocol, runtime_checkable

from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input

from tui.dialogs.base import Dialog
from tui.dialogs.field import Field
from tui.dialogs.help import effect_of
from tui.dialogs.lines import DIM, Line, LineList
from tui.terminal import themes
from tui.text import cells, cut_middle, plain
from tui.views.palette_item import PaletteItem
from tui.widgets.key_bar import refused

MOST = 60
_LEAST_EFFECT = 12
_NAME = 22
_KEYS = 8
_EFFECTS = {
    "app.quit": "Quit; jobs keep running",
    "mark_all": "Select every row",
    "mark_none": "Clear the selection",
}


@runtime_checkable
class Offering(Protocol):
    """A screen that has more to choose than its keys."""

    def choices(self, terms: Sequence[str]) -> Iterable[PaletteItem]:
        """What matches every word, in lower case; at best lazily: only the first ones are taken."""


@runtime_checkable
class Themed(Protocol):
    """An application whose colours can be changed."""

    def apply_theme(self, theme: str) -> None:
        """Change the theme to the one of that name."""


def keyed(screen: Screen[Any]) -> list[PaletteItem]:
    """The verbs of a screen that can be had now, what its key bar shows first; moving about is left out."""
    nodes = [screen, *screen.walk_children(), screen.app]
    items: dict[str, PaletteItem] = {}
    ordered = sorted(screen.active_bindings.values(), key=lambda active: not active.binding.show)
    for node, binding, enabled, _tooltip in ordered:
        effect = _EFFECTS.get(binding.action) or binding.tooltip or effect_of(binding, nodes)
        is_verb = (node is screen and effect) or binding.action in _EFFECTS
        if is_verb and enabled and binding.description and not refused(screen, binding.action):
            keys = plain(screen.app.get_key_display(binding))
            act = partial(screen.app.run_action, binding.action, node)
            known = items.setdefault(binding.action, PaletteItem(binding.description, act, keys, effect))
            if keys not in known.keys.split():
                items[binding.action] = known._replace(keys=f"{known.keys} {keys}")
    return list(items.values())


class Palette(Dialog[None]):
    """What can be done on the screen below. Enter does it; Esc leaves."""

    ANSWER = "Do it"
    LEAVES = "Close"

    def __init__(self, below: Screen[Any]) -> None:
        super().__init__("Palette")
        self._below = below
        self._keyed = keyed(below)
        self._choices: list[PaletteItem] = []

    def fields(self) -> Iterable[Widget]:
        """Where to type."""
        yield Field(
            "Search", Input(id="search", compact=True, placeholder="a verb, a set, a sort order, a theme")
        )

    def list_widget(self) -> Widget:
        """The list, whose cursor is seen while one types."""
        return LineList(id="lines", follows=True)

    def on_mount(self) -> None:
        """Show what there is."""
        self._fill("")
        search = self.query_one("#search", Input)
        search.focus()

    def _matching(self, terms: Sequence[str]) -> Iterator[PaletteItem]:
        named = [choice for choice in self._keyed if choice.matches(terms)]
        yield from named
        if isinstance(self._below, Offering):
            yield from self._below.choices(terms)
        yield from (choice for choice in self._themes() if choice.matches(terms))
        yield from (choice for choice in self._keyed if choice.is_about(terms) and choice not in named)

    def _themes(self) -> Iterator[PaletteItem]:
        if not isinstance(self.app, Themed):
            return
        for name in themes.NAMES:
            effect = "the current theme" if name == self.app.theme else "change the colours"
            yield PaletteItem(f"theme {name}", partial(self.app.apply_theme, name), effect=effect)

    def _fill(self, wanted: str) -> None:
        items = list(islice(self._matching(wanted.lower().split()), MOST + 1))
        self._choices = items[:MOST]
        width = min(self.size.width, 100) - 6
        self.show_lines([_line(number, choice, width) for number, choice in enumerate(self._choices)])
        self.lines.highlighted = 0 if items else None
        if len(items) > MOST:
            self.say("more matches: keep typing")
        else:
            self.say("" if items else f'nothing matches "{plain(wanted)}"')

    def action_step(self, by: int) -> None:
        """Go up or down in the list, from its end to its beginning, while what is typed still searches."""
        count = len(self.lines.keys)
        if count:
            self.lines.highlighted = ((self.lines.highlighted or 0) + by) % count

    def action_lines(self, action: str) -> None:
        """Move in the list, while what is typed still searches."""
        getattr(self.lines, f"action_{action}")()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Search while typing."""
        self._fill(event.value)

    def confirm(self) -> None:
        """Do what the cursor is on."""
        number = self.lines.cursor_key
        if isinstance(number, int):
            self._do(number)

    def on_line_list_marked(self, message: LineList.Marked) -> None:
        """Do what was clicked."""
        if isinstance(message.key, int):
            self._do(message.key)

    def _do(self, number: int) -> None:
        act = self._choices[number].act
        self.dismiss(None)
        self.app.call_later(act)


def _line(number: int, choice: PaletteItem, width: int) -> Line:
    """The key, the name, and as much of the effect as there is room for."""
    head = Content.styled(f"{choice.keys:<{_KEYS}} ", "bold")
    name = plain(choice.name)
    blanks = " " * max(2, _NAME - cells(name))
    room = width - _KEYS - 1 - cells(name) - len(blanks)
    if room < _LEAST_EFFECT or not choice.effect:
        return Line(number, Content(cut_middle(name, width - _KEYS - 1)), head=head)
    effect = cut_middle(plain(choice.effect), room)
    return Line(number, Content.assemble(name, (f"{blanks}{effect}", DIM)), head=head)
