"""A job's events folded into one value: one bar for all of it, a time left that does not jump."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend import (
    Advanced,
    Entered,
    Event,
    Noted,
    PartAdvanced,
    Planned,
    Started,
    event_from_json,
    event_json,
)
from tui.session.job_progress import LONGEST, NOTHING_YET, JobProgress, ProgressFold

GB = 1_000_000_000


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Recorded:
    """A job told second by second."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.fold = ProgressFold(self.clock)

    def tells(self, *events: Event) -> JobProgress:
        for event in events:
            self.fold.handle(event)
        return self.fold.view()

    def moves(self, rate: int, seconds: int, done: int = 0) -> Iterator[JobProgress]:
        """Bytes at a rate for so many seconds; how it stands after each."""
        for second in range(1, seconds + 1):
            self.clock.now += 1
            yield self.tells(Advanced(done + second * rate))

    def ends(self, rate: int, seconds: int, done: int = 0) -> JobProgress:
        *_, last = self.moves(rate, seconds, done)
        return last


RESTORE = Planned(
    (Started("Checking", 6 * GB), Started("Unpacking", 4 * GB, parts=3), Started("Placing", None))
)


def test_nothing_is_known_at_the_beginning() -> None:
    assert ProgressFold(Clock()).view() == NOTHING_YET
    assert (NOTHING_YET.total, NOTHING_YET.percent, NOTHING_YET.phase) == (0, 0, None)


