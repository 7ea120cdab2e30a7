"""Our verbs beside those of `snap`, on one real snapd: the same words on standard output, the same ends."""

import io
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from backend.archive import compression_text
from backend.engine.select import open_engine
from backend.jobs.record import JobState
from tests.support import TOP
from tests.support.builders import plant
from tests.support.command import snapstow
from tests.support.realsnapd import RealSnapd
from tui.cli.main import main

pytestmark = pytest.mark.snapd


@pytest.fixture
def busy(snapd: RealSnapd) -> RealSnapd:
    """A running snapd with two snaps."""
    for name in ("hello", "storey"):
        plant(snapd.install(name, "2.10"), {"x1": {"a": "1"}, "common": {"b": "2"}})
    return snapd.start()


def theirs(snapd: RealSnapd, *arguments: str) -> tuple[int, str]:
    done = snapd.cli(*arguments)
    return done.returncode, plain(done.stdout)


def ours(snapd: RealSnapd, *arguments: str) -> tuple[int, str]:
    done = snapstow(snapd.base, *arguments)
    return done.code, plain(done.out)


def plain(text: str) -> str:
    """Without what differs from one run to the next: number, age and size of a set, widths of columns."""
    text = re.sub(r"^[0-9]+ +", "N ", text, flags=re.MULTILINE)
    text = re.sub(r"#[0-9]+", "#N", text)
    text = re.sub(r" [0-9.]+(s|ms|m[0-9]+s|B) ", " X ", re.sub(" +", " ", text))
    return re.sub(r" [0-9]+B ", " X ", text)


@pytest.mark.parametrize(
    "arguments",
    [
        ("saved",),
        ("saved", "hello"),
        ("saved", "--id=1"),
        ("saved", "--id=99"),
        ("saved", "nosuch"),
        ("save",),
        ("save", "storey"),
        ("save", "--users=root", "hello"),
        ("check-snapshot", "1"),
        ("check-snapshot", "1", "hello"),
        ("check-snapshot", "1", "hello", "storey"),
        ("check-snapshot", "001", "--users=root"),
        ("restore", "1"),
        ("restore", "1", "hello"),
        ("restore", "1", "hello", "storey", "--users=root"),
    ],
    ids=" ".join,
)
def test_verbs_print_the_same(busy: RealSnapd, arguments: tuple[str, ...]) -> None:
    busy.save()
    assert ours(busy, *arguments) == theirs(busy, *arguments)


@pytest.mark.parametrize("snaps", [(), ("hello",), ("storey", "hello")], ids=" ".join)
def test_forget_prints_the_same(busy: RealSnapd, snaps: tuple[str, ...]) -> None:
    first, second = str(busy.save()), str(busy.save())
    assert ours(busy, "forget", first, *snaps) == theirs(busy, "forget", second, *snaps)
    left = [[s["snap"] for s in group["snapshots"]] for group in busy.api("GET", "/v2/snapshots")["result"]]
    assert left == ([["storey"]] * 2 if snaps == ("hello",) else [])


def test_transfers_print_the_same(busy: RealSnapd, tmp_path: Path) -> None:
    busy.save()
    file = str(tmp_path / "e")
    assert ours(busy, "export-snapshot", "1", file) == theirs(busy, "export-snapshot", "1", file)
    mine = Path(file).read_bytes()
    assert ours(busy, "import-snapshot", file) == theirs(busy, "import-snapshot", file)
    busy.act("forget", 1)
    taken = ours(busy, "import-snapshot", file)
    busy.act("forget", busy.api("GET", "/v2/snapshots")["result"][0]["id"])
    Path(file).write_bytes(mine)
    assert taken == theirs(busy, "import-snapshot", file)


@pytest.mark.parametrize(
    "arguments",
    [
        ("check-snapshot", "77"),
        ("restore", "77"),
        ("forget", "77"),
        ("restore", "1", "nosuch"),
        ("forget", "1", "nosuch"),
        ("save", "nosuch"),
        ("import-snapshot", "/no/such/file"),
    ],
    ids=" ".join,
)
def test_verbs_fail_with_the_same_words(busy: RealSnapd, arguments: tuple[str, ...]) -> None:
    busy.save()
    theirs_ended = busy.cli(*arguments)
    mine = snapstow(busy.base, *arguments)
    assert (mine.code, mine.out) == (theirs_ended.returncode, theirs_ended.stdout) == (1, "")
    assert " ".join(mine.err.split()) == " ".join(theirs_ended.stderr.split())


