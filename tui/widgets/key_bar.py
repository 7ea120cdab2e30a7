"""The last line of a screen: the verbs that work here and now."""

from collections.abc import Iterator, Sequence
from typing import ClassVar, NamedTuple, Protocol, runtime_checkable

from rich.text import Text
from textual import events
from textual.screen import Screen
from textual.widget import Widget

from tui.text import cells, plain

_BETWEEN, _FARTHEST = 2, 4
_LAST = "help"


@runtime_checkable
class Refusing(Protocol):
    """A screen on which some actions cannot be had."""

    def refusal_of(self, action: str) -> str:
        """Why an action cannot be had here and now, as known without looking anywhere; or nothing."""


class Key(NamedTuple):
    """A key and what it does."""

    key: str
    shown: str
    name: str
    action: str

    @property
    def width(self) -> int:
        """The columns it takes."""
        return cells(self.shown) + 1 + cells(self.name)


def fitted(keys: Sequence[Key], width: int) -> list[Key]:
    """As many as fit in a width, in the order of use; help comes last and stays longest."""
    last = [key for key in keys if key.action == _LAST][:1]
    room = width - 2 - sum(key.width for key in last)
    keys_shown: list[Key] = []
    for key in keys:
        if key.action == _LAST:
            continue
        room -= key.width + _BETWEEN
        if room < 0:
            break
        keys_shown.append(key)
    return keys_shown + last


def gap(keys: Sequence[Key], width: int) -> int:
    """The blanks between keys, so that they fill a width."""
    room = width - 2 - sum(key.width for key in keys)
    return max(_BETWEEN, min(_FARTHEST, room // max(1, len(keys) - 1)))


def offered(screen: Screen[object]) -> list[Key]:
    """The keys that are worth showing: one for each action that can be had where the focus is."""
    keys: dict[str, Key] = {}
    for _node, binding, enabled, _tooltip in screen.active_bindings.values():
        shown = plain(screen.app.get_key_display(binding))
        if binding.show and enabled and not refused(screen, binding.action) and not _is_typed(screen, shown):
            keys.setdefault(binding.action, Key(binding.key, shown, binding.description, binding.action))
    return list(keys.values())


def _is_typed(screen: Screen[object], shown: str) -> bool:
    """Whether a key would only write its letter into what has the focus."""
    focused = screen.focused
    return focused is not None and len(shown) == 1 and focused.check_consume_key(shown, shown)


def refused(screen: Screen[object], action: str) -> str:
    """Why an action cannot be had on a screen, or nothing."""
    return screen.refusal_of(action) if isinstance(screen, Refusing) else ""


class KeyBar(Widget, can_focus=False):
    """Keys with their names, fitted into one line; a click is the key.

    Call `renew` when a refusal changes.
    """

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {"keybar--key"}

    def __init__(self) -> None:
        super().__init__()
        self._keys: list[Key] = []

    def on_mount(self) -> None:
        """Follow the keys of the screen."""
        self.screen.bindings_updated_signal.subscribe(self, lambda _screen: self.renew())
        self.renew()

    def renew(self) -> None:
        """Look at what can be had now."""
        keys = offered(self.screen)
        if keys != self._keys:
            self._keys = keys
            self.refresh()

    def render(self) -> Text:
        """The keys that fit."""
        style = self.get_component_rich_style("keybar--key", partial=True)
        text = Text(no_wrap=True)
        for at, key in self._placed():
            text.append(" " * (at - text.cell_len))
            text.append(key.shown, style)
            text.append(f" {key.name}")
        return text

    def on_click(self, event: events.Click) -> None:
        """Press the key that was clicked."""
        for at, key in self._placed():
            if at <= event.x < at + key.width:
                self.app.simulate_key(key.key)

    def _placed(self) -> Iterator[tuple[int, Key]]:
        """The keys that fit, each with the column where it begins."""
        keys, at = fitted(self._keys, self.size.width), 1
        between = gap(keys, self.size.width)
        for key in keys:
            yield at, key
            at += key.width + between
