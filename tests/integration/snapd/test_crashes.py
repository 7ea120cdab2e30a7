"""Jobs that died while a real snapd went on with what they had asked for."""

from pathlib import Path
from typing import Any

import pytest

from backend.engine.select import files_engine
from backend.errors import BlockedError
from backend.jobs.record import JobState
from backend.operations import Export, Forget, Restore, Save, Undo
from backend.progress import Progress
from tests.support.builders import tree_of
from tests.support.realsnapd import RealSnapd
from tests.support.snapdworld import NEW, change, dead_job, do, engine, hello_there, saving, sets

__all__ = ["hello_there"]

pytestmark = pytest.mark.snapd


def test_changes_going_on_without_us_end_with_snapds_end(snapd: RealSnapd) -> None:
    with saving(snapd) as await_gzip:
        answer = snapd.api("POST", "/v2/snaps", {"action": "snapshot"})
        step = {"change": answer["change"], "action": "save", "set_id": 1}
        number = dead_job(snapd, Save(), {"asked": "save"}, step)
        await_gzip()
        assert engine(snapd).tidy(Progress()) == []
        with pytest.raises(BlockedError, match="snapd goes on with it"):
            engine(snapd).resolve(number, finish=True)
        assert {finding.kind for finding in engine(snapd).findings()} == {"interrupted", "change"}
        ways = engine(snapd).resolutions(number)
        assert f"snapd goes on with it, as change {answer['change']}" in ways.finish.refusal
        assert f"snap abort {answer['change']}" in ways.take_back.refusal
    snapd.wait(answer)
    (message,) = engine(snapd).tidy(Progress())
    assert message == f"job {number} (save) had been interrupted; snapd completed it"
    record = engine(snapd).journal.record(number)
    assert (record.state, record.result.set_id, record.result.snaps) == (JobState.DONE, 1, ("hello",))


def test_a_job_is_ended_by_hand_as_snapd_ended_it(hello: RealSnapd) -> None:
    hello.save()
    number = dead_job(hello, Save(), {"asked": "save"}, {"change": "1", "action": "save", "set_id": 1})
    ways = engine(hello).resolutions(number)
    assert (ways.finish.refusal, ways.take_back.refusal) == ("", "snapd has ended it already")
    with pytest.raises(BlockedError, match="cannot roll back job 1"):
        engine(hello).resolve(number, finish=False)
    assert "snapd completed it" in engine(hello).resolve(number, finish=True).text
    assert engine(hello).journal.record(number).state is JobState.DONE


def test_a_dead_export_is_ended_while_snapd_runs(hello: RealSnapd, tmp_path: Path) -> None:
    part = tmp_path / "e.part"
    part.touch()
    number = dead_job(hello, Export(1, str(tmp_path / "e")), {"part": str(part), "file": str(tmp_path / "e")})
    assert engine(hello).tidy(Progress()) == [
        f"job {number} (export-snapshot) had been interrupted; nothing of it is left"
    ]
    assert not part.exists()
    left = dead_job(hello, Forget(1), {"forget": []})
    assert engine(hello).tidy(Progress()) == []
    assert engine(hello).journal.record(left).state is JobState.INTERRUPTED


def test_jobs_of_snapd_are_left_to_snapd_by_the_files_engine(hello: RealSnapd) -> None:
    number = dead_job(hello, Restore(1), {"asked": "restore"}, {"change": "1", "action": "restore"})
    hello.stop()
    files = files_engine(str(hello.base))
    assert files.tidy(Progress()) == []
    assert files.journal.record(number).state is JobState.INTERRUPTED
    assert "snapd was asked to do it" in files.resolutions(number).finish.refusal


def test_an_interrupted_restore_keeps_its_undo(hello: RealSnapd) -> None:
    do(hello, Save())
    change(hello.data("hello"), NEW)
    hello.save()
    answer = hello.api("POST", "/v2/snapshots", {"action": "restore", "set": 1})
    hello.wait(answer)
    guard = {"set_id": 2, "snaps": ["hello"], "users": ["alice"], "made": []}
    steps = ({"asked": "guard"}, {"change": "2", "action": "guard", "set_id": 2}, {"guard": guard})
    last = {"change": answer["change"], "action": "restore", "set_id": 1}
    number = dead_job(hello, Restore(1), *steps, {"asked": "restore"}, last)
    engine(hello).tidy(Progress())
    assert [offer.job for offer in engine(hello).undo_offers()] == [number]
    do(hello, Undo())
    assert (tree_of(hello.data("hello")), sets(hello)) == (NEW, [1])


@pytest.mark.parametrize("action", ["guard", "restore"])
def test_an_interrupted_restore_that_did_nothing_leaves_no_guard(hello: RealSnapd, action: str) -> None:
    hello.save()
    hello.save()
    failed = hello.wait(hello.api("POST", "/v2/snaps", {"action": "snapshot", "users": ["ghost"]}))
    number = failed["id"] if action == "restore" else "2"
    guard = {"set_id": 2, "snaps": ["hello"], "users": [], "made": []}
    steps = [{"guard": guard}] if action == "restore" else []
    last = {"change": number, "action": action, "set_id": 2}
    job = dead_job(hello, Restore(1), *steps, {"asked": action}, last)
    engine(hello).tidy(Progress())
    assert (sets(hello), engine(hello).journal.record(job).state) == ([1], JobState.ROLLED_BACK)


@pytest.mark.parametrize(
    "steps", [({"asked": "save"},), ({"asked": "save"}, {"change": "99", "action": "save"})]
)
def test_changes_that_snapd_does_not_know_are_called_unknown(
    hello: RealSnapd, steps: tuple[dict[str, Any], ...]
) -> None:
    number = dead_job(hello, Save(), *steps)
    (message,) = engine(hello).tidy(Progress())
    assert "whether snapd did it is not known any more" in message
    assert engine(hello).journal.record(number).state is JobState.FAILED
