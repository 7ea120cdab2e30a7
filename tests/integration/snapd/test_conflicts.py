"""What a real snapd does already, and is in the way: told before, waited for where that is wanted."""

import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from backend.commands import command_line
from backend.engine.snapd.responses import BusyError
from backend.errors import Cancelled, ConflictError
from backend.jobs.record import JobState
from backend.operations import Check, Forget, Operation, Restore, Save, Undo
from backend.progress import Event, Progress, Started
from tests.support import TOP
from tests.support.builders import tree_of
from tests.support.command import snapstow
from tests.support.realsnapd import Gate, RealSnapd
from tests.support.snapdworld import NEW, OLD, change, dead_job, do, engine, install, sets
from tui.cli.main import main
from tui.plain.console import Console, Dropped
from tui.plain.follow import Desk, start
from tui.session.job_views import JobBoard
from tui.session.place import Place

pytestmark = pytest.mark.snapd


@contextmanager
def restoring(snapd: RealSnapd) -> Iterator[Gate]:
    """A running snapd whose restore of set 1, as change 2, waits in the middle of its work."""
    install(snapd, "hello")
    install(snapd, "other")
    with snapd.gate("tar", "--extract") as await_tar:
        snapd.start()
        snapd.save("hello")
        snapd.api("POST", "/v2/snapshots", {"action": "restore", "set": 1})
        await_tar()
        yield await_tar


def when_waiting(act: Callable[[Progress], None]) -> Callable[[Progress, Event], None]:
    """Do something as soon as a job says that it waits."""

    def hear(progress: Progress, event: Event) -> None:
        if isinstance(event, Started) and event.title.startswith("Waiting for change 2 (Restore "):
            act(progress)

    return hear


@pytest.mark.parametrize(
    ("operation", "is_in_the_way"),
    [
        (Save(), True),
        (Save(("hello",)), True),
        (Save(("other",)), False),
        (Restore(1), True),
        (Restore(1, target_dir="/somewhere"), False),
        (Forget(1), True),
        (Forget(7), False),
        (Undo(), False),
        (Check(1), False),
    ],
    ids=lambda operation: command_line(operation) if isinstance(operation, Operation) else "",
)
def test_conflicting_changes_are_known_beforehand(
    snapd: RealSnapd, operation: Operation, is_in_the_way: bool
) -> None:
    with restoring(snapd):
        change = engine(snapd).daemon.in_the_way(operation)
        assert (change is not None) == is_in_the_way
        if change is not None:
            assert (change.id, change.set_id) == ("2", 1)
            assert change.title == "change 2 (Restore of snapshot set #1)"


def test_an_undo_waits_for_what_changes_the_same_snap(snapd: RealSnapd) -> None:
    install(snapd, "hello")
    with snapd.gate() as await_gzip:
        await_gzip.open()
        snapd.start()
        do(snapd, Save())
        do(snapd, Restore(1))
    with snapd.gate() as await_gzip:
        asked = snapd.api("POST", "/v2/snaps", {"action": "snapshot"})
        await_gzip()
        change = engine(snapd).daemon.in_the_way(Undo())
        assert change is not None
        assert change.id == asked["change"]
        with pytest.raises(BusyError):
            do(snapd, Undo())
        undone = do(snapd, Undo(wait=True), lambda _job, event: _open_when_waiting(event, await_gzip))
    assert undone.set_id == 1


def _open_when_waiting(event: Event, gate: Gate) -> None:
    if isinstance(event, Started) and event.title.startswith("Waiting for "):
        gate.open()


@pytest.mark.parametrize("operation", [Save(wait=True), Restore(1, wait=True), Forget(1, wait=True)], ids=str)
def test_an_operation_that_waits_is_done_afterwards(snapd: RealSnapd, operation: Operation) -> None:
    waited: list[str] = []
    with restoring(snapd) as await_tar:

        def let_it_go_on(_job: Progress) -> None:
            waited.append("yes")
            await_tar.open()

        do(snapd, operation, when_waiting(let_it_go_on))
    assert waited == ["yes"]
    assert sets(snapd) == {"save": [1, 2], "restore": [1, 2], "forget": []}[operation.verb]
    assert engine(snapd).journal.records()[-1].state is JobState.DONE


def test_without_the_wait_it_is_refused(snapd: RealSnapd) -> None:
    with restoring(snapd):
        for operation in (Save(), Restore(1), Forget(1)):
            with pytest.raises(BusyError, match="attach snapd/2 waits for it, as --wait does") as refused:
                do(snapd, operation)
            assert (refused.value.change, refused.value.exit_code) == ("2", 11)


