"""Outputs that exist and are no regular files: written into or refused, never replaced."""

import os
import socket
import stat
import threading
from pathlib import Path

import pytest

from backend.errors import Cancelled, SnapshotError
from backend.fs import beneath
from backend.operations import Export
from backend.progress import Progress
from backend.transfer.exporter import SnapshotExport, export_to_file
from tests.support.builders import World
from tests.support.exports import make_world

world = pytest.fixture(make_world)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def exported(
    world: World, path: Path | str, *, checksum: bool = False, progress: Progress | None = None
) -> None:
    with SnapshotExport(world.engine.store, 3) as export:
        export_to_file(export, str(path), progress or Progress(), checksum=checksum)


@pytest.fixture
def wanted(world: World, tmp_path: Path) -> bytes:
    exported(world, tmp_path / "wanted")
    return (tmp_path / "wanted").read_bytes()


def whole(path: Path, wanted: bytes) -> bool:
    """Whether an export is there, but for the seconds in which its manifest was made."""
    return len(path.read_bytes()) == len(wanted)


def test_a_fifo_gets_the_export(world: World, folder: Path, wanted: bytes) -> None:
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    exported(world, pipe)
    reader.join()
    assert len(read[0]) == len(wanted)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert os.listdir(folder) == ["pipe"]


def test_a_fifo_that_nobody_reads_waits_until_the_job_is_stopped(world: World, folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    progress = Progress()
    threading.Timer(0.3, progress.stop).start()
    with pytest.raises(Cancelled):
        exported(world, folder / "pipe", progress=progress)
    assert os.listdir(folder) == ["pipe"]


@pytest.mark.root
def test_a_device_stays_a_device(world: World, folder: Path) -> None:
    null = folder / "null"
    os.mknod(null, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    before = os.lstat(null)
    world.do(Export(3, str(null)))
    exported(world, null)
    after = os.lstat(null)
    assert (before.st_ino, before.st_mode, before.st_rdev) == (after.st_ino, after.st_mode, after.st_rdev)
    assert os.listdir(folder) == ["null"]


@pytest.mark.root
def test_a_checksum_beside_a_device_is_refused(world: World, folder: Path) -> None:
    os.mknod(folder / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    with pytest.raises(SnapshotError, match=r"null: it is a device; name a file"):
        exported(world, folder / "null", checksum=True)
    assert os.listdir(folder) == ["null"]


def test_a_socket_is_refused(world: World, folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "s"))
        with pytest.raises(SnapshotError, match=r"cannot write .*/s: it is a socket"):
            exported(world, folder / "s")
    assert stat.S_ISSOCK((folder / "s").lstat().st_mode)


@pytest.mark.parametrize("stands", [True, False], ids=["file", "nothing"])
def test_a_link_stays_and_its_target_is_replaced(
    world: World, folder: Path, wanted: bytes, *, stands: bool
) -> None:
    (folder / "there").mkdir()
    target = folder / "there/e"
    if stands:
        target.write_text("older")
    (folder / "link").symlink_to("there/e")
    exported(world, folder / "link", checksum=True)
    assert (folder / "link").is_symlink()
    assert whole(target, wanted)
    assert sorted(os.listdir(folder / "there")) == ["e", "e.sha256"]
    assert sorted(os.listdir(folder)) == ["link", "there"]


def test_a_link_to_a_fifo_is_written_into(world: World, folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    (folder / "link").symlink_to("pipe")
    reader = os.open(folder / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(SnapshotError, match="it is a FIFO; name a file"):
        exported(world, folder / "link", checksum=True)
    os.close(reader)


@pytest.mark.parametrize("way", ["/dev/fd/{}", "/proc/self/fd/{}"])
def test_open_files_of_a_process_are_written_into(
    world: World, folder: Path, wanted: bytes, way: str
) -> None:
    fd = os.open(folder / "e", os.O_WRONLY | os.O_CREAT)
    inode = os.fstat(fd).st_ino
    exported(world, way.format(fd))
    os.close(fd)
    assert whole(folder / "e", wanted)
    assert (folder / "e").stat().st_ino == inode


def test_a_link_of_somebody_else_where_all_may_write_is_refused(world: World, folder: Path) -> None:
    if os.geteuid():
        pytest.skip("only root can make one")
    folder.chmod(0o1777)
    (folder / "victim").write_text("theirs")
    (folder / "link").symlink_to("victim")
    os.lchown(folder / "link", 1234, 1234)
    with pytest.raises(SnapshotError, match="it is somebody else's symbolic link"):
        exported(world, folder / "link")
    assert (folder / "victim").read_text() == "theirs"


def test_a_link_below_a_root_that_is_held_is_refused(world: World, folder: Path) -> None:
    (folder / "victim").write_text("theirs")
    (world.root / "link").symlink_to(folder / "victim")
    with pytest.raises(SnapshotError, match="it is a symbolic link below a root"):
        exported(world, world.root / "link")
    assert (folder / "victim").read_text() == "theirs"


def test_links_in_a_circle_are_refused(world: World, folder: Path) -> None:
    (folder / "a").symlink_to("b")
    (folder / "b").symlink_to("a")
    with pytest.raises(SnapshotError, match="too many symbolic links"):
        exported(world, folder / "a")


def test_an_older_checksum_is_told_not_to_be_of_this_export(world: World, folder: Path) -> None:
    (folder / "e.sha256").write_text("of the older")
    notes: list[str] = []

    def listen(event: object) -> None:
        notes.append(str(event))

    exported(world, folder / "e", progress=Progress(listen))
    assert any("it does not tell of this export" in note for note in notes)


def test_a_way_that_others_can_change_is_not_ours_alone(tmp_path: Path) -> None:
    held = beneath.hold(str(tmp_path))
    (tmp_path / "a/b").mkdir(parents=True)
    assert held is not None
    assert beneath.is_ours_alone(str(tmp_path / "a/b"))
    (tmp_path / "a").chmod(0o777)
    assert not beneath.is_ours_alone(str(tmp_path / "a/b"))
