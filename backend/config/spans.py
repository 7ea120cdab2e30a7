"""Spans of time as people type them: `90d`, `12h`, `8w`."""

import re

_SPAN = re.compile("([1-9][0-9]{0,5})([mhdwy])")
_UNITS = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400, "y": 365 * 86400}
_LARGEST_FIRST = (("y", 365 * 86400), ("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


def span_of(text: str) -> int | None:
    """Return the seconds of a span, or None where a text is none."""
    match = _SPAN.fullmatch(text)
    return int(match[1]) * _UNITS[match[2]] if match else None


def span_text(seconds: int) -> str:
    """Write a span in the largest unit that divides it."""
    unit, size = next((unit, size) for unit, size in _LARGEST_FIRST if seconds % size == 0)
    return f"{seconds // size}{unit}"
