import json
import os
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import IntegrityError, InvalidInputError
from backend.format.export_manifest import (
    ExportManifest,
    content_json,
    export_json,
    parse_content_json,
    parse_export_json,
)
from backend.format.gojson import loads
from backend.format.metadata import (
    content_hash,
    metadata_json,
    parse_metadata,
    parse_revision,
    set_content_hash,
    set_content_hashes,
    set_time,
    snapshot_json,
)
from backend.format.timestamps import ZERO_TIME
from backend.model import Epoch, Json, Number, Revision, Snapshot

SUM = "e21035a6" * 12
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

BARE = '{"set":0,"time":"0001-01-01T00:00:00Z","snap":"%s","revision":"%s",%s}'
HELLO = BARE % (
    "hello",
    "x1",
    '"epoch":{"read":[0],"write":[0]},"summary":"","version":"","sha3-384":{"archive.tgz":"4d7c3090c4b1c2ac70293d37'
    '6756cc7c44adbd3483ffc0931b1826552d654e37b3d557be313777ed9becf26dd1e0a155"},"size":357',
)
POSTIE = BARE % (
    "postie",
    "x1",
    '"epoch":{"read":[0],"write":[0]},"summary":"","version":"","sha3-384":{"archive.tgz":"1d93f4f1214ddd509d46cb31'
    'be3340c87d5366574d0431b33a88ce6dcf0fc634e3df6b47209656dfb6d959985d8fb8c4"},"size":360',
)
CONFIGURED = BARE % (
    "hello",
    "x1",
    '"epoch":{"read":[0],"write":[0]},"summary":"","version":"1.0","conf":{"f":1.5,"html":"\\u003ca\\u0026b\\u003e'
    '\\u2028é","n":12345678901234567000,"nested":{"a":[1,2,null,true],"z":1},"some-setting":false},"sha3-384":'
    '{"archive.tgz":"d803285ab83a477a0a483832ee5583a4f86bc5d8d79a2524318b1844107b7f994421c00eb1bb9a14883c66b2cb1bbc78"'
    ',"user/alice.tgz":"acc2d12700ab33ace1c53c20f665ce222fdb1f1439bd01d4886849cb57fb59d64bda9f0a1a67308c9271b2f65aa23'
    '74e"},"size":419',
)
KEYED = BARE % (
    "inst_key",
    "7",
    '"snap-id":"abcdefghijklmnopqrstuvwxyz012345","epoch":{"read":[1,3],"write":[3]},"summary":"","version":"2",'
    '"sha3-384":{"archive.tgz":"16b179f743921c20d8ca3bc1ec8273b81a304a03ff667aa0132ec6fe82316dcbc98e341a6c3d08ebf1a8'
    'ee11ee5316ab","user/alice.tgz":"801817af3a70fbb466cef367ebdc86128759a3cf7717d81f6610fd7e7cd034f745d43b2acf722be'
    'b970ee32f18b65e8f"},"size":359',
)
EMPTY = BARE % ("foo", "x1", '"epoch":{"read":[0],"write":[0]},"summary":"","version":"","sha3-384":{}')


def read(fields: object, set_id: int = 3) -> Snapshot:
    return parse_metadata(json.dumps(fields).encode(), set_id)


