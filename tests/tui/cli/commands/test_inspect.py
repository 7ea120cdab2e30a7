"""`ls`, `cat`, `open` and the check of a file as a user types them."""

import base64
import gzip
import json
from pathlib import Path

import pytest

from backend.operations import Export
from backend.store.verifications import VerificationLog
from tests.support import rawtar
from tests.support.builders import Link, Tree, World
from tests.tui.support.driver import Snapstow

DATA: Tree = {
    "x1": {"f": "one\n", "big": "2" * 5000, "d": {"g": "three"}},
    "common": {"l": Link("/etc/passwd")},
}
HOSTILE = b"x1/\xff\x1b[31m\n"


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "root")
    world.add(3, "foo", DATA, users={"alice": {"x1": {"mine": "hers"}}})
    world.add(4, "foo", {"x1": {"f": "changed\n"}}, time="2026-11-23T09:09:36Z")
    world.add(4, "bar", {"x1": {"f": "bar"}})
    return world


@pytest.fixture
def snapstow(world: World) -> Snapstow:
    return Snapstow(world)


def hostile(world: World) -> None:
    """Set 9: names that are no text, and members that lead out."""
    members = [rawtar.member(HOSTILE, b"\xff\x00bytes"), rawtar.member(b"/etc/shadow", b"1")]
    members += [rawtar.member(b"x1/f", b"first"), rawtar.member(b"x1/f", b"\x1b[2Jlast\n")]
    world.add(9, "foo", gzip.compress(b"".join(members) + rawtar.END))


def names(text: str) -> list[str]:
    return [line.split("  ")[-1] for line in text.splitlines()[1:]]


