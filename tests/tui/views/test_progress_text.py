"""How far a job is, as text: one line for all of it, its phases, the parts that move."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.session.job_progress import JobProgress, PartView, PhaseView
from tui.text import cells
from tui.views.progress_text import Span, flat, left_text, part_lines, phases_line, progress_line, width_of

GB = 10**9
CHECKED = PhaseView("Checking", 6_100_000_000, 6_100_000_000, seconds=19, has_begun=True, has_ended=True)
UNPACKING = PhaseView("Unpacking", 2 * GB, 4 * GB, parts=3, parts_ended=1, has_begun=True)
PLACING = PhaseView("Putting in place")
RESTORE = JobProgress((CHECKED, UNPACKING, PLACING), rate=78e6, left=51.2)
HEAD = (Span("job 7", "name"), Span(" restore #86 nextcloud"))


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (
            100,
            f"job 7 restore #86 nextcloud  {'━' * 23}{'─' * 6}  80 %  8.1 of 10.1 GB  78 MB/s  0:50 left",
        ),
        (72, f"job 7 restore #86 nextcloud  {'━' * 8}{'─' * 2}  80 %  8.1 of 10.1 GB  0:50 left"),
        (60, "job 7 restore #86 nextcloud  80 %  8.1 of 10.1 GB  0:50 left"),
        (40, "job 7 restore …extcloud  80 %  0:50 left"),
        (20, "job 7 res…loud  80 %"),
        (5, "job 7"),
    ],
)
def test_a_job_is_told_in_one_line_at_any_width(width: int, line: str) -> None:
    assert flat(progress_line(RESTORE, width, HEAD)) == line


def test_forecasts_are_about() -> None:
    saving = JobProgress((PhaseView("Saving", 30_000_000, 126_000_000, about=True, has_begun=True),))
    assert "30.0 of about 126.0 MB" in flat(progress_line(saving, 80))


def test_steps_without_a_total_have_no_bar_and_no_percentage() -> None:
    measuring = JobProgress((PhaseView("Measuring", 3_200_000_000, has_begun=True),), rate=1e9)
    assert flat(progress_line(measuring, 80)) == "3.2 GB  1.0 GB/s"
    assert progress_line(JobProgress((PhaseView("Putting in place", has_begun=True),)), 80) == ()


def test_phases_are_named_with_their_state() -> None:
    text = "✓ Checked 6.1 GB in 0:19   ▸ Unpacking 2 of 3   · Putting in place"
    assert flat(phases_line(RESTORE, 80)) == text


def test_past_phases_go_first_where_not_all_fit() -> None:
    assert flat(phases_line(RESTORE, 50)) == "▸ Unpacking 2 of 3   · Putting in place"
    assert flat(phases_line(RESTORE, 30)) == "▸ Unpacking 2 of 3"


def test_phases_over_at_once_are_not_told() -> None:
    quick = PhaseView("Comparing with the plan", seconds=0.2, has_begun=True, has_ended=True)
    assert flat(phases_line(JobProgress((quick, UNPACKING)), 80)) == "▸ Unpacking 2 of 3"


def test_parts_have_bars_only_where_several_move() -> None:
    parts = [PartView("alice", 19 * GB // 10, 24 * GB // 10), PartView("system", 4, None)]
    assert list(part_lines(parts[:1], 80, 9)) == []
    assert [flat(line) for line in part_lines(parts, 80, 9)] == [
        f"  alice   {'━' * 23}{'─' * 7}  1.9 of 2.4 GB",
        "  system  4 B",
    ]
    many = [PartView(f"p{number}", 1, 2) for number in range(9)]
    shown = [flat(line) for line in part_lines(many, 80, 4)]
    assert (len(shown), shown[-1]) == (4, "  and 6 more under way")


@pytest.mark.parametrize(
    ("left", "text"),
    [
        (None, ""),
        (float("inf"), ""),
        (0.2, "0:00 left"),
        (8.4, "0:08 left"),
        (12, "0:10 left"),
        (51.2, "0:50 left"),
        (59, "about 1:00 left"),
        (98, "about 1:40 left"),
        (700, "about 12 min left"),
        (3599, "about 1 h 00 min left"),
        (8000, "about 2 h 15 min left"),
        (200_000, "about 55 h left"),
    ],
)
def test_the_time_left_is_as_exact_as_it_can_be_known(left: float | None, text: str) -> None:
    assert left_text(left) == text


PHASES = st.builds(
    PhaseView,
    title=st.text(max_size=40),
    done=st.integers(0, 2**62),
    total=st.none() | st.integers(0, 2**62),
    about=st.booleans(),
    seconds=st.floats(0, 1e9),
    parts=st.integers(0, 2**62),
    parts_ended=st.integers(0, 99),
    has_begun=st.booleans(),
    has_ended=st.booleans(),
)
PROGRESS = st.builds(
    JobProgress, st.lists(PHASES, max_size=4).map(tuple), st.floats(), st.none() | st.floats()
)


@given(PROGRESS, st.text(max_size=40).filter(str.isprintable), st.integers(0, 120))
def test_progress_always_fits(progress: JobProgress, title: str, width: int) -> None:
    for line in (progress_line(progress, width, (Span(title),)), phases_line(progress, width)):
        assert width_of(line) == cells(flat(line)) <= width
        assert flat(line).replace("\u3000", "").isprintable()