def test_who_waits_can_be_stopped(snapd: RealSnapd) -> None:
    with restoring(snapd), pytest.raises(Cancelled):
        do(snapd, Save(wait=True), when_waiting(Progress.stop))
    assert sets(snapd) == [1]
    kinds = {change["kind"] for change in snapd.api("GET", "/v2/changes?select=all")["result"]}
    assert kinds == {"snapshot-snap", "restore-snapshot"}
    assert engine(snapd).journal.records()[-1].state is JobState.CANCELLED


def test_who_died_while_waiting_had_done_nothing(snapd: RealSnapd) -> None:
    install(snapd, "hello")
    snapd.start()
    number = dead_job(snapd, Save(wait=True), {"waiting": "2"})
    refused = dead_job(snapd, Save(wait=True), {"asked": "save"}, {"waiting": "2"})
    ways = engine(snapd).resolutions(number)
    assert "snapd had not begun it" in ways.finish.text
    engine(snapd).resolve(refused, finish=True)
    (message,) = engine(snapd).tidy(Progress())
    assert message == f"job {number} (save) had been interrupted; nothing of it is left"
    assert {record.state for record in engine(snapd).journal.records()} == {JobState.ROLLED_BACK}


def test_a_restore_that_died_while_waiting_keeps_no_guard_that_is_gone(snapd: RealSnapd) -> None:
    install(snapd, "hello")
    snapd.start()
    do(snapd, Save())
    change(snapd.data("hello"), NEW)
    guard = {"set_id": 2, "snaps": ["hello"], "users": [], "made": []}
    dead_job(snapd, Restore(1, wait=True), {"guard": guard}, {"asked": "restore"}, {"waiting": "9"})
    engine(snapd).tidy(Progress())
    assert (engine(snapd).undo_offers(), tree_of(snapd.data("hello"))) == ([], NEW)


# -- the command line


def test_nobody_to_ask_is_told_of_wait(snapd: RealSnapd) -> None:
    with restoring(snapd) as await_tar:
        refused = snapstow(snapd.base, "save", "hello")
        assert (refused.code, "--wait" in refused.err) == (11, True)
        command = [
            sys.executable,
            "-m",
            "tui.cli.main",
            f"--root={snapd.base}",
            "save",
            "--wait",
            "--json",
            "hello",
        ]
        with subprocess.Popen(command, cwd=TOP, stdout=subprocess.PIPE, text=True) as waiting:
            assert waiting.stdout is not None
            assert any("Waiting for change 2" in line for line in waiting.stdout)
            await_tar.open()
            last = waiting.stdout.readlines()[-1]
    assert (waiting.returncode, json.loads(last)["set_id"]) == (0, 2)
    assert tree_of(snapd.data("hello")) == OLD


@pytest.mark.parametrize("answer", ["n", "", "y"])
def test_somebody_is_asked(
    snapd: RealSnapd, answer: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tui.cli.run_operation.is_interactive", lambda: True)
    with restoring(snapd) as await_tar:

        class Answer(io.StringIO):
            def readline(self, _size: int | None = -1) -> str:  # type: ignore[override] # of two bases
                if answer == "y":
                    await_tar.open()
                return f"{answer}\n"

        monkeypatch.setattr(sys, "stdin", Answer())
        code = main(["--root", str(snapd.base), "forget", "1"])
    asked = capsys.readouterr().err
    assert "snapd is busy with change 2 (Restore of snapshot set #1)" in asked
    assert "Wait for it? [y/N]" in asked
    if answer == "y":
        assert (code, sets(snapd)) == (0, [])
    else:
        assert (code, sets(snapd)) == (ConflictError.exit_code, [1])
        assert "--wait waits for it" in asked
        assert engine(snapd).journal.records() == []


def test_somebody_who_listens_is_asked_as_well(snapd: RealSnapd) -> None:
    with restoring(snapd):
        heard = io.StringIO()
        place = Place(engine(snapd), ())
        desk = Desk(place, Console(io.StringIO("no\n"), heard), JobBoard(place.engine.journal))
        with pytest.raises(Dropped):
            start(desk, Save())
    assert "snapd is busy with change 2 (Restore of snapshot set #1). Wait for it?" in heard.getvalue()
    assert engine(snapd).journal.records() == []
