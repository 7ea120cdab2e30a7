"""Saves that fail, are refused or stopped, and the ids that they use."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.archive.reader import Reader
from backend.errors import (
    ConflictError,
    InvalidInputError,
    NoSpaceError,
    NotFoundError,
    SnapshotError,
)
from backend.fs.space import RESERVED_SPACE
from backend.host.layout import InstalledSnap
from backend.operations import Check, Forget, Save
from backend.progress import Progress
from backend.save.saver import SaveOptions, Saver, save_snap
from tests.support.builders import AS_ROOT, World, plant
from tests.support.fakes import Disk, stops
from tests.support.saving import make_world

world = pytest.fixture(make_world)


def test_saved_snaps_stay_saved_when_others_fail(world: World) -> None:
    world.install("zombie", data={"a": "1"})
    (world.root / "snap/zombie/x1/meta/snapshots.yaml").write_text("exclude: [/etc]")
    result = world.do(Save())
    assert (result.snaps, result.exit_code) == (("hello",), 3)
    assert result.left_out[0].startswith('snap "zombie" was not saved: ')
    assert world.names() == ["1_hello_1.0_x1.zip"]


def test_when_none_can_be_saved_the_reason_is_the_first_ones(world: World) -> None:
    for snap in ("zz", "yy"):
        world.install(snap, data={"a": "1"})
        (world.root / f"snap/{snap}/x1/meta/snapshots.yaml").write_text(f"exclude: [/{snap}]")
    with pytest.raises(InvalidInputError, match="yy"):
        world.do(Save(("yy", "zz")))
    assert world.names() == []


# -- refusals


def test_too_little_space_is_known_beforehand(world: World, disk: Disk) -> None:
    world.install("hello", data={"a": "1" * 5000})
    disk.free = RESERVED_SPACE + 4000
    with pytest.raises(NoSpaceError, match=r"cannot save: insufficient space in .* more is required"):
        world.do(Save())
    assert world.names() == []
    world.do(Save(ignore_space=True))
    assert len(world.names()) == 1


def test_unknown_snap_is_refused(world: World) -> None:
    for call in (lambda: world.do(Save(("ghost",))), lambda: save_snap(world.engine.store, "ghost")):
        with pytest.raises(SnapshotError, match='snap "ghost" is not installed'):
            call()
    assert not world.snapshots.exists()


def test_nothing_installed_is_nothing_to_save(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no snaps are installed"):
        World(tmp_path / "empty").do(Save())


def test_two_saves_of_one_snap_do_not_meet(world: World) -> None:
    with (
        world.engine.store.snap_lock("hello", "restore"),
        pytest.raises(ConflictError, match='snap "hello" has another change in progress'),
    ):
        world.do(Save())
    assert world.do(Save()).exit_code == 0


# -- stopping, dying


def test_a_stop_at_any_time_leaves_nothing(world: World) -> None:
    moments = [world.names() for _ in stops(lambda job: world.engine.save(Save(), job))]
    assert moments == [[]] * len(moments)
    assert len(moments) > 10
    assert world.do(Check()).exit_code == 0


def test_a_failure_inside_leaves_no_temporary_file(world: World) -> None:
    installed = world.engine.layout.installed("hello")
    assert isinstance(installed, InstalledSnap)
    store = world.engine.store
    store.prepare()
    wrong = installed._replace(version="no/version")
    with pytest.raises(SnapshotError):
        Saver(store, wrong, [], SaveOptions()).run(1, Progress())
    assert world.names() == []


# -- ids


def used(world: World) -> int:
    """The id that the next save takes."""
    return world.do(Save(("hello",))).set_id


@pytest.mark.parametrize(
    "before",
    [
        pytest.param(lambda world: world.write_state(last_snapshot_set_id=41), id="snapd's own count"),
        pytest.param(
            lambda world: world.write_state(snapshots={"41": {"expiry-time": "2030-01-01T00:00:00Z"}}),
            id="an automatic set",
        ),
        pytest.param(lambda world: plant(world.snapshots, {"41_importing": ""}), id="a marker"),
        pytest.param(lambda world: plant(world.snapshots, {"41_junk.zip": ""}), id="a file"),
    ],
)
def test_ids_beyond_all_that_were_ever_used(world: World, before: Callable[[World], object]) -> None:
    before(world)
    assert used(world) == 42


def test_absurd_ids_do_not_count(world: World) -> None:
    names = ("-1_x.zip", "9223372036854775807_x.zip", "18446744073709551615_importing")
    plant(world.snapshots, dict.fromkeys(names, ""))
    assert used(world) == 1


def test_ids_of_forgotten_and_failed_sets_are_not_used_again(world: World) -> None:
    assert used(world) == 1
    world.do(Forget(1))
    assert used(world) == 2
    with pytest.raises(InvalidInputError):
        world.do(Save(exclude=("/wrong",)))
    (world.snapshots / "2_hello_1.0_x1.zip").unlink()
    assert used(world) > 2


def test_parallel_saves_get_ids_of_their_own(world: World) -> None:
    snaps = [f"snap-{number}" for number in range(4)]
    for snap in snaps:
        world.install(snap, data={"a": snap})
    set_ids: list[int] = []
    threads = [
        threading.Thread(target=lambda name=snap: set_ids.append(world.do(Save((name,))).set_id))
        for snap in snaps
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(set_ids) == [1, 2, 3, 4]
    assert len(world.names()) == 4


def test_saved_snapshot_is_the_one_that_is_read(world: World) -> None:
    made = save_snap(world.engine.store, "hello")
    with Reader.open(made.path) as reader:
        assert reader.snapshot == made
        assert reader.snapshot.size == sum(map(reader.stored_size, reader.snapshot.entries))


@pytest.mark.skipif(AS_ROOT, reason="root may read everything")
def test_unreadable_file_fails_the_save(world: World) -> None:
    (world.data("hello") / "x1/a").chmod(0)
    with pytest.raises(SnapshotError, match="Permission denied"):
        world.do(Save())
    assert world.names() == []
