"""The last line of a screen: the verbs that work here and now."""

from collections.abc import Iterable, Sequence
from typing import ClassVar, NamedTuple, Protocol, runtime_checkable

from rich.text import Text
from textual import events
from textual.screen import Screen
from textual.widget import Widget

from tui.text import cells, plain

MOST = 8
_BETWEEN = 2
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
    """As many as fit in a width, and not more than anyone reads; help comes last and stays longest."""
    last = [key for key in keys if key.action == _LAST][:1]
    room = width - 2 - sum(key.width for key in last)
    keys_shown: list[Key] = []
    for key in keys:
        if key.action == _LAST:
            continue
        room -= key.width + _BETWEEN
        if room < 0 or len(keys_shown) + len(last) >= MOST:
            break
        keys_shown.append(key)
    return keys_shown + last


def offered(screen: Screen[object]) -> list[Key]:
    """The keys of a screen that are worth showing: one for each action that can be had."""
    keys: dict[str, Key] = {}
    for _node, binding, enabled, _tooltip in screen.active_bindings.values():
        if binding.show and enabled and not refused(screen, binding.action):
            shown = plain(screen.app.get_key_display(binding))
            keys.setdefault(binding.action, Key(binding.key, shown, binding.description, binding.action))
    return list(keys.values())


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
        text = Text(" ", no_wrap=True)
        for key in self._fitted():
            text.append(key.shown, style)
            text.append(f" {key.name}{' ' * _BETWEEN}")
        return text

    def on_click(self, event: events.Click) -> None:
        """Press the key that was clicked."""
        at = 1
        for key in self._fitted():
            if at <= event.x < at + key.width:
                self.app.simulate_key(key.key)
            at += key.width + _BETWEEN

    def _fitted(self) -> Iterable[Key]:
        return fitted(self._keys, self.size.width)
