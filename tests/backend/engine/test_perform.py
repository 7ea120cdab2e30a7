"""What was asked for is carried out and recorded; and nothing is changed where a snapd runs."""

import contextlib
import gzip
import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backend.engine.files import FilesEngine
from backend.engine.perform import perform, perform_recorded
from backend.errors import Cancelled, ConflictError, NoSpaceError, NotFoundError, SnapshotError
from backend.host.layout import Layout
from backend.jobs.record import JobState
from backend.model import Action
from backend.operations import Check, Export, Extract, Forget, Import, Operation, Restore, Save, Undo
from backend.progress import Advanced, Event, Noted, Progress, Started, event_json
from backend.results import Result
from tests.support import rawtar
from tests.support.builders import Tree, World, plant, tree_of
from tests.support.fakes import Disk

OLD: Tree = {"x1": {"a": "old"}, "common": {}}


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "root")
    world.install("hello", data={"a": "new"})
    world.add(1, "hello", OLD)
    return world


class Recorder(FilesEngine):
    """Says which of its methods was called."""

    def __init__(self, world: World) -> None:
        super().__init__(Layout(str(world.root)), str(world.root / "own"))
        self.called: list[str] = []

    def save(self, operation: Save, progress: Progress) -> Result:
        self.called.append("save")
        return super().save(operation, progress)

    def check(self, operation: Check, progress: Progress) -> Result:
        raise ZeroDivisionError("a bug")


def deaf(_job: Progress) -> Callable[[Event], None]:
    return lambda _event: None


def test_each_operation_reaches_the_engine(world: World, tmp_path: Path) -> None:
    engine = world.engine
    file = str(tmp_path / "e")
    results = [
        perform(operation, engine, Progress(name="1"))
        for operation in (
            Save(),
            Check(1),
            Restore(1, undo_window=0),
            Export(1, file),
            Forget(1),
            Import(file),
        )
    ]
    assert [result.set_id for result in results] == [2, 1, 1, 1, 1, 3]
    with pytest.raises(NotFoundError, match="no restore or forget to undo"):
        perform(Undo(), engine, Progress())


def test_the_record_tells_all(world: World) -> None:
    heard: list[Event] = []
    result = perform_recorded(Save(("hello",)), world.engine, lambda _job: heard.append)
    (record,) = world.engine.journal.records()
    assert record.operation == Save(("hello",))
    assert (record.root, record.uid, record.pid) == (world.engine.root, os.geteuid(), os.getpid())
    assert record.state is JobState.DONE
    assert record.result.set_id == result.set_id
    documents = [{key: value for key, value in event.items() if key != "at"} for event in record.events]
    assert documents == [event_json(event) for event in heard]
    assert {type(event) for event in heard} >= {Started, Advanced, Noted}


def test_a_partial_success_is_recorded_as_such(world: World) -> None:
    world.add(2, "hello", OLD, users={"ghost": {"common": {}}})
    world.do(Restore(2))
    assert world.engine.journal.records()[-1].state is JobState.PARTIAL


def test_a_refusal_is_recorded_with_its_words_and_code(world: World) -> None:
    with pytest.raises(NotFoundError):
        world.do(Forget(9))
    (record,) = world.engine.journal.records()
    assert record.state is JobState.REFUSED
    assert record.result.error == "no snapshot set with the given ID"
    assert record.result.exit == 1


def test_a_failure_after_the_first_step_is_no_refusal(world: World, disk: Disk) -> None:
    disk.free = 0
    with pytest.raises(NoSpaceError):
        world.do(Restore(1))
    assert world.engine.journal.records()[-1].state is JobState.REFUSED
    halves = rawtar.directory(b"common/") + rawtar.member(b"common/a") + rawtar.member(b"common/a/b")
    world.add(2, "hello", gzip.compress(halves + rawtar.END))
    disk.free = 1 << 40
    with pytest.raises(SnapshotError, match="Not a directory"):
        world.do(Restore(2))
    assert world.engine.journal.records()[-1].state is JobState.FAILED


@contextlib.contextmanager
def running(world: World, operation: Operation) -> Iterator[None]:
    """Another job that has the snap, for as long as the block lasts."""
    engine = world.engine
    with engine.journal.job(operation, engine.root) as record, engine.store.snap_lock("hello", "save"):
        yield
        record.finish(JobState.DONE)


@pytest.mark.parametrize(
    ("operation", "way"),
    [
        (Save(("hello",)), "--wait waits for it"),
        (Restore(1), "--wait waits for it"),
        (Extract(1, ("hello:common",)), "attach 1 waits for it"),
    ],
)
def test_a_refusal_names_the_job_in_the_way(world: World, operation: Operation, way: str) -> None:
    with running(world, Save()), pytest.raises(ConflictError, match=rf": job 1 \(save\); {way}"):
        perform_recorded(operation, world.engine, deaf)
    assert world.engine.journal.records()[-1].state is JobState.REFUSED


