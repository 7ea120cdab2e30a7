"""Every verb, driven as a user does: what it prints, where, and with what exit code."""

import hashlib
import json
import os
import re
import shlex
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from backend import Restore
from backend.archive import compression_text
from backend.engine.files import FilesEngine
from backend.fs.files import os_errors_as
from backend.jobs import JobState
from backend.jobs.journal import Journal
from tests.support.builders import World, plant, tree_of
from tests.support.journals import amend, recorded
from tests.tui.support.driver import Snapstow, run_here

DAY = 24 * 3600


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "root")
    world.install("hello", data={"f": "system"}, common={"g": "shared"}, users={"alice": {"note": "hers"}})
    world.install("other", data={"o": "other"})
    world.write_state()
    return world


@pytest.fixture
def snapstow(world: World) -> Snapstow:
    return Snapstow(world)


def damage(path: Path) -> None:
    """Change a byte in the middle of the first archive of a snapshot file."""
    raw = bytearray(path.read_bytes())
    raw[80] ^= 0x10
    path.write_bytes(raw)


class TestSaved:
    def test_nothing(self, snapstow: Snapstow) -> None:
        assert snapstow("saved") == (0, "No snapshots found.\n", "")
        assert snapstow("--json", "saved").document == []

    def test_without_a_verb(self, snapstow: Snapstow) -> None:
        snapstow.world.add(1, "hello", time="2026-11-22T09:06:05.5Z")
        assert snapstow("--json") == snapstow("--json", "saved")

    def test_the_table(self, snapstow: Snapstow) -> None:
        snapstow.world.add(3, "hello", time="2026-11-22T09:06:05.5Z", size=416)
        snapstow.world.add(3, "other", time="2026-11-22T09:06:05Z", size=30010000, version="2~b", auto=True)
        snapstow.world.add(20, "hello", time="2026-11-22T11:06:05+02:00", size=0)
        assert snapstow("saved", "--abs-time").out.splitlines() == [
            "Set  Snap   Age                        Version  Rev  Size    Notes",
            "3    hello  2026-11-22T09:06:05Z       1.0      x1   416B    -",
            "3    other  2026-11-22T09:06:05Z       2~b      x1   30.0MB  auto",
            "20   hello  2026-11-22T11:06:05+02:00  1.0      x1   0B      -",
        ]
        assert snapstow("saved", "--id", "20").out.count("\n") == 2
        assert snapstow("saved", "--id=0", "other").out.count("\n") == 2
        assert [s["id"] for s in snapstow("saved", "--json", "--id", "3").document] == [3]

    def test_unknown_facts_are_not_told(self, snapstow: Snapstow) -> None:
        store = snapstow.world.snapshots
        snapstow.world.add(1, "hello")
        (store / "2_hello_1.0_x1.zip").write_bytes(b"none")
        (store / "3_whatever.zip").write_bytes(b"none")
        for flags in ((), ("--abs-time",)):
            lines = snapstow("saved", *flags).out.splitlines()
            assert re.fullmatch(r"2 +hello +- +1\.0 +x1 +-  +broken: .*, not shown by snap", lines[2])
            assert re.fullmatch(r"3 +- +- +- +- +-  +broken: .*, not shown by snap", lines[3])

    @pytest.mark.parametrize("text", ["x", "-1", "1.0", "٣", " 1", "1" * 20])
    def test_an_id_that_is_none(self, text: str, snapstow: Snapstow) -> None:
        done = snapstow("saved", f"--id={text}")
        assert done.out == ""
        assert done.err.startswith("error: invalid argument for snapshot set id: expected a non-negative")
        assert done.code == 2


