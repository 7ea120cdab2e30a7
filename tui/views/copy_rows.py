"""The copies in a repository as rows of a table, and what is to be known of one."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any, NamedTuple

from backend import SnapshotError
from backend.format import minute_text
from backend.repository import Copy
from tui.phrases import count_phrase
from tui.text import amount_text, plain
from tui.views.columns import Heading, columns_of
from tui.views.set_rows import short_age
from tui.views.table import Column, Line, Row, Step, row_of

_HEADINGS = (
    Heading("COPY"),
    Heading("HOST"),
    Heading("SET"),
    Heading("SNAPS"),
    Heading("AGE", right=True),
    Heading("STORED", right=True),
    Heading("CHECK"),
    Heading("HERE"),
    Heading("NOTE"),
)
_COPY, _HOST, _SET, _SNAPS, _AGE, _STORED, _CHECK, _HERE, _NOTE = range(len(_HEADINGS))
_STEPS = (
    Step(_NOTE, 20),
    Step(_SNAPS, 24),
    Step(_NOTE, 0),
    Step(_SNAPS, 16),
    Step(_HERE, 0),
    Step(_AGE, 0),
    Step(_STORED, 0),
    Step(_SNAPS, 8),
    Step(_HOST, 8),
)


class CopySort(Enum):
    """By what copies are put in order."""

    AGE = "age"
    HOST = "host"
    SIZE = "size"
    ATTENTION = "attention needed"


class CopyWish(NamedTuple):
    """Which copies are to be seen, and in which order."""

    filter: str = ""
    sort: CopySort = CopySort.AGE


def wanted_copies(copies: Iterable[Copy], wish: CopyWish, here: Mapping[str, int]) -> list[Copy]:
    """The copies that match every word of a filter, in the order that is wished."""
    terms = wish.filter.lower().split()
    matching = [copy for copy in copies if all(word in _haystack(copy, here) for word in terms)]
    keys: dict[CopySort, Callable[[Copy], Any]] = {
        CopySort.AGE: lambda copy: -copy.name.time,
        CopySort.HOST: lambda copy: (copy.name.host, -copy.name.time),
        CopySort.SIZE: lambda copy: -copy.stored,
        CopySort.ATTENTION: lambda copy: (not copy.trouble, copy.checked),
    }
    return sorted(matching, key=keys[wish.sort])


def _haystack(copy: Copy, here: Mapping[str, int]) -> str:
    number = here.get(copy.name.digest, 0)
    check = "damaged" if copy.trouble else "verified" if copy.checked else "never"
    texts = (
        copy.name.short,
        copy.name.host_name,
        f"#{copy.name.set_id}",
        *copy.snaps,
        check,
        *notes_of(copy),
    )
    return " ".join((*texts, f"here:#{number}" if number else "here:none")).lower()


def copy_rows(copies: Sequence[Copy], here: Mapping[str, int], now: float) -> list[Row]:
    """A row for each copy; `here` are the sets that are on this machine, by their digest."""
    return [row_of(copy.name, _line(copy, here, now)) for copy in copies]


def copy_columns(rows: Sequence[Row], room: int) -> list[Column]:
    """The columns that fit."""
    return columns_of(_HEADINGS, rows, room, _STEPS)


def _line(copy: Copy, here: Mapping[str, int], now: float) -> Line:
    name, style = copy.name, check_style(copy)
    number = here.get(name.digest, 0)
    texts = (
        name.short,
        plain(name.host_name),
        f"#{name.set_id}",
        ", ".join(copy.snaps) or "?",
        short_age(now - name.time),
        amount_text(copy.stored) if copy.stored >= 0 else "-",
        check_text(copy, now),
        f"#{number}" if number else "–",
        ", ".join(notes_of(copy)),
    )
    styles = ("", "dim", "", "", "dim", "", style, "" if number else "dim", "bad" if copy.trouble else "dim")
    return Line(texts, styles)


def check_text(copy: Copy, now: float) -> str:
    """How its last reading back ended, and how long ago."""
    age = f" {short_age(now - copy.checked)}" if copy.checked else ""
    if copy.trouble:
        return f"✗ damaged{age}"
    return f"✓ verified{age}" if copy.checked else "? never"


def check_style(copy: Copy) -> str:
    """The style of that."""
    if copy.trouble:
        return "bad"
    return "good" if copy.checked else "dim"


def notes_of(copy: Copy) -> list[str]:
    """What is to be known of it, in words."""
    return [
        *([plain(copy.trouble)] if copy.trouble else []),
        *(["encrypted"] if copy.sealed else []),
        *(["no identity to read it"] if not copy.is_readable and not copy.fault else []),
    ]


def sum_text(copies: Sequence[Copy], others: int) -> str:
    """How many there are, and their bytes; `others` are those of other machines that are not shown."""
    size = amount_text(sum(max(copy.stored, 0) for copy in copies))
    more = f" · {count_phrase(others, 'more copy', 'more copies')} of other machines: a" if others else ""
    return f"{count_phrase(len(copies), 'copy', 'copies')} · {size}{more}"


def sentence_of(copy: Copy, here: Mapping[str, int]) -> str:
    """What is under the cursor, in a sentence."""
    saved = minute_text(copy.name.time)
    number = here.get(copy.name.digest, 0)
    where = f"the same is here as #{number}" if number else "nothing like it is here"
    which = f"set #{copy.name.set_id} of {plain(copy.name.host_name)}, saved {saved}"
    return " · ".join((which, where, *notes_of(copy)))


def description_of(copy: Copy, here: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """Everything its manifest says, line by line, each with the name of a style or nothing."""
    name = copy.name
    yield f"Copy      {name}", ""
    yield f"Machine   {plain(name.host_name)}", ""
    yield f"Saved     {minute_text(name.time)} as set #{name.set_id}", ""
    yield f"Stored    {amount_text(copy.stored) if copy.stored >= 0 else 'its payload is missing'}", ""
    number = here.get(name.digest, 0)
    yield f"Here      {f'the same is here as #{number}' if number else 'nothing like it is here'}", ""
    yield from ((f"Note      {note}", "bad" if copy.trouble else "dim") for note in notes_of(copy))
    try:
        manifest = copy.manifest
    except SnapshotError as reason:
        yield f"Its manifest cannot be read: {plain(str(reason))}", "bad"
        return
    if manifest.pin is not None:
        yield f"Pinned    {plain(manifest.pin) or 'without a note'}", ""
    yield (
        f"Verified  {minute_text(manifest.verified) if manifest.verified else 'never'} where it was saved",
        "",
    )
    versions = ", ".join(f"{plain(program)} {plain(text)}" for program, text in manifest.versions.items())
    yield f"Made by   {versions or 'nobody tells'}", "dim"
    for snapshot in manifest.set.snapshots:
        yield "", ""
        title = f"{plain(snapshot.snap)} {plain(snapshot.version)} · revision {snapshot.revision}"
        yield f"{title} · {amount_text(snapshot.size)}", ""
        for entry in snapshot.entries:
            yield f"    {plain(entry)}", "dim"
