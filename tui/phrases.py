"""Counts, lists and spans of time as a sentence has them. `humanize` is loaded by the first sentence only.

Columns of sizes and ages are spelled as `snap` spells them, by `tui.text`.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backend import UndoOffer

_DAY = 24 * 3600
_FEW_SETS = 3
_TWO_DAYS = 2 * _DAY
_IN_DAYS = 60 * _DAY
_LONGEST = 80e12  # what the library can count
_NO_YEARS = ("months", "years")  # of no fixed length


def span_phrase(seconds: float) -> str:
    """A span of time, precise to the second: `24 hours`, `7 days`, `1 hour and 30 minutes`."""
    from humanize import precisedelta

    hidden = _NO_YEARS if abs(seconds) >= _TWO_DAYS else ("days", *_NO_YEARS)
    return precisedelta(round(seconds), suppress=hidden)


def rough_span_phrase(seconds: float) -> str:
    """A span of time in its largest unit, rounded: `a minute`, `3 hours`, `a day`; two months in days."""
    from humanize import naturaldelta

    if _TWO_DAYS <= seconds < _IN_DAYS:  # by humanize, 21 days are a month
        return count_phrase(int(seconds // _DAY), "day")
    return naturaldelta(round(min(seconds, _LONGEST)))


def ago_phrase(seconds: float) -> str:
    """How long ago something was: `3 hours ago`, `just now`; what lies ahead: `in 3 years`."""
    if abs(seconds) < 0.5:
        return "just now"
    span = rough_span_phrase(abs(seconds))
    return f"{span} ago" if seconds > 0 else f"in {span}"


def list_phrase(items: Iterable[str]) -> str:
    """Items as a sentence lists them: `a, b and c`."""
    from humanize import natural_list

    return natural_list(list(items))


def count_phrase(count: int, thing: str, things: str = "") -> str:
    """A number of things: `1 file`, `12,345 files`; `things` where the plural is no mere `s`."""
    from humanize import intcomma

    return f"{intcomma(count)} {thing if count == 1 else things or f'{thing}s'}"


def offer_phrase(offer: "UndoOffer") -> str:
    """What can be undone: `restore of #5`, `prune of #5, #6`, `forget-copies of 2 copies`."""
    return f"{offer.verb} of {offer_subject(offer)}"


def offer_subject(offer: "UndoOffer") -> str:
    """The sets, or copies, that come back."""
    if offer.copies:
        return count_phrase(len(offer.copies), "copy", "copies")
    return sets_phrase(offer.sets or (offer.set_id,))


def sets_phrase(numbers: Sequence[int]) -> str:
    """Which sets: `#5`, `#5, #6`, `12 sets`."""
    if len(numbers) > _FEW_SETS:
        return count_phrase(len(numbers), "set")
    return ", ".join(f"#{number}" for number in numbers)
