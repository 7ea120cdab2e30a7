"""An export is a file only once it is whole, with its checksum where asked for, or goes through a pipe."""

import os
import stat
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from backend.errors import (
    ConflictError,
    IntegrityError,
    InvalidInputError,
    NoSpaceError,
    SnapshotError,
)
from backend.fs import locks
from backend.operations import Export, Forget
from backend.progress import Progress
from backend.transfer.exporter import SnapshotExport, export_to_file
from tests.support.builders import World, plant
from tests.support.exports import make_world, members, streamed
from tests.support.fakes import StopAt, stops

world = pytest.fixture(make_world)
ODD_NAMES = ["e", "two words", "back\\slash", "new\nline", "carriage\rreturn", "é", "-dash", "*star"]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_sha256sum_agrees(world: World, folder: Path, name: str) -> None:
    world.do(Export(3, str(folder / name), checksum=True))
    assert sorted(os.listdir(folder)) == sorted([name, f"{name}.sha256"])
    assert stat.S_IMODE((folder / f"{name}.sha256").stat().st_mode) == 0o600
    for arguments in (["--check", "--strict", "--", f"{name}.sha256"], ["--", name]):
        done = subprocess.run(["sha256sum", *arguments], cwd=folder, capture_output=True, check=True)
    assert done.stdout == (folder / f"{name}.sha256").read_bytes()


def test_the_bytes_are_the_same_with_a_checksum(world: World, folder: Path) -> None:
    with SnapshotExport(world.engine.store, 3) as export:
        export_to_file(export, str(folder / "plain"), Progress())
        export_to_file(export, str(folder / "summed"), Progress(), checksum=True)
    assert (folder / "plain").read_bytes() == (folder / "summed").read_bytes()


def test_a_stream_has_no_checksum_beside_it(world: World) -> None:
    with (
        open(world.root / "e", "wb") as file,
        pytest.raises(InvalidInputError, match="cannot write a checksum next to a stream: name a file"),
    ):
        world.engine.export(Export(3, "-", checksum=True), Progress(), file.fileno())
    assert (world.root / "e").read_bytes() == b""


def older(folder: Path) -> dict[str, str]:
    (folder / "e").write_text("older")
    (folder / "e.sha256").write_text("of the older")
    return texts(folder)


def texts(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text("latin-1") for path in folder.iterdir()}


def summed(world: World, path: Path, progress: Progress) -> None:
    with SnapshotExport(world.engine.store, 3) as export:
        export_to_file(export, str(path), progress, checksum=True)


def test_a_stop_at_any_time_leaves_the_older_pair(world: World, folder: Path) -> None:
    before = older(folder)
    states = [texts(folder) for _ in stops(lambda job: summed(world, folder / "e", job))]
    assert states == [before] * len(states)
    assert len(states) >= 4
    assert texts(folder)["e.sha256"] != before["e.sha256"]


@pytest.mark.parametrize("name", ["e", "e.sha256"])
def test_a_directory_in_the_way_is_told_before_anything_is_written(
    world: World, folder: Path, name: str
) -> None:
    (folder / name).mkdir()
    kept: list[Any] = []
    with pytest.raises(SnapshotError, match=f"cannot write {folder / name}: it is a directory"):
        summed(world, folder / "e", Progress(record_step=kept.append))
    assert (os.listdir(folder), kept) == ([name], [])