class TestSave:
    def test_prints_the_new_set(self, snapstow: Snapstow) -> None:
        done = snapstow("save")
        assert done.code == 0
        assert done.err == ""
        assert [line.split()[:2] for line in done.out.splitlines()[1:]] == [["1", "hello"], ["1", "other"]]

    def test_some_of_it(self, snapstow: Snapstow) -> None:
        done = snapstow("save", "hello", "--users", " alice, ", "--exclude", "$SNAP_DATA/f", "--abs-time")
        (saved,) = snapstow("--json", "saved").document
        (hello,) = saved["snapshots"]
        assert done.code == 0
        assert hello["options"] == {"exclude": ["$SNAP_DATA/f"]}
        assert hello["time"][:19] in done.out
        assert set(hello["sha3-384"]) == {"archive.tgz", "user/alice.tgz"}

    def test_for_programs(self, snapstow: Snapstow) -> None:
        done = snapstow("--json", "save")
        *events, result = done.lines
        assert {"event": "started", "title": "Measuring", "total": None} in events
        assert {"event": "entered", "part": "hello, system"} in events
        assert result["event"] == "result"
        assert (result["exit"], result["set_id"], result["snaps"]) == (0, 1, ["hello", "other"])
        assert done.err == ""

    def test_left_out_directories_are_told_once(self, snapstow: Snapstow) -> None:
        world = snapstow.world
        (world.data("other") / "common").symlink_to("/elsewhere")
        done = snapstow("save", "hello", "other")
        assert done.code == 3
        assert "hello" in done.out
        notices = [line for line in done.err.splitlines() if "other" in line]
        assert len(notices) == len(set(notices)) >= 1

    def test_a_snap_that_is_not_there(self, snapstow: Snapstow) -> None:
        assert snapstow("save", "nosnap") == (1, "", 'error: snap "nosnap" is not installed\n')
        failed = snapstow("--json", "save", "nosnap")
        assert failed.lines == [{"event": "failed", "error": 'snap "nosnap" is not installed', "exit": 1}]
        assert failed.code == 1


