"""The model in words and rows: pure functions, the same for screens and for plain output.

Sizes, ages and the table are those of `snap saved`. Imports next to nothing.
"""

import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from backend import SnapshotError
from backend.format import minute_text, unix_time
from backend.host import version_of

if TYPE_CHECKING:
    from backend import Snapshot, SnapshotSet
    from backend.jobs import SafeguardedRestore

HEADER = ("Set", "Snap", "Age", "Version", "Rev", "Size", "Notes")
SIZES_LEFT_SINCE = (2, 75)  # sizes are aligned left by the snap of this version, right by those before
NOTHING_SAVED = "No snapshots found."

_SIZE = HEADER.index("Size")
_ZERO_TIME = "0001-01-01T00:00:00Z"
_LONGEST_AGE = 2**63 / 1e9
_YEAR = 365.25 * 24 * 60 * 60
_NEARLY_A_WEEK = 6 * 24 * 3600
_SPACING = 2
_NARROWEST = 5
_LETTERS = ("K", "M", "G", "T")
_MOST_DIGITS = 12


def snapd_size_text(n: int) -> str:
    """An amount of bytes in the table of `snap saved`, right-aligned as there: `  416B`, `30.0MB` (§6.4)."""
    return f"{_amount(n, 5)}B"


def amount_text(n: int) -> str:
    """An amount of bytes, wherever no snap prescribes its own spelling: `913 B`, `39.7 MB`, `6.2 GB`."""
    factor, unit = unit_of(n)
    return f"{n} B" if unit == "B" else f"{n / factor:.1f} {unit}"


def amount_in(text: str) -> int | None:
    """The bytes of an amount as typed, by thousands: `20GB`, `1.5 g`, `700`; None where it is none."""
    number, letter = text.upper().replace(" ", "").removesuffix("B"), ""
    if number[-1:] in _LETTERS:
        number, letter = number[:-1], number[-1:]
    whole, point, fraction = number.partition(".")
    digits = f"{whole}{fraction}"
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _MOST_DIGITS) or point > fraction:
        return None
    return round(float(number) * float(1000 ** " KMGT".index(letter or " ")))


def unit_of(amount: float) -> tuple[float, str]:
    """The decimal unit, its factor first, in which an amount has at most three digits before the point."""
    factor, unit = 1.0, "B"
    for larger in ("kB", "MB", "GB", "TB", "PB", "EB"):
        if amount / factor < 999.95:
            break
        factor, unit = factor * 1000, larger
    return factor, unit


def age_text(seconds: float) -> str:
    """A span of time as `snap saved` shows it, without leading blanks: `8.18s`, `1h40m`, `292y` (§6.3).

    What lies ahead is told as `in 3.00y`: snap counts its nanoseconds.
    """
    if seconds < 0:
        return f"in {age_text(-seconds)}"
    if seconds < 60:
        return _below_a_minute(seconds).strip()
    if seconds < 86400:
        return _below_a_day(seconds)
    return _days_or_years(seconds / 3600).strip()


def local_time_text(rfc3339: str) -> str:
    """A time in whole seconds, in the zone it is stored in, as `--abs-time` shows it (§6.2)."""
    time = rfc3339 if _seconds_of(rfc3339) is not None else _ZERO_TIME
    return time[:19] + time[19:].lstrip(".0123456789")


def time_text(rfc3339: str) -> str:
    """A time to the minute, by a clock here: `2026-11-23 14:32`."""
    seconds = _seconds_of(rfc3339)
    return minute_text(seconds) if seconds is not None else "unknown"


def notes_text(snapshot: "Snapshot") -> str:
    """What is to be known about a snapshot: the notes of `snap saved` (§6.2), then our own; or `-`."""
    notes = (
        "auto" if snapshot.auto else "",
        f"broken: {plain(snapshot.broken)}" if snapshot.broken else "",
        "not shown by snap" if snapshot.hidden else "",
        plain(snapshot.warning),
    )
    return ", ".join(filter(None, notes)) or "-"


