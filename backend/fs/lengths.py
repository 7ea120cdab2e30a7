"""Paths that are too long: for the kernel, and for a line of a message."""

import os
from collections.abc import Callable, Iterable

LONGEST_PATH = 4095  # the bytes that the kernel takes in one call
LONGEST_NAME = 255
FEWEST_SLASHES = LONGEST_PATH // (LONGEST_NAME + 1)  # in a path that is too long, at least
_SHOWN = 120
_NAMED = 3


def shortened(text: str, most: int = _SHOWN) -> str:
    """Return a name or path as it fits into a message: cut in the middle where it is longer."""
    if len(text) <= most:
        return text
    end = most // 2
    return f"{text[: most - end - 1]}…{text[-end:]}"


class LongPathTally:
    """Counts the paths below a directory that are too long to be unpacked again, and names the first three.

    Those that `is_left_out` is true of do not count.
    """

    def __init__(self, is_left_out: Callable[[str], bool] | None = None) -> None:
        self._is_left_out = is_left_out
        self.number = 0
        self.examples: list[str] = []

    def look(self, length: int, names: Iterable[str], place: Callable[[str], str]) -> None:
        """Look at the names in a directory whose own path has that many bytes; `place` spells the paths."""
        if length + 1 + LONGEST_NAME <= LONGEST_PATH:
            return
        for name in names:
            if length + 1 + len(os.fsencode(name)) <= LONGEST_PATH:
                continue
            if self._is_left_out is not None and self._is_left_out(place(name)):
                continue
            self.number += 1
            if len(self.examples) < _NAMED:
                self.examples.append(shortened(place(name)))

    def plus(self, other: "LongPathTally") -> None:
        """Take in what another one counted."""
        self.number += other.number
        self.examples = [*self.examples, *other.examples][:_NAMED]

    @property
    def text(self) -> str:
        """Say that there are such paths, in a sentence; or nothing."""
        return f"{too_long_text(self.number)}, though saved: {self.examples[0]}" if self.number else ""


def too_long_text(number: int) -> str:
    """Say that so many paths are too long."""
    return f"{'1 path is' if number == 1 else f'{number} paths are'} too long to be restored"