class TestCheck:
    def test_sound(self, snapstow: Snapstow) -> None:
        snapstow("save")
        assert snapstow("check-snapshot", "001").out == "Snapshot #001 verified successfully.\n"
        done = snapstow("check-snapshot", "1", "hello", "--users=alice")
        assert done.out == 'Snapshot #1 of snaps "hello" verified successfully.\n'
        assert (
            snapstow("check-snapshot", "--all", "--structure").out
            == "All 3 archives verified successfully.\n"
        )

    def test_every_bad_part_is_told(self, snapstow: Snapstow) -> None:
        world = snapstow.world
        world.add(1, "hello")
        damage(world.add(2, "hello"))
        damage(world.add(3, "other"))
        (world.snapshots / "4_hello_1.0_x1.zip").write_bytes(b"none")
        done = snapstow("check-snapshot", "--all")
        assert (done.code, done.out) == (4, "")
        first, second, third, last = done.err.splitlines()
        assert re.match("error: snapshot #2 hello: .*archive.tgz", first)
        assert re.match("error: snapshot #3 other: .*archive.tgz", second)
        assert re.match("error: snapshot #4 hello: cannot open snapshot: ", third)
        assert last == "1 of 3 archives verified successfully; 1 snapshot is unreadable."
        result = snapstow("--json", "check-snapshot", "2").lines[-1]
        assert result["exit"] == 4
        assert [v["entry"] for v in result["verdicts"] if v["fault"]] == ["archive.tgz"]

    def test_nothing_is_never_called_verified(self, snapstow: Snapstow) -> None:
        assert snapstow("check-snapshot", "--all") == (0, "No snapshots found.\n", "")
        snapstow.world.add(1, "hello")
        assert (
            snapstow("check-snapshot", "--all", "nosnap").err
            == 'error: cannot check: no set contains "nosnap"\n'
        )
        assert snapstow("check-snapshot", "1", "nosnap").code == 1
        assert snapstow("check-snapshot", "9").err == "error: no snapshot set with the given ID\n"

    def test_unreadable_snapshots_are_counted(self, snapstow: Snapstow) -> None:
        snapstow.world.snapshots.mkdir(parents=True)
        for number in (4, 5):
            (snapstow.world.snapshots / f"{number}_hello_1.0_x1.zip").write_bytes(b"none")
        for options in (("--all",), ("--all", "--quick"), ("--all", "--older-than=1d")):
            done = snapstow("check-snapshot", *options)
            assert (done.code, done.out) == (4, "")
            assert done.err.splitlines()[-1] == "2 snapshots are unreadable."
        assert snapstow("check-snapshot", "4").err.splitlines()[-1] == "1 snapshot is unreadable."

    def test_a_quick_look_does_not_call_anything_verified(self, snapstow: Snapstow) -> None:
        snapstow("save")
        damage(snapstow.world.add(2, "hello"))
        done = snapstow("check-snapshot", "1", "--quick")
        assert done.out == "Snapshot #1: all archives are present; none was read.\n"
        done = snapstow("check-snapshot", "--all", "--quick")
        assert (done.code, done.out) == (0, "All 4 archives are present; none was read.\n")
        path = snapstow.world.add(3, "hello")
        path.write_bytes(path.read_bytes().replace(b"archive.tgz", b"archiwe.tgz"))
        done = snapstow("check-snapshot", "--all", "--quick")
        assert done.err.splitlines()[-1] == "4 of 5 archives are present; none was read."
        assert snapstow("check-snapshot", "1", "--quick", "--structure").code == 2

    def test_recently_verified_sets_are_left_out(self, snapstow: Snapstow) -> None:
        world = snapstow.world
        for set_id in (1, 2, 3):
            world.add(set_id, "hello")
        snapstow("check-snapshot", "2")
        assert snapstow("check-snapshot", "--all", "--older-than=30d").out.splitlines() == [
            "1 of 3 snapshots was verified since; 2 checked.",
            "All 2 archives verified successfully.",
        ]
        nothing = "All 3 snapshots were verified since; nothing left to check.\n"
        assert snapstow("check-snapshot", "--all", "--older-than=30d") == (0, nothing, "")
        nothing = "1 snapshot was verified since; nothing left to check.\n"
        assert snapstow("check-snapshot", "1", "--older-than=1h") == (0, nothing, "")
        result = snapstow("--json", "check-snapshot", "--all", "--older-than=1h").lines[-1]
        assert (result["exit"], result["skipped"], "left_out" in result) == (0, 3, False)
        damage(world.add(4, "hello"))
        done = snapstow("check-snapshot", "--all", "--older-than=1h")
        assert (done.code, done.out) == (4, "")
        assert done.err.splitlines()[1:] == [
            "3 of 4 snapshots were verified since; 1 checked.",
            "0 of 1 archives verified successfully.",
        ]

    def test_which_must_be_said(self, snapstow: Snapstow) -> None:
        done = snapstow("check-snapshot")
        assert done.code == 2
        assert done.err.startswith("error: the required argument `<id>` was not provided\n")
        assert snapstow("check-snapshot", "0").err == "error: snapshot operation requires snapshot set ID\n"