def pin_text(note: str) -> str:
    """That a set is pinned, and why."""
    return f"pinned: {plain(note)}" if note else "pinned"


def guard_text(restore: "SafeguardedRestore") -> str:
    """What a set is that was made before a restore: `undo of job 12, until Tue 14:32`."""
    return f"undo of job {restore.record.id}, until {moment_text(restore.until)}"


def moment_text(seconds: float) -> str:
    """A moment, in seconds since the epoch, as a clock here tells it: `Tue 14:32`, with its date if far."""
    if abs(seconds - time.time()) < _NEARLY_A_WEEK:
        return time.strftime("%a %H:%M", time.localtime(seconds))
    return minute_text(seconds) or "an unknown time"


def saved_table(sets: "Sequence[SnapshotSet]", now: float, abs_time: bool, version: str = "") -> list[str]:
    """The lines that `snap saved` prints (§6.2) at `now` in seconds since 1970; hidden rows come last.

    Laid out as by a snap of that version, or as by the newest known.
    """
    snapshots = [snapshot for set_ in sets for snapshot in set_.snapshots]
    if not snapshots:
        return [NOTHING_SAVED]
    snapshots.sort(key=lambda snapshot: (snapshot.hidden, snapshot.set_id, snapshot.snap))
    rows = [_row(snapshot, now, abs_time) for snapshot in snapshots]
    if not (0, 0) < version_of(version) < SIZES_LEFT_SINCE:
        rows = [(*row[:_SIZE], row[_SIZE].strip(), *row[_SIZE + 1 :]) for row in rows]
    return aligned([HEADER, *rows])


def quoted(names: Iterable[str]) -> str:
    """Names as a list in a sentence: `"a", "b"`."""
    return ", ".join(f'"{plain(name)}"' for name in names)


def plain(text: str) -> str:
    r"""The text with everything that does not print made visible: `\x1b`, `\u202e`, `\xe9` for a stray byte.

    What comes out can be shown on any terminal, stays on one line and can be encoded. It is for reading:
    it does not tell an escape from the same letters in the name.
    """
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else _visible(letter) for letter in text)


