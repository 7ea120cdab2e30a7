"""The rows of snapd's own test catalogue, one by one.

Each test bears the name of its row. Where this library differs on purpose, its docstring says how.
"""

import errno

import pytest

from backend.errors import (
    Cancelled,
    SnapshotError,
)
from backend.format.names import filename, snapshot_id
from backend.host.layout import Layout
from backend.model import Revision, Snapshot
from backend.progress import Progress
from backend.store.store import Store
from tests.support.builders import Tree, World, plant, write_snapshot
from tests.support.catalogue import make_world
from tests.support.descriptors import descriptors

world = pytest.fixture(make_world)
DATA: Tree = {"x1": {"canary.txt": "system"}, "common": {"canary.txt": "common"}}


def stopped() -> Progress:
    progress = Progress()
    progress.stop()
    return progress


def unreadable(world: World) -> Store:
    """A store whose directory cannot be opened, for root neither."""
    layout = Layout(str(world.root))
    layout.snapshots = f"{world.root}/{'n' * 300}"
    return Store(layout, str(world.root / "own"))


# -- looking at the directory


def test_last_snapshot_id(world: World) -> None:
    assert world.engine.store.last_set_id() == 0
    names = ("9_x.zip", "1234_not-a-snapshot", "12_x.zip", "3_x.zip")
    plant(world.snapshots, dict.fromkeys(names, ""))
    assert world.engine.store.last_set_id() == 12


def test_last_snapshot_id_error_on_dir_names(world: World) -> None:
    """The error has the words of snapd instead of being bare, and there is no id beside it."""
    with pytest.raises(SnapshotError, match="cannot open snapshots directory: ") as failure:
        unreadable(world).last_set_id()
    assert isinstance(failure.value.__cause__, OSError)


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("1_foo.zip", 1),
        ("14_hello-world_6.4_29.zip", 14),
        ("1_.zip", None),
        ("1_foo.zip.bak", None),
        ("foo_1_foo.zip", None),
        ("foo_bar_baz.zip", None),
        ("", None),
        ("1_", None),
    ],
)
def test_is_snapshot_filename(name: str, number: int | None) -> None:
    assert snapshot_id(name) == number


def test_iter_bails_if_context_done(world: World) -> None:
    with pytest.raises(Cancelled, match=r"^context canceled$"):
        list(unreadable(world).iter_snapshots(progress=stopped()))


def test_iter_bails_if_context_done_midway(world: World) -> None:
    """Names are read at once and sorted, not in batches; between two snapshots a stop is seen."""
    for set_id in range(1, 5):
        world.add(set_id, "hello")
    job, seen = Progress(), []

    def look() -> None:
        for snapshot in world.engine.store.iter_snapshots(progress=job):
            seen.append(snapshot.set_id)
            job.stop()

    with pytest.raises(Cancelled):
        look()
    assert seen == [1]


def test_iter_returns_ok_if_snapshots_dir_nonexistent(world: World) -> None:
    assert list(world.engine.store.iter_snapshots()) == []


def test_iter_bails_if_snapshots_dir_fails(world: World) -> None:
    with pytest.raises(SnapshotError, match="cannot open snapshots directory: ") as failure:
        list(unreadable(world).iter_snapshots())
    assert isinstance(cause := failure.value.__cause__, OSError)
    assert cause.errno == errno.ENAMETOOLONG


def test_iter_warns_on_open_error_if_snapshot_nil(world: World) -> None:
    """What cannot be decoded is listed as broken and `hidden`, not only logged."""
    plant(world.snapshots, {"1_hello_1.0_x1.zip": "not a zip"})
    (snapshot,) = world.engine.store.iter_snapshots()
    assert (snapshot.set_id, snapshot.snap, snapshot.version, snapshot.hidden) == (1, "hello", "1.0", True)
    assert snapshot.broken == "cannot be read: zip: not a valid zip file"


def test_iter_calls_func_if_snapshot_not_nil(world: World) -> None:
    path = world.add(1, "hello")
    path.write_bytes(path.read_bytes().replace(b"meta.sha3_384", b"meta.sha3_38x"))
    (snapshot,) = world.engine.store.iter_snapshots()
    assert snapshot.broken == 'missing archive member "meta.sha3_384"'
    assert not snapshot.hidden


def test_iter_reports_close_error(world: World) -> None:
    """There is nothing to close: a snapshot is a value, its file is closed before it is handed out."""
    world.add(1, "hello")
    store = world.engine.store
    before = descriptors()
    for _ in store.iter_snapshots():
        assert descriptors() == before


def test_iter_ignores_snapshots_with_invalid_names(world: World) -> None:
    good = world.add(43, "hello", version="0.42")
    for name in ("foo.zip", "43_hello_0.42_x1.zip.4dkJrwnkg36r~", "43", "x43_hello.zip"):
        (world.snapshots / name).write_bytes(good.read_bytes())
    assert [snapshot.path for snapshot in world.engine.store.iter_snapshots()] == [str(good)]


def test_iter_set_id_override(world: World) -> None:
    world.add(12, "hello").rename(world.snapshots / "33_hello.zip")
    (snapshot,) = world.engine.store.iter_snapshots()
    assert (snapshot.set_id, snapshot.snap, snapshot.broken) == (33, "hello", "")
    assert snapshot.warning == "file name does not fit 33_hello_1.0_x1.zip"


def test_list(world: World) -> None:
    for set_id, snap in ((42, "foo"), (42, "bar"), (1, "foo"), (3, "baz")):
        world.add(set_id, snap, version="v1")
    store = world.engine.store

    def listed(set_id: int | None = None, snaps: tuple[str, ...] = ()) -> list[tuple[int, list[str]]]:
        return [
            (s.set_id, [snapshot.snap for snapshot in s.snapshots]) for s in store.list_sets(set_id, snaps)
        ]

    assert listed() == [(1, ["foo"]), (3, ["baz"]), (42, ["bar", "foo"])]
    assert listed(42) == [(42, ["bar", "foo"])]
    assert listed(snaps=("foo", "baz")) == [(1, ["foo"]), (3, ["baz"]), (42, ["foo"])]
    assert listed(42, ("foo",)) == [(42, ["foo"])]
    assert listed(42, ("baz",)) == listed(99) == []
    files = {filename(snapshot) for group in store.list_sets() for snapshot in group.snapshots}
    assert files == set(world.names())


def test_iter_with_mocked_snapshot_files(world: World) -> None:
    plant(world.snapshots, {"10_importing": ""})
    world.add(10, "hidden")
    blank = Snapshot(3, "0001-01-01T00:00:00Z", "", Revision())
    write_snapshot(world.snapshots / "3_foo_1.0_x1.zip", blank, {})
    assert [(snapshot.set_id, snapshot.broken) for snapshot in world.engine.store.iter_snapshots()] == [
        (3, "invalid snapshot")
    ]
