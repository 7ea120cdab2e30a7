import gzip
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.archive.reader import read_snapshot
from backend.browse.patterns import PathPattern
from backend.browse.snapshot_file import SnapshotFile, reading_recorded
from backend.browse.toc_cache import TocCache
from backend.browse.tree import Tree
from backend.errors import InvalidInputError, NotFoundError, SnapshotError
from backend.model import ARCHIVE
from backend.operations import Export, Forget
from backend.progress import Progress
from backend.store.verifications import CheckState, VerificationLog
from tests.support.builders import World, snapshot_of, tgz, write_snapshot

DATA = {"x1": {"f": "one", "g": "two" * 1000}, "common": {"c": "three"}}


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "root")
    world.add(3, "foo", DATA, users={"alice": {"x1": {"mine": "hers"}}, "bob": {"common": {"b": "his"}}})
    world.add(3, "bar", {"x1": {"other": "4"}})
    return world


@pytest.fixture
def export(world: World, tmp_path: Path) -> Path:
    file = tmp_path / "three.snapshot"
    world.do(Export(3, str(file)))
    return file


def texts(inside: SnapshotFile) -> dict[str, bytes]:
    """Every file in it, by snap, entry and path."""
    contents = {}
    for held in inside.held:
        for archive in held.archives:
            with Tree(archive) as tree:
                tree.index(Progress())
                assert tree.verified is True
                for node in tree.find(PathPattern("*")):
                    if not node.is_folder:
                        name = f"{held.snapshot.snap} {archive.entry} {tree.path(node).decode()}"
                        contents[name] = tree.open(node).read(0, node.size)
    return contents


FOO = {
    f"foo {ARCHIVE} x1/f": b"one",
    f"foo {ARCHIVE} x1/g": b"two" * 1000,
    f"foo {ARCHIVE} common/c": b"three",
    "foo user/alice.tgz x1/mine": b"hers",
    "foo user/bob.tgz common/b": b"his",
}


