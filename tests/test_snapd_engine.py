"""What the snapd engine does with a real snapd: users, guards, stops, crashes, conflicts, files it hides."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from backend.errors import (
    BlockedError,
    Cancelled,
    ConflictError,
    IntegrityError,
    InvalidInputError,
    NoSpaceError,
    NotAllowedError,
    NotFoundError,
    SnapshotError,
)
from backend.job import Advanced, Entered, Event, Job, Noted, PartAdvanced, Started
from backend.journal import JobState
from backend.model import ARCHIVE
from backend.operation import Export, Forget, Import, Operation, Restore, Result, Save, Undo, to_json
from backend.performing import perform_recorded
from backend.places import engine_for, files_engine
from backend.restoring import RestorePlan
from backend.snapd.answers import Asked, Task
from backend.snapd.changes import UnpackedBytes
from backend.snapd.client import Client
from backend.snapd.engine import SnapdEngine
from tests.builders import Tree, plant, snapshot_of, tgz, tree_of, write_snapshot
from tests.realsnapd import HERE, Gate, RealSnapd

pytestmark = pytest.mark.snapd

OLD: Tree = {"x1": {"settings": "old"}, "common": {"db": "old"}}
NEW: Tree = {"x1": {"settings": "new"}, "common": {"db": "new", "more": "1"}}


@pytest.fixture
def hello(snapd: RealSnapd) -> RealSnapd:
    """A running snapd with one snap, data of the system and of alice."""
    install(snapd, "hello", conf={"a": 1})
    if "alice" in snapd.users:  # without root there is only root
        own(snapd, "alice", "hello", OLD)
    return snapd.start()


def install(snapd: RealSnapd, name: str, **facts: Any) -> None:
    plant(snapd.install(name, **facts), OLD)


def own(snapd: RealSnapd, user: str, name: str, tree: Tree) -> None:
    """Make `tree` a user's data of a snap."""
    data = snapd.furnish_user(user, name)
    change(data, tree)
    snapd.give(data, user)


def change(data: Path, tree: Tree) -> None:
    """Make `tree` all the data below a directory."""
    for part in ("x1", "common"):
        for path in (data / part).iterdir():
            path.unlink()
    plant(data, tree)


def engine(snapd: RealSnapd) -> SnapdEngine:
    found = engine_for(str(snapd.base))
    assert isinstance(found, SnapdEngine)
    return found


def do(snapd: RealSnapd, operation: Operation, hear: Callable[[Job, Event], None] | None = None) -> Result:
    """Carry an operation out as a job; `hear` gets its events."""

    def watch(job: Job) -> Callable[[Event], None]:
        return lambda event: hear(job, event) if hear else None

    return perform_recorded(operation, engine(snapd), watch)


def sets(snapd: RealSnapd) -> list[int]:
    return [one.set_id for one in engine(snapd).sets()]


# -- which engine


def test_auto_is_snapd_while_it_answers(snapd: RealSnapd) -> None:
    root = str(snapd.base)
    assert engine_for(root).name == "files"
    snapd.start()
    found = engine_for(root)
    assert (found.name, found.refusal("save"), engine_for(root, "snapd").name) == ("snapd", None, "snapd")
    why, kept = found.about()
    assert f"answers at {root}/run/snapd.socket" in why
    assert kept == "Automatic snapshots are kept for 744h"
    files = engine_for(root, "files")
    assert "use --engine snapd, or stop snapd first" in str(files.refusal("save"))
    with pytest.raises(ConflictError, match="cannot repair"):
        found.repair(Job())
    snapd.stop()
    assert engine_for(root).name == "files"


# -- saving


@pytest.mark.root
def test_save_of_users_and_snaps(hello: RealSnapd) -> None:
    own(hello, "bob", "hello", OLD)
    assert do(hello, Save()).snaps == ("hello",)
    do(hello, Save(("hello", "hello"), ("alice",)))
    users = [one.snapshots[0].users for one in engine(hello).sets()]
    assert users == [["alice", "bob"], ["alice"]]
    with pytest.raises(NotFoundError, match="unknown user ghost"):
        do(hello, Save(users=("ghost",)))
    assert sets(hello) == [1, 2]


