"""Queries, hints and hostile names, driven as a user does."""

import os
import re
import shlex
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
from tests.support.builders import World
from tests.support.journals import amend, recorded
from tests.tui.support.command_world import damage, make_snapstow, make_world
from tests.tui.support.driver import Snapstow, run_here

world = pytest.fixture(make_world)
snapstow = pytest.fixture(make_snapstow)


class TestQueries:
    def test_estimate(self, snapstow: Snapstow) -> None:
        done = snapstow("estimate")
        assert done.out.splitlines() == [
            "Snap   Size      Files  Owners",
            "hello      16 B  3      system 12 B, alice 4 B",
            "other       5 B  1      system 5 B",
            "(all)      21 B  4      -",
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
            "3 done undo can be undone, holds 16 B",
            "4 refused forget 9 no snapshot set with the given ID",
            "5 done check-snapshot 4 1 bad",
        ]
        assert [re.sub(r"^(\d+) \S+ ", r"\1 ", " ".join(row.split())) for row in rows] == expected
        assert re.search(r"^1 +\d{4}-\d\d-\d\dT\d\d:", snapstow("jobs", "--abs-time").out, re.MULTILINE)
        documents: list[dict[str, Any]] = snapstow("--json", "jobs").document
        assert documents[0]["operation"]["verb"] == "save"
        assert [document["state"] for document in documents] == ["done", "done", "done", "refused", "done"]

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
        assert "rolled back" not in run_here("--demo", "jobs").out
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
    text = "error: cannot open snapshots directory: no permission for /the/store"
    for uid, way_out in ((1000, " (try with sudo)"), (0, "")):
        monkeypatch.setattr(os, "geteuid", lambda uid=uid: uid)
        assert snapstow("saved") == (77, "", f"{text}{way_out}\n")


def test_a_plan_is_carried_out_as_told(snapstow: Snapstow) -> None:
    snapstow("save", "hello")
    operation = Restore(1, ("hello",), ("alice",))
    (plan,) = snapstow.world.engine.plan(operation)
    (document,) = snapstow("--json", "restore", "1", "hello", "--users", "alice", "--plan").document
    assert [entry["into"] for entry in document["entries"]] == [entry.parent for entry in plan.entries]
