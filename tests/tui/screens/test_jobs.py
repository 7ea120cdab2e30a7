"""The screen of jobs: how each stands, live, and what can be done about it."""

import fcntl
import json
import os
from pathlib import Path
from typing import Any

import pytest

from backend.jobs import JobState
from backend.jobs.other_users import ForeignJournal
from backend.jobs.result import JobResult, parse_result
from backend.model import User
from backend.operations import Check, Save
from tests.support.builders import World, plant
from tests.tui.support.jobs_world import ended, make_world, opens, running
from tests.tui.support.patient import Patient, patiently
from tui.session.job_progress import JobProgress, PhaseView
from tui.session.job_views import JobView
from tui.views.progress_text import flat, width_of
from tui.widgets.job_strip import strip_line

world = pytest.fixture(make_world)


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
        for text in ("✓ done", "✗ failed", "- cancelled", "~ partial", "✗ 1 bad", "5 jobs"):
            assert text in user.screen()
        await (await user.presses("j")).sees("a thing was not saved")
        await (await user.presses("j", "j")).sees("cannot check: \\x1b]0;T\\x07 [/red] no")
        await (await user.presses("j")).sees("Saved as #7: all snaps")

    patiently(str(world.root), tell, size)


def test_a_running_job_is_followed_until_it_ends(world: World) -> None:
    async def tell(user: Patient) -> None:
        with running(world, Save(), {"event": "started", "title": "Saving", "total": 2_000_000}) as record:
            await (await opens(user)).sees("▶ running")
            record.tell({"event": "advanced", "done": 1_000_000})
            record.tell({"event": "entered", "part": "hello, alice"})
            record.tell({"event": "noted", "text": "a socket was left out"})
            await user.sees("1.0 of 2.0 MB")
            await user.sees("now  hello, alice")
            record.tell({**part("hello, bob", 500_000), "file": "common/a[/]\x1b.jpg"})
            await user.sees("now  hello, bob: common/a[/]\\x1b.jpg")
            record.tell(part("hello, alice", 0))
            await user.sees("now  common/a[/]\\x1b.jpg")
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
            await user.sees(f"snap1  {'━' * 3}{'─' * 27}  0.1 of 1.0 MB")
            await user.sees("· 1 warning")
            if size[1] == 40:
                await user.sees("  0.8 of 1.0 MB")
            else:
                await user.sees("more under way")
            for number in range(1, 8):
                record.tell(part(f"snap{number}", 1_000_000, ended=True))
            await user.sees("now  snap8")
            assert "snap7  " not in user.screen()
            assert "of 1.0 MB" not in user.screen(), "one part needs no bar of its own"
            record.finish(JobState.DONE, JobResult(2))
        await user.sees("3.6 MB")
        await user.sees("· 1 warning")
        assert "Saved as #2: all snaps in 0:0" in user.screen()
        assert "under way" not in user.screen()

    patiently(str(world.root), tell, size)


def test_why_a_job_does_not_move_is_seen_in_the_strip_too(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "tui.session.job_views.StallDetector.reason", lambda *_all: "waiting for job 7 (save) to finish"
    )

    async def tell(user: Patient) -> None:
        with running(world, Save(), {"event": "started", "title": "Saving", "total": None}):
            await user.sees("job 1 save all snaps: waiting for job 7 (save) to finish")
            await (await opens(user)).sees("waiting for job 7 (save) to finish")

    patiently(str(world.root), tell, (80, 24))


def view(number: int, state: JobState, **facts: Any) -> JobView:
    progress = JobProgress((PhaseView("Saving", 10, 4_000_000, has_begun=True),), 5.0, 12.0)
    return JobView(number, "snapstow save", "save", state, 0.0, progress)._replace(**facts)


FAULTY = {"verdicts": [{"fault": "it is damaged"}]}


def test_the_strip_is_one_line_at_any_width() -> None:
    run = [view(number, JobState.RUNNING, stall="waiting " * number) for number in (2, 0)]
    bad = [
        view(1, JobState.FAILED),
        view(3, JobState.INTERRUPTED),
        view(4, JobState.DONE, result=parse_result(FAULTY)),
    ]
    for views in (run, bad, [*run, *bad], [run[1], *bad]):
        for width in (40, 60, 80, 200):
            line = strip_line(views, width)
            assert flat(line)
            assert "\n" not in flat(line)
            assert width_of(line) <= width
    assert flat(strip_line(bad, 80)) == "3 failed or interrupted: J shows them"
    assert flat(strip_line(bad, 20)) == "3 failed: J"
    assert "(+1)" in flat(strip_line(run, 80))


def test_jobs_already_seen_are_no_news() -> None:
    seen = [view(1, JobState.FAILED, seen=True), view(2, JobState.DONE)]
    assert strip_line(seen, 80) == ()
    assert strip_line([], 80) == ()


def test_failures_that_were_looked_at_leave_the_strip(world: World) -> None:
    ended(world, Save(), JobState.FAILED, error="no luck")

    async def tell(user: Patient) -> None:
        await user.sees("1 failed or interrupted: J shows it")
        await (await opens(user)).sees("no luck")
        await user.presses("escape")
        for _ in range(3):
            await user.lets_time_pass()
        assert "failed or interrupted" not in user.screen()
        ended(world, Check(1), JobState.DONE, verdicts=FAULTY["verdicts"])
        await user.lets_time_pass()
        await user.sees("1 failed or interrupted: J shows it")

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
        lines = "".join(f"{json.dumps(event)}\n" for event in events)
        documents = {"operation.json": json.dumps(header), "alive": "", "events.jsonl": lines, **more}
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
            await (await user.presses("j", "j")).sees("▶ running")
            if size[0] == 80:
                await user.sees("job alice/3")
            for key, text in (
                ("x", "cannot stop job alice/3"),
                ("u", "cannot undo job alice/3"),
                ("t", "cannot end"),
            ):
                await (await user.presses(key)).sees(text)
            await (await user.presses("k")).sees("✗ failed")
            await user.sees("alice/4")
            await user.presses("enter")
            await (await user.presses("escape")).sees("alice/3")
        assert "\x1b" not in user.screen()

    patiently(str(world.root), tell, size)
