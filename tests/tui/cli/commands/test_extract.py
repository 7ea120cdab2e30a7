"""`extract` and `diff` as a user types them: what they print, do and return."""

import base64
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.builders import Link, Tree, World, plant, tree_of, uid_of
from tests.tui.support.driver import Snapstow

OLD: Tree = {"x1": {"a": "old"}, "common": {"d": "one\ntwo\n", "e": {"f": "12345"}}}
NEW = {"x1": {"a": "newer"}, "common": {"d": "one\n2\n", "mine": "1"}}


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "root")
    world.install("hello")
    plant(world.data("hello"), NEW)
    world.remember("hello", conf={"port": 81})
    world.add(3, "hello", OLD, users={"alice": {"common": {"i": "hers"}}}, conf={"port": 80})
    world.add(5, "hello", NEW, conf={"port": 80, "new": {"key": "x"}})
    return world


@pytest.fixture
def snapstow(world: World) -> Snapstow:
    return Snapstow(world)


def live(world: World) -> dict[str, object]:
    return tree_of(world.data("hello"))


class TestExtract:
    def test_in_place_and_back(self, snapstow: Snapstow) -> None:
        done = snapstow("extract", "3", "hello:common/e", "hello:rev/a")
        assert (done.code, done.out) == (0, "Extracted 3 paths.\n")
        assert "To undo:" in done.err
        assert live(snapstow.world) == {
            "x1": {"a": "old"},
            "common": {"d": "one\n2\n", "mine": "1", "e": {"f": "12345"}},
        }
        assert snapstow("undo").code == 0
        assert live(snapstow.world) == NEW

    def test_the_plan(self, snapstow: Snapstow) -> None:
        done = snapstow("extract", "3", "hello:common", "hello:alice/common/i", "--plan")
        parent = snapstow.world.data("hello")
        assert done.out.splitlines()[:5] == [
            "READY WITH LOSS",
            f"#3 hello, system, into {parent}",
            "  replace  common/d, 8 B (live: 6 B, newer)",
            "  create   common/e/",
            "  create   common/e/f, 5 B",
        ]
        assert "  create   common/i, 4 B" not in done.out.splitlines()[:5]
        assert "3 to create, 1 to replace, 0 to keep" in done.out or "4 to create" in done.out
        assert "are read and verified" in done.out
        again = f"snapstow --root {snapstow.world.root} extract 3 hello:common hello:alice/common/i"
        assert done.out.splitlines()[-1] == f"To do it: {again}"
        assert (done.code, live(snapstow.world)) == (0, NEW)

    def test_the_plan_for_a_program(self, snapstow: Snapstow) -> None:
        *landings, summary = snapstow("--json", "extract", "3", "hello:common/d", "--plan").lines
        assert [
            (landing["action"], landing["source"], landing["size"], landing["present"])
            for landing in landings
        ] == [("replace", "common/d", 8, 6)]
        assert landings[0]["path"] == str(snapstow.world.data("hello") / "common/d")
        assert (summary["verdict"], summary["replace"], summary["make"]) == ("READY WITH LOSS", 1, 0)

    def test_a_conflict(self, snapstow: Snapstow) -> None:
        plant(snapstow.world.data("hello") / "common", {"e": Link("/etc")})
        done = snapstow("extract", "3", "hello:common/e/f", "--plan")
        assert done.code == 5
        assert "a symbolic link is there, and it is a directory in the snapshot" in done.out
        assert "nothing would be changed" in done.out
        done = snapstow("extract", "3", "hello:common/e/f")
        assert (done.code, "a symbolic link is there" in done.err) == (5, True)

    def test_beside(self, snapstow: Snapstow, tmp_path: Path) -> None:
        target_dir = tmp_path / "out"
        done = snapstow("extract", "3", "hello:common/e/f", "--to", str(target_dir), "--strip")
        assert (done.code, done.out) == (0, f"Extracted 1 path into {target_dir}.\n")
        assert done.err == f"To undo, remove {target_dir}.\n"
        assert tree_of(target_dir) == {"f": "12345"}

    def test_policy_and_owner(self, snapstow: Snapstow) -> None:
        done = snapstow("extract", "3", "hello:common/d", "--policy", "never")
        assert done.out == "Extracted 0 paths; 1 path left as they were.\n"
        done = snapstow("extract", "3", "hello:alice/common", "--owner", "alice=bob")
        assert done.code == 0
        assert tree_of(snapstow.world.data("hello", "bob")) == {"common": {"i": "hers"}}

    def test_out_of_a_file(self, snapstow: Snapstow, tmp_path: Path) -> None:
        file, target_dir = str(tmp_path / "three"), str(tmp_path / "out")
        assert snapstow("export-snapshot", "3", file).code == 0
        assert snapstow("forget", "3").code == 0
        assert snapstow("extract", "--file", file, "hello:common/d", "--to", target_dir).code == 0
        assert tree_of(target_dir) == {"hello": {"common": {"d": "one\ntwo\n"}}}

    def test_a_name_that_is_not_utf8(self, snapstow: Snapstow) -> None:
        name = b"caf\xe9".decode("utf-8", "surrogateescape")
        snapstow.world.add(7, "hello", {"common": {name: "1"}})
        landing = snapstow("--json", "extract", "7", "hello:common", "--plan").lines[0]
        assert base64.b64decode(landing["source_bytes"]) == b"common/caf\xe9"
        assert landing["source"] == "common/caf\ufffd"
        done = snapstow.process("extract", "7", b"hello:common/caf\xe9")  # type: ignore[arg-type] # as a shell has it
        assert done.returncode == 0, done.stderr
        assert name in os.listdir(snapstow.world.data("hello") / "common")

    @pytest.mark.parametrize(
        ("arguments", "code", "text"),
        [
            ((), 2, "`<id>` was not provided"),
            (("3",), 2, "`<snap>:<path>` was not provided"),
            (("3", "hello:common", "--no-undo", "--undo-window", "1d"), 2, "cannot be combined"),
            (("3", "hello:common", "--policy", "often"), 5, "no policy 'often'"),
            (("3", "hello:common", "--to", ""), 2, "expected argument for flag `--to'"),
            (("3", "hello:conf"), 5, "cannot extract configuration"),
            (("3", "hello:common/nothing"), 1, "holds no such thing"),
            (("9", "hello:common"), 1, "no snapshot set with the given ID"),
        ],
    )
    def test_impossible_extracts_are_refused(
        self, snapstow: Snapstow, arguments: tuple[str, ...], code: int, text: str
    ) -> None:
        done = snapstow("extract", *arguments)
        assert (done.code, text in done.err) == (code, True), done.err
        assert live(snapstow.world) == NEW

    def test_hostile_names_are_harmless(self, snapstow: Snapstow) -> None:
        snapstow.world.add(7, "hello", {"common": {"\x1b[31m\n[b]": "1"}})
        done = snapstow("extract", "7", "hello:common", "--plan")
        assert "\x1b" not in done.out
        assert len([line for line in done.out.splitlines() if "[b]" in line]) == 1