class TestRestore:
    def test_restore_is_undone_by_the_command_that_it_prints(self, snapstow: Snapstow) -> None:
        data = snapstow.world.data("hello")
        snapstow("save", "hello")
        plant(data / "x1", {"f": "changed", "new": "new"})
        changed = tree_of(data)
        done = snapstow("restore", "1", "hello")
        assert (done.code, done.out) == (0, 'Restored snapshot #1 of snaps "hello".\n')
        assert tree_of(data)["x1"] == {"f": "system"}
        command = done.err.partition("To undo:\n")[2].strip()
        program, *arguments = shlex.split(command)
        assert program == "snapstow"
        back = run_here(*arguments)
        assert (back.code, back.out.startswith("Undid ")) == (0, True)
        assert tree_of(data) == changed

    def test_the_window_of_undo(self, snapstow: Snapstow) -> None:
        snapstow("save", "hello")
        for text, seconds in {"90m": 5400, "24h": DAY, "7d": 7 * DAY, "30s": 30}.items():
            done = snapstow("--json", "restore", "1", "--undo-window", text, "hello")
            assert done.lines[-1]["undo_until"] == pytest.approx(time.time() + seconds, abs=60)
        assert "undo_until" not in snapstow("--json", "restore", "1", "--no-undo").lines[-1]

    @pytest.mark.parametrize(
        "text", ["", "5", "h", "-1h", "1w", "0h", "1.5h", "999999999999d", "٣h", "1h30m"]
    )
    def test_a_window_that_is_none(self, text: str, snapstow: Snapstow) -> None:
        snapstow("save", "hello")
        done = snapstow("restore", "1", f"--undo-window={text}")
        if text:
            assert done.code == 2
            assert done.err.startswith(f'error: cannot keep replaced data for "{text}": write e.g. 90m')
        else:
            assert done.code == 0
        assert snapstow("restore", "1", "--undo-window=1h", "--no-undo").code == 2

    def test_damage_is_found_before_anything_changes(self, snapstow: Snapstow) -> None:
        world = snapstow.world
        damage(world.add(1, "hello"))
        before = tree_of(world.root / "var/snap")
        done = snapstow("restore", "1")
        assert done.code == 4
        assert done.err.splitlines()[-1].strip() == (
            "The restore of snapshot #1 was stopped; the data are unchanged."
        )
        assert tree_of(world.root / "var/snap") == before

    def test_a_skipped_part_is_told_once(self, snapstow: Snapstow) -> None:
        world = snapstow.world
        world.add(1, "hello", users={"zed": {"common": {"f": "z"}}})
        done = snapstow("restore", "1")
        assert done.code == 3
        assert done.err.count('"zed"') == 1

    def test_nothing_to_undo(self, snapstow: Snapstow) -> None:
        assert snapstow("undo") == (1, "", "error: there is no restore to take back\n")
        assert snapstow("undo", "--list").out == "Nothing to undo.\n"
        assert snapstow("undo", "99").err == "error: no job 99\n"
        done = snapstow("undo", "x")
        assert done.code == 2
        assert done.err.startswith('error: cannot undo "x": expected the number of a job')

    def test_the_list_of_what_can_be_undone(self, snapstow: Snapstow) -> None:
        snapstow("save", "hello")
        snapstow("restore", "1", "--undo-window=2h")
        done = snapstow("undo", "--list")
        header, row = done.out.splitlines()
        assert header.split() == ["Job", "Set", "Left", "Size", "Snaps"]
        assert re.fullmatch(r"2 +#1 +1h59m +\d+B +hello", row)
        assert f"snapstow --root {snapstow.world.root} undo JOB" in done.err
        assert re.search(r"#1 +\d{4}-\d\d-\d\dT", snapstow("undo", "--list", "--abs-time").out)
        assert snapstow("--json", "undo", "--list").document[0]["job"] == 2


