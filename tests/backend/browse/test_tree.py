import gzip
import hashlib
import io
import os
import stat
import subprocess
import tarfile
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.archive.gzip.blocks import compress
from backend.archive.gzip.seek import CompressedSource
from backend.browse import toc_builder as indexing
from backend.browse.nodes import Flag, Kind, Node, Order
from backend.browse.toc_cache import Key, TocCache
from backend.browse.tree import Archive, Tree
from backend.errors import Cancelled, IntegrityError, InvalidInputError, NotFoundError, SnapshotError
from backend.model import ARCHIVE, Revision
from backend.progress import Event, Progress
from tests.support import rawtar
from tests.support.builders import snapshot_of, tgz

Make = Callable[..., Tree]


def block_gzip(data: bytes) -> bytes:
    out = io.BytesIO()
    compress(io.BytesIO(data).readinto, out.write)
    return out.getvalue()


def archive_of(
    packed: bytes, key: str = "k", path: str = "/nowhere", declared: bytes | None = None
) -> Archive:
    snapshot = snapshot_of(1, "foo", {ARCHIVE: packed if declared is None else declared})
    place = CompressedSource(lambda at, count: packed[at : at + count], len(packed))
    return Archive(snapshot, ARCHIVE, place, lambda: io.BytesIO(packed).read, path, Key(path, key, ARCHIVE))


@pytest.fixture
def make() -> Iterator[Make]:
    trees = []

    def made(tar: bytes, *, packed_by: Callable[[bytes], bytes] = gzip.compress, kept: str = "") -> Tree:
        tree = Tree(archive_of(packed_by(tar)), kept)
        trees.append(tree)
        tree.index(Progress())
        return tree

    yield made
    for tree in trees:
        tree.close()


def names(tree: Tree, path: bytes = b"", order: Order = Order.NAME) -> list[bytes]:
    return [node.name for node in tree.listing(tree.node(path), order)]


def whole(tree: Tree, path: bytes) -> bytes:
    content = tree.open(tree.node(path))
    return content.read(0, content.size)


def raw(*members: bytes) -> bytes:
    return b"".join(members) + rawtar.END


TAR = gzip.decompress(tgz({"x1": {"b": "bb", "a": {"one": "1", "two": "22"}}, "common": {"c": "ccc"}}, 7))


class TestListing:
    @pytest.mark.parametrize("packed_by", [gzip.compress, block_gzip])
    def test_folders_first_then_by_name(self, make: Make, packed_by: Callable[[bytes], bytes]) -> None:
        tree = make(TAR, packed_by=packed_by)
        assert names(tree) == [b"common", b"x1"]
        assert names(tree, b"x1") == [b"a", b"b"]
        assert tree.path(tree.node(b"x1/a/two")) == b"x1/a/two"
        assert (tree.fault, tree.verified) == ("", True)

    def test_totals_of_folders(self, make: Make) -> None:
        tree = make(TAR)
        totals = {path: (tree.node(path).size, tree.node(path).files) for path in (b"", b"x1", b"x1/a")}
        assert totals == {b"": (8, 4), b"x1": (5, 3), b"x1/a": (3, 2)}

    def test_node_has_every_fact_of_its_member(self, make: Make) -> None:
        member = tarfile.TarInfo("x1/f")
        member.mtime, member.mode, member.uid, member.gid = 1_700_000_000, 0o4751, 12, 13
        member.uname, member.gname = "alice", "staff"
        node = make(raw(rawtar.directory(b"x1"), member.tobuf(tarfile.GNU_FORMAT))).node(b"x1/f")
        assert (node.kind, node.mode, node.mtime_ns) == (Kind.FILE, 0o4751, 1_700_000_000 * 10**9)
        assert (node.uid, node.gid, node.user, node.group) == (12, 13, b"alice", b"staff")

    def test_fine_times_and_owners_of_pax(self, make: Make) -> None:
        about = rawtar.pax(
            rawtar.record(b"mtime", b"12.5"),
            rawtar.record(b"uid", b"3000000000"),
            rawtar.record(b"uname", b"ann"),
        )
        node = make(raw(rawtar.directory(b"x1"), about, rawtar.member(b"x1/f"))).node(b"x1/f")
        assert (node.mtime_ns, node.uid, node.user) == (12_500_000_000, 3_000_000_000, b"ann")

    def test_orders(self, make: Make) -> None:
        members = []
        for name, size, when in (("big", 50, 1), ("new", 5, 9), ("mid", 20, 5)):
            member = tarfile.TarInfo(f"x1/{name}")
            member.size, member.mtime = size, when
            members.append(member.tobuf(tarfile.GNU_FORMAT) + rawtar.padded(bytes(size)))
        tree = make(raw(rawtar.directory(b"x1"), *members))
        assert names(tree, b"x1", Order.SIZE) == [b"big", b"mid", b"new"]
        assert names(tree, b"x1", Order.TIME) == [b"new", b"mid", b"big"]
        page = tree.listing(tree.node(b"x1"), Order.SIZE, 1, 1)
        assert [node.name for node in page] == [b"mid"]

    def test_pages_cover_everything_once(self, make: Make) -> None:
        tree = make(gzip.decompress(tgz({"x1": {f"f{n:04}": "" for n in range(250)}})))
        folder = tree.node(b"x1")
        assert tree.count(folder) == 250
        for order in Order:
            pages = [tree.listing(folder, order, at, 40) for at in range(0, 280, 40)]
            assert sorted(node.name for page in pages for node in page) == [b"f%04d" % n for n in range(250)]

    def test_folders_that_have_no_member(self, make: Make) -> None:
        tree = make(raw(rawtar.member(b"x1/deep/er/f", b"1"), rawtar.directory(b"x1/deep")))
        assert tree.node(b"x1").flags & Flag.IMPLIED
        assert tree.node(b"x1/deep/er").flags & Flag.IMPLIED
        assert not tree.node(b"x1/deep").flags & Flag.IMPLIED
        assert names(tree, b"x1") == [b"deep"]

    def test_unknown_name_is_an_error(self, make: Make) -> None:
        with pytest.raises(NotFoundError, match='"x1/nix"'):
            make(TAR).node(b"x1/nix")


