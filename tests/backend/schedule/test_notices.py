"""Notices by the real apprise to a real server; whatever happens, no part of an address is told."""

import logging
import os
from pathlib import Path

import pytest

from backend.config import ScheduleConfig
from backend.engine.files import FilesEngine
from backend.errors import InvalidInputError
from backend.schedule import notices
from backend.schedule.history import RunRecord, StepRecord
from tests.support.builders import World
from tests.support.schedules import FAILS, SAVES, Mailbox, run, schedule

SECRET = "s3cr3t-w0rd"
TOKEN = "t0k3n-of-a-path"


@pytest.fixture
def engine(tmp_path: Path) -> FilesEngine:
    world = World(tmp_path / "root")
    world.install("hello", data={"f": "now"})
    return world.engine


def address(mailbox: Mailbox) -> str:
    return f"json://user:{SECRET}@127.0.0.1:{mailbox.port}/{TOKEN}"


@pytest.mark.parametrize(
    ("operation", "always", "letters"),
    [(SAVES, False, 0), (SAVES, True, 1), (FAILS, False, 1), (FAILS, True, 1)],
)
def test_a_failure_is_told_and_a_success_only_on_wish(
    engine: FilesEngine, operation: object, always: bool, letters: int
) -> None:
    with Mailbox() as mailbox:
        plan = schedule(("save", operation), notify=(address(mailbox),), notify_always=always)  # type: ignore[arg-type] # both are saves
        record = run(engine, plan)
    assert len(mailbox.letters) == letters
    assert record.troubles == ()


def test_a_notice_has_the_sentences_of_the_jobs_and_the_name_of_the_machine(engine: FilesEngine) -> None:
    with Mailbox() as mailbox:
        run(engine, schedule(("save", SAVES), ("save ghost", FAILS), notify=(address(mailbox),)))
    text = mailbox.letters[0].decode()
    assert f"snapstow on {os.uname().nodename}: schedule nightly done in part" in text
    assert "1. save: done: set #1 of hello (job 1)" in text
    assert r"2. save ghost: failed: snap \"ghost\" is not installed (job 2)" in text


@pytest.mark.parametrize("refuses", [True, False])
def test_a_notice_that_fails_is_told_and_spoils_the_exit_code(engine: FilesEngine, refuses: bool) -> None:
    with Mailbox(refuses=refuses) as mailbox:
        places = (address(mailbox), "nonsense", f"unknown-scheme://{SECRET}/{TOKEN}")
        record = run(engine, schedule(("save", SAVES), notify=places, notify_always=True))
    assert len(mailbox.letters) == 1
    failed = ["notice 1 (json://) could not be sent"] if refuses else []
    failed += ["notice 2 (an address that cannot be understood) could not be sent"]
    failed += ["notice 3 (an address that cannot be understood) could not be sent"]
    assert record.troubles == ("; ".join(failed),)
    assert record.exit == 3
    assert record.succeeded == record.ended  # the data are safe all the same


def test_no_server_that_listens_is_a_notice_that_fails(engine: FilesEngine) -> None:
    with Mailbox() as mailbox:
        gone = address(mailbox)
    record = run(engine, schedule(("save", SAVES), notify=(gone,), notify_always=True))
    assert record.troubles == ("notice 1 (json://) could not be sent",)


@pytest.mark.parametrize("failing", ["refused", "unknown", "bug"])
def test_no_secret_is_written_or_printed_anywhere(
    engine: FilesEngine,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    failing: str,
) -> None:
    with Mailbox(refuses=True) as mailbox:
        places = {"refused": address(mailbox), "unknown": f"{SECRET}://{TOKEN}@{SECRET}/?x={TOKEN}"}
        place = places.get(failing, address(mailbox))
        if failing == "bug":
            monkeypatch.setattr("apprise.Apprise.notify", _raising(place))
        plan = schedule(("save", FAILS), ("save", SAVES), notify=(place,))
        record = run(engine, plan)
    out = "".join(capfd.readouterr())
    held = repr(plan) + repr(record) + out
    held += "".join(path.read_bytes().decode("latin-1") for path in tmp_path.rglob("*") if path.is_file())
    assert record.troubles
    assert SECRET not in held
    assert TOKEN not in held


def _raising(text: str) -> object:
    def fail(*_arguments: object, **_named: object) -> None:
        logging.getLogger("apprise").error("cannot reach %s", text)
        raise RuntimeError(text)

    return fail


def test_a_missing_apprise_is_said_in_one_sentence_after_all_was_done(
    engine: FilesEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notices, "find_spec", lambda _name: None)
    record = run(engine, schedule(("save", SAVES), notify=("json://localhost/",), notify_always=True))
    reason = "schedule nightly: notices need apprise: pip install 'snapstow[notify]'"
    assert (record.exit, record.troubles, record.steps[0].state) == (3, (reason,), "done")
    with pytest.raises(InvalidInputError, match="pip install"):
        notices.send_notices(
            ScheduleConfig("n", "daily", (), ("json://x",)), engine, RunRecord("n", 1, exit=1)
        )


def test_a_schedule_without_addresses_needs_no_apprise(
    engine: FilesEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notices, "find_spec", lambda _name: None)
    assert run(engine, schedule(("save", SAVES))).troubles == ()


def test_failures_besides_the_steps_are_in_the_notice() -> None:
    record = RunRecord("n", 1, exit=3, steps=(StepRecord("save", "done"),), troubles=("cannot write",))
    assert notices.body(record) == "1. save: done\nAlso: cannot write"