class TestPlan:
    def test_plan_tells_replaced_and_lost_data(self, snapstow: Snapstow) -> None:
        world = snapstow.world
        snapstow("save", "hello", "--exclude", "$SNAP_DATA/cache")
        plant(world.data("hello") / "x1", {"new": "12345", "cache": {"c": "123"}})
        later = time.time() + 60
        os.utime(world.data("hello") / "x1/new", (later, later))
        before = tree_of(world.root)
        done = snapstow("restore", "1", "--plan")
        assert tree_of(world.root) == before
        lines = done.out.splitlines()
        data = world.data("hello")
        assert done.code == 0
        assert lines[0] == "#1 hello (revision x1): READY WITH LOSS"
        assert lines[1] == f"  restore  system: replaces x1, common; 2 files, 12B, in {data}"
        assert lines[2] == "  lose     1 file newer than the snapshot, 5B; 1 file excluded from it, 3B"
        assert "           x1/new" in lines
        assert any("creates x1" in line for line in lines)
        assert lines[-2:] == [
            "Replaced data, 24B, are kept for 24 hours and can be restored with undo.",
            f"To do it: snapstow --root {world.root} restore 1",
        ]

    def test_as_a_document(self, snapstow: Snapstow) -> None:
        snapstow("save", "hello")
        (plan,) = snapstow("--json", "restore", "1", "--plan").document
        assert plan["verdict"] == "READY"
        assert plan["refused"] == ""
        system, alice = plan["entries"]
        assert system["into"] == str(snapstow.world.data("hello"))
        assert alice["made"] == [f"{snapstow.world.data('hello', 'alice')}/x1"]

    def test_of_what_is_blocked(self, snapstow: Snapstow) -> None:
        snapstow.world.install("hello", epoch="5")
        snapstow.world.add(1, "hello")
        done = snapstow("restore", "1", "--plan")
        assert done.code == 5
        assert done.out.startswith("#1 hello (revision x1): BLOCKED\n  blocked  cannot restore snapshot for")
        assert done.out.endswith("This restore would be refused; nothing would be changed.\n")
        assert snapstow("--json", "restore", "1", "--plan").code == 5
        assert snapstow("restore", "1").code == 5

    def test_of_a_user_who_is_not_there(self, snapstow: Snapstow) -> None:
        snapstow.world.add(1, "hello", users={"zed": {"common": {"f": "z"}}})
        assert '  skip     Skipping restore of user "zed"' in snapstow("restore", "1", "--plan").out

    def test_the_span_of_undo_in_words(self, snapstow: Snapstow) -> None:
        snapstow.world.add(1, "hello")
        spans = {"7d": "7 days", "24h": "24 hours", "1h": "1 hour", "90m": "1 hour and 30 minutes"}
        for window, span in spans.items():
            done = snapstow("restore", "1", "--plan", "--undo-window", window)
            assert f" kept for {span} and " in done.out
        assert "are lost for good." in snapstow("restore", "1", "--plan", "--no-undo").out


class TestForget:
    def test_messages(self, snapstow: Snapstow) -> None:
        for number in (1, 2, 3):
            for snap in ("a-snap", "b-snap", "c-snap"):
                snapstow.world.add(number, snap)
        assert snapstow("forget", "1").out == "Snapshot #1 forgotten.\n"
        assert snapstow("forget", "2", "a-snap").out == 'Snapshot #2 of snap "a-snap" forgotten.\n'
        two = snapstow("forget", "03", "a-snap", "b-snap")
        assert two.out == 'Snapshot #03 of snaps "a-snap", "b-snap" forgotten.\n'
        assert len(snapstow.world.names()) == 3
        assert snapstow("forget", "1").err == "error: no snapshot set with the given ID\n"


