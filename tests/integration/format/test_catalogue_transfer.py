"""The rows of snapd's own test catalogue on imports, estimates, exports and leftovers."""

import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.archive.reader import Reader
from backend.archive.tar import vetting
from backend.archive.tar.program import Tar
from backend.errors import (
    Cancelled,
    ConflictError,
    DuplicateSetError,
    IntegrityError,
    InvalidInputError,
    MultiError,
    NotFoundError,
    SnapshotError,
)
from backend.format.metadata import content_hash, parse_metadata, set_content_hash
from backend.host.layout import Layout
from backend.model import Revision, SnapshotSet
from backend.operations import Export, Import, Restore, Save
from backend.progress import Progress
from backend.save.estimate import estimate_size
from backend.store import clean_up_abandoned_imports
from backend.transfer.exporter import SnapshotExport
from backend.transfer.importer import import_set
from tests.support.builders import WHEN, Tree, World, plant, snapshot_of, tgz, tree_of
from tests.support.catalogue import make_world

world = pytest.fixture(make_world)


def take_in(world: World, stream: bytes) -> list[str]:
    """Import bytes; the names of the snaps."""
    path = world.root / "incoming"
    path.write_bytes(stream)
    with open(path, "rb") as file:
        return [
            snapshot.snap for snapshot in import_set(world.engine.store, file.fileno(), Progress()).snapshots
        ]


def stream_of(*members: tuple[str, bytes], kind: bytes = tarfile.REGTYPE) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, data in members:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            member.type = tarfile.DIRTYPE if name.endswith("/") else kind
            tar.addfile(member, io.BytesIO(data))
    return stream.getvalue()


def moved(path: Path) -> bytes:
    """The bytes of a file, which is gone afterwards."""
    content = path.read_bytes()
    path.unlink()
    return content


MANIFEST = ("export.json", b'{"format":1}')


# -- import


def three_zips(world: World) -> list[tuple[str, bytes]]:
    paths = [world.add(14, snap, {"x1": {"a": snap}}) for snap in ("foo", "bar", "baz")]
    return [(path.name, moved(path)) for path in paths]


def test_import(world: World) -> None:
    zips = three_zips(world)
    names = sorted(f"1_{name.partition('_')[2]}" for name, _ in zips)
    assert take_in(world, stream_of(*zips, MANIFEST)) == ["foo", "bar", "baz"]
    assert world.names() == names
    refused = {
        "no export.json file in uploaded data": stream_of(*zips),
        "tar: ": b"junk" * 512,
        "unexpected directory in import file": stream_of(("dir/", b""), MANIFEST),
        "invalid filename in import file": stream_of(("1_../../etc_1.0_x1.zip", b""), MANIFEST),
    }
    for reason, stream in refused.items():
        with pytest.raises((InvalidInputError, IntegrityError), match=f"cannot import snapshot: {reason}"):
            take_in(world, stream)
        assert world.names() == names


def test_import_in_progress(world: World) -> None:
    """The id is taken last, past every marker: an import does not clash with one under way for snapd."""
    zips = three_zips(world)
    plant(world.snapshots, {"15_importing": ""})
    take_in(world, stream_of(*zips, MANIFEST))
    assert [group.set_id for group in world.engine.store.list_sets()] == [16]
    store = world.engine.store
    plant(world.snapshots, {"17_importing": ""})
    with pytest.raises(ConflictError, match="cannot import snapshot 17: already in progress for this set id"):
        store.publish(17, [], Progress())


def test_import_check_error(world: World) -> None:
    path = world.add(1, "hello", sums={"archive.tgz": "d5ef563" + "0" * 89})
    raw = moved(path)
    expected = (
        f'cannot import snapshot: validation failed for "{path.name}": snapshot entry "archive.tgz" '
        "expected hash (d5ef563…) does not match actual ("
    )
    with pytest.raises(IntegrityError) as failure:
        take_in(world, stream_of((path.name, raw), MANIFEST))
    assert str(failure.value).startswith(expected)
    assert world.names() == []


def test_import_duplicated(world: World) -> None:
    path = world.add(5, "hello")
    with pytest.raises(DuplicateSetError) as known:
        take_in(world, stream_of((path.name, path.read_bytes()), MANIFEST))
    assert str(known.value) == "cannot import snapshot, already available as snapshot id 5"
    assert (known.value.set_id, known.value.snaps) == (5, ("hello",))


