"""The content hash, and the two JSON members of an export."""

import os
from hashlib import sha256

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
from backend.format.metadata import (
    content_hash,
    parse_metadata,
    set_content_hash,
    set_content_hashes,
    set_time,
)
from backend.format.timestamps import ZERO_TIME
from backend.model import Revision, Snapshot
from tests.support.metadata import snapshots

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


def saved(text: str) -> Snapshot:
    """A snapshot with the content of `text`, as a real set holds it: with an id, a time and options."""
    raw = text.replace(ZERO_TIME, "2026-11-22T09:09:36Z").encode()
    return parse_metadata(raw, 7)._replace(exclude=("$SNAP_DATA/x",), auto=True)


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
