"""Standard streams that are full, closed, or read by nobody: what was done is told, and nothing is a bug."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.builders import World
from tests.tui.support.driver import PATIENCE, Done, Snapstow, environment


@pytest.fixture
def snapstow(tmp_path: Path) -> Snapstow:
    world = World(tmp_path / "root")
    world.install("hello", data={"f": "system"})
    world.add(1, "hello")
    return Snapstow(world)


def in_shell(snapstow: Snapstow, script: str) -> Done:
    """Run a script in which `$S` is the command below the root."""
    command = f"{sys.executable} -m tui.cli.main --root {snapstow.world.root}"
    done = subprocess.run(
        ["bash", "-c", script],
        env=environment() | {"S": command},
        capture_output=True,
        text=True,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


CHANGING = {
    "save": "save hello",
    "check-snapshot": "check-snapshot 1",
    "restore": "restore 1",
    "forget": "forget 1",
}


@pytest.mark.parametrize("verb", ["save", "check-snapshot", "restore", "forget"])
@pytest.mark.parametrize(
    ("redirection", "reason"),
    [
        (">/dev/full", "cannot write to standard output: No space left on device"),
        (">&-", "standard output is closed"),
        ("| true", "nobody reads standard output any more"),
    ],
)
def test_a_verb_that_cannot_print_its_result_says_that_it_is_done(
    snapstow: Snapstow, verb: str, redirection: str, reason: str
) -> None:
    done = in_shell(snapstow, f"set -o pipefail; ( $S {CHANGING[verb]} {redirection} )")
    assert done.code == 1
    set_id = 2 if verb == "save" else 1
    assert done.err.splitlines()[-1] == f"error: {verb} of snapshot #{set_id} is done, but {reason}"
    (job,) = snapstow("jobs", "--json").document
    assert (job["operation"]["verb"], job["state"]) == (verb, "done")


def test_json_lines_that_cannot_be_written_are_told_when_the_work_is_done(snapstow: Snapstow) -> None:
    done = in_shell(snapstow, "$S --json restore 1 >/dev/full")
    assert done.code == 1
    assert done.err.endswith("is done, but cannot write to standard output: No space left on device\n")


@pytest.mark.parametrize("buffered", ["", "PYTHONUNBUFFERED=1"])
@pytest.mark.parametrize(
    "query",
    [
        "saved",
        "--json saved",
        "jobs",
        "estimate",
        "help",
        "--version",
        "ls 1",
        "find f",
        "doctor",
    ],
)
def test_a_query_that_cannot_print_fails(snapstow: Snapstow, query: str, buffered: str) -> None:
    full = in_shell(snapstow, f"{buffered} $S {query} >/dev/full")
    assert (full.code, full.err) == (1, "error: cannot write to standard output: No space left on device\n")
    closed = in_shell(snapstow, f"( $S {query} >&- )")
    assert (closed.code, closed.err) == (1, "error: standard output is closed\n")


@pytest.mark.parametrize("closed", ["<&-", "2>&-", "<&- 2>&-"])
@pytest.mark.parametrize(
    "verb", ["save hello", "restore 1", "saved", "check-snapshot 1", "save --no-wait hello"]
)
def test_other_closed_streams_change_nothing(snapstow: Snapstow, verb: str, closed: str) -> None:
    done = in_shell(snapstow, f"( $S {verb} {closed} )")
    assert done.code == 0
    assert "bug" not in done.err
    assert snapstow("check-snapshot", "--all", "--structure").code == 0


def test_data_are_not_sent_to_a_closed_stream(snapstow: Snapstow) -> None:
    export = in_shell(snapstow, "( $S export-snapshot 1 - >&- )")
    assert (export.code, export.err) == (
        5,
        "error: cannot export a snapshot to standard output: it is closed\n",
    )
    content = in_shell(snapstow, "( $S cat 1 hello:rev/f >&- )")
    assert (content.code, content.err) == (1, "error: standard output is closed\n")


def test_nothing_is_imported_from_a_closed_stream(snapstow: Snapstow) -> None:
    done = in_shell(snapstow, "$S import-snapshot - <&-")
    assert (done.code, done.err) == (5, "error: cannot import a snapshot from standard input: it is closed\n")


def test_all_streams_closed_is_no_bug(snapstow: Snapstow) -> None:
    done = in_shell(snapstow, "( $S restore 1 <&- >&- 2>&- )")
    assert (done.code, done.out, done.err) == (1, "", "")
    assert not list(snapstow.state.glob("bug-*"))


@pytest.mark.parametrize(
    ("limit", "reason"),
    [
        ("ulimit -v 200000", "not enough memory"),
        ("ulimit -n 12", "too many open files"),
        ("ulimit -n 8", "too many open files"),
    ],
)
@pytest.mark.parametrize("verb", ["save hello", "restore 1", "check-snapshot 1"])
def test_limits_of_the_process_are_no_bug(snapstow: Snapstow, limit: str, reason: str, verb: str) -> None:
    done = in_shell(snapstow, f"{limit}; $S {verb}")
    assert "bug" not in done.err
    assert "Traceback" not in done.err
    assert done.code in (0, 1)
    if done.code:
        assert reason in done.err.lower()


def test_a_command_whose_terminal_goes_away_carries_on(snapstow: Snapstow) -> None:
    snapstow.world.install("large", data={"f": os.urandom(40 << 20)})
    with snapstow.terminal("save", "large") as terminal:
        terminal.until(lambda: any("snap-ids are not recorded" in line for line in terminal.text))
        terminal.hang_up()
        terminal.process.wait(PATIENCE)
    (job,) = snapstow("jobs", "--json").document
    assert job["state"] == "done"
    assert snapstow("check-snapshot", "2").code == 0
