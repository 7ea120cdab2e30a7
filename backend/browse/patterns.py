"""What a path has to match to be found: words anywhere in it, and patterns of the shell."""

import re
from collections.abc import Callable
from fnmatch import translate
from typing import TypeAlias

_WILDCARDS = re.compile(r"[*?]")
_Matcher: TypeAlias = Callable[[str, str], bool]


class PathPattern:
    """Words separated by blanks, all of which must match; empty, it matches nothing.

    A word matches anywhere in the path. With `*` or `?` it matches the whole name or, with slashes, the
    whole names at the end of the path; neither sign stands for a slash. A word in lower case matches any
    case.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._matchers = [_matcher(word) for word in text.split()]

    def __bool__(self) -> bool:
        return bool(self._matchers)

    def matches(self, path: str) -> bool:
        """Whether every word matches a path."""
        lower = path.lower()
        return bool(self._matchers) and all(match(path, lower) for match in self._matchers)


def _matcher(word: str) -> _Matcher:
    """What compares a word with a path as it is written, or with the same in lower case."""
    match = _at_the_end(word) if _WILDCARDS.search(word) else lambda path: word in path
    if word == word.lower():
        return lambda _path, lower: match(lower)
    return lambda path, _lower: match(path)


def _at_the_end(word: str) -> Callable[[str], bool]:
    parts = [part for part in word.split("/") if part]
    names = [re.compile(translate(part.replace("[", "[[]"))) for part in parts]
    count = len(names)

    def match(path: str) -> bool:
        """Whether the last names of a path are those of the word."""
        last = path.rsplit("/", count)[-count:]
        return len(last) == count and all(
            name.match(part) for name, part in zip(reversed(names), reversed(last), strict=True)
        )

    return match
