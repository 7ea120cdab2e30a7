"""A table of contents is made once, can be stopped while it is, and is kept."""

import gzip
import hashlib
import os
import stat
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.browse import toc_builder as indexing
from backend.browse.nodes import Node, Order
from backend.browse.toc_cache import Key, TocCache
from backend.browse.tree import Archive, Tree
from backend.errors import Cancelled
from backend.model import ARCHIVE, Revision
from backend.progress import Event, Progress
from tests.support import rawtar
from tests.support.builders import tgz
from tests.support.trees import TAR, Make, archive_of, block_gzip, names, raw, tree_maker, whole

make = pytest.fixture(tree_maker)


class Halting:
    """Compressed bytes that come only as far as they are let."""

    def __init__(self, packed: bytes, first: int) -> None:
        self.packed = packed
        self.at = 0
        self.first = first
        self.reached = threading.Event()
        self.go_on = threading.Event()

    def read(self, count: int) -> bytes:
        if self.at >= self.first and not self.go_on.is_set():
            self.reached.set()
            assert self.go_on.wait(30)
        piece = self.packed[self.at : self.at + min(count, 4096)]
        self.at += len(piece)
        return piece


class TestIndexing:
    def test_members_can_be_listed_while_the_rest_is_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(indexing, "_INTERVAL", 0.0)
        members = [rawtar.member(b"x1/f%03d" % n, os.urandom(3000)) for n in range(400)]
        packed = gzip.compress(raw(rawtar.directory(b"x1"), *members))
        source = Halting(packed, 300_000)
        with Tree(archive_of(packed)._replace(stream=lambda: source.read)) as tree:
            reading = threading.Thread(target=tree.index, args=(Progress(),))
            reading.start()
            assert source.reached.wait(30)
            shown = tree.listing(tree.node(b"x1"))
            assert shown
            assert len(shown) < 400
            content = tree.open(shown[3])
            assert content.read(0, 3000) == members[3][512 : 512 + 3000]
            assert tree.verified is None
            source.go_on.set()
            reading.join(30)
            assert len(tree.listing(tree.node(b"x1"))) == 400
            assert tree.verified is True

    def test_a_stopped_reading_starts_again(self) -> None:
        packed = gzip.compress(raw(*(rawtar.member(b"x1/f%d" % n, os.urandom(5000)) for n in range(200))))
        events: list[Event] = []
        progress = Progress(events.append)
        source = Halting(packed, 400_000)
        archive = archive_of(packed)
        with Tree(archive._replace(stream=lambda: source.read)) as tree:
            source.go_on.set()
            original = source.read

            def read(count: int) -> bytes:
                if source.at > 500_000:
                    progress.stop()
                return original(count)

            source.read = read  # type: ignore[method-assign] # only here
            with pytest.raises(Cancelled):
                tree.index(progress)
            assert not tree.is_indexed
            assert tree.count(tree.node(b"x1")) > 10
            tree.archive = archive
            tree.index(Progress())
            assert tree.is_indexed
            assert tree.count(tree.node(b"x1")) == 200

    def test_progress_counts_the_packed_bytes(self) -> None:
        packed = gzip.compress(TAR)
        counted = []

        class Counting(Progress):
            def advance(self, amount: int) -> None:
                counted.append(amount)

        with Tree(archive_of(packed)) as tree:
            tree.index(Counting())
            assert sum(counted) == tree.size == len(packed)

    def test_a_disk_that_cannot_be_read(self, tmp_path: Path) -> None:
        def read(count: int) -> bytes:
            raise OSError(5, "Input/output error")

        source = tmp_path / "s"
        source.write_bytes(b"")
        key = Key(str(source), "s", ARCHIVE)
        archive = archive_of(gzip.compress(TAR))._replace(stream=lambda: read, key=key)
        with Tree(archive, str(tmp_path)) as tree:
            tree.index(Progress())
            assert "Input/output error" in tree.fault
        assert TocCache(str(tmp_path)).find(key) is None


