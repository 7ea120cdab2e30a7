"""`browse --plain`: questions and answers in lines, played as somebody types them."""

import re
from pathlib import Path

import pytest

from backend import Restore
from backend.engine import FilesEngine
from backend.jobs import JobState
from tests.support.builders import World, plant, tree_of
from tests.support.mounting import Mounter, mounter
from tests.tui.support.jobs_world import interrupted
from tests.tui.support.talking import EVIL, add_set, make_world, talk
from tui.cli.arguments.verbs import VERBS as COMMAND_VERBS
from tui.plain.session import VERBS

__all__ = ["mounter"]

world = pytest.fixture(make_world)


def test_session_begins_with_the_root_and_its_sets(world: World) -> None:
    add_set(world, size=6_200_000_000)
    (world.snapshots / "2_foo_1.0_x1.zip").write_bytes(b"none")
    first, second, third, *_, last = talk(world).splitlines()
    assert re.fullmatch(
        r"Snapstow, at the demo, as .+: 2 sets, 12\.4 GB stored, .* free; 1 damaged, 2 never verified\.",
        first,
    )
    assert second.startswith("Set 2: problem, foo, 4 B stored, damaged, ")
    assert re.fullmatch(
        r"Set 1: bar and foo, user alice, saved \d+ years ago, 12.4 GB stored, never verified\.", third
    )
    assert last == "Leaving."


def test_an_empty_place_says_what_to_do(world: World) -> None:
    assert "There are no sets. To save one, type: save." in talk(world)


def test_lines_only(world: World) -> None:
    add_set(world, broken=EVIL)
    output = talk(
        world, "show 1", "help", EVIL, f"show {EVIL}", f"list {EVIL}", "jobs", "check all", "show 1"
    )
    assert all(letter.isprintable() or letter == "\n" for letter in output)
    assert not re.search(r"[·▸✓✗│─…?]  |  +\S+  +", output)


def test_every_verb_is_explained_and_carried_out(world: World) -> None:
    output = talk(world, "help")
    for name in VERBS:
        assert re.search(rf"^{name}\b.*: .*\.$", output, re.MULTILINE)
    assert "Unknown command bogus." in talk(world, "bogus")
    assert "For the list of commands, type: help" in talk(world, "")


def test_lists_are_told_in_parts_by_words_and_by_care(world: World) -> None:
    for number in range(1, 46):
        world.add(number, "foo" if number % 2 else "bar")
    (world.snapshots / "7_foo_1.0_x1.zip").write_bytes(b"none")
    output = talk(world, "more", "more", "more")
    assert [int(digits) for digits in re.findall(r"^Set (\d+):", output, re.MULTILINE)] == list(
        range(45, 0, -1)
    )
    assert "25 more not shown yet." in output
    assert "There are no more." in output
    numbers = re.findall(r"^Set (\d+):", talk(world, "list problems").partition("Command")[2], re.MULTILINE)
    assert numbers[0] == "7"
    output = talk(world, "list bar never", "list zebra").partition("Command")[2]
    assert set(re.findall(r"^Set \d+: (\w+)", output, re.MULTILINE)) == {"bar"}
    assert "No set matches." in output


class TestSaving:
    def test_nothing_is_saved_unless_yes_is_said(self, world: World) -> None:
        for answers in (("", "", "", ""), ("cancel",), ("", "", "", "no"), ("foo",)):
            assert "Started job" not in talk(world, "save", *answers)
        assert world.names() == []

    def test_answers_make_the_save(self, world: World) -> None:
        output = talk(world, "save", "foo", "alice", "$SNAP_DATA/f", "yes", "list")
        assert "Command: snapstow --demo save foo --users=alice '--exclude=$SNAP_DATA/f'" in output
        assert "Job 1 is done.\nIt is set 1.\n" in output
        assert re.search(r"Set 1: foo, user alice, saved .*, never verified\.", output)
        assert world.names() == ["1_foo_1.0_x1.zip"]

    def test_impossible_answers_are_asked_again(self, world: World) -> None:
        output = talk(world, "save", "zebra", "foo bar", "carol", "everyone", "/etc", "nothing", "yes")
        assert "There is no zebra. There are bar and foo." in output
        assert "There is no carol." in output
        assert "Not a valid pattern: " in output
        assert world.names() == ["1_bar_1.0_x1.zip", "1_foo_1.0_x1.zip"]

    @pytest.mark.root
    def test_mounts_are_included_where_the_answer_is_yes(
        self, world: World, tmp_path: Path, mounter: Mounter
    ) -> None:
        target = mounter.bind(plant(tmp_path / "disk", {"film": "1"}), world.data("foo") / "common" / "media")
        output = talk(world, "save", "foo", "", "", "yes", "no")
        assert f"Mounted below the data, and not included: {target}." in output
        assert "snapstow --demo save foo --include-mounts" in output
        assert "--include-mounts" not in talk(world, "save", "foo", "", "", "no", "no")


