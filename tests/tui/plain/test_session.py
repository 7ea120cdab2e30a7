"""`browse --plain`: questions and answers in lines, played as somebody types them."""

import io
import os
import re
import signal
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend import open_engine
from backend.jobs import JobState
from backend.jobs.result import JobResult
from backend.operations import Save
from tests.support.builders import World, tree_of
from tests.tui.support.driver import Snapstow
from tui.plain.console import Console, Dropped, EndOfInput
from tui.plain.follow import Desk, Teller
from tui.plain.questions import number_in, span_of
from tui.plain.session import VERBS, Session
from tui.plain.words import age_words, and_words, percent, size_words
from tui.session.job_views import NOTHING_YET, JobBoard, JobView
from tui.session.place import Place
from tui.text import ProgressView

LONG_AGO = "2001-01-01T00:00:00Z"
EVIL = "\x1b]0;title\x07\x1b[2J\u202e\r"


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "root")
    for snap in ("bar", "foo"):
        world.install(snap, data={"f": "now"}, users={"alice": {"n": "now"}, "bob": {"n": "now"}})
    world.write_state()
    return world


def talk(world: World, *answers: str, pause: Callable[[float], None] = time.sleep, **options: Any) -> str:
    """Type these answers, then end the input; what was told."""
    place = Place(open_engine(str(world.root)), ("--demo",), **options)
    output = io.StringIO()
    console = Console(io.StringIO("".join(f"{answer}\n" for answer in answers)), output)
    Session(Desk(place, console, JobBoard(place.engine.journal, place.words), pause=pause)).run()
    for child in place.runner._children:
        child.wait()
    return output.getvalue()


def add_set(world: World, **facts: Any) -> None:
    for snap in ("bar", "foo"):
        users = {"alice": {"common": {"n": "then"}}}
        world.add(1, snap, {"x1": {"f": "then"}}, **{"users": users, "time": LONG_AGO, **facts})


def test_session_begins_with_the_root_and_its_sets(world: World) -> None:
    add_set(world, size=6_200_000_000)
    (world.snapshots / "2_foo_1.0_x1.zip").write_bytes(b"none")
    first, second, third, *_, last = talk(world).splitlines()
    assert re.fullmatch(
        r"Snapstow, at the demo, as .+: 2 sets, 12 gigabytes stored, .* free; 1 broken, 2 never verified\.",
        first,
    )
    assert second.startswith("Set 2: problem, foo, broken: ")
    assert re.fullmatch(
        r"Set 1: bar and foo, user alice, saved \d+ years ago, 12 gigabytes stored, never verified\.", third
    )
    assert last == "Leaving."


def test_an_empty_place_says_what_to_do(world: World) -> None:
    assert "There are no sets. To save one, type: save." in talk(world)


def test_lines_only(world: World) -> None:
    add_set(world, broken=EVIL)
    output = talk(
        world, "show 1", "help", EVIL, f"show {EVIL}", f"list {EVIL}", "jobs", "check all", "show 1"
    )
    assert all(letter.isprintable() or letter == "\n" for letter in output)
    assert not re.search(r"[·▸✓✗│─…?]  |  +\S+  +", output)


def test_every_verb_is_explained_and_carried_out(world: World) -> None:
    output = talk(world, "help")
    for name in VERBS:
        assert re.search(rf"^{name}\b.*: .*\.$", output, re.MULTILINE)
    assert "Unknown command bogus." in talk(world, "bogus")
    assert "For the list of commands, type: help" in talk(world, "")


