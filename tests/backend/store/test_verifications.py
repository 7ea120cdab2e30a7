"""What was verified is remembered, and only for the very bytes that were verified."""

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from backend.errors import Cancelled
from backend.model import ARCHIVE, CheckLevel, CheckResult, Revision, Snapshot
from backend.operations import Check
from backend.progress import Progress
from backend.store.verifications import OLD, CheckState, VerificationLog, identity_of
from tests.support.builders import World, snapshot_of, tgz, write_snapshot
from tests.support.fakes import as_anybody, open_folder

SUMS = {ARCHIVE: "a" * 96, "user/alice.tgz": "b" * 96}


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    path = tmp_path / "1_hello_1.0_x1.zip"
    path.write_bytes(b"zip")
    return Snapshot(1, "2026-11-22T09:09:36Z", "hello", Revision(-1), sums=SUMS, path=str(path))


@pytest.fixture
def ledger(tmp_path: Path) -> VerificationLog:
    state_dir = tmp_path / "own"
    state_dir.mkdir()
    return VerificationLog(str(state_dir))


def verdicts(snapshot: Snapshot, fault: str = "") -> list[CheckResult]:
    sound = CheckResult(1, "hello", ARCHIVE, 3, "", snapshot.path)
    return [sound, sound._replace(entry="user/alice.tgz", fault=fault)]


def state(ledger: VerificationLog, snapshot: Snapshot, now: float | None = None) -> CheckState:
    return ledger.statuses([snapshot], now)[snapshot.path].state


def test_unchecked_snapshot_says_so(ledger: VerificationLog, snapshot: Snapshot) -> None:
    assert state(ledger, snapshot) is CheckState.NEVER


def test_a_full_check_is_ok_and_grows_old(ledger: VerificationLog, snapshot: Snapshot) -> None:
    ledger.record([snapshot], verdicts(snapshot), CheckLevel.HASH)
    assert state(ledger, snapshot) is CheckState.OK
    assert state(ledger, snapshot, time.time() + OLD + 60) is CheckState.OLD


def test_a_check_of_some_archives_only_is_no_check(ledger: VerificationLog, snapshot: Snapshot) -> None:
    ledger.record([snapshot], verdicts(snapshot)[:1], CheckLevel.HASH)
    assert state(ledger, snapshot) is CheckState.NEVER


def test_a_failure_outranks_everything_and_keeps_its_reason(
    ledger: VerificationLog, snapshot: Snapshot
) -> None:
    ledger.record([snapshot], verdicts(snapshot, "hash differs"), CheckLevel.HASH)
    status = ledger.statuses([snapshot])[snapshot.path]
    assert (status.state, status.fault) == (CheckState.FAILED, "hash differs")
    ledger.record([snapshot], verdicts(snapshot), CheckLevel.HASH)
    assert state(ledger, snapshot) is CheckState.OK


@pytest.mark.parametrize("change", ["rewritten", "replaced", "other sums", "damaged under the same time"])
def test_a_file_that_changed_was_never_checked(
    ledger: VerificationLog, snapshot: Snapshot, change: str
) -> None:
    ledger.record([snapshot], verdicts(snapshot), CheckLevel.HASH)
    if change == "other sums":
        snapshot = snapshot._replace(sums={**SUMS, ARCHIVE: "c" * 96})
    elif change == "rewritten":
        os.utime(snapshot.path, (1, 1))
    elif change == "damaged under the same time":
        time_before = os.stat(snapshot.path).st_mtime_ns
        Path(snapshot.path).write_bytes(b"z1p")
        os.utime(snapshot.path, ns=(time_before, time_before))
    else:
        Path(f"{snapshot.path}~").write_bytes(b"zip")
        os.rename(f"{snapshot.path}~", snapshot.path)
    assert state(ledger, snapshot) is CheckState.NEVER


def test_a_broken_snapshot_is_broken_whatever_was_checked(
    ledger: VerificationLog, snapshot: Snapshot
) -> None:
    ledger.record([snapshot], verdicts(snapshot), CheckLevel.HASH)
    assert state(ledger, snapshot._replace(broken="no zip")) is CheckState.BROKEN


