"""How a session in plain text follows jobs, and ends."""

import io
import os
import signal
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.jobs import JobState
from backend.operations import Save
from tests.support.builders import World, tree_of
from tests.tui.support.driver import Snapstow
from tests.tui.support.talking import EVIL, add_set, make_world, talk
from tui.phrases import ago_phrase
from tui.plain.console import Console, Dropped, EndOfInput
from tui.plain.follow import Teller
from tui.plain.questions import number_in, span_of
from tui.plain.words import and_words
from tui.session.job_progress import JobProgress, PhaseView
from tui.session.job_views import JobView

world = pytest.fixture(make_world)


def test_a_running_job_is_told_followed_left_and_stopped(world: World) -> None:
    engine = world.engine
    asked: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _frame: asked.append(number))
    try:
        with engine.journal.job(Save(), engine.root) as record:
            record.tell({"event": "started", "title": "Saving", "total": 1000})
            record.tell({"event": "advanced", "done": 400})
            record.tell({"event": "noted", "text": f"a socket {EVIL}"})

            def interrupted(_seconds: float) -> None:
                raise KeyboardInterrupt

            output = talk(world, "attach", "stop 1", "no", "stop", "yes", pause=interrupted)
            record.finish(JobState.CANCELLED)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert "Job 1: running, started just now, save, Saving, 40 percent" in output
    assert output.count("Job 1 keeps running. To follow it again, type: attach 1") == 2
    assert "Saving, 40 percent" in output
    assert "Still running: job 1." in output
    assert asked == [signal.SIGTERM]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def moving(done: int, title: str = "Restoring", **facts: Any) -> JobView:
    phase = PhaseView(title, done, 1000, has_begun=True)
    progress = JobProgress((phase,), 5.0, (1000 - done) / 5, **facts)
    return JobView(1, "", "restore 1", JobState.RUNNING, 0.0, progress)


def test_progress_is_told_seldom_enough_to_be_heard() -> None:
    clock = Clock()
    teller = Teller(clock)
    heard = []
    for second in range(201):
        clock.now = float(second)
        heard += [(second, line) for line in teller.lines(moving(second * 5))]
    assert heard[0] == (0, "Restoring, 0 percent, 3 minutes left.")
    assert heard[8] == (80, "Restoring, 40 percent, 2 minutes left.")
    assert all(later - earlier >= 10 for (earlier, _), (later, _) in pairwise(heard))
    assert len(heard) == 21


def test_a_fast_job_is_not_told_more_than_every_two_seconds() -> None:
    clock = Clock()
    teller = Teller(clock)
    heard = []
    for tenth in range(50):
        clock.now = tenth / 10
        heard += [tenth for _ in teller.lines(moving(tenth * 20, f"Step {tenth}"))]
    assert heard == [0, 20, 40]


def test_notes_are_told_once() -> None:
    teller = Teller(Clock())
    first = list(teller.lines(moving(0, notes=("a", "b"), warnings=2)))
    again = list(teller.lines(moving(0, notes=("a", "b", "c"), warnings=3)))
    assert (first[:2], again) == (["Note: a", "Note: b"], ["Note: c"])


def test_a_line_without_end_is_refused_and_takes_no_memory() -> None:
    output = io.StringIO()
    console = Console(io.StringIO("x" * 100_000 + "\nyes\n"), output)
    assert console.agrees("Do it?")
    assert "That line is too long." in output.getvalue()


def test_cancel_drops_and_the_end_of_input_ends() -> None:
    console = Console(io.StringIO("perhaps\nCancel\n"), io.StringIO())
    with pytest.raises(Dropped):
        console.agrees("Do it?")
    with pytest.raises(EndOfInput):
        console.ask("And now?", "yes")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *(("24 hours", 86400), ("24h", 86400), ("1 day", 86400), ("7 days", 604800), ("2w", 1209600)),
        *(("90 minutes", 5400), ("90m", 5400), ("none", 0), ("0 days", None), ("soon", None), ("", None)),
        ("7 moons", None),
    ],
)
def test_spans_as_typed(text: str, seconds: int | None) -> None:
    assert span_of(text) == seconds


@given(st.text())
def test_typed_text_is_a_number_or_a_span_or_none(text: str) -> None:
    assert number_in(text) >= 0
    assert (span_of(text) or 0) >= 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (ago_phrase(86400), "a day ago"),
        (ago_phrase(0.2), "just now"),
        (ago_phrase(-7200), "in 2 hours"),
        (and_words(["a"]), "a"),
        (and_words(["a", "b", "c"]), "a, b and c"),
        (and_words("abcdef"), "a, b, c and 3 more"),
    ],
)
def test_words(text: str, expected: str) -> None:
    assert text == expected


def on_terminal(world: World, tell: Callable[[Any], None]) -> bytes:
    with Snapstow(world).terminal("browse", "--plain") as terminal:
        tell(terminal)
        assert terminal.ended() == 0
        seen: bytes = terminal.seen
    return seen


def test_on_a_real_terminal_nothing_moves_the_cursor(world: World) -> None:
    add_set(world)

    def tell(terminal: Any) -> None:
        def asked(text: str) -> None:
            terminal.until(lambda: any(text in line for line in terminal.text[-1:]))

        asked("Command:")
        terminal.press(b"check 1\r")
        terminal.until(lambda: "snapshots are sound" in "\n".join(terminal.text))
        asked("Command:")
        terminal.press(b"restore 1\r")
        asked("[all]:")
        terminal.press(b"\x03")
        terminal.until(lambda: "Nothing was done. To leave, type: quit" in "\n".join(terminal.text))
        asked("Command:")
        terminal.press(b"\x04")

    seen = on_terminal(world, tell)
    assert b"\x1b" not in seen
    assert b"\r" not in seen.replace(b"\r\n", b"")
    assert tree_of(world.data("bar"))["x1"] == {"f": "now"}


def test_a_script_of_answers_through_a_pipe(world: World) -> None:
    add_set(world)
    done = Snapstow(world).process("browse", "--plain", input=b"check 1\nshow \xff\xfe\nquit\nlist\n")
    assert done.returncode == 0
    assert b"2 of 2 snapshots are sound." in done.stdout
    assert b"there is no set \\xff\\xfe" in done.stdout
    assert done.stdout.endswith(b"Command: \nLeaving.\n")
    assert done.stderr == b""
    assert os.listdir(world.snapshots)


def test_a_reader_who_went_away_ends_it_without_a_word(world: World) -> None:
    add_set(world)
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = Snapstow(world).process("browse", "--plain", input=b"list\n", stdout=writing)
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")
