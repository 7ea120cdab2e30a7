"""The line on top of a screen above the inventory."""

import pytest

from tui.views.header import Count, title_text


@pytest.mark.parametrize(
    ("width", "text"),
    [
        (60, " snapstow   Find  in 12 snapshots · root"),
        (36, " snapstow   Find  in 12 snapshots"),
        (20, " snapstow   Find"),
        (12, " Find"),
        (4, " F…"),
    ],
)
def test_a_title_stays_longest(width: int, text: str) -> None:
    assert title_text("Find", ("in 12 snapshots", "root"), width).plain == text


def test_hostile_titles_are_no_markup() -> None:
    assert "[red]x[/]" in title_text("[red]x[/]", (), 60).plain


def test_counts_stand_out_from_facts() -> None:
    text = title_text("Jobs", ("5 jobs", Count(None, "1 failed", "$text-error")), 60)
    assert text.plain == " snapstow   Jobs  5 jobs · 1 failed"
    assert [text.plain[span.start : span.end] for span in text.spans if span.style == "$text-error"] == [
        "1 failed"
    ]