class TestExportAndImport:
    def test_there_and_back(self, snapstow: Snapstow, tmp_path: Path) -> None:
        snapstow("save", "hello")
        file = tmp_path / "one.snapshot"
        assert snapstow("export-snapshot", "1", str(file)).out == f'Exported snapshot #1 into "{file}"\n'
        again = snapstow("import-snapshot", str(file))
        assert again.code == 0
        assert again.out.startswith("Imported snapshot as #1\nSet  Snap")
        assert again.err == "The same content is already here; nothing was added.\n"
        snapstow("forget", "1")
        assert snapstow("import-snapshot", str(file)).out.startswith("Imported snapshot as #2\n")

    def test_some_snaps_and_a_checksum(self, snapstow: Snapstow, tmp_path: Path) -> None:
        snapstow("save")
        file = tmp_path / "part.snapshot"
        assert snapstow("export-snapshot", "1", str(file), "hello", "--checksum").out.splitlines() == [
            f'Exported snapshot #1 of snaps "hello" into "{file}"',
            f'Its checksum is in "{file}.sha256"',
        ]
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        assert Path(f"{file}.sha256").read_text() == f"{digest}  part.snapshot\n"
        assert snapstow("import-snapshot", str(file)).out.startswith("Imported snapshot as #2\n")
        missing = snapstow("import-snapshot", str(file), "other")
        message = 'cannot import snapshot: there is no "other" in the file, only "hello"'
        assert (missing.code, missing.err) == (1, f"error: {message}\n")
        snapstow("export-snapshot", "1", str(file))
        assert snapstow("import-snapshot", str(file), "other").out.splitlines()[-1].startswith("3    other")
        missing = snapstow("export-snapshot", "1", str(file), "ghost")
        assert missing.err.startswith('error: cannot export snapshot 1: there is no "ghost" in it')

    def test_through_pipes(self, snapstow: Snapstow) -> None:
        snapstow("save", "hello")
        exported = snapstow.process("export-snapshot", "1", "-")
        assert exported.stderr == b""
        done = snapstow.process("--json", "export-snapshot", "1", "-")
        assert len(done.stdout) == len(exported.stdout)
        assert json.loads(done.stderr.splitlines()[-1]) == {"event": "result", "exit": 0, "set_id": 1}
        snapstow("forget", "1")
        imported = snapstow.process("--json", "import-snapshot", "-", input=exported.stdout)
        assert json.loads(imported.stdout.splitlines()[-1])["set_id"] == 2
        assert snapstow("check-snapshot", "2").code == 0

    def test_a_reader_that_wants_no_more(self, snapstow: Snapstow) -> None:
        snapstow.world.add(1, "hello", {"x1": {"f": os.urandom(300_000)}})
        reading, writing = os.pipe()
        os.close(reading)
        done = snapstow.process("export-snapshot", "1", "-", stdout=writing)
        os.close(writing)
        assert (done.returncode, done.stderr) == (1, b"")

    def test_impossible_exports_and_imports_are_refused(self, snapstow: Snapstow, tmp_path: Path) -> None:
        snapstow.world.add(1, "hello")
        none = snapstow("import-snapshot", f"{tmp_path}/none")
        expected = f"error: error accessing file: open {tmp_path}/none: no such file or directory\n"
        assert none == (1, "", expected)
        (tmp_path / "text").write_text("text" * 500)
        text = snapstow("import-snapshot", f"{tmp_path}/text")
        assert text.code == 4
        assert text.err.endswith("\n       Nothing was imported.\n")
        assert snapstow("export-snapshot", "1", f"{tmp_path}/no/where").code == 1
        assert snapstow("export-snapshot", "7", f"{tmp_path}/7").code == 1
        assert sorted(os.listdir(tmp_path)) == ["root", "text"]