def test_lists_are_told_in_parts_by_words_and_by_care(world: World) -> None:
    for number in range(1, 46):
        world.add(number, "foo" if number % 2 else "bar")
    (world.snapshots / "7_foo_1.0_x1.zip").write_bytes(b"none")
    output = talk(world, "more", "more", "more")
    assert [int(digits) for digits in re.findall(r"^Set (\d+):", output, re.MULTILINE)] == list(
        range(45, 0, -1)
    )
    assert "25 other sets not shown yet." in output
    assert "There are no more." in output
    numbers = re.findall(r"^Set (\d+):", talk(world, "list problems").partition("Command")[2], re.MULTILINE)
    assert numbers[0] == "7"
    output = talk(world, "list bar never", "list zebra").partition("Command")[2]
    assert set(re.findall(r"^Set \d+: (\w+)", output, re.MULTILINE)) == {"bar"}
    assert "No set matches." in output


class TestSaving:
    def test_nothing_is_saved_unless_yes_is_said(self, world: World) -> None:
        for answers in (("", "", "", ""), ("cancel",), ("", "", "", "no"), ("foo",)):
            assert "Started job" not in talk(world, "save", *answers)
        assert world.names() == []

    def test_answers_make_the_save(self, world: World) -> None:
        output = talk(world, "save", "foo", "alice", "$SNAP_DATA/f", "yes", "list")
        assert "Command: snapstow --demo save foo --users=alice '--exclude=$SNAP_DATA/f'" in output
        assert "Job 1 is done.\nIt is set 1.\n" in output
        assert re.search(r"Set 1: foo, user alice, saved .*, never verified\.", output)
        assert world.names() == ["1_foo_1.0_x1.zip"]

    def test_impossible_answers_are_asked_again(self, world: World) -> None:
        output = talk(world, "save", "zebra", "foo bar", "carol", "everyone", "/etc", "nothing", "yes")
        assert "There is no zebra. There are bar and foo." in output
        assert "There is no carol." in output
        assert "Not a valid pattern: " in output
        assert world.names() == ["1_bar_1.0_x1.zip", "1_foo_1.0_x1.zip"]


class TestRestoring:
    def test_the_plan_is_told_and_the_number_typed_where_something_is_lost(self, world: World) -> None:
        add_set(world)
        before = tree_of(world.root / "var/snap")
        output = talk(world, "restore 1 foo", "", "yes", "restore 1 foo", "", "1")
        assert "foo, data of the system: replaces x1" in output
        assert "Lost: 1 file newer than the snapshot, 3 bytes." in output
        assert "The plan can be carried out, with a loss of 2 files." in output
        assert "What is replaced is kept for 24 hours, so that it can be undone." in output
        assert output.count("Nothing was done.") == 1
        assert re.search(r"Job 1 is done\.\nWhat was replaced is kept until .*, type: undo 1\n", output)
        assert tree_of(world.data("foo"))["x1"] == {"f": "then"}
        output = talk(world, "undo", "1", "yes")
        assert "Job 2 is done." in output
        assert tree_of(world.root / "var/snap") == before

    def test_yes_is_enough_where_nothing_is_lost(self, world: World) -> None:
        add_set(world, time="2100-01-01T00:00:00Z")
        output = talk(world, "restore", "#1", "bar", "7 days", "yes")
        assert "and nothing is lost" in output
        assert "--undo-window=604800s" in output
        assert tree_of(world.data("bar"))["x1"] == {"f": "then"}
        assert tree_of(world.data("foo"))["x1"] == {"f": "now"}

    def test_without_undo_the_number_is_typed(self, world: World) -> None:
        add_set(world, time="2100-01-01T00:00:00Z")
        output = talk(world, "restore 1", "all", "soon", "none", "yes")
        assert "Type a number of minutes, hours, days or weeks, or none." in output
        assert "It cannot be undone. Type 1 to continue [cancel]" in output
        assert "Nothing was done." in output
        assert tree_of(world.data("bar"))["x1"] == {"f": "now"}

    def test_a_blocked_plan_says_why_and_asks_nothing(self, world: World) -> None:
        add_set(world, snap_id="another")
        world.remember("foo", snap_id="mine")
        output = talk(world, "restore 1 foo", "")
        assert "foo cannot be restored: " in output
        assert "The plan is blocked: this restore is not possible, and nothing is changed." in output
        assert "Restore set 1?" not in output


