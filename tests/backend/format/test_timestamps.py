from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import IntegrityError, InvalidInputError
from backend.format.timestamps import ZERO_TIME, canonical_time, is_zero_time, time_text, unix_time

YEAR_1 = datetime(1, 1, 2, tzinfo=UTC)
YEAR_9999 = datetime(9999, 12, 30, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
microseconds = st.integers(
    (YEAR_1 - EPOCH) // timedelta(microseconds=1), (YEAR_9999 - EPOCH) // timedelta(microseconds=1)
)
offsets = st.integers(-12 * 60, 14 * 60)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("2026-11-22T09:09:36.185921212Z", "2026-11-22T09:09:36.185921212Z"),
        ("2026-11-22T09:09:36.1859212129999+01:00", "2026-11-22T09:09:36.185921212+01:00"),
        ("2026-11-22T09:09:36.120-05:30", "2026-11-22T09:09:36.12-05:30"),
        ("2026-11-22T09:09:36.000Z", "2026-11-22T09:09:36Z"),
        ("2026-11-22T09:00:00+10:00", "2026-11-22T09:00:00+10:00"),
        ("2026-11-22T00:00:00+00:00", "2026-11-22T00:00:00Z"),
        ("2026-11-22T00:00:00.5-00:00", "2026-11-22T00:00:00.5Z"),
        ("2024-02-29T23:59:59Z", "2024-02-29T23:59:59Z"),
        ("2000-02-29T00:00:00Z", "2000-02-29T00:00:00Z"),
        (ZERO_TIME, ZERO_TIME),
    ],
)
def test_a_time_is_told_as_go_tells_it(text: str, canonical: str) -> None:
    assert canonical_time(text) == canonical
    assert canonical_time(canonical) == canonical


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "yesterday",
            "2026-11-22",
            "2026-11-22T09:09:36",
            "2026-11-22 09:09:36Z",
            "2026-11-22t09:09:36z",
        ),
        *("2023-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2026-04-31T00:00:00Z", "2026-01-32T00:00:00Z"),
        *("2026-00-01T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-00T00:00:00Z", "2026-01-01T24:00:00Z"),
        *(
            "2026-01-01T00:60:00Z",
            "2026-01-01T00:00:60Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00+24:00",
        ),
        *(
            "2026-01-01T00:00:00+01:60",
            "2026-01-01T00:00:00+0100",
            "2026-01-01T00:00:00Z\n",
            "12026-01-01T00:00:00Z",
        ),
        "２026-01-01T00:00:00Z",
    ],
)
def test_other_text_than_a_time_is_refused(text: str) -> None:
    with pytest.raises(IntegrityError, match=r"^cannot parse time "):
        canonical_time(text)
    with pytest.raises(IntegrityError):
        unix_time(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:00Z", 0.0),
        ("1970-01-01T01:00:00.25+01:00", 0.25),
        ("1969-12-31T18:30:00-05:30", 0.0),
        (ZERO_TIME, -62135596800.0),
    ],
)
def test_seconds_since_1970(text: str, seconds: float) -> None:
    assert unix_time(text) == seconds


@pytest.mark.parametrize("text", [ZERO_TIME, "0001-01-01T05:30:00+05:30", "0000-12-31T23:00:00-01:00"])
def test_the_zero_time_in_any_zone(text: str) -> None:
    assert is_zero_time(text)


@pytest.mark.parametrize(
    "text", ["0001-01-01T00:00:00.000000001Z", "0001-01-01T00:00:00+01:00", "2026-01-01T00:00:00Z"]
)
def test_other_times_are_not_zero(text: str) -> None:
    assert not is_zero_time(text)


@pytest.mark.parametrize(
    ("ns", "offset", "text"),
    [
        (0, 0, "1970-01-01T00:00:00Z"),
        (1_500_000_000, 3600, "1970-01-01T01:00:01.5+01:00"),
        (-1, 0, "1969-12-31T23:59:59.999999999Z"),
        (0, -19800, "1969-12-31T18:30:00-05:30"),
        (1, 1172, "1970-01-01T00:19:32.000000001+00:19"),
    ],
)
def test_nanoseconds_are_told_as_the_clock_shows_them(ns: int, offset: int, text: str) -> None:
    assert time_text(ns, offset) == text


@pytest.mark.parametrize("ns", [10**30, -(10**30), 10**40, 253402300800 * 10**9])
def test_a_clock_out_of_range_is_refused(ns: int) -> None:
    with pytest.raises(InvalidInputError):
        time_text(ns, 0)


@given(microseconds, offsets)
def test_the_calendar_agrees_with_the_standard_library(count: int, minutes: int) -> None:
    text = time_text(count * 1000, minutes * 60)
    there = datetime.fromisoformat(text)
    assert there == EPOCH + timedelta(microseconds=count)
    assert there.utcoffset() == timedelta(minutes=minutes)
    assert canonical_time(text) == text
    assert unix_time(text) == pytest.approx(count / 1e6, abs=1e-4)


@given(st.text() | st.from_regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,12})?(Z|[+-]\d\d:\d\d)"))
def test_arbitrary_texts_give_a_time_or_our_error(text: str) -> None:
    try:
        canonical = canonical_time(text)
    except IntegrityError:
        return
    assert canonical_time(canonical) == canonical
    assert unix_time(canonical) == unix_time(text)
