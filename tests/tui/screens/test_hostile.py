"""What others wrote is shown as it is, in bounds, and keeps nobody from working."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.fs.locks import FileLock
from backend.jobs import ForeignJournal, JobState
from backend.jobs.result import parse_result
from backend.model import User
from tests.support.builders import World
from tests.tui.support.driver import Snapstow
from tui.session.job_progress import LONGEST
from tui.session.job_views import JobBoard, JobView
from tui.views.job_endings import ending_text

SAVE = {"verb": "save", "snaps": ["[red]\x1b[31m"]}
ABSURD_TIMES = [float("nan"), float("inf"), -float("inf"), 1e300, -1e300, 10**30, -1, 1 << 52]


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[ForeignJournal]:
    """A journal with one job that seems to run."""
    folder = tmp_path / "state/jobs/1"
    folder.mkdir(parents=True)
    header = {"operation": SAVE, "root": {}, "started": time.time(), "pid": os.getpid(), "uid": 0}
    (folder / "operation.json").write_text(json.dumps(header))
    with FileLock(str(folder / "alive"), "busy").held():
        yield ForeignJournal(User("mallory", os.geteuid(), os.getegid(), str(tmp_path)), "state")


def tell(journal: ForeignJournal, tmp_path: Path, *events: object) -> JobView:
    """What a screen knows of the job once it told these events."""
    lines = "\n".join(json.dumps(event) for event in events)
    (tmp_path / "state/jobs/1/events.jsonl").write_text(f"{lines}\n")
    (view,) = JobBoard(journal).views()
    return view


def test_words_without_end_are_cut(journal: ForeignJournal, tmp_path: Path) -> None:
    endless = "e\u0301" * 50_000
    view = tell(
        journal,
        tmp_path,
        {"event": "started", "title": endless, "total": 10**300},
        {"event": "entered", "part": endless},
        {"event": "part", "part": endless, "done": -(10**300), "total": 5},
        {"event": "noted", "text": endless},
    )
    progress = view.progress
    names = [phase.title for phase in progress.phases] + [part.name for part in progress.parts]
    texts = [*names, progress.part, *progress.notes]
    assert [len(text) for text in texts] == [LONGEST] * 4


@pytest.mark.parametrize("until", ABSURD_TIMES)
def test_the_end_of_a_job_is_told_whatever_time_its_journal_says(until: float) -> None:
    result = parse_result({"state": "done", "undo_until": until, "ended": until})
    view = JobView(
        3, "snapstow restore 1", "restore 1", JobState.DONE, 0.0, result=result, title="restore #1"
    )
    assert ending_text(view, 1e9).startswith("Restored #1 in ")


def test_one_endless_command_does_not_widen_the_list_of_jobs(tmp_path: Path) -> None:
    snapstow = Snapstow(World(tmp_path / "root"))
    assert snapstow("restore", "1", f"--to=/{'n' * 3000}").code != 0
    assert snapstow("check-snapshot", "--all").code == 0
    assert len(snapstow("jobs").out.splitlines()[-1]) < 200