def test_the_level_is_structure_only_when_every_archive_was_walked(
    ledger: VerificationLog, snapshot: Snapshot
) -> None:
    ledger.record([snapshot], verdicts(snapshot), CheckLevel.STRUCTURE)
    assert ledger.statuses([snapshot])[snapshot.path].level == "structure"
    ledger.record([snapshot], verdicts(snapshot)[:1], CheckLevel.HASH)
    assert ledger.statuses([snapshot])[snapshot.path].level == "full"


@pytest.mark.parametrize("content", [None, b"", b"not a database" * 100])
def test_without_a_usable_ledger_nothing_is_known_and_nothing_fails(
    tmp_path: Path, snapshot: Snapshot, content: bytes | None
) -> None:
    state_dir = tmp_path / "other"
    if content is not None:
        state_dir.mkdir()
        (state_dir / "ledger.sqlite").write_bytes(content)
    ledger = VerificationLog(str(state_dir))
    ledger.record([snapshot], verdicts(snapshot), CheckLevel.HASH)
    assert state(ledger, snapshot) in (CheckState.NEVER, CheckState.OK)


def test_a_fault_of_structure_outlives_a_check_of_the_hash_alone(
    ledger: VerificationLog, snapshot: Snapshot
) -> None:
    ledger.record([snapshot], verdicts(snapshot, "a member is refused"), CheckLevel.STRUCTURE)
    ledger.record([snapshot], verdicts(snapshot), CheckLevel.HASH)
    assert state(ledger, snapshot) is CheckState.FAILED
    ledger.record([snapshot], verdicts(snapshot), CheckLevel.STRUCTURE)
    assert state(ledger, snapshot) is CheckState.OK


def test_two_files_of_one_snap_keep_their_own_verdicts(
    ledger: VerificationLog, snapshot: Snapshot, tmp_path: Path
) -> None:
    (tmp_path / "1_renamed.zip").write_bytes(b"other")
    other = snapshot._replace(path=str(tmp_path / "1_renamed.zip"))
    ledger.record([snapshot, other], [*verdicts(snapshot), *verdicts(other, "bad")], CheckLevel.HASH)
    assert (state(ledger, snapshot), state(ledger, other)) == (CheckState.OK, CheckState.FAILED)


# -- a quick look


def test_a_quick_look_never_makes_anything_verified(ledger: VerificationLog, snapshot: Snapshot) -> None:
    ledger.record([snapshot], verdicts(snapshot), CheckLevel.QUICK)
    assert state(ledger, snapshot) is CheckState.NEVER


@pytest.mark.parametrize("level", [CheckLevel.HASH, CheckLevel.STRUCTURE])
def test_a_quick_look_changes_nothing_of_what_is_verified(
    ledger: VerificationLog, snapshot: Snapshot, level: CheckLevel
) -> None:
    ledger.record([snapshot], verdicts(snapshot), level)
    before = ledger.statuses([snapshot], 10**10)
    ledger.record([snapshot], verdicts(snapshot), CheckLevel.QUICK)
    assert ledger.statuses([snapshot], 10**10) == before


def test_quick_faults_stay_until_a_full_check(ledger: VerificationLog, snapshot: Snapshot) -> None:
    ledger.record([snapshot], verdicts(snapshot), CheckLevel.HASH)
    ledger.record([snapshot], verdicts(snapshot, "it is not there"), CheckLevel.QUICK)
    ledger.record([snapshot], verdicts(snapshot), CheckLevel.QUICK)
    status = ledger.statuses([snapshot])[snapshot.path]
    assert (status.state, status.fault) == (CheckState.FAILED, "it is not there")
    ledger.record([snapshot], verdicts(snapshot), CheckLevel.HASH)
    assert state(ledger, snapshot) is CheckState.OK


def test_a_fault_of_structure_outlives_a_quick_fault_as_well(
    ledger: VerificationLog, snapshot: Snapshot
) -> None:
    ledger.record([snapshot], verdicts(snapshot, "a member is refused"), CheckLevel.STRUCTURE)
    ledger.record([snapshot], verdicts(snapshot, "it is not there"), CheckLevel.QUICK)
    ledger.record([snapshot], verdicts(snapshot), CheckLevel.HASH)
    assert ledger.statuses([snapshot])[snapshot.path].fault == "a member is refused"


# -- unpacked sizes


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "root")
    world.add(1, "hello", users={"alice": {"common": {"a": "1" * 4000}}})
    world.add(1, "other")
    world.add(2, "hello")
    return world


