"""Live progress: the rate, the time left, and that nothing of it is shown where nobody looks."""

import io
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from backend import Advanced, Cancelled, Entered, Noted, Started
from backend.progress import Progress
from tests.support.builders import World
from tests.tui.support.driver import Snapstow
from tui.cli.progress import Foreground
from tui.session.meter import LONGEST, Meter


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Pipe(io.StringIO):
    """A stream whose reader went away."""

    def write(self, _text: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        raise OSError("not a real one")


class TestMeter:
    def test_the_rate_is_that_of_the_last_ten_seconds(self) -> None:
        clock = Clock()
        meter = Meter(clock)
        meter.handle(Started("Saving", 10_000))
        for second in range(1, 31):
            clock.now = 1000.0 + second
            meter.handle(Advanced(second * 100 if second <= 20 else 2000 + (second - 20) * 10))
        view = meter.view()
        assert view.rate == pytest.approx(10)
        assert view.left == pytest.approx((10_000 - 2100) / 10)

    def test_the_rate_falls_while_nothing_comes(self) -> None:
        clock = Clock()
        meter = Meter(clock)
        meter.handle(Started("Saving", 10_000))
        clock.now += 5
        meter.handle(Advanced(500))
        assert meter.view().rate == pytest.approx(100)
        clock.now += 20
        assert meter.view().rate == pytest.approx(20)

    def test_the_time_left_is_hidden_for_three_seconds(self) -> None:
        clock = Clock()
        meter = Meter(clock)
        meter.handle(Started("Saving", 1000))
        clock.now += 2.9
        meter.handle(Advanced(290))
        assert meter.view().left is None
        clock.now += 0.1
        meter.handle(Advanced(300))
        assert meter.view().left == pytest.approx(7)

    def test_nothing_is_known_at_the_beginning(self) -> None:
        view = Meter(Clock()).view()
        assert view == ("", 0, None, 0.0, None)

    def test_a_total_that_is_not_known(self) -> None:
        clock = Clock()
        meter = Meter(clock)
        meter.handle(Started("Measuring", None))
        clock.now += 60
        meter.handle(Advanced(60))
        assert meter.view() == ("Measuring", 60, None, 1.0, None)

    def test_more_than_was_announced(self) -> None:
        clock = Clock()
        meter = Meter(clock)
        meter.handle(Started("Saving", 28))
        clock.now += 10
        meter.handle(Advanced(500))
        assert (meter.view().done, meter.view().total, meter.view().left) == (500, 500, 0)

    def test_one_who_comes_late_knows_the_rate_at_once(self) -> None:
        clock = Clock()
        clock.now = 2000.0
        meter = Meter(clock)
        meter.handle(Started("Saving", 10_000), 1980.0)
        for second in range(1, 21):
            meter.handle(Advanced(second * 100), 1980.0 + second)
        view = meter.view()
        assert view.rate == pytest.approx(100)
        assert view.left == pytest.approx(80)
        assert meter.moved == (2000, 20)

    @pytest.mark.parametrize("at", [5000.0, float("inf"), -5.0, float("nan"), 1e300])
    def test_impossible_times_do_no_harm(self, at: float) -> None:
        clock = Clock()
        meter = Meter(clock)
        meter.handle(Started("Saving", 10_000), 990.0)
        meter.handle(Advanced(100), 995.0)
        meter.handle(Advanced(200), at)
        clock.now += 1
        view = meter.view()
        assert 0 <= view.rate <= 100
        assert meter.moved.seconds >= 0

    def test_a_suspended_machine_counts_for_nothing(self) -> None:
        clock = Clock()
        meter = Meter(clock)
        meter.handle(Started("Saving", 100_000))
        for second in range(1, 21):
            clock.now = 1000.0 + second
            meter.handle(Advanced(second * 100))
        clock.now += 31
        assert (meter.view().rate, meter.view().left) == (0.0, None)
        clock.now += 7200
        meter.handle(Advanced(2000))
        assert meter.view().left is None
        for second in range(1, 5):
            clock.now += 1
            meter.handle(Advanced(2000 + second * 100))
            assert meter.view().rate == pytest.approx(100)
        assert meter.view().left == pytest.approx((100_000 - 2400) / 100)
        assert meter.moved.done == 2400
        assert meter.moved.seconds == pytest.approx(24)

    def test_counts_that_come_rarely_are_no_pauses(self) -> None:
        """The journal of a job of many hours keeps a count every so many seconds."""
        clock = Clock()
        meter = Meter(clock)
        meter.handle(Started("Saving", 10_000_000))
        for gap in (10, 15, 25, 40, 40, 40):
            clock.now += gap
            meter.handle(Advanced(int(clock.now - 1000) * 100))
            assert meter.view().rate == pytest.approx(100)

    def test_the_time_left_is_hidden_while_it_swings(self) -> None:
        clock = Clock()
        meter = Meter(clock)
        meter.handle(Started("Saving", 1_000_000))
        done = 0
        shown = []
        for rate in [100] * 12 + [5000] * 12:
            clock.now += 1
            done += rate
            meter.handle(Advanced(done))
            shown.append(meter.view().left is not None)
        assert shown[2:12] == [True] * 10
        assert shown[13:15] == [False] * 2
        assert shown[-1] is True

    def test_amounts_that_nobody_can_have_counted(self) -> None:
        clock = Clock()
        meter = Meter(clock)
        meter.handle(Started("Saving", 10**400))
        clock.now += 5
        meter.handle(Advanced(-(10**400)))
        meter.handle(Advanced(10**400))
        assert meter.view().done == meter.view().total == 1 << 62

    def test_a_new_step_begins_anew(self) -> None:
        clock = Clock()
        meter = Meter(clock)
        meter.handle(Started("One", 10))
        meter.handle(Entered("part"))
        clock.now += 10
        meter.handle(Advanced(10))
        meter.handle(Noted("something"))
        assert meter.part == "part"
        meter.handle(Started("Two", 20))
        assert meter.part == ""
        assert meter.view() == ("Two", 0, 20, 0.0, None)


class TestForeground:
    def test_nothing_is_drawn_where_there_is_no_terminal(self, capsys: pytest.CaptureFixture[str]) -> None:
        with Foreground() as foreground:
            for event in (Started("Saving", 10), Entered("x"), Advanced(10)):
                foreground.handle(event)
        assert capsys.readouterr() == ("", "")

    def test_notes_are_told_once_and_harmless(self, capsys: pytest.CaptureFixture[str]) -> None:
        with Foreground() as foreground:
            for text in ("a\x1b[2Jb", "c", "a\x1b[2Jb"):
                foreground.handle(Noted(text))
        assert capsys.readouterr() == ("", "a\\x1b[2Jb\nc\n")

    def test_at_most_four_lines_a_second(self, monkeypatch: pytest.MonkeyPatch) -> None:
        clock = Clock()
        monkeypatch.setattr(sys, "stderr", screen := Screen())
        with Foreground(clock=clock) as foreground:
            foreground.handle(Started("Saving\x1b[31m", 1000))
            for _ in range(100):
                clock.now += 0.02
                foreground.handle(Advanced(1))
        *drawn, last = screen.getvalue().split("\r")[1:]
        assert 7 <= len(drawn) <= 9
        assert all(line.endswith("\x1b[K") and line.count("\x1b") == 1 for line in drawn)
        assert last == "\x1b[K"

    def test_the_part_is_in_the_line(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stderr", screen := Screen())
        clock = Clock()
        with Foreground(clock=clock) as foreground:
            foreground.handle(Started("Saving", 4_000_000))
            clock.now += 5
            foreground.handle(Entered("hello, alice"))
            clock.now += 5
            foreground.handle(Advanced(2_000_000))
        shown = "Saving: hello, alice  2.0 of 4.0 MB  200 kB/s  0:10 left"
        assert screen.getvalue().endswith(f"\r{shown}\x1b[K\r\x1b[K")

    def test_events_for_programs(self, capsys: pytest.CaptureFixture[str]) -> None:
        for data_out in (False, True):
            with Foreground(json=True, data_out=data_out) as foreground:
                foreground.handle(Noted("n\x1b\udcff"))
                foreground.line({"event": "result"})
            output = capsys.readouterr()[1 if data_out else 0]
            assert [json.loads(line) for line in output.splitlines()] == [
                {"event": "noted", "text": "n\x1b\udcff"},
                {"event": "result"},
            ]

    def test_a_reader_that_went_away_does_not_stop_the_work(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stdout", Pipe())
        monkeypatch.setattr(sys, "stderr", Pipe())
        for foreground in (Foreground(json=True), Foreground()):
            with foreground:
                foreground.handle(Started("Saving", 10))
                foreground.handle(Noted("note"))

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_signals_stop_the_job_and_mean_the_same_as_before_afterwards(self, number: int) -> None:
        before = signal.getsignal(number)
        progress = Progress()
        with Foreground() as foreground:
            foreground.watch(progress)
            os.kill(os.getpid(), number)
            with pytest.raises(Cancelled):
                progress.raise_if_cancelled()
        assert signal.getsignal(number) == before

    def test_a_hang_up_does_not_stop_the_job(self) -> None:
        before = signal.getsignal(signal.SIGHUP)
        progress = Progress()
        with Foreground() as foreground:
            foreground.watch(progress)
            os.kill(os.getpid(), signal.SIGHUP)
        progress.raise_if_cancelled()
        assert signal.getsignal(signal.SIGHUP) == before

    def test_ignored_signals_stay_ignored(self) -> None:
        before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
        try:
            progress = Progress()
            with Foreground() as foreground:
                foreground.watch(progress)
                os.kill(os.getpid(), signal.SIGTERM)
            progress.raise_if_cancelled()
        finally:
            signal.signal(signal.SIGTERM, before)


class TestInterrupted:
    """SIGTERM in the middle of a verb, as events come: exit code 130, everything undone."""

    @pytest.fixture
    def snapstow(self, tmp_path: Path) -> Snapstow:
        world = World(tmp_path / "root")
        world.install("hello", data={f"f{number}": os.urandom(400_000) for number in range(8)})
        world.write_state()
        return Snapstow(world)

    @pytest.mark.parametrize("json_flag", [[], ["--json"]])
    @pytest.mark.parametrize("arguments", [["save"], ["restore", "1"], ["export-snapshot", "1", "FILE"]])
    def test_the_verb_is_undone(
        self, arguments: list[str], json_flag: list[str], snapstow: Snapstow, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        root = snapstow.world.root
        if arguments != ["save"]:
            snapstow("save")
        file = root.parent / "file"
        before = (snapstow.world.names(), sorted(os.listdir(root / "var/snap/hello")))
        heard = Foreground.handle

        def handle(self: Foreground, event: object) -> None:
            heard(self, event)  # type: ignore[arg-type] # whatever it is
            if isinstance(event, Entered | Started) and "Measuring" not in str(event):
                signal.raise_signal(signal.SIGTERM)

        monkeypatch.setattr(Foreground, "handle", handle)
        done = snapstow(*json_flag, *(word.replace("FILE", str(file)) for word in arguments))
        assert done.code == 130
        assert done.err == "error: cancelled; nothing was changed\n"
        after = (
            snapstow.world.names(),
            sorted(n for n in os.listdir(root / "var/snap/hello") if n[0] != "."),
        )
        assert after == before
        assert sorted(os.listdir(root.parent)) == ["root"]
        if json_flag:
            assert done.lines[-1] == {"event": "cancelled", "exit": 130}
        assert snapstow("--json", "jobs").document[-1]["state"] == "cancelled"


def test_words_of_any_length_from_a_journal_are_cut() -> None:
    meter = Meter()
    meter.handle(Started("t" * 1_000_000, 5))
    meter.handle(Entered("p" * 1_000_000))
    assert (len(meter.view().title), len(meter.part)) == (LONGEST, LONGEST)
