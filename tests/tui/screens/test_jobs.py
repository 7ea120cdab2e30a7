"""The screen of jobs: how each stands, live, and what can be done about it."""

import fcntl
import json
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backend.jobs import JobState
from backend.jobs.journal import OpenRecord
from backend.jobs.other_users import ForeignJournal
from backend.jobs.result import JobResult, parse_result
from backend.model import User
from backend.operations import Check, Forget, Operation, Restore, Save
from tests.support import TOP
from tests.support.builders import World, plant
from tests.support.journals import note
from tests.tui.support.patient import Patient, patiently
from tui.cli.main import main
from tui.screens.jobs.screen import JobsScreen
from tui.session.job_views import JobBoard, JobView
from tui.session.stalls import StallDetector, blocker, standstill
from tui.text import ProgressView
from tui.widgets.job_strip import strip_text

LOCKS = """1: FLOCK  ADVISORY  WRITE 6866 fe:00:2146360 0 EOF
1: -> FLOCK  ADVISORY  WRITE 7040 fe:00:2146360 0 EOF
2: POSIX  ADVISORY  WRITE 7048 fe:00:2179503 0 EOF
3: FLOCK  ADVISORY  WRITE 7040 00:1b:9131 0 EOF
"""


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("PYTHONPATH", str(TOP))
    world = World(tmp_path / "world")
    world.install("hello", data={"f": "now"})
    world.add(1, "hello", {"x1": {"f": "then"}})
    return world


@contextmanager
def running(world: World, operation: Operation, *events: Mapping[str, Any]) -> Iterator[OpenRecord]:
    """A job of this very process, which has told some events."""
    engine = world.engine
    with engine.journal.job(operation, engine.root) as record:
        for event in events:
            record.tell(event)
        yield record


def ended(world: World, operation: Operation, state: JobState, **result: Any) -> None:
    with running(world, operation) as record:
        record.finish(state, parse_result(result))


async def opens(user: Patient) -> Patient:
    await user.presses("J")
    assert isinstance(user.app.screen, JobsScreen)
    return user


def test_an_empty_place_says_what_will_be_here(world: World) -> None:
    async def tell(user: Patient) -> None:
        await (await opens(user)).sees("No jobs yet")

    patiently(str(world.root), tell, (80, 24))


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_every_state_is_told_in_words(world: World, size: tuple[int, int]) -> None:
    ended(world, Save(), JobState.DONE, set_id=7)
    ended(world, Check(1), JobState.FAILED, error="cannot check: \x1b]0;T\x07 [/red] no")
    ended(world, Save(), JobState.CANCELLED)
    ended(world, Save(), JobState.PARTIAL, left_out=["a thing was not saved"])
    fault = {"set_id": 1, "snap": "hello", "entry": "archive.tgz", "size": 1, "fault": "it is damaged"}
    ended(world, Check(1), JobState.DONE, verdicts=[fault])

    async def tell(user: Patient) -> None:
        await (await opens(user)).sees("it is damaged")
        for words in ("✓ done", "✗ failed", "- cancelled", "~ partial", "✗ 1 bad", "5 jobs"):
            assert words in user.screen()
        await (await user.presses("j")).sees("a thing was not saved")
        await (await user.presses("j", "j")).sees("cannot check: \\x1b]0;T\\x07 [/red] no")
        await (await user.presses("j")).sees("created set #7")

    patiently(str(world.root), tell, size)


def test_a_running_job_is_followed_until_it_ends(world: World) -> None:
    async def tell(user: Patient) -> None:
        with running(world, Save(), {"event": "started", "title": "Saving", "total": 2_000_000}) as record:
            await (await opens(user)).sees("▶ running")
            record.tell({"event": "advanced", "done": 1_000_000})
            record.tell({"event": "entered", "part": "hello, alice"})
            record.tell({"event": "noted", "text": "a socket was left out"})
            await user.sees("1.0 of 2.0 MB")
            await user.sees("now: hello, alice")
            await user.sees("! a socket was left out")
            record.finish(JobState.DONE, JobResult(2))
        await user.sees("✓ done")
        assert "▶ running" not in user.screen()
        assert "1.0 of 2.0 MB" not in user.screen()

    patiently(str(world.root), tell, (80, 24))