def test_import_export_roundtrip(world: World) -> None:
    path = world.add(122, "hello", snap_id="s" * 32)
    (before,) = world.engine.store.iter_snapshots()
    file = str(world.root / "e")
    world.do(Export(122, file))
    path.unlink()
    plant(world.snapshots, {"122_gone.zip": ""})
    assert world.do(Import(file)).set_id == 123
    (after,) = world.engine.store.list_sets(123)
    assert [snapshot._replace(path="") for snapshot in after.snapshots] == [
        before._replace(path="", set_id=123)
    ]
    with Reader.open(after.snapshots[0].path) as reader:
        assert reader.snapshot.set_id == 123


# -- estimate


def test_estimate_snapshot_size(world: World) -> None:
    for hidden in (False, True):
        layout = Layout(str(world.root), hidden=lambda _snap, hidden=hidden: hidden)  # type: ignore[misc] # binds the value of the loop
        world.install("hello", data={"a": "12"}, common={"b": "3"})
        parent = Path(layout.user_parent(layout.find_users(["alice"])[0], "hello"))
        plant(parent, {"x1": {"c": "4567"}, "common": {"sub": {"d": "89"}}})
        assert estimate_size(layout, "hello", ["alice"]) == 9


def test_estimate_snapshot_size_empty(world: World) -> None:
    world.install("hello", data={}, common={}, users={"alice": {}})
    assert estimate_size(Layout(str(world.root)), "hello") == 0


def test_estimate_snapshot_passes_usernames(world: World) -> None:
    world.install("hello", users={"alice": {"a": "1"}, "bob": {"a": "22"}})
    assert estimate_size(Layout(str(world.root)), "hello", ["bob"]) == 2
    with pytest.raises(NotFoundError, match="unknown user ghost"):
        estimate_size(Layout(str(world.root)), "hello", ["ghost"])


def test_estimate_snapshot_size_not_data_dirs(world: World) -> None:
    world.install("hello")
    assert estimate_size(Layout(str(world.root)), "hello") == 0


# -- export


def test_export_twice(world: World) -> None:
    path = world.add(5, "hello")
    assert path.stat().st_size <= 1024
    sizes = []
    for stamp in (0, 9_000_000_000, 0):
        os.utime(path, (stamp, stamp))
        with SnapshotExport(world.engine.store, 5) as export:
            sizes.append(export.size)
    small = 1024 + 512 + (path.stat().st_size + 511) // 512 * 512 + 1024 + 1024
    assert sizes == [small, small + 1024, small]  # a time from 2242 on needs a header of its own


def test_export_unhappy(world: World) -> None:
    with pytest.raises(NotFoundError, match="no snapshot data found for 5"):
        SnapshotExport(world.engine.store, 5)


def test_snapshot_export_content_hash(world: World) -> None:
    world.add(1, "hello")

    def digest() -> bytes:
        (group,) = world.engine.store.list_sets(1)
        return set_content_hash(group.snapshots)

    first = digest()
    assert (len(first), first) == (32, digest())
    world.add(1, "other")
    assert digest() != first


# -- what a crash left


def test_cleanup_abandoned_imports(world: World) -> None:
    for set_id in (1, 2):
        world.add(set_id, "foo")
        world.add(set_id, "bar")
    plant(world.snapshots, {"1_importing": ""})
    assert clean_up_abandoned_imports(world.engine.store) == 1
    assert world.names() == ["2_bar_1.0_x1.zip", "2_foo_1.0_x1.zip"]


def test_cleanup_abandoned_imports_fail_many(world: World) -> None:
    """A marker such as `007_importing` can be removed."""
    doomed: Tree = {"2_d.zip": {"in": "the way"}, "3_d.zip": {}, "1_importing": "", "007_importing": ""}
    plant(world.snapshots, doomed)
    plant(world.snapshots, {"2_importing": "", "3_importing": "", "1abc_importing": ""})
    with pytest.raises(MultiError) as failure:
        clean_up_abandoned_imports(world.engine.store)
    assert str(failure.value) == "\n".join(
        (
            "cannot cleanup imports:",
            f'- cannot determine snapshot id from "{world.snapshots}/1abc_importing"',
            "- cannot cancel import for set id 2:",
            f" - remove {world.snapshots}/2_d.zip: is a directory",
            "- cannot cancel import for set id 3:",
            f" - remove {world.snapshots}/3_d.zip: is a directory",
        )
    )
    assert "007_importing" not in world.names()


def test_multi_error() -> None:
    errors = [SnapshotError("a"), MultiError("nested", [SnapshotError("b"), MultiError("more", [])])]
    failure = MultiError("top", errors)
    text = "top:\n- a\n- nested:\n - b\n - more:"
    assert (str(failure), str(failure)) == (text, text)