def saved(text: str) -> Snapshot:
    """A snapshot with the content of `text`, as a real set holds it: with an id, a time and options."""
    raw = text.replace(ZERO_TIME, "2026-11-22T09:09:36Z").encode()
    return parse_metadata(raw, 7)._replace(exclude=("$SNAP_DATA/x",), auto=True)


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


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers().map(lambda n: Number(str(n)))
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=6,
)
snapshots = st.builds(
    Snapshot,
    set_id=st.integers(1, 2**63 - 1),
    time=st.sampled_from(["2026-11-22T09:09:36Z", "2026-11-22T09:09:36.185921212+01:00"]),
    snap=st.sampled_from(["hello", "inst_key"]),
    revision=st.integers(-(2**63) + 1, 2**63 - 1).filter(bool).map(Revision),
    snap_id=st.sampled_from(["", "abc"]),
    epoch=st.sampled_from([Epoch(), Epoch((1, 3), (3,))]),
    summary=st.text(st.characters(codec="utf-8")),
    version=st.sampled_from(["", "1.0"]),
    conf=st.none() | st.dictionaries(st.text(st.characters(codec="utf-8")), json_values, min_size=1),
    sums=st.dictionaries(st.sampled_from(["archive.tgz", "user/é.tgz"]), st.just(SUM), min_size=1),
    size=st.integers(0, 2**63 - 1),
    exclude=st.none() | st.lists(st.text(st.characters(codec="utf-8"))).map(tuple),
    broken=st.sampled_from(["", "it fell"]),
    auto=st.booleans(),
    path=st.just(""),
    hidden=st.just(False),
    warning=st.just(""),
)


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


class TestContentHash:
    @pytest.mark.parametrize(
        ("text", "digest"),
        [
            (HELLO, "ad91ef11a4068b39103b6504a5f88ae3899e95d4007ecd971163c5edd4469324"),
            (POSTIE, "7822ea4c0c8f2141141f1f35ae04465faed806b7c86c681d793a2dfd8168286d"),
            (CONFIGURED, "a757afa9467cf571a0688c32ed33215cd387564fdf10d5049985f8580b2d4393"),
            (KEYED, "477136e5d9905df2fa322efe5dab1e4f983514ca8e41afda8f5531a4c8ffb3b5"),
        ],
    )
    def test_real_snapshots(self, text: str, digest: str) -> None:
        assert content_hash(saved(text)).hex() == digest
        assert content_hash(saved(text), newer=True).hex() == digest

    def test_a_snapshot_without_anything(self) -> None:
        snapshot = saved(EMPTY)
        assert snapshot.broken == "invalid snapshot"
        bare = snapshot._replace(broken="")
        assert content_hash(bare).hex() == "f8970b4f437203b5965fd44d65257f54b0571d8ea945b8c47ee13668206ac3e5"
        null = EMPTY.replace('"sha3-384":{}', '"sha3-384":null') + "\n"
        assert content_hash(bare._replace(sums=None)) == sha256(null.encode()).digest()

    def test_a_real_set_in_any_order(self) -> None:
        digest = "2754bf44bb52b569aebe0252091fab0319affb7829c01e7c39f59dd29333aa9c"
        both = [saved(POSTIE), saved(HELLO)]
        assert set_content_hash(both).hex() == digest
        assert set_content_hash(reversed(both)).hex() == digest
        assert set_content_hashes(iter(both)) == (bytes.fromhex(digest), bytes.fromhex(digest))

    def test_an_empty_set(self) -> None:
        assert set_content_hash([]) == sha256(b"").digest()

    def test_snapshots_of_one_name_count_in_their_order(self) -> None:
        both = [saved(HELLO), saved(CONFIGURED)]
        assert set_content_hash(both) != set_content_hash(reversed(both))

    def test_control_characters_have_two_hashes(self) -> None:
        snapshot = saved(HELLO)._replace(conf={"bell": "\b\f"})
        older, newer = set_content_hashes([snapshot])
        text = HELLO.replace(',"sha3-384"', ',"conf":{"bell":"%s"},"sha3-384"') + "\n"
        assert older == sha256(sha256((text % r"\u0008\u000c").encode()).digest()).digest()
        assert newer == sha256(sha256((text % r"\b\f").encode()).digest()).digest()

    @given(snapshots, snapshots)
    def test_set_time_and_options_do_not_count(self, snapshot: Snapshot, other: Snapshot) -> None:
        moved = snapshot._replace(
            set_id=other.set_id, time=other.time, exclude=other.exclude, auto=other.auto
        )
        assert content_hash(snapshot) == content_hash(moved)


