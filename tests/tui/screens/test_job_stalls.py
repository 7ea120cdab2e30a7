"""Jobs that stand still, and how they end on the command line."""

import pytest

from backend.jobs import JobState
from backend.operations import Check, Save
from tests.support.builders import World
from tests.tui.support.jobs_world import ended, make_world, opens, running
from tests.tui.support.patient import Patient, patiently
from tui.cli.main import main
from tui.session.job_views import JobBoard, JobView

world = pytest.fixture(make_world)


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
        await (await opens(user)).sees("Save all snaps  ✓ done")
        before = looks
        for _ in range(5):
            await user.lets_time_pass()
        assert looks == before
        ended(world, Save(), JobState.FAILED, error="no luck")
        await user.lets_time_pass()
        await user.sees("✗ failed")

    patiently(str(world.root), tell)


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
