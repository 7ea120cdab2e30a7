"""Undo of what was restored through a real snapd: guards, their expiry, what is in their way."""

import pytest

from backend.engine.perform import perform_recorded
from backend.engine.select import files_engine
from backend.errors import ConflictError, NoSpaceError, NotFoundError
from backend.model import ARCHIVE
from backend.operations import Restore, Save, Undo
from backend.progress import Progress
from tests.support.builders import snapshot_of, tgz, tree_of, write_snapshot
from tests.support.fakes import Disk
from tests.support.journals import amend
from tests.support.realsnapd import RealSnapd
from tests.support.snapdworld import NEW, OLD, change, do, engine, give_data, hello_there, install, sets

__all__ = ["hello_there"]

pytestmark = pytest.mark.snapd


@pytest.mark.root
def test_undo_brings_back_whose_data_the_restore_replaced(hello: RealSnapd) -> None:
    do(hello, Save())
    give_data(hello, "bob", "hello", OLD)
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
    assert engine(hello).journal.record(restored.undo_job).result.undone
    with pytest.raises(NotFoundError, match="no restore or forget to undo"):
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
    amend(record, {"undo_until": record.started})
    assert engine(hello).undo_offers() == []
    (message,) = engine(hello).tidy(Progress())
    assert f"the undo of job {record.id} expired" in message
    assert sets(hello) == [1]
    assert engine(hello).tidy(Progress()) == []


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


def test_no_room_for_a_guard(hello: RealSnapd, disk: Disk) -> None:
    do(hello, Save())
    change(hello.data("hello"), NEW)
    disk.free = 1000
    with pytest.raises(NoSpaceError) as refused:
        do(hello, Restore(1))
    assert (refused.value.free, sets(hello), tree_of(hello.data("hello"))) == (1000, [1], NEW)
    do(hello, Restore(1, undo_window=0))
    assert tree_of(hello.data("hello")) == OLD


def test_restores_made_without_snapd_are_undone_without_it(snapd: RealSnapd) -> None:
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
    amend(record, {"undo_until": record.started})
    hello.stop()
    files = files_engine(str(hello.base))
    assert (files.undo_offers(), files.tidy(Progress())) == ([], [])
    assert [group.set_id for group in files.sets()] == [1, 2]
    assert not files.journal.record(record.id).result.expired