def test_multi_error_cycle() -> None:
    failure = MultiError("cycle", [])
    failure.errors = (failure,)
    lines = str(failure).split("\n")
    assert lines[-1].strip() == "- circular or too deep error nesting (max 8)?!"
    assert len(lines) == 10


# -- §8.4


@pytest.mark.parametrize("field", ["snap", "revision", "sha3-384", "time", "set"])
def test_client_snapshot_is_valid(field: str) -> None:
    members = {
        "time": f'"time":"{WHEN}"',
        "snap": '"snap":"hello"',
        "revision": '"revision":"x1"',
        "sha3-384": '"sha3-384":{"archive.tgz":"%s"}' % ("0" * 96),
    }
    set_id = 0 if field == "set" else 1
    sound = parse_metadata(f"{{{','.join(members.values())}}}".encode(), 1)
    members.pop(field, None)
    lacking = parse_metadata(f"{{{','.join(members.values())}}}".encode(), set_id)
    assert (sound.broken, lacking.broken) == ("", "invalid snapshot")


def test_client_snapshot_set_size() -> None:
    snapshot = snapshot_of(1, "hello", {"archive.tgz": b"12345"})
    assert SnapshotSet(1, (snapshot, snapshot._replace(size=7))).size == 12
    assert SnapshotSet(1, ()).size == 0


def test_client_snapshot_content_hash() -> None:
    snapshot = snapshot_of(1, "hello", {"archive.tgz": b"1"}, exclude=("$SNAP_DATA/a",))
    for same in (
        snapshot._replace(set_id=2),
        snapshot._replace(time="2020-01-01T00:00:00Z"),
        snapshot._replace(exclude=()),
    ):
        assert content_hash(same) == content_hash(snapshot)
    for other in (snapshot._replace(snap="other"), snapshot._replace(sums={"archive.tgz": "0" * 96})):
        assert content_hash(other) != content_hash(snapshot)


def test_client_snapshot_set_content_hash() -> None:
    first, second = (snapshot_of(1, snap, {"archive.tgz": b"1"}) for snap in ("aa", "bb"))
    assert set_content_hash([first, second]) == set_content_hash(
        [second, first._replace(set_id=4, exclude=("$SNAP_DATA/x",))]
    )
    assert set_content_hash([first, second]) != set_content_hash([first, second._replace(size=99)])


def test_merge_dynamic_excludes_error(world: World) -> None:
    world.install("hello", data={"a": "1"}, exclude=["$SNAP_DATA/static"])
    with pytest.raises(InvalidInputError):
        world.do(Save(exclude=("$SNAP_DATA/ok", "/etc/passwd")))
    assert world.names() == []


def test_merge_dynamic_excludes_happy(world: World) -> None:
    """Both lists are left out; only the dynamic one is recorded, in its order."""
    world.install("hello", data={"a": "1", "s": "2", "d": "3"}, exclude=["$SNAP_DATA/s"])
    world.do(Save(exclude=("$SNAP_DATA/d", "$SNAP_COMMON/b", "$SNAP_COMMON/a")))
    world.do(Restore(1))
    assert tree_of(world.data("hello") / "x1") == {"a": "1"}
    (snapshot,) = world.engine.store.iter_snapshots()
    assert snapshot.exclude == ("$SNAP_DATA/d", "$SNAP_COMMON/b", "$SNAP_COMMON/a")


def test_unset(world: World) -> None:
    world.install("hello", data={"a": "1"})
    world.do(Save(exclude=()))
    (snapshot,) = world.engine.store.iter_snapshots()
    assert snapshot.exclude is None


def test_snapshot_export_happy(world: World) -> None:
    world.add(1, "hello")
    folder = plant(world.root / "exports", {})
    world.do(Export(1, str(folder / "1.snapshot")))
    assert os.listdir(folder) == ["1.snapshot"]


def test_ctx_runner_stops_a_program_that_prints_nothing(tmp_path: Path) -> None:
    """tar waits for a pipe that nobody fills; the stop ends it at once."""
    progress = Progress()
    vetter = vetting.ExtractionFilter(Revision(-1))
    content = tgz({"x1": {"a": "1"}})

    def endless() -> Iterator[bytes]:
        yield content[:0]
        progress.stop()
        yield content[:0]

    fd = os.open(tmp_path, os.O_RDONLY)
    try:
        with pytest.raises(Cancelled):
            Tar(None).unpack(fd, endless(), vetter, progress)
    finally:
        os.close(fd)