def test_rows_that_snap_does_not_show_come_last(busy: RealSnapd) -> None:
    busy.save()
    busy.save()
    (busy.snapshots / "1_odd_1.0_x1.zip").write_bytes(b"")
    mine = snapstow(busy.base, "saved", "--abs-time").out.splitlines()
    shown = busy.cli("saved", "--abs-time").stdout.splitlines()
    assert [line.split() for line in mine[: len(shown)]] == [line.split() for line in shown]
    assert len(mine) == len(shown) + 1
    assert "not shown by snap" in mine[-1]


def test_either_engine_ends_with_the_same_codes(busy: RealSnapd) -> None:
    def codes(kind: str) -> list[int]:
        verbs = ("save ghost", "restore 77", "forget 77", "check-snapshot 77", "undo", "save --users=ghost")
        return [snapstow(busy.base, f"--engine={kind}", *verb.split()).code for verb in verbs]

    through_snapd = codes("snapd")
    busy.stop()
    assert codes("files") == through_snapd == [1, 1, 1, 1, 1, 5]


def test_doctor_says_which_engine_and_why(busy: RealSnapd) -> None:
    busy.save()
    lines = snapstow(busy.base, "doctor").out.splitlines()
    assert lines[0].startswith(f"Engine snapd for {busy.base}: snapd 2.")
    assert "so it is asked for every change; snapshots are read from their files." in lines[0]
    assert lines[1:] == [
        "Automatic snapshots are kept for 31d.",
        f"Compression by {compression_text()}.",
        "No leftovers, nothing hidden.",
    ]
    refused = snapstow(busy.base, "doctor", "--repair")
    assert (refused.code, "stop snapd first" in refused.err) == (11, True)


