"""What a palette offers: one thing to do, and whether typed words mean it."""

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple


class PaletteItem(NamedTuple):
    """Something that can be done: its name, its key if it has one, its effect in one line, and the doing.

    `verbs` are those of the command line that it stands for; a `refusal` says why it cannot be had now.
    """

    name: str
    act: Callable[[], Awaitable[object] | object]
    keys: str = ""
    effect: str = ""
    verbs: tuple[str, ...] = ()
    refusal: str = ""

    def matches(self, terms: Sequence[str]) -> bool:
        """Whether every word, in lower case, is in it."""
        text = f"{self.name} {self.keys} {' '.join(self.verbs)}".lower()
        return all(word in text for word in terms)

    def is_about(self, terms: Sequence[str]) -> bool:
        """Whether every word is in it or in its effect."""
        text = f"{self.name} {self.effect}".lower()
        return all(word in text for word in terms)
