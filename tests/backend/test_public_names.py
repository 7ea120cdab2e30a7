"""Each function of snapd's backend has its counterpart here, by a public name, and it behaves."""

import os
import pkgutil
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from backend import (
    AlreadyFinishedError,
    Cancelled,
    DuplicateSetError,
    MultiError,
    Noted,
    Progress,
    Restore,
    Revision,
    Save,
    User,
)
from backend.archive import Reader
from backend.format import filename
from backend.host import Layout
from backend.lazy import public_names
from backend.restore import RestoreState, restore_snapshot
from backend.save import SaveOptions, estimate_size, save_snap
from backend.store import clean_up_abandoned_imports
from backend.transfer import SnapshotExport, import_set
from backend.transfer.importer import IncomingSet
from tests.support import TOP
from tests.support.builders import World, plant, tree_of

DATA = {"x1": {"settings": "1"}, "common": {"db": "22"}}


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "root")
    world.install("hello", data=DATA["x1"], common=DATA["common"])
    return world


PACKAGES = ["backend", *sorted(f"backend.{p.parent.name}" for p in (TOP / "backend").glob("*/__init__.py"))]


@pytest.mark.parametrize("package", PACKAGES)
def test_public_names_of_a_package_are_there_and_are_no_modules(package: str) -> None:
    module = import_module(package)
    public = {name: getattr(module, name) for name in public_names(package)}
    assert public
    assert [name for name, thing in public.items() if isinstance(thing, ModuleType)] == []
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'nothing'"):
        getattr(module, "no" + "thing")


def test_public_names_stay_public_when_every_module_is_loaded() -> None:
    for package in PACKAGES:
        for module in pkgutil.walk_packages(import_module(package).__path__, f"{package}."):
            import_module(module.name)
        for name in public_names(package):
            assert not isinstance(getattr(sys.modules[package], name), ModuleType), (package, name)


def test_save(world: World) -> None:
    made = save_snap(world.engine.store, "hello", options=SaveOptions(exclude=("$SNAP_DATA/x",)))
    assert (made.set_id, made.snap, made.exclude) == (1, "hello", ("$SNAP_DATA/x",))
    assert made.path == str(world.snapshots / "1_hello_1.0_x1.zip")


def test_open_and_reader(world: World) -> None:
    path = str(world.add(12, "hello", DATA))
    with Reader.open(path) as by_name, Reader.open(path, 7) as by_argument:
        assert by_name.snapshot.set_id == 12
        assert by_argument.snapshot.set_id == 7
        assert by_name.snapshot._replace(set_id=7) == by_argument.snapshot


def test_reader_check(world: World) -> None:
    with Reader.open(str(world.add(1, "hello", DATA, users={"alice": {"common": {}}}))) as reader:
        assert [(verdict.entry, verdict.fault) for verdict in reader.check()] == [
            ("archive.tgz", ""),
            ("user/alice.tgz", ""),
        ]
        assert [verdict.entry for verdict in reader.check(["bob"], Progress())] == ["archive.tgz"]


def test_reader_restore_and_logf(world: World) -> None:
    events: list[object] = []
    path = str(world.add(1, "hello", DATA, users={"ghost": {"common": {}}}))
    with Reader.open(path) as reader:
        layout = Layout(str(world.root))
        restore_snapshot(reader, layout, Revision(42), progress=Progress(events.append)).clean_up()
    assert tree_of(world.data("hello")) == DATA | {"42": DATA["x1"]}
    assert Noted('Skipping restore of user "ghost": user: unknown user ghost.') in events


def test_restore_state_revert_and_clean_up(world: World) -> None:
    layout = Layout(str(world.root))
    plant(world.data("hello") / "x1", {"newer": "3"})
    before = tree_of(world.data("hello"), holder=True)
    with Reader.open(str(world.add(1, "hello", DATA))) as reader:
        state = restore_snapshot(reader, layout, Revision(-1))
        assert tree_of(world.data("hello")) == DATA
        RestoreState.from_json(state.to_json()).revert()
        assert tree_of(world.data("hello"), holder=True) == before
        state = restore_snapshot(reader, layout, Revision(-1))
        state.clean_up()
        state.revert()
    assert tree_of(world.data("hello"), holder=True) == DATA