def listed(world: World) -> list[Snapshot]:
    return [snapshot for group in world.engine.sets() for snapshot in group.snapshots]


def learned(ledger: VerificationLog, snapshots: list[Snapshot], batch: int = 64) -> list[dict[str, int]]:
    return list(ledger.learn_unpacked(snapshots, Progress(), batch))


def test_unpacked_sizes_are_learned_once(world: World, ledger: VerificationLog, tmp_path: Path) -> None:
    snapshots = listed(world)
    assert ledger.unpacked(snapshots) == {}
    batches = learned(ledger, snapshots, 2)
    assert [len(batch) for batch in batches] == [2, 1]
    sizes = ledger.unpacked(snapshots)
    assert sizes == batches[0] | batches[1]
    assert sizes[snapshots[0].path] == 20 * 1024  # two archives, each in whole records of tar
    again = VerificationLog(str(tmp_path / "own"))
    assert learned(again, snapshots) == []
    assert again.unpacked(snapshots) == sizes


def test_a_file_that_changed_is_looked_at_again(world: World, ledger: VerificationLog) -> None:
    snapshots = listed(world)
    learned(ledger, snapshots)
    world.add(1, "other", {"x1": {"much": "1" * 50_000}})
    assert set(ledger.unpacked(snapshots)) == {snapshots[0].path, snapshots[2].path}
    (sizes,) = learned(ledger, snapshots)
    assert sizes[snapshots[1].path] > 50_000


def test_where_the_length_may_have_gone_round_nothing_is_known(world: World, ledger: VerificationLog) -> None:
    long = b"\x1f\x8b\x08\0" + os.urandom(5 << 20) + (1 << 20).to_bytes(4, "little")
    world.add(3, "hello", long)
    snapshots = listed(world)
    assert len(learned(ledger, snapshots)[0]) == 3
    assert snapshots[-1].path not in ledger.unpacked(snapshots)
    assert learned(ledger, snapshots) == []


def test_sizes_walked_to_the_end_are_certain(world: World) -> None:
    """Incompressible first, so that the archive is long; then what unpacks to more than it takes."""
    world.add(3, "hello", {"x1": {"noise": os.urandom(5 << 20), "zeros": bytes(1 << 20)}})
    ledger = VerificationLog(world.engine.journal.folder)
    world.do(Check(3))
    assert ledger.unpacked(listed(world)) == {}
    world.do(Check(3, structure=True, users=("alice",)))
    (path, size) = ledger.unpacked(listed(world)).popitem()
    assert path.endswith("/3_hello_1.0_x1.zip")
    assert 6 << 20 < size < 7 << 20
    world.do(Check(1, structure=True, users=("bob",)))
    assert len(ledger.unpacked(listed(world))) == 2, "of set 1 one archive was not walked"


def test_unreadable_snapshots_are_passed_over(world: World, ledger: VerificationLog) -> None:
    (world.snapshots / "4_odd_1.0_x1.zip").write_bytes(b"none")
    snapshots = listed(world)
    os.unlink(snapshots[0].path)
    (world.snapshots / "2_hello_1.0_x1.zip").write_bytes(b"none")
    (sizes,) = learned(ledger, snapshots)
    assert list(sizes) == [snapshots[1].path]


def test_learning_can_be_stopped_and_goes_on_where_it_was(world: World, ledger: VerificationLog) -> None:
    progress = Progress()
    snapshots = listed(world)
    learning = ledger.learn_unpacked(snapshots, progress, 1)
    first = next(learning)
    progress.stop()
    with pytest.raises(Cancelled):
        next(learning)
    assert ledger.unpacked(snapshots) == first
    assert len(learned(ledger, snapshots, 1)) == 2


@pytest.mark.parametrize("content", [None, b"", b"not a database" * 100])
def test_without_a_usable_state_folder_sizes_are_known_for_the_session(
    world: World, tmp_path: Path, content: bytes | None
) -> None:
    state_dir = tmp_path / "other"
    if content is not None:
        state_dir.mkdir()
        (state_dir / "sizes.sqlite").write_bytes(content)
    ledger = VerificationLog(str(state_dir))
    (sizes,) = learned(ledger, listed(world))
    assert ledger.unpacked(listed(world)) == sizes
    assert learned(ledger, listed(world)) == []
    assert state_dir.exists() == (content is not None)


