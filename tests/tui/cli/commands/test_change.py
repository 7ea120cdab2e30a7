"""Every verb, driven as a user does: what it prints, where, and with what exit code."""

import os
import re
import shlex
import time

import pytest

from tests.support.builders import plant, tree_of
from tests.tui.support.command_world import damage, make_snapstow, make_world
from tests.tui.support.driver import Snapstow, run_here

world = pytest.fixture(make_world)
snapstow = pytest.fixture(make_snapstow)
DAY = 24 * 3600


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
            assert re.fullmatch(r"2 +hello +- +1\.0 +x1 +4B  +broken: .*, not shown by snap", lines[2])
            assert re.fullmatch(r"3 +- +- +- +- +4B  +broken: .*, not shown by snap", lines[3])

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
            == "All 2 snapshots verified successfully.\n"
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
        assert last == "1 of 4 snapshots verified successfully."
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
            outcome = (
                "look complete; no archive was read" if "--quick" in options else "verified successfully"
            )
            assert done.err.splitlines()[-1] == f"0 of 2 snapshots {outcome}."
        last = snapstow("check-snapshot", "4").err.splitlines()[-1]
        assert last == "0 of 1 snapshot verified successfully."

    def test_a_quick_look_does_not_call_anything_verified(self, snapstow: Snapstow) -> None:
        snapstow("save")
        damage(snapstow.world.add(2, "hello"))
        done = snapstow("check-snapshot", "1", "--quick")
        assert done.out == "Snapshot #1: all archives look complete; no archive was read.\n"
        done = snapstow("check-snapshot", "--all", "--quick")
        assert (done.code, done.out) == (0, "All 3 snapshots look complete; no archive was read.\n")
        path = snapstow.world.add(3, "hello")
        path.write_bytes(path.read_bytes().replace(b"archive.tgz", b"archiwe.tgz"))
        done = snapstow("check-snapshot", "--all", "--quick")
        assert done.err.splitlines()[-1] == "3 of 4 snapshots look complete; no archive was read."
        assert snapstow("check-snapshot", "1", "--quick", "--structure").code == 2

    def test_recently_verified_sets_are_left_out(self, snapstow: Snapstow) -> None:
        world = snapstow.world
        for set_id in (1, 2, 3):
            world.add(set_id, "hello")
        snapstow("check-snapshot", "2")
        assert snapstow("check-snapshot", "--all", "--older-than=30d").out.splitlines() == [
            "1 of 3 snapshots was verified since; 2 checked.",
            "All 2 snapshots verified successfully.",
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
            "0 of 1 snapshot verified successfully.",
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
        assert snapstow("undo") == (1, "", "error: there is no restore or forget to undo\n")
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
        assert header.split() == ["Job", "What", "Set", "Left", "Size", "Snaps"]
        assert re.fullmatch(r"2 +restore +#1 +1h59m +\d+ B +hello", row)
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
        assert lines[1] == f"  restore  system: replaces x1, common; 2 files, 12 B, in {data}"
        assert lines[2] == "  lose     1 file newer than the snapshot, 5 B; 1 file excluded from it, 3 B"
        assert "           x1/new" in lines
        assert any("creates x1" in line for line in lines)
        assert lines[-2:] == [
            "Replaced data, 24 B, are kept for 24 hours and can be restored with undo.",
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
        assert len([name for name in snapstow.world.names() if name.endswith(".zip")]) == 3
        assert snapstow("forget", "1").err == "error: no snapshot set with the given ID\n"