def part(name: str, done: int, *, ended: bool = False) -> dict[str, Any]:
    return {"event": "part", "part": name, "done": done, "total": 1_000_000, "ended": ended}


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_each_part_under_way_has_a_bar(world: World, size: tuple[int, int]) -> None:
    started = {"event": "started", "title": "Saving", "total": 9_000_000}
    parts = [part(f"snap{number}", number * 100_000) for number in range(1, 9)]

    async def tell(user: Patient) -> None:
        with running(world, Save(), started, *parts, {"event": "noted", "text": "odd"}) as record:
            record.tell({"event": "advanced", "done": 3_600_000})
            await (await opens(user)).sees("3.6 of 9.0 MB")
            await user.sees("snap1  0.1 of 1.0 MB")
            await user.sees("· 1 warning")
            if size[1] == 40:
                await user.sees("snap8  0.8 of 1.0 MB")
            else:
                await user.sees("parts more under way")
            for number in range(1, 8):
                record.tell(part(f"snap{number}", 1_000_000, ended=True))
            await user.sees("7 parts done")
            await user.sees("snap8  0.8 of 1.0 MB")
            assert "snap7  " not in user.screen()
            record.finish(JobState.DONE, JobResult(2))
        await user.sees("3.60MB")
        await user.sees("· 1 warning")
        assert "took 0:0" in user.screen()
        assert "under way" not in user.screen()

    patiently(str(world.root), tell, size)


def test_why_a_job_does_not_move_is_seen_in_the_strip_too(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "tui.session.job_views.StallDetector.words", lambda *_all: "waiting for job 7 (save) to end"
    )

    async def tell(user: Patient) -> None:
        with running(world, Save(), {"event": "started", "title": "Saving", "total": None}):
            await user.sees("job 1: save: waiting for job 7 (save) to end")
            await (await opens(user)).sees("waiting for job 7 (save) to end")

    patiently(str(world.root), tell, (80, 24))


def view(number: int, state: JobState, **facts: Any) -> JobView:
    progress = ProgressView("Saving snapshot set #2", 10, 4_000_000, 5.0, 12.0)
    blank = JobView(number, "snapstow save", "save", state, 0.0, progress, "", (), "", JobResult())
    return blank._replace(**facts)


FAULTY = {"verdicts": [{"fault": "it is damaged"}]}


def test_the_strip_is_one_line_at_any_width() -> None:
    run = [view(number, JobState.RUNNING, standing="waiting " * number) for number in (2, 0)]
    bad = [
        view(1, JobState.FAILED),
        view(3, JobState.INTERRUPTED),
        view(4, JobState.DONE, result=parse_result(FAULTY)),
    ]
    for views in (run, bad, [*run, *bad], [run[1], *bad]):
        for width in (40, 60, 80, 200):
            text = strip_text(views, width)
            assert text.plain
            assert "\n" not in text.plain
            assert text.cell_len <= width
    assert strip_text(bad, 80).plain == " 3 failed or interrupted: J shows them"
    assert strip_text([*run, *bad], 40).plain.endswith(" 3 failed: J")
    assert "(+1)" in strip_text(run, 80).plain


def test_jobs_already_seen_are_no_news() -> None:
    seen = [view(1, JobState.FAILED, seen=True), view(2, JobState.DONE)]
    assert strip_text(seen, 80).plain == ""
    assert strip_text([], 80).plain == ""


def test_failures_that_were_looked_at_leave_the_strip(world: World) -> None:
    ended(world, Save(), JobState.FAILED, error="no luck")

    async def tell(user: Patient) -> None:
        await user.sees("1 failed or interrupted: J shows them")
        await (await opens(user)).sees("no luck")
        await user.presses("escape")
        for _ in range(3):
            await user.lets_time_pass()
        assert "failed or interrupted" not in user.screen()
        ended(world, Check(1), JobState.DONE, verdicts=FAULTY["verdicts"])
        await user.lets_time_pass()
        await user.sees("1 failed or interrupted: J shows them")

    patiently(str(world.root), tell, (80, 24))