class TestOddMembers:
    def test_names_that_are_no_utf8_stay_as_they_are(self, make: Make) -> None:
        name = b"x1/\xff\xfe\x1b[31m\n"
        node = make(raw(rawtar.directory(b"x1"), rawtar.member(name, b"z"))).node(name)
        assert node.name == b"\xff\xfe\x1b[31m\n"

    def test_absolute_and_climbing_names_are_shown_and_flagged(self, make: Make) -> None:
        tree = make(
            raw(
                rawtar.member(b"/etc/shadow", b"1"),
                rawtar.member(b"x1/../../up", b"2"),
                rawtar.member(b"..", kind=b"5"),
                rawtar.member(b"other/f", b"3"),
                rawtar.member(b"x1/f", b"4"),
                rawtar.member(b"f", b"5"),
            )
        )
        assert set(names(tree)) == {b"/", b"..", b"x1", b"other", b"f"}
        assert tree.node(b"/etc/shadow").flags == Flag.ABSOLUTE | Flag.OUTSIDE
        assert tree.node(b"x1/../../up").flags == Flag.CLIMBING | Flag.OUTSIDE
        assert tree.node(b"other/f").flags == tree.node(b"f").flags == Flag.OUTSIDE
        assert tree.node(b"x1/f").flags == Flag(0)
        assert whole(tree, b"/etc/shadow") == b"1"
        assert tree.path(tree.node(b"/etc/shadow")) == b"/etc/shadow"

    def test_an_absolute_name_and_a_plain_one_are_not_mixed_up(self, make: Make) -> None:
        tree = make(raw(rawtar.member(b"/x", b"1"), rawtar.member(b"x", b"22"), rawtar.member(b"/y", b"3")))
        assert names(tree) == [b"/", b"x"]
        assert names(tree, b"/") == [b"x", b"y"]

    def test_a_name_far_too_long(self, make: Make) -> None:
        tree = make(raw(rawtar.long_name(b"x1/" + b"a/" * 300_000 + b"f"), rawtar.member(b"x", b"1")))
        (node,) = tree.listing(tree.root)
        assert node.flags & Flag.TOO_LONG
        assert len(node.name) < 300

    def test_the_last_of_several_wins(self, make: Make) -> None:
        tree = make(
            raw(
                rawtar.member(b"x1/f", b"first"),
                rawtar.member(b"x1/g", b"-"),
                rawtar.member(b"x1/f", b"2nd"),
                rawtar.member(b"x1/f", b"last one"),
            )
        )
        flags = [node.flags for node in tree.listing(tree.node(b"x1")) if node.name == b"f"]
        assert flags == [Flag.REPLACED, Flag.REPLACED, Flag(0)]
        assert whole(tree, b"x1/f") == b"last one"
        assert (tree.root.size, tree.root.files) == (9, 2)

    def test_a_file_and_a_folder_of_one_name(self, make: Make) -> None:
        tree = make(
            raw(rawtar.member(b"x1/d", b"four"), rawtar.directory(b"x1/d"), rawtar.member(b"x1/d/f", b"1"))
        )
        flags = {node.kind: node.flags for node in tree.listing(tree.node(b"x1"))}
        assert flags == {Kind.FILE: Flag.REPLACED, Kind.FOLDER: Flag(0)}
        assert tree.root.size == 1

    def test_hard_links_have_the_content_of_what_came_first(self, make: Make) -> None:
        tree = make(
            raw(
                rawtar.member(b"x1/f", b"content"),
                rawtar.hard_link(b"x1/link", b"x1/f"),
                rawtar.hard_link(b"x1/again", b"./x1/link"),
                rawtar.hard_link(b"x1/lost", b"x1/nowhere"),
                rawtar.hard_link(b"x1/early", b"x1/late"),
                rawtar.member(b"x1/late", b"too late"),
            )
        )
        assert whole(tree, b"x1/link") == whole(tree, b"x1/again") == b"content"
        assert tree.node(b"x1/link").size == 7
        assert tree.root.size == 15
        for name in (b"x1/lost", b"x1/early"):
            assert tree.node(name).flags & Flag.DANGLING
            with pytest.raises(InvalidInputError, match="hard link to what is not"):
                tree.open(tree.node(name))

    def test_links_are_told_and_not_followed(self, make: Make) -> None:
        tree = make(raw(rawtar.directory(b"x1"), rawtar.link(b"x1/l", b"/etc/passwd")))
        assert tree.node(b"x1/l").link == b"/etc/passwd"
        assert whole(tree, b"x1/l") == b"/etc/passwd"

    def test_devices_and_pipes_have_no_content(self, make: Make) -> None:
        tree = make(
            raw(
                rawtar.member(b"x1/c", kind=b"3", at={329: b"0000005\0", 337: b"0000011\0"}),
                rawtar.member(b"x1/p", kind=b"6"),
            )
        )
        assert tree.node(b"x1/c").link == b"5:9"
        for name in (b"x1/c", b"x1/p", b"x1"):
            with pytest.raises(InvalidInputError, match="cannot read"):
                tree.open(tree.node(name))

    def test_numbers_beyond_all_measure(self, make: Make) -> None:
        huge = b"\x80" + b"\xff" * 7
        fields = {108: huge, 136: b"\x80" + b"\x7f" * 11}
        tree = make(raw(rawtar.directory(b"x1"), rawtar.member(b"x1/f", b"1", at=fields)))
        assert tree.node(b"x1/f").uid > 0