class TestQueries:
    def test_estimate(self, snapstow: Snapstow) -> None:
        done = snapstow("estimate")
        assert done.out.splitlines() == [
            "Snap   Size    Files  Owners",
            "hello     16B  3      system 12B, alice 4B",
            "other      5B  1      system 5B",
            "(all)     21B  4      -",
        ]
        assert done.err == ""
        assert snapstow("--json", "estimate", "other").document == [
            {
                "snap": "other",
                "size": 5,
                "owners": {"system": 5},
                "files": 1,
                "left_out": 0,
                "findings": [],
                "largest": [],
            }
        ]

    def test_estimate_of_nothing(self, tmp_path: Path) -> None:
        world = World(tmp_path / "bare")
        assert Snapstow(world)("estimate").out == "No snaps are installed.\n"

    def test_jobs(self, snapstow: Snapstow) -> None:
        assert snapstow("jobs").out == "No jobs yet.\n"
        assert snapstow("--json", "jobs").document == []
        snapstow("save", "hello")
        snapstow("restore", "1")
        snapstow("undo")
        snapstow("forget", "9")
        damage(snapstow.world.add(4, "hello"))
        snapstow("check-snapshot", "4")
        header, *rows = snapstow("jobs").out.splitlines()
        assert header.split() == ["Job", "Age", "State", "Operation", "Notes"]
        expected = [
            "1 done save hello set #1",
            "2 undone restore 1 by job 3",
            "3 done undo can be undone",
            "4 failed forget 9 no snapshot set with the given ID",
            "5 done check-snapshot 4 1 bad",
        ]
        assert [re.sub(r"^(\d+) \S+ ", r"\1 ", " ".join(row.split())) for row in rows] == expected
        assert re.search(r"^1 +\d{4}-\d\d-\d\dT\d\d:", snapstow("jobs", "--abs-time").out, re.MULTILINE)
        documents: list[dict[str, Any]] = snapstow("--json", "jobs").document
        assert documents[0]["operation"]["verb"] == "save"
        assert [document["state"] for document in documents] == ["done", "done", "done", "failed", "done"]

    def test_jobs_of_a_damaged_journal(self, snapstow: Snapstow) -> None:
        journal = Journal(str(snapstow.state))
        with journal.job(recorded({"verb": "dance\x1b[2J"}), {}) as record:
            record.finish(JobState.FAILED)
        amend(journal.record(1), {"error": "\x1b[31m\nred", "left_out": 5, "verdicts": [3]})
        done = snapstow("jobs")
        assert done.code == 0
        assert done.out.splitlines()[1].endswith("failed  dance\\x1b[2J  \\x1b[31m")

    def test_doctor(self, snapstow: Snapstow) -> None:
        world = snapstow.world
        root = world.root
        calm = snapstow("doctor")
        assert calm.out.splitlines() == [
            f"Engine files for {root}: ready, as no snapd answers for this root.",
            f"Compression by {compression_text()}.",
            "No leftovers, nothing hidden.",
        ]
        world.add(1, "hello")
        world.add(5, "hello")
        marker = world.snapshots / "5_importing"
        marker.touch()
        os.utime(marker, (1, 1))
        (world.snapshots / "6_hello_1.0_x1.zip").write_bytes(b"none")
        with Journal(str(snapstow.state)).job(recorded({"verb": "restore", "set_id": 1}), {}):
            pass
        sick = snapstow("doctor")
        assert sick.code == 0
        assert "\ninterrupted: job 1 (restore) was interrupted\n" in sick.out
        assert f"\n  {marker}\n  --repair would remove the marker and the files of its set\n" in sick.out
        assert "\nhidden: cannot be read: zip: not a valid zip file\n" in sick.out
        assert sick.out.endswith(f"\nTo repair: snapstow --root {root} doctor --repair\n")
        assert {finding["kind"] for finding in snapstow("--json", "doctor").document} >= {"import", "hidden"}
        repaired = snapstow("doctor", "--repair")
        assert f"import: removed\n  {marker}\n" in repaired.out
        assert world.names() == ["1_hello_1.0_x1.zip", "6_hello_1.0_x1.zip"]