def test_a_client_that_is_killed_leaves_the_change_running(snapd: RealSnapd) -> None:
    (snapd.install("hello") / "x1/big").write_bytes(os.urandom(1 << 20))
    with snapd.gate() as gate:
        snapd.start()
        command = [sys.executable, "-m", "tui.cli.main", f"--root={snapd.base}", "save"]
        silent: dict[str, Any] = {"cwd": TOP, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        with subprocess.Popen(command, **silent) as client:
            gate()
            _await_step(snapd, "change")
            client.send_signal(signal.SIGKILL)
        (running,) = snapd.api("GET", "/v2/changes")["result"]
        assert (running["kind"], running["ready"]) == ("snapshot-snap", False)
        rows = [line.split() for line in snapstow(snapd.base, "jobs").out.splitlines()[1:]]
        assert [(row[0], row[2]) for row in rows] == [("1", "interrupted"), ("snapd/1", "running")]
        diagnosis = snapstow(snapd.base, "doctor").out
        assert 'Snapshot snaps "hello": Doing; attach snapd/1 follows it' in diagnosis
        with subprocess.Popen([*command[:-1], "attach", "1"], **silent, text=True) as next_one:
            gate.open()
            output = next_one.communicate(timeout=30)[0]
    assert (next_one.returncode, output) == (0, 'Change 1 (Snapshot snaps "hello"): Done.\n')
    again = snapstow(snapd.base, "attach", "snapd/1")
    assert (again.code, again.out) == (0, output)
    first = open_engine(str(snapd.base)).journal.record(1)
    assert (first.state, first.result.set_id) == (JobState.DONE, 1)


def _await_step(snapd: RealSnapd, key: str) -> None:
    """Until our job has noted a step, which is soon after snapd began."""
    journal = open_engine(str(snapd.base)).journal
    steps = Path(journal.record(1).folder) / "steps.jsonl"
    while not any(key in json.loads(line) for line in steps.read_text().splitlines()):
        os.sched_yield()


def test_ctrl_c_takes_the_save_back(snapd: RealSnapd) -> None:
    (snapd.install("hello") / "x1/big").write_bytes(os.urandom(1 << 20))
    with snapd.gate() as gate:
        snapd.start()
        command = [sys.executable, "-m", "tui.cli.main", f"--root={snapd.base}", "save"]
        with subprocess.Popen(command, cwd=TOP, stderr=subprocess.PIPE, text=True) as client:
            gate()
            _await_step(snapd, "change")
            client.send_signal(signal.SIGINT)
            while snapd.api("GET", "/v2/changes/1")["result"]["status"] == "Doing":
                os.sched_yield()
            gate.open()
            errors = client.communicate(timeout=30)[1]
    assert (client.returncode, errors) == (130, "error: cancelled; nothing was changed\n")
    assert (snapd.api("GET", "/v2/snapshots")["result"], list(snapd.snapshots.iterdir())) == ([], [])


def test_a_change_that_failed_or_is_unknown(busy: RealSnapd) -> None:
    failed = busy.wait(busy.api("POST", "/v2/snaps", {"action": "snapshot", "users": ["ghost"]}))
    attached = snapstow(busy.base, "attach", f"snapd/{failed['id']}")
    assert (attached.code, "unknown user ghost" in attached.err) == (1, True)
    assert attached.out.endswith(": Error.\n")
    for kind, number in (("snapd", "99"), ("files", "1")):
        unknown = snapstow(busy.base, f"--engine={kind}", "attach", f"snapd/{number}")
        assert (unknown.code, "change" in unknown.err) == (1, True)


def test_guards_are_marked_where_our_own_notes_stand(busy: RealSnapd) -> None:
    assert ours(busy, "save", "hello")[0] == 0
    assert ours(busy, "restore", "1")[0] == 0
    mine = snapstow(busy.base, "saved", "--abs-time").out.splitlines()
    shown = busy.cli("saved", "--abs-time").stdout.splitlines()
    assert mine[1].split() == shown[1].split()
    assert mine[2].split()[:6] == shown[2].split()[:6]
    assert re.search(r"B +undo of job 2, until \w{3} \d\d:\d\d$", mine[2])
    assert snapstow(busy.base, "saved", "--json").out.count("guard") == 0
    busy.stop()
    assert "undo of job 2" in snapstow(busy.base, "saved").out
    busy.start()
    assert ours(busy, "undo")[0] == 0
    assert "guard" not in snapstow(busy.base, "saved").out


def test_retention_is_told_and_changed(busy: RealSnapd) -> None:
    assert snapstow(busy.base, "retention").out == "Automatic snapshots are kept for 31d.\n"
    refused = snapstow(busy.base, "retention", "14d")
    assert (refused.code, "add --yes" in refused.err) == (5, True)
    odd = snapstow(busy.base, "retention", "4h", "--yes")
    assert (odd.code, "24h at least" in odd.err) == (5, True)
    changed = snapstow(busy.base, "retention", "14d", "--yes")
    assert (changed.code, changed.out) == (0, "Automatic snapshots are kept for 14d.\n")
    assert busy.cli("get", "system", "snapshots.automatic.retention").stdout == "336h\n"
    assert json.loads(snapstow(busy.base, "retention", "no", "--yes", "--json").out) == {"retention": "no"}
    busy.stop()
    assert snapstow(busy.base, "retention").out == "No automatic snapshots are made.\n"
    refused = snapstow(busy.base, "retention", "14d", "--yes")
    assert (refused.code, "only snapd can; start snapd first" in refused.err) == (11, True)


@pytest.mark.parametrize(("answer", "kept"), [("n", "31d"), ("", "31d"), ("y", "14d")])
def test_retention_is_changed_after_a_question(
    busy: RealSnapd,
    answer: str,
    kept: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("tui.cli.commands.retention.is_interactive", lambda: True)
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{answer}\n"))
    assert main(["--root", str(busy.base), "retention", "14d"]) == 0
    printed = capsys.readouterr()
    assert "Keep automatic snapshots for 14d instead of 31d? [y/N]" in printed.err
    assert printed.out == f"Automatic snapshots are kept for {kept}.\n"


def test_changes_of_others_are_listed_and_stopped(snapd: RealSnapd) -> None:
    (snapd.install("hello") / "x1/big").write_bytes(os.urandom(1 << 20))
    with snapd.gate() as gate:
        snapd.start()
        snapd.api("POST", "/v2/snaps", {"action": "snapshot"})
        gate()
        row = snapstow(snapd.base, "jobs").out.splitlines()[-1].split()
        assert row[0] == "snapd/1"
        assert " ".join(row[2:]) == "running Snapshot all snaps by snapd"
        (change,) = json.loads(snapstow(snapd.base, "jobs", "--json").out)
        assert (change["change"], change["kind"], change["state"]) == ("1", "snapshot-snap", "running")
        command = [sys.executable, "-m", "tui.cli.main", f"--root={snapd.base}", "stop", "snapd/1"]
        silent: dict[str, Any] = {"cwd": TOP, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        with subprocess.Popen(command, **silent, text=True) as stopping:
            while snapd.api("GET", "/v2/changes/1")["result"]["status"] == "Doing":
                os.sched_yield()
            gate.open()
            output = stopping.communicate(timeout=30)[0]
    assert (stopping.returncode, output) == (130, "Change 1 (Snapshot all snaps): Error.\n")
    assert snapd.api("GET", "/v2/snapshots")["result"] == []
    assert snapstow(snapd.base, "jobs").out == "No jobs yet.\n"
    again = snapstow(snapd.base, "stop", "snapd/1")
    assert again.code == 5