class TestSparse:
    def test_holes_are_zeros(self, make: Make, tmp_path: Path) -> None:
        source = tmp_path / "x1"
        source.mkdir()
        with open(source / "s", "wb") as file:
            for number in range(60):  # more pieces than one header holds
                file.seek(number * 200_000)
                file.write(b"piece %d" % number)
            file.truncate(20_000_000)
        command = ["tar", "-C", str(tmp_path), "--format=gnu", "--sparse", "-c", "x1"]
        tar = subprocess.run(command, check=True, capture_output=True).stdout
        tree = make(tar, packed_by=block_gzip)
        node = tree.node(b"x1/s")
        if not node.flags & Flag.SPARSE:
            pytest.skip("this file system keeps no holes")
        assert node.size == 20_000_000
        assert whole(tree, b"x1/s") == (source / "s").read_bytes()
        content = tree.open(node)
        assert content.read(199_998, 9) == b"\0\0piece 1"

    def test_four_gigabytes_of_nothing(self, make: Make) -> None:
        size = 4 << 30
        member = rawtar.sparse(b"x1/s", 512, rawtar.piece(size - 512, 512), real_size=size)
        tree = make(raw(rawtar.directory(b"x1"), member + b"e" * 512))
        content = tree.open(tree.node(b"x1/s"))
        assert content.size == size
        assert content.read(size - 514, 100) == b"\0\0" + b"e" * 98
        assert content.read(1 << 30, 1000) == bytes(1000)

    def test_a_map_that_goes_back_is_refused(self, make: Make) -> None:
        pieces = (rawtar.piece(1024, 512), rawtar.piece(0, 512))
        tree = make(raw(rawtar.sparse(b"x1/s", 1024, *pieces, real_size=2048) + bytes(1024)))
        with pytest.raises(IntegrityError):
            whole(tree, b"x1/s")


