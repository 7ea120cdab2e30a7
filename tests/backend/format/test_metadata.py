"""The metadata of a snapshot: written as snapd writes it, read from whatever there is."""

import json
import os
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import IntegrityError
from backend.format.gojson import loads
from backend.format.metadata import (
    metadata_json,
    parse_metadata,
    parse_revision,
    snapshot_json,
)
from backend.format.timestamps import ZERO_TIME
from backend.model import Epoch, Json, Number, Revision, Snapshot
from tests.support.metadata import SUM, snapshots

GOOD = {"time": "2026-11-22T09:09:36Z", "snap": "hello", "revision": "x1", "sha3-384": {"archive.tgz": SUM}}
STORED = (
    '{"set":2,"time":"2026-11-22T09:09:36.185921212Z","snap":"hello","revision":"x1",'
    '"epoch":{"read":[0],"write":[0]},"summary":"","version":"1.0","conf":{"f":1.5,'
    '"html":"\\u003ca\\u0026b\\u003e\\u2028é","n":12345678901234567000,"nested":{"a":[1,2,null,true],"z":1},'
    '"some-setting":false},"sha3-384":{"archive.tgz":"'
    + SUM
    + '","user/alice.tgz":"'
    + SUM
    + '"},"size":369,'
    '"options":{"exclude":["$SNAP_DATA/data.txt","$SNAP_USER_COMMON/*.txt"]}}\n'
).encode()


def read(fields: object, set_id: int = 3) -> Snapshot:
    return parse_metadata(json.dumps(fields).encode(), set_id)


WRONG: dict[str, tuple[Any, ...]] = {
    "set": (-1, 2**64, 1.5, "1", [], True),
    "time": (1, "yesterday", "", {}),
    "snap": (1, [], {}, True),
    "revision": (None, "", "0", "-1", "x0", "X1", 1.0, [], {}, True, 2**63),
    "epoch": (1, [1], True, "01", {"read": []}),
    "conf": (1, [], "x", False),
    "sha3-384": (1, [], "x", {"a": 1}, {"a": [SUM]}),
    "size": ("1", 1.5, 2**63, [], 1e3),
    "options": (1, [], "x", {"exclude": 1}, {"exclude": [1]}, {"exclude": {}}),
    "auto": (1, "true", [], {}),
    **dict.fromkeys(("snap-id", "summary", "version", "broken"), (1,)),
}


CONF: dict[str, Json] = {"b": 1, "a": Number("1E2")}


