"""Failures: their exit codes, and the sentences they are made of."""

import errno

import pytest

from backend import errors
from backend.errors import (
    Cancelled,
    MultiError,
    NoSpaceError,
    SnapshotError,
    UnknownUserError,
    shortage,
)

CODES = {
    "SnapshotError": 1,
    "IntegrityError": 4,
    "InvalidInputError": 5,
    "BlockedError": 5,
    "NoSpaceError": 5,
    "ConflictError": 11,
    "DuplicateSetError": 0,
    "NotAllowedError": 77,
    "Cancelled": 130,
}


@pytest.mark.parametrize("name", CODES)
def test_each_kind_has_its_exit_code(name: str) -> None:
    assert getattr(errors, name).exit_code == CODES[name]


def test_a_stop_is_no_failure() -> None:
    assert not issubclass(Cancelled, SnapshotError)


def test_an_unknown_user_is_told_whom_was_meant() -> None:
    assert str(UnknownUserError("alcie", ["alice", "bob"])) == 'unknown user "alcie": did you mean alice?'
    assert str(UnknownUserError("zed", ["alice"])) == 'unknown user "zed"; known are alice'
    assert str(UnknownUserError("zed", [])) == 'unknown user "zed"'


def test_missing_room_is_told_in_bytes_where_it_is_known() -> None:
    assert str(NoSpaceError("cannot save", "/x", 10, 4)).endswith('in "/x", at least 6 B more is required')
    assert str(NoSpaceError("cannot save", "/x")) == 'cannot save: insufficient space in "/x"'


def test_several_failures_are_an_indented_list() -> None:
    inner = MultiError("two", [SnapshotError("b"), SnapshotError("c")])
    assert str(MultiError("one", [SnapshotError("a"), inner])) == "one:\n- a\n- two:\n - b\n - c"


def test_failures_that_hold_themselves_come_to_an_end() -> None:
    held: list[Exception] = []
    loop = MultiError("loop", held)
    loop.errors = (loop,)
    assert "too deep" in str(loop)


@pytest.mark.parametrize(
    ("failure", "text"),
    [
        (MemoryError(), "not enough memory"),
        (OSError(errno.EMFILE, "x"), "too many open files (see ulimit -n)"),
        (RuntimeError("can't start new thread"), "not enough memory, or too many threads"),
        (ImportError("failed to map segment from shared object"), "not enough memory"),
        (OSError(errno.ENOENT, "x"), ""),
        (ValueError(), ""),
    ],
)
def test_a_shortage_of_the_machine_is_a_clause(failure: BaseException, text: str) -> None:
    assert shortage(failure) == text
