"""A directory of snapshots: what counts, what appears when, what is never removed by looking."""

import os
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import Cancelled, ConflictError, SnapshotError
from backend.host.layout import Layout
from backend.operations import Check, Export, Forget, Restore, Save
from backend.progress import Progress
from backend.steps import Published
from backend.store import leftovers
from backend.store.store import Staged, Store
from backend.store.unfinished import is_like_a_marker
from tests.support.builders import World, plant


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "root")


def snaps(store: Store) -> list[tuple[int, str]]:
    return [(snapshot.set_id, snapshot.snap) for snapshot in store.iter_snapshots()]


# -- looking


def test_without_a_directory_there_is_nothing(world: World) -> None:
    store = world.engine.store
    assert (store.names(), store.listing(), store.last_set_id()) == ([], [], 0)


def test_file_in_the_place_of_the_directory_is_an_error(world: World) -> None:
    world.snapshots.parent.mkdir(parents=True)
    world.snapshots.write_text("a file")
    with pytest.raises(SnapshotError, match=r"^cannot open snapshots directory: .*: Not a directory"):
        world.engine.store.list_sets()


def test_order_is_by_id_and_name_whatever_the_directory_says(world: World) -> None:
    for set_id, snap in ((10, "bb"), (9, "cc"), (10, "aa"), (1, "dd")):
        world.add(set_id, snap)
    assert snaps(world.engine.store) == [(1, "dd"), (9, "cc"), (10, "aa"), (10, "bb")]


@given(
    st.sets(
        st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1, max_size=40), max_size=6
    )
)
def test_any_names_in_the_directory(tmp_path_factory: pytest.TempPathFactory, names: set[str]) -> None:
    world = World(tmp_path_factory.mktemp("root"))
    world.add(1, "hello")
    for name in names - {".", ".."}:
        if len(os.fsencode(name)) < 200:
            (world.snapshots / name).write_bytes(b"junk")
    store = world.engine.store
    snapshots = list(store.iter_snapshots())
    assert (1, "hello") in [(snapshot.set_id, snapshot.snap) for snapshot in snapshots]
    assert store.allocate_id() > 1
    assert leftovers.markers(store) == [name for name in sorted(names) if is_like_a_marker(name)]
    leftovers.temporaries(store)


def test_names_that_are_not_text(world: World) -> None:
    plant(world.snapshots, {})
    raw = os.fsencode(world.snapshots) + b"/3_\xff\xfe_1.0_x1.zip"
    Path(os.fsdecode(raw)).write_bytes(b"junk")
    (snapshot,) = world.engine.store.iter_snapshots()
    assert (snapshot.set_id, snapshot.hidden) == (3, True)


def test_a_set_under_a_marker_is_hidden_as_a_whole(world: World) -> None:
    for set_id in (1, 2):
        for snap in ("aa", "bb"):
            world.add(set_id, snap)
    plant(world.snapshots, {"2_importing": "", "01_importing": ""})
    assert snaps(world.engine.store) == [(1, "aa"), (1, "bb")]


def test_files_that_vanish_meanwhile_are_passed_over(world: World) -> None:
    for set_id in (1, 2, 3):
        world.add(set_id, "hello")
    seen = []
    for snapshot in world.engine.store.iter_snapshots():
        seen.append(snapshot.set_id)
        (world.snapshots / "2_hello_1.0_x1.zip").unlink(missing_ok=True)
    assert seen == [1, 3]


def test_automatic_sets_are_marked(world: World) -> None:
    world.add(1, "hello")
    world.add(2, "hello")
    world.write_state(snapshots={"2": {"expiry-time": "2030-01-01T00:00:00Z"}})
    assert [group.snapshots[0].auto for group in world.engine.sets()] == [False, True]


def test_a_large_store_is_remembered_and_never_stale(world: World) -> None:
    """Beyond 64 files an index answers; what changed since is read anew."""
    plant(world.root / "var/lib/snapstow", {})
    for set_id in range(1, 71):
        world.add(set_id, "hello")
    old = 1_600_000_000
    for path in world.snapshots.iterdir():
        os.utime(path, (old, old))
    store = world.engine.store
    first = list(store.iter_snapshots())
    assert list(store.iter_snapshots()) == first
    world.add(7, "hello", summary="changed")
    (world.snapshots / "8_hello_1.0_x1.zip").unlink()
    (world.snapshots / "9_hello_1.0_x1.zip").write_bytes(b"junk")
    by_id = {snapshot.set_id: snapshot for snapshot in store.iter_snapshots()}
    assert (by_id[7].summary, 8 in by_id, by_id[9].hidden) == ("changed", False, True)
    assert [by_id[number] for number in range(10, 71)] == first[9:]


# -- locks


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        (Restore(1), 'cannot restore: snap "hello" has another change in progress'),
        (Save(), 'cannot save: snap "hello" has another change in progress'),
    ],
)
def test_one_change_of_a_snap_at_a_time(world: World, operation: Any, message: str) -> None:
    world.install("hello", data={"a": "1"})
    world.add(1, "hello")
    with world.engine.store.snap_lock("hello", "x"), pytest.raises(ConflictError, match=message):
        world.do(operation)
    with world.engine.store.snap_lock("other", "x"):
        world.do(operation)