class TestHints:
    def test_a_place_that_needs_quoting(self, tmp_path: Path) -> None:
        world = World(tmp_path / "a 'place'")
        world.add(1, "hello")
        plan = Snapstow(world)("restore", "1", "--plan").out
        command = plan.partition("To do it: ")[2].strip()
        assert shlex.split(command) == ["snapstow", "--root", str(world.root), "restore", "1"]

    def test_a_relative_place_is_told_whole(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        World(tmp_path / "root").add(1, "hello")
        monkeypatch.chdir(tmp_path)
        done = run_here("--root", "root", "--engine", "files", "restore", "1", "--plan")
        expected = f"To do it: snapstow --root {tmp_path}/root --engine files restore 1\n"
        assert done.out.endswith(expected)

    def test_the_demo(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
        plan = run_here("--demo", "restore", "1", "--plan")
        assert plan.out.endswith("To do it: snapstow --demo restore 1\n")
        done = run_here("--demo", "restore", "1", "nextcloud")
        assert done.err.endswith("To undo:\n  snapstow --demo undo 2\n")
        assert run_here("--demo", "undo", "2").code == 0
        assert run_here("--demo", "check-snapshot", "--all").code == 4
        made = run_here("--demo", "reset")
        assert made.out == f"The demo was recreated in {tmp_path}/snapstow/demo\n"
        assert "taken back" not in run_here("--demo", "jobs").out
        assert run_here("reset").code == 2

    def test_snapd_is_running(self, snapstow: Snapstow, monkeypatch: pytest.MonkeyPatch) -> None:
        snapstow.world.add(1, "hello")
        engine = partial(FilesEngine, snapd_answers=lambda _socket: True)
        monkeypatch.setattr("backend.engine.select.FilesEngine", engine)
        plan = snapstow("restore", "1", "--plan")
        assert "cannot restore: snapd is running for" in plan.out.splitlines()[-1]
        assert snapstow("restore", "1").code == 11
        assert snapstow("saved").code == 0
        assert "snapd is running, so it only reads" in snapstow("doctor").out


class TestHostileNames:
    EVIL = "\x1b[31mred\u202e\nnext"

    def test_in_plans_and_errors(self, snapstow: Snapstow) -> None:
        world = snapstow.world
        evil = os.fsencode(self.EVIL) + b"\xff"
        world.add(1, "hello", time="2001-01-01T00:00:00Z")
        (world.data("hello") / "x1" / os.fsdecode(evil)).write_text("new")
        done = snapstow("restore", "1", "--plan")
        assert "           x1/\\x1b[31mred\\u202e\\x0anext\\xff" in done.out.splitlines()
        assert "\x1b" not in done.out
        (plan,) = snapstow("--json", "restore", "1", "--plan").document
        (path,) = (p for p in plan["entries"][0]["lost"]["examples"] if "red" in p)
        assert os.fsencode(path).endswith(evil)

    @pytest.mark.parametrize(
        "typed",
        [
            "save EVIL",
            "saved EVIL",
            "restore 1 EVIL",
            "restore 1 --users EVIL",
            "check-snapshot --all EVIL",
            "forget 1 EVIL",
            "import-snapshot EVIL",
            "export-snapshot 1 EVIL",
            "undo EVIL",
            "help EVIL",
            "EVIL",
            "--EVIL",
            "--engine=EVIL",
            "--root=EVIL saved",
            "estimate EVIL",
            "restore 1 --undo-window EVIL",
            "saved --id EVIL",
            "jobs",
        ],
    )
    def test_typed(
        self, typed: str, snapstow: Snapstow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        snapstow.world.add(1, "hello")
        monkeypatch.chdir(tmp_path)
        snapstow("restore", "1", "--users", self.EVIL)
        done = snapstow(*(word.replace("EVIL", self.EVIL) for word in typed.split(" ")))
        for text in (done.out, done.err):
            assert text.replace("\n", "").isprintable()
            assert not any(line.startswith("next") for line in text.splitlines())
        assert "a bug in" not in done.err


def test_rights_are_told(snapstow: Snapstow, monkeypatch: pytest.MonkeyPatch) -> None:
    from backend.store.store import Store

    def refuse(_store: Store) -> list[str]:
        with os_errors_as("cannot open snapshots directory"):
            raise PermissionError(13, "Permission denied", "/the/store")

    monkeypatch.setattr(Store, "listing", refuse)
    text = "error: cannot open snapshots directory: no permission for /the/store (try with sudo)\n"
    assert snapstow("saved") == (77, "", text)


def test_a_plan_is_carried_out_as_told(snapstow: Snapstow) -> None:
    snapstow("save", "hello")
    operation = Restore(1, ("hello",), ("alice",))
    (plan,) = snapstow.world.engine.plan(operation)
    (document,) = snapstow("--json", "restore", "1", "hello", "--users", "alice", "--plan").document
    assert [entry["into"] for entry in document["entries"]] == [entry.parent for entry in plan.entries]