def test_iter_and_stop(world: World) -> None:
    for set_id in (3, 1, 2):
        world.add(set_id, "hello")
    seen = []
    for snapshot in world.engine.store.iter_snapshots():
        seen.append(snapshot.set_id)
        if snapshot.set_id == 2:
            break
    assert seen == [1, 2]


def test_list(world: World) -> None:
    for set_id, snap in ((2, "bb"), (2, "aa"), (10, "aa")):
        world.add(set_id, snap)
    sets = world.engine.store.list_sets()
    assert [(group.set_id, [s.snap for s in group.snapshots]) for group in sets] == [
        (2, ["aa", "bb"]),
        (10, ["aa"]),
    ]


def test_last_snapshot_set_id_and_filename(world: World) -> None:
    assert world.engine.store.last_set_id() == 0
    path = world.add(42, "a-snap", version="1.33")
    assert world.engine.store.last_set_id() == 42
    (snapshot,) = world.engine.store.iter_snapshots()
    assert filename(snapshot) == path.name == "42_a-snap_1.33_x1.zip"


def test_estimate_snapshot_size(world: World) -> None:
    assert estimate_size(Layout(str(world.root)), "hello") == 3


def test_import_flags_and_duplicates(world: World) -> None:
    world.add(1, "hello", DATA)
    store = world.engine.store
    with open(world.root / "e", "w+b") as file, SnapshotExport(store, 1) as export:
        export.stream_to(file.fileno(), Progress())
        file.seek(0)
        with pytest.raises(DuplicateSetError) as known:
            import_set(store, file.fileno(), Progress())
        assert (known.value.set_id, known.value.snaps) == (1, ("hello",))
        file.seek(0)
        taken = import_set(store, file.fileno(), Progress(), allow_duplicate=True)
    assert [(snapshot.set_id, snapshot.snap) for snapshot in taken.snapshots] == [(2, "hello")]


def test_snapshot_export(world: World) -> None:
    world.add(1, "hello", DATA)
    with SnapshotExport(world.engine.store, 1) as export, open(world.root / "e", "wb") as file:
        export.stream_to(file.fileno(), Progress())
        assert export.size == os.fstat(file.fileno()).st_size
    export.close()


def test_cleanup_abandoned_imports(world: World) -> None:
    world.add(1, "hello")
    world.add(2, "hello")
    (world.snapshots / "1_importing").touch()
    assert clean_up_abandoned_imports(world.engine.store) == 1
    assert world.names() == ["2_hello_1.0_x1.zip"]
    (world.snapshots / "1abc_importing").touch()
    with pytest.raises(MultiError, match="cannot cleanup imports"):
        clean_up_abandoned_imports(world.engine.store)


def test_err_cannot_cancel(world: World) -> None:
    store = world.engine.store
    store.prepare()
    with IncomingSet(store, Progress()) as incoming:
        incoming.cancel()
        for again in (incoming.cancel, lambda: incoming.commit(1)):
            with pytest.raises(AlreadyFinishedError, match=r"^cannot cancel: import already finished$"):
                again()
    assert world.names() == []


class OnlyCarol:
    """Everybody is called carol."""

    def __init__(self, carol: User) -> None:
        self._carol = carol

    def by_name(self, name: str) -> User | None:
        return self._carol if name == "carol" else None

    def by_uid(self, uid: int) -> User | None:
        return None

    def everyone(self) -> list[User]:
        return [self._carol]


def test_mock_user_lookup(world: World) -> None:
    plant(world.root / "far/away", {"snap": {"hello": {"common": {"c": "333"}}}})
    carol = User("carol", os.geteuid(), os.getegid(), str(world.root / "far/away"))
    layout = Layout(str(world.root), users=OnlyCarol(carol))
    assert layout.find_users(["carol"]) == [carol]
    assert estimate_size(layout, "hello", ["carol"]) == 6


def test_the_context_is_the_job(world: World) -> None:
    progress = Progress()
    progress.stop()
    with pytest.raises(Cancelled, match=r"^context canceled$"):
        list(world.engine.store.iter_snapshots(progress=progress))
    for operation in (Save(), Restore(1)):
        world.add(1, "hello")
        with pytest.raises(Cancelled):
            world.do(operation, Progress.stop)