def test_one_bar_is_weighted_over_all_phases_by_bytes() -> None:
    job = Recorded()
    job.tells(RESTORE, Started("Checking", 6 * GB))
    assert job.ends(GB // 2, 6).percent == 30
    job.ends(GB // 2, 6, 3 * GB)
    job.tells(Started("Unpacking", 4 * GB, parts=3))
    half = job.ends(GB // 10, 20)
    assert (half.percent, half.done, half.total) == (80, 8 * GB, 10 * GB)
    assert [(phase.title, phase.has_begun, phase.has_ended) for phase in half.phases] == [
        ("Checking", True, True),
        ("Unpacking", True, False),
        ("Placing", False, False),
    ]
    assert half.phases[0].seconds == pytest.approx(12)


def test_the_bar_never_goes_back() -> None:
    job = Recorded()
    views = [job.tells(RESTORE, Started("Checking", 6 * GB))]
    views += job.moves(GB, 6)
    views.append(job.tells(Advanced(5 * GB)))  # a file is read again
    views.append(job.tells(Started("Unpacking", 4 * GB)))
    views += job.moves(GB, 4)
    assert all(later.share >= earlier.share for earlier, later in pairwise(views))
    assert views[-1].percent == 100


def test_a_phase_that_is_not_needed_is_passed_over() -> None:
    job = Recorded()
    view = job.tells(RESTORE, Started("Unpacking", 4 * GB))
    assert [phase.title for phase in view.phases] == ["Unpacking", "Placing"]


def test_a_phase_that_nobody_planned_is_told_too() -> None:
    view = Recorded().tells(Planned((Started("Saving", 100),)), Started("Waiting for job 3 (save)", None))
    assert [phase.title for phase in view.phases] == ["Waiting for job 3 (save)", "Saving"]
    assert (view.total, view.phase and view.phase.title) == (100, "Waiting for job 3 (save)")


def test_phases_without_bytes_weigh_nothing() -> None:
    job = Recorded()
    job.tells(Planned((Started("Measuring", None), Started("Saving", None))), Started("Measuring", None))
    measured = job.ends(GB, 3)
    assert (measured.total, measured.left, round(measured.rate)) == (0, None, GB)
    assert job.tells(Started("Saving", 100), Advanced(50)).percent == 50


def test_a_forecast_that_was_too_high_ends_as_what_it_was() -> None:
    job = Recorded()
    view = job.tells(
        Planned((Started("Saving", None), Started("Restoring", 60))), Started("Saving", 126, True)
    )
    assert view.about
    view = job.tells(Advanced(40), Started("Restoring", 60))
    assert (view.about, view.done, view.total) == (False, 40, 100)


def test_more_than_was_announced_is_the_total() -> None:
    view = Recorded().tells(Started("Saving", 28), Advanced(500))
    assert (view.done, view.total, view.percent) == (500, 500, 100)


class TestTimeLeft:
    def test_hidden_for_three_seconds(self) -> None:
        job = Recorded()
        job.tells(Started("Saving", 1000))
        shown = [view.left for view in job.moves(10, 5)]
        assert shown[:2] == [None, None]
        assert shown[2] == pytest.approx(97)

    def test_is_for_all_of_the_job(self) -> None:
        job = Recorded()
        job.tells(Planned((Started("Checking", 1000), Started("Unpacking", 9000))), Started("Checking", 1000))
        assert job.ends(100, 9).left == pytest.approx(91)

    def test_counts_down_at_a_steady_rate(self) -> None:
        job = Recorded()
        job.tells(Started("Saving", 10_000))
        shown = [view.left for view in job.moves(100, 90) if view.left is not None]
        assert all(before - after == pytest.approx(1) for before, after in pairwise(shown))

    def test_does_not_jump_where_the_rate_wavers(self) -> None:
        job = Recorded()
        job.tells(Started("Saving", 100_000))
        done, shown = 0, []
        for second in range(120):
            job.clock.now += 1
            done += 1000 if second % 4 < 2 else 200
            shown.append(job.tells(Advanced(done)).left)
        known = [left for left in shown if left is not None]
        assert len(known) >= 115
        assert all(later <= earlier * 1.2 for earlier, later in pairwise(known[3:]))
        assert known[60] == pytest.approx((100_000 - 63 * 600) / 600, rel=0.3)

    def test_follows_a_slower_phase_without_a_leap(self) -> None:
        """What the first phase promised is not dropped from one second to the next."""
        job = Recorded()
        job.tells(Planned((Started("Checking", 4000), Started("Unpacking", 4000))), Started("Checking", 4000))
        first = [view.left for view in job.moves(100, 40)]
        job.tells(Started("Unpacking", 4000))
        then = [view.left for view in job.moves(50, 60)]
        both = [left for left in (*first, *then) if left is not None]
        assert len(both) == 98, "it is told all the time"
        assert max(later - earlier for earlier, later in pairwise(both)) <= 9
        assert then[30] == pytest.approx((4000 - 31 * 50) / 50, rel=0.25)

    def test_a_rate_that_stays_another_one_is_believed(self) -> None:
        job = Recorded()
        job.tells(Started("Saving", 1_000_000))
        job.ends(100, 20)
        assert job.ends(5000, 40, 2000).left == pytest.approx((1_000_000 - 202_000) / 5000, rel=0.1)

    def test_is_not_told_while_nothing_comes(self) -> None:
        job = Recorded()
        job.tells(Started("Saving", 100_000))
        job.ends(100, 20)
        job.clock.now += 6
        assert job.fold.view().left is None
        assert job.ends(100, 1, 2000).left is not None

    def test_is_not_told_of_what_counts_no_bytes(self) -> None:
        job = Recorded()
        job.tells(RESTORE, Started("Unpacking", 4 * GB))
        job.ends(GB, 4)
        assert job.tells(Started("Placing", None)).left is None


class TestRate:
    def test_is_that_of_the_last_ten_seconds(self) -> None:
        job = Recorded()
        job.tells(Started("Saving", 10_000))
        job.ends(100, 20)
        assert job.ends(10, 10, 2000).rate == pytest.approx(10)

    def test_falls_while_nothing_comes(self) -> None:
        job = Recorded()
        job.tells(Started("Saving", 10_000))
        job.clock.now += 5
        assert job.tells(Advanced(500)).rate == pytest.approx(100)
        job.clock.now += 20
        assert job.fold.view().rate == pytest.approx(20)

    def test_a_suspended_machine_counts_for_nothing(self) -> None:
        job = Recorded()
        job.tells(Started("Saving", 100_000))
        job.ends(100, 20)
        job.clock.now += 31
        assert (job.fold.view().rate, job.fold.view().left) == (0.0, None)
        job.clock.now += 7200
        assert job.tells(Advanced(2000)).left is None
        awake = job.ends(100, 4, 2000)
        assert awake.rate == pytest.approx(100)
        assert awake.left == pytest.approx((100_000 - 2400) / 100)
        assert (awake.moved[0], round(awake.moved[1])) == (2400, 24)

    def test_counts_that_come_rarely_are_no_pauses(self) -> None:
        """The journal of a job of many hours keeps a count every so many seconds."""
        job = Recorded()
        job.tells(Started("Saving", 10_000_000))
        for gap in (10, 15, 25, 40, 40, 40):
            job.clock.now += gap
            view = job.tells(Advanced(int(job.clock.now - 1000) * 100))
            assert view.rate == pytest.approx(100)
            assert view.left is not None


class TestWhoComesLate:
    def test_sees_the_same(self) -> None:
        events: list[Event] = [
            RESTORE,
            Started("Checking", 6 * GB),
            *(Advanced(n * GB // 10) for n in range(1, 31)),
        ]
        clock = Clock()
        there, late = ProgressFold(clock), ProgressFold(clock)
        for number, event in enumerate(events):
            clock.now = 1000.0 + number
            there.handle(event, clock.now)
        for number, event in enumerate(events):
            late.handle(event, 1000.0 + number)
        assert late.view() == there.view()
        assert late.view().left is not None

    @pytest.mark.parametrize("at", [5000.0, float("inf"), -5.0, float("nan"), 1e300])
    def test_is_not_harmed_by_impossible_times(self, at: float) -> None:
        clock = Clock()
        fold = ProgressFold(clock)
        fold.handle(Started("Saving", 10_000), 990.0)
        fold.handle(Advanced(100), 995.0)
        fold.handle(Advanced(200), at)
        clock.now += 1
        view = fold.view()
        assert 0 <= view.rate <= 100
        assert view.moved[1] >= 0


class TestParts:
    def test_now_is_the_part_that_bytes_come_from(self) -> None:
        job = Recorded()
        job.tells(Started("Unpacking", 300, parts=3), Entered("a"), PartAdvanced("a", 0, 100))
        job.tells(Entered("b"), PartAdvanced("b", 0, 100))
        assert job.tells(PartAdvanced("a", 10, 100)).part == "a"
        assert job.tells(PartAdvanced("b", 0, 100)).part == "a"

    def test_now_does_not_flicker_between_parts_that_all_move(self) -> None:
        job = Recorded()
        job.tells(Started("Unpacking", 300))
        seen = set()
        for count in range(1, 10):
            job.clock.now += 0.5
            seen.add(job.tells(PartAdvanced("a", count, 100), PartAdvanced("b", count, 100)).part)
        assert seen == {"a"}

    def test_now_goes_on_where_a_part_stands_still_or_ends(self) -> None:
        job = Recorded()
        job.tells(Started("Unpacking", 300), PartAdvanced("a", 1, 100))
        job.clock.now += 4
        assert job.tells(PartAdvanced("b", 1, 100)).part == "b"
        assert job.tells(PartAdvanced("b", 100, 100, ended=True)).part == "a"

    def test_ended_parts_are_counted_and_gone(self) -> None:
        job = Recorded()
        view = job.tells(Started("Unpacking", 9, parts=3), PartAdvanced("a", 3, 3), PartAdvanced("b", 0, 3))
        assert [part.name for part in view.parts] == ["a", "b"]
        view = job.tells(PartAdvanced("a", 3, 3, ended=True))
        assert [part.name for part in view.parts] == ["b"]
        assert (view.phase and view.phase.parts_ended, view.phase and view.phase.parts) == (1, 3)
        assert job.tells(Started("Placing", None)).parts == ()

    def test_warnings_are_counted_and_the_last_are_kept(self) -> None:
        view = Recorded().tells(*(Noted(str(number)) for number in range(500)))
        assert (view.warnings, len(view.notes), view.notes[-1]) == (500, 200, "499")


EVENTS = st.one_of(
    st.builds(
        Planned, st.lists(st.builds(Started, st.text(), st.none() | st.integers()), max_size=3).map(tuple)
    ),
    st.builds(Started, st.text(max_size=3), st.none() | st.integers(), st.booleans(), st.integers()),
    st.builds(Advanced, st.integers()),
    st.builds(Entered, st.text(max_size=3)),
    st.builds(Noted, st.text(max_size=3)),
    st.builds(PartAdvanced, st.text(max_size=3), st.integers(), st.none() | st.integers(), st.booleans()),
)


@given(st.lists(st.tuples(EVENTS, st.none() | st.floats()), max_size=30))
def test_events_of_any_journal_add_up(events: list[tuple[Event, float | None]]) -> None:
    fold = ProgressFold(Clock())
    for event, at in events:
        fold.handle(event, at)
        view = fold.view()
        assert 0 <= view.share <= 1
        assert view.left is None or view.left >= 0
        assert view.done <= view.total


def test_texts_of_any_length_from_a_journal_are_cut() -> None:
    view = Recorded().tells(Started("t" * 1_000_000, 5), Entered("p" * 1_000_000))
    assert (len(view.phases[0].title), len(view.part)) == (LONGEST, LONGEST)


@given(EVENTS)
def test_events_survive_the_journal(event: Event) -> None:
    assert event_from_json(event_json(event)) == event
