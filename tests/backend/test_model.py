"""What snapshots and their parts are called, and what is chosen of them."""

import pytest

from backend.errors import NotFoundError
from backend.model import (
    CheckCount,
    CheckResult,
    Epoch,
    Revision,
    Snapshot,
    SnapshotSet,
    saved_users,
    selected_snapshots,
    user_entry,
    user_of,
)

SUMS = {"user/bob.tgz": "2", "archive.tgz": "1", "user/alice.tgz": "3"}
HELLO = Snapshot(7, "2026-01-01T00:00:00Z", "hello", Revision(3), sums=SUMS, size=10)
OTHER = Snapshot(7, "2026-01-01T00:00:00Z", "other", Revision(-1), sums={"user/bob.tgz": "2"}, size=5)
SET = SnapshotSet(7, (HELLO, OTHER))


@pytest.mark.parametrize(("number", "text"), [(0, "unset"), (12, "12"), (-3, "x3")])
def test_a_revision_is_spelled_as_snapd_does(number: int, text: str) -> None:
    assert str(Revision(number)) == text


@pytest.mark.parametrize(
    ("epoch", "text"),
    [
        (Epoch(), "0"),
        (Epoch((), ()), "0"),
        (Epoch((0, 1), (1,)), "1*"),
        (Epoch((0, 2), (2,)), '{"read":[0,2],"write":[2]}'),
    ],
)
def test_an_epoch_is_spelled_as_snapd_does(epoch: Epoch, text: str) -> None:
    assert str(epoch) == text


def test_an_epoch_reads_another_where_they_have_a_format_in_common() -> None:
    assert Epoch((0, 1), (1,)).can_read(Epoch((0,), (0,)))
    assert not Epoch((1,), (1,)).can_read(Epoch((), ()))


def test_entries_begin_with_the_system_and_go_on_by_user() -> None:
    assert HELLO.entries == ["archive.tgz", "user/alice.tgz", "user/bob.tgz"]
    assert HELLO.users == ["alice", "bob"]
    assert saved_users(SET.snapshots) == ["alice", "bob"]
    assert SET.size == 15


@pytest.mark.parametrize("entry", ["archive.tgz", "user/.tgz", "user/alice", "users/alice.tgz", ""])
def test_an_entry_of_no_user_has_none(entry: str) -> None:
    assert user_of(entry) is None


def test_a_users_entry_tells_its_user() -> None:
    assert user_of(user_entry("alice")) == "alice"


def test_snapshots_are_chosen_by_snap() -> None:
    assert selected_snapshots([SET], ()) == [HELLO, OTHER]
    assert selected_snapshots([SET], ("other",)) == [OTHER]
    with pytest.raises(NotFoundError, match="for the requested snaps"):
        selected_snapshots([SET], ("ghost",))
    with pytest.raises(NotFoundError, match="no snapshot set"):
        selected_snapshots([], ())


def test_a_check_counts_snapshots_not_archives() -> None:
    verdicts = [
        CheckResult(1, "a", "archive.tgz", 1, ""),
        CheckResult(1, "a", "user/bob.tgz", 1, "differs"),
        CheckResult(1, "b", "archive.tgz", 1, ""),
    ]
    assert CheckCount.of(verdicts) == CheckCount(snapshots=2, bad=1)
    assert CheckCount.of(verdicts).sound == 1
