"""Following what a real snapd does: its bytes, stops, restarts, conflicts, changes of others."""

import os
import threading
from pathlib import Path

import pytest

from backend.engine.daemon import SnapdTask
from backend.engine.snapd.follow import UnpackedBytes
from backend.errors import Cancelled, ConflictError
from backend.jobs.record import JobState
from backend.operations import Export, Forget, Import, Restore, Save
from backend.progress import Advanced, Entered, Event, PartAdvanced, Planned, Progress, Started
from backend.results import Result
from backend.store.verifications import VerificationLog
from tests.support.realsnapd import RealSnapd
from tests.support.snapdworld import do, engine, hello_there, install, saving, sets

__all__ = ["hello_there"]

pytestmark = pytest.mark.snapd


def test_a_stop_aborts_the_change_and_waits_until_it_is_undone(snapd: RealSnapd) -> None:
    with saving(snapd) as await_gzip:

        def stop(progress: Progress, event: Event) -> None:
            if isinstance(event, PartAdvanced) and not progress.stopping:
                await_gzip()
                progress.stop()
            if event == Entered("hello (abort)"):
                await_gzip.open()  # snapd waits for whatever tar has started

        with pytest.raises(Cancelled):
            do(snapd, Save(), stop)
        (change,) = snapd.api("GET", "/v2/changes?select=all")["result"]
        assert (change["status"], change["ready"]) == ("Error", True)
    assert (sets(snapd), list(snapd.snapshots.iterdir())) == ([], [])
    assert engine(snapd).journal.records()[-1].state is JobState.CANCELLED


def test_bytes_are_those_of_the_files(hello: RealSnapd) -> None:
    (hello.data("hello") / "x1/big").write_bytes(os.urandom(4 << 20))
    events: list[Event] = []
    do(hello, Save(), lambda _job, event: events.append(event))
    size = (hello.snapshots / "1_hello_1.0_x1.zip").stat().st_size
    ended = [event for event in events if isinstance(event, PartAdvanced) and event.ended]
    assert ended == [PartAdvanced("hello", size, None, ended=True)]
    assert [event for event in events if isinstance(event, Advanced)][-1].done == size
    measuring, saving = [event for event in events if isinstance(event, Started)]
    assert (measuring.title, saving.title, saving.about) == ("Measuring", "Saving", True)
    assert saving.total == pytest.approx(4 << 20, rel=0.01), "a forecast, as nothing is known of its ratio"
    events.clear()
    exported = str(hello.base / "export")
    do(hello, Export(1, exported))
    do(hello, Forget(1))
    do(hello, Import(exported), lambda _job, event: events.append(event))
    done = [event.done for event in events if isinstance(event, Advanced)]
    assert os.path.getsize(exported) - (1 << 20) <= done[-1] <= os.path.getsize(exported)


def test_the_forecast_is_what_the_last_save_came_to(hello: RealSnapd) -> None:
    (hello.data("hello") / "x1/zeros").write_bytes(bytes(8 << 20))
    do(hello, Save())
    snapshots = engine(hello).sets(1)[0].snapshots
    ledger = VerificationLog(engine(hello).journal.folder)
    assert [*ledger.learn_unpacked(snapshots, Progress())]
    events: list[Event] = []
    do(hello, Save(), lambda _job, event: events.append(event))
    saving = [event for event in events if isinstance(event, Started)][-1]
    assert saving.total == pytest.approx(snapshots[0].size, rel=0.2)


def test_the_guard_before_a_restore_shows_its_bytes_against_a_forecast(hello: RealSnapd) -> None:
    (hello.data("hello") / "x1/big").write_bytes(os.urandom(4 << 20))
    do(hello, Save())
    events: list[Event] = []
    do(hello, Restore(1), lambda _job, event: events.append(event))
    (planned,) = [event for event in events if isinstance(event, Planned)]
    titles = [step.title for step in planned.steps]
    assert titles == ["Checking", "Saving the present data", "Restoring"]
    guard = next(event for event in events if isinstance(event, Started) and event.title == titles[1])
    assert guard.about
    assert guard.total == pytest.approx(4 << 20, rel=0.01)
    begun = events.index(guard)
    counts = [event.done for event in events[begun:] if isinstance(event, Advanced)]
    assert max(counts) >= 4 << 20


def test_changes_of_others_can_be_followed_and_left(snapd: RealSnapd) -> None:
    with saving(snapd) as await_gzip:
        number = snapd.cli("save", "--no-wait").stdout.strip()
        await_gzip()
        (running,) = engine(snapd).daemon.changes()
        assert (running.id, running.kind, running.set_id, running.ready) == (
            number,
            "snapshot-snap",
            1,
            False,
        )
        (finding,) = [finding.text for finding in engine(snapd).findings() if finding.kind == "change"]
        assert finding == f"Snapshot all snaps: Doing; attach snapd/{number} follows it"
        progress = Progress()
        progress.stop()
        with pytest.raises(Cancelled):
            engine(snapd).daemon.attach(number, progress)
    events: list[Event] = []
    ended = engine(snapd).daemon.attach(number, Progress(events.append))
    size = (snapd.snapshots / "1_hello_1.0_x1.zip").stat().st_size
    assert events[0] == Started("Snapshot all snaps", None)
    assert events[-1] == Advanced(size)
    assert (ended.status, ended.done, sets(snapd)) == ("Done", True, [1])


def test_a_change_outlives_a_restart_of_snapd(snapd: RealSnapd) -> None:
    made: list[Result] = []
    with saving(snapd) as await_gzip:
        worker = threading.Thread(target=lambda: made.append(do(snapd, Save())))
        worker.start()
        await_gzip()
        snapd.kill()
    snapd.start()
    worker.join(60)
    assert [group.set_id for group in made] == [1]
    assert sets(snapd) == [1]


def test_conflicts_are_told_by_name(snapd: RealSnapd) -> None:
    install(snapd, "hello")
    with snapd.gate("tar", "--extract") as await_tar:
        snapd.start()
        snapd.save()
        snapd.api("POST", "/v2/snapshots", {"action": "restore", "set": 1})
        await_tar()
        for operation in (Save(), Restore(1, undo_window=0), Forget(1)):
            with pytest.raises(ConflictError, match="in progress; attach snapd/2 waits for it"):
                do(snapd, operation)


def test_unpacked_bytes_never_shrink(tmp_path: Path) -> None:
    (tmp_path / ".snapshot123").mkdir()
    (tmp_path / ".snapshot123/f").write_bytes(b"x" * 100)
    (tmp_path / "x1").mkdir()
    (tmp_path / "x1/f").write_bytes(b"x" * 5000)
    task = SnapdTask('Restore data of snap "hello" from snapshot set #1', "Doing")
    observe = UnpackedBytes({"hello": [str(tmp_path), str(tmp_path / "absent")]})
    assert observe(task) == 100
    (tmp_path / ".snapshot123/f").unlink()
    assert (observe(task), UnpackedBytes({})(task)) == (100, 0)