@pytest.mark.slow
class TestManyFiles:
    """What holds for thousands of members holds for a million: SNAPSTOW_MILLION=1 tries that many."""

    COUNT = 1_000_000 if os.environ.get("SNAPSTOW_MILLION") else 12_000

    @pytest.fixture(params=["snapd", "ours"])
    def archive(self, request: pytest.FixtureRequest, tmp_path: Path) -> Archive:
        members = [
            rawtar.member(
                b"x1/d%03d/%s" % (n % 40, hashlib.sha256(b"%d" % n).hexdigest().encode()), b"%d" % n
            )
            for n in range(self.COUNT)
        ]
        tar = raw(rawtar.directory(b"x1"), *members)
        return archive_of(block_gzip(tar) if request.param == "ours" else gzip.compress(tar, 1))

    def test_hundred_thousand_members_take_little_memory(self, archive: Archive) -> None:
        with Tree(archive) as tree:
            tracemalloc.start()
            try:
                tree.index(Progress())
                assert tree.verified is True
                assert len(tree.listing(tree.node(b"x1"), Order.SIZE, 10, 10)) == 10
                peak = tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
            assert peak < 14 << 20
            assert tree.root.files == self.COUNT
            assert tree.count(tree.node(b"x1/d007")) == self.COUNT // 40

    def test_each_can_be_read_by_itself(self, archive: Archive) -> None:
        with Tree(archive) as tree:
            tree.index(Progress())
            for n in range(0, self.COUNT, max(997, self.COUNT // 100)):
                name = hashlib.sha256(b"%d" % n).hexdigest().encode()
                assert whole(tree, b"x1/d%03d/%s" % (n % 40, name)) == b"%d" % n


class TestKept:
    def place(self, tmp_path: Path, packed: bytes) -> Archive:
        from backend.fs.files import Fingerprint

        path = tmp_path / "file"
        path.write_bytes(packed)
        stamp = str(Fingerprint.of(os.stat(path)))
        return archive_of(packed, stamp, str(path))

    def test_the_second_visit_reads_nothing(self, tmp_path: Path) -> None:
        packed = gzip.compress(TAR)
        archive = self.place(tmp_path, packed)
        own_folder = str(tmp_path / "own")
        with Tree(archive, own_folder) as tree:
            tree.index(Progress())

        def never() -> Callable[[int], bytes]:
            raise AssertionError("it was read again")

        with Tree(archive._replace(stream=never), own_folder) as tree:
            assert tree.is_indexed
            tree.index(Progress())
            assert not tree.was_read
            assert names(tree, b"x1/a") == [b"one", b"two"]
            assert whole(tree, b"x1/a/two") == b"22"
            assert tree.verified is True

    def test_nobody_else_can_read_it(self, tmp_path: Path) -> None:
        with Tree(self.place(tmp_path, gzip.compress(TAR)), str(tmp_path / "own")) as tree:
            tree.index(Progress())
        for path in (tmp_path / "own").rglob("*"):
            assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)

    def test_another_file_under_the_name_is_read_anew_and_the_old_table_goes(self, tmp_path: Path) -> None:
        own_folder = str(tmp_path / "own")
        with Tree(self.place(tmp_path, gzip.compress(TAR)), own_folder) as tree:
            tree.index(Progress())
        other = gzip.compress(gzip.decompress(tgz({"x1": {"new": "1"}})))
        with Tree(self.place(tmp_path, other), own_folder) as tree:
            assert not tree.is_indexed
            tree.index(Progress())
            assert names(tree, b"x1") == [b"new"]
        assert len(list(Path(own_folder).rglob("*.toc"))) == 1

    def test_table_goes_with_its_file(self, tmp_path: Path) -> None:
        own_folder = tmp_path / "own"
        with Tree(self.place(tmp_path, gzip.compress(TAR)), str(own_folder)) as tree:
            tree.index(Progress())
        (tmp_path / "file").unlink()
        TocCache(str(own_folder)).sweep()
        assert list((own_folder / "index").iterdir()) == []

    def test_a_reading_that_was_given_up_leaves_nothing(self, tmp_path: Path) -> None:
        own_folder = tmp_path / "own"
        progress = Progress()
        progress.stop()
        with Tree(self.place(tmp_path, gzip.compress(TAR)), str(own_folder)) as tree:
            with pytest.raises(Cancelled):
                tree.index(progress)
            assert list(own_folder.rglob("*.part"))
            TocCache(str(own_folder)).sweep()
            assert list(own_folder.rglob("*.part"))
        assert not list(own_folder.rglob("*.part"))

    def test_leftovers_of_a_crash_are_swept(self, tmp_path: Path) -> None:
        archive = self.place(tmp_path, gzip.compress(TAR))
        folder = tmp_path / "own"
        with Tree(archive, str(folder)) as tree:
            tree.index(Progress())
        left = next(folder.rglob("*.toc")).with_name("abc.part")
        left.write_bytes(b"half")
        TocCache(str(folder)).sweep()
        assert not left.exists()
        assert TocCache(str(folder)).find(archive.key)

    def test_the_longest_unused_go_beyond_the_cap(self, tmp_path: Path) -> None:
        shelf = TocCache(str(tmp_path / "own"), cap=2500)
        paths = []
        for number in range(4):
            source = tmp_path / f"s{number}"
            source.write_bytes(b"")
            from backend.fs.files import Fingerprint

            key = Key(str(source), str(Fingerprint.of(os.stat(source))), "a")
            draft = shelf.begin(key)
            assert draft is not None
            Path(draft.path).write_bytes(bytes(1000))
            draft.keep()
            path = shelf.find(key)
            assert path is not None
            os.utime(path, (number, number))
            paths.append(Path(path))
        shelf.sweep()
        assert [path.exists() for path in paths] == [False, False, True, True]

    @pytest.mark.parametrize("content", [b"", b"not a database" * 100, b"SQLite format 3\0" + bytes(4000)])
    def test_a_damaged_table_is_made_anew(self, tmp_path: Path, content: bytes) -> None:
        archive = self.place(tmp_path, gzip.compress(TAR))
        folder = tmp_path / "own"
        with Tree(archive, str(folder)) as tree:
            tree.index(Progress())
        next(folder.rglob("*.toc")).write_bytes(content)
        with Tree(archive, str(folder)) as tree:
            assert not tree.is_indexed
            tree.index(Progress())
            assert names(tree) == [b"common", b"x1"]

    def test_where_nothing_can_be_kept_it_works_all_the_same(self, tmp_path: Path) -> None:
        (tmp_path / "own").write_bytes(b"a file")
        with Tree(self.place(tmp_path, gzip.compress(TAR)), str(tmp_path / "own")) as tree:
            tree.index(Progress())
            assert names(tree) == [b"common", b"x1"]


def test_the_hash_is_that_of_the_packed_bytes() -> None:
    packed = gzip.compress(TAR)
    archive = archive_of(packed)
    assert archive.declared == hashlib.sha3_384(packed).hexdigest()
    assert archive.snapshot.revision == Revision(-1)


def test_a_node_is_plain(make: Make) -> None:
    assert isinstance(make(TAR).root, Node)