def test_what_a_save_keeps(snapd: RealSnapd) -> None:
    install(snapd, "hello", exclude=["$SNAP_COMMON/cache"], conf={"a": [1, "ä<"]})
    (snapd.data("hello") / "common/cache").write_text("excluded by the snap")
    snapd.start()
    made = do(snapd, Save())
    (one,) = engine(snapd).sets(made.set_id)[0].snapshots
    assert json.loads(json.dumps(one.conf, default=lambda number: int(number.literal))) == {"a": [1, "ä<"]}
    change(snapd.data("hello"), NEW)
    do(snapd, Restore(made.set_id))
    assert tree_of(snapd.data("hello")) == OLD


def test_a_snap_without_data_makes_no_broken_snapshot(hello: RealSnapd) -> None:
    hello.stop()
    data = hello.install("void")
    for part in ("x1", "common"):
        (data / part).rmdir()
    hello.start()
    notes: list[str] = []
    made = do(
        hello, Save(), lambda _job, event: notes.append(event.text) if isinstance(event, Noted) else None
    )
    assert (made.snaps, made.exit_code) == (("hello",), 0)
    assert 'snap "void" has no data: there is nothing to save of it' in notes
    assert [s.broken for one in engine(hello).sets() for s in one.snapshots] == [""]
    with pytest.raises(NotFoundError, match="no data"):
        do(hello, Save(("void",)))


@pytest.mark.parametrize(
    ("operation", "reason"),
    [
        (Save(exclude=("$SNAP_DATA/x",)), r"snapd 2\.57\.[^ ]* takes no patterns to exclude, 2\.60 does"),
        (Save(accept_changed=True), "leave out --accept-changed"),
        (Restore(1, revision="x9"), "onto the installed revision only"),
        (Import("-", snaps=("a",)), "snapd takes a file as a whole"),
    ],
)
def test_what_snapd_cannot_do_is_refused_beforehand(
    hello: RealSnapd, operation: Operation, reason: str
) -> None:
    hello.save()
    if not isinstance(operation, Restore):  # of a restore the plan tells
        assert re.search(reason, engine(hello).refusal_of(operation))
    assert engine(hello).refusal_of(Save()) == ""
    with pytest.raises(InvalidInputError, match=reason) as refused:
        do(hello, operation)
    assert refused.value.exit_code == 5
    assert (sets(hello), len(hello.api("GET", "/v2/changes?select=all")["result"])) == ([1], 1)


