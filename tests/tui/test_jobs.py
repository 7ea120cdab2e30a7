"""The screen of jobs: how each stands, live, and what can be done about it."""

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from backend import JobState
from backend.journal import OpenRecord
from backend.operation import Check, Operation, Restore, Save, to_json
from tests.builders import World
from tests.tui.patient import Patient, patiently
from tui.cli import main
from tui.follow import Board, JobView
from tui.jobs import Jobs
from tui.lookout import Pulse
from tui.present import ProgressView
from tui.pulse import blocker, standstill

LOCKS = """1: FLOCK  ADVISORY  WRITE 6866 fe:00:2146360 0 EOF
1: -> FLOCK  ADVISORY  WRITE 7040 fe:00:2146360 0 EOF
2: POSIX  ADVISORY  WRITE 7048 fe:00:2179503 0 EOF
3: FLOCK  ADVISORY  WRITE 7040 00:1b:9131 0 EOF
"""


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    world = World(tmp_path / "world")
    world.install("hello", data={"f": "now"})
    world.add(1, "hello", {"x1": {"f": "then"}})
    return world


@contextmanager
def running(world: World, operation: Operation, *events: Mapping[str, Any]) -> Iterator[OpenRecord]:
    """A job of this very process, which has told some events."""
    engine = world.engine
    with engine.journal.job(to_json(operation), engine.root) as record:
        for event in events:
            record.tell(event)
        yield record


def ended(world: World, operation: Operation, state: JobState, **result: Any) -> None:
    with running(world, operation) as record:
        record.finish(state, result)


async def opens(user: Patient) -> Patient:
    await user.presses("J")
    assert isinstance(user.app.screen, Jobs)
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
        await (await user.presses("j")).sees("made set #7")

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
            record.finish(JobState.DONE, {"set_id": 2})
        await user.sees("✓ done")
        assert "▶ running" not in user.screen()
        assert "1.0 of 2.0 MB" not in user.screen()

    patiently(str(world.root), tell, (80, 24))


def test_x_asks_the_job_to_stop(world: World) -> None:
    asked = []
    before = signal.signal(signal.SIGTERM, lambda number, _frame: asked.append(number))
    try:

        async def tell(user: Patient) -> None:
            with running(world, Save()) as record:
                await (await opens(user)).sees("▶ running")
                await (await user.presses("x")).sees("asked job 1 to stop")
                record.finish(JobState.CANCELLED, {})
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


def test_an_interrupted_one_says_what_can_be_done_and_t_does_it(world: World) -> None:
    with running(world, Save()):
        pass

    async def tell(user: Patient) -> None:
        await (await opens(user)).sees("! interrupted")
        assert "The next operation here takes it back or completes it" in user.screen()
        await (await user.presses("t")).sees("nothing of it is left")
        await user.sees("< taken back")
        await (await user.presses("t")).sees("nothing was interrupted")

    patiently(str(world.root), tell, (80, 24))


def test_u_takes_the_restore_back_after_a_question(world: World) -> None:
    world.do(Restore(1))
    file = world.data("hello") / "x1/f"
    assert file.read_text() == "then"

    async def tell(user: Patient) -> None:
        await (await opens(user)).sees("u takes it back")
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
        await (await (await opens(user)).presses("u")).sees("job 1 cannot be taken back")

    patiently(str(world.root), tell)


def test_enter_shows_the_whole_log_and_h_goes_back(world: World) -> None:
    with running(world, Save()) as record:
        for number in range(50):
            record.tell({"event": "noted", "text": f"note [{number}]"})
        record.finish(JobState.DONE, {})

    async def tell(user: Patient) -> None:
        await (await opens(user)).sees("45 lines before")
        await (await user.presses("enter")).sees("! note [49]")
        await (await user.presses("home")).sees("! note [0]")
        await user.presses("h")
        assert isinstance(user.app.screen, Jobs)
        await user.presses("h")
        assert not isinstance(user.app.screen, Jobs)

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
    real = Board.views

    def counting(board: Board) -> list[JobView]:
        nonlocal looks
        looks += 1
        return real(board)

    monkeypatch.setattr(Board, "views", counting)

    async def tell(user: Patient) -> None:
        await (await opens(user)).sees("✓ done")
        before = looks
        jobs = user.app.screen
        assert isinstance(jobs, Jobs)
        for _ in range(5):
            jobs._look()
            await user.waits()
        assert looks == before
        ended(world, Save(), JobState.FAILED, error="no luck")
        jobs._look()
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


def test_a_stall_is_told_only_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    pulse = Pulse(lambda: now)
    monkeypatch.setattr("tui.lookout.standstill", lambda _pid: ("", 0))

    def view(done: int) -> JobView:
        progress = ProgressView("Saving", done, 100, 0.0, None)
        return JobView(1, "snapstow save", "save", JobState.RUNNING, 0.0, progress, "", (), "", {})

    assert pulse.words(view(1), []) == ""
    now = 29.0
    assert pulse.words(view(1), []) == ""
    now = 47.0
    assert pulse.words(view(1), []) == "stalled? no news for 40 s"
    assert pulse.words(view(2), []) == ""
    now = 60.0
    monkeypatch.setattr("tui.lookout.standstill", lambda _pid: ("waiting for another job", 0))
    assert pulse.words(view(2), []) == "waiting for another job"


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

    monkeypatch.setattr("tui.jobverbs.time.sleep", interrupted)
    monkeypatch.setattr("tui.jobverbs.Runner.stop", lambda _runner, _record: None)
    with running(world, Save()):
        code = main(["--root", str(world.root), verb, "1"])
    again = f"snapstow --root {world.root} attach 1"
    assert code == 130
    assert capsys.readouterr().err == f"job 1 {words}; attach again with: {again}\n"