def test_a_job_in_the_way_is_waited_for_where_asked(world: World) -> None:
    titles: list[str] = []
    with contextlib.ExitStack() as stack:
        stack.enter_context(running(world, Save()))

        def watch(_progress: Progress) -> Callable[[Event], None]:
            def hear(event: Event) -> None:
                if isinstance(event, Started):
                    titles.append(event.title)
                    stack.close()

            return hear

        perform_recorded(Save(("hello",), wait=True), world.engine, watch)
    assert titles[0] == "Waiting for job 1 (save)"
    assert world.engine.journal.records()[-1].state is JobState.DONE


def test_waiting_for_a_job_can_be_stopped(world: World) -> None:
    def watch(progress: Progress) -> Callable[[Event], None]:
        return lambda _event: progress.stop()

    with running(world, Save()), pytest.raises(Cancelled):
        perform_recorded(Save(("hello",), wait=True), world.engine, watch)


def test_a_stop_is_recorded(world: World) -> None:
    with pytest.raises(Cancelled):
        world.do(Save(), Progress.stop)
    assert world.engine.journal.records()[-1].state is JobState.CANCELLED


def test_a_bug_is_reported_as_one(world: World) -> None:
    engine = Recorder(world)
    with pytest.raises(SnapshotError, match=r"a bug in snapstow: ZeroDivisionError\('a bug'\)"):
        perform_recorded(Check(1), engine, deaf)
    assert engine.journal.records()[-1].state is JobState.FAILED
    perform_recorded(Save(), engine, deaf)
    assert engine.called == ["save"]


def test_without_a_place_for_the_journal_nothing_is_begun(world: World) -> None:
    plant(world.root / "var/lib", {"snapstow": "a file in the way"})
    with pytest.raises(SnapshotError, match=r"cannot save: the state folder .*: .* is not a directory"):
        world.do(Save())
    assert len(world.names()) == 1


def test_events_are_plain() -> None:
    assert event_json(Started("Saving", 5)) == {"event": "started", "title": "Saving", "total": 5}
    assert event_json(Advanced(3)) == {"event": "advanced", "done": 3}
    assert event_json(Noted("so")) == {"event": "noted", "text": "so"}


# -- a snapd that answers


@pytest.fixture
def snapd(world: World) -> Iterator[socket.socket]:
    """Something listens where snapd would, whatever the length of the path."""
    plant(world.root / "run", {})
    folder = os.open(world.root / "run", os.O_PATH | os.O_DIRECTORY)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"/proc/self/fd/{folder}/snapd.socket")
        listener.listen()
        yield listener
    os.close(folder)


@pytest.mark.parametrize(
    "operation", [Save(), Restore(1), Undo(), Forget(1), Import("/e")], ids=lambda operation: operation.verb
)
def test_nothing_is_changed_while_snapd_runs(
    world: World, snapd: socket.socket, operation: Operation
) -> None:
    before = world.names(), tree_of(world.data("hello"))
    with pytest.raises(ConflictError, match=f"cannot {operation.verb}: snapd is running for ") as refusal:
        world.do(operation)
    assert refusal.value.exit_code == 11
    assert world.engine.refusal(operation.action) == str(refusal.value)
    assert (world.names(), tree_of(world.data("hello"))) == before


def test_queries_go_on_while_snapd_runs(world: World, snapd: socket.socket, tmp_path: Path) -> None:
    engine = world.engine
    assert [group.set_id for group in engine.sets()] == [1]
    assert engine.plan(Restore(1))[0].entries
    assert engine.estimate(("hello",), (), Progress())[0].size == 3
    assert (engine.undo_offers(), engine.findings()) == ([], [])
    assert world.do(Check(1)).exit_code == 0
    assert world.do(Export(1, str(tmp_path / "e"))).exit_code == 0
    for action in (Action.CHECK, Action.EXPORT, Action.RESTORE_TO_DIRECTORY, Action.EXTRACT_TO_DIRECTORY):
        assert engine.refusal(action) == ""


def test_nothing_is_repaired_while_snapd_runs(world: World, snapd: socket.socket) -> None:
    marker = plant(world.snapshots, {"1_importing": ""}) / "1_importing"
    os.utime(marker, (1, 1))
    with pytest.raises(ConflictError, match="cannot repair: snapd is running"):
        world.engine.repair(Progress())
    assert world.engine.tidy(Progress()) == []
    assert marker.exists()


def test_a_socket_that_nobody_serves_refuses_nothing(world: World, snapd: socket.socket) -> None:
    snapd.close()
    assert (world.root / "run/snapd.socket").exists()
    assert world.do(Save()).set_id == 2


@pytest.mark.root
def test_a_full_disk_can_still_be_freed(tmp_path: Path) -> None:
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", place], check=False)
    if mounted.returncode:
        pytest.skip("mounting is not allowed here")
    try:
        world = World(place / "root")
        world.add(1, "hello", {"x1": {"f": os.urandom(10 << 20)}})
        world.install("hello", data={"f": "1"})
        world.do(Save(("hello",)))
        with (place / "rest").open("wb", buffering=0) as rest, contextlib.suppress(OSError):
            while True:
                rest.write(bytes(4096))
        with pytest.raises(NoSpaceError):
            world.do(Save(("hello",)))
        assert world.do(Forget(1, undo_window=0)).freed > 10 << 20
        assert world.do(Save(("hello",))).exit_code == 0
    finally:
        subprocess.run(["umount", "-l", place], check=True)