class TestOtherVerbs:
    def test_export_forget_and_import(self, world: World, tmp_path: Path) -> None:
        add_set(world)
        path = tmp_path / "out.snapshot"
        output = talk(
            world, "export 1", str(path), "", "export 1", str(tmp_path / "none/x"), str(path), "yes"
        )
        assert "Not possible: there is no directory" in output
        assert output.count("Nothing was done.") == 1
        assert path.stat().st_mode & 0o777 == 0o600
        output = talk(world, "export 1", str(path), "no", "cancel", "forget 1", "yes", "forget 1", "1")
        assert f"{path} already exists" in output
        assert "Warning: this is the last usable copy of foo, of system and alice." in output
        assert output.count("Nothing was done.") == 2
        assert world.names() == []
        output = talk(world, "import", "cancel", f"import {path}", "yes", "check 2", f"import {path}", "yes")
        assert "foo, version 1.0, revision x1, users alice." in output
        assert "It is set 2." in output
        assert "4 of 4 archives are sound." in output
        assert "It is identical to set 2" in output

    def test_a_check_tells_what_it_found(self, world: World) -> None:
        add_set(world)
        path = world.snapshots / "1_foo_1.0_x1.zip"
        raw = bytearray(path.read_bytes())
        raw[80] ^= 0x10
        path.write_bytes(raw)
        output = talk(world, "check 1", "list")
        assert "Job 1 is done. It found damage.\n3 of 4 archives are sound.\n  foo: " in output
        assert re.search(
            r"Set 1: problem, bar and foo, .*, failed its check (just now|a second ago|\d+ seconds ago)",
            output,
        )

    def test_missing_sets_snaps_and_jobs_are_errors(self, world: World) -> None:
        add_set(world)
        for command, answer in (
            ("show 99", "Error: there is no set 99"),
            ("restore x", "Error: there is no set x"),
            ("check 1 zebra", "Error: there is no zebra in set 1"),
            ("undo", "Error: nothing can be undone"),
            ("attach", "Error: there is no job to attach: none is running"),
            ("attach 5", "Error: there is no job 5"),
            ("stop 0", "Error: there is no job 0"),
            ("import /nonexistent", "Error: cannot "),
        ):
            assert answer in talk(world, command), command

    def test_a_read_only_session_refuses_in_sentences(self, world: World) -> None:
        add_set(world)
        output = talk(world, "save", "restore 1", "forget 1", "undo", "import /x", "stop 1", read_only=True)
        assert "Read-only: cannot save: this session is read-only." in output
        for verb in ("save", "restore", "forget", "undo", "import", "stop a job"):
            assert f"Error: cannot {verb}: this session is read-only\n" in output
        assert world.engine.journal.records() == []


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
    view = JobView(1, "", "restore 1", JobState.RUNNING, 0.0, NOTHING_YET, "", (), "", JobResult())
    return view._replace(progress=ProgressView(title, done, 1000, 5.0, (1000 - done) / 5), **facts)


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
        (size_words(0), "0 bytes"),
        (size_words(1), "1 byte"),
        (size_words(1000), "1 kilobyte"),
        (size_words(999_499), "999 kilobytes"),
        (size_words(999_999), "1 megabyte"),
        (size_words(6_200_000_000), "6.2 gigabytes"),
        (size_words(2**64), "18 exabytes"),
        (age_words(86400), "a day ago"),
        (age_words(0.2), "just now"),
        (age_words(-7200), "2 hours in the future"),
        (and_words(["a"]), "a"),
        (and_words(["a", "b", "c"]), "a, b and c"),
        (and_words("abcdef"), "a, b, c and 3 more"),
        (percent(ProgressView("", 2000, 1000, 0.0, None)), 100),
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
        terminal.until(lambda: "archives are sound" in "\n".join(terminal.text))
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
    assert b"4 of 4 archives are sound." in done.stdout
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