class TestRestoring:
    def test_the_plan_is_told_and_the_number_typed_where_something_is_lost(self, world: World) -> None:
        add_set(world)
        before = tree_of(world.root / "var/snap")
        output = talk(world, "restore 1 foo", "", "yes", "restore 1 foo", "", "1")
        assert "foo, data of the system: replaces x1" in output
        assert "Lost: 1 file newer than the snapshot, 3 B." in output
        assert "The plan can be carried out, with a loss of 2 files." in output
        assert "What is replaced is kept for 24 hours, so that it can be undone." in output
        assert output.count("Nothing was done.") == 1
        assert re.search(r"Job 1 is done\.\nWhat was replaced is kept until .*, type: undo 1\n", output)
        assert tree_of(world.data("foo"))["x1"] == {"f": "then"}
        output = talk(world, "undo", "1", "yes")
        assert "Job 2 is done." in output
        assert tree_of(world.root / "var/snap") == before

    def test_yes_is_enough_where_nothing_is_lost(self, world: World) -> None:
        add_set(world, time="2100-01-01T00:00:00Z")
        output = talk(world, "restore", "#1", "bar", "7 days", "yes")
        assert "and nothing is lost" in output
        assert "--undo-window=604800s" in output
        assert tree_of(world.data("bar"))["x1"] == {"f": "then"}
        assert tree_of(world.data("foo"))["x1"] == {"f": "now"}

    def test_without_undo_the_number_is_typed(self, world: World) -> None:
        add_set(world, time="2100-01-01T00:00:00Z")
        output = talk(world, "restore 1", "all", "soon", "none", "yes")
        assert "Type a number of minutes, hours, days or weeks, or none." in output
        assert "It cannot be undone. Type 1 to continue [cancel]" in output
        assert "Nothing was done." in output
        assert tree_of(world.data("bar"))["x1"] == {"f": "now"}

    def test_a_blocked_plan_says_why_and_asks_nothing(self, world: World) -> None:
        add_set(world, snap_id="another")
        world.remember("foo", snap_id="mine")
        output = talk(world, "restore 1 foo", "")
        assert "foo cannot be restored: " in output
        assert "The plan is blocked: this restore is not possible, and nothing is changed." in output
        assert "Restore set 1?" not in output


NOT_IN_LINES = {
    "completion": "written for a shell",
    "man": "written for man",
    "version": "told by the command",
    "copy": "between other machines than this",
    "browse": "the screens",
    "reset": "takes away what the session shows",
}


def test_every_verb_of_the_command_line_can_be_typed_or_there_is_a_reason(world: World) -> None:
    for verb in COMMAND_VERBS.keys() - NOT_IN_LINES.keys():
        assert "Unknown command" not in talk(world, f"{verb} 99"), verb