class TestPlaces:
    def test_a_snapshot_of_the_store(self, world: World) -> None:
        snapshot = next(
            candidate for candidate in world.engine.sets(3)[0].snapshots if candidate.snap == "foo"
        )
        with SnapshotFile.of_store(snapshot) as inside:
            assert texts(inside) == FOO
            assert not inside.is_export

    def test_a_file_of_any_name(self, world: World, tmp_path: Path) -> None:
        copy = tmp_path / "some file.bak"
        copy.write_bytes((world.snapshots / "3_foo_1.0_x1.zip").read_bytes())
        with SnapshotFile.of_file(str(copy)) as inside:
            assert texts(inside) == FOO
            assert inside.snapshots[0].snap == "foo"

    def test_through_a_link(self, world: World, tmp_path: Path) -> None:
        link = tmp_path / "link"
        link.symlink_to(world.snapshots / "3_foo_1.0_x1.zip")
        with SnapshotFile.of_file(str(link)) as inside:
            assert texts(inside) == FOO

    def test_an_export(self, export: Path) -> None:
        with SnapshotFile.of_file(str(export)) as inside:
            assert inside.is_export
            assert inside.faults == ()
            assert texts(inside) == FOO | {f"bar {ARCHIVE} x1/other": b"4"}

    def test_an_archive_that_the_zip_compressed_again(self, tmp_path: Path) -> None:
        import zipfile

        packed = tgz({"x1": {"f": os.urandom(200_000)}})
        path = write_snapshot(
            tmp_path / "1_foo_1.0_x1.zip", snapshot_of(1, "foo", {ARCHIVE: packed}), {ARCHIVE: packed}
        )
        with zipfile.ZipFile(path) as old:
            members = {name: old.read(name) for name in old.namelist()}
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
            for name, content in members.items():
                new.writestr(name, content)
        with SnapshotFile.of_file(str(path)) as inside, Tree(inside.held[0].archive()) as tree:
            tree.index(Progress())
            assert tree.verified is True
            stream = tree.open(tree.node(b"x1/f"))
            late = stream.read(150_000, 1000)
            assert (
                stream.read(10, 50) + late == stream.read(10, 50) + stream.read(0, 200_000)[150_000:151_000]
            )

    @pytest.mark.parametrize("content", [b"", b"hello", b"\x1f\x8b" + bytes(90), b"x" * 5000])
    def test_neither_snapshot_nor_export_is_refused(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "file").write_bytes(content)
        with pytest.raises(InvalidInputError, match="cannot look into"):
            SnapshotFile.of_file(str(tmp_path / "file"))

    def test_fifos_folders_and_missing_paths_are_refused(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(SnapshotError):
            SnapshotFile.of_file(str(tmp_path / "nothing"))
        for name in ("pipe", "."):
            with pytest.raises(InvalidInputError, match="regular file"):
                SnapshotFile.of_file(str(tmp_path / name))


class TestPaths:
    @pytest.mark.parametrize(
        ("path", "entry", "name"),
        [
            ("common/c", ARCHIVE, b"common/c"),
            ("rev", ARCHIVE, b"x1"),
            ("/rev/f/", ARCHIVE, b"x1/f"),
            ("x1/f", ARCHIVE, b"x1/f"),
            ("alice/rev/mine", "user/alice.tgz", b"x1/mine"),
            ("user/bob/common", "user/bob.tgz", b"common"),
            ("alice", "user/alice.tgz", b""),
            ("system/alice/x", ARCHIVE, b"alice/x"),
            ("x1/\udcff", ARCHIVE, b"x1/\xff"),
        ],
    )
    def test_where_they_lead(self, world: World, path: str, entry: str, name: bytes) -> None:
        with SnapshotFile.of_file(str(world.snapshots / "3_foo_1.0_x1.zip")) as inside:
            archive, member = inside.of_snap("foo").locate(path)
            assert (archive.entry, member) == (entry, name)

    def test_unknown_user_snap_or_entry_is_an_error(self, world: World) -> None:
        with SnapshotFile.of_file(str(world.snapshots / "3_foo_1.0_x1.zip")) as inside:
            with pytest.raises(NotFoundError, match='user "carol"'):
                inside.of_snap("foo").locate("user/carol/x")
            with pytest.raises(NotFoundError, match='"baz"'):
                inside.of_snap("baz")

    def test_a_user_called_common(self, tmp_path: Path) -> None:
        world = World(tmp_path / "root")
        path = world.add(1, "foo", DATA, users={"common": {"x1": {"u": "1"}}})
        with SnapshotFile.of_file(str(path)) as inside:
            assert inside.held[0].locate("common/c")[0].entry == ARCHIVE
            assert inside.held[0].locate("user/common/rev/u")[0].entry == "user/common.tgz"


class TestDamage:
    def test_a_snapshot_cut_short_shows_what_is_left(self, world: World) -> None:
        path = world.snapshots / "3_foo_1.0_x1.zip"
        content = path.read_bytes()
        path.write_bytes(content[: content.index(b"user/bob.tgz") + 40])
        with SnapshotFile.of_file(str(path)) as inside:
            (held,) = inside.held
            assert held.snapshot.broken
            assert [archive.entry for archive in held.archives][:2] == [ARCHIVE, "user/alice.tgz"]
            with Tree(held.archives[0]) as tree:
                tree.index(Progress())
                assert (tree.fault, tree.verified) == ("", None)
                assert tree.open(tree.node(b"x1/f")).read(0, 9) == b"one"

    def test_an_export_cut_short_shows_what_is_left(self, export: Path) -> None:
        content = export.read_bytes()
        export.write_bytes(content[: content.index(b"archive.tgz", content.index(b"3_foo")) + 200])
        with SnapshotFile.of_file(str(export)) as inside:
            assert inside.faults
            by_snap = {held.snapshot.snap: held for held in inside.held}
            assert by_snap["foo"].snapshot.broken
            assert [archive.entry for archive in by_snap["foo"].archives] == [ARCHIVE]
            assert not by_snap["bar"].snapshot.broken

    def test_broken_metadata_do_not_hide_the_archives(self, world: World) -> None:
        path = world.snapshots / "3_bar_1.0_x1.zip"
        content = path.read_bytes()
        at = content.index(b"meta.sha3_384") + 30
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        with SnapshotFile.of_file(str(path)) as inside:
            assert inside.held[0].snapshot.broken
            assert inside.held[0].archives
            assert inside.check(Progress())[0].fault.startswith("cannot open snapshot:")

    @pytest.mark.slow
    @settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.data())
    def test_no_damage_is_more_than_an_error(
        self, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
    ) -> None:
        content = bytearray(SOUND)
        for _ in range(data.draw(st.integers(0, 5))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        end = data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))
        path = tmp_path_factory.getbasetemp() / "damaged"
        path.write_bytes(content[:end])
        try:
            with SnapshotFile.of_file(str(path)) as inside:
                inside.check(Progress(), structure=True)
                for held in inside.held:
                    for archive in held.archives:
                        with Tree(archive) as tree:
                            tree.index(Progress())
                            tree.listing(tree.root)
        except SnapshotError:
            pass


def _sound() -> bytes:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        world = World(f"{folder}/root")
        path = world.add(1, "foo", DATA, users={"alice": {"x1": {"f": "1"}}})
        return path.read_bytes()


SOUND = _sound()


class TestCheck:
    def test_the_same_verdicts_as_of_a_store(self, world: World, tmp_path: Path) -> None:
        path = world.snapshots / "3_foo_1.0_x1.zip"
        content = bytearray(path.read_bytes())
        content[content.index(b"user/alice.tgz") + 40] ^= 1
        path.write_bytes(content)
        world.snapshots.joinpath("3_bar_1.0_x1.zip").unlink()
        from backend.operations import Check

        expected = [(verdict.entry, verdict.fault) for verdict in world.do(Check(3)).verdicts]
        with SnapshotFile.of_file(str(path)) as inside:
            assert [(verdict.entry, verdict.fault) for verdict in inside.check(Progress())] == expected
        assert sum(bool(fault) for _, fault in expected) == 1

    def test_an_export_in_place(self, export: Path) -> None:
        with SnapshotFile.of_file(str(export)) as inside:
            assert [verdict.fault for verdict in inside.check(Progress())] == [""] * 4
            assert [verdict.snap for verdict in inside.check(Progress(), snaps=["bar"], structure=True)] == [
                "bar"
            ]
            assert len(inside.check(Progress(), users=["bob"], snaps=["foo"], quick=True)) == 2

    def test_damage_in_an_export_is_found(self, export: Path) -> None:
        content = bytearray(export.read_bytes())
        at = content.index(b"\x1f\x8b", content.index(b"user/bob.tgz"))
        content[at + 20] ^= 1
        export.write_bytes(content)
        with SnapshotFile.of_file(str(export)) as inside:
            assert [verdict.entry for verdict in inside.check(Progress()) if verdict.fault] == [
                "user/bob.tgz"
            ]


