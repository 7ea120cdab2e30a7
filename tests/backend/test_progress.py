import json
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import Cancelled
from backend.progress import (
    INTERVAL,
    Advanced,
    Event,
    Noted,
    PartAdvanced,
    Progress,
    Started,
    event_from_json,
    event_json,
)
from backend.steps import DirectoryMade


class Clock:
    """Goes on by so many seconds whenever it is looked at."""

    def __init__(self, tick: float) -> None:
        self.now = 0.0
        self._tick = tick

    def __call__(self) -> float:
        self.now += self._tick
        return self.now


def test_counts_are_told_ten_times_a_second_and_at_the_end() -> None:
    events: list[Event] = []
    progress = Progress(events.append, clock=Clock(0.01))
    with progress.step("Saving", 500):
        for _ in range(100):
            progress.advance(5)
    assert events[0] == Started("Saving", 500)
    assert events[-1] == Advanced(500)
    assert 10 <= len(events) <= 12


@given(ticks=st.floats(0.0001, 1), amounts=st.lists(st.integers(0, 1 << 40), max_size=60))
def test_counts_only_grow_and_end_at_the_sum(ticks: float, amounts: list[int]) -> None:
    events: list[Event] = []
    clock = Clock(ticks)
    progress = Progress(events.append, clock=clock)
    with progress.step("Saving"):
        for amount in amounts:
            progress.advance(amount)
    counts = [event.done for event in events if isinstance(event, Advanced)]
    assert counts == sorted(counts)
    assert counts[-1] == sum(amounts)
    assert len(counts) <= clock.now / INTERVAL + 2


def test_each_step_counts_from_zero() -> None:
    events: list[Event] = []
    progress = Progress(events.append, clock=Clock(1))
    for title in ("one", "two"):
        with progress.step(title):
            progress.advance(3)
    assert events == [
        *(Started("one", None), Advanced(3), Advanced(3)),
        *(Started("two", None), Advanced(3), Advanced(3)),
    ]


def test_a_step_that_fails_does_not_say_it_is_complete() -> None:
    events: list[Event] = []
    with pytest.raises(ZeroDivisionError), Progress(events.append).step("Saving"):
        raise ZeroDivisionError
    assert events == [Started("Saving", None)]


def test_notes_are_told_at_once() -> None:
    events: list[Event] = []
    Progress(events.append, clock=Clock(0)).note("harmless")
    assert events == [Noted("harmless")]


def test_a_bare_job_is_silent_and_never_stops() -> None:
    progress = Progress()
    with progress.step("Saving"):
        progress.advance(1)
        progress.note("heard by nobody")
        progress.record_step(DirectoryMade("/a"))
    assert not progress.stopping


def test_a_stop_is_noticed_by_who_counts() -> None:
    progress = Progress()
    progress.raise_if_cancelled()
    progress.stop()
    progress.stop()
    assert progress.stopping
    for notice in (
        progress.raise_if_cancelled,
        lambda: progress.advance(1),
        lambda: progress.uncancellable().__enter__(),
    ):
        with pytest.raises(Cancelled, match="context canceled"):
            notice()


def test_a_stop_from_another_thread() -> None:
    progress = Progress()
    advanced = threading.Event()
    ended: list[str] = []

    def work() -> None:
        try:
            while True:
                progress.advance(1)
                advanced.set()
        except Cancelled:
            ended.append("stopped")

    worker = threading.Thread(target=work)
    worker.start()
    advanced.wait()
    progress.stop()
    worker.join(10)
    assert ended == ["stopped"]


def test_a_stop_while_a_stop_is_under_way() -> None:
    """As when a second signal arrives in the handler of the first."""
    progress = Progress()
    acts: list[str] = []

    def act() -> None:
        acts.append("act")
        if len(acts) == 1:
            progress.stop()

    with progress.on_cancel(act):
        progress.stop()
    assert acts == ["act", "act"]


def test_shielded_work_never_notices() -> None:
    progress = Progress()
    acts: list[str] = []
    with progress.on_cancel(lambda: acts.append("act")), progress.uncancellable():
        with progress.uncancellable():
            progress.stop()
            progress.advance(1)
        progress.raise_if_cancelled()
        assert not progress.stopping
    assert acts == []
    with pytest.raises(Cancelled):
        progress.raise_if_cancelled()


def test_a_shield_goes_down_with_a_failure() -> None:
    progress = Progress()
    with pytest.raises(ZeroDivisionError), progress.uncancellable():
        raise ZeroDivisionError
    progress.stop()
    assert progress.stopping


def test_watchers_are_called_once_a_stop_is_asked_for_inside() -> None:
    progress = Progress()
    acts: list[str] = []
    with progress.on_cancel(lambda: acts.append("before")):
        pass
    with progress.on_cancel(lambda: acts.append("outer")), progress.on_cancel(lambda: acts.append("inner")):
        progress.stop()
    assert sorted(acts) == ["inner", "outer"]
    with progress.on_cancel(lambda: acts.append("after")):
        pass
    assert acts[2:] == ["after"]


def test_a_quiet_job_stops_with_its_owner_and_counts_nothing() -> None:
    events: list[Event] = []
    acts: list[str] = []
    progress = Progress(events.append, clock=Clock(1), name="7")
    quiet = progress.quiet()
    assert quiet.name == "7"
    with progress.step("Checking", 9):
        with quiet.step("Looking"):
            quiet.advance(5)
        progress.advance(9)
    assert events == [Started("Checking", 9), Advanced(9), Advanced(9)]
    with quiet.on_cancel(lambda: acts.append("act")):
        progress.stop()
    assert acts == ["act"]
    with pytest.raises(Cancelled):
        quiet.advance(1)


def test_a_shield_of_a_quiet_job_is_one_of_its_owner() -> None:
    progress = Progress()
    with progress.quiet().uncancellable():
        progress.stop()
        progress.raise_if_cancelled()
        progress.quiet().raise_if_cancelled()
    assert progress.stopping


def test_parts_are_counted_on_their_own_and_in_all() -> None:
    heard: list[Event] = []
    progress = Progress(heard.append, clock=iter(range(100)).__next__)
    with progress.step("Checking", 30), progress.part("a", 10) as a, progress.part("b", 20) as b:
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
    progress = Progress()
    with progress.part("a") as part:
        progress.stop()
        with pytest.raises(Cancelled):
            part.advance(1)


def test_a_part_names_the_file_it_has_come_to_until_it_ends() -> None:
    heard: list[Event] = []
    progress = Progress(heard.append, clock=iter(range(100)).__next__)
    names = iter(["common/a", "common/b\udcff"])
    with progress.part("a") as part:
        part.follow(lambda: next(names))
        part.advance(1)
        part.advance(1)
    events = [event for event in heard if isinstance(event, PartAdvanced)]
    assert [event.file for event in events] == ["", "common/a", "common/b\udcff", ""]
    assert [event_from_json(json.loads(json.dumps(event_json(event)))) for event in events] == events


def test_a_part_that_counts_often_tells_seldom() -> None:
    heard: list[Event] = []
    progress = Progress(heard.append, clock=lambda: 7.0)
    with progress.part("a", 1000) as part:
        for _ in range(1000):
            part.advance(1)
    advances = [event for event in heard if isinstance(event, PartAdvanced)]
    assert advances == [PartAdvanced("a", 0, 1000), PartAdvanced("a", 1000, 1000, ended=True)]
