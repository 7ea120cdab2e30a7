"""How a machine is at a glance: what is counted, and that nothing of another machine is trusted."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.engine.status import MachineStatus, parse_status, status_of
from backend.errors import IntegrityError
from backend.operations import Check, CheckCopies, Push
from tests.support.builders import World
from tests.support.offsite import REPO, configure

SEEN = MachineStatus("0.1", "files", 2, 300, 10**9, {"hello": 1.5, "other": 0.0}, 1, 0, 1, None)
DOCUMENT = SEEN.to_json()


def test_snaps_are_told_with_their_newest_verified_snapshot(tmp_path: Path) -> None:
    world = World(tmp_path / "root")
    for number in (1, 2):
        world.add(number, "hello", {"x1": {"f": str(number)}}, time=f"2026-11-2{number}T00:00:00Z")
    world.add(2, "other", time="2026-11-22T00:00:00Z")
    world.write_state()
    world.do(Check(1))
    (world.snapshots / "3_bad_1.0_x1.zip").write_bytes(b"no zip")
    status = status_of(world.engine)
    assert (status.sets, status.bad, status.unverified, status.copied) == (3, 1, ("bad", "other"), None)
    assert status.newest["hello"] == 1_795_219_200.0
    assert status.free > 0
    assert parse_status(status.to_json()) == status


def test_newest_verified_copy_elsewhere_is_told(tmp_path: Path) -> None:
    world = World(tmp_path / "root")
    world.add(1, "hello", time="2026-11-21T00:00:00Z")
    world.write_state()
    configure(world)
    assert status_of(world.engine).copied == 0.0
    world.do(Push(REPO))
    assert status_of(world.engine).copied == 0.0
    world.do(CheckCopies(REPO))
    assert status_of(world.engine).copied == 1_795_219_200.0


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(sorted(DOCUMENT)), VALUES)
def test_values_of_any_kind_are_read_or_refused(key: str, value: object) -> None:
    try:
        parse_status({**DOCUMENT, key: value})
    except IntegrityError:
        pass


@given(VALUES)
def test_documents_of_any_kind_are_refused(document: object) -> None:
    with pytest.raises(IntegrityError):
        parse_status(document)


def test_missing_key_is_refused() -> None:
    for key in DOCUMENT:
        with pytest.raises(IntegrityError):
            parse_status({name: value for name, value in DOCUMENT.items() if name != key})