@pytest.fixture
def running(world: World) -> Iterator[None]:
    """Somebody answers at snapd's socket."""
    path = world.root / "run/snapd.socket"
    path.parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        yield


@pytest.mark.usefixtures("running")
def test_while_snapd_runs(snapstow: Snapstow, tmp_path: Path) -> None:
    """Not in place; beside it may."""
    done = snapstow("--engine", "files", "extract", "3", "hello:common/d")
    assert (done.code, "or extract into another directory (--to)" in done.err) == (11, True)
    target_dir = str(tmp_path / "out")
    assert snapstow("--engine", "files", "extract", "3", "hello:common/d", "--to", target_dir).code == 0


class TestDiff:
    def test_two_sets(self, snapstow: Snapstow) -> None:
        done = snapstow("diff", "3", "5", "hello")
        assert done.out.splitlines() == [
            "#3: revision x1, version 1.0, epoch 0",
            "#5: revision x1, version 1.0, epoch 0",
            "~ common/d  8 B -> 6 B",
            "- common/e/  1 file, 5 B",
            "+ common/mine  1 B",
            "~ rev/a  3 B -> 5 B",
            "- alice/common/  1 file, 4 B",
            '+ conf new.key: "x"',
            "Files: 1 added, 2 removed, 2 changed; +3 B -11 B; 1 configuration key.",
        ]
        assert done.code == 0
        assert snapstow("diff", "3", "5", "hello", "--exit-code").code == 1
        assert snapstow("diff", "3", "3", "hello", "--exit-code").out.splitlines()[-1] == "No differences."

    def test_with_what_is_in_place(self, snapstow: Snapstow) -> None:
        lines = snapstow("diff", "3", "live", "hello", "--exact").out.splitlines()
        assert lines[1] == "live: revision x1, version 1.0, epoch 0"
        assert "~ conf port: 80 -> 81" in lines
        assert "- common/e/  1 file, 5 B" in lines

    def test_one_text(self, snapstow: Snapstow) -> None:
        lines = snapstow("diff", "3", "live", "hello:common/d").out.splitlines()
        assert lines[2:-1] == [
            "~ common/d  8 B -> 6 B  (time)",
            "--- #3/common/d",
            "+++ live/common/d",
            "@@ -1,2 +1,2 @@",
            " one",
            "-two",
            "+2",
        ]

    def test_below_a_users_folder(self, snapstow: Snapstow) -> None:
        lines = snapstow("diff", "3", "5", "hello:alice/common").out.splitlines()
        assert lines[2:] == ["- alice/common/  1 file, 4 B", "Files: 1 removed; +0 B -4 B."]

    def test_for_a_program(self, snapstow: Snapstow) -> None:
        name = b"caf\xe9".decode("utf-8", "surrogateescape")
        snapstow.world.add(7, "hello", {"common": {name: "1"}})
        done = snapstow("--json", "diff", "5", "7", "hello")
        kinds = [next(iter(line)) for line in done.lines]
        assert (kinds[:2], kinds[-1]) == (["side", "side"], "totals")
        assert {"key": "new.key", "change": "removed", "before": "x"} in done.lines
        (odd,) = (line for line in done.lines if "path_bytes" in line)
        assert base64.b64decode(odd["path_bytes"]) == b"common/caf\xe9"
        assert (odd["change"], odd["before"], odd["after"], odd["owner"]) == ("added", None, 1, "system")
        assert all(json.dumps(line, ensure_ascii=False).encode() for line in done.lines)

    def test_a_file_is_a_side(self, snapstow: Snapstow, tmp_path: Path) -> None:
        file = str(tmp_path / "three")
        assert snapstow("export-snapshot", "3", file).code == 0
        assert snapstow("diff", file, "3", "hello").out.splitlines()[-1] == "No differences."

    def test_hostile_text_is_harmless(self, snapstow: Snapstow) -> None:
        snapstow.world.add(7, "hello", {"common": {"d": "\x1b[2J\rtwo"}})
        done = snapstow("diff", "5", "7", "hello:common/d")
        assert "\x1b" not in done.out
        assert "two" in done.out

    @pytest.mark.parametrize(
        ("arguments", "code", "text"),
        [
            (("3",), 2, "was not provided"),
            (("3", "9", "hello"), 1, "set #9 has no snapshot"),
            (("3", "live", "ghost"), 1, "set #3 has no snapshot"),
            (("3", "nosuchfile", "hello"), 1, "nosuchfile"),
            (("3", "5", "hello:../x"), 5, "leads out"),
        ],
    )
    def test_impossible_diffs_are_refused(
        self, snapstow: Snapstow, arguments: tuple[str, ...], code: int, text: str
    ) -> None:
        done = snapstow("diff", *arguments)
        assert (done.code, text in done.err) == (code, True), done.err


def test_help(snapstow: Snapstow) -> None:
    assert "--policy WHEN" in snapstow("help", "extract").out
    assert "Usage: snapstow diff ID|FILE ID|FILE|live [SNAP[:PATH]]" in snapstow("help", "diff").out


def test_owned_as_before(snapstow: Snapstow) -> None:
    """A user's file that comes back is the user's."""
    plant(snapstow.world.data("hello", "alice"), {"common": {}}, uid_of("alice"))
    snapstow("extract", "3", "hello:alice/common/i")
    file = snapstow.world.data("hello", "alice") / "common/i"
    assert file.stat().st_uid == uid_of("alice")