class TestContentJson:
    DIGEST = bytes.fromhex("2754bf44bb52b569aebe0252091fab0319affb7829c01e7c39f59dd29333aa9c")
    THREE = bytes.fromhex("dc0ea1d3f8ff14b2157297afa3184c750112c87db1df4d66017d94afb2282412")

    def test_real_members(self) -> None:
        raw = b'{"content-hash":"J1S/RLtStWmuvgJSCR+rAxmv+3gpwB58OfWd0pMzqpw="}'
        assert content_json(self.DIGEST) == raw
        assert parse_content_json(raw) == self.DIGEST
        assert len(raw) == 63
        assert content_json(self.THREE) == b'{"content-hash":"3A6h0/j/FLIVcpevoxhMdQESyH2x301mAX2Ur7IoJBI="}'

    @pytest.mark.parametrize(
        "raw", [b"{}", b"null", b'{"content-hash":null}', b'{"content-hash":""}', b'{"other":"J1S="}']
    )
    def test_no_hash(self, raw: bytes) -> None:
        assert parse_content_json(raw) is None

    @pytest.mark.parametrize(
        "raw",
        [
            *(
                b"",
                b"{",
                b"[]",
                b"1",
                b'{"content-hash":1}',
                b'{"content-hash":"%"}',
                b'{"content-hash":"J1S"}',
            ),
            '{"content-hash":"é"}'.encode(),
        ],
    )
    def test_damaged(self, raw: bytes) -> None:
        with pytest.raises(IntegrityError):
            parse_content_json(raw)

    @given(st.binary(min_size=1))
    def test_round_trip(self, digest: bytes) -> None:
        assert parse_content_json(content_json(digest)) == digest


class TestExportJson:
    def test_manifest_is_written_in_snapds_form(self) -> None:
        raw = b'{"format":1,"date":"2026-11-22T09:09:36Z","files":["1_ab_1_x1.zip","1_cd_1_x1.zip"]}'
        files = ("1_ab_1_x1.zip", "1_cd_1_x1.zip")
        assert export_json("2026-11-22T09:09:36Z", files) == raw
        assert parse_export_json(raw) == ExportManifest(1, "2026-11-22T09:09:36Z", files)

    def test_without_files_and_with_names_that_are_not_utf8(self) -> None:
        assert export_json("d", []) == b'{"format":1,"date":"d","files":null}'
        assert export_json("d", [os.fsdecode(b"\xff")]) == b'{"format":1,"date":"d","files":["\\ufffd"]}'

    def test_format_date_and_files_may_be_absent(self) -> None:
        assert parse_export_json(b'{"future":{"x":[1]}}') == ExportManifest(None, "", None)
        assert parse_export_json(b'{"FORMAT":1,"files":[]}\n') == ExportManifest(1, "", ())

    @pytest.mark.parametrize(
        "raw",
        [
            *(b'{"format":2}', b'{"format":"1"}', b'{"format":1.0}', b'{"format":{}}', b"[]", b"null"),
            *(b'{"date":1}', b'{"files":"x"}', b'{"files":[1]}', b'{"files":[null]}', b'{"files":{}}'),
        ],
    )
    def test_another_format_is_refused(self, raw: bytes) -> None:
        with pytest.raises(InvalidInputError, match=r"^cannot read export\.json: "):
            parse_export_json(raw)

    @given(st.binary())
    def test_arbitrary_bytes(self, raw: bytes) -> None:
        try:
            parse_export_json(raw)
        except (IntegrityError, InvalidInputError):
            pass


def test_the_time_of_a_set_is_its_earliest_whatever_the_zones() -> None:
    early, late = "2026-11-22T10:00:00+02:00", "2026-11-22T09:00:00Z"
    snapshot = Snapshot(1, late, "a", Revision(1))
    assert set_time([snapshot, snapshot._replace(time=early)]) == early
    assert set_time([]) == ZERO_TIME