def test_sets_being_read_are_not_forgotten_and_the_reverse(world: World, tmp_path: Path) -> None:
    world.add(1, "hello")
    message = "cannot operate on snapshot set #1 while another operation on it is in progress"
    store = world.engine.store
    with store.set_lock(1, shared=True):
        world.do(Check(1))
        with pytest.raises(ConflictError, match=message):
            world.do(Forget(1))
    with store.set_lock(1, shared=False):
        for operation in (Check(1), Restore(1), Export(1, str(tmp_path / "e"))):
            with pytest.raises(ConflictError, match=message):
                world.do(operation)
    assert world.do(Forget(1, undo_window=0)).freed > 0


# -- publishing


def staged(world: World, *snaps: str) -> list[Staged]:
    plant(world.snapshots, {})
    files = []
    for snap in snaps:
        path = world.add(90, snap)
        aside = world.snapshots / f".snapstow-import-0-{snap}"
        path.rename(aside)
        files.append(Staged(str(aside), f"5_{snap}_1.0_x1.zip"))
    return files


def test_a_set_appears_at_once_and_nothing_else_is_left(world: World) -> None:
    files = staged(world, "aa", "bb")
    world.engine.store.publish(5, files, Progress())
    assert world.names() == ["5_aa_1.0_x1.zip", "5_bb_1.0_x1.zip"]


def test_nothing_is_ever_replaced(world: World) -> None:
    files = staged(world, "aa", "bb")
    plant(world.snapshots, {"5_bb_1.0_x1.zip": "somebody else's"})
    with pytest.raises(SnapshotError, match="cannot publish snapshot set #5"):
        world.engine.store.publish(5, files, Progress())
    assert world.names() == ["5_bb_1.0_x1.zip"]
    assert (world.snapshots / "5_bb_1.0_x1.zip").read_text() == "somebody else's"


def test_a_marker_of_somebody_else_stays(world: World) -> None:
    files = staged(world, "aa")
    plant(world.snapshots, {"5_importing": "theirs"})
    with pytest.raises(ConflictError, match="cannot import snapshot 5: already in progress for this set id"):
        world.engine.store.publish(5, files, Progress())
    assert world.names() == ["5_importing"]


def test_a_stop_before_publishing_leaves_nothing(world: World) -> None:
    progress = Progress()
    progress.stop()
    with pytest.raises(Cancelled):
        world.engine.store.publish(5, staged(world, "aa"), progress)
    assert world.names() == []


def test_past_the_beginning_a_stop_is_too_late(world: World) -> None:
    files = staged(world, "aa", "bb")
    progress = Progress(record_step=lambda step: progress.stop() if isinstance(step, Published) else None)
    world.engine.store.publish(5, files, progress)
    assert len(world.names()) == 2


def test_nobody_ever_sees_a_part_of_a_set(world: World) -> None:
    names = [f"snap-{number:02}" for number in range(20)]
    files = staged(world, *names)
    seen: list[int] = []
    done = threading.Event()

    def look() -> None:
        store = world.engine.store
        while not done.is_set():
            seen.append(len(list(store.iter_snapshots(5))))

    watcher = threading.Thread(target=look)
    watcher.start()
    world.engine.store.publish(5, files, Progress())
    done.set()
    watcher.join()
    assert set(seen) <= {0, 20}


# -- removing


def test_forget_removes_exactly_what_it_is_given(world: World) -> None:
    for snap in ("aa", "bb"):
        world.add(1, snap)
    store = world.engine.store
    snapshot = next(iter(store.iter_snapshots()))
    size = os.stat(snapshot.path).st_size
    assert store.forget([snapshot], Progress()) == size
    assert store.forget([snapshot], Progress()) == 0
    assert world.names() == ["1_bb_1.0_x1.zip"]


def test_broken_and_hidden_ones_can_be_forgotten(world: World) -> None:
    world.add(1, "hello").write_bytes(b"junk")
    world.add(1, "void", sums={})
    assert world.do(Forget(1, undo_window=0)).snaps == ("hello", "void")
    assert world.names() == []


def test_the_directory_is_private(world: World) -> None:
    store = world.engine.store
    store.prepare()
    store.prepare()
    assert world.snapshots.stat().st_mode & 0o777 == 0o700


def test_two_users_share_a_store_and_see_the_same(world: World, tmp_path: Path) -> None:
    """Each with a state folder of its own: the files themselves keep their ids apart."""
    world.install("hello", data={"a": "1"})
    layout = Layout(str(world.root))
    stores = [Store(layout, str(tmp_path / name)) for name in ("one", "two")]
    ids = []
    for store in (*stores, *stores):
        with store.lock():
            ids.append(store.allocate_id())
        world.add(ids[-1], "hello")
    assert ids == [1, 2, 3, 4]
    assert snaps(stores[0]) == snaps(stores[1])