def test_where_the_state_folder_cannot_be_written_nothing_is(tmp_path: Path) -> None:
    code = """
import os, sys
from backend.progress import Progress
from backend.store.verifications import VerificationLog
from backend.archive.reader import read_snapshot
own, path = sys.argv[1:]
log = VerificationLog(own)
snapshots = [read_snapshot(path)]
print([len(found) for found in log.learn_unpacked(snapshots, Progress())], len(log.unpacked(snapshots)))
print(os.listdir(own))
"""
    with open_folder() as folder:
        entries = {ARCHIVE: tgz({"x1": {"f": "1"}})}
        path = write_snapshot(folder / "1_hello_1.0_x1.zip", snapshot_of(1, "hello", entries), entries)
        path.chmod(0o644)
        state_dir = folder / "own"
        state_dir.mkdir(mode=0o555)
        assert as_anybody(code, str(state_dir), str(path)) == ["[1] 1", "[]"]


def test_verdicts_say_nothing_of_a_file_put_in_place_meanwhile(
    ledger: VerificationLog, snapshot: Snapshot
) -> None:
    with open(snapshot.path, "rb") as file:
        opened = {snapshot.path: identity_of(file.fileno())}
        Path(f"{snapshot.path}~").write_bytes(b"zip")
        os.rename(f"{snapshot.path}~", snapshot.path)
        ledger.record([snapshot], verdicts(snapshot), CheckLevel.HASH, opened)
    assert state(ledger, snapshot) is CheckState.NEVER


def test_a_check_in_a_far_future_is_not_a_fresh_one(ledger: VerificationLog, snapshot: Snapshot) -> None:
    ledger.record([snapshot], verdicts(snapshot), CheckLevel.HASH)
    assert state(ledger, snapshot, time.time() - 3600) is CheckState.OK
    assert state(ledger, snapshot, time.time() - 400 * 24 * 3600) is CheckState.OLD


@pytest.mark.parametrize("column", ["at", "fault", "level", "hash", "entry", "identity", "file"])
@pytest.mark.parametrize("value", [b"\xff", None, "text", 1e300, float("inf"), -5])
def test_rows_that_make_no_sense_are_no_check_and_no_error(
    ledger: VerificationLog, snapshot: Snapshot, tmp_path: Path, column: str, value: object
) -> None:
    ledger.record([snapshot], verdicts(snapshot), CheckLevel.HASH)
    with closing(sqlite3.connect(str(tmp_path / "own/ledger.sqlite"))) as database, database:
        database.execute(f"UPDATE verdicts SET {column} = ? WHERE entry = ?", (value, ARCHIVE))
    for known in (*ledger.statuses([snapshot]).values(), *ledger.statuses_of_parts(snapshot).values()):
        assert isinstance(known.at, float)
        assert isinstance(known.fault, str)


@pytest.mark.parametrize("size", [b"\xff", "text", 1e300, -1])
def test_sizes_that_make_no_sense_are_not_known(
    ledger: VerificationLog, snapshot: Snapshot, tmp_path: Path, size: object
) -> None:
    walked = [verdict._replace(unpacked=5) for verdict in verdicts(snapshot)]
    ledger.record([snapshot], walked, CheckLevel.STRUCTURE)
    with closing(sqlite3.connect(str(tmp_path / "own/sizes.sqlite"))) as database, database:
        database.execute("UPDATE sizes SET bytes = ?", (size,))
    assert VerificationLog(str(tmp_path / "own")).unpacked([snapshot]) == {}


@pytest.mark.parametrize("at", [0, 4096])
def test_a_damaged_ledger_gives_way_to_a_new_one(
    ledger: VerificationLog, snapshot: Snapshot, tmp_path: Path, at: int
) -> None:
    ledger.record([snapshot], verdicts(snapshot), CheckLevel.HASH)
    path = tmp_path / "own/ledger.sqlite"
    raw = bytearray(path.read_bytes())
    raw[at : at + 2000] = b"\xff" * len(raw[at : at + 2000])
    path.write_bytes(raw)
    assert state(ledger, snapshot) is CheckState.NEVER
    for _ in range(2):  # the first write may be what finds the damage
        ledger.record([snapshot], verdicts(snapshot), CheckLevel.HASH)
    assert state(ledger, snapshot) is CheckState.OK
    assert Path(f"{path}.damaged").read_bytes() == raw