class TestReading:
    def test_files_are_found_by_words(self, world: World) -> None:
        add_set(world)
        output = talk(world, "find n", "find nowhere")
        assert re.search(r"^4 B, .*, #1, bar:user/alice/common/n$", output, re.MULTILINE)
        assert "Nothing found." in output

    def test_sets_are_compared(self, world: World) -> None:
        add_set(world)
        output = talk(world, "diff 1 live", "diff 1 live foo")
        assert "foo, 1 added, 2 changed, +3 B -2 B, -" in output
        assert "~ rev/f, 4 B -> 3 B, (time)" in output

    def test_contents_are_listed_and_shown(self, world: World) -> None:
        add_set(world)
        output = talk(world, "ls 1 foo:rev", "cat 1 foo:rev/f")
        assert re.search(r"^-rw.*, 4 B, .*, f$", output, re.MULTILINE)
        assert "\nthen\n" in output

    def test_a_file_of_snapshots_is_listed(self, world: World, tmp_path: Path) -> None:
        add_set(world)
        output = talk(world, "export 1 foo", str(tmp_path / "one"), "yes", f"open {tmp_path / 'one'}")
        assert "foo:rev, foo:common" in output

    def test_places_are_estimated_examined_and_asked_about_automatic_sets(self, world: World) -> None:
        output = talk(world, "estimate", "doctor", "retention")
        assert "(all), 18 B, 6, -" in output
        assert "No leftovers, nothing hidden." in output
        assert "Automatic snapshots are kept for 31d." in output

    def test_long_answers_are_told_in_parts(self, world: World) -> None:
        world.add(1, "foo", {"x1": {f"file{number:02}": "1" for number in range(30)}})
        output = talk(world, "find file", "more")
        assert "11 more not shown yet. To continue, type: more" in output
        assert sum("foo:rev/file" in line for line in output.splitlines()) == 30

    def test_quotes_keep_words_together(self, world: World) -> None:
        add_set(world)
        assert "bar:user/alice/common/n" in talk(world, "find 'n common'")

    def test_read_only_sessions_repair_nothing(self, world: World) -> None:
        output = talk(world, "doctor --repair", "retention 14d", "doctor", read_only=True)
        assert output.count("this session is read-only") == 3  # the greeting says it too
        assert "No leftovers" in output


class TestExtracting:
    def test_files_are_restored_after_the_plan(self, world: World) -> None:
        add_set(world)
        output = talk(world, "extract 1 foo:rev/f", "", "no", "extract 1", "foo:rev/f", "", "yes")
        assert "foo, system, replace: " in output
        assert "Command: snapstow --demo extract 1 foo:rev/f" in output
        assert output.count("Nothing was done.") == 1
        assert tree_of(world.data("foo"))["x1"] == {"f": "then"}
        assert tree_of(world.data("bar"))["x1"] == {"f": "now"}

    def test_files_are_put_beside(self, world: World, tmp_path: Path) -> None:
        add_set(world)
        talk(world, "extract 1 foo:rev/f", str(tmp_path / "out"), "yes")
        assert [path.read_text() for path in (tmp_path / "out").rglob("f")] == ["then"]
        assert tree_of(world.data("foo"))["x1"] == {"f": "now"}

    def test_missing_files_are_refused(self, world: World) -> None:
        add_set(world)
        assert "nosuch" in talk(world, "extract 1 foo:rev/nosuch", "")


class TestEnding:
    def test_an_interrupted_job_is_ended_as_it_is_agreed(self, world: World) -> None:
        add_set(world)
        interrupted(world, Restore(1))
        output = talk(world, "takeback 1", "no", "takeback 1", "yes")
        assert output.count("It had replaced nothing yet") == 2
        assert output.count("Take back job 1? Yes or no") == 2
        assert output.count("Nothing was done.") == 1
        assert world.engine.journal.record(1).state is JobState.ROLLED_BACK

    def test_an_interrupted_job_is_finished_as_a_new_one(self, world: World) -> None:
        add_set(world)
        interrupted(world, Restore(1))
        assert "Job 2 is done." in talk(world, "finish 1", "yes")
        assert tree_of(world.data("foo"))["x1"] == {"f": "then"}

    def test_jobs_that_were_not_interrupted_are_refused(self, world: World) -> None:
        output = talk(world, "finish 7", "takeback x", "save foo", "everyone", "nothing", "yes", "finish 1")
        assert output.count("there is no job") == 2
        assert "cannot finish job 1" in output