def test_a_checksum_that_cannot_be_put_in_place(
    world: World, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older(folder)
    rename = os.rename

    def refusing(path: str, target: str, **directories: int) -> None:
        if target.endswith(".sha256"):
            raise PermissionError(1, "Operation not permitted")
        rename(path, target, **directories)

    monkeypatch.setattr(os, "rename", refusing)
    with pytest.raises(SnapshotError, match="e is written, but not its checksum"):
        summed(world, folder / "e", Progress())
    assert os.listdir(folder) == ["e"]


# -- the file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return plant(tmp_path / "out", {})


def to_file(world: World, path: Path, progress: Progress) -> None:
    with SnapshotExport(world.engine.store, 3) as export:
        export_to_file(export, str(path), progress)


def test_the_file_is_private_whatever_was_there(world: World, folder: Path) -> None:
    target = folder / "e"
    target.write_text("older")
    target.chmod(0o644)
    world.do(Export(3, str(target)))
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert os.listdir(folder) == ["e"]


def test_a_stop_at_any_time_leaves_what_was_there(world: World, folder: Path) -> None:
    target = folder / "e"
    target.write_text("older")
    states = [
        (os.listdir(folder), target.read_text()) for _ in stops(lambda job: to_file(world, target, job))
    ]
    assert states == [(["e"], "older")] * len(states)
    assert len(states) >= 4


def test_a_failure_leaves_what_was_there(world: World, folder: Path) -> None:
    target = folder / "e"
    target.write_text("older")
    with SnapshotExport(world.engine.store, 3) as export:
        os.truncate(world.snapshots / "3_other_1.0_x1.zip", 10)
        with pytest.raises(IntegrityError):
            export_to_file(export, str(target), Progress())
    assert (os.listdir(folder), target.read_text()) == (["e"], "older")


def test_a_dead_part_is_replaced_a_living_one_is_not(world: World, folder: Path) -> None:
    part = folder / "e.part"
    part.write_text("left by somebody who died")
    with open(part, "rb") as file, locks.locked(file.fileno()):
        with pytest.raises(SnapshotError, match=r"e\.part is being written by another export"):
            to_file(world, folder / "e", Progress())
        assert part.read_text().startswith("left")
    to_file(world, folder / "e", Progress())
    assert os.listdir(folder) == ["e"]


def test_a_link_in_the_way_is_not_followed(world: World, folder: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (folder / "e.part").symlink_to(victim)
    with pytest.raises(SnapshotError, match="is in the way: it is not a regular file"):
        to_file(world, folder / "e", Progress())
    assert os.listdir(folder) == ["e.part"]
    assert victim.read_text() == "precious"


def test_a_folder_that_is_not_there(world: World, folder: Path) -> None:
    with pytest.raises(SnapshotError, match=r"cannot export snapshot 3: .*No such file or directory"):
        to_file(world, folder / "missing/e", Progress())


def test_a_full_disk(world: World) -> None:
    with (
        SnapshotExport(world.engine.store, 3) as export,
        open("/dev/full", "wb") as full,
        pytest.raises(NoSpaceError, match="cannot export snapshot 3: insufficient space"),
    ):
        export.stream_to(full.fileno(), Progress())


# -- pipes


def test_through_a_pipe(world: World) -> None:
    read_end, write_end = os.pipe()
    got: list[bytes] = []
    with os.fdopen(read_end, "rb") as source:
        reader = threading.Thread(target=lambda: got.append(source.read()))
        reader.start()
        world.engine.export(Export(3, "-"), Progress(), write_end)
        os.close(write_end)
        reader.join()
    assert len(got[0]) == len(streamed(world))
    assert members(got[0])[0].name == "content.json"


def test_into_a_pipe_that_nobody_reads(world: World) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        with pytest.raises(SnapshotError, match="cannot export snapshot 3: Broken pipe"):
            world.engine.export(Export(3, "-"), Progress(), write_end)
    finally:
        os.close(write_end)


def test_a_set_that_is_read_is_not_forgotten(world: World) -> None:
    world.do(Export(3, str(world.root / "e")))
    refusals: list[str] = []

    class Meanwhile(StopAt):
        def advance(self, amount: int) -> None:
            if not refusals:
                with pytest.raises(ConflictError) as refusal:
                    world.do(Forget(3))
                refusals.append(str(refusal.value))

    world.engine.export(Export(3, str(world.root / "e2")), Meanwhile(10**6))
    assert refusals == ["cannot operate on snapshot set #3 while another operation on it is in progress"]
