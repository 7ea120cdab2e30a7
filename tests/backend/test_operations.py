"""An operation is a value: the line for a shell, the JSON of a job and what is carried out are the same."""

import json
import shlex
from dataclasses import FrozenInstanceError, fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.commands import command_line
from backend.errors import InvalidInputError
from backend.model import CheckResult
from backend.operations import (
    DAY,
    Check,
    Export,
    Extract,
    Forget,
    Import,
    Operation,
    Prune,
    PruneCopies,
    Restore,
    Save,
    Undo,
    operation_from_json,
    to_json,
)
from backend.results import Result

WORDS = st.text(st.characters(codec="utf-8"), max_size=8)
NAMES = st.lists(WORDS, max_size=3).map(tuple)
IDS = st.integers(1, 2**63)
OPERATIONS: st.SearchStrategy[Operation] = st.one_of(
    st.builds(Save, NAMES, NAMES, NAMES, st.booleans(), st.booleans(), st.booleans()),
    st.builds(Check, st.integers(0, 99), NAMES, NAMES, st.booleans()),
    st.builds(Restore, IDS, NAMES, NAMES, st.booleans(), st.integers(0, 10**6)),
    st.builds(Undo, st.integers(0, 99)),
    st.builds(Forget, IDS, NAMES, st.booleans(), st.integers(0, 10**6), st.booleans()),
    st.builds(
        Prune,
        NAMES,
        keep_last=st.integers(0, 9),
        keep_within=st.integers(0, 10**6),
        free=st.integers(0, 10**12),
    ),
    st.builds(Export, IDS, WORDS, st.booleans()),
    st.builds(Import, WORDS, st.booleans()),
)


@given(OPERATIONS)
def test_through_json_and_back(operation: Operation) -> None:
    assert operation_from_json(json.loads(json.dumps(to_json(operation)))) == operation


@given(OPERATIONS)
def test_the_line_for_a_shell_is_one_command(operation: Operation) -> None:
    arguments = shlex.split(command_line(operation, ("--root", "/mnt/a b")))
    assert arguments[:4] == ["snapstow", "--root", "/mnt/a b", operation.verb]


@pytest.mark.parametrize(
    ("operation", "line"),
    [
        (Save(), "snapstow save"),
        (
            Save(("a", "b"), ("alice",), ("$SNAP_DATA/x",), fast=True),
            "snapstow save a b --users=alice '--exclude=$SNAP_DATA/x' --fast",
        ),
        (Save(accept_changed=True, ignore_space=True), "snapstow save --accept-changed --ignore-space"),
        (Save(include_mounts=True), "snapstow save --include-mounts"),
        (Save(("a",), stop_services=True), "snapstow save a --stop-services"),
        (Restore(3, stop_services=True), "snapstow restore 3 --stop-services"),
        (Check(), "snapstow check-snapshot --all"),
        (Check(3, ("a",), structure=True), "snapstow check-snapshot 3 a --structure"),
        (Restore(86, ("nextcloud",), ("alice", "bob")), "snapstow restore 86 nextcloud --users=alice,bob"),
        (Restore(1, undo_window=0), "snapstow restore 1 --no-undo"),
        (Restore(1, undo_window=60, devices=True), "snapstow restore 1 --devices --undo-window=60s"),
        (Undo(), "snapstow undo"),
        (Undo(7), "snapstow undo 7"),
        (Forget(2, ("a",)), "snapstow forget 2 a"),
        (Forget(2, pinned=True, undo_window=0), "snapstow forget 2 --pinned --now"),
        (Forget(2, undo_window=60), "snapstow forget 2 --undo-window=60s"),
        (Prune(("a",), keep_last=3, keep_daily=7), "snapstow prune a --keep-last=3 --keep-daily=7"),
        (Prune(keep_within=3600, undo_window=0), "snapstow prune --now --keep-within=3600s"),
        (PruneCopies(free=10, repository="r", confirmed=("1",)), "snapstow prune --repo=r --free=10"),
        (Export(2, "/a b"), "snapstow export-snapshot 2 '/a b'"),
        (Export(2, "/e", skip_broken=True), "snapstow export-snapshot 2 /e --skip-broken"),
        (Import("/e", accept_hash=True), "snapstow import-snapshot /e --accept-hash"),
    ],
)
def test_lines(operation: Operation, line: str) -> None:
    assert command_line(operation) == line


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"verb": "explode"},
        {"verb": None},
        {"verb": "restore"},
        {"verb": "undo", "force": True},
        {"verb": ["save"]},
    ],
)
def test_other_json_than_an_operation_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError):
        operation_from_json(document)


def test_a_journal_and_a_command_call_the_directory_to() -> None:
    for operation in (Restore(1, target_dir="/out"), Extract(1, ("a:b",), target_dir="/out")):
        document = to_json(operation)
        assert (document["to"], "target_dir" in document) == ("/out", False)
        assert operation_from_json(json.loads(json.dumps(document))) == operation
        assert "--to=/out" in command_line(operation)


def test_operations_are_frozen_and_small() -> None:
    operation = Restore(1)
    with pytest.raises(FrozenInstanceError):
        operation.set_id = 2  # type: ignore[misc] # what is tested: it is frozen
    assert operation.undo_window == DAY
    assert {field.name for field in fields(Undo)} == {"job", "wait"}


def verdict(fault: str) -> CheckResult:
    return CheckResult(1, "hello", "archive.tgz", 5, fault)


@pytest.mark.parametrize(
    ("result", "code"),
    [
        (Result(), 0),
        (Result(1, ("a",), duplicate=True), 0),
        (Result(left_out=("alice was skipped",)), 3),
        (Result(verdicts=(verdict(""),)), 0),
        (Result(verdicts=(verdict(""), verdict("bad"))), 4),
        (Result(left_out=("x",), verdicts=(verdict("bad"),)), 4),
    ],
)
def test_exit_codes(result: Result, code: int) -> None:
    assert result.exit_code == code


def test_a_result_as_json_is_without_what_is_empty() -> None:
    assert Result().to_json() == {}
    document = Result(3, ("hello",), verdicts=(verdict("bad"),), undo_job=4, undo_until=5.5).to_json()
    assert json.loads(json.dumps(document)) == {
        "set_id": 3,
        "snaps": ["hello"],
        "verdicts": [
            {"set_id": 1, "snap": "hello", "entry": "archive.tgz", "size": 5, "fault": "bad", "path": ""}
        ],
        "undo_job": 4,
        "undo_until": 5.5,
    }