def cells(text: str) -> int:
    """The columns that a `plain` text takes on a terminal."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(letter) else 1 + (east_asian_width(letter) in "WF") for letter in text)


def cut_middle(text: str, width: int) -> str:
    """A `plain` text in at most `width` columns, shortened in its middle."""
    if cells(text) <= width:
        return text
    room = max(width - 1, 0)
    head = _first_in(text, room - room // 2)
    tail = _first_in(text[::-1], room - cells(head))[::-1]
    return f"{head}…{tail}" if width > 0 else ""


def cut_end(text: str, width: int) -> str:
    """A `plain` text in at most `width` columns, shortened at its end."""
    return text if cells(text) <= width else f"{_first_in(text, width - 1)}…" if width > 0 else ""


def cut_path(path: str, width: int) -> str:
    """A `plain` path in at most `width` columns: shortened in its middle, by whole parts where possible."""
    if cells(path) <= width:
        return path
    *first, rest = path.split("/", 2 if path.startswith("/") else 1)
    for head in ("/".join([*first, "…"]), "…"):
        if tail := _last_parts(rest, width - cells(head)):
            return head + tail
    return cut_middle(path, width)


def _last_parts(path: str, width: int) -> str:
    """The last parts of a path, each behind its slash, as many as `width` columns hold."""
    parts = path.split("/")
    kept = len(parts)
    while kept and (width := width - 1 - cells(parts[kept - 1])) >= 0:
        kept -= 1
    return "".join(f"/{part}" for part in parts[kept:])


def _first_in(text: str, width: int) -> str:
    """The first letters of a text, as many as `width` columns hold."""
    for number, letter in enumerate(text):
        width -= cells(letter)
        if width < 0:
            return text[:number]
    return text


def _amount(n: int, width: int) -> str:
    if n <= 5000:
        return f"{n:{width}d}"
    value, prefix = float(min(n, 2**64 - 1)), ""
    for prefix in "kMGTPEZY":  # noqa: B007 - the one at which it stops is used below
        value /= 1000
        if value < 999.5:
            break
    whole_digits = 1 + (value >= 9.5) + (value >= 99.5)
    return f"{value:{width - 1}.{max(0, width - 2 - whole_digits)}f}{prefix}"


def _below_a_minute(seconds: float) -> str:
    if seconds >= 0.9995:
        return f"{seconds:.1f}s" if seconds >= 9.995 else f"{seconds:.2f}s"
    prefix = ""
    for prefix in "mµn":  # noqa: B007 - the one at which it stops is used below
        seconds *= 1000
        if seconds >= 0.9995:
            break
    return f"{seconds:.0f}{prefix}s" if seconds > 9.5 else f"{seconds:.1f}{prefix}s"


def _below_a_day(seconds: float) -> str:
    minutes = seconds / 60
    if minutes < 10:
        return f"{seconds // 60:.0f}m{seconds % 60:02.0f}s"
    if minutes < 99.95:
        return f"{minutes:.1f}m"
    whole, rest = divmod(minutes, 60)
    if minutes < 600:
        return f"{whole:.0f}h{rest:02.0f}m"
    return f"{whole:.0f}h{rest:.0f}m" if rest < 10 else f"{minutes / 60:.1f}h"


def _days_or_years(hours: float) -> str:
    days, years = hours / 24, hours * 3600 / _YEAR
    whole, rest = divmod(hours, 24)
    if hours < 240:
        return f"{whole:.0f}d{rest:02.0f}h"
    if hours < 99.95 * 24:
        return f"{whole:.0f}d{rest:.0f}h" if rest < 10 else f"{days:.1f}d"
    if days < 730.5:
        return f"{days:.0f}d"
    if years < 999.5:
        return f"{years:.{(years < 9.995) + (years < 99.95)}f}y"
    return f"{_amount(int(years), 4)}y" if years < 2**64 else "ages!"


def _row(snapshot: "Snapshot", now: float, abs_time: bool) -> tuple[str, ...]:
    if snapshot.hidden:
        return _hidden_row(snapshot, now, abs_time)
    return _full_row(snapshot, now, abs_time)


def _hidden_row(snapshot: "Snapshot", now: float, abs_time: bool) -> tuple[str, ...]:
    """The row of a snapshot that could not be read, with `-` for what is not known of it."""
    set_id, snap, age, version, revision, size, notes = _full_row(snapshot, now, abs_time)
    return (
        set_id,
        snap or "-",
        age if snapshot.time != _ZERO_TIME else "-",
        version or "-",
        revision if snapshot.revision.number else "-",
        size if snapshot.size else f"{'-':>{_NARROWEST}}",
        notes,
    )


def _full_row(snapshot: "Snapshot", now: float, abs_time: bool) -> tuple[str, ...]:
    return (
        str(snapshot.set_id),
        plain(snapshot.snap),
        local_time_text(snapshot.time) if abs_time else age_text(_age(snapshot.time, now)),
        plain(snapshot.version),
        str(snapshot.revision),
        snapd_size_text(snapshot.size),
        notes_text(snapshot),
    )


def _age(rfc3339: str, now: float) -> float:
    """Seconds since a time, at most the 292 years that snapd can tell; what is no time is the zero time."""
    then = _seconds_of(rfc3339)
    age = now - (unix_time(_ZERO_TIME) if then is None else then)
    return max(-_LONGEST_AGE, min(age, _LONGEST_AGE))


def _seconds_of(rfc3339: str) -> float | None:
    try:
        return unix_time(rfc3339)
    except SnapshotError:
        return None


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows in columns, each padded but the last (§6.2)."""
    columns = list(zip(*rows, strict=True))[:-1]
    widths = [max(_NARROWEST, _SPACING + max(map(len, column))) for column in columns]
    return [
        "".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)) + row[-1] for row in rows
    ]


def _visible(letter: str) -> str:
    code = ord(letter)
    if letter == "\u3000":
        return letter
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a name that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
