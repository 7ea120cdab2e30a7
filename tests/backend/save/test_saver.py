"""A save is whole or not at all, says what it left out, and never takes an id that was used."""

import gzip
import io
import os
import socket
import tarfile
import zipfile
from pathlib import Path

import pytest

from backend.archive.gzip.blocks import Level
from backend.errors import (
    ChangedError,
    UnknownUserError,
)
from backend.model import Number, Snapshot
from backend.operations import Check, Restore, Save
from backend.progress import Advanced, Event, Noted, PartAdvanced, Progress, Started
from backend.save.saver import SaveOptions, save_snap
from tests.support.builders import FIFO, Link, Tree, World, plant, tree_of, uid_of
from tests.support.saving import make_world

world = pytest.fixture(make_world)


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
    with pytest.raises(UnknownUserError, match=r"unknown user .ghost.; known are root, alice"):
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
    text = f"data in {world.root}/home/stranger/snap are not saved: they belong to no known user"
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
        self.notes: list[str] = []
        self.total: int | None = None
        self.done = 0

    def job(self) -> Progress:
        return Progress(self._hear, clock=iter(range(10**9)).__next__)

    def _hear(self, event: Event) -> None:
        if isinstance(event, Noted):
            self.notes.append(event.text)
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
    assert any("file changed as we read it; reading archive.tgz again" in text for text in growing.notes)
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