class TestLs:
    def test_ls_tells_what_a_set_holds(self, snapstow: Snapstow) -> None:
        done = snapstow("ls", "3")
        assert done.code == 0
        assert [line.split("  ")[0] for line in done.out.splitlines()[1:]] == [
            "foo:rev, foo:common",
            "foo:user/alice",
        ]
        assert snapstow("ls", "3", "foo") == done
        assert [row["entry"] for row in snapstow("ls", "--json", "3").lines] == [
            "archive.tgz",
            "user/alice.tgz",
        ]

    def test_a_folder(self, snapstow: Snapstow) -> None:
        done = snapstow("ls", "3", "foo:rev")
        assert (done.code, done.err) == (0, "")
        assert names(done.out) == ["d/", "big", "f"]
        assert names(snapstow("ls", "3", "foo:rev", "--sort=size").out) == ["big", "d/", "f"]
        assert names(snapstow("ls", "3", "foo:alice/rev").out) == ["mine"]
        assert names(snapstow("ls", "3", "foo:common").out) == ["l -> /etc/passwd"]
        assert names(snapstow("ls", "3", "foo:x1/f").out) == ["f"]

    def test_for_programs(self, snapstow: Snapstow) -> None:
        first, *_ = snapstow("ls", "3", "foo:rev", "--json").lines
        assert (first["name"], first["path"], first["kind"]) == ("d", "x1/d", "directory")
        assert (first["size"], first["files"], first["flags"]) == (5, 1, [])

    def test_hostile_names_are_harmless_to_read_and_exact_for_programs(self, snapstow: Snapstow) -> None:
        hostile(snapstow.world)
        done = snapstow("ls", "9", "foo:rev")
        assert "\x1b" not in done.out
        assert "\\x1b[31m" in done.out
        assert "replaced later" in done.out
        by_name = {row["name"]: row for row in snapstow("ls", "9", "foo:rev", "--json").lines}
        odd = next(row for name, row in by_name.items() if name.startswith("\ufffd"))
        assert base64.b64decode(odd["name_bytes"]) == HOSTILE[3:]
        assert base64.b64decode(odd["path_bytes"]) == HOSTILE
        assert "name_bytes" not in by_name["f"]
        assert "  /  [outside the data, absolute]\n" in snapstow("ls", "9", "foo:system/").out

    def test_missing_sets_snaps_and_paths_are_errors(self, snapstow: Snapstow) -> None:
        for arguments in (["7"], ["3", "baz"], ["3", "foo:rev/nix"], ["3", "foo:user/carol/x"]):
            done = snapstow("ls", *arguments)
            assert (done.code, done.out) == (1, "")
            assert done.err.startswith("error: ")

    def test_malformed_arguments_are_usage_errors(self, snapstow: Snapstow) -> None:
        assert snapstow("ls").code == 2
        assert snapstow("ls", "x", "foo").code == 2
        assert snapstow("ls", "3", "foo:rev", "--sort=colour").code == 2
        assert snapstow("ls", "3", "foo", "--file=x").code == 2

    def test_an_archive_cut_short_is_listed_and_said_to_be(self, snapstow: Snapstow) -> None:
        members = [rawtar.member(b"x1/f%d" % n, bytes(range(256)) * 40) for n in range(4)]
        packed = gzip.compress(b"".join(members) + rawtar.END, 1)
        snapstow.world.add(5, "foo", packed[: len(packed) // 2])
        done = snapstow("ls", "5", "foo:rev")
        assert done.code == 3
        assert "not all of it could be read: unexpected end" in done.err
        assert "f0" in done.out

    def test_damage_is_told(self, snapstow: Snapstow) -> None:
        path = snapstow.world.snapshots / "4_bar_1.0_x1.zip"
        raw = bytearray(path.read_bytes())
        raw[raw.index(b"\x1f\x8b") + 4] ^= 1  # the time in the header of gzip: only the hash is wrong
        path.write_bytes(raw)
        done = snapstow("ls", "4", "bar:rev")
        assert done.code == 4
        assert "the archive differs from what was saved" in done.err
        assert snapstow("ls", "4", "bar:rev", "--json").lines[-1]["mismatch"]
        assert "FAILED" in str(
            VerificationLog(str(snapstow.state)).statuses(snapstow.world.engine.sets(4)[0].snapshots)
        )


class TestCat:
    def test_bytes_as_they_are(self, snapstow: Snapstow) -> None:
        hostile(snapstow.world)
        done = snapstow.process("cat", "9", "foo:rev/\udcff\x1b[31m\n")
        assert (done.returncode, done.stdout) == (0, b"\xff\x00bytes")
        assert snapstow.process("cat", "3", "foo:rev/big").stdout == b"2" * 5000
        assert snapstow.process("cat", "3", "foo:common/l").stdout == b"/etc/passwd"

    def test_folders_and_archives_have_no_content(self, snapstow: Snapstow) -> None:
        assert snapstow("cat", "3", "foo:rev/d").code == 5
        assert snapstow("cat", "3", "foo").code == 2
        assert snapstow("cat").code == 2

    def test_a_terminal_is_shown_harmless_text(self, snapstow: Snapstow) -> None:
        hostile(snapstow.world)
        with snapstow.terminal("cat", "9", "foo:rev/f") as terminal:
            assert terminal.ended() == 0
            assert b"\\x1b[2Jlast" in terminal.seen

    def test_binary_content_is_not_written_to_a_terminal(self, snapstow: Snapstow) -> None:
        hostile(snapstow.world)
        with snapstow.terminal("cat", "9", "foo:rev/\udcff\x1b[31m\n") as terminal:
            assert terminal.ended() == 5
            assert b"redirect standard output" in terminal.seen


class TestFiles:
    @pytest.fixture
    def export(self, world: World, tmp_path: Path) -> str:
        world.do(Export(4, str(tmp_path / "four")))
        return str(tmp_path / "four")

    def test_open(self, snapstow: Snapstow, export: str) -> None:
        done = snapstow("open", export)
        assert done.code == 0
        assert [line.split("  ")[0] for line in done.out.splitlines()[1:]] == [
            "bar:rev, bar:common",
            "foo:rev, foo:common",
        ]
        assert [row["snap"] for row in snapstow("--json", "open", export).lines] == ["bar", "foo"]

    def test_list_write_out_and_find_in_place(self, snapstow: Snapstow, export: str) -> None:
        assert names(snapstow("ls", "--file", export, "bar:rev").out) == ["f"]
        assert len(snapstow("ls", "--file", export).out.splitlines()) == 3
        assert snapstow.process("cat", "--file", export, "foo:rev/f").stdout == b"changed\n"
        assert "foo:rev/f" in snapstow("find", "f", "--file", export).out

    def test_a_single_snapshot(self, snapstow: Snapstow) -> None:
        path = str(snapstow.world.snapshots / "3_foo_1.0_x1.zip")
        assert names(snapstow("ls", f"--file={path}", "foo:alice/rev").out) == ["mine"]

    def test_check(self, snapstow: Snapstow, export: str) -> None:
        done = snapstow("check-snapshot", "--file", export)
        assert (done.code, done.out) == (0, "2 of 2 snapshots verified successfully.\n")
        assert snapstow("check-snapshot", "--file", export, "bar").out.startswith("1 of 1")
        assert snapstow("check-snapshot", "--file", export, "baz").code == 1
        last = snapstow("--json", "check-snapshot", "--file", export).lines[-1]
        assert (last["event"], last["exit"], len(last["verdicts"])) == ("result", 0, 2)

    def test_check_finds_damage(self, snapstow: Snapstow, export: str) -> None:
        raw = bytearray(Path(export).read_bytes())
        raw[raw.rindex(b"\x1f\x8b\x08") + 20] ^= 1
        Path(export).write_bytes(raw)
        done = snapstow("check-snapshot", "--file", export)
        assert done.code == 4
        assert "1 of 2 snapshots verified successfully." in done.err
        assert snapstow("--json", "check-snapshot", "--file", export).code == 4

    def test_other_files_than_snapshots_are_refused(self, snapstow: Snapstow, tmp_path: Path) -> None:
        (tmp_path / "text").write_text("hello")
        for verb in (["open"], ["ls", "--file"], ["check-snapshot", "--file"]):
            assert snapstow(*verb, str(tmp_path / "text")).code == 5
            assert snapstow(*verb, str(tmp_path / "nothing")).code == 1


def test_one_line_is_one_document(snapstow: Snapstow) -> None:
    hostile(snapstow.world)
    for line in snapstow("--json", "find", "*").out.splitlines():
        assert isinstance(json.loads(line), dict)
