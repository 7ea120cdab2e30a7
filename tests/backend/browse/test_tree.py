"""The tree of an archive: its folders and files, found, listed and opened."""

import gzip
import os
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.browse.nodes import Flag, Kind, Order
from backend.browse.patterns import PathPattern
from backend.browse.tree import Tree
from backend.errors import Cancelled, IntegrityError, InvalidInputError, NotFoundError, SnapshotError
from backend.progress import Progress
from tests.support import rawtar
from tests.support.builders import tgz
from tests.support.trees import TAR, Make, archive_of, block_gzip, names, raw, tree_maker, whole

make = pytest.fixture(tree_maker)


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
    def test_words_match_anywhere_in_the_path(self, make: Make) -> None:
        tree = make(TAR)
        assert [tree.path(node) for node in tree.find(PathPattern("tw"))] == [b"x1/a/two"]
        assert [tree.path(node) for node in tree.find(PathPattern("a/o"))] == [b"x1/a/one"]
        assert [tree.path(node) for node in tree.find(PathPattern("o a/"))] == [b"x1/a/one", b"x1/a/two"]
        assert list(tree.find(PathPattern("x1"))) == []
        assert list(tree.find(PathPattern(""))) == []

    def test_patterns_match_whole_names(self, make: Make) -> None:
        tree = make(TAR)
        assert [node.name for node in tree.find(PathPattern("t*"))] == [b"two"]
        assert [node.name for node in tree.find(PathPattern("?"))] == [b"b", b"a", b"c"]

    def test_patterns_with_slashes_match_the_end_of_the_path(self, make: Make) -> None:
        tree = make(TAR)
        assert [tree.path(node) for node in tree.find(PathPattern("a/*"))] == [b"x1/a/one", b"x1/a/two"]
        assert [tree.path(node) for node in tree.find(PathPattern("re?/*/one"))] == [b"x1/a/one"]
        assert list(tree.find(PathPattern("rev/on*"))) == []

    def test_the_revision_is_searched_by_its_role(self, make: Make) -> None:
        tree = make(TAR)
        assert [tree.path(node) for node in tree.find(PathPattern("rev/a/one"))] == [b"x1/a/one"]

    def test_absolute_names_are_searched_as_they_are_written(self, make: Make) -> None:
        tree = make(raw(rawtar.member(b"/etc/shadow")))
        assert [tree.path(node) for node in tree.find(PathPattern("/etc/sh"))] == [b"/etc/shadow"]

    def test_letters_not_bytes(self, make: Make) -> None:
        tree = make(raw(rawtar.member("x1/ä".encode()), rawtar.member(b"x1/\xff")))
        assert len(list(tree.find(PathPattern("?")))) == 2
        assert [node.name for node in tree.find(PathPattern("\udcff"))] == [b"\xff"]

    def test_patterns_that_explode_elsewhere(self, make: Make) -> None:
        tree = make(raw(rawtar.member(b"x1/" + b"a" * 90)))
        assert list(tree.find(PathPattern("*a" * 40 + "b"))) == []

    def test_find_can_be_cancelled(self, make: Make) -> None:
        progress = Progress()
        progress.stop()
        tree = make(gzip.decompress(tgz({"x1": {f"f{n}": "" for n in range(1100)}})))
        with pytest.raises(Cancelled):
            list(tree.find(PathPattern("*"), progress))
