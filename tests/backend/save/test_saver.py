"""A save is whole or not at all, says what it left out, and never takes an id that was used."""

import gzip
import io
import os
import socket
import tarfile
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.archive.gzip.blocks import Level
from backend.archive.reader import Reader
from backend.errors import (
    ChangedError,
    ConflictError,
    InvalidInputError,
    NoSpaceError,
    NotFoundError,
    SnapshotError,
)
from backend.fs.space import RESERVED_SPACE
from backend.host.layout import InstalledSnap
from backend.model import Number, Snapshot
from backend.operations import Check, Forget, Restore, Save
from backend.progress import Advanced, Event, Noted, PartAdvanced, Progress, Started
from backend.save.saver import SaveOptions, Saver, save_snap
from tests.support.builders import AS_ROOT, FIFO, Link, Tree, World, plant, tree_of, uid_of
from tests.support.fakes import Disk, stops


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "root")
    world.install("hello", data={"a": "1"}, common={"b": "2"}, users={"alice": {"c": "3"}})
    return world


def the_only(world: World) -> Snapshot:
    (snapshot,) = world.engine.store.iter_snapshots()
    return snapshot


# -- what is in it


def test_the_file_has_snapds_layout(world: World) -> None:
    world.do(Save())
    path = world.snapshots / "1_hello_1.0_x1.zip"
    with zipfile.ZipFile(path) as archive:
        members = [(info.filename, info.compress_type) for info in archive.infolist()]
    assert members == [
        ("archive.tgz", 0),
        ("user/alice.tgz", 0),
        ("meta.json", 8),
        ("meta.sha3_384", 8),
    ]
    assert path.stat().st_mode & 0o777 == 0o600
    assert world.snapshots.stat().st_mode & 0o777 == 0o700
    assert world.names() == [path.name]


def test_configuration_and_snap_id_are_kept_to_the_digit(world: World) -> None:
    raw = (
        '{"data":{"snaps":{"hello":{"current":"x1","active":true,"sequence":[{"revision":"x1","snap-id":"ID7"}]}},'
        '"config":{"hello":{"big":12345678901234567890,"exp":1.50e+02,"minus":-0.0}}}}'
    )
    world.write_state(raw)
    world.do(Save())
    snapshot = the_only(world)
    literals = {"big": Number("12345678901234567890"), "exp": Number("1.50e+02"), "minus": Number("-0.0")}
    assert (snapshot.snap_id, snapshot.conf) == ("ID7", literals)
    with zipfile.ZipFile(snapshot.path) as file:
        assert b'"conf":{"big":12345678901234567890,"exp":1.50e+02,"minus":-0.0}' in file.read("meta.json")


@pytest.mark.parametrize("raw", [None, "{", '{"data":7}'])
def test_without_a_readable_state_the_save_says_so(world: World, raw: str | None) -> None:
    if raw is not None:
        world.write_state(raw)
    events: list[Event] = []
    world.engine.save(Save(), Progress(events.append))
    assert any(isinstance(event, Noted) and "not recorded" in event.text for event in events)
    assert (the_only(world).conf, the_only(world).snap_id) == (None, "")


def test_snaps_and_users_named_twice_are_saved_once(world: World) -> None:
    world.do(Save(("hello", "hello"), ("alice", "alice", str(uid_of("alice")))))
    assert the_only(world).entries == ["archive.tgz", "user/alice.tgz"]


def test_only_the_users_named_and_always_the_system(world: World) -> None:
    plant(world.home("bob") / "snap", {"hello": {"x1": {"d": "4"}}}, uid_of("bob"))
    world.do(Save(users=("bob",)))
    assert the_only(world).users == ["bob"]
    with pytest.raises(NotFoundError, match="user: unknown user ghost"):
        world.do(Save(users=("ghost",)))


