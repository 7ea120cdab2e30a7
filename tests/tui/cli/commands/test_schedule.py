"""The verb `schedule`: listed, run by hand and by the command of its unit, stopped, killed, enabled."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from backend.jobs import JobState
from backend.schedule import History
from tests.support import TOP
from tests.support.builders import World
from tests.support.schedules import Mailbox
from tests.support.units import started_words, why_no_systemd
from tests.tui.support.driver import Done, Snapstow, environment

needs_systemd = pytest.mark.skipif(bool(why_no_systemd()), reason=why_no_systemd() or "-")
PATIENCE = 60
# The real one at a time that a file says.
ANALYZE = """#!/bin/sh
case "$*" in
    calendar*--base-time*|verify*) ;;
    *) set -- "$1" "--base-time=$(cat {now})" "$2" "$3" "$4" ;;
esac
exec /usr/bin/systemd-analyze "$@"
"""


class Place:
    """A root, a repository in a directory, a configuration, and our command there."""

    def __init__(self, base: Path) -> None:
        self.world = World(base / "root")
        self.world.install("hello", data={"f": "now"})
        self.repository = base / "repo"
        self.repository.mkdir()
        self.file = base / "config.toml"
        self._snapstow = Snapstow(self.world)

    def configure(self, *steps: str, name: str = "nightly", when: str = "daily", more: str = "") -> None:
        text = f'[repositories.offsite]\nurl = "file://{self.repository}"\n'
        text += f"[schedules.{name}]\nwhen = {json.dumps(when)}\nsteps = {json.dumps(steps)}\n{more}"
        self.file.write_text(text)
        self.file.chmod(0o600)

    def __call__(self, *arguments: str) -> Done:
        return self._snapstow(f"--config={self.file}", *arguments)

    def line(self, *arguments: str) -> list[str]:
        """The command as a process has it."""
        options = ["--root", str(self.world.root), "--config", str(self.file)]
        return [sys.executable, "-m", "tui.cli.main", *options, *arguments]

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            self.line(*arguments),
            cwd=TOP,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def history(self) -> History:
        return History(self.world.engine.state_dir)

    @property
    def service(self) -> Path:
        return self.world.root / "etc/systemd/system/snapstow-nightly.service"

    def row(self) -> dict[str, Any]:
        (row,) = self("schedule", "--json").document
        assert isinstance(row, dict)
        return row


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


# -- listing


@needs_systemd
def test_schedules_are_listed_with_their_last_run(place: Place) -> None:
    place.configure("save", "push --new offsite")
    assert re.search(r"^nightly +daily +- +never +- +- +-$", place("schedule").out, re.MULTILINE)
    place("schedule", "run", "nightly")
    assert re.search(r"^nightly +daily +- +\S+ ago +done +- +-$", place("schedule", "list").out, re.MULTILINE)
    assert (place.row()["result"], place.row()["last"]["exit"]) == ("done", 0)


@needs_systemd
def test_an_enabled_schedule_is_listed_with_its_next_run(place: Place) -> None:
    place.configure("save")
    place("schedule", "enable", "nightly")
    row = place.row()
    assert (row["enabled"], row["notes"]) == (True, [])
    assert row["next"] > 0


@needs_systemd
def test_a_schedule_that_was_changed_since_it_was_enabled_is_told(place: Place) -> None:
    place.configure("save")
    place("schedule", "enable", "nightly")
    place.configure("save", when="weekly")
    assert place.row()["notes"] == ["changed since: run schedule enable nightly"]


@needs_systemd
def test_a_schedule_is_not_changed_by_the_time_that_passes(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = tmp_path / "now"
    program = tmp_path / "bin/systemd-analyze"
    program.parent.mkdir()
    program.write_text(ANALYZE.format(now=now))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    place.configure("save", when="*:41,42")
    now.write_text("2026-12-01 13:40:36 UTC")
    place("schedule", "enable", "nightly")
    now.write_text("2026-12-01 13:41:38 UTC")
    assert place.row()["notes"] == []


@needs_systemd
def test_a_schedule_that_is_no_more_configured_is_told_and_can_be_removed(place: Place) -> None:
    place.configure("save")
    place("schedule", "enable", "nightly")
    place.file.write_text("")
    assert place.row()["notes"] == ["not configured any more"]
    assert place("schedule", "disable", "nightly").code == 0
    assert place("schedule").out == f"No schedules are configured in {place.file}.\n"


@needs_systemd
@pytest.mark.parametrize(("started", "notes"), [(0, []), (3 * 86400, ["overdue"])])
def test_an_overdue_schedule_is_told(place: Place, started: int, notes: list[str]) -> None:
    place.configure("save")
    place("schedule", "enable", "nightly")
    place("schedule", "run", "nightly")
    file = Path(place.world.engine.state_dir) / "schedules/nightly.json"
    document = json.loads(file.read_text())
    file.write_text(json.dumps({**document, "started": document["started"] - started}))
    assert place.row()["notes"] == notes


def test_without_any_schedule_that_is_said(place: Place) -> None:
    place.file.write_text("")
    assert place("schedule").out == f"No schedules are configured in {place.file}.\n"


# -- mistakes


@pytest.mark.parametrize(
    ("step", "mistake"),
    [
        ("restore 3", '"restore" does not run by itself; expected save, check-snapshot, push, prune, doctor'),
        ("--root /x save", '"--root" does not run by itself; expected save'),
        ("save --frob", "unknown flag `frob'"),
        ("save --root /x", "expected no --root, --engine or the like"),
        ("save --no-wait", "expected no --no-wait"),
        ("save 'open", "No closing quotation"),
        ("  ", '"" does not run by itself'),
        ("push", "the required argument `<repo>` was not provided"),
        ("push 1 --new offsite", "name the sets to copy, or --new, or --all"),
        ("check-snapshot", "expected a set, --all or --repo"),
        ("check-snapshot --file /x", "expected a set, --all or --repo"),
        ("check-snapshot 0", "requires snapshot set ID"),
        ("doctor", "expected doctor --repair"),
        ("save --help", '"help" does not run by itself'),
        ("push --version", '"version" does not run by itself'),
        ("prune --plan", "expected no --plan"),
    ],
)
def test_a_mistake_names_file_schedule_and_step_and_nothing_is_run(
    place: Place, step: str, mistake: str
) -> None:
    place.configure("save", step)
    done = place("schedule", "run", "nightly")
    assert done.err.startswith(f'error: {place.file}: schedule nightly, step 2, "{step}": ')
    assert mistake in done.err
    assert (done.code, done.out, place.world.engine.journal.records()) == (5, "", [])


def test_a_schedule_that_is_not_configured_is_refused_with_those_that_are(place: Place) -> None:
    place.configure("save")
    done = place("schedule", "run", "weekly")
    assert done.err == f'error: no schedule "weekly" is configured in {place.file} (there are: nightly)\n'
    assert done.code == 1


@pytest.mark.parametrize("arguments", [("run",), ("enable",), ("disable",), ("list", "nightly"), ("frob",)])
def test_a_command_that_cannot_be_understood_is_refused(place: Place, arguments: tuple[str, ...]) -> None:
    place.configure("save")
    assert place("schedule", *arguments).code == 2


# -- running


def test_a_run_tells_each_step_and_the_sum(place: Place) -> None:
    place.configure("save", "save ghost", "check-snapshot --all", "push --new offsite")
    done = place("schedule", "run", "nightly")
    assert (done.code, done.out) == (3, "Schedule nightly: done in part.\n")
    assert [line for line in done.err.splitlines() if line[0].isdigit()] == [
        "1. save: done: set #1 of hello (job 1)",
        '2. save ghost: failed: snap "ghost" is not installed (job 2)',
        "3. check-snapshot --all: done: 1 archive checked (job 3)",
        "4. push --new offsite: done: 1 set copied (job 4)",
    ]


def test_a_run_speaks_to_programs_in_objects(place: Place) -> None:
    place.configure("save", "save ghost")
    done = place("--json", "schedule", "run", "nightly")
    lines = done.lines
    assert [line["step"] for line in lines if line["event"] == "step"] == ["save", "save ghost"]
    assert [line["state"] for line in lines if line["event"] == "step-ended"] == ["done", "failed"]
    assert (lines[-1]["event"], lines[-1]["exit"], done.code) == ("run", 3, 3)


@needs_systemd
@pytest.mark.parametrize("shape", ["checkout", "installed", "one file"])
def test_the_command_of_a_unit_runs_the_schedule_as_systemd_would_start_it(
    place: Place, tmp_path: Path, shape: str
) -> None:
    script = tmp_path / "bin/snapstow"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\ncd {TOP} && exec {sys.executable} -m tui.cli.main "$@"\n')
    script.chmod(0o755)
    place.configure("save", "push --new offsite")
    line = place.line("schedule", "enable", "nightly")
    changes = {"PEX": str(script)} if shape == "one file" else {}
    if shape == "installed":
        code = f"import sys; sys.argv[0] = {str(script)!r}; from tui.cli.main import main; sys.exit(main())"
        line = [line[0], "-c", code, *line[3:]]
    enabled = subprocess.run(
        line, cwd=TOP, env=environment(changes), capture_output=True, text=True, check=False
    )
    assert enabled.returncode == 0, enabled.stderr
    command = started_words(place.service, tmp_path / "scratch")
    assert command[0] == (sys.executable if shape == "checkout" else str(script))

    def started() -> int:
        least = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": str(tmp_path)}
        return subprocess.run(command, cwd="/", env=least, capture_output=True, check=False).returncode

    assert started() == 0
    assert [job.state for job in place.world.engine.journal.records()] == [JobState.DONE, JobState.DONE]
    place.repository.rename(tmp_path / "unplugged")
    assert started() == 3
    assert [step["state"] for step in place.row()["last"]["steps"]] == ["done", "failed"]
    assert [group.set_id for group in place.world.engine.sets()] == [1, 2]


def test_a_timer_and_a_hand_do_not_run_the_same_at_once(place: Place) -> None:
    place.configure("save")
    with place.history.running("nightly"):
        done = place("schedule", "run", "nightly")
        assert place.row()["result"] == "running"
    assert (done.code, done.err) == (11, "error: schedule nightly is running already\n")
    assert place("schedule", "run", "nightly").code == 0


def large(place: Place) -> None:
    """Give a save something to do."""
    data = place.world.data("hello") / "x1"
    for number in range(12):
        (data / f"large{number}").write_bytes(os.urandom(1 << 22))


def stopped_amid(process: "subprocess.Popen[str]", number: signal.Signals) -> None:
    """Send a signal as soon as the first step is saving."""
    assert process.stdout is not None
    for line in process.stdout:
        if '"started"' in line and "Saving" in line:
            process.send_signal(number)
            return
    raise AssertionError("no step began to save")


def test_sigterm_stops_the_step_cleanly_runs_no_other_and_is_told(place: Place) -> None:
    large(place)
    with Mailbox() as mailbox:
        place.configure("save", "save", more=f'notify = ["json://127.0.0.1:{mailbox.port}/"]\n')
        process = place.start("--json", "schedule", "run", "nightly")
        stopped_amid(process, signal.SIGTERM)
        process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    last = place.row()["last"]
    assert [step["state"] for step in last["steps"]] == ["stopped", "not run"]
    assert [job.state for job in place.world.engine.journal.records()] == [JobState.CANCELLED]
    assert place.world.engine.sets() == []
    assert not list(place.world.snapshots.glob("*~"))
    (letter,) = mailbox.letters
    assert b"schedule nightly stopped" in letter


def test_a_run_that_was_killed_is_told_and_the_next_one_ends_what_it_left(place: Place) -> None:
    large(place)
    place.configure("save", "check-snapshot --all")
    process = place.start("--json", "schedule", "run", "nightly")
    stopped_amid(process, signal.SIGKILL)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == -signal.SIGKILL
    assert place.row()["result"] == "interrupted"
    done = place("schedule", "run", "nightly")
    assert done.code == 0
    assert place.row()["result"] == "done"
    states = [job.state for job in place.world.engine.journal.records()]
    assert states == [JobState.ROLLED_BACK, JobState.DONE, JobState.DONE]
    (group,) = place.world.engine.sets()
    assert not any(snapshot.broken for snapshot in group.snapshots)


def test_a_reader_that_went_away_stops_no_run(place: Place) -> None:
    place.configure("save", "check-snapshot --all")
    process = place.start("--json", "schedule", "run", "nightly")
    assert process.stdout is not None
    process.stdout.close()
    process.communicate(timeout=PATIENCE)
    last = place.history.last("nightly")
    assert last is not None
    assert [step.state for step in last.steps] == ["done", "done"]


# -- secrets


def test_no_secret_of_a_schedule_is_ever_printed_or_written(place: Place, tmp_path: Path) -> None:
    secret = "s3cr3t-w0rd"
    place.configure("save ghost", more=f'notify = ["json://user:{secret}@127.0.0.1:9/{secret}"]\n')
    printed = ""
    for arguments in (("run", "nightly"), ("enable", "nightly"), ("list",), ("disable", "nightly")):
        done = place("schedule", *arguments)
        machine = place("--json", "schedule", *arguments)
        printed += done.out + done.err + machine.out + machine.err
    assert "notice 1 (json://) could not be sent" in printed
    assert secret not in printed
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path != place.file]
    assert len(files) > 3
    assert [path for path in files if secret.encode() in path.read_bytes()] == []


# -- systemd


@needs_systemd
def test_enabling_tells_the_next_three_runs_and_who_starts_them(place: Place) -> None:
    place.configure("save")
    done = place("schedule", "enable", "nightly")
    first, *runs = done.out.splitlines()
    assert first == f"Schedule nightly is enabled: {place.service.with_suffix('.timer')}"
    assert len(runs) == 3
    assert all(re.fullmatch(r"  \d{4}-\d\d-\d\d \d\d:\d\d", line) for line in runs)
    assert done.err == "No systemd looks there: it is for another root than that of this machine.\n"


@needs_systemd
def test_a_time_that_systemd_cannot_read_enables_nothing(place: Place) -> None:
    place.configure("save", when="daylee")
    done = place("schedule", "enable", "nightly")
    assert (done.code, done.err[:39]) == (5, 'error: cannot read "daylee" as a time: ')
    assert not place.service.exists()


@needs_systemd
@pytest.mark.parametrize(
    ("module", "more", "extra"),
    [
        ("apprise", 'notify = ["json://x/"]\n', "notify"),
        ("prometheus_client", 'metrics = "/x.prom"\n', "metrics"),
    ],
)
def test_a_missing_extra_is_told_when_a_schedule_is_enabled(
    place: Place, monkeypatch: pytest.MonkeyPatch, module: str, more: str, extra: str
) -> None:
    where = "notices" if extra == "notify" else "metrics"
    monkeypatch.setattr(f"backend.schedule.{where}.find_spec", lambda _name: None)
    place.configure("save", more=more)
    done = place("schedule", "enable", "nightly")
    assert (done.code, f"pip install 'snapstow[{extra}]'" in done.err) == (5, True)
    assert not place.service.exists()
