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
        shown = f"Saving  {'━' * 6}{'─' * 7}  50 %  2.0 of 4.0 MB  200 kB/s  0:10 left  hello, alice"
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
