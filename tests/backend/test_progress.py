import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import Cancelled
from backend.progress import INTERVAL, Advanced, Event, Noted, PartAdvanced, Progress, Started


class Clock:
    """Goes on by so many seconds whenever it is looked at."""

    def __init__(self, tick: float) -> None:
        self.now = 0.0
        self._tick = tick

    def __call__(self) -> float:
        self.now += self._tick
        return self.now


def test_counts_are_told_ten_times_a_second_and_at_the_end() -> None:
    told: list[Event] = []
    job = Progress(told.append, clock=Clock(0.01))
    with job.step("Saving", 500):
        for _ in range(100):
            job.advance(5)
    assert told[0] == Started("Saving", 500)
    assert told[-1] == Advanced(500)
    assert 10 <= len(told) <= 12


@given(ticks=st.floats(0.0001, 1), amounts=st.lists(st.integers(0, 1 << 40), max_size=60))
def test_counts_only_grow_and_end_at_the_sum(ticks: float, amounts: list[int]) -> None:
    told: list[Event] = []
    clock = Clock(ticks)
    job = Progress(told.append, clock=clock)
    with job.step("Saving"):
        for amount in amounts:
            job.advance(amount)
    counts = [event.done for event in told if isinstance(event, Advanced)]
    assert counts == sorted(counts)
    assert counts[-1] == sum(amounts)
    assert len(counts) <= clock.now / INTERVAL + 2


def test_each_step_counts_from_zero() -> None:
    told: list[Event] = []
    job = Progress(told.append, clock=Clock(1))
    for title in ("one", "two"):
        with job.step(title):
            job.advance(3)
    assert told == [
        *(Started("one", None), Advanced(3), Advanced(3)),
        *(Started("two", None), Advanced(3), Advanced(3)),
    ]


def test_a_step_that_fails_does_not_say_it_is_complete() -> None:
    told: list[Event] = []
    with pytest.raises(ZeroDivisionError), Progress(told.append).step("Saving"):
        raise ZeroDivisionError
    assert told == [Started("Saving", None)]


def test_notes_are_told_at_once() -> None:
    told: list[Event] = []
    Progress(told.append, clock=Clock(0)).note("harmless")
    assert told == [Noted("harmless")]


def test_a_bare_job_is_silent_and_never_stops() -> None:
    job = Progress()
    with job.step("Saving"):
        job.advance(1)
        job.note("heard by nobody")
        job.keep({"made": "/a"})
    assert not job.stopping


def test_a_stop_is_noticed_by_who_counts() -> None:
    job = Progress()
    job.check()
    job.stop()
    job.stop()
    assert job.stopping
    for notice in (job.check, lambda: job.advance(1), lambda: job.shielded().__enter__()):
        with pytest.raises(Cancelled, match="context canceled"):
            notice()


def test_a_stop_from_another_thread() -> None:
    job = Progress()
    advanced = threading.Event()
    ended: list[str] = []

    def work() -> None:
        try:
            while True:
                job.advance(1)
                advanced.set()
        except Cancelled:
            ended.append("stopped")

    worker = threading.Thread(target=work)
    worker.start()
    advanced.wait()
    job.stop()
    worker.join(10)
    assert ended == ["stopped"]


def test_a_stop_while_a_stop_is_under_way() -> None:
    """As when a second signal arrives in the handler of the first."""
    job = Progress()
    acts: list[str] = []

    def act() -> None:
        acts.append("act")
        if len(acts) == 1:
            job.stop()

    with job.when_stopped(act):
        job.stop()
    assert acts == ["act", "act"]


def test_shielded_work_never_notices() -> None:
    job = Progress()
    acts: list[str] = []
    with job.when_stopped(lambda: acts.append("act")), job.shielded():
        with job.shielded():
            job.stop()
            job.advance(1)
        job.check()
        assert not job.stopping
    assert acts == []
    with pytest.raises(Cancelled):
        job.check()


def test_a_shield_goes_down_with_a_failure() -> None:
    job = Progress()
    with pytest.raises(ZeroDivisionError), job.shielded():
        raise ZeroDivisionError
    job.stop()
    assert job.stopping


def test_watchers_are_called_once_a_stop_is_asked_for_inside() -> None:
    job = Progress()
    acts: list[str] = []
    with job.when_stopped(lambda: acts.append("before")):
        pass
    with job.when_stopped(lambda: acts.append("outer")), job.when_stopped(lambda: acts.append("inner")):
        job.stop()
    assert sorted(acts) == ["inner", "outer"]
    with job.when_stopped(lambda: acts.append("after")):
        pass
    assert acts[2:] == ["after"]


def test_a_quiet_job_stops_with_its_owner_and_counts_nothing() -> None:
    told: list[Event] = []
    acts: list[str] = []
    job = Progress(told.append, clock=Clock(1), name="7")
    quiet = job.quiet()
    assert quiet.name == "7"
    with job.step("Checking", 9):
        with quiet.step("Looking"):
            quiet.advance(5)
        job.advance(9)
    assert told == [Started("Checking", 9), Advanced(9), Advanced(9)]
    with quiet.when_stopped(lambda: acts.append("act")):
        job.stop()
    assert acts == ["act"]
    with pytest.raises(Cancelled):
        quiet.advance(1)


def test_a_shield_of_a_quiet_job_is_one_of_its_owner() -> None:
    job = Progress()
    with job.quiet().shielded():
        job.stop()
        job.check()
        job.quiet().check()
    assert job.stopping


def test_parts_are_counted_on_their_own_and_in_all() -> None:
    heard: list[Event] = []
    job = Progress(heard.append, clock=iter(range(100)).__next__)
    with job.step("Checking", 30), job.part("a", 10) as a, job.part("b", 20) as b:
        a.advance(10)
        b.advance(5)
    assert [event for event in heard if isinstance(event, PartAdvanced)] == [
        PartAdvanced("a", 0, 10),
        PartAdvanced("b", 0, 20),
        PartAdvanced("a", 10, 10),
        PartAdvanced("b", 5, 20),
        PartAdvanced("b", 5, 20, ended=True),
        PartAdvanced("a", 10, 10, ended=True),
    ]
    assert heard[-1] == Advanced(15)


def test_a_part_stops_with_its_job() -> None:
    job = Progress()
    with job.part("a") as part:
        job.stop()
        with pytest.raises(Cancelled):
            part.advance(1)


def test_a_part_that_counts_often_tells_seldom() -> None:
    heard: list[Event] = []
    job = Progress(heard.append, clock=lambda: 7.0)
    with job.part("a", 1000) as part:
        for _ in range(1000):
            part.advance(1)
    told = [event for event in heard if isinstance(event, PartAdvanced)]
    assert told == [PartAdvanced("a", 0, 1000), PartAdvanced("a", 1000, 1000, ended=True)]