def test_excludes_shipped_and_asked_for_are_left_out(world: World) -> None:
    tree: Tree = {"s": "", "d": "", "keep": "1", "sub": {"d": "one level down"}}
    users = {"alice": dict.fromkeys(("x", "y", "z"), "")}
    world.install("many", exclude=["$SNAP_DATA/s", "$SNAP_USER_COMMON/x"], data=tree, users=users)
    world.do(Save(("many",), exclude=("$SNAP_DATA/d", "$SNAP_USER_COMMON/y*")))
    fresh = World(world.root.parent / "fresh")
    fresh.snapshots.parent.mkdir(parents=True)
    world.snapshots.rename(fresh.snapshots)
    fresh.do(Restore(1))
    assert tree_of(fresh.data("many")) == {"x1": {"keep": "1", "sub": {"d": "one level down"}}}
    assert tree_of(fresh.data("many", "alice")) == {"common": {"z": ""}}


@pytest.mark.parametrize("level", list(Level))
def test_any_gzip_reads_every_level(world: World, level: Level) -> None:
    plant(world.data("hello") / "x1", {"much": "text " * 300_000})
    made = save_snap(world.engine.store, "hello", options=SaveOptions(level=level))
    with zipfile.ZipFile(made.path) as file:
        raw = gzip.decompress(file.read("archive.tgz"))
    with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
        assert sorted(archive.getnames()) == ["common", "common/b", "x1", "x1/a", "x1/much"]


def test_a_snap_without_data_makes_a_usable_set(world: World) -> None:
    world.install("void", "7")
    world.do(Save(("void",)))
    assert the_only(world).broken == ""
    assert world.do(Check(1, structure=True)).exit_code == 0
    world.do(Restore(1))
    assert tree_of(world.data("void")) == {"7": {}}


def test_a_linked_directory_is_said_to_be_missing(world: World) -> None:
    plant(world.root / "elsewhere", {"secret": "x"})
    world.install("linked", data={"a": "1"})
    (world.data("linked") / "common").symlink_to(world.root / "elsewhere")
    result = world.do(Save(("linked",)))
    assert result.exit_code == 3
    assert result.left_out == (f"{world.data('linked')}/common was not saved: it is a symbolic link",)
    assert the_only(world).broken == ""


def test_odd_files_come_back(world: World) -> None:
    odd: Tree = {
        "new\nline": "1",
        "-dash": "2",
        "star*": "3",
        " blank ": "4",
        "back\\slash": "5",
        "n" * 255: "6",
        "dangling": Link("/nowhere/at/all"),
        "deep": {"er": {}},
    }
    plant(world.data("hello") / "common", odd)
    server = socket.socket(socket.AF_UNIX)
    there = os.getcwd()
    os.chdir(world.data("hello") / "common")
    try:
        server.bind("sock")
    finally:
        os.chdir(there)
        server.close()
    before = tree_of(world.data("hello"))
    world.do(Save())
    world.do(Restore(1))
    del before["common"]["sock"]
    assert tree_of(world.data("hello")) == before


def test_data_of_nobody_are_named(world: World) -> None:
    plant(world.root / "home/stranger/snap", {"hello": {"common": {"z": "9"}}})
    result = world.do(Save())
    text = f"data in {world.root}/home/stranger/snap were not saved: they belong to no known user"
    assert (result.left_out, result.exit_code) == ((text,), 3)
    assert the_only(world).users == ["alice"]


@pytest.mark.root
def test_owners_stay_and_closed_directories_are_read(world: World) -> None:
    world.home("alice").chmod(0o700)
    secret = world.data("hello", "alice") / "common/c"
    secret.chmod(0o600)
    world.do(Save())
    secret.unlink()
    world.do(Restore(1))
    assert (secret.read_text(), secret.stat().st_uid) == ("3", uid_of("alice"))


def test_a_user_cannot_have_somebody_elses_files_saved(world: World) -> None:
    secret = plant(world.root / "var/secret", {"common": {"key": "root's"}})
    theirs = world.data("hello", "alice")
    os.rename(theirs, theirs.with_name("aside"))
    theirs.symlink_to(secret)
    result = world.do(Save(users=("alice",)))
    assert result.exit_code == 3
    assert "symbolic link" in result.left_out[0]
    assert the_only(world).users == []


