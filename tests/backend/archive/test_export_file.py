"""Looking into an export without importing it: what it tells, and that nothing harms it."""

import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.archive.export_file import read_export_file
from backend.engine.files import FilesEngine
from backend.errors import Cancelled, InvalidInputError, SnapshotError
from backend.format.export_manifest import content_json
from backend.operations import Export
from backend.progress import Progress
from backend.transfer.importer import import_set
from tests.support.builders import World

Change = Callable[[str, bytes], tuple[str, bytes] | None]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    world = World(tmp_path_factory.mktemp("world"))
    world.add(3, "hello", users={"alice": {"common": {"f": "1"}}}, version="6.4", rev="42")
    world.add(3, "other_one", conf={"key": "value"}, version="")
    return world


@pytest.fixture(scope="module")
def exported(world: World) -> bytes:
    path = world.root / "3.snapshot"
    world.engine.export(Export(3, str(path)), Progress())
    return path.read_bytes()


def saved(folder: Path, raw: bytes) -> str:
    path = folder / "e.snapshot"
    path.write_bytes(raw)
    return str(path)


def rewritten(raw: bytes, change: Change) -> bytes:
    """The same stream with members changed, or left out."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(raw)) as old, tarfile.open(fileobj=stream, mode="w") as new:
        for member in old:
            file = old.extractfile(member)
            assert file is not None
            if (changed := change(member.name, file.read())) is not None:
                member.name, data = changed
                member.size = len(data)
                new.addfile(member, io.BytesIO(data))
    return stream.getvalue()


def import_error(engine: FilesEngine, path: str) -> str:
    fd = os.open(path, os.O_RDONLY)
    try:
        import_set(engine.store, fd, Progress(), allow_duplicate=True)
    except SnapshotError as failure:
        return str(failure)
    finally:
        os.close(fd)
    return ""


def test_tells_what_an_export_holds(world: World, exported: bytes, tmp_path: Path) -> None:
    export = read_export_file(saved(tmp_path, exported))
    assert (export.set_id, export.size, export.complete, export.hash_fits) == (3, len(exported), True, True)
    assert [
        (snapshot.snap, snapshot.version, str(snapshot.revision), snapshot.users)
        for snapshot in export.snapshots
    ] == [
        ("hello", "6.4", "42", ["alice"]),
        ("other_one", "", "x1", []),
    ]
    (known,) = world.engine.sets(3)
    assert [snapshot.size for snapshot in export.snapshots] == [snapshot.size for snapshot in known.snapshots]
    assert export.date.startswith("20")
    assert export.declared_hash


def test_a_set_that_is_here_is_recognised_by_its_content(
    world: World, exported: bytes, tmp_path: Path
) -> None:
    export = read_export_file(saved(tmp_path, exported))
    assert export.duplicate_of(world.engine.sets()) == 3
    other = World(tmp_path / "other")
    other.add(1, "hello")
    assert export.duplicate_of(other.engine.sets()) == 0


def test_a_part_of_it_is_recognised_by_itself(world: World, exported: bytes, tmp_path: Path) -> None:
    export = read_export_file(saved(tmp_path, exported))
    assert export.duplicate_of(world.engine.sets(), ("hello",)) == 0
    path = str(tmp_path / "part")
    world.engine.export(Export(3, path, snaps=("hello",)), Progress())
    with open(path, "rb") as file:
        taken = import_set(world.engine.store, file.fileno(), Progress())
    assert export.duplicate_of(world.engine.sets(), ("hello",)) == taken.set_id != 3
    assert export.duplicate_of(world.engine.sets(), ("other_one",)) == 0
    assert export.duplicate_of(world.engine.sets()) == 3


def test_reads_headers_and_metadata_only(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    big = World(tmp_path / "big")
    big.add(1, "hello", os.urandom(8 << 20))
    path = str(tmp_path / "big.snapshot")
    big.engine.export(Export(1, path), Progress())
    read = 0
    real = os.pread

    def counting(fd: int, count: int, at: int) -> bytes:
        nonlocal read
        content = real(fd, count, at)
        read += len(content)
        return content

    monkeypatch.setattr(os, "pread", counting)
    assert read_export_file(path).complete
    assert read < 64 << 10


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda name, data: None if name == "export.json" else (name, data), "no export.json"),
        (lambda name, data: None if "hello" in name else (name, data), "hello_6.4_42.zip is missing"),
        (lambda name, data: (name.replace("hello", "jello"), data), "do not agree"),
        (lambda name, data: (name.replace(".zip", ".sh"), data), "unexpected 3_hello_6.4_42.sh"),
        (lambda name, data: (f"../{name}", data) if "hello" in name else (name, data), "unexpected ../"),
        (lambda name, data: (name, data.replace(b"meta.sha3_384", b"meta.sha3_38x")), "missing archive"),
        (lambda name, data: (name, b"" if "hello" in name else data), "not a valid zip"),
        (lambda name, data: (name, b"[]" if name == "export.json" else data), "not an object"),
    ],
)
def test_faults_that_an_import_refuses_are_told_beforehand(
    exported: bytes, tmp_path: Path, change: Change, reason: str
) -> None:
    path = saved(tmp_path, rewritten(exported, change))
    export = read_export_file(path)
    assert any(reason in fault for fault in export.faults), export.faults
    assert import_error(World(tmp_path / "w").engine, path)


def test_only_a_wrong_content_hash_is_told_apart(exported: bytes, tmp_path: Path) -> None:
    wrong = content_json(b"\1" * 32)
    raw = rewritten(exported, lambda name, data: (name, wrong if name == "content.json" else data))
    export = read_export_file(saved(tmp_path, raw))
    assert (export.complete, export.hash_fits) == (True, False)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "empty"),
        (b"PK\x03\x04" + bytes(600), "single snapshot"),
        (b"\x1f\x8b" + bytes(600), "compressed"),
        (bytes(1024), "nothing in it"),
        (b"hello world" * 100, "not an export"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, raw: bytes, reason: str) -> None:
    with pytest.raises(InvalidInputError, match=reason):
        read_export_file(saved(tmp_path, raw))


def test_fifos_and_folders_are_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(InvalidInputError, match="not a regular file"):
            read_export_file(str(path))
    with pytest.raises(SnapshotError, match="No such file"):
        read_export_file(str(tmp_path / "missing"))


def test_a_cut_file_tells_what_is_left_of_it(exported: bytes, tmp_path: Path) -> None:
    for length in range(512, len(exported) - 1024, 512):
        export = read_export_file(saved(tmp_path, exported[:length]))
        assert not export.complete
    assert [snapshot.snap for snapshot in export.snapshots] == ["hello", "other_one"]


def test_a_zip_may_not_point_at_its_neighbours(exported: bytes, tmp_path: Path) -> None:
    """The second file is only the directory of a zip whose members would lie in the first one."""

    def change(name: str, data: bytes) -> tuple[str, bytes]:
        return (name, data[data.index(b"PK\x01\x02") :]) if "other_one" in name else (name, data)

    export = read_export_file(saved(tmp_path, rewritten(exported, change)))
    assert [("outside" in snapshot.broken) for snapshot in export.snapshots] == [False, True]


def test_a_flood_of_members_is_left_off(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for number in range(5000):
            archive.addfile(tarfile.TarInfo(f"{number}"))
    export = read_export_file(saved(tmp_path, stream.getvalue()))
    assert any("more than" in fault for fault in export.faults)


def test_a_sparse_giant_costs_nothing(exported: bytes, tmp_path: Path) -> None:
    path = tmp_path / "giant"
    header = tarfile.TarInfo("3_hello_6.4_42.zip")
    header.size = 1 << 40
    with path.open("wb") as file:
        file.write(header.tobuf(tarfile.GNU_FORMAT))
        file.truncate((1 << 40) + 4096)
    export = read_export_file(str(path))
    assert not export.complete
    assert export.snapshots[0].broken


@pytest.mark.slow
@given(data=st.data())
def test_damaged_bytes_give_our_errors_only(exported: bytes, data: st.DataObject) -> None:
    raw = bytearray(exported)
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    fd = os.memfd_create("damaged")
    try:
        os.write(fd, raw)
        read_export_file(f"/proc/self/fd/{fd}")
    except SnapshotError:
        pass
    finally:
        os.close(fd)


def test_a_stop_ends_the_look(exported: bytes, tmp_path: Path) -> None:
    progress = Progress()
    progress.stop()
    with pytest.raises(Cancelled):
        read_export_file(saved(tmp_path, exported), progress)
