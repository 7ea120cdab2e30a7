"""What was verified is remembered, and only for the very bytes that were verified."""

import os
import time
from pathlib import Path

import pytest

from backend.ledger import OLD, CheckState, Ledger, Level
from backend.model import ARCHIVE, Revision, Snapshot
from backend.reader import EntryVerdict

SUMS = {ARCHIVE: "a" * 96, "user/alice.tgz": "b" * 96}


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    path = tmp_path / "1_hello_1.0_x1.zip"
    path.write_bytes(b"zip")
    return Snapshot(1, "2026-11-22T09:09:36Z", "hello", Revision(-1), sums=SUMS, path=str(path))


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    own = tmp_path / "own"
    own.mkdir()
    return Ledger(str(own))


def verdicts(snapshot: Snapshot, fault: str = "") -> list[EntryVerdict]:
    sound = EntryVerdict(1, "hello", ARCHIVE, 3, "", snapshot.path)
    return [sound, sound._replace(entry="user/alice.tgz", fault=fault)]


def state(ledger: Ledger, snapshot: Snapshot, now: float | None = None) -> CheckState:
    return ledger.standing([snapshot], now)[snapshot.path].state


def test_what_was_never_checked_says_so(ledger: Ledger, snapshot: Snapshot) -> None:
    assert state(ledger, snapshot) is CheckState.NEVER


def test_a_full_check_is_ok_and_grows_old(ledger: Ledger, snapshot: Snapshot) -> None:
    ledger.record([snapshot], verdicts(snapshot), Level.HASH)
    assert state(ledger, snapshot) is CheckState.OK
    assert state(ledger, snapshot, time.time() + OLD + 60) is CheckState.OLD


def test_a_check_of_some_archives_only_is_no_check(ledger: Ledger, snapshot: Snapshot) -> None:
    ledger.record([snapshot], verdicts(snapshot)[:1], Level.HASH)
    assert state(ledger, snapshot) is CheckState.NEVER


def test_a_failure_outranks_everything_and_keeps_its_reason(ledger: Ledger, snapshot: Snapshot) -> None:
    ledger.record([snapshot], verdicts(snapshot, "hash differs"), Level.HASH)
    standing = ledger.standing([snapshot])[snapshot.path]
    assert (standing.state, standing.fault) == (CheckState.FAILED, "hash differs")
    ledger.record([snapshot], verdicts(snapshot), Level.HASH)
    assert state(ledger, snapshot) is CheckState.OK


@pytest.mark.parametrize("change", ["rewritten", "replaced", "other sums"])
def test_a_file_that_changed_was_never_checked(ledger: Ledger, snapshot: Snapshot, change: str) -> None:
    ledger.record([snapshot], verdicts(snapshot), Level.HASH)
    if change == "other sums":
        snapshot = snapshot._replace(sums={**SUMS, ARCHIVE: "c" * 96})
    elif change == "rewritten":
        os.utime(snapshot.path, (1, 1))
    else:
        Path(f"{snapshot.path}~").write_bytes(b"zip")
        os.rename(f"{snapshot.path}~", snapshot.path)
    assert state(ledger, snapshot) is CheckState.NEVER


def test_a_broken_snapshot_is_broken_whatever_was_checked(ledger: Ledger, snapshot: Snapshot) -> None:
    ledger.record([snapshot], verdicts(snapshot), Level.HASH)
    assert state(ledger, snapshot._replace(broken="no zip")) is CheckState.BROKEN


def test_the_level_is_structure_only_when_every_archive_was_walked(
    ledger: Ledger, snapshot: Snapshot
) -> None:
    ledger.record([snapshot], verdicts(snapshot), Level.STRUCTURE)
    assert ledger.standing([snapshot])[snapshot.path].level == "structure"
    ledger.record([snapshot], verdicts(snapshot)[:1], Level.HASH)
    assert ledger.standing([snapshot])[snapshot.path].level == "full"


@pytest.mark.parametrize("content", [None, b"", b"not a database" * 100])
def test_without_a_usable_ledger_nothing_is_known_and_nothing_fails(
    tmp_path: Path, snapshot: Snapshot, content: bytes | None
) -> None:
    own = tmp_path / "other"
    if content is not None:
        own.mkdir()
        (own / "ledger.sqlite").write_bytes(content)
    ledger = Ledger(str(own))
    ledger.record([snapshot], verdicts(snapshot), Level.HASH)
    assert state(ledger, snapshot) in (CheckState.NEVER, CheckState.OK)


def test_a_fault_of_structure_outlives_a_check_of_the_hash_alone(ledger: Ledger, snapshot: Snapshot) -> None:
    ledger.record([snapshot], verdicts(snapshot, "a member is refused"), Level.STRUCTURE)
    ledger.record([snapshot], verdicts(snapshot), Level.HASH)
    assert state(ledger, snapshot) is CheckState.FAILED
    ledger.record([snapshot], verdicts(snapshot), Level.STRUCTURE)
    assert state(ledger, snapshot) is CheckState.OK


def test_two_files_of_one_snap_keep_their_own_verdicts(
    ledger: Ledger, snapshot: Snapshot, tmp_path: Path
) -> None:
    (tmp_path / "1_renamed.zip").write_bytes(b"other")
    other = snapshot._replace(path=str(tmp_path / "1_renamed.zip"))
    ledger.record([snapshot, other], [*verdicts(snapshot), *verdicts(other, "bad")], Level.HASH)
    assert (state(ledger, snapshot), state(ledger, other)) == (CheckState.OK, CheckState.FAILED)
