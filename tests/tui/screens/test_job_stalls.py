"""Jobs that stand still, and how they end on the command line."""

import os
from dataclasses import replace

import pytest

from backend.jobs import JobState
from backend.operations import Check, Save
from tests.support.builders import World
from tests.tui.support.jobs_world import ended, make_world, opens, running
from tests.tui.support.patient import Patient, patiently
from tui.cli.main import main
from tui.session.job_views import JobBoard, JobView
from tui.session.stalls import StallDetector, blocker, standstill

world = pytest.fixture(make_world)
LOCKS = """1: FLOCK  ADVISORY  WRITE 6866 fe:00:2146360 0 EOF
1: -> FLOCK  ADVISORY  WRITE 7040 fe:00:2146360 0 EOF
2: POSIX  ADVISORY  WRITE 7048 fe:00:2179503 0 EOF
3: FLOCK  ADVISORY  WRITE 7040 00:1b:9131 0 EOF
"""


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

    def notice(sign: int) -> str:
        return pulse.reason(record, sign, list)

    assert notice(1) == ""
    now = 29.0
    assert notice(1) == ""
    now = 47.0
    assert notice(1) == "stalled? no progress for 40 s"
    assert notice(2) == ""
    now = 60.0
    monkeypatch.setattr("tui.session.stalls.standstill", lambda _pid: ("waiting for another job", 0))
    assert notice(2) == "waiting for another job"
    monkeypatch.setattr("tui.session.stalls.standstill", lambda _pid: ("waiting for another job", record.pid))
    assert pulse.reason(record, 2, lambda: [record]) == "waiting for job 1 (save) to finish"


def test_a_job_of_days_tells_its_counts_rarely_and_is_not_stalled(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr("tui.session.stalls.standstill", lambda _pid: ("", 0))
    with running(world, Save()):
        (record,) = world.engine.journal.records()
    old = replace(record, header={**record.header, "started": record.started - 100_000})
    pulse = StallDetector(lambda: now)
    pulse.reason(old, 1, list)
    now = 100.0
    assert pulse.reason(old, 1, list) == ""
    now = 300.0
    assert pulse.reason(old, 1, list) == "stalled? no progress for 300 s"


@pytest.mark.parametrize("facts", [{}, {"exit": 4}])
def test_attach_tells_that_a_check_found_faults(
    world: World, facts: dict[str, int], capsys: pytest.CaptureFixture[str]
) -> None:
    verdict = {"set_id": 1, "snap": "hello", "entry": "archive.tgz", "size": 1}
    verdicts = [{**verdict, "fault": "it is damaged"}, {**verdict, "fault": ""}]
    ended(world, Check(1), JobState.DONE, verdicts=verdicts, **facts)
    assert main(["--root", str(world.root), "attach", "1"]) == 4
    assert "verification failed: 1 snapshot is bad" in capsys.readouterr().out


@pytest.mark.parametrize(("verb", "text"), [("attach", "keeps running"), ("stop", "was asked to stop")])
def test_ctrl_c_leaves_the_job_and_says_so(
    world: World,
    verb: str,
    text: str,
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
    assert capsys.readouterr().err.endswith(f"job 1 {text}; attach again with: {again}\n")