# -- files that change meanwhile


class Growing:
    """A job that lets a file grow whenever tar has handed over the beginning of the archive.

    tar cannot have finished the file by then: it is larger than all buffers on the way.
    """

    def __init__(self, path: Path, times: int) -> None:
        self._path = path
        self._left = times
        self.said: list[str] = []
        self.total: int | None = None
        self.done = 0

    def job(self) -> Progress:
        return Progress(self._hear, clock=iter(range(10**9)).__next__)

    def _hear(self, event: Event) -> None:
        if isinstance(event, Noted):
            self.said.append(event.text)
            return
        match event:
            case Started(total=total):
                self.total = total
            case Advanced(done):
                self.done = done
        if self._left and getattr(event, "done", 0):
            self._left -= 1
            with open(self._path, "ab") as file:
                file.write(b"more")


@pytest.fixture
def big(world: World) -> Path:
    path = world.data("hello") / "x1/big"
    with open(path, "wb") as file:
        file.write(os.urandom(40 << 20))
    return path


def test_a_file_that_changed_is_read_again(world: World, big: Path) -> None:
    growing = Growing(big, 1)
    result = world.engine.save(Save(), growing.job())
    assert result.exit_code == 0
    assert any("file changed as we read it; reading archive.tgz again" in text for text in growing.said)
    assert growing.done == growing.total, "what was read twice counts once"
    assert world.do(Check(1, structure=True)).faults == []
    world.do(Restore(1))
    assert big.stat().st_size == (40 << 20) + 4


def test_a_file_that_keeps_changing_fails_the_save(world: World, big: Path) -> None:
    growing = Growing(big, 10**9)
    with pytest.raises(ChangedError, match="file changed as we read it"):
        world.engine.save(Save(), growing.job())
    assert world.names() == []


def test_accept_changed_saves_and_reports_the_file(world: World, big: Path) -> None:
    growing = Growing(big, 10**9)
    result = world.engine.save(Save(accept_changed=True), growing.job())
    assert (result.set_id, result.exit_code) == (1, 3)
    assert result.left_out == ("changed while being read: tar: x1/big: file changed as we read it",)
    assert world.do(Check(1, structure=True)).faults == []


# -- progress


def progress(world: World) -> tuple[int | None, int, dict[str, tuple[int, int | None]]]:
    """What a save announces, where it ends, and the same of its parts."""
    events: list[Event] = []
    world.engine.save(Save(), Progress(events.append))
    parts = {e.part: (e.done, e.total) for e in events if isinstance(e, PartAdvanced) and e.ended}
    at = max(index for index, event in enumerate(events) if isinstance(event, Started))
    announced, rest = events[at], events[at:]
    assert isinstance(announced, Started)
    return announced.total, [event.done for event in rest if isinstance(event, Advanced)][-1], parts


def test_a_tiny_save_ends_at_its_total(world: World) -> None:
    total, done, parts = progress(world)
    assert total == done == sum(size for size, _ in parts.values())
    assert list(parts) == ["hello, system", "hello, alice"]
    assert all(made == announced for made, announced in parts.values())


def test_file_changing_among_many_of_all_kinds_is_noticed(world: World) -> None:
    files: dict[str, Tree | str | Link | int] = {f"file {n}": "x" * n for n in range(700)}
    folders: dict[str, Tree | str | Link | int] = {f"folder {n}": {"below": {}} for n in range(500)}
    links: dict[str, Tree | str | Link | int] = {f"link {n}": Link("nowhere") for n in range(300)}
    plant(world.data("hello") / "common", {**files, **folders, **links, "fifo": FIFO})
    holes = world.data("hello") / "common/holes"
    with open(holes, "wb") as file:
        file.truncate(64 << 20)
    total, done, _ = progress(world)
    assert total == done


def test_a_snap_without_data_announces_nothing(tmp_path: Path) -> None:
    world = World(tmp_path / "empty")
    world.install("void", "7")
    assert progress(world) == (0, 0, {})


# -- one of several fails


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