class TestParseMetadata:
    def test_reads_what_snapd_stores(self) -> None:
        assert parse_metadata(STORED, 5) == Snapshot(
            set_id=5,
            time="2026-11-22T09:09:36.185921212Z",
            snap="hello",
            revision=Revision(-1),
            version="1.0",
            conf={
                "f": Number("1.5"),
                "html": "<a&b>\u2028é",
                "n": Number("12345678901234567000"),
                "nested": {"a": [Number("1"), Number("2"), None, True], "z": Number("1")},
                "some-setting": False,
            },
            sums={"archive.tgz": SUM, "user/alice.tgz": SUM},
            size=369,
            exclude=("$SNAP_DATA/data.txt", "$SNAP_USER_COMMON/*.txt"),
        )

    def test_every_field_may_be_missing_or_null_but_not_valid_then(self) -> None:
        zero = Snapshot(1, ZERO_TIME, "", Revision(), broken="invalid snapshot")
        nulls = dict.fromkeys(
            ["set", "time", "snap", "snap-id", "epoch", "summary", "version", "conf", "size"]
        )
        assert read({}, 1) == read(None, 1) == zero
        assert read({**nulls, "sha3-384": None, "options": None, "broken": None, "auto": None}, 1) == zero

    def test_keys_match_in_any_case_and_unknown_ones_are_ignored(self) -> None:
        upper = {key.upper(): value for key, value in GOOD.items()}
        assert read({**upper, "x": [{}], "SHA3": 1}) == read(GOOD)
        assert read(GOOD).broken == ""

    def test_of_duplicate_keys_in_any_case_the_last_wins(self) -> None:
        raw = b'{"snap":"one","Snap":"two","snap":"three","SNAP":null}'
        assert parse_metadata(raw, 1).snap == "three"

    def test_old_fields_are_honoured(self) -> None:
        snapshot = read({**GOOD, "auto": True, "broken": "it fell", "summary": "s", "snap-id": "i"})
        assert (snapshot.auto, snapshot.broken, snapshot.summary, snapshot.snap_id) == (
            True,
            "it fell",
            "s",
            "i",
        )

    @pytest.mark.parametrize(
        ("options", "exclude"),
        [({}, ()), ({"exclude": None}, ()), ({"Exclude": ["a"], "x": 1}, ("a",)), (None, None)],
    )
    def test_options(self, options: object, exclude: object) -> None:
        assert read({**GOOD, "options": options}).exclude == exclude

    @pytest.mark.parametrize(
        ("key", "value"),
        [(key, value) for key, values in WRONG.items() for value in values],
    )
    def test_wrong_types_are_refused(self, key: str, value: object) -> None:
        with pytest.raises(IntegrityError):
            read({**GOOD, key: value})

    @pytest.mark.parametrize(
        "raw", [b"", b"[]", b"1", b'"x"', b"true", b"{}{}", b"{", STORED[:-3], STORED * 2]
    )
    def test_other_json_than_an_object_is_refused(self, raw: bytes) -> None:
        with pytest.raises(IntegrityError):
            parse_metadata(raw, 1)

    @pytest.mark.parametrize(
        ("change", "set_id", "reason"),
        [
            ({}, 0, "invalid snapshot"),
            ({}, 2**63, "invalid snapshot"),
            ({}, 2**64 - 1, "invalid snapshot"),
            ({"snap": ""}, 1, "invalid snapshot"),
            ({"revision": "unset"}, 1, "invalid snapshot"),
            ({"sha3-384": {}}, 1, "invalid snapshot"),
            ({"sha3-384": None}, 1, "invalid snapshot"),
            ({"time": "0001-01-01T01:00:00+01:00"}, 1, "invalid snapshot"),
            ({"snap": "../../../tmp/evilsnap"}, 1, 'invalid snap name: "../../../tmp/evilsnap"'),
            ({"snap": "a\x1b[2J"}, 1, r'invalid snap name: "a\x1b[2J"'),
            ({"version": "../x"}, 1, 'invalid snap version: "../x"'),
            ({"size": -1}, 1, "invalid snapshot size: -1"),
            ({"sha3-384": {"archive.tgz": SUM.upper()}}, 1, 'invalid hash of snapshot entry "archive.tgz"'),
            ({"sha3-384": {"archive.tgz": SUM[1:]}}, 1, 'invalid hash of snapshot entry "archive.tgz"'),
            ({"sha3-384": {"other": SUM + "\n"}}, 1, 'invalid hash of snapshot entry "other"'),
            ({"sha3-384": {"other": None}}, 1, 'invalid hash of snapshot entry "other"'),
            *(
                ({"sha3-384": {entry: SUM}}, 1, f'invalid user name in snapshot entry "{entry}"')
                for entry in (
                    "user/.tgz",
                    "user/..tgz.tgz/..tgz",
                    "user/../x.tgz",
                    "user/-a.tgz",
                    "user/a/b.tgz",
                )
            ),
        ],
    )
    def test_invalid_values_make_a_snapshot_broken_and_say_why(
        self, change: dict[str, object], set_id: int, reason: str
    ) -> None:
        assert read({**GOOD, **change}, set_id).broken == reason

    @pytest.mark.parametrize(
        "entry", ["archive.tgz", "user/a@b.tgz", "user/a", "other", "", "../x", "user/.a.tgz"]
    )
    def test_other_entries_stay(self, entry: str) -> None:
        snapshot = read({**GOOD, "sha3-384": {entry: SUM}})
        assert (snapshot.broken, snapshot.sums) == ("", {entry: SUM})

    def test_the_largest_id_is_valid(self) -> None:
        assert read(GOOD, 2**63 - 1).broken == ""

    @given(st.binary())
    def test_arbitrary_bytes_give_a_snapshot_or_our_error(self, raw: bytes) -> None:
        for damaged in (raw, STORED[: len(raw)] + raw + STORED[2 * len(raw) :]):
            try:
                metadata_json(parse_metadata(damaged, 1))
            except IntegrityError:
                pass

    @given(
        st.dictionaries(
            st.sampled_from(
                ["set", "time", "snap", "revision", "epoch", "conf", "sha3-384", "size", "options", "auto"]
            ),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(SUM),
                lambda inner: (
                    st.lists(inner) | st.dictionaries(st.sampled_from(["read", "exclude", "a"]), inner)
                ),
            ),
        )
    )
    def test_arbitrary_fields_give_a_snapshot_or_our_error(self, fields: dict[str, object]) -> None:
        try:
            snapshot = read({**GOOD, **fields})
        except IntegrityError:
            return
        written = snapshot._replace(conf=snapshot.conf or None)
        assert parse_metadata(metadata_json(snapshot), 3) == written