class TestOtherVerbs:
    def test_export_forget_and_import(self, world: World, tmp_path: Path) -> None:
        add_set(world)
        path = tmp_path / "out.snapshot"
        output = talk(
            world, "export 1", str(path), "", "export 1", str(tmp_path / "none/x"), str(path), "yes"
        )
        assert "Not possible: there is no directory" in output
        assert output.count("Nothing was done.") == 1
        assert path.stat().st_mode & 0o777 == 0o600
        output = talk(world, "export 1", str(path), "no", "cancel", "forget 1", "no", "forget 1", "yes")
        assert f"{path} already exists" in output
        assert "Warning: this is the last usable copy of foo, of system and alice." in output
        assert output.count("Nothing was done.") == 2
        assert re.search(r"It is kept for 24 hours, for an undo; .* are free then\.", output)
        assert [name for name in world.names() if name.endswith(".zip")] == []
        output = talk(world, "import", "cancel", f"import {path}", "yes", "check 2", f"import {path}", "yes")
        assert "foo, version 1.0, revision x1, users alice." in output
        assert "It is set 2." in output
        assert "2 of 2 snapshots are sound." in output
        assert "It is identical to set 2" in output

    def test_forget_on_a_disk_that_is_nearly_full_asks_for_the_number(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(FilesEngine, "trash_fault", lambda _engine: "the disk is nearly full")
        add_set(world)
        output = talk(world, "forget 1", "1")
        assert "Nothing is kept for an undo: the disk is nearly full." in output
        assert "It cannot be undone." in output
        assert world.names() == []

    def test_pins_and_prune(self, world: World) -> None:
        for number in (1, 2, 3):
            world.add(number, "foo", time=f"2026-11-2{number}T09:00:00Z")
        output = talk(world, "pin 1 before 31", "prune", "20 apples", "1 TB", "yes", "undo 1", "yes")
        assert "Set 1 is pinned: before 31." in output
        assert "Type an amount such as 20 GB or 500 MB, or rules." in output
        assert "Set 2 goes, " in output
        assert "foo: pinned: before 31" in output
        assert "less than wanted: nothing else may go." in output
        assert output.count("Job ") >= 2
        assert len(world.engine.sets()) == 3
        output = talk(world, "prune", "", "unpin 1", "unpin 1")
        assert "Nothing goes." in output
        assert "Set 1 is not pinned any more." in output
        assert "set 1 is not pinned" in output

    def test_an_export_of_what_failed_its_check_is_asked_for(self, world: World, tmp_path: Path) -> None:
        add_set(world)
        path = world.snapshots / "1_foo_1.0_x1.zip"
        raw = bytearray(path.read_bytes())
        raw[80] ^= 0x10
        path.write_bytes(raw)
        target = tmp_path / "out.snapshot"
        output = talk(world, "check 1", "export 1", "no", "export 1", "yes", str(target), "yes")
        assert output.count("Warning: the last check of foo failed: ") == 2
        assert "Export it anyway?" in output
        assert target.exists()

    def test_a_check_tells_what_it_found(self, world: World) -> None:
        add_set(world)
        path = world.snapshots / "1_foo_1.0_x1.zip"
        raw = bytearray(path.read_bytes())
        raw[80] ^= 0x10
        path.write_bytes(raw)
        output = talk(world, "check 1", "list")
        assert "Job 1 is done. It found damage.\n1 of 2 snapshots are sound.\n  foo: " in output
        assert re.search(
            r"Set 1: problem, bar and foo, .*, failed its check (just now|a second ago|\d+ seconds ago)",
            output,
        )

    def test_missing_sets_snaps_and_jobs_are_errors(self, world: World) -> None:
        add_set(world)
        for command, answer in (
            ("show 99", "Error: there is no set 99"),
            ("restore x", "Error: there is no set x"),
            ("check 1 zebra", "Error: there is no zebra in set 1"),
            ("undo", "Error: nothing can be undone"),
            ("attach", "Error: there is no job to attach: none is running"),
            ("attach 5", "Error: there is no job 5"),
            ("stop 0", "Error: there is no job 0"),
            ("import /nonexistent", "Error: cannot "),
        ):
            assert answer in talk(world, command), command

    def test_a_read_only_session_refuses_in_sentences(self, world: World) -> None:
        add_set(world)
        output = talk(world, "save", "restore 1", "forget 1", "undo", "import /x", "stop 1", read_only=True)
        assert "Read-only: cannot save: this session is read-only." in output
        for verb in ("save", "restore", "forget", "undo", "import", "stop a job"):
            assert f"Error: cannot {verb}: this session is read-only\n" in output
        assert world.engine.journal.records() == []