def test_patterns_go_to_a_snapd_that_takes_them(hello: RealSnapd, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    honest = Client.save

    def save(client: Client, snaps: Any, users: Any = (), exclude: Any = None) -> Asked:
        asked.append(exclude)
        return honest(client, snaps, users, exclude)

    monkeypatch.setattr(Client, "save", save)
    for version in ("2.60", "2.63.1+ubuntu", "3.0"):
        monkeypatch.setattr(Client, "version", lambda _client, found=version: found)
        do(hello, Save(exclude=("$SNAP_DATA/x",)))
    assert asked == [{"hello": ("$SNAP_DATA/x",)}] * 3
    with pytest.raises(InvalidInputError):
        do(hello, Save(exclude=("/etc/passwd",)))
    assert len(asked) == 3


# -- undo


@pytest.mark.root
def test_undo_brings_back_whose_data_the_restore_replaced(hello: RealSnapd) -> None:
    do(hello, Save())
    own(hello, "bob", "hello", OLD)
    change(hello.data("hello"), NEW)
    change(hello.data("hello", "alice"), NEW)
    restored = do(hello, Restore(1))
    assert (sets(hello), restored.exit_code) == ([1, 2], 0)
    assert tree_of(hello.data("hello", "alice")) == OLD
    (guard,) = engine(hello).sets(2)[0].snapshots
    assert guard.users == ["alice"]
    change(hello.data("hello", "bob"), NEW)
    (offer,) = engine(hello).undo_offers()
    assert (offer.job, offer.set_id, offer.snaps, offer.held) == (
        restored.undo_job,
        1,
        ("hello",),
        guard.size,
    )
    assert do(hello, Undo()).exit_code == 0
    trees = [tree_of(hello.data("hello", user)) for user in (None, "alice", "bob")]
    assert trees == [NEW, NEW, NEW]
    assert (sets(hello), engine(hello).undo_offers()) == ([1], [])
    assert engine(hello).journal.record(restored.undo_job).result["undone"]
    with pytest.raises(NotFoundError, match="no restore to take back"):
        do(hello, Undo())


@pytest.mark.root
def test_undo_of_a_restore_without_users_leaves_them_alone(hello: RealSnapd) -> None:
    (hello.base / "home/alice/snap").rename(hello.base / "away")
    do(hello, Save())
    (hello.base / "away").rename(hello.base / "home/alice/snap")
    do(hello, Restore(1))
    change(hello.data("hello", "alice"), NEW)
    do(hello, Undo())
    assert tree_of(hello.data("hello", "alice")) == NEW


def test_undo_leaves_what_was_not_there(hello: RealSnapd) -> None:
    do(hello, Save())
    common = hello.data("hello") / "common"
    common.rename(hello.base / "away")
    do(hello, Restore(1))
    undone = do(hello, Undo())
    assert undone.left_out == (f"{common} was not there before the restore; it is left",)
    assert common.is_dir()


def test_an_undo_that_a_later_restore_is_in_the_way_of(hello: RealSnapd) -> None:
    do(hello, Save())
    jobs = [do(hello, Restore(1)).undo_job for _ in range(2)]
    with pytest.raises(ConflictError, match=f"job {jobs[1]} changed the same data later; undo that first"):
        do(hello, Undo(jobs[0]))
    do(hello, Undo(jobs[1]))
    do(hello, Undo(jobs[0]))
    assert sets(hello) == [1]


def test_a_guard_expires(hello: RealSnapd) -> None:
    do(hello, Save())
    restored = do(hello, Restore(1))
    journal = engine(hello).journal
    record = journal.record(restored.undo_job)
    journal.amend(record, {"undo_until": record.started})
    assert engine(hello).undo_offers() == []
    (said,) = engine(hello).tidy(Job())
    assert f"the undo of job {record.id} expired" in said
    assert sets(hello) == [1]
    assert engine(hello).tidy(Job()) == []


def test_a_guard_that_somebody_forgot_is_no_offer(hello: RealSnapd) -> None:
    do(hello, Save())
    do(hello, Restore(1))
    hello.act("forget", 2)
    assert engine(hello).undo_offers() == []
    with pytest.raises(NotFoundError):
        do(hello, Undo())


def test_without_undo_there_is_no_guard(hello: RealSnapd) -> None:
    do(hello, Save())
    assert do(hello, Restore(1, undo_window=0)).undo_until == 0.0
    assert sets(hello) == [1]


@pytest.mark.root  # else the owner in the archive has no number for snapd
def test_a_snap_that_is_not_installed_has_no_undo(snapd: RealSnapd) -> None:
    snapd.snapshots.mkdir()
    entries = {ARCHIVE: tgz(OLD)}
    snapshot = snapshot_of(1, "ghost", entries)
    write_snapshot(snapd.snapshots / "1_ghost_1.0_x1.zip", snapshot, entries)
    snapd.start()
    (plan,) = engine(snapd).plan(Restore(1))
    assert plan.notes == (
        'no undo: snap "ghost" is not installed, so that its present data cannot be saved before',
    )
    assert do(snapd, Restore(1)).undo_job == 0
    assert (tree_of(snapd.data("ghost")), sets(snapd)) == (OLD, [1])


def test_no_room_for_a_guard(hello: RealSnapd, monkeypatch: pytest.MonkeyPatch) -> None:
    do(hello, Save())
    change(hello.data("hello"), NEW)
    monkeypatch.setattr("backend.snapd.saving.free_space", lambda _path: 1000)
    with pytest.raises(NoSpaceError) as refused:
        do(hello, Restore(1))
    assert (refused.value.free, sets(hello), tree_of(hello.data("hello"))) == (1000, [1], NEW)
    do(hello, Restore(1, undo_window=0))
    assert tree_of(hello.data("hello")) == OLD


def test_what_was_restored_without_snapd_is_taken_back_without_it(snapd: RealSnapd) -> None:
    install(snapd, "hello")
    files = files_engine(str(snapd.base))
    perform_recorded(Save(), files, lambda _job: lambda _event: None)
    job = perform_recorded(Restore(1), files, lambda _job: lambda _event: None).undo_job
    snapd.start()
    assert [offer.job for offer in engine(snapd).undo_offers()] == [job]
    with pytest.raises(
        ConflictError, match=f"cannot undo job {job}: it was done while snapd was not running"
    ):
        do(snapd, Undo())


def test_the_files_engine_leaves_guards_alone(hello: RealSnapd) -> None:
    do(hello, Save())
    record = engine(hello).journal.record(do(hello, Restore(1)).undo_job)
    engine(hello).journal.amend(record, {"undo_until": record.started})
    hello.stop()
    files = files_engine(str(hello.base))
    assert (files.undo_offers(), files.tidy(Job())) == ([], [])
    assert [one.set_id for one in files.sets()] == [1, 2]
    assert "expired" not in files.journal.record(record.id).result


# -- restoring


def planned(snapd: RealSnapd, restore: Restore) -> RestorePlan:
    (plan,) = engine(snapd).plan(restore)
    return plan


def test_configuration_comes_back_and_goes(hello: RealSnapd) -> None:
    do(hello, Save())
    assert planned(hello, Restore(1)).notes == ()
    do(hello, Restore(1))
    assert json.loads(hello.cli("get", "-d", "hello").stdout) == {"a": 1}
    entries = {ARCHIVE: tgz(OLD)}
    write_snapshot(hello.snapshots / "9_hello_1.0_x1.zip", snapshot_of(9, "hello", entries), entries)
    assert planned(hello, Restore(9)).notes == (
        "the snapshot holds no configuration: snapd deletes the present one",
    )


@pytest.mark.root  # else the owner in the archive has no number for snapd
def test_onto_another_revision(snapd: RealSnapd) -> None:
    install(snapd, "hello")
    snapd.snapshots.mkdir()
    for number, tree in ((1, OLD), (2, {"common": {"db": "old"}})):
        entries = {ARCHIVE: tgz(tree)}
        snapshot = snapshot_of(number, "hello", entries)
        write_snapshot(snapd.snapshots / f"{number}_hello_1.0_x1.zip", snapshot, entries)
    snapd.install("hello", "2.0", "x2")
    snapd.start()
    do(snapd, Restore(1))
    assert (snapd.data("hello") / "x2/settings").read_text() == "old"
    (reason,) = planned(snapd, Restore(2)).reasons
    assert reason.startswith(
        "archive.tgz holds common/ only, which snapd cannot restore onto another revision"
    )
    assert "--to" in reason
    assert "--engine files" in reason
    with pytest.raises(BlockedError, match="holds common/ only"):
        do(snapd, Restore(2))
    with pytest.raises(RuntimeError, match="no such file"):
        snapd.act("restore", 2)


def test_damage_is_found_before_snapd_unpacks_it(hello: RealSnapd) -> None:
    do(hello, Save())
    (path,) = hello.snapshots.glob("1_*")
    raw = bytearray(path.read_bytes())
    raw[200] ^= 1
    path.write_bytes(raw)
    change(hello.data("hello"), NEW)
    with pytest.raises(IntegrityError):
        do(hello, Restore(1))
    changes = hello.api("GET", "/v2/changes?select=all")["result"]
    assert {one["kind"] for one in changes} == {"snapshot-snap"}
    assert tree_of(hello.data("hello")) == NEW


@pytest.mark.root
def test_users_that_cannot_be_restored_are_told(hello: RealSnapd) -> None:
    do(hello, Save())
    lines = (hello.base / "etc/passwd").read_text().splitlines(keepends=True)
    with open(hello.base / "etc/passwd", "r+") as passwd:  # it is mounted: the file itself must stay
        passwd.writelines(line for line in lines if not line.startswith("alice:"))
        passwd.truncate()
    restored = do(hello, Restore(1))
    assert restored.left_out == ('Skipping restore of user "alice": user: unknown user alice.',)
    assert restored.exit_code == 3


# -- following, stopping, crashing


@contextmanager
def saving(snapd: RealSnapd) -> Iterator[Gate]:
    """A running snapd whose saves wait."""
    install(snapd, "hello")
    (snapd.data("hello") / "x1/big").write_bytes(os.urandom(1 << 20))
    with snapd.gate() as await_gzip:
        snapd.start()
        yield await_gzip


def test_a_stop_aborts_the_change_and_waits_until_it_is_undone(snapd: RealSnapd) -> None:
    with saving(snapd) as await_gzip:

        def stop(job: Job, event: Event) -> None:
            if isinstance(event, PartAdvanced) and not job.stopping:
                await_gzip()
                job.stop()
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
    told: list[Event] = []
    do(hello, Save(), lambda _job, event: told.append(event))
    size = (hello.snapshots / "1_hello_1.0_x1.zip").stat().st_size
    ended = [event for event in told if isinstance(event, PartAdvanced) and event.ended]
    assert ended == [PartAdvanced("hello", size, None, ended=True)]
    assert [event for event in told if isinstance(event, Advanced)][-1].done == size
    (started,) = [event for event in told if isinstance(event, Started)]
    assert started.title == "Saving snapshot set #1 (4.2 MB to read); bytes written"
    told.clear()
    exported = str(hello.base / "export")
    do(hello, Export(1, exported))
    do(hello, Forget(1))
    do(hello, Import(exported), lambda _job, event: told.append(event))
    done = [event.done for event in told if isinstance(event, Advanced)]
    assert os.path.getsize(exported) - (1 << 20) <= done[-1] <= os.path.getsize(exported)


def dead_job(snapd: RealSnapd, operation: Operation, *steps: dict[str, Any]) -> int:
    """A job of ours that died after it had noted some steps."""
    here = engine(snapd)
    with here.journal.job(to_json(operation), here.root) as record:
        for step in steps:
            record.keep(step)
        return record.id


def test_what_goes_on_without_us_is_ended_when_snapd_has_ended_it(snapd: RealSnapd) -> None:
    with saving(snapd) as await_gzip:
        answer = snapd.api("POST", "/v2/snaps", {"action": "snapshot"})
        step = {"change": answer["change"], "action": "save", "set_id": 1}
        number = dead_job(snapd, Save(), {"asked": "save"}, step)
        await_gzip()
        assert engine(snapd).tidy(Job()) == []
        with pytest.raises(BlockedError, match="snapd goes on with it"):
            engine(snapd).end(number, finish=True)
        assert {one.kind for one in engine(snapd).findings()} == {"interrupted", "change"}
        ways = engine(snapd).endings(number)
        assert f"snapd goes on with it, as change {answer['change']}" in ways.finish.refusal
        assert f"snap abort {answer['change']}" in ways.take_back.refusal
    snapd.wait(answer)
    (said,) = engine(snapd).tidy(Job())
    assert said == f"job {number} (save) had been interrupted; snapd completed it"
    record = engine(snapd).journal.record(number)
    assert (record.state, record.result["set_id"], record.result["snaps"]) == (JobState.DONE, 1, ["hello"])


def test_a_job_is_ended_by_hand_as_snapd_ended_it(hello: RealSnapd) -> None:
    hello.save()
    number = dead_job(hello, Save(), {"asked": "save"}, {"change": "1", "action": "save", "set_id": 1})
    ways = engine(hello).endings(number)
    assert (ways.finish.refusal, ways.take_back.refusal) == ("", "snapd has ended it already")
    with pytest.raises(BlockedError, match="cannot take back job 1"):
        engine(hello).end(number, finish=False)
    assert "snapd completed it" in engine(hello).end(number, finish=True).text
    assert engine(hello).journal.record(number).state is JobState.DONE


def test_a_dead_export_is_ended_while_snapd_runs(hello: RealSnapd, tmp_path: Path) -> None:
    part = tmp_path / "e.part"
    part.touch()
    number = dead_job(hello, Export(1, str(tmp_path / "e")), {"part": str(part), "file": str(tmp_path / "e")})
    assert engine(hello).tidy(Job()) == [
        f"job {number} (export-snapshot) had been interrupted; nothing of it is left"
    ]
    assert not part.exists()
    left = dead_job(hello, Forget(1), {"forget": []})
    assert engine(hello).tidy(Job()) == []
    assert engine(hello).journal.record(left).state is JobState.INTERRUPTED


def test_unpacked_bytes_never_shrink(tmp_path: Path) -> None:
    (tmp_path / ".snapshot123").mkdir()
    (tmp_path / ".snapshot123/f").write_bytes(b"x" * 100)
    (tmp_path / "x1").mkdir()
    (tmp_path / "x1/f").write_bytes(b"x" * 5000)
    task = Task('Restore data of snap "hello" from snapshot set #1', "Doing")
    observe = UnpackedBytes({"hello": [str(tmp_path), str(tmp_path / "absent")]})
    assert observe(task) == 100
    (tmp_path / ".snapshot123/f").unlink()
    assert (observe(task), UnpackedBytes({})(task)) == (100, 0)


def test_what_the_files_engine_finds_of_it_is_left_to_snapd(hello: RealSnapd) -> None:
    number = dead_job(hello, Restore(1), {"asked": "restore"}, {"change": "1", "action": "restore"})
    hello.stop()
    files = files_engine(str(hello.base))
    assert files.tidy(Job()) == []
    assert files.journal.record(number).state is JobState.INTERRUPTED
    assert "snapd was asked to do it" in files.endings(number).finish.refusal


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
    engine(hello).tidy(Job())
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
    engine(hello).tidy(Job())
    assert (sets(hello), engine(hello).journal.record(job).state) == ([1], JobState.TAKEN_BACK)


@pytest.mark.parametrize(
    "steps", [({"asked": "save"},), ({"asked": "save"}, {"change": "99", "action": "save"})]
)
def test_what_snapd_does_not_know_is_called_unknown(
    hello: RealSnapd, steps: tuple[dict[str, Any], ...]
) -> None:
    number = dead_job(hello, Save(), *steps)
    (said,) = engine(hello).tidy(Job())
    assert "whether snapd did it is not known any more" in said
    assert engine(hello).journal.record(number).state is JobState.FAILED


def test_changes_of_others_can_be_followed_and_left(snapd: RealSnapd) -> None:
    with saving(snapd) as await_gzip:
        number = snapd.cli("save", "--no-wait").stdout.strip()
        await_gzip()
        (running,) = engine(snapd).changes()
        assert (running.id, running.kind, running.set_id, running.ready) == (
            number,
            "snapshot-snap",
            1,
            False,
        )
        (told,) = [one.text for one in engine(snapd).findings() if one.kind == "change"]
        assert told == f"Snapshot all snaps: Doing; attach snapd/{number} follows it"
        job = Job()
        job.stop()
        with pytest.raises(Cancelled):
            engine(snapd).attach(number, job)
    told: list[Event] = []
    ended = engine(snapd).attach(number, Job(told.append))
    size = (snapd.snapshots / "1_hello_1.0_x1.zip").stat().st_size
    assert told[0] == Started("Snapshot all snaps", None)
    assert told[-1] == Advanced(size)
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
    assert [one.set_id for one in made] == [1]
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


# -- what comes in


@pytest.fixture
def exported(hello: RealSnapd) -> str:
    """An export of a set that is here no more."""
    do(hello, Save())
    do(hello, Export(1, str(hello.base / "export")))
    do(hello, Forget(1))
    return str(hello.base / "export")


def test_a_hostile_import_never_reaches_snapd(hello: RealSnapd, exported: str) -> None:
    raw = Path(exported).read_bytes()
    name = b"1_hello_1.0_x1.zip"
    at = raw.index(name)
    header = bytearray(raw[at : at + 512])
    header[:100] = b"1_x/../../../../../home/evil.zip".ljust(100, b"\0")
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    Path(exported).write_bytes(raw[:at] + bytes(header) + raw[at + 512 :])
    with pytest.raises(IntegrityError, match="cannot import snapshot: unexpected"):
        do(hello, Import(exported))
    assert sets(hello) == []
    assert not (hello.base / "home/evil.zip").exists()


def test_a_duplicate_of_an_automatic_set_stays(hello: RealSnapd) -> None:
    do(hello, Save())
    do(hello, Export(1, str(hello.base / "export")))
    hello.stop()
    state_file = hello.base / "var/lib/snapd/state.json"
    state = json.loads(state_file.read_text())
    state["data"]["snapshots"] = {"1": {"expiry-time": "2126-11-22T09:09:36.185921212Z"}}
    state_file.write_text(json.dumps(state))
    hello.start()
    told = next(one.text for one in engine(hello).findings() if one.kind == "automatic")
    assert told == "snapshot set #1 is automatic; expires: 2126-11-22T09:09:36.185921212Z"
    notes: list[Event] = []
    done = do(hello, Import(str(hello.base / "export")), lambda _job, event: notes.append(event))
    assert (done.set_id, done.duplicate) == (1, True)
    assert any(isinstance(note, Noted) and "snapd keeps it from now on" in note.text for note in notes)
    assert [one.kind for one in engine(hello).findings()] == []


def test_a_stop_while_an_import_is_sent_leaves_nothing(hello: RealSnapd) -> None:
    (hello.data("hello") / "x1/big").write_bytes(os.urandom(8 << 20))
    do(hello, Save())
    file = str(hello.base / "export")
    do(hello, Export(1, file))
    do(hello, Forget(1))

    def stop(job: Job, event: Event) -> None:
        if isinstance(event, Advanced) and event.done:
            job.stop()

    with pytest.raises(Cancelled):
        do(hello, Import(file), stop)
    hello.stop()
    assert list(hello.snapshots.iterdir()) == []


# -- what snapd hides, and what it remembers


def test_damaged_files_that_snapd_does_not_see(hello: RealSnapd) -> None:
    do(hello, Save())
    (hello.snapshots / "1_other_1.0_x1.zip").write_bytes(b"junk")
    (hello.snapshots / "5_other_1.0_x1.zip").write_bytes(b"junk")
    assert sets(hello) == [1, 5]
    with pytest.raises(BlockedError, match="cannot open snapshot"):
        do(hello, Restore(1))
    with pytest.raises(BlockedError, match="stop snapd and use --engine files"):
        do(hello, Forget(5))
    gone = do(hello, Forget(1))
    assert (gone.snaps, gone.exit_code) == (("hello",), 3)
    assert gone.left_out == (f"{hello.snapshots}/1_other_1.0_x1.zip was not removed: snapd does not see it",)
    assert gone.freed > 0


def test_retention(hello: RealSnapd) -> None:
    here = engine(hello)
    assert here.retention() == "744h"
    here.set_retention("48h", Job())
    assert here.retention() == "48h"
    here.set_retention("no", Job())
    assert here.about()[1] == "No automatic snapshots are made"
    here.set_retention("", Job())
    assert here.retention() == "744h"
    for odd in ("4h", "2d", "24h; reboot", "yes"):
        with pytest.raises(InvalidInputError, match="cannot keep automatic snapshots"):
            here.set_retention(odd, Job())


# All is loaded first: whose tests these are may keep the interpreter to themselves.
AS_ALICE = """
import os, pkgutil, sys
import backend, backend.snapd, tui
from importlib import import_module
for package in (backend, backend.snapd):
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        import_module(module.name)
import tui.failure, tui.listing, tui.place, tui.present, tui.progress, tui.queries, tui.verbs
from tui.cli import main
os.setgroups([])
os.setgid(1000)
os.setuid(1000)
if sys.argv[2] == "browse":
    place = tui.place.Place(backend.engine_for(sys.argv[1].removeprefix("--root=")), ())
    (stock,) = place.stocks()
    (one,) = stock.by_path.values()
    print(one.snap, place.parts(one), place.engine.undo_offers(), place.engine.warning)
else:
    sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.root
def test_without_rights_what_is_missing_is_said(hello: RealSnapd) -> None:
    do(hello, Save())

    def as_alice(*words: str) -> Any:
        command = [sys.executable, "-c", AS_ALICE, f"--root={hello.base}", *words]
        env = os.environ | {"HOME": str(hello.base / "home/alice"), "PYTHONPATH": str(HERE)}
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)

    listing = as_alice("saved", "--abs-time")
    assert listing.returncode == 0, listing
    assert listing.stdout == hello.inside("snap", "saved", "--abs-time", user="alice").stdout
    for words in (
        ("save",),
        ("check-snapshot", "1"),
        ("restore", "1"),
        ("forget", "1"),
        ("export-snapshot", "1", "/x"),
    ):
        refused = as_alice(*words)
        assert refused.returncode == NotAllowedError.exit_code, (words, refused)
        assert "(try with sudo)" in refused.stderr
    missing = "the snapshot files may not be read, so snapd lists them"
    assert missing in as_alice("doctor").stdout
    browsed = as_alice("browse")
    assert browsed.stdout.startswith("hello {} [] "), browsed
    assert missing in browsed.stdout


def test_a_daemon_that_went_away(hello: RealSnapd) -> None:
    here = engine(hello)
    hello.stop()
    with pytest.raises(SnapshotError, match="snapd does not answer at"):
        here.retention()