class TestRevision:
    @pytest.mark.parametrize(
        ("raw", "number"),
        [
            *(('"x1"', -1), ('"42"', 42), ('"unset"', 0), ('"007"', 7), ('"+7"', 7), ('"x+1"', -1)),
            *(("42", 42), ("-1", -1), ("0", 0)),
        ],
    )
    def test_forms(self, raw: str, number: int) -> None:
        assert parse_revision(loads(raw.encode())) == Revision(number)

    @pytest.mark.parametrize(
        ("value", "shown"),
        [("y1", r'"\"y1\""'), (None, '"null"'), ("", r'"\"\""'), (Number("1.0"), '"1.0"'), (True, '"true"')],
    )
    def test_errors_quote_the_token(self, value: Json, shown: str) -> None:
        with pytest.raises(IntegrityError) as raised:
            parse_revision(value)
        assert str(raised.value) == f"invalid snap revision: {shown}"

    @pytest.mark.parametrize("literal", ["1e1", "9" * 5000, str(2**63), str(-(2**63))])
    def test_numbers_out_of_range(self, literal: str) -> None:
        with pytest.raises(IntegrityError):
            parse_revision(Number(literal))


class TestMetadataJson:
    def test_writes_what_snapd_stores(self) -> None:
        assert metadata_json(parse_metadata(STORED, 2)) == STORED

    def test_optional_fields_are_left_out(self) -> None:
        snapshot = Snapshot(1, ZERO_TIME, "ab", Revision(), epoch=Epoch((), ()), conf={})
        assert snapshot_json(snapshot) == (
            '{"set":1,"time":"0001-01-01T00:00:00Z","snap":"ab","revision":"unset",'
            '"epoch":{"read":[0],"write":[0]},"summary":"","version":"","sha3-384":null}'
        )

    def test_every_field_in_order(self) -> None:
        snapshot = Snapshot(
            *(
                1,
                ZERO_TIME,
                "ab",
                Revision(7),
                "id",
                Epoch((1, 2), (2,)),
                "sum",
                "1",
                CONF,
            ),
            *({"user/b.tgz": "x", "archive.tgz": "y"}, 5, (), "bad", True, "/path", True, "odd"),
        )
        assert snapshot_json(snapshot) == (
            '{"set":1,"time":"0001-01-01T00:00:00Z","snap":"ab","revision":"7","snap-id":"id",'
            '"epoch":{"read":[1,2],"write":[2]},"summary":"sum","version":"1","conf":{"a":1E2,"b":1},'
            '"sha3-384":{"archive.tgz":"y","user/b.tgz":"x"},"size":5,"options":{},"broken":"bad","auto":true}'
        )

    def test_names_that_are_not_utf8_can_be_written(self) -> None:
        snapshot = Snapshot(1, ZERO_TIME, "ab", Revision(1), sums={os.fsdecode(b"user/\xff.tgz"): SUM})
        assert b'"user/\\ufffd.tgz"' in metadata_json(snapshot)

    @given(snapshots)
    def test_round_trip(self, snapshot: Snapshot) -> None:
        raw = metadata_json(snapshot)
        assert parse_metadata(raw, snapshot.set_id) == snapshot
        assert raw.endswith(b"}\n")
        assert raw.count(b"\n") == 1
        assert snapshot_json(snapshot).encode() == raw[:-1]
