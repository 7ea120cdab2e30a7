"""The palette: every verb, and what the screen adds, found by typing; what is refused, in grey with why."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, islice
from typing import Any, Protocol, runtime_checkable

from textual._callback import invoke
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widget import Widget
from textual.widgets import Input

from tui.dialogs.answers import KEY
from tui.dialogs.base import Dialog
from tui.dialogs.field import Field
from tui.dialogs.help import effect_of
from tui.dialogs.lines import DIM, Line, LineList
from tui.terminal import themes
from tui.text import cells, cut_end, cut_middle, plain
from tui.views.palette_item import PaletteItem
from tui.widgets.key_bar import refused

MOST = 60
_LEAST_EFFECT = 12
_BESIDE_LINES = 8
_NAME = 22
_KEYS = 8
VERBS_OF = {
    "restore": ("restore",),
    "check": ("check-snapshot",),
    "save": ("save",),
    "export": ("export-snapshot",),
    "import": ("import-snapshot",),
    "compare": ("diff",),
    "find": ("find",),
    "undo": ("undo",),
    "jobs": ("jobs",),
    "forget": ("forget",),
    "pin": ("pin", "unpin"),
    "help": ("help",),
}
_EFFECTS = {
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
    """The verbs of a screen, what its key bar shows first; moving about is left out."""
    nodes = [screen, *screen.walk_children(), screen.app]
    items: dict[str, PaletteItem] = {}
    ordered = sorted(screen.active_bindings.values(), key=lambda active: not active.binding.show)
    for node, binding, enabled, _tooltip in ordered:
        effect = _EFFECTS.get(binding.action) or binding.tooltip or effect_of(binding, nodes)
        is_verb = (node is screen and effect) or binding.action in _EFFECTS
        if is_verb and enabled and binding.description:
            keys = plain(screen.app.get_key_display(binding))
            item = PaletteItem(
                name=binding.description,
                act=partial(screen.app.run_action, binding.action, node),
                keys=keys,
                effect=effect,
                verbs=VERBS_OF.get(binding.action, ()),
                refusal=refused(screen, binding.action),
            )
            known = items.setdefault(binding.action, item)
            if keys not in known.keys.split():
                items[binding.action] = known._replace(keys=f"{known.keys} {keys}")
    return list(items.values())


class Palette(Dialog[None]):
    """What can be done on the screen below. Enter does it; Esc leaves."""

    ANSWER = "Do it"
    LEAVES = "Close"
    FIELDS_FIRST = True

    def __init__(self, below: Screen[Any]) -> None:
        super().__init__("Palette")
        self._below = below
        self._keyed = keyed(below)
        self._base: Screen[Any] | None = None
        self._choices: list[PaletteItem] = []

    def fields(self) -> Iterable[Widget]:
        """Where to type."""
        yield Field(
            "Search",
            Input(id="search", compact=True, placeholder="a verb, a set, a job, a sort order, a theme"),
        )

    def list_widget(self) -> Widget:
        """The list, whose cursor is seen while one types."""
        return LineList(id="lines", follows=True)

    def on_mount(self) -> None:
        """Show what there is: of a screen that lies above the first one, what that one offers as well."""
        below = self._below
        if not isinstance(below, ModalScreen | Offering):
            self._base = next(
                (screen for screen in self.app.screen_stack if isinstance(screen, Offering)), None
            )
        self._fill("")
        search = self.query_one("#search", Input)
        search.focus()

    @property
    def choices_shown(self) -> tuple[PaletteItem, ...]:
        """What can be chosen now."""
        return tuple(self._choices)

    def _matching(self, terms: Sequence[str]) -> Iterator[PaletteItem]:
        named = [choice for choice in self._keyed if choice.matches(terms)]
        yield from sorted(named, key=lambda choice: bool(choice.refusal))
        if isinstance(self._below, Offering):
            yield from self._below.choices(terms)
        elif isinstance(self._base, Offering):
            yield from self._from_base(self._base, terms)
        yield from (choice for choice in self._themes() if choice.matches(terms))
        yield from (choice for choice in self._keyed if choice.is_about(terms) and choice not in named)

    def _from_base(self, base: Screen[Any], terms: Sequence[str]) -> Iterator[PaletteItem]:
        """What the first screen offers; to do it, one goes back there."""
        known = {choice.name for choice in self._keyed}
        verbs_there = (choice for choice in keyed(base) if choice.name not in known and choice.matches(terms))
        for choice in chain(verbs_there, base.choices(terms) if isinstance(base, Offering) else ()):
            yield choice._replace(act=partial(_back_at, base, choice.act), keys="")

    def _themes(self) -> Iterator[PaletteItem]:
        if not isinstance(self.app, Themed):
            return
        for name in themes.NAMES:
            effect = "the current theme" if name == self.app.theme else "change the colours"
            yield PaletteItem(f"theme {name}", partial(self.app.apply_theme, name), effect=effect)

    def _fill(self, wanted: str) -> None:
        items = list(islice(self._matching(wanted.lower().split()), MOST + 1))
        self._choices = items[:MOST]
        width = min(self.size.width, 92) - _BESIDE_LINES
        self.show_lines([line_of(number, choice, width) for number, choice in enumerate(self._choices)])
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
        choice = self._choices[number]
        if choice.refusal:
            self.say(choice.refusal)
            return
        self.dismiss(None)
        self.app.call_later(choice.act)


async def _back_at(base: Screen[Any], act: Callable[[], Awaitable[object] | object]) -> None:
    """Go back to a screen and do something there."""
    while base.app.screen is not base:
        await base.app.pop_screen()
    await invoke(act)


def line_of(number: int, choice: PaletteItem, width: int) -> Line:
    """The key, the name, and as much of the effect as there is room for; why, where it cannot be had."""
    look = DIM if choice.refusal else ""
    head = Content.styled(f"{choice.keys:<{_KEYS}} ", look or KEY)
    name = plain(choice.name)
    effect = plain(choice.refusal or choice.effect)
    blanks = " " * max(2, _NAME - cells(name))
    room = width - _KEYS - 1 - cells(name) - len(blanks)
    if room < _LEAST_EFFECT or not effect:
        return Line(number, Content.styled(cut_middle(name, width - _KEYS - 1), look), head=head)
    effect = cut_end(effect, room)
    return Line(number, Content.assemble((name, look), (f"{blanks}{effect}", DIM)), head=head)