class TestDamage:
    def test_truncated_archive_is_shown_as_far_as_it_is_readable(self) -> None:
        members = [rawtar.member(b"x1/f%d" % n, os.urandom(40_000)) for n in range(20)]
        sound = gzip.compress(raw(rawtar.directory(b"x1"), *members))
        with Tree(archive_of(sound[: len(sound) // 2], declared=sound)) as tree:
            tree.index(Progress())
            assert "unexpected end" in tree.fault
            assert tree.verified is False
            assert 5 < tree.root.files < 15
            assert len(whole(tree, b"x1/f3")) == 40_000
            last = tree.listing(tree.node(b"x1"), Order.NAME, 0, 99)
            torn = max(last, key=lambda node: node.data)
            with pytest.raises(IntegrityError):
                tree.open(torn).read(0, torn.size)

    def test_other_data_than_tar_are_a_fault(self, make: Make) -> None:
        tree = make(b"hello " * 1000)
        assert tree.fault
        assert tree.listing(tree.root) == []

    def test_a_whole_archive_that_is_another(self) -> None:
        packed = gzip.compress(TAR)
        with Tree(archive_of(packed, declared=gzip.compress(TAR, 1))) as tree:
            tree.index(Progress())
            assert tree.fault == ""
            assert tree.verified is False
            assert "hash" in tree.mismatch or "size" in tree.mismatch

    def test_more_members_than_there_is_room_for(self, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
        members = [rawtar.member(b"x1/" + b"%099d" % n) for n in range(6000)]
        archive = archive_of(gzip.compress(raw(*members), 1))
        with Tree(archive) as tree:
            tree._shelf.cap = 256 << 10
            tree.index(Progress())
            assert "too many members" in tree.fault
            assert tree.verified is True
            assert 100 < tree.count(tree.node(b"x1")) < 6000

    @pytest.mark.slow
    @settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.data())
    def test_no_damage_is_more_than_a_fault(self, data: st.DataObject) -> None:
        tar = bytearray(
            raw(
                rawtar.directory(b"x1"),
                rawtar.sparse(b"x1/s", 512, rawtar.piece(512, 512), real_size=2048) + bytes(512),
                rawtar.long_name(b"x1/" + b"n" * 150),
                rawtar.member(b"x1/n", b"1"),
                rawtar.hard_link(b"x1/h", b"x1/s"),
                rawtar.pax(rawtar.record(b"mtime", b"1.5")),
                rawtar.member(b"x1/p", b"22"),
            )
        )
        block = data.draw(st.integers(0, len(tar) // 512 - 1)) * 512
        for _ in range(data.draw(st.integers(0, 6))):
            tar[block + data.draw(st.integers(0, 511))] = data.draw(st.integers(0, 255))
        if data.draw(st.booleans()):
            tar[block : block + 512] = rawtar.signed(tar[block : block + 512])
        with Tree(archive_of(gzip.compress(bytes(tar), 1))) as tree:
            tree.index(Progress())
            for number, _, _ in tree._table.names():
                node = tree._table.node(number)
                tree.path(node)
                try:
                    tree.open(node).read(0, 5000)
                except SnapshotError:
                    pass


class TestFind:
    def test_by_name(self, make: Make) -> None:
        tree = make(TAR)
        assert [node.name for node in tree.find(b"t*")] == [b"two"]
        assert [node.name for node in tree.find(b"?")] == [b"b", b"a", b"c"]
        assert [node.name for node in tree.find(b"two")] == [b"two"]
        assert list(tree.find(b"wo")) == []

    def test_by_the_end_of_the_path(self, make: Make) -> None:
        tree = make(TAR)
        assert [tree.path(node) for node in tree.find(b"a/*")] == [b"x1/a/one", b"x1/a/two"]
        assert [tree.path(node) for node in tree.find(b"x?/*/one")] == [b"x1/a/one"]
        assert list(tree.find(b"x1/one")) == []

    def test_letters_not_bytes(self, make: Make) -> None:
        tree = make(raw(rawtar.member("x1/ä".encode()), rawtar.member(b"x1/\xff")))
        assert len(list(tree.find(b"?"))) == 2
        assert [node.name for node in tree.find(b"\xff")] == [b"\xff"]

    def test_patterns_that_explode_elsewhere(self, make: Make) -> None:
        tree = make(raw(rawtar.member(b"x1/" + b"a" * 90)))
        assert list(tree.find(b"*a" * 40 + b"b")) == []

    def test_find_can_be_cancelled(self, make: Make) -> None:
        progress = Progress()
        progress.stop()
        tree = make(gzip.decompress(tgz({"x1": {f"f{n}": "" for n in range(1100)}})))
        with pytest.raises(Cancelled):
            list(tree.find(b"*", progress))


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