class TestLedger:
    def test_a_whole_reading_counts_as_a_check(self, world: World, tmp_path: Path) -> None:
        path = world.add(4, "one", DATA)
        state_dir = str(tmp_path / "own")
        os.mkdir(state_dir)
        ledger = VerificationLog(state_dir)
        snapshot = read_snapshot(str(path))
        with SnapshotFile.of_store(snapshot) as inside, Tree(inside.held[0].archive(), state_dir) as tree:
            assert not reading_recorded(tree, ledger)
            tree.index(Progress())
            assert reading_recorded(tree, ledger)
        assert ledger.statuses([snapshot])[str(path)].state is CheckState.OK
        with SnapshotFile.of_store(snapshot) as inside, Tree(inside.held[0].archive(), state_dir) as tree:
            assert tree.is_indexed
            assert not reading_recorded(tree, ledger)

    def test_nothing_is_recorded_of_a_file_put_in_place_meanwhile(self, world: World, tmp_path: Path) -> None:
        path = world.add(4, "one", DATA)
        content = bytearray(path.read_bytes())
        content[60] ^= 1
        state_dir = str(tmp_path / "own")
        os.mkdir(state_dir)
        ledger = VerificationLog(state_dir)
        snapshot = read_snapshot(str(path))
        with SnapshotFile.of_store(snapshot) as inside, Tree(inside.held[0].archive(), state_dir) as tree:
            tree.index(Progress())
            path.with_suffix(".new").write_bytes(content)
            path.with_suffix(".new").rename(path)
            assert not reading_recorded(tree, ledger)
        assert ledger.statuses([snapshot])[str(path)].state is CheckState.NEVER

    def test_damage_is_recorded_as_well(self, world: World, tmp_path: Path) -> None:
        path = world.add(4, "one", DATA)
        content = bytearray(path.read_bytes())
        content[60] ^= 1
        path.write_bytes(content)
        state_dir = str(tmp_path / "own")
        os.mkdir(state_dir)
        snapshot = read_snapshot(str(path))
        with SnapshotFile.of_store(snapshot) as inside, Tree(inside.held[0].archive(), state_dir) as tree:
            tree.index(Progress())
            assert reading_recorded(tree, VerificationLog(state_dir))
        assert VerificationLog(state_dir).statuses([snapshot])[str(path)].state is CheckState.FAILED


def test_a_table_goes_with_the_snapshot(world: World, tmp_path: Path) -> None:
    state_dir = str(tmp_path / "own")
    for name in ("3_foo_1.0_x1.zip", "3_bar_1.0_x1.zip"):
        with (
            SnapshotFile.of_file(str(world.snapshots / name)) as inside,
            Tree(inside.held[0].archive(), state_dir) as tree,
        ):
            tree.index(Progress())
    (world.snapshots / "3_bar_1.0_x1.zip").unlink()
    TocCache(state_dir).sweep()
    assert len(list(Path(state_dir).rglob("*.toc"))) == 1


def test_gzip_is_what_the_builders_make() -> None:
    assert gzip.decompress(tgz(DATA))


def test_forgetting_a_set_forgets_what_was_in_it(world: World) -> None:
    state_dir = Path(world.engine.state_dir)
    for snapshot in world.engine.sets(3)[0].snapshots:
        with (
            SnapshotFile.of_store(snapshot) as inside,
            Tree(inside.held[0].archive(), str(state_dir)) as tree,
        ):
            tree.index(Progress())
    assert len(list(state_dir.rglob("*.toc"))) == 2
    world.do(Forget(3))
    assert not list(state_dir.rglob("*.toc"))


def test_metadata_with_letters_that_are_none(tmp_path: Path) -> None:
    packed = tgz(DATA)
    entry = "user/\udcff.tgz"
    snapshot = snapshot_of(1, "foo", {ARCHIVE: packed, entry: packed})
    sums = {name: "\ud800" for name in snapshot.sums or {}}
    path = write_snapshot(tmp_path / "1_foo_1.0_x1.zip", snapshot, {ARCHIVE: packed, entry: packed})
    with SnapshotFile.of_store(read_snapshot(str(path))._replace(sums=sums)) as inside:
        for archive in inside.held[0].archives:
            with Tree(archive, str(tmp_path / "own")) as tree:
                tree.index(Progress())
                assert tree.verified is False
                assert tree.root.files == 3
