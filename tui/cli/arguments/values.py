"""Values as they are typed: spans of time, lists with commas, paths."""

import os
from collections.abc import Callable

from tui.cli.arguments.parser import UsageError

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 24 * 3600}
_LONGEST = 100 * 365 * _UNITS["d"]
_MOST_DIGITS = 12
_MOST_SETS = 100_000


def names(text: str) -> tuple[str, ...]:
    """The names in a list with commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def absolute(path: str) -> str:
    """A path from the root; nothing stays nothing, and `-` is a standard stream."""
    return path if path in ("", "-") else os.path.abspath(path)


def file_or_copy(text: str) -> str:
    """A file by its whole path; or a copy, `REPO:ID`, where no file is called that."""
    repository, _, copy = text.partition(":")
    if copy and repository and "/" not in repository and not os.path.lexists(text):
        return text
    return absolute(text)


def seconds(purpose: str) -> Callable[[str], int]:
    """Reads a span of time such as `90m`, `24h` or `7d`; nothing is 0."""

    def read(text: str) -> int:
        """Return the seconds of a span of time."""
        digits, unit = text[:-1], text[-1:]
        is_span = digits.isascii() and digits.isdigit() and len(digits) <= _MOST_DIGITS and unit in _UNITS
        span = int(digits) * _UNITS[unit] if is_span else 0
        if text and not 0 < span <= _LONGEST:
            raise UsageError(f'cannot {purpose} "{text}": write e.g. 90m, 24h or 7d, at most 100 years')
        return span

    return read


def count(text: str) -> int:
    """A number of sets such as `7`; nothing is 0."""
    if text and not (text.isascii() and text.isdigit() and 0 < int(text[:9]) <= _MOST_SETS):
        raise UsageError(f'cannot keep "{text}" sets: write a number from 1 to {_MOST_SETS}')
    return int(text or "0")


def size(text: str) -> int:
    """An amount of bytes such as `20GB` or `500M`, by thousands; nothing is 0, which cannot be typed."""
    from tui.text import amount_in

    amount = amount_in(text) if text else 0
    if amount is None or (text and not amount):
        raise UsageError(f'cannot free "{text}": write e.g. 20GB or 500MB')
    return amount


def percent(text: str) -> int:
    """A share such as `5%`; nothing is 0."""
    digits = text.removesuffix("%")
    if text and not (digits.isascii() and digits.isdigit() and 0 < int(digits[:4]) <= 100):
        raise UsageError(f'cannot take a sample of "{text}": write a share from 1% to 100%')
    return int(digits or "0")
