"""What became of a job, in one sentence, with what can be done next."""

from typing import Any

import pytest

from backend import Check, Export, Extract, Forget, Import, Operation, Restore, Save, Undo
from backend.jobs import JobState
from backend.jobs.result import parse_result
from tui.session.job_titles import operation_title
from tui.session.job_views import JobView
from tui.text import moment_text
from tui.views.job_endings import ending_text
from tui.views.job_stopping import stopping_lines

NOW = 2_000_000_000.0
UNTIL = NOW + 86_000


def ended(operation: Operation, state: JobState = JobState.DONE, **result: Any) -> JobView:
    document = {"ended": NOW, **result}
    title = operation_title(operation)
    return JobView(
        7, "", "", state, NOW - 100, error=result.get("error", ""), result=parse_result(document), title=title
    )


FAULT = {"set_id": 3, "snap": "a", "entry": "archive.tgz", "size": 1, "fault": "it is damaged"}
SOUND = {**FAULT, "fault": ""}


@pytest.mark.parametrize(
    ("view", "text"),
    [
        (
            ended(Restore(86, ("nextcloud",)), undo_until=UNTIL),
            f"Restored #86 nextcloud in 1:40 · undo until {moment_text(UNTIL)} (u)",
        ),
        (
            ended(Restore(86, target_dir="/srv/x"), beside="/srv/x"),
            "Restored #86 into /srv/x in 1:40 · nothing was replaced",
        ),
        (ended(Save(("a", "b")), set_id=11), "Saved as #11: a, b in 1:40"),
        (ended(Save(), set_id=11), "Saved as #11: all snaps in 1:40"),
        (ended(Import("/srv/b.snapshot"), set_id=12), "Imported b.snapshot as #12 in 1:40"),
        (
            ended(Import("/srv/b.snapshot"), set_id=12, duplicate=True),
            "Nothing was added: b.snapshot is identical to #12; read in 1:40",
        ),
        (ended(Export(3, "/srv/b.snapshot")), "Exported #3 to /srv/b.snapshot in 1:40"),
        (ended(Forget(3, ("a",)), freed=6_200_000), "Forgot #3 a in 1:40 · freed 6.2 MB"),
        (ended(Check(3), verdicts=[SOUND]), "Checked #3 in 1:40 · it is sound"),
        (
            ended(Check(), verdicts=[FAULT, {**SOUND, "snap": "b"}], exit=4),
            "Checked all sets in 1:40 · 1 of 2 snapshots bad: J shows more",
        ),
        (
            ended(Extract(3, ("a:f", "a:g")), JobState.PARTIAL, left_out=["g"]),
            "Extracted 2 paths of #3 in 1:40 · 1 skipped: J shows more",
        ),
        (
            ended(Undo(5), set_id=86, snaps=["nextcloud"], undo_until=UNTIL),
            f"Undone: job 5 (#86 nextcloud) in 1:40 · that can be undone until {moment_text(UNTIL)} (u)",
        ),
        (ended(Save(), JobState.FAILED, error="no luck"), "Save all snaps failed: no luck"),
        (ended(Restore(86), JobState.CANCELLED), "Restore #86 was stopped, and undone"),
        (ended(Restore(86), JobState.INTERRUPTED), "Restore #86 was interrupted: its process is gone"),
    ],
)
def test_a_job_ends_in_one_sentence_with_what_can_be_done_next(view: JobView, text: str) -> None:
    assert ending_text(view, NOW) == text


def test_undoing_is_told_as_the_reader_would_do_it() -> None:
    view = ended(Restore(86), undo_until=UNTIL)
    assert ending_text(view, NOW, undo="snapstow undo 7").endswith("(snapstow undo 7)")
    assert "undo" not in ending_text(view, UNTIL + 1)


@pytest.mark.parametrize(
    "operation",
    [Save(), Check(1), Restore(1), Extract(1, ("a:f",)), Undo(1), Forget(1), Export(1, "/f"), Import("/f")],
)
def test_stopping_says_what_it_does_for_each_kind(operation: Operation) -> None:
    lines = stopping_lines(ended(operation, JobState.RUNNING))
    assert lines[0] != "What it has done so far is undone."
    assert all(line.endswith(".") for line in lines)