def hostile(home: Path) -> None:
    """A job whose every text would harm a screen that believed it."""
    evil = "[/red]\x1b]0;T\x07\u202e"
    header = {"operation": {"verb": "save", "snaps": [evil]}, "started": 1e15, "pid": 1}
    events = [
        {"event": "started", "title": evil, "total": 10**400},
        {"event": "advanced", "done": -(10**300), "at": 1e308},
        {"event": "part", "part": evil * 999, "done": 10**300, "total": 1},
        {"event": "entered", "part": evil},
        {"event": "noted", "text": evil},
        {"event": [], "at": []},
    ]
    result = {"state": evil, "error": evil, "set_id": [evil], "undo_until": 9e15, "left_out": [evil] * 999}
    folder = home / "state/jobs"
    for number, more in (
        (3, {}),
        (4, {"result.json": json.dumps(result)}),
        (5, {"operation.json": "[" * 99_999}),
    ):
        told = "".join(f"{json.dumps(event)}\n" for event in events)
        documents = {"operation.json": json.dumps(header), "alive": "", "events.jsonl": told, **more}
        plant(folder / str(number), documents)


@pytest.mark.parametrize("size", [(80, 24), (40, 10)])
def test_jobs_of_other_users_are_shown_and_left_alone(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    hostile(tmp_path / "alice")
    me = os.geteuid()
    journal = ForeignJournal(User("alice", me, me, str(tmp_path / "alice")), "state")
    monkeypatch.setattr("backend.engine.files.FilesEngine.others", lambda _engine: [journal])
    ended(world, Save(), JobState.DONE)

    async def tell(user: Patient) -> None:
        with open(tmp_path / "alice/state/jobs/3/alive") as alive:
            fcntl.flock(alive, fcntl.LOCK_EX)
            await (await opens(user)).sees("alice/3")
            await (await user.presses("j", "j")).sees("alice/3  ▶ running")
            for key, words in (
                ("x", "cannot stop job alice/3"),
                ("u", "cannot take back"),
                ("t", "cannot end"),
            ):
                await (await user.presses(key)).sees(words)
            await (await user.presses("k")).sees("✗ failed")
            await user.sees("alice/4")
            await user.presses("enter")
            await (await user.presses("escape")).sees("alice/3")
        assert "\x1b" not in user.screen()

    patiently(str(world.root), tell, size)


def test_x_asks_the_job_to_stop(world: World) -> None:
    asked = []
    before = signal.signal(signal.SIGTERM, lambda number, _frame: asked.append(number))
    try:

        async def tell(user: Patient) -> None:
            with running(world, Save()) as record:
                await (await opens(user)).sees("▶ running")
                await (await user.presses("x")).sees("asked job 1 to stop")
                record.finish(JobState.CANCELLED)
            await user.sees("- cancelled")
            await (await user.presses("x")).sees("job 1 is not running: it is cancelled")

        patiently(str(world.root), tell)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert asked == [signal.SIGTERM]


def test_a_read_only_session_changes_nothing(world: World) -> None:
    ended(world, Save(), JobState.DONE)

    async def tell(user: Patient) -> None:
        await opens(user)
        for key in "xut":
            await (await user.presses(key)).sees("this session is read-only")

    patiently(str(world.root), tell, read_only=True)


def interrupted(world: World, operation: Operation, *steps: Mapping[str, Any]) -> None:
    """A job whose process died after these steps."""
    with running(world, operation) as record:
        for step in steps:
            note(record, step)


def half_restored(world: World) -> Path:
    """A restore that died when it had unpacked and replaced nothing yet; returns what it left."""
    parent = world.data("hello")
    interrupted(world, Restore(1), {"slot": "1-tag", "parents": [str(parent)]})
    plant(parent, {".snapstow": {"1-tag": {"landing": {"x1": {"half": ""}}}}})
    (parent / ".snapstow").chmod(0o700)
    return parent / ".snapstow"


@pytest.mark.parametrize("size", [(80, 24), (60, 15), (40, 10)])
def test_t_tells_both_ways_out_of_an_interrupted_job(world: World, size: tuple[int, int]) -> None:
    left = half_restored(world)

    async def tell(user: Patient) -> None:
        await (await opens(user)).sees("! interrupted")
        await (await user.presses("t")).sees("Job 1 was interrupted")
        await user.sees("Finish: It had replaced nothing")
        await user.sees("Roll back: It had replaced nothing")
        assert all(user.button(name).region.right <= size[0] for name in ("#finish", "#takeback", "#leave"))
        await user.presses("enter")
        assert isinstance(user.app.screen, JobsScreen)
        assert left.exists()

    patiently(str(world.root), tell, size)
    assert world.engine.journal.record(1).state is JobState.INTERRUPTED


def test_taking_back_from_the_screen(world: World) -> None:
    left = half_restored(world)

    async def tell(user: Patient) -> None:
        await (await opens(user)).sees("t shows what it left")
        await (await user.presses("t")).sees("It had replaced nothing yet")
        await (await user.presses("shift+tab")).sees("same as: snapstow --demo takeback 1")
        await (await user.presses("enter")).sees("the data are as before it")
        await user.sees("< rolled back")
        await (await user.presses("t")).sees("job 1 was not interrupted: it is taken back")

    patiently(str(world.root), tell, (100, 24))
    assert not left.exists()
    assert [one.id for one in world.engine.journal.records()] == [1]


def test_finishing_from_the_screen_does_it_again(world: World) -> None:
    half_restored(world)

    async def tell(user: Patient) -> None:
        await (await opens(user)).sees("! interrupted")
        await (await user.presses("t")).sees("starts from its beginning, as a new job")
        await (await user.presses("left", "left")).sees("same as: snapstow --demo finish 1")
        await (await user.presses("enter")).sees("started job 2: restore")
        await user.sees("✓ done")

    patiently(str(world.root), tell, (100, 24))
    assert (world.data("hello") / "x1/f").read_text() == "then"


def test_a_way_that_cannot_be_had_has_no_button(world: World) -> None:
    """A forget that removed everything before it died can only be complete."""
    path = world.add(2, "hello")
    found = os.stat(path)
    interrupted(world, Forget(2), {"forget": [[path.name, found.st_dev, found.st_ino]]})
    path.unlink()

    async def tell(user: Patient) -> None:
        await (await opens(user)).sees("! interrupted")
        await (await user.presses("t")).sees("Roll back: not available: what it was to remove is gone")
        assert not user.button("#takeback").display
        assert user.button("#finish").display
        await (await user.presses("escape")).sees("! interrupted")

    patiently(str(world.root), tell, (100, 24))


def test_u_takes_the_restore_back_after_a_question(world: World) -> None:
    world.do(Restore(1))
    file = world.data("hello") / "x1/f"
    assert file.read_text() == "then"

    async def tell(user: Patient) -> None:
        await (await opens(user)).sees("u undoes it")
        await (await user.presses("u")).sees("Take back job 1")
        await user.presses("escape")
        assert file.read_text() == "then"
        await (await user.presses("u")).sees("Take back job 1")
        await (await user.presses("enter")).sees("started job 2")
        await user.sees("< undone")

    patiently(str(world.root), tell)
    assert file.read_text() == "now"


def test_u_explains_itself_where_there_is_nothing_to_take_back(world: World) -> None:
    ended(world, Save(), JobState.DONE, set_id=1)

    async def tell(user: Patient) -> None:
        await (await (await opens(user)).presses("u")).sees("job 1 cannot be undone")

    patiently(str(world.root), tell)


def test_enter_shows_the_whole_log_and_h_goes_back(world: World) -> None:
    with running(world, Save()) as record:
        for number in range(50):
            record.tell({"event": "noted", "text": f"note [{number}]"})
        record.finish(JobState.DONE)

    async def tell(user: Patient) -> None:
        await (await opens(user)).sees("45 earlier lines")
        await (await user.presses("enter")).sees("! note [49]")
        await (await user.presses("home")).sees("! note [0]")
        await user.presses("h")
        assert isinstance(user.app.screen, JobsScreen)
        await user.presses("h")
        assert not isinstance(user.app.screen, JobsScreen)

    patiently(str(world.root), tell, (80, 24))


def test_y_copies_the_command_with_its_place(world: World) -> None:
    ended(world, Check(1), JobState.DONE)

    async def tell(user: Patient) -> None:
        await (await (await opens(user)).presses("y")).sees("copied: snapstow")
        assert user.app.clipboard == "snapstow --demo check-snapshot 1"

    patiently(str(world.root), tell)


def test_nothing_is_looked_at_again_while_nothing_happens(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended(world, Save(), JobState.DONE)
    looks = 0
    real = JobBoard.views

    def counting(board: JobBoard, whole: int | None = None) -> list[JobView]:
        nonlocal looks
        looks += 1
        return real(board, whole)

    monkeypatch.setattr(JobBoard, "views", counting)

    async def tell(user: Patient) -> None:
        await (await opens(user)).sees("job 1  ✓ done")
        before = looks
        for _ in range(5):
            await user.lets_time_pass()
        assert looks == before
        ended(world, Save(), JobState.FAILED, error="no luck")
        await user.lets_time_pass()
        await user.sees("✗ failed")

    patiently(str(world.root), tell)


def test_who_holds_the_lock_that_a_process_waits_for() -> None:
    assert blocker(LOCKS, 7040) == 6866
    assert blocker(LOCKS, 6866) is None
    assert blocker(LOCKS, 7048) is None
    assert blocker("1: -> FLOCK  ADVISORY  WRITE 5 fe:00:1 0 EOF\n", 5) == 0
    assert blocker("garbage\n1: -> x", 1) is None


def test_a_process_that_is_at_work_does_not_stand_still() -> None:
    assert standstill(os.getpid()) == ("", 0)
    assert standstill(2**31 - 1) == ("", 0)


def test_a_stall_is_told_only_after_a_while(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    pulse = StallDetector(lambda: now)
    monkeypatch.setattr("tui.session.stalls.standstill", lambda _pid: ("", 0))
    with running(world, Save()):
        (record,) = world.engine.journal.records()

    def words(sign: int) -> str:
        return pulse.words(record, sign, list)

    assert words(1) == ""
    now = 29.0
    assert words(1) == ""
    now = 47.0
    assert words(1) == "stalled? no news for 40 s"
    assert words(2) == ""
    now = 60.0
    monkeypatch.setattr("tui.session.stalls.standstill", lambda _pid: ("waiting for another job", 0))
    assert words(2) == "waiting for another job"
    monkeypatch.setattr("tui.session.stalls.standstill", lambda _pid: ("waiting for another job", record.pid))
    assert pulse.words(record, 2, lambda: [record]) == "waiting for job 1 (save) to end"


def test_a_job_of_days_tells_its_counts_rarely_and_is_not_stalled(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr("tui.session.stalls.standstill", lambda _pid: ("", 0))
    with running(world, Save()):
        (record,) = world.engine.journal.records()
    old = replace(record, header={**record.header, "started": record.started - 100_000})
    pulse = StallDetector(lambda: now)
    pulse.words(old, 1, list)
    now = 100.0
    assert pulse.words(old, 1, list) == ""
    now = 300.0
    assert pulse.words(old, 1, list) == "stalled? no news for 300 s"


@pytest.mark.parametrize("told", [{}, {"exit": 4}])
def test_attach_tells_that_a_check_found_faults(
    world: World, told: dict[str, int], capsys: pytest.CaptureFixture[str]
) -> None:
    verdict = {"set_id": 1, "snap": "hello", "entry": "archive.tgz", "size": 1}
    verdicts = [{**verdict, "fault": "it is damaged"}, {**verdict, "fault": ""}]
    ended(world, Check(1), JobState.DONE, verdicts=verdicts, **told)
    assert main(["--root", str(world.root), "attach", "1"]) == 4
    assert "verification failed: 1 part is bad" in capsys.readouterr().out


@pytest.mark.parametrize(("verb", "words"), [("attach", "goes on"), ("stop", "was asked to stop")])
def test_ctrl_c_leaves_the_job_and_says_so(
    world: World,
    verb: str,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupted(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tui.cli.commands.jobs.time.sleep", interrupted)
    monkeypatch.setattr("tui.cli.commands.jobs.Runner.stop", lambda _runner, _record: None)
    with running(world, Save()):
        code = main(["--root", str(world.root), verb, "1"])
    again = f"snapstow --root {world.root} attach 1"
    assert code == 130
    assert capsys.readouterr().err.endswith(f"job 1 {words}; attach again with: {again}\n")
