"""Counts, lists and spans of time as a sentence has them."""

import pytest

from tui.phrases import ago_phrase, count_phrase, list_phrase, rough_span_phrase, span_phrase

DAY = 24 * 3600


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 seconds"),
        (1, "1 second"),
        (5400, "1 hour and 30 minutes"),
        (3600, "1 hour"),
        (DAY, "24 hours"),
        (2 * DAY, "2 days"),
        (7 * DAY, "7 days"),
        (400 * DAY + 3600.4, "400 days and 1 hour"),
    ],
)
def test_spans(seconds: float, text: str) -> None:
    assert span_phrase(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-0.2, "just now"),
        (-5, "in 5 seconds"),
        (-3 * 365.25 * DAY, "in 3 years"),
        (2025 * 365.25 * DAY, "2,026 years ago"),
        (-1e20, "in 2,536,783 years"),
        (0.2, "just now"),
        (60, "a minute ago"),
        (3 * 3600, "3 hours ago"),
        (DAY, "a day ago"),
        (21 * DAY, "21 days ago"),
        (59.9 * DAY, "59 days ago"),
        (61 * DAY, "2 months ago"),
    ],
)
def test_ages(seconds: float, text: str) -> None:
    assert ago_phrase(seconds) == text


@pytest.mark.parametrize(("seconds", "text"), [(0.2, "a moment"), (7300, "2 hours"), (23.9 * 3600, "a day")])
def test_rough_spans(seconds: float, text: str) -> None:
    assert rough_span_phrase(seconds) == text


def test_lists() -> None:
    assert [list_phrase("abc"[:n]) for n in (1, 2, 3)] == ["a", "a and b", "a, b and c"]


def test_counts() -> None:
    assert count_phrase(1, "file") == "1 file"
    assert count_phrase(12345, "file") == "12,345 files"
    assert count_phrase(2, "entry", "entries") == "2 entries"
