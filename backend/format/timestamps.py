"""Times as snapd writes them: RFC 3339 with up to nine fractional digits."""

import re
import time

from backend.errors import IntegrityError, InvalidInputError
from backend.format.gojson import quoted

ZERO_TIME = "0001-01-01T00:00:00Z"
_ZERO_UNIX = -62135596800.0
_NANO = 10**9

_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):([0-5]\d):([0-5]\d)(?:\.(\d+))?(?:Z|([+-]\d\d):([0-5]\d))", re.ASCII
)


def canonical_time(text: str) -> str:
    """The time as Go writes it after reading `text`; IntegrityError where that is no time."""
    match = _parts(text)
    date_time, fraction, hours = text[:19], match[7], match[8]
    if fraction and (kept := fraction[:9].rstrip("0")):
        date_time = f"{date_time}.{kept}"
    zone = "Z" if hours is None or text.endswith("00:00") else f"{hours}:{match[9]}"
    return date_time + zone


def unix_time(text: str) -> float:
    """Return the seconds since 1970 of an RFC 3339 text.

    Raises:
        IntegrityError: it is no such text.
    """
    match = _parts(text)
    year, month, day, hour, minute, second = map(int, match.group(1, 2, 3, 4, 5, 6))
    seconds = ((_days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second
    if match[8] is not None:
        offset = int(match[8][1:]) * 3600 + int(match[9]) * 60
        seconds += offset if match[8][0] == "-" else -offset
    return seconds + int((match[7] or "")[:9].ljust(9, "0")) / _NANO


def time_text(ns: int, offset_seconds: int) -> str:
    """Nanoseconds since 1970, told as the clock shows them `offset_seconds` east of Greenwich.

    InvalidInputError for what lies outside the years 1 to 9999.
    """
    seconds, fraction = divmod(ns, _NANO)
    try:
        clock = time.gmtime(seconds + offset_seconds)
    except (OverflowError, OSError):
        raise InvalidInputError(f"cannot write time {ns}: out of range") from None
    if not 1 <= clock.tm_year <= 9999:
        raise InvalidInputError(f"cannot write time {ns}: out of range")
    text = f"{clock.tm_year:04}-{clock.tm_mon:02}-{clock.tm_mday:02}"
    text += f"T{clock.tm_hour:02}:{clock.tm_min:02}:{clock.tm_sec:02}"
    if fraction:
        text += f".{fraction:09}".rstrip("0")
    return text + _zone(offset_seconds)


def minute_text(seconds: float) -> str:
    """Seconds since 1970, as a clock here shows them to the minute: `2026-11-23 14:32`; else nothing."""
    try:
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
    except (OverflowError, ValueError, OSError):
        return ""


def is_zero_time(text: str) -> bool:
    """Whether a canonical time is Go's zero value, in whatever zone it is written."""
    return text == ZERO_TIME or (text.startswith("000") and "." not in text and unix_time(text) == _ZERO_UNIX)


def _parts(text: str) -> re.Match[str]:
    match = _TIME.fullmatch(text)
    if match is None or not _exists(match):
        raise IntegrityError(f"cannot parse time {quoted(text)}")
    return match


def _exists(match: re.Match[str]) -> bool:
    month, day = match[2], match[3]
    if not ("01" <= month <= "12" and day >= "01" and match[4] <= "23" and (match[8] or "")[1:] <= "23"):
        return False
    return day <= "28" or int(day) <= _month_length(int(match[1]), int(month))


def _month_length(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def _days(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01, counted in years that begin in March so that leap days come last."""
    year -= month <= 2
    in_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return year * 365 + year // 4 - year // 100 + year // 400 + in_year - 719468


def _zone(offset_seconds: int) -> str:
    if offset_seconds == 0:
        return "Z"
    hours, minutes = divmod(abs(offset_seconds) // 60, 60)
    return f"{'-' if offset_seconds <= -60 else '+'}{hours:02}:{minutes:02}"
