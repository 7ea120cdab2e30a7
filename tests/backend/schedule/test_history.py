"""The record of the last run: kept whole, and nothing where it is damaged."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.schedule.history import History, RunRecord, StepRecord

RECORD = RunRecord(
    "nightly", 10.5, 20.5, 3, 5.0, (StepRecord("save", "done", "set #1 of a", 7, 1.25),), ("no notice",)
)


def kept(folder: Path, raw: bytes) -> RunRecord | None:
    (folder / "schedules").mkdir(exist_ok=True)
    (folder / "schedules/nightly.json").write_bytes(raw)
    return History(str(folder)).last("nightly")


def written(folder: Path) -> bytes:
    history = History(str(folder))
    with history.running("nightly"):
        history.keep(RECORD)
    return (folder / "schedules/nightly.json").read_bytes()


def test_a_record_is_read_as_it_was_kept(tmp_path: Path) -> None:
    assert kept(tmp_path, written(tmp_path)) == RECORD
    assert RECORD.seconds == 10.0
    assert (tmp_path / "schedules").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "schedules/nightly.json").stat().st_mode & 0o777 == 0o600


def test_every_damaged_byte_leaves_a_record_or_none(tmp_path: Path) -> None:
    raw = written(tmp_path)
    for at in range(len(raw)):
        for changed in (raw[at] ^ 1, raw[at] ^ 0x80):
            kept(tmp_path, raw[:at] + bytes([changed]) + raw[at + 1 :])
        assert kept(tmp_path, raw[:at]) is None or at >= len(raw) - 1


json_value = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(sorted(RECORD.to_json())), json_value)
def test_fields_of_any_kind_make_a_record_or_none(
    tmp_path_factory: pytest.TempPathFactory, key: str, value: object
) -> None:
    document = {"format": 1, **RECORD.to_json(), key: value}
    record = kept(tmp_path_factory.mktemp("state"), json.dumps(document).encode())
    assert record is None or isinstance(record, RunRecord)


@pytest.mark.parametrize("change", [{"format": 2}, {"name": "other"}, {"ended": -1}, {"started": 1e300}])
def test_a_record_of_another_kind_is_none(tmp_path: Path, change: dict[str, object]) -> None:
    assert kept(tmp_path, json.dumps({"format": 1, **RECORD.to_json(), **change}).encode()) is None
